"""Many domains: portfolios, the DNS part alone, findings in SQLite, what changed, and other processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from mailkit import report
from mailkit.lab import Lab
from mailkit.network import DnsRecord, Network
from mailkit.report.progress import Progress, in_words
from mailkit.results import Finding, Rows, Verdict

DNS_LESSONS = {"01_op25b", "04_spf", "05_dkim", "06_dmarc"} & set(report.CHECKS)
CAST = [
    *("kaisha.example", "mistakes.example", "example.com", "example.net", "example.jp", "isp.example", "cloud.example"),
    *("bigmail.example", "sender.example", "a..b", "forward.example", "list.example"),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def net(lab: Lab) -> Network:
    return replace(lab.network(), timeout=300.0)


# The DNS part.


def test_the_dns_part_is_what_the_checks_say_one_by_one(net: Network) -> None:
    many = report.audit(CAST, net=net, dns_only=True, progress=False)
    lessons = sorted(DNS_LESSONS - {"01_op25b"})
    one_by_one = report.audit(CAST, net=net, lessons=lessons, progress=False)
    assert [f for f in many if f.lesson != "01_op25b"] == list(one_by_one)
    assert list(dict.fromkeys(f.domain for f in many)) == CAST
    assert {"MX", "MX name"} == {f.check for f in many if f.lesson == "01_op25b"}


def test_with_dns_only_nobody_is_dialled(net: Network) -> None:
    dead = replace(net, proxy=None)  # a connection would go to a documentation address

    class Deaf(Network):
        def dial(self, host: str, port: int, *, timeout: float | None = None) -> object:  # type: ignore[override]
            raise AssertionError(f"{host}:{port} was dialled")

    deaf = Deaf(**{name: getattr(dead, name) for name in Network.__dataclass_fields__})
    found = report.audit(["kaisha.example", "mistakes.example"], net=deaf, dns_only=True, progress=False)
    assert not [finding for finding in found if finding.check == "report"]


def test_lessons_that_need_servers_are_refused_with_dns_only(net: Network) -> None:
    with pytest.raises(ValueError, match="with dns_only=True"):
        report.audit("kaisha.example", net=net, lessons=["03_tls"], dns_only=True)


@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
def test_an_executor_finds_the_same(net: Network, processes: bool) -> None:
    here = report.audit(CAST, net=net, dns_only=True, selectors=["s2026"], progress=False)
    pool = ProcessPoolExecutor(2, mp_context=get_context("spawn")) if processes else ThreadPoolExecutor(2)
    with pool:
        there = report.audit(CAST, net=net, dns_only=True, selectors=["s2026"], progress=False, executor=pool)
    assert list(here) == list(there)


def test_dask_on_two_workers_finds_the_same(net: Network) -> None:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        there = report.audit(CAST, net=net, dns_only=True, progress=False, executor=client.get_executor())
    assert list(there) == list(report.audit(CAST, net=net, dns_only=True, progress=False))


# The store.


def test_a_store_has_the_findings_and_is_read_back(net: Network, tmp_path: Path) -> None:
    store = tmp_path / "findings.sqlite"
    found = report.audit(CAST, net=net, dns_only=True, store=store, progress=False)
    assert found == report.audit(CAST, net=net, dns_only=True, progress=False)
    (run,) = report.runs(store)
    assert run.finished and run.domains == len(CAST) and run.place == "lab, seen from office"
    frame = report.stored(store)
    assert frame.equals(found.frame)
    assert list(frame.columns) == list(Rows(Finding, []).frame.columns)


def test_a_finished_run_is_followed_by_another_and_what_changed_is_told(tmp_path: Path) -> None:
    store, domains = tmp_path / "findings.sqlite", ["kaisha.example", "example.net"]
    options: dict[str, Any] = {"dns_only": True, "store": store, "progress": False, "selectors": ["s2026"]}
    with Lab() as other:
        options["net"] = replace(other.network(), timeout=300.0)
        report.audit(domains, **options)
        with pytest.raises(ValueError, match="two finished runs"):
            report.changes(store)
        other.publish("example.net", "TXT", "v=spf1 +all")
        report.audit(domains, **options)
    changes = report.changes(store)
    assert {change.domain for change in changes} == {"example.net"}
    (worse,) = [change for change in changes if change.check == "SPF all"]
    assert (worse.change, worse.before, worse.after) == ("worse", "pass", "fail")
    assert [run.finished for run in report.runs(store)] == [True, True]
    assert not report.changes(store, before=1, after=1)


def test_another_question_begins_another_run(net: Network, tmp_path: Path) -> None:
    store = tmp_path / "findings.sqlite"
    for lessons in (["04_spf"], ["05_dkim"], ["04_spf"]):
        report.audit(["example.com"], net=net, lessons=lessons, store=store, progress=False)
    assert [run.run for run in report.runs(store)] == [1, 2, 3]


def test_what_is_no_store_is_told_so(net: Network, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are my notes, and no database at all. " * 40)
    for call in (lambda: report.audit("example.com", net=net, store=text, progress=False), lambda: report.stored(text)):
        with pytest.raises(ValueError, match=r"notes\.txt is no store"):
            call()
    assert text.read_text().startswith("These are my notes")
    with pytest.raises(ValueError, match="there is no store"):
        report.stored(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()


# Portfolios.

CSV = """domain,role,selectors,senders,services,accepted
kaisha.example,sends,s2026,192.0.2.25,,
example.com,parked,,,,
mistakes.example,sends,,198.51.100.9,,"SPF ptr: until the old gateway goes; MX name: known"
"""
TOML = """
[[domain]]
name = "kaisha.example"
role = "sends"
selectors = ["s2026"]
senders = ["192.0.2.25"]

