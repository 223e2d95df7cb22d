"""The report: composed of the lessons' checks, honest about what cannot be seen, and never broken by one of them."""

from __future__ import annotations

import ast
import re
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest
from support_dns import serving

from mailkit import report
from mailkit.lab import Lab
from mailkit.network import Answer, Network, Status
from mailkit.network.deadline import Deadline
from mailkit.network.records import parse_paste
from mailkit.report import checks
from mailkit.report.checks import about_nothing
from mailkit.report.subject import Subject
from mailkit.results import Finding, Rows, Verdict

PACKAGE = Path(__file__).parent.parent / "mailkit"
NOTEBOOKS = {path.stem for path in (Path(__file__).parent.parent / "notebooks").glob("*.ipynb")}
PATIENT = 60.0  # seconds of one lookup or connection, where a test must not depend on how busy the machine is


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def net(lab: Lab) -> Network:
    return lab.network()


def verdicts(found: Rows[Finding]) -> Counter[Verdict]:
    return Counter(finding.verdict for finding in found)


# What it says.


def test_a_well_run_domain_scores_full_marks(net: Network, capsys: pytest.CaptureFixture[str]) -> None:
    found = report.audit("kaisha.example", net=replace(net, timeout=PATIENT))
    assert set(verdicts(found)) <= {Verdict.PASS, Verdict.INFO}
    assert "1 of 1: kaisha.example, " in capsys.readouterr().out
    assert {finding.lesson for finding in found} == set(report.CHECKS)


# What is wrong with mistakes.example, each told by its lesson; (what was checked, where, verdict).
MISTAKES = [
    ("MX name", "alias.mistakes.example", Verdict.FAIL),
    ("MX name", "gone.mistakes.example", Verdict.FAIL),
    ("AUTH before TLS", "mistakes.example", Verdict.FAIL),
    ("SPF all", "mistakes.example", Verdict.WARN),
    ("DKIM key", "default._domainkey.mistakes.example", Verdict.FAIL),
    ("DKIM key", "dkim._domainkey.mistakes.example", Verdict.FAIL),
]


def test_every_mistake_is_found_and_every_finding_says_where_to_read(net: Network) -> None:
    found = report.audit("mistakes.example", net=net, progress=False)
    said = {(finding.check, finding.subject, finding.verdict) for finding in found}
    assert [mistake for mistake in MISTAKES if mistake not in said] == []
    for finding in found:
        assert finding.check and finding.subject and finding.evidence and finding.reference, finding
        assert finding.lesson in report.CHECKS, finding
        if finding.verdict in (Verdict.FAIL, Verdict.WARN):
            assert finding.advice, "who is told of a fault is told what to do"
        if finding.fix:
            assert finding.advice and finding.verdict is not Verdict.PASS, "what is pasted is for a fault"
    assert {finding.lesson for finding in found} == set(report.CHECKS)


