"""Lesson 01's probes, each against the practice internet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support_dns import dns_world
from support_worlds import patient

from mailkit import op25b
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.op25b.generic_names import looks_generic
from mailkit.results import Finding, Outcome, Stage, Verdict


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as started:
        yield started


@pytest.fixture
def net(lab: Lab) -> Iterator[Network]:
    """The network for what will come, however busy this machine is."""
    lab.reset()
    yield patient(lab.network())
    lab.reset()


SILENT = ("home", "cloud", "offline")  # places from which something is not answered


def from_(vantage: str, net: Network) -> Network:
    """The network seen from *vantage*, with little patience where silence is waited for."""
    return patient(net.at(vantage), SHORT) if vantage in SILENT else net.at(vantage)


SHORT = 2.5  # seconds
BEFORE_IT_GREETS = 1.3  # mx.mistakes.example greets after 10 s, and a conversation may take twice this
COLUMNS = ["vantage", "host", "address", "port", "outcome", "stage", "banner", "reason"]


def test_scan_has_one_row_for_each_port_of_each_address(net: Network) -> None:
    rows = op25b.scan(["mx.kaisha.example", "mx1.bigmail.example"], (25, 587), net=net)
    seen = [(row.host, row.address, row.port, str(row.outcome)) for row in rows]
    assert seen == [
        ("mx.kaisha.example", "192.0.2.25", 25, "open"),
        ("mx.kaisha.example", "192.0.2.25", 587, "refused"),
        ("mx1.bigmail.example", "203.0.113.10", 25, "open"),
        ("mx1.bigmail.example", "203.0.113.10", 587, "refused"),
        ("mx1.bigmail.example", "2001:db8:b::10", 25, "open"),
        ("mx1.bigmail.example", "2001:db8:b::10", 587, "refused"),
    ]
    assert list(rows.frame.columns) == COLUMNS
    assert list(rows.frame["outcome"].cat.categories) == [str(outcome) for outcome in Outcome]


@pytest.mark.parametrize(
    ("vantage", "outcome", "stage"),
    [
        ("office", Outcome.OPEN, Stage.EHLO),
        ("home", Outcome.TIMEOUT, Stage.CONNECT),
        ("hotel", Outcome.REFUSED, Stage.CONNECT),
        ("cloud", Outcome.TIMEOUT, Stage.CONNECT),
        ("intercepted", Outcome.INTERCEPTED, Stage.EHLO),
        ("offline", Outcome.DNS_FAILURE, Stage.DNS),
    ],
)
def test_scan_tells_the_places_apart(net: Network, vantage: str, outcome: Outcome, stage: Stage) -> None:
    (row,) = op25b.scan("mx.kaisha.example", (25,), net=from_(vantage, net))
    assert (row.vantage, row.outcome, row.stage) == (vantage, outcome, stage)
    assert row.reason or outcome is Outcome.OPEN


def test_a_host_that_is_down_and_a_slow_one_differ_in_the_stage(net: Network) -> None:
    rows = op25b.scan(["down.mistakes.example", "mx.mistakes.example"], (25,), net=patient(net, BEFORE_IT_GREETS))
    assert [(row.outcome, row.stage) for row in rows] == [
        (Outcome.TIMEOUT, Stage.CONNECT),
        (Outcome.TIMEOUT, Stage.GREETING),
    ]


def test_an_address_where_nobody_lives_answers_nowhere_but_behind_an_interceptor(net: Network) -> None:
    for vantage in net.vantages:
        (row,) = op25b.scan(net.nobody, (25,), net=from_(vantage, net))
        assert (row.outcome is Outcome.INTERCEPTED) == (vantage == "intercepted"), vantage


def test_survey_asks_from_every_place_and_says_so(net: Network) -> None:
    rows = op25b.scan_from_vantages("smtp.kaisha.example", (587,), net=patient(net, SHORT))
    assert [row.vantage for row in rows] == list(net.vantages)
    assert rows.caption == "practice internet, seen from 6 places, 2026-11-24"


def test_in_words(net: Network) -> None:
    one = op25b.in_words(op25b.scan("mx.kaisha.example", (25, 587), net=net))
    assert one == "mx.kaisha.example, seen from office: open on port 25; refused on port 587."
    several = op25b.in_words(
        op25b.scan_from_vantages(
            "mx.kaisha.example", (25,), net=patient(net, SHORT), vantages=["home", "cloud", "hotel"]
        )
    )
    assert several == "Port 25 of mx.kaisha.example: timeout from home, cloud; refused from hotel."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([],), "hosts is a host name or a list"),
        (([""],), "hosts is a host name or a list"),
        (([25],), "hosts is a host name or a list"),
        (("mx.kaisha.example", ()), "ports is a list of numbers"),
        (("mx.kaisha.example", (0,)), "ports is a list of numbers"),
        (("mx.kaisha.example", ("25",)), "ports is a list of numbers"),
        (([f"h{n}.example" for n in range(501)],), "more than 2000 connections"),
    ],
)
def test_bad_arguments_are_told_what_to_pass(net: Network, arguments: tuple[object, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        op25b.scan(*arguments, net=net)  # type: ignore[arg-type]


def diagnosed(net: Network, vantage: str) -> Finding:
    return op25b.diagnose(net=from_(vantage, net))


@pytest.mark.parametrize(
    ("vantage", "verdict", "word"),
    [
        ("office", Verdict.PASS, "leaves from here"),
        ("home", Verdict.WARN, "consistent with OP25B"),
        ("hotel", Verdict.WARN, "refused"),
        ("cloud", Verdict.WARN, "a cloud's policy"),
        ("intercepted", Verdict.FAIL, "answers for every address"),
        ("offline", Verdict.UNKNOWN, "Nothing can be said"),
    ],
)
def test_diagnose_concludes_no_more_than_it_saw(net: Network, vantage: str, verdict: Verdict, word: str) -> None:
    finding = diagnosed(net, vantage)
    assert finding.verdict is verdict
    assert word in finding.advice
    assert vantage in finding.subject


def test_diagnose_after_the_block_is_lifted(lab: Lab, net: Network) -> None:
    assert diagnosed(net, "cloud").verdict is Verdict.WARN
    lab.lift("cloud")
    assert diagnosed(net, "cloud").verdict is Verdict.PASS


def test_one_dead_server_is_no_blocked_port(net: Network) -> None:
    here = replace(patient(net, BEFORE_IT_GREETS), probe_domains=())
    # Of the MX of mistakes.example one is down and one greets late.  A filter on the way may take a connection and
    # throw away what follows, so the late one does not prove that the port is open.
    finding = op25b.diagnose("mistakes.example", net=here)
    assert finding.verdict is Verdict.UNKNOWN
    assert "nobody says a word" in finding.advice


def test_one_silent_server_alone_proves_nothing(net: Network) -> None:
    at_home = replace(from_("home", net), probe_domains=())
    finding = op25b.diagnose("kaisha.example", net=at_home)
    assert finding.verdict is Verdict.UNKNOWN
    assert "Too few servers" in finding.advice


def test_diagnose_needs_something_to_test_with(net: Network) -> None:
    with pytest.raises(ValueError, match="name a mail domain"):
        op25b.diagnose(net=replace(net, probe_domains=()))


def test_diagnose_all_has_one_finding_a_place(net: Network) -> None:
    found = op25b.diagnose_all(net=patient(net, SHORT))
    assert [str(finding.verdict) for finding in found] == ["pass", "warn", "warn", "warn", "fail", "unknown"]


@pytest.mark.parametrize(
    ("address", "verdict", "confirmed", "generic"),
    [
        ("192.0.2.25", Verdict.PASS, True, False),
        ("198.51.100.187", Verdict.WARN, True, True),
        ("192.0.2.201", Verdict.FAIL, False, False),
        ("192.0.2.202", Verdict.FAIL, False, None),
        ("2001:db8:b::10", Verdict.PASS, True, False),
    ],
)
def test_reverse(net: Network, address: str, verdict: Verdict, confirmed: bool, generic: bool | None) -> None:
    (row,) = op25b.reverse(address, net=net)
    assert (row.address, row.verdict, row.confirmed, row.generic) == (address, verdict, confirmed, generic)
    assert row.reason


def test_reverse_without_an_answer_is_unknown(net: Network) -> None:
    (row,) = op25b.reverse("192.0.2.25", net=from_("offline", net))
    assert (row.verdict, row.confirmed, row.generic) == (Verdict.UNKNOWN, None, None)


@pytest.mark.parametrize("addresses", [[], "mx.kaisha.example", ["192.0.2.25", "192.0.2"], "fe80::1%eth0"])
def test_reverse_takes_addresses_only(net: Network, addresses: object) -> None:
    with pytest.raises(ValueError, match="address"):
        op25b.reverse(addresses, net=net)  # type: ignore[arg-type]


def test_reverse_follows_hostile_names_without_harm() -> None:
    hostile = "\\000<script>.example."
    with dns_world({"2.0.192.in-addr.arpa": {}, "25.2.0.192.in-addr.arpa": {"PTR": [hostile]}}) as net:
        (row,) = op25b.reverse("192.0.2.25", net=net)
    assert row.verdict is Verdict.FAIL
    assert "\x00" not in row.name


@pytest.mark.parametrize(
    ("name", "address", "generic"),
    [
        ("p198-51-100-187.tokyo.isp.example", "198.51.100.187", True),
        ("187.100.51.198.rev.isp.example", "198.51.100.187", True),
        ("198051100187.ctinets.example", "198.51.100.187", True),
        ("c6336abb.bb.isp.example", "198.51.100.187", False),
        ("c63364bb.bb.isp.example", "198.51.100.187", True),
        ("dyn-17.isp.example", "198.51.100.187", True),
        ("adsl.customer.isp.example", "198.51.100.187", True),
        ("mail.kaisha.example", "198.51.100.187", False),
        ("mx1.example.org", "192.0.2.1", False),
        ("homepage.example.org", "192.0.2.1", False),
        ("relay25.example.org", "192.0.2.25", False),
    ],
)
def test_which_names_look_generic(name: str, address: str, generic: bool) -> None:
    assert looks_generic(name, address) is generic


def test_mail_exchangers_best_first(net: Network) -> None:
    assert op25b.mail_exchangers("bigmail.example", net=net) == ["mx1.bigmail.example", "mx2.bigmail.example"]
    assert op25b.mail_exchangers("example.com", net=net) == []  # null MX
    assert op25b.mail_exchangers("www.kaisha.example", net=net) == ["www.kaisha.example"]  # implicit MX
    assert op25b.mail_exchangers("nobody.example", net=net) == []


def test_submission_hosts_from_srv_or_the_usual_name(net: Network) -> None:
    assert op25b.submission_hosts("kaisha.example", net=net) == ["smtp.kaisha.example"]
    assert op25b.submission_hosts("sender.example", net=net) == ["smtp.sender.example"]


@pytest.mark.parametrize(
    ("vantage", "address"), [("office", "192.0.2.20"), ("home", "198.51.100.187"), ("offline", None)]
)
def test_public_address_is_what_servers_see(net: Network, vantage: str, address: str | None) -> None:
    assert op25b.public_address(net=from_(vantage, net)) == address


def verdicts(found: list[Finding]) -> dict[tuple[str, str], str]:
    return {(finding.check, finding.subject): str(finding.verdict) for finding in found}


def test_findings_on_a_well_run_domain_are_all_pass(net: Network) -> None:
    assert set(verdicts(op25b.findings("kaisha.example", net=net)).values()) == {"pass"}


def test_findings_on_every_mistake(net: Network) -> None:
    assert verdicts(op25b.findings("mistakes.example", net=patient(net, BEFORE_IT_GREETS))) == {
        ("MX", "mistakes.example"): "pass",
        ("MX name", "mx.mistakes.example"): "pass",
        ("MX name", "down.mistakes.example"): "pass",
        ("MX name", "alias.mistakes.example"): "fail",
        ("MX name", "gone.mistakes.example"): "fail",
        ("MX reachable", "mx.mistakes.example"): "unknown",
        ("MX reachable", "down.mistakes.example"): "warn",
        ("MX reachable", "alias.mistakes.example"): "unknown",
        ("reverse DNS", "192.0.2.201"): "warn",
        ("reverse DNS", "192.0.2.202"): "warn",
    }


def test_findings_from_behind_a_block_are_unknown_not_fail(net: Network) -> None:
    found = verdicts(op25b.findings("kaisha.example", net=from_("home", net)))
    assert found["MX reachable", "mx.kaisha.example"] == "unknown"
    assert "fail" not in found.values()


@pytest.mark.parametrize(
    ("domain", "verdict", "evidence"),
    [
        ("example.com", "pass", "null MX"),
        ("www.kaisha.example", "warn", "no MX record"),
        ("nobody.example", "fail", "does not exist"),
    ],
)
def test_findings_without_an_mx(net: Network, domain: str, verdict: str, evidence: str) -> None:
    (finding,) = op25b.findings(domain, net=net)
    assert finding.verdict == verdict
    assert evidence in finding.evidence


def test_findings_without_dns_are_unknown(net: Network) -> None:
    (finding,) = op25b.findings("kaisha.example", net=from_("offline", net))
    assert finding.verdict is Verdict.UNKNOWN
