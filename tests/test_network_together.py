"""Several texts to paste for one name: one takes the place of all, and has been tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import pytest
from support_dns import Records, dns_world

from mailkit import dmarc, report, spf
from mailkit.network import Network
from mailkit.network.records import DnsRecord, parse_paste
from mailkit.network.together import ALSO_MENDS, put_together
from mailkit.results import Finding, Verdict
from mailkit.spf import linting

BLAME = (Verdict.WARN, Verdict.FAIL)
MX = {"mx.provider.example": {"A": ["198.51.100.25"]}}


def domain(name: str, spf: str, dmarc: str) -> Records:
    return {
        name: {"TXT": [spf, "site-verification=1"], "MX": ["10 mx.provider.example."]},
        f"_dmarc.{name}": {"TXT": [dmarc]},
    }


# What is published, and what the one record for each place has to be.
SEVERAL = {
    "a.example": (
        "v=spf1 mx ptr ?all",
        "v=DMARC1; p=quarantine; pct=50; np=none; rua=dmarc@a.example",
        "v=spf1 mx ~all",
        "v=DMARC1; p=quarantine; rua=mailto:dmarc@a.example",
    ),
    "b.example": (
        "v=spf1 mx a:gone.b.example ptr mx",
        "v=DMARC1; p=reject; pct=20; np=none",
        "v=spf1 mx a:gone.b.example ~all",
        "v=DMARC1; p=reject; rua=mailto:dmarc@b.example",
    ),
    "c.example": (
        "v=spf1 mx ptr +all",
        "v=DMARC1; p=quarantine; psd=y; np=none",
        "v=spf1 mx ~all",
        "v=DMARC1; p=quarantine; rua=mailto:dmarc@c.example",
    ),
}


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    records: dict[str, object] = dict(MX)
    for name, (sender_policy, policy, *_) in SEVERAL.items():
        records |= domain(name, sender_policy, policy)
    with dns_world(records) as net:  # type: ignore[arg-type]
        yield net


@pytest.mark.parametrize("dns_only", [True, False])
@pytest.mark.parametrize("name", SEVERAL)
def test_one_record_for_one_place_mends_all_that_offered_one(net: Network, name: str, dns_only: bool) -> None:
    lessons = ["04_spf", "06_dmarc"]
    found = report.audit(name, net=net, lessons=lessons, dns_only=dns_only, progress=False)
    offered = [finding for finding in found if finding.verdict in BLAME and finding.fix]
    records = {record for finding in offered for record in parse_paste(finding.fix)}
    assert sorted((record.name, record.value) for record in records) == sorted(
        [(name, SEVERAL[name][2]), (f"_dmarc.{name}", SEVERAL[name][3])]
    )
    after = report.audit(name, net=net.overlay(records), lessons=lessons, dns_only=dns_only, progress=False)
    blamed = {(finding.check, finding.subject) for finding in after if finding.verdict in BLAME}
    assert not blamed & {(finding.check, finding.subject) for finding in offered}
    assert blamed <= {(finding.check, finding.subject) for finding in found if finding.verdict in BLAME}


def test_what_stands_beside_a_record_is_there_when_it_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The domain's other texts make the answer too large, whatever the SPF record says."""
    record = DnsRecord("d.example", "TXT", "v=spf1 -all")
    monkeypatch.setattr(linting, "put_together", lambda findings, judge: judge([record]))
    beside = [f"verification-{number}={'x' * 200}" for number in range(2)]
    with dns_world({"d.example": {"TXT": ["v=spf1 ip4:192.0.2.1 ptr ?all", *beside]}}) as net:
        found = {finding.check: finding for finding in spf.lint("d.example", net=net)}
    assert found["SPF record"].evidence == record.value and found["SPF size"].verdict is Verdict.WARN


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize(("lint", "place", "offered"), [(spf.lint, "{}", 2), (dmarc.lint, "_dmarc.{}", 3)])
def test_a_lesson_asked_alone_offers_what_the_report_offers(
    net: Network, name: str, lint: Callable[..., Sequence[Finding]], place: str, offered: int
) -> None:
    fixes = [finding.fix for finding in lint(name, net=net) if finding.verdict in BLAME and finding.fix]
    assert len(fixes) > 1
    (record,) = parse_paste(fixes[0])
    assert set(fixes) == {fixes[0]} and record.name == place.format(name)
    assert record.value == SEVERAL[name][offered]


def test_the_ticket_has_one_record_for_one_place_with_all_reasons(net: Network) -> None:
    text = report.ticket(report.audit(list(SEVERAL), net=net, dns_only=True, progress=False))
    places = re.findall(r"(?m)^\d+\. (\S+) \d+ IN (\S+) ", text)
    assert len(places) == len(set(places)) == 2 * len(SEVERAL)
    assert "why: SPF ptr" in text and "why: SPF all" in text and ALSO_MENDS not in text


def made(check: str, value: str, verdict: Verdict = Verdict.WARN, name: str = "a.example") -> Finding:
    fix = f'{name}. 3600 IN TXT "{value}"' if value else ""
    return Finding(check, "a.example", verdict, "seen", "Do it.", fix)


UNTOUCHED = {
    "one alone": [made("x", "one")],
    "the same text": [made("x", "one"), made("y", "one")],
    "two places": [made("x", "one"), made("y", "two", name="_dmarc.a.example")],
    "nothing to blame": [made("x", "one"), made("y", "two", Verdict.INFO)],
    "no record": [made("x", "one"), Finding("y", "a.example", Verdict.WARN, "seen", "", "smtpd_tls_auth_only = yes")],
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_where_nothing_takes_anothers_place_nothing_is_tried(name: str) -> None:
    def judge(records: Sequence[DnsRecord]) -> Sequence[Finding]:
        raise AssertionError("asked")

    assert put_together(UNTOUCHED[name], judge) == UNTOUCHED[name]


# What a lesson may go on to say: nothing helps, what helps breaks something else, and each undoes the other.
HOPELESS: dict[str, Callable[[str], Sequence[Finding]]] = {
    "stays": lambda text: [made("y", "")],
    "makes another": lambda text: [made("z", "")],
    "in a circle": lambda text: [made("x", "one")] if text == "two" else [made("y", "two")],
}


@pytest.mark.parametrize("name", HOPELESS)
def test_where_no_text_mends_all_the_gravest_keeps_its_own(name: str) -> None:
    before = [made("x", "one"), made("y", "two", Verdict.FAIL)]
    x, y = put_together(before, lambda records: HOPELESS[name](records[0].value))
    assert y == before[1]
    assert (x.fix, x.advice) == ("", "Do it. First paste what is offered for y, then ask again.")