def strings(path: Path) -> Iterator[str]:
    """Yield the texts in the code of *path*, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree)  # type: ignore[attr-defined]
                  if isinstance(node, documented) and ast.get_docstring(node)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_text_names_a_lesson_that_is_not_there(path: Path) -> None:
    named = {number for text in strings(path) for number in re.findall(r"\blessons? (\d\d)\b", text)}
    assert named <= {name[:2] for name in NOTEBOOKS}


def test_every_check_belongs_to_a_lesson() -> None:
    assert set(report.CHECKS) <= NOTEBOOKS


def test_what_cannot_be_seen_is_never_a_fail(net: Network) -> None:
    for vantage in ("home", "offline"):
        found = report.audit("kaisha.example", net=net.at(vantage), progress=False)
        assert Verdict.FAIL not in verdicts(found), vantage


def test_one_lesson_runs_its_own_checks_only(net: Network) -> None:
    found = report.audit("kaisha.example", net=net, lessons=["04_spf"], progress=False)
    assert {finding.lesson for finding in found} == {"04_spf"}


@pytest.mark.parametrize("lessons", ["04_spf", ["04_dkim"]])
def test_an_unknown_lesson_is_told_which_there_are(net: Network, lessons: object) -> None:
    with pytest.raises(ValueError, match="01_op25b"):
        report.audit("kaisha.example", net=net, lessons=lessons)  # type: ignore[arg-type]


BLAME = (Verdict.WARN, Verdict.FAIL)


@pytest.mark.parametrize("domain", ["mistakes.example", "example.jp", "isp.example"])
def test_what_is_offered_to_paste_mends_its_finding_and_makes_no_new_one(net: Network, domain: str) -> None:
    """A key whose private half was published is the one that stays a finding: it can only be revoked."""
    found = report.audit(domain, net=net, progress=False)
    before = {(finding.check, finding.subject) for finding in found if finding.verdict in BLAME}
    offered = 0
    for finding in found:
        try:
            records = parse_paste(finding.fix)
        except ValueError:
            continue  # a setting of a mail server, or a command
        if records:
            offered += 1
            after = report.audit(domain, net=net.overlay(records), progress=False)
            blamed = {(f.check, f.subject): f.verdict for f in after if f.verdict in BLAME}
            left = blamed.get((finding.check, finding.subject))
            assert left is None or (left, finding.verdict) == (Verdict.WARN, Verdict.FAIL), finding.fix
            assert blamed.keys() <= before, f"{finding.fix} makes new findings"
    assert offered


# Names.


@pytest.mark.parametrize("domains", [[], "", "localhost", "a..example", "x" * 64 + ".example", "hanako@kaisha.example",
                                     "https://kaisha.example/", "192.0.2.1"])  # fmt: skip
def test_what_is_no_mail_domain_is_told_so(net: Network, domains: object) -> None:
    with pytest.raises(ValueError, match=r"domain|address"):
        report.audit(domains, net=net)  # type: ignore[arg-type]


@pytest.mark.parametrize(("domains", "selectors"), [(5, None), (None, None), ("kaisha.example", "s2026")])
def test_what_is_no_list_is_told_so(net: Network, domains: object, selectors: object) -> None:
    with pytest.raises(TypeError, match=r"domain name or a list|selectors=\['s2026'\]"):
        report.audit(domains, net=net, selectors=selectors)  # type: ignore[arg-type]


@pytest.mark.parametrize("selectors", [["a b"], [""], ["s2026", "x" * 64], [5]])
def test_what_cannot_be_a_selector_is_told_so(net: Network, selectors: object) -> None:
    with pytest.raises((ValueError, TypeError), match="selector"):
        report.audit("kaisha.example", net=net, selectors=selectors)  # type: ignore[arg-type]


def test_selectors_in_other_letters_are_found_and_no_list_of_none_is_a_list(net: Network) -> None:
    found = report.audit("kaisha.example", net=net, selectors=["Ｓ2026"], lessons=["05_dkim"], progress=False)
    assert ("s2026._domainkey.kaisha.example", Verdict.PASS) in {(f.subject, f.verdict) for f in found}
    empty, none = (report.audit("kaisha.example", net=net, selectors=s, progress=False) for s in ([], None))
    assert empty == none


def test_a_name_so_long_that_nothing_can_stand_below_it_costs_one_row_and_a_shorter_one_breaks_no_check(
    net: Network,
) -> None:
    long, longest = (".".join([*["x" * 47] * n, "example"]) for n in (4, 5))
    found = report.audit([long, longest], net=net, progress=False)
    (refused,) = [finding for finding in found if finding.domain != long]
    assert "247 octets" in refused.evidence and refused.verdict is Verdict.UNKNOWN
    assert [finding.evidence for finding in found if finding.check == "report"] == []


ODD = ["localhost", "a..example", "", None, float("nan"), "x" * 300 + ".example", "a b.example", "ex\x1bample.jp", b"x"]


def test_one_bad_name_in_a_list_costs_one_row(net: Network) -> None:
    found = report.audit(["kaisha.example", *ODD, "example.com"], net=net, lessons=["04_spf"], progress=False)  # type: ignore[list-item]
    bad = [finding for finding in found if finding.check == "domain name"]
    assert len(bad) == len(ODD) and {finding.verdict for finding in bad} == {Verdict.UNKNOWN}
    assert all(finding.evidence and finding.advice for finding in bad)
    assert {finding.domain for finding in found if finding.lesson == "04_spf"} == {"kaisha.example", "example.com"}
    alone = report.audit("kaisha.example", net=net, lessons=["04_spf"], progress=False)
    assert list(alone) == [finding for finding in found if finding.domain == "kaisha.example"]


@pytest.mark.parametrize(
    "written",
    [
        "bücher.mistakes.example",
        "BÜCHER.Mistakes.Example.",
        "xn--bcher-kva.mistakes.example",
        " bücher。mistakes.example ",
    ],
)
def test_a_name_in_its_own_letters_is_judged_by_its_a_labels(net: Network, written: str) -> None:
    found = report.audit(written, net=net, progress=False)
    assert {finding.domain for finding in found} == {"xn--bcher-kva.mistakes.example"}
    assert not [finding for finding in found if finding.check == "report"], "no check broke"


def test_several_domains_keep_their_order_with_and_without_an_executor(net: Network) -> None:
    domains = ["kaisha.example", "example.com", "bigmail.example"]
    one_by_one = report.audit(domains, net=net, progress=False)
    with ThreadPoolExecutor(3) as pool:
        at_once = report.audit(domains, net=net, progress=False, executor=pool)
    assert one_by_one == at_once
    assert list(dict.fromkeys(finding.domain for finding in one_by_one)) == domains


def test_a_table_of_one_domain_does_not_repeat_it(net: Network) -> None:
    one = report.audit("kaisha.example", net=net, lessons=["04_spf"], progress=False)
    two = report.audit(["kaisha.example", "example.com"], net=net, lessons=["04_spf"], progress=False)
    assert ">domain<" not in one._repr_html_() and ">domain<" in two._repr_html_()
    assert set(one.frame["domain"]) == {"kaisha.example"}, "the frame has it all the same"


# What it asks.


def counting(lab: Lab, asked: list[tuple[str, str]]) -> Any:
    def answer(query: dns.message.Message, transport: str = "udp") -> dns.message.Message | None:
        question = query.question[0]
        asked.append((question.name.to_text().lower(), question.rdtype.name))
        return lab.resolver.answer(query, transport)

    return answer


def test_every_question_is_asked_once(lab: Lab) -> None:
    asked: list[tuple[str, str, bool]] = []

    def answer(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        question, signatures = query.question[0], bool(query.ednsflags & dns.flags.DO)  # another question with DO
        asked.append((question.name.to_text().lower(), question.rdtype.name, signatures))
        return lab.resolver.answer(query, transport)

    with serving(answer) as port:
        net = replace(lab.network(), nameservers=(("127.0.0.1", port),), timeout=PATIENT)
        found = report.audit("kaisha.example", net=net, progress=False)
    assert set(verdicts(found)) <= {Verdict.PASS, Verdict.INFO}
    assert len(asked) > 20
    assert [question for question, times in Counter(asked).items() if times > 1] == []


def test_domains_with_the_same_servers_share_what_was_asked(lab: Lab) -> None:
    asked: list[tuple[str, str]] = []
    with serving(counting(lab, asked)) as port:
        net = replace(lab.network(), nameservers=(("127.0.0.1", port),), timeout=PATIENT)
        report.audit(["kaisha.example", "kaisha.example"], net=net, lessons=["01_op25b", "04_spf"], progress=False)
    assert [question for question, times in Counter(asked).items() if times > 1] == []


DIALLED: list[tuple[str, int, float | None]] = []


class Watched(Network):
    """A network that notes what is dialled."""

    def dial(self, host: str, port: int, *, timeout: float | None = None) -> socket.socket:
        DIALLED.append((host, port, timeout))
        return super().dial(host, port, timeout=timeout)


def dials(net: Network, lessons: list[str] | None = None) -> Counter[tuple[str, int]]:
    """How often an audit of the well-run company dials each port."""
    DIALLED.clear()
    watched = Watched(**{field.name: getattr(net, field.name) for field in fields(Network)})
    report.audit("kaisha.example", net=watched, lessons=lessons, progress=False)
    return Counter((host, port) for host, port, _ in DIALLED)


def test_lessons_that_ask_the_same_of_a_port_dial_it_once(net: Network) -> None:
    """TLS: one connection for the newest version, one for what is older, one that verifies, one for injection."""
    exchanger = ("mx.kaisha.example", 25)
    assert dials(net, ["03_tls"])[exchanger] == dials(net, ["03_tls", "07_transport_policy"])[exchanger] == 4
    assert dials(net, ["07_transport_policy"])[exchanger] == 3, "alone it scans by itself"
    every = dials(net)
    assert (every[exchanger], every.total()) == (5, 30), "lesson 02 says EHLO there once"


def test_the_address_where_nobody_lives_is_dialled_once_and_not_for_long(net: Network) -> None:
    dials(net)
    assert len(DIALLED) > 4
    (dialled,) = [(port, timeout) for host, port, timeout in DIALLED if host == net.nobody]
    assert dialled[0] == 25 and dialled[1] is not None and dialled[1] <= 2.0


# A network that cannot be trusted, and checks that break.


def lying(query: dns.message.Message, transport: str = "udp") -> dns.message.Message:
    """Give every name the address of a web page, as a hotel's resolver does."""
    response = dns.message.make_response(query)
    name = query.question[0].name
    if query.question[0].rdtype.name == "A":
        response.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "198.51.100.99"))
    return response


