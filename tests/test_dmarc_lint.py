"""dmarc.lint: one fault planted, exactly its finding; what is offered to paste mends it and breaks nothing."""

from __future__ import annotations

from typing import Any

import pytest
from support_spf_dns import SERVFAIL, DnsServer

from mailkit import dmarc
from mailkit.network import parse_paste
from mailkit.network.wildcards import MADE_UP
from mailkit.results import Finding, Rows, Verdict

PASS, WARN, FAIL, INFO, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.INFO, Verdict.UNKNOWN
GOOD = "v=DMARC1; p=quarantine; rua=mailto:d@kaisha.test"


@pytest.fixture
def dns(dns_server: DnsServer) -> DnsServer:
    """A company that takes mail, one that sells reports, and one that has never heard of it."""
    dns_server.clear()
    for domain in ("kaisha.test", "reports.test", "stranger.test"):
        dns_server.publish(domain, "MX", (10, f"mx.{domain}"))
        dns_server.publish(f"mx.{domain}", "A", "192.0.2.25")
    dns_server.publish("kaisha.test", "TXT", "v=spf1 mx ~all")
    dns_server.publish("_dmarc.kaisha.test", "TXT", GOOD)
    dns_server.publish("kaisha.test._report._dmarc.reports.test", "TXT", "v=DMARC1")
    return dns_server


def lint(dns: DnsServer, *records: Any, domain: str = "kaisha.test") -> Rows[Finding]:
    if records:
        dns.publish(f"_dmarc.{domain}", "TXT", *records)
    return dmarc.lint(domain, net=dns.net())


def faults(findings: Rows[Finding]) -> list[tuple[str, Verdict]]:
    return [(f.check.removeprefix("DMARC "), f.verdict) for f in findings if f.verdict not in (PASS, INFO)]


def mended(dns: DnsServer, findings: Rows[Finding], check: str, domain: str = "kaisha.test") -> Rows[Finding]:
    """Paste what the finding *check* offers, really, and judge again."""
    (found,) = [f for f in findings.where(check=f"DMARC {check}") if f.fix]
    for record in parse_paste(found.fix):
        dns.publish(record.name, record.rdtype, record.value)
    return dmarc.lint(domain, net=dns.net())


@pytest.mark.parametrize(
    "record",
    [
        GOOD,
        "v=DMARC1; p=reject; rua=mailto:d@kaisha.test",
        "v=DMARC1; p=none; rua=mailto:d@kaisha.test",
        "v=DMARC1;p=quarantine;rua=mailto:d@kaisha.test;",
        GOOD + "; adkim=s; aspf=s; np=reject",
        GOOD + "; t=y",
        GOOD + "; psd=n",
        GOOD + "; ruf=mailto:d@kaisha.test; fo=1:d:s",
        GOOD + "; sp=reject; x=unknown",
        "v=DMARC1; p=quarantine; rua=mailto:d@kaisha.test,mailto:k@reports.test",
        "v=DMARC1; p=quarantine; rua=mailto:d@mx.kaisha.test",
        GOOD + "; pct=100; rf=afrf; ri=86400",
        GOOD + "!10m",
        [GOOD[:30], GOOD[30:]],
    ],
    ids=str,
)
def test_no_false_alarm(dns: DnsServer, record: Any) -> None:
    dns.publish("mx.kaisha.test", "MX", (10, "mx.kaisha.test"))
    findings = lint(dns, record)
    assert faults(findings) == [], repr(findings)
    assert all(f.lesson == "06_dmarc" and f.reference.startswith("RFC 99") for f in findings)
    assert findings == Rows(Finding, dmarc.findings("kaisha.test", net=dns.net()))


def test_full_marks(dns: DnsServer) -> None:
    assert {f.verdict for f in lint(dns)} == {PASS}


