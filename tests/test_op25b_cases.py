"""Lesson 01's findings on domains as they are met in the wild, each seen from a place that a test makes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.message
import dns.rcode
import pytest
from support_dns import on_the_internet, serving
from support_places import NOBODY, REFUSED, SILENCE, UNREACHABLE, Place, hangs_up, mail_server, place, says
from support_servers import patiently, wait_for_end

from mailkit import op25b
from mailkit.network import Network, Status
from mailkit.op25b.generic_names import looks_generic
from mailkit.results import Finding, Outcome, Verdict

PATIENT = 10.0
SHORT = 1.0  # where a server or a resolver is silent
MX4, MX6 = "192.0.2.25", "2001:db8::25"
OWN = {
    "kaisha.example": {"MX": ["10 mx.kaisha.example."]},
    "mx.kaisha.example": {"A": [MX4]},
    "25.2.0.192.in-addr.arpa": {"PTR": ["mx.kaisha.example."]},
}
WELL_KNOWN = {
    "bigmail.test": {"MX": ["10 mx.bigmail.test."]},
    "mx.bigmail.test": {"A": ["198.51.100.25"], "AAAA": ["2001:db8:b::25"]},
    "smtp.bigmail.test": {"A": ["198.51.100.58"], "AAAA": ["2001:db8:b::58"]},
}
SUBMISSION = {("198.51.100.58", 587): mail_server, ("198.51.100.58", 465): mail_server}


def only(found: list[Finding], check: str, subject: str = "") -> Finding:
    (finding,) = [f for f in found if f.check == check and (not subject or f.subject == subject)]
    return finding


def verdicts(found: list[Finding]) -> set[str]:
    return {str(finding.verdict) for finding in found}


@contextmanager
def domain(records: dict[str, Any], there: dict[Any, Any] | None = None, **options: Any) -> Iterator[Place]:
    with place({**WELL_KNOWN, **records}, there or {}, probe_domains=("bigmail.test",), **options) as here:
        yield here


# Where mail goes


def test_a_well_run_domain_is_all_pass() -> None:
    with domain(OWN, {(MX4, 25): mail_server}) as here:
        found = op25b.findings("kaisha.example", net=here.net)
    assert verdicts(found) == {"pass"}
    assert [f.check for f in found] == ["MX", "MX name", "MX reachable", "reverse DNS"]
    assert sorted(here.dialled) == [(MX4, 25), (NOBODY, 25)]


def test_a_parked_domain_is_all_pass_and_nothing_is_dialled() -> None:
    parked = {"MX": ["0 ."], "TXT": ["v=spf1 -all"], "A": ["192.0.2.80"]}
    with domain({"parked.example": parked, "*.parked.example": {"A": ["192.0.2.80"]}}) as here:
        found = op25b.findings("parked.example", net=here.net)
    assert verdicts(found) == {"pass"}
    assert here.dialled == []


@pytest.mark.parametrize(
    ("spf", "verdict"),
    [
        ("v=spf1 mx -all", "warn"),
        ("v=spf1 include:_spf.sender.example ~all", "warn"),
        ("v=spf1 ip4:192.0.2.0/24 ?all", "warn"),
        ("v=spf1 redirect=_spf.sender.example", "warn"),
        ("V=SPF1 +all", "warn"),
        ("v=spf1 -all", "pass"),
        ("v=spf1 ~all", "pass"),
        ("v=spf1 exp=why.example -all", "pass"),
        ("v=spf10 mx", "pass"),
        ("some other text mx", "pass"),
    ],
)
def test_a_null_mx_on_a_domain_that_sends(spf: str, verdict: str) -> None:
    with domain({"odd.example": {"MX": ["0 ."], "TXT": [spf]}}) as here:
        (finding,) = op25b.findings("odd.example", net=here.net)
    assert finding.verdict == verdict
    assert ("nobody can answer" in finding.evidence) is (verdict == "warn")


def test_a_sending_domain_without_mx_is_offered_no_null_mx() -> None:
    sends = {"TXT": ["v=spf1 ip4:192.0.2.1 -all"], "A": ["192.0.2.80"]}
    with domain({"sends.example": sends, "quiet.example": {"A": ["192.0.2.80"]}}) as here:
        (sending,) = op25b.findings("sends.example", net=here.net)
        (quiet,) = op25b.findings("quiet.example", net=here.net)
    assert (sending.verdict, sending.fix) == ("warn", "") and "null MX" not in sending.advice
    assert (quiet.verdict, quiet.fix) == ("warn", "quiet.example. 3600 IN MX 0 .")
    assert "goes to the address of the domain itself" in quiet.advice


def test_neither_mx_nor_address_is_no_place_for_mail() -> None:
    records = {"empty.example": {"TXT": ["x"]}, "sends.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}
    with domain(records) as here:
        (empty,) = op25b.findings("empty.example", net=here.net)
        (sends,) = op25b.findings("sends.example", net=here.net)
    assert (empty.verdict, sends.verdict) == ("warn", "fail")
    for finding in (empty, sends):
        assert "neither an MX record nor an address" in finding.evidence
        assert "address of the domain itself" not in finding.advice


def test_a_null_mx_must_stand_alone() -> None:
    with domain({**OWN, "kaisha.example": {"MX": ["0 .", "10 mx.kaisha.example."]}}, {(MX4, 25): mail_server}) as here:
        finding = only(op25b.findings("kaisha.example", net=here.net), "MX")
    assert finding.verdict == "fail" and finding.reference == "RFC 7505 section 3"


# The names in the MX


def mx_name(host: str, records: dict[str, Any], domain_name: str = "kaisha.example") -> Finding:
    with domain({domain_name: {"MX": [f"10 {host}"]}, **records}) as here:
        found = op25b.findings(domain_name, net=on_the_internet(here.net))
    return only(found, "MX name")


def test_an_alias_and_an_alias_that_leads_nowhere() -> None:
    to_host = {"alias.kaisha.example": {"CNAME": ["mx.kaisha.example."]}, "mx.kaisha.example": {"A": [MX4]}}
    finding = mx_name("alias.kaisha.example.", to_host)
    assert (finding.verdict, finding.evidence) == ("fail", "is an alias (CNAME) of mx.kaisha.example")
    finding = mx_name("alias.kaisha.example.", {"alias.kaisha.example": {"CNAME": ["gone.kaisha.example."]}})
    assert finding.verdict == "fail"
    assert "is an alias (CNAME) of gone.kaisha.example, and it has no address" in finding.evidence


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "192.168.1.2"])
def test_an_mx_that_leads_to_ones_own_machine_is_a_fault_and_not_dialled(address: str) -> None:
    records = {**OWN, "mx.kaisha.example": {"A": [address]}}
    with domain(records) as here:
        found = op25b.findings("kaisha.example", net=on_the_internet(here.net))
    finding = only(found, "MX name")
    assert finding.verdict == "fail" and f"leads to {address}, which is no public address" in finding.evidence
    assert here.dialled == []
    assert [f.check for f in found] == ["MX", "MX name"]


@pytest.mark.parametrize("host", ["192.0.2.25.", "\\000mx.kaisha.example.", "mx\\.1.kaisha.example.", "<b>.example."])
def test_what_is_no_host_name_is_a_fault_and_costs_one_row(host: str) -> None:
    finding = mx_name(host, {})
    assert finding.verdict == "fail" and "Name the host" in finding.advice
    assert "\x00" not in finding.subject


def test_an_underscore_is_taken_by_some_senders_only() -> None:
    finding = mx_name("mx_1.kaisha.example.", {"mx_1.kaisha.example": {"A": [MX4]}})
    assert finding.verdict == "warn" and "letters, digits and hyphens" in finding.advice


def test_only_ipv6_gets_a_warning() -> None:
    finding = mx_name("mx.kaisha.example.", {"mx.kaisha.example": {"AAAA": [MX6]}})
    assert (finding.verdict, finding.evidence) == ("warn", MX6)


@pytest.mark.parametrize(
    ("host", "records", "missing"),
    [
        ("mx.kaisha.example.kaisha.example.", {}, "mx.kaisha.example."),
        ("mx.provider.test.kaisha.example.", {"mx.provider.test": {"A": ["192.0.2.9"]}}, "mx.provider.test."),
        ("mx.gone.test.kaisha.example.", {}, ""),
        ("mx.kaisha.example.", {}, ""),
    ],
)
def test_a_final_dot_that_was_forgotten_is_suspected(host: str, records: dict[str, Any], missing: str) -> None:
    finding = mx_name(host, records)
    assert finding.verdict == "fail" and "has no address" in finding.evidence
    assert ("A final dot seems to be missing" in finding.advice) is bool(missing)
    assert missing in finding.advice


def test_one_host_in_two_spellings_is_looked_at_once() -> None:
    records = {**OWN, "kaisha.example": {"MX": ["10 MX.kaisha.example.", "20 mx.kaisha.example."]}}
    with domain(records, {(MX4, 25): mail_server}) as here:
        found = op25b.findings("kaisha.example", net=here.net)
    assert [f.check for f in found] == ["MX", "MX name", "MX reachable", "reverse DNS"]
    assert here.dialled.count((MX4, 25)) == 1


# Limits


def test_eleven_hundred_addresses_behind_an_mx_cost_a_cut_that_is_said() -> None:
    addresses = [f"198.18.{n // 250}.{n % 250}" for n in range(1100)]
    records = {**OWN, "mx.kaisha.example": {"A": addresses}}
    with domain(records, otherwise=REFUSED) as here:
        found = op25b.findings("kaisha.example", net=here.net)
        rows = op25b.scan("mx.kaisha.example", (25,), net=here.net)
    assert "it has 1100 addresses; the first 8 are looked at" in only(found, "MX name").evidence
    assert len({address for address, _ in here.dialled if address.startswith("198.18.")}) == 8
    assert rows[-1].outcome is Outcome.NOT_RUN and "1092 of its 1100 addresses are not dialled" in rows[-1].reason


def test_sixty_mail_exchangers_cost_a_cut_that_is_said() -> None:
    records: dict[str, Any] = {"many.example": {"MX": [f"{n} mx{n}.many.example." for n in range(60)]}}
    records |= {f"mx{n}.many.example": {"A": [f"203.0.113.{n}"]} for n in range(60)}
    with domain(records) as here:
        found = op25b.findings("many.example", net=here.net)
    assert len([f for f in found if f.check == "MX name"]) == 10
    (cut,) = [f for f in found if f.check == "MX" and f.verdict is Verdict.UNKNOWN]
    assert cut.evidence == "60 hosts; the first 10 of them are looked at"
    assert len({address for address, _ in here.dialled if address.startswith("203.0.113.")} - {NOBODY}) == 10


# What a host does when it is dialled


def reachable(behave: Any, *, timeout: float = PATIENT, **more: Any) -> Finding:
    there = {(MX4, 25): behave, ("198.51.100.25", 25): mail_server, **SUBMISSION}
    with domain(OWN, there, timeout=timeout, **more) as here:
        return only(op25b.findings("kaisha.example", net=here.net), "MX reachable")


@pytest.mark.parametrize(
    ("behave", "timeout", "verdict", "evidence", "advice"),
    [
        pytest.param(mail_server, PATIENT, "pass", "open", "", id="takes mail"),
        pytest.param(
            says(b"554 5.7.1 you are on a list\r\n"), PATIENT, "unknown", "554 5.7.1 you are on a list",
            "refuses this address in its own words", id="greets with 554",
        ),
        pytest.param(
            says(b"220 hi\r\n", b"421 4.3.2 too busy\r\n"), PATIENT, "unknown", "421 4.3.2 too busy",
            "refuses this address in its own words", id="answers EHLO with 421",
        ),
        pytest.param(
            says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), PATIENT, "warn", "protocol_error",
            "no mail server: find out what listens there", id="a web server",
        ),
        pytest.param(
            says(b"SSH-2.0-OpenSSH_9.2\r\n"), PATIENT, "warn", "protocol_error",
            "no mail server: find out what listens there", id="an SSH server",
        ),
        pytest.param(hangs_up, PATIENT, "unknown", "reset", "hangs up", id="hangs up"),
        pytest.param(wait_for_end, SHORT, "unknown", "timeout", "says nothing in time", id="never greets"),
        pytest.param(says(b"220 hi\r\n"), SHORT, "unknown", "timeout", "says nothing in time", id="stops at EHLO"),
        pytest.param(REFUSED, PATIENT, "warn", "refused", "this host refuses it", id="refuses"),
        pytest.param(SILENCE, SHORT, "warn", "timeout", "nothing comes back", id="is silent"),
        pytest.param(UNREACHABLE, PATIENT, "unknown", "unreachable", "No way leads there", id="is unreachable"),
    ],
)  # fmt: skip
def test_one_branch_for_each_outcome(behave: Any, timeout: float, verdict: str, evidence: str, advice: str) -> None:
    finding = reachable(behave, timeout=timeout)
    assert finding.verdict == verdict
    assert evidence in finding.evidence
    assert advice in finding.advice


def test_a_closed_port_25_here_says_nothing_about_the_domain_and_is_said_once() -> None:
    two = {
        "kaisha.example": {"MX": ["10 mx.kaisha.example.", "20 mx2.kaisha.example."]},
        "mx.kaisha.example": {"A": [MX4]},
        "mx2.kaisha.example": {"A": ["192.0.2.26"]},
    }
    with domain(two, SUBMISSION, otherwise=SILENCE, timeout=SHORT) as here:
        found = op25b.findings("kaisha.example", net=here.net)
    place_ = only(found, "seen from here")
    assert place_.verdict == "info" and "port 25 does not get out from here" in place_.evidence
    for host in ("mx.kaisha.example", "mx2.kaisha.example"):
        assert only(found, "MX reachable", host).verdict == "unknown"
    assert "port 25 does not get out from here" in only(found, "MX reachable", "mx.kaisha.example").advice


def test_no_ipv6_here_is_no_fault_of_a_domain_that_has_it() -> None:
    dual = {**OWN, "mx.kaisha.example": {"A": [MX4], "AAAA": [MX6]}}
    there = {(MX4, 25): mail_server, ("198.51.100.25", 25): mail_server, (MX6, 25): UNREACHABLE, **SUBMISSION}
    there |= {("2001:db8:b::25", 25): UNREACHABLE, ("2001:db8:b::58", 587): UNREACHABLE}
    there |= {("2001:db8:b::58", 465): UNREACHABLE}
    with domain(dual, there) as here:
        found = op25b.findings("kaisha.example", net=here.net)
    reach = only(found, "MX reachable")
    assert reach.verdict == "pass" and f"{MX6} unreachable" in reach.evidence
    assert only(found, "seen from here").evidence == "there is no IPv6 from here"
    assert {f.verdict for f in found if f.check in ("MX", "MX name", "MX reachable", "seen from here")} == {
        Verdict.PASS,
        Verdict.INFO,
    }


def test_an_ipv6_address_that_does_not_answer_where_ipv6_works_is_a_fault() -> None:
    dual = {**OWN, "mx.kaisha.example": {"A": [MX4], "AAAA": [MX6]}}
    there = {(MX4, 25): mail_server, (MX6, 25): REFUSED}
    there |= {("2001:db8:b::25", 25): mail_server, ("198.51.100.25", 25): mail_server}
    with domain(dual, there) as here:
        finding = only(op25b.findings("kaisha.example", net=here.net), "MX reachable")
    assert finding.verdict == "warn"
    assert "Some of its addresses take mail, and some do not" in finding.advice


def test_somebody_who_answers_for_everyone_hides_the_domain() -> None:
    there = {(MX4, 25): mail_server, (NOBODY, 25): mail_server, ("198.51.100.25", 25): mail_server}
    with domain(OWN, there) as here:
        found = op25b.findings("kaisha.example", net=here.net)
    assert only(found, "MX reachable").verdict == "unknown"
    assert "answers for every address on port 25" in only(found, "seen from here").evidence


# Whose it is


def test_a_providers_hosts_are_the_providers_and_said_once() -> None:
    records = {
        "kaisha.example": {"MX": ["10 mx1.provider.test.", "20 mx2.provider.test."]},
        "mx1.provider.test": {"A": ["198.51.100.1"]},
        "mx2.provider.test": {"A": ["198.51.100.2"]},
    }
    with domain(records, {("198.51.100.1", 25): mail_server, ("198.51.100.2", 25): mail_server}) as here:
        found = op25b.findings("kaisha.example", net=here.net)
    assert verdicts(found) == {"pass", "info"}
    finding = only(found, "reverse DNS")
    assert finding.verdict == "info" and "the provider's" in finding.advice
    assert "198.51.100.1" in finding.evidence and "198.51.100.2" in finding.evidence


# Dead and lying resolvers


def answers(rcode: int | None, address: str = "") -> Any:
    def answer(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        if rcode is None:
            return None
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.Rcode(rcode))
        if address:
            response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", address))
        return response

    return answer


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(answers(None), "no name server answers from here", id="silent"),
        pytest.param(answers(3), "says of names that must exist that they do not", id="denies everything"),
        pytest.param(answers(2), "fail at every question", id="fails at everything"),
        pytest.param(answers(0, "198.51.100.1"), "gives an address even to a name made up", id="invents addresses"),
    ],
)
def test_a_resolver_that_is_of_no_use_costs_one_finding(answer: Any, sentence: str) -> None:
    with serving(answer) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), timeout=2.0, probe_domains=("bigmail.test",))
        (finding,) = op25b.findings("kaisha.example", net=net)
    assert (finding.verdict, finding.fix) == ("unknown", "")
    assert sentence in finding.evidence


def test_a_silent_resolver_is_not_waited_for_again() -> None:
    asked: list[str] = []

    def silent(query: dns.message.Message, transport: str) -> None:
        asked.append(str(query.question[0]))

    with serving(silent) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), timeout=0.5, probe_domains=()).remembering()
        op25b.findings("kaisha.example", net=net)
        before = len(asked)
        for number in range(20):
            op25b.findings(f"d{number}.example", net=net)
            answer = net.lookup(f"d{number}.example", "TXT")
            assert answer.status is Status.TIMEOUT and "no name server answers from here" in answer.reason
        assert len(asked) == before


def test_a_machine_without_a_resolver() -> None:
    (finding,) = op25b.findings("kaisha.example", net=Network("internet", "here", ()))
    assert (finding.verdict, finding.evidence) == ("unknown", "this machine has no DNS resolver configured")


# How much is asked


def test_a_question_is_asked_once() -> None:
    asked: list[str] = []

    with domain(OWN, {(MX4, 25): mail_server}) as here:
        answer = here.resolver.answer

        def noted(query: dns.message.Message, transport: str) -> dns.message.Message | None:
            asked.append(str(query.question[0]))
            return answer(query, transport)

        with serving(noted) as port:
            net = Network(
                "internet", "here", (("127.0.0.1", port),), here.net.proxy, PATIENT, nobody=NOBODY, probe_domains=()
            )
            net = net.remembering()
            op25b.findings("kaisha.example", net=net)
            first = len(asked)
            op25b.findings("kaisha.example", net=net)
            op25b.scan("mx.kaisha.example", (25,), net=net)
    assert len(asked) == len(set(asked)) == first
    # The root and two made-up names; MX and TXT of the domain; A and AAAA of its host; the name of its address.
    assert first == 8


# Port 25 from here


def test_ipv6_that_is_missing_here_does_not_make_silence_a_refusal() -> None:
    """More IPv6 addresses than IPv4, no IPv6 here, port 25 dropped: consistent with OP25B, not "refused by all"."""
    records: dict[str, Any] = {
        "big.test": {"MX": ["10 mx1.big.test.", "20 mx2.big.test."]},
        "mx1.big.test": {"A": ["198.51.100.1"], "AAAA": ["2001:db8::1", "2001:db8::2"]},
        "mx2.big.test": {"A": ["198.51.100.2"], "AAAA": ["2001:db8::3", "2001:db8::4"]},
        "smtp.big.test": {"A": ["198.51.100.58"]},
    }
    there: dict[Any, Any] = {(f"2001:db8::{n}", 25): UNREACHABLE for n in (1, 2, 3, 4)}

    def diagnosed(seconds: float) -> Finding:
        with place(records, {**there, **SUBMISSION}, otherwise=SILENCE, timeout=seconds) as here:
            return op25b.diagnose("big.test", net=here.net)

    finding = patiently(diagnosed, early=lambda finding: finding.verdict == "unknown", seconds=2.0)
    assert finding.verdict == "warn"
    assert finding.advice.startswith("Connections to port 25 vanish")
    assert "IPv4, since there is no IPv6 here): 2 timeout" in finding.evidence
    assert finding.reference == "RFC 5068 section 4.1"


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ((REFUSED, REFUSED), "are refused"),
        ((UNREACHABLE, UNREACHABLE), "come back as unreachable"),
        ((REFUSED, UNREACHABLE), "end in different ways"),
    ],
)
def test_port_25_is_closed_in_different_ways(how: tuple[str, str], word: str) -> None:
    records: dict[str, Any] = {
        "big.test": {"MX": ["10 mx1.big.test.", "20 mx2.big.test."]},
        "mx1.big.test": {"A": ["198.51.100.1"]},
        "mx2.big.test": {"A": ["198.51.100.2"]},
        "smtp.big.test": {"A": ["198.51.100.58"]},
    }
    there = {("198.51.100.1", 25): how[0], ("198.51.100.2", 25): how[1]}
    with place(records, {**there, **SUBMISSION}) as here:
        finding = op25b.diagnose("big.test", net=here.net)
    assert finding.verdict == "warn"
    assert word in finding.advice


# Reverse names


def reversed_(names: list[str], records: dict[str, Any]) -> op25b.Reverse:
    with domain({"25.2.0.192.in-addr.arpa": {"PTR": names}, **records}) as here:
        (row,) = op25b.reverse(MX4, net=here.net)
    return row


def test_ten_reverse_names_are_followed() -> None:
    names = [f"a{n}.kaisha.example." for n in range(7)] + ["mx.kaisha.example."]
    row = reversed_(names, OWN | {"25.2.0.192.in-addr.arpa": {"PTR": names}})
    assert (row.verdict, row.confirmed) == (Verdict.PASS, True)


def test_reverse_names_that_are_not_followed_are_said() -> None:
    names = [f"a{n:02}.kaisha.example." for n in range(14)]
    row = reversed_(names, {"a00.kaisha.example": {"A": ["192.0.2.99"]}})
    assert (row.verdict, row.confirmed) == (Verdict.UNKNOWN, None)
    assert "of 14 names the first 10 were followed" in row.reason
    assert reversed_(names[:10], {}).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("name", "generic"),
    [
        ("smtp.home.example", False),  # the organisation's own name is a word of the list
        ("mx1.cable.example", False),
        ("mail.client.example", False),
        ("mx1.cable.co.jp", False),
        ("mx2.home.kaisha.example", False),
        ("relay.customer-care.example", False),
        ("dyn-7.pool.isp.example", True),
        ("p12.pool.isp.example", True),
        ("host-12.customer.isp.co.jp", True),
        ("vm12.cloud.example", True),
        ("pool.isp.example", True),
        ("a" * 100_000 + ".isp.example", False),
        ("-" * 100_000, False),
        ("0" * 100_000, False),
        ("1.1." * 25_000, False),
    ],
)
def test_a_word_alone_is_no_customer_line(name: str, generic: bool) -> None:
    begun = time.process_time()
    assert looks_generic(name, "192.0.2.25") is generic
    assert looks_generic(name, "2001:db8::25") is generic
    assert time.process_time() - begun < 1  # of the processor's time: a name's length must not matter