def denying(query: dns.message.Message, transport: str = "udp") -> dns.message.Message:
    """Say of every name that it does not exist."""
    response = dns.message.make_response(query)
    response.set_rcode(3)  # type: ignore[arg-type]
    return response


def silent(query: dns.message.Message, transport: str = "udp") -> None:
    """Say nothing."""


@pytest.mark.parametrize("dns_only", [True, False])
def test_a_domain_about_which_there_is_no_word_is_one_finding(dns_only: bool) -> None:
    """Its own name servers are silent, or its signatures do not hold: the others are not blamed, nor is it."""
    with Lab() as lab:
        lab.resolver.fault("minato.example", "servfail", subtree=True)
        net = replace(lab.network(), timeout=PATIENT)
        names = ["minato.example", "kaisha.example"]
        found = report.audit(names, net=net, dns_only=dns_only, lessons=["04_spf", "06_dmarc"], progress=False)
    (finding,) = found.where(domain="minato.example")
    assert (finding.check, finding.verdict) == ("name servers", Verdict.UNKNOWN)
    assert "04_spf, 06_dmarc" in finding.evidence and "DNSSEC" in finding.advice
    assert {row.verdict for row in found.where(domain="kaisha.example")} == {Verdict.PASS}


@dataclass(frozen=True)
class Saying:
    """A network that gives the MX and the TXT of every name the same statuses."""

    mx: Status
    txt: Status

    def prefetch(self, questions: Iterable[tuple[str, str]]) -> None:
        assert {rdtype for _, rdtype in questions} == {"MX", "TXT"}, "both at the same time"

    def lookup(self, name: str, rdtype: str) -> Answer:
        return Answer(name, rdtype, self.mx if rdtype == "MX" else self.txt, reason="so it is")