@pytest.mark.parametrize(
    ("records", "check", "verdict", "words", "fix"),
    [
        (["v=DMARC1; p=none"], "policy", WARN, "without rua", "v=DMARC1; p=none; rua=mailto:dmarc@kaisha.test"),
        (["v=DMARC1; p=reject"], "policy", WARN, "without rua", "v=DMARC1; p=reject; rua=mailto:dmarc@kaisha.test"),
        ([GOOD + "; adkim=strict"], "syntax", WARN, "adkim=strict", GOOD.replace("; rua", "; rua")),
        ([GOOD + "; nonsense"], "syntax", WARN, "nonsense", GOOD),
        ([GOOD + "; p=reject"], "syntax", WARN, "twice", GOOD),
        ([GOOD + ",x"], "syntax", WARN, "no address", GOOD),
        (
            ["v=DMARC1; p=rejekt; rua=mailto:d@kaisha.test"],
            "syntax",
            FAIL,
            "counts as p=none",
            "v=DMARC1; p=none; rua=mailto:d@kaisha.test",
        ),
        (["v=DMARC1; p=rejekt"], "syntax", FAIL, "no DMARC", "v=DMARC1; p=none; rua=mailto:dmarc@kaisha.test"),
        (
            ["v=DMARC1; rua=mailto:d@kaisha.test"],
            "syntax",
            FAIL,
            "p= is missing",
            "v=DMARC1; p=none; rua=mailto:d@kaisha.test",
        ),
        ([GOOD + "; sp=some"], "syntax", FAIL, "sp=some", "v=DMARC1; p=none; rua=mailto:d@kaisha.test"),
        ([GOOD, GOOD.replace("quarantine", "reject")], "record", FAIL, "2 records", GOOD),
        ([GOOD.replace("DMARC1", "dmarc1")], "record", FAIL, "looks like", GOOD),
        ([" " + GOOD], "record", FAIL, "looks like", GOOD),
        ([f'"{GOOD}"'], "record", FAIL, "looks like", GOOD),
        ([GOOD + "; sp=none"], "subdomains", WARN, "sp=none", ""),
        ([GOOD + "; np=none"], "subdomains", WARN, "np=none", GOOD),
        ([GOOD + "; pct=20"], "removed tags", WARN, "pct=20", "v=DMARC1; p=quarantine; t=y; rua=mailto:d@kaisha.test"),
        ([GOOD.replace("d@kaisha", "d@gone")], "report address", FAIL, "gone.test has not agreed", "v=DMARC1"),
        ([GOOD.replace("d@kaisha", "d@nullmx")], "report address", FAIL, "nullmx.test takes no mail", ""),
        ([GOOD.replace("d@kaisha", "d@stranger")], "report address", FAIL, "stranger.test has not agreed", "v=DMARC1"),
        (
            [GOOD + "; ruf=mailto:d@stranger.test"],
            "failure report address",
            WARN,
            "stranger.test has not agreed",
            "v=DMARC1",
        ),
        ([GOOD.replace("d@kaisha", "d@onwards")], "report address", FAIL, "sends the reports on", ""),
        ([GOOD.replace("d@kaisha", "d@slow")], "report address", UNKNOWN, "not answered", ""),
        ([GOOD.replace("d@kaisha", "d@silent")], "report address", UNKNOWN, "not known", ""),
    ],
    ids=str,
)
def test_one_fault_and_exactly_its_finding(
    dns: DnsServer, records: list[str], check: str, verdict: Verdict, words: str, fix: str
) -> None:
    dns.publish("nullmx.test", "MX", (0, "."))
    dns.publish("kaisha.test._report._dmarc.nullmx.test", "TXT", "v=DMARC1;")
    dns.publish("kaisha.test._report._dmarc.onwards.test", "TXT", "v=DMARC1; rua=mailto:x@other.test")
    dns.fail("_dmarc.slow.test")
    dns.fail("kaisha.test._report._dmarc.silent.test", SERVFAIL)
    findings = lint(dns, *records)
    assert faults(findings) == [(check, verdict)], repr(findings)
    (found,) = [f for f in findings.where(check=f"DMARC {check}") if f.verdict is verdict]
    assert words in found.evidence
    assert [record.value for record in parse_paste(found.fix)] == ([fix] if fix and "gone" not in words else [])
    if found.fix:
        assert faults(mended(dns, findings, check)) == []