[[domain]]
name = "example.com"
role = "parked"

[[domain]]
name = "mistakes.example"
role = "sends"
senders = ["198.51.100.9"]
accepted = ["SPF ptr: until the old gateway goes", "MX name: known"]
"""


def test_a_portfolio_is_the_same_from_csv_and_toml(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("\ufeff" + CSV, encoding="utf-8")
    (tmp_path / "mine.toml").write_text(TOML, encoding="utf-8")
    entries = report.portfolio(tmp_path / "mine.csv")
    assert entries == report.portfolio(tmp_path / "mine.toml")
    assert entries[2].accepted == (("SPF ptr", "until the old gateway goes"), ("MX name", "known"))
    assert entries[0].selectors == ("s2026",) and entries[1].selectors is None


def test_what_a_portfolio_says_is_held_against_the_dns(net: Network, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(CSV, encoding="utf-8")
    found = report.audit(report.portfolio(tmp_path / "mine.csv"), net=net, dns_only=True, progress=False)
    roles = {f.domain: f.verdict for f in found if f.check == "role"}
    assert roles == {"kaisha.example": Verdict.PASS, "example.com": Verdict.PASS, "mistakes.example": Verdict.PASS}
    (address,) = [f for f in found if f.check == "sending address" and f.domain == "mistakes.example"]
    assert address.verdict is Verdict.FAIL and "198.51.100.9" in address.advice
    excused = [f for f in found if f.evidence.startswith("accepted (")]
    assert (
        excused
        and {f.verdict for f in excused} == {Verdict.INFO}
        and {f.domain for f in excused} == {"mistakes.example"}
    )


@pytest.mark.parametrize(
    ("domain", "role", "verdict", "says"),
    [
        ("kaisha.example", report.Role.PARKED, Verdict.WARN, "lets hosts send"),
        ("example.com", report.Role.SENDS, Verdict.FAIL, "lets nobody send"),
        ("example.com", report.Role.RECEIVES, Verdict.FAIL, "no host takes its mail"),
        ("example.jp", report.Role.SENDS, Verdict.FAIL, "no SPF record"),
        ("kaisha.example", report.Role.SENDS, Verdict.PASS, "as the portfolio says"),
        ("kaisha.example", report.Role.RECEIVES, Verdict.WARN, "receives only, says the portfolio, but its SPF"),
    ],
)
def test_each_role_that_does_not_fit_is_named(
    net: Network, domain: str, role: report.Role, verdict: Verdict, says: str
) -> None:
    found = report.audit([report.PortfolioDomain(domain, role)], net=net, dns_only=True, progress=False)
    (finding,) = [f for f in found if f.check == "role"]
    assert finding.verdict is verdict and says in finding.evidence


BAD = {
    "domain,colour\nkaisha.example,red\n": "'colour' is not known",
    "name\nkaisha.example\n": "'name' is not known",
    "role\nsends\n": "names its columns",
    "domain,role\nkaisha.example,spams\n": "line 2: role is sends",
    "domain,senders\nkaisha.example,here\n": "line 2: 'here' does not appear to be",
    "domain,selectors\nkaisha.example,a b\n": "line 2: .*selector",
    "domain,accepted\nkaisha.example,SPF ptr\n": "has a reason",
    "domain\nkaisha.example,extra\n": "more values than columns",
    "domain\n": "names no domain",
    "domain;role\nkaisha.example;sends\n": "mine.csv: the first line: columns are separated by commas",
    "domain\trole\nkaisha.example\tsends\n": "separated by commas",
    "": "names its columns|names no domain",
}


@pytest.mark.parametrize("name", ["mine.csv", "mine.toml"])
def test_a_file_of_other_letters_is_told_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("domain\nbücher.example\n".encode("cp1252"))
    with pytest.raises(ValueError, match=f"{name} is not in UTF-8"):
        report.portfolio(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "verdict", "says"),
    [
        ("v=spf1 -all", Verdict.PASS, "as the portfolio says"),
        ("hello", Verdict.WARN, "others can send in its name"),
    ],
)
def test_a_domain_that_only_receives_has_to_say_so(net: Network, text: str, verdict: Verdict, says: str) -> None:
    receiving = net.overlay([DnsRecord("isp.example", "TXT", text)])
    entry = report.PortfolioDomain("isp.example", report.Role.RECEIVES)
    found = report.audit([entry], net=receiving, dns_only=True, progress=False)
    assert [(f.verdict, says in f.evidence) for f in found if f.check == "role"] == [(verdict, True)]


@pytest.mark.parametrize(("text", "says"), BAD.items())
def test_what_is_wrong_in_a_csv_file_is_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        report.portfolio(tmp_path / "mine.csv")


BAD_TOML = {
    "domain = 5": "a table for each domain",
    "[[domain]]\nrole = 'sends'": "has no name",
    "[[domain]]\nname = 'a.example'\nselectors = 's1'": "selectors is a list",
    "[[domain]]\nname = 'a.example'\ncolour = 's1'": "'colour' is not known",
    "[[domain]": "Expected|expected",
    "title = 'x'": "names no domain",
}


@pytest.mark.parametrize(("text", "says"), BAD_TOML.items())
def test_what_is_wrong_in_a_toml_file_is_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        report.portfolio(tmp_path / "mine.toml")


# How far it is.


def test_of_many_domains_one_line_says_how_long_it_will_take(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = Progress(2000, done=1000, clock=lambda: now[0])
    for _ in range(1000):
        now[0] += 0.125
        progress.step(lambda: "kaisha.example, 12 pass")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1,080 of 2,000 (54 %), about 2 min left"
    assert lines[-1] == "2,000 of 2,000 (100 %)" and len(lines) == 13


def test_on_a_terminal_the_line_is_written_over_and_nothing_of_it_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    now = [0.0]
    progress = Progress(40, clock=lambda: now[0])
    for _ in range(40):
        now[0] += 2.0
        progress.step(lambda: "kaisha.example, 12 pass")
    *lines, last = capsys.readouterr().out.removesuffix("\n").split("\r")
    assert len(lines) == 39 and lines[0] == "1 of 40 (2 %), about 1 min left"
    assert last.rstrip() == "40 of 40 (100 %)" and len(last) >= max(map(len, lines))


@pytest.mark.parametrize(("seconds", "words"), [(0.1, "1 s"), (59, "59 s"), (150, "2 min"), (7200, "2 h")])
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