@pytest.mark.parametrize(
    ("mx", "txt", "check"),
    [
        (Status.SERVFAIL, Status.SERVFAIL, "name servers"),
        (Status.TIMEOUT, Status.TIMEOUT, "name servers"),
        (Status.SERVFAIL, Status.TIMEOUT, "name servers"),
        (Status.NXDOMAIN, Status.NXDOMAIN, "domain"),
        (Status.NODATA, Status.TIMEOUT, None),
        (Status.SERVFAIL, Status.NOERROR, None),
        (Status.NODATA, Status.NODATA, None),
    ],
)
def test_only_where_nothing_can_be_said_is_there_one_finding(mx: Status, txt: Status, check: str | None) -> None:
    subject = Subject("a.example", "a.example", Saying(mx, txt))  # type: ignore[arg-type]
    finding = about_nothing(subject, ["04_spf"])
    assert (finding.check if finding else None) == check


@pytest.mark.parametrize("answer", [lying, denying, silent])
def test_a_resolver_that_cannot_be_trusted_is_said_once_and_nothing_else(lab: Lab, answer: Any) -> None:
    asked: set[str] = set()

    def noting(query: dns.message.Message, transport: str = "udp") -> Any:
        asked.add(str(query.question[0]))
        return answer(query, transport)

    with serving(noting) as port:
        net = replace(lab.network(), nameservers=(("127.0.0.1", port),), timeout=2.0 if answer is silent else 60.0)
        found = report.audit(["kaisha.example", "mistakes.example"], net=net, progress=False)
    assert [finding.domain for finding in found] == ["kaisha.example", "mistakes.example"]
    assert verdicts(found) == {Verdict.UNKNOWN: 2}
    assert len({(finding.check, finding.evidence) for finding in found}) == 1
    assert not [finding for finding in found if finding.fix]
    assert all("05_dkim" in finding.evidence and "nameservers" in finding.advice for finding in found)
    # Nothing was asked but what shows that it cannot be trusted: questions that are asked at the same time, and once.
    assert not [question for question in asked if "mistakes" in question]
    assert len(asked) <= 8