@pytest.mark.parametrize(
    "record",
    [
        GOOD.replace(";", "\\;"),
        GOOD.replace(";", ","),
        GOOD.replace("; ", " "),
        f"“{GOOD}”",
        f"\ufeff{GOOD}",
        f"_dmarc.kaisha.test. IN TXT {GOOD}",
        GOOD.replace("v=DMARC1; p=quarantine", "p=quarantine; v=DMARC1"),
    ],
)
def test_a_record_that_was_meant_is_shown_explained_and_mended(dns: DnsServer, record: str) -> None:
    findings = lint(dns, record.encode())
    assert faults(findings) == [("record", FAIL)]
    (found,) = findings
    assert "looks like" in found.evidence and "\\x" not in found.evidence and "DMARC1" in found.evidence
    assert "never in force" in found.advice
    assert [pasted.value for pasted in parse_paste(found.fix)] == [GOOD]
    assert faults(mended(dns, findings, "record")) == []


def test_below_a_covering_record_an_attempt_is_not_passed_over(dns: DnsServer) -> None:
    (found,) = lint(dns, "v=DMARC1 p=reject", domain="news.kaisha.test")
    assert found.verdict is FAIL and "the record of kaisha.test applies: quarantine" in found.evidence
    assert "is no DMARC record" not in dmarc.policy("news.kaisha.test", net=dns.net()).reason


def test_an_attempt_beside_the_record_is_named(dns: DnsServer) -> None:
    findings = lint(dns, GOOD, "v=DMARC1 p=none")
    assert faults(findings) == []
    assert [f.verdict for f in findings.where(check="DMARC almost a record")] == [INFO]


def test_where_there_is_only_an_attempt_discovery_says_so(dns: DnsServer) -> None:
    dns.publish("_dmarc.new.test", "TXT", "v=DMARC1\\; p=none")
    reason = dmarc.policy("new.test", net=dns.net()).reason
    assert "_dmarc.new.test is no DMARC record" in reason and "not a semicolon" in reason


@pytest.mark.parametrize(
    "rua",
    ["d@kaisha.test", "mailto:<d@kaisha.test>", "“mailto:d@kaisha.test”", "mailto: d@kaisha.test"],
)
def test_an_address_that_is_no_uri_is_kept_not_dropped(dns: DnsServer, rua: str) -> None:
    findings = lint(dns, f"v=DMARC1; p=none; rua={rua}".encode())
    assert faults(findings) == [("syntax", WARN), ("policy", WARN)]
    for found in findings:
        if found.fix:
            assert [record.value for record in parse_paste(found.fix)] == ["v=DMARC1; p=none; rua=mailto:d@kaisha.test"]
    assert faults(mended(dns, findings, "syntax")) == []


@pytest.mark.parametrize("between", [" ", ";", "; mailto:"])
def test_several_addresses_without_their_commas(dns: DnsServer, between: str) -> None:
    findings = lint(
        dns, f"v=DMARC1; p=quarantine; rua=mailto:d@kaisha.test{between}e@kaisha.test; ruf=f@kaisha.test; fo=1"
    )
    (found,) = [f for f in findings if f.check == "DMARC syntax"]
    mend = "v=DMARC1; p=quarantine; rua=mailto:d@kaisha.test,mailto:e@kaisha.test; ruf=mailto:f@kaisha.test; fo=1"
    assert [record.value for record in parse_paste(found.fix)] == [mend]


def test_slashes_before_an_address_belong_to_it(dns: DnsServer) -> None:
    findings = lint(dns, GOOD.replace("mailto:", "mailto://"))
    assert faults(findings) == [("report address", FAIL)] and "go to //d@kaisha.test" in repr(findings)
    assert faults(mended(dns, findings, "report address")) == []


