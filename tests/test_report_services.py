"""The services that a portfolio names for a domain, beside those that its DNS leads to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailkit import report
from mailkit.lab import Lab
from mailkit.report.portfolio import PortfolioDomain
from mailkit.results import Finding, Rows, Verdict


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def lab(running: Lab) -> Lab:
    running.reset()
    return running


def about_services(lab: Lab, domain: str, *names: str, dns_only: bool = True) -> dict[str, Finding]:
    entry = PortfolioDomain(domain, services=names)
    options = {} if dns_only else {"lessons": ["10_services"]}
    found = report.audit([entry], net=lab.network(), dns_only=dns_only, progress=False, **options)
    return {finding.subject: finding for finding in found.where(check="sending service")}


@pytest.mark.parametrize("dns_only", [True, False])
def test_one_that_is_named_and_set_up_passes(lab: Lab, dns_only: bool) -> None:
    found = about_services(lab, "kaisha.example", "Sender.Example", dns_only=dns_only)
    assert {name: f.verdict for name, f in found.items()} == {"Sender.Example": Verdict.PASS}


def test_one_that_is_not_named_is_told_where_others_are(lab: Lab) -> None:
    found = about_services(lab, "kaisha.example", "Brevo")
    assert (
        found["sender.example"].verdict is Verdict.WARN and "not in the portfolio" in found["sender.example"].evidence
    )
    assert about_services(lab, "kaisha.example") == {}, "who names none has said nothing"


@pytest.mark.parametrize(
    ("domain", "name", "evidence"),
    [
        ("kaisha.example", "Amazon SES", "nothing of it is seen"),
        ("minato.example", "sender.example", "is allowed or mentioned"),
        ("kaisha.example", "Post & Pigeon", "have none of this name"),
    ],
)
def test_what_the_dns_cannot_show_is_unknown(lab: Lab, domain: str, name: str, evidence: str) -> None:
    finding = about_services(lab, domain, name)[name]
    assert finding.verdict is Verdict.UNKNOWN and evidence in finding.evidence and finding.advice


def test_one_whose_records_lead_nowhere_is_a_warning(lab: Lab) -> None:
    lab.publish("s1._domainkey.kaisha.example", "CNAME", "gone._domainkey.sender.example.")
    finding = about_services(lab, "kaisha.example", "sender.example")["sender.example"]
    assert finding.verdict is Verdict.WARN and "lead nowhere" in finding.evidence


def test_a_dead_dns_is_unknown(lab: Lab) -> None:
    lab.resolver.fault("_domainkey.kaisha.example", "servfail", subtree=True)
    assert about_services(lab, "kaisha.example", "sender.example")["sender.example"].verdict is Verdict.UNKNOWN


def test_the_column_is_read_from_a_file(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("domain,services\nkaisha.example,sender.example;Brevo\n", encoding="utf-8")
    domains = report.portfolio(tmp_path / "mine.csv")
    found: Rows[Finding] = report.audit(domains, net=lab.network(), dns_only=True, progress=False)
    told = {f.subject: f.verdict for f in found.where(check="sending service")}
    assert told == {"sender.example": Verdict.PASS, "Brevo": Verdict.UNKNOWN}