@pytest.mark.parametrize("dns_only", [False, True])
@pytest.mark.parametrize("lessons", [None, ["06_dmarc"]])
def test_a_domain_that_does_not_exist_is_said_once_with_nothing_to_paste(
    net: Network, dns_only: bool, lessons: list[str] | None
) -> None:
    domains = ["kaishaa.example", "nowhere.kaisha.example", "kaisha.example"]
    found = report.audit(domains, net=net, dns_only=dns_only, lessons=lessons, progress=False)
    for domain in domains[:2]:
        (only,) = [finding for finding in found if finding.domain == domain]
        assert (only.check, only.verdict, only.fix) == ("domain", Verdict.FAIL, "")
        assert "does not exist" in only.evidence and "spelling" in only.advice
    assert len([finding for finding in found if finding.domain == domains[2]]) > 1


def test_a_check_that_breaks_costs_one_row(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(subject: report.Subject) -> list[Finding]:
        raise IndexError("a stranger's \x1b[31m record")

    monkeypatch.setitem(checks.CHECKS, "03_tls", breaks)
    found = report.audit("kaisha.example", net=net, progress=False)
    (broken,) = [finding for finding in found if finding.lesson == "03_tls"]
    assert (broken.check, broken.verdict, broken.domain) == ("report", Verdict.UNKNOWN, "kaisha.example")
    assert "IndexError: a stranger's \\x1b[31m record" in broken.evidence
    assert {finding.lesson for finding in found} == set(report.CHECKS)
    assert [f for f in found if f.lesson != "03_tls"] == [
        f for f in report.audit("kaisha.example", net=net, progress=False) if f.lesson != "03_tls"
    ]


def test_a_report_that_ran_out_of_time_says_so(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """What timed out then may be no server's fault."""

    def slow(subject: report.Subject) -> list[Finding]:
        monkeypatch.setattr(Deadline, "over", True)
        return []

    monkeypatch.setitem(checks.CHECKS, "03_tls", slow)
    (finding,) = report.audit("kaisha.example", net=net, lessons=["03_tls"], progress=False)
    assert finding.verdict is Verdict.UNKNOWN and "time for this domain was used up" in finding.evidence
    assert finding.advice == "Run it again."


def test_every_check_is_given_the_one_subject(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[report.Subject] = []
    for lesson in report.CHECKS:
        monkeypatch.setitem(checks.CHECKS, lesson, lambda subject: seen.append(subject) or [])
    report.audit("KAISHA.example.", net=net, selectors=["s1"], progress=False)
    assert len(seen) == len(report.CHECKS) and len({id(subject) for subject in seen}) == 1
    subject = seen[0]
    assert (subject.domain, subject.written, subject.selectors) == ("kaisha.example", "KAISHA.example.", ("s1",))
    assert subject.net.memory is not None and subject.net.deadline is not None


# In words.


def test_the_summary_says_what_needs_work_first_domain_by_domain(net: Network) -> None:
    found = report.audit(["mistakes.example", "kaisha.example"], net=net, lessons=["04_spf", "05_dkim"], progress=False)
    text = report.summary(found)
    heads = re.findall(r"(?m)^== (\S+): (.*)$", text)
    assert [domain for domain, _ in heads] == ["mistakes.example", "kaisha.example"]
    first = text.partition("== kaisha.example")[0]
    order = re.findall(r"(?m)^. (fail|warn|unknown|info|pass)\b", first)
    assert order == sorted(order, key=["fail", "warn", "unknown", "info", "pass"].index) and len(order) > 8
    assert text.splitlines()[-1].endswith("(practice internet, seen from office, 2026-11-24)")
    assert "==" not in report.summary(found.where(domain="kaisha.example"))