def test_a_word_of_a_word_processor_is_shown_as_it_was_typed(dns: DnsServer) -> None:
    """What is in force is offered, not what was meant: a policy that nobody has tried refuses nothing."""
    (found,) = [f for f in lint(dns, "v=DMARC1; p=“reject”; rua=mailto:d@kaisha.test".encode()) if f.verdict is FAIL]
    assert "p=“reject” is no tag=value: it holds “ (U+201C, left double quotation mark)" in found.evidence
    assert [record.value for record in parse_paste(found.fix)] == ["v=DMARC1; p=none; rua=mailto:d@kaisha.test"]


def test_an_appendix_is_no_section(dns: DnsServer) -> None:
    assert {f.reference for f in lint(dns, GOOD + "; pct=20").where(check="DMARC removed tags")} == {
        "RFC 9989 appendix A.6"
    }


def test_a_host_that_takes_no_mail_is_not_mended_by_its_consent(dns: DnsServer) -> None:
    (found,) = [f for f in lint(dns, GOOD.replace("d@kaisha", "d@gone")) if f.verdict is FAIL]
    assert not found.fix and "takes no mail" in found.advice


@pytest.mark.parametrize(
    ("published", "verdict", "fix"),
    [
        (
            {"TXT": ["v=spf1 mx ~all"], "MX": [(10, "mx.kaisha.test")]},
            FAIL,
            "v=DMARC1; p=none; rua=mailto:dmarc@new.test",
        ),
        ({"TXT": ["v=spf1 -all"]}, WARN, "v=DMARC1; p=reject"),
        ({"MX": [(0, ".")]}, WARN, "v=DMARC1; p=reject"),
        ({"A": ["192.0.2.1"]}, WARN, ""),
        ({}, WARN, ""),
        ({"TXT": [GOOD], "MX": [(10, "mx.kaisha.test")]}, FAIL, GOOD),
    ],
)
def test_no_record(dns: DnsServer, published: dict[str, list[Any]], verdict: Verdict, fix: str) -> None:
    for rdtype, values in published.items():
        dns.publish("new.test", rdtype, *values)
    dns.publish("new.test._report._dmarc.kaisha.test", "TXT", "v=DMARC1")
    findings = lint(dns, domain="new.test")
    assert faults(findings) == [("record", verdict)]
    assert [record.value for record in parse_paste(findings[0].fix)] == ([fix] if fix else [])
    assert findings[0].advice or fix == GOOD
    if fix:
        assert faults(mended(dns, findings, "record", "new.test")) == []


def test_a_record_with_the_name_twice(dns: DnsServer) -> None:
    dns.publish("_dmarc.new.test.new.test", "TXT", "v=DMARC1; p=reject")
    (found,) = lint(dns, domain="new.test")
    assert "stands at _dmarc.new.test.new.test" in found.evidence
    assert [record.name for record in parse_paste(found.fix)] == ["_dmarc.new.test"]


def test_an_alias_to_nowhere(dns: DnsServer) -> None:
    dns.publish("_dmarc.new.test", "CNAME", "gone.provider.test")
    (found,) = lint(dns, domain="new.test")
    assert (found.verdict, found.fix) == (FAIL, "") and "gone.provider.test" in found.evidence


@pytest.mark.parametrize("record", ["v=DMARC1; p=none", "v=DMARC1\\; p=none", f"{GOOD}; adkim=strict"])
def test_nothing_is_offered_for_the_place_of_an_alias(dns: DnsServer, record: str) -> None:
    """Beside an alias no other record may stand (RFC 1034 section 3.6.2): it is mended where it leads."""
    dns.publish("kaisha.dmarc.provider.test", "TXT", record)
    dns.withdraw("_dmarc.kaisha.test", "TXT")
    dns.publish("_dmarc.kaisha.test", "CNAME", "kaisha.dmarc.provider.test")
    findings = dmarc.lint("kaisha.test", net=dns.net())
    bad = [found for found in findings if found.verdict in (WARN, FAIL)]
    assert bad and all(
        found.fix == "" and "it is kaisha.dmarc.provider.test that has to say “v=" in found.advice for found in bad
    )


