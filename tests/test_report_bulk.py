"""What large receivers demand of bulk senders, held against a report."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailkit import report
from mailkit.figures import report as figures
from mailkit.lab import Lab
from mailkit.results import Finding, Rows, Verdict

FROM_A_MESSAGE = {"alignment", "reverse DNS", "TLS", "one-click unsubscribe", "few complaints"}


@pytest.fixture(scope="module")
def found() -> Iterator[Rows[Finding]]:
    with Lab() as lab:
        domains = ["kaisha.example", "mistakes.example", "example.jp"]
        yield report.audit(domains, net=lab.network(), dns_only=True, progress=False)


def test_a_well_run_domain_meets_whatever_the_dns_shows(found: Rows[Finding]) -> None:
    rows = report.readiness(found).where(domain="kaisha.example")
    assert {row.receiver for row in rows} == {"Gmail", "Yahoo", "Microsoft", "iCloud", "docomo"}
    for row in rows:
        assert row.verdict is (Verdict.UNKNOWN if row.demand in FROM_A_MESSAGE else Verdict.PASS), row
        assert row.evidence and row.source and row.as_of


def test_a_domain_without_dmarc_and_spf_meets_no_bulk_rule(found: Rows[Finding]) -> None:
    rows = {(row.receiver, row.demand): row.verdict for row in report.readiness(found).where(domain="example.jp")}
    for receiver in ("Gmail", "Yahoo", "Microsoft", "iCloud", "docomo"):
        assert rows[receiver, "SPF"] is rows[receiver, "DMARC"] is Verdict.FAIL
    assert ("Microsoft", "TLS") not in rows, "nobody demands that there"


def test_of_a_domain_that_sends_nothing_nothing_is_demanded() -> None:
    with Lab() as lab:
        parked = report.audit("example.com", net=lab.network(), dns_only=True, progress=False)
    rows = report.readiness(parked)
    assert {row.verdict for row in rows} == {Verdict.INFO}
    assert "info: it sends no mail" in figures._READY[Verdict.INFO] and "info" in repr(figures.readiness(rows.frame))


def made(check: str, verdict: Verdict, evidence: str = "seen") -> Finding:
    return Finding(check, "a.example", verdict, evidence, domain="a.example")


@pytest.mark.parametrize(
    ("findings", "demand", "verdict"),
    [
        ([], "SPF", None),
        ([made("MX", Verdict.PASS)], "SPF", Verdict.UNKNOWN),
        ([made("SPF record", Verdict.UNKNOWN)], "SPF", Verdict.UNKNOWN),
        ([made("SPF record", Verdict.PASS), made("SPF lookups", Verdict.FAIL)], "SPF", Verdict.FAIL),
        ([made("SPF record", Verdict.PASS), made("SPF all", Verdict.FAIL)], "SPF", Verdict.PASS),
        ([made("DKIM key", Verdict.FAIL), made("DKIM key", Verdict.PASS)], "DKIM", Verdict.PASS),
        ([made("DKIM key", Verdict.FAIL), made("DKIM key", Verdict.UNKNOWN)], "DKIM", Verdict.UNKNOWN),
        ([made("DKIM key", Verdict.FAIL)], "DKIM", Verdict.FAIL),
        ([made("DKIM selectors", Verdict.UNKNOWN)], "DKIM", Verdict.UNKNOWN),
        ([made("DKIM selectors", Verdict.WARN)], "DKIM", Verdict.FAIL),
        ([made("DMARC record", Verdict.INFO)], "DMARC", Verdict.PASS),
        ([made("DMARC record", Verdict.PASS), made("DMARC syntax", Verdict.FAIL)], "DMARC", Verdict.WARN),
        ([made("DMARC record", Verdict.UNKNOWN)], "DMARC", Verdict.UNKNOWN),
        ([made("MX", Verdict.UNKNOWN)], "A or MX", Verdict.UNKNOWN),
        ([made("MX", Verdict.WARN)], "A or MX", Verdict.PASS),
        ([made("MX", Verdict.WARN, "null MX, though its SPF record lets hosts send")], "A or MX", Verdict.FAIL),
        ([made("MX", Verdict.PASS, "null MX: the domain takes no mail")], "A or MX", Verdict.FAIL),
        ([made("domain", Verdict.FAIL, "the domain does not exist")], "SPF", Verdict.FAIL),
        ([made("domain", Verdict.FAIL, "the domain does not exist")], "TLS", Verdict.UNKNOWN),
        ([made("name servers", Verdict.UNKNOWN, "no word about it")], "SPF", Verdict.UNKNOWN),
        ([made("name servers", Verdict.INFO), made("SPF record", Verdict.PASS)], "SPF", Verdict.PASS),
    ],
)
def test_each_outcome_has_its_answer(findings: list[Finding], demand: str, verdict: Verdict | None) -> None:
    assert {row.verdict for row in report.readiness(findings) if row.demand == demand} == ({verdict} - {None})


def test_the_matrix_says_the_same_as_the_rows(found: Rows[Finding]) -> None:
    rows = report.readiness(found)
    text = repr(figures.readiness(rows.frame, title="Bulk senders"))
    for row in rows:
        line = next(line for line in text.splitlines() if line.startswith(f"{row.domain}, {row.demand}:"))
        assert f"{row.receiver} {row.verdict}" in line
    with pytest.raises(ValueError, match=r"report\.readiness"):
        figures.readiness(rows.frame[["domain"]])