def test_an_alias_to_a_name_without_a_record(dns: DnsServer) -> None:
    dns.publish("_dmarc.new.test", "CNAME", "kaisha.test")
    (found,) = lint(dns, domain="new.test")
    assert (found.verdict, found.fix) == (FAIL, "") and "alias of kaisha.test, where no DMARC" in found.evidence


def test_a_wildcard_alias_gives_way_to_what_is_published(dns: DnsServer) -> None:
    for name in ("_dmarc", MADE_UP):
        dns.publish(f"{name}.new.test", "CNAME", "web.test")
    dns.publish("web.test", "A", "192.0.2.80")
    dns.publish("new.test", "MX", (10, "mx.kaisha.test"))
    (found,) = lint(dns, domain="new.test")
    assert "alias" not in found.evidence and found.fix.startswith("_dmarc.new.test. ")


def test_a_subdomain_is_covered(dns: DnsServer) -> None:
    (found,) = lint(dns, domain="news.kaisha.test")
    assert found.verdict is PASS and "kaisha.test: quarantine" in found.evidence


def test_sp_below_the_organization_is_said_to_be_idle(dns: DnsServer) -> None:
    findings = lint(dns, GOOD + "; sp=none", domain="news.kaisha.test")
    assert [f.verdict for f in findings.where(check="DMARC subdomains")] == [INFO]


@pytest.mark.parametrize("record", ["v=DMARC1; p=reject", "v=DMARC1; p=quarantine", "v=DMARC1; p=reject; sp=reject"])
def test_a_parked_domain_needs_no_reports(dns: DnsServer, record: str) -> None:
    dns.publish("parked.test", "TXT", "v=spf1 -all")
    assert {f.verdict for f in lint(dns, record, domain="parked.test")} == {PASS}


def test_an_organization_that_a_registry_swallows(dns: DnsServer) -> None:
    dns.publish("_dmarc.test", "TXT", "v=DMARC1; p=none")
    findings = lint(dns)
    assert faults(findings) == [("organizational domain", WARN)]
    assert faults(mended(dns, findings, "organizational domain")) == []
    again = lint(dns, GOOD + "; psd=y")
    assert faults(again) == [("organizational domain", WARN)] and "registry" in repr(again)


def test_a_dns_that_fails_is_unknown(dns: DnsServer) -> None:
    dns.clear()
    dns.fail("_dmarc.kaisha.test")
    dns.publish("kaisha.test", "MX", (10, "mx.kaisha.test"))
    (found,) = lint(dns)
    assert (found.verdict, found.fix) == (UNKNOWN, "")


def test_a_resolver_that_lies_is_unknown(dns: DnsServer) -> None:
    dns.clear()
    (found,) = lint(dns)
    assert found.verdict is UNKNOWN and "resolver" in found.evidence


def test_what_the_dns_says_stays_text(dns: DnsServer) -> None:
    findings = lint(dns, (GOOD + "; \x1b[31m<script>=\u202e1; rua2=" + "x" * 3000).encode())
    assert all(f.evidence.isprintable() and len(f.evidence) <= 600 for f in findings)


def test_many_addresses_cost_a_bounded_number_of_questions(dns: DnsServer) -> None:
    uris = ",".join(f"mailto:d@h{number}.test" for number in range(40))
    lint(dns, f"v=DMARC1; p=reject; rua={uris}")
    assert len(set(dns.asked)) < 150


@pytest.mark.parametrize(
    ("value", "error"), [("", ValueError), ("a@b.test", ValueError), ("a b", ValueError), (3, TypeError)]
)
def test_bad_arguments(dns: DnsServer, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        dmarc.lint(value, net=dns.net())
