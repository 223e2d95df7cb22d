"""spf.lint: each fault is found, with what to paste; records in order raise no alarm."""

from __future__ import annotations

from typing import Any

import pytest
from support_spf_dns import SERVFAIL, SILENCE, DnsServer

from mailkit import spf
from mailkit.results import Finding, Rows, Verdict

PASS, WARN, FAIL, INFO, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.INFO, Verdict.UNKNOWN


@pytest.fixture
def dns(dns_server: DnsServer) -> DnsServer:
    """A server with a company that has a mail host, a sending service, and an enforced DMARC policy."""
    dns_server.clear()
    dns_server.publish("d.test", "MX", (10, "m.test"))
    dns_server.publish("d.test", "A", "192.0.2.80")
    dns_server.publish("m.test", "A", "192.0.2.25")
    dns_server.publish("s.test", "TXT", "v=spf1 ip4:198.51.100.0/24 ip6:2001:db8:1::/48 ~all")
    dns_server.publish("_dmarc.d.test", "TXT", "v=DMARC1; p=reject; rua=mailto:d@d.test")
    return dns_server


def lint(dns: DnsServer, record: Any = None) -> Rows[Finding]:
    if record is not None:
        dns.publish("d.test", "TXT", record)
    return spf.lint("d.test", net=dns.net())


def the(findings: Rows[Finding], check: str) -> Finding:
    (found,) = findings.where(check=f"SPF {check}")
    return found


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 -all",
        "v=spf1 mx -all",
        "v=spf1 mx ~all",
        "v=spf1 a mx include:s.test -all",
        "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
        "v=spf1 mx -all x=1 exp=why.d.test",
        "v=spf1 redirect=r.test",
        "V=SPF1 MX -ALL",
        ["v=spf1 ip4:192.0.2.1 include:s.te", "st -all"],
        ["v=spf1 ip4:192.0.2.1 ", "include:s.test -all"],
        ["v=spf1 ip4:192.0.2.1", " include:s.test -all"],
        "v=spf1 -include:s.test mx -all",
    ],
    ids=str,
)
def test_no_false_alarm(dns: DnsServer, record: Any) -> None:
    dns.publish("r.test", "TXT", "v=spf1 mx:d.test ip6:2001:db8::25 -all")
    findings = lint(dns, record)
    assert {f.verdict for f in findings} == {PASS}, repr(findings)
    assert all(f.lesson == "04_spf" and f.reference.startswith("RFC 7208 section ") for f in findings)
    assert len(findings) >= 8


def test_a_domain_that_sends_no_mail(dns: DnsServer) -> None:
    assert the(lint(dns, "v=spf1 -all"), "all").evidence == "-all: this domain sends no mail"


@pytest.mark.parametrize(
    ("record", "check", "verdict", "evidence"),
    [
        ("v=spf1 mx +all", "all", FAIL, "everyone passes"),
        ("v=spf1 mx all", "all", FAIL, "everyone passes"),
        ("v=spf1 mx ?all", "all", WARN, "no protection"),
        ("v=spf1 mx", "all", WARN, "no all"),
        ("v=spf1", "all", WARN, "no all"),
        ("v=spf1 redirect=open.test", "all", FAIL, "everyone passes"),
        ("v=spf1 mx -all a", "ignored terms", WARN, "never used: a"),
        ("v=spf1 mx -all redirect=s.test", "ignored terms", WARN, "never used: redirect=s.test"),
        ("v=spf1 ptr -all", "ptr", WARN, "ptr of d.test"),
        ("v=spf1 include:p.test -all", "ptr", INFO, "p.test"),
        ("v=spf1 a:gone.test -all", "void lookups", WARN, "gone.test"),
        ("v=spf1 a:g1.test a:g2.test exists:g3.test -all", "void lookups", FAIL, "g1.test, g2.test, g3.test"),
        ("v=spf1 mx:crowd.test -all", "mx hosts", FAIL, "11 hosts"),
        ("v=spf1 include:gone.test -all", "includes", FAIL, "has no SPF record"),
        ("v=spf1 include:bad.test -all", "includes", FAIL, "no such mechanism"),
        ("v=spf1 include:loop.test -all", "includes", FAIL, "leads back to itself"),
        ("v=spf1 include:two.test -all", "includes", FAIL, "more than one"),
        ("v=spf1 include:d.test -all", "syntax", FAIL, "includes itself"),
        ("v=spf1 redirect=gone.test", "syntax", FAIL, "no SPF record"),
        ("v=spf1 ip4:192.0.2.0/33 -all", "syntax", FAIL, "0 to 32"),
        ("v=spf1 a, mx -all", "syntax", FAIL, "commas"),
        ("v=spf1 exists:%{h} -all", "who may send", FAIL, "the client chooses"),
        ("v=spf1 a:%{p}/24 -all", "who may send", FAIL, "the client chooses"),
        ("v=spf1 include:mail.%{h2} -all", "who may send", FAIL, "the client chooses"),
        ("v=spf1 include:open.test -all", "who may send", FAIL, "ends in +all"),
        ("v=spf1 ip4:0.0.0.0/0 -all", "who may send", FAIL, "great part of the internet"),
        ("v=spf1 ip6:::/1 -all", "who may send", FAIL, "great part of the internet"),
        ("v=spf1 mx/0 -all", "who may send", FAIL, "great part of the internet"),
        ("v=spf1 ip4:10.0.0.0/12 -all", "who may send", WARN, "/12"),
        ("v=spf1 include:wide.test -all", "who may send", INFO, "/15"),
        (["v=spf1 ip4:192.0.2.1", "include:s.test -all"], "strings", WARN, "192.0.2.1include:s.test"),
        ("v=spf1 " + "ip4:192.0.2.1 " * 31 + "-all", "size", INFO, "450"),
        ("v=spf1 " + "ip4:192.0.2.1 " * 40 + "-all", "size", WARN, "octets"),
    ],
    ids=str,
)
def test_fault(dns: DnsServer, record: Any, check: str, verdict: Verdict, evidence: str) -> None:
    dns.publish("open.test", "TXT", "v=spf1 +all")
    dns.publish("p.test", "TXT", "v=spf1 ptr ~all")
    dns.publish("bad.test", "TXT", "v=spf1 ipv4:192.0.2.1 ~all")
    dns.publish("loop.test", "TXT", "v=spf1 include:d.test ~all")
    dns.publish("two.test", "TXT", "v=spf1 -all", "v=spf1 +all")
    dns.publish("wide.test", "TXT", "v=spf1 ip4:40.92.0.0/15 ~all")
    dns.publish("crowd.test", "MX", *[(i, "m.test") for i in range(10)], (10, "d.test"))
    found = the(lint(dns, record), check)
    assert found.verdict is verdict
    assert evidence in found.evidence or evidence in found.advice
    assert found.advice or verdict is INFO


@pytest.mark.parametrize(
    ("record", "check", "fix"),
    [
        ("v=spf1 mx +all", "all", "v=spf1 mx ~all"),
        ("v=spf1 mx", "all", "v=spf1 mx ~all"),
        ("v=spf1 mx ?all a redirect=s.test exp=e.test", "all", "v=spf1 mx exp=e.test ~all"),
        ("v=spf1 mx -all a", "ignored terms", "v=spf1 mx -all"),
        ("v=spf1 mx ?ptr:x.test -all", "ptr", "v=spf1 mx -all"),
        (["v=spf1 a", "mx -all"], "strings", "v=spf1 a mx -all"),
    ],
)
def test_fix_is_a_record_that_lints_clean_of_the_fault(dns: DnsServer, record: Any, check: str, fix: str) -> None:
    found = the(lint(dns, record), check)
    assert found.fix == f'd.test. 3600 IN TXT "{fix}"'
    again = lint(dns, fix)
    assert all(f.verdict in (PASS, INFO) for f in again.where(check=found.check))


def test_no_record(dns: DnsServer) -> None:
    (found,) = lint(dns)
    assert (found.verdict, found.fix) == (FAIL, 'd.test. 3600 IN TXT "v=spf1 mx ~all"')


def test_a_parked_domain_without_record(dns: DnsServer) -> None:
    dns.publish("parked.test", "A", "192.0.2.1")
    dns.publish("nullmx.test", "MX", (0, "."))
    for domain in ("parked.test", "nullmx.test", "gone.test"):
        (found,) = spf.lint(domain, net=dns.net())
        assert (found.verdict, found.fix) == (WARN, f'{domain}. 3600 IN TXT "v=spf1 -all"')


def test_several_records_are_merged(dns: DnsServer) -> None:
    dns.publish("d.test", "TXT", "v=spf1 mx a -all", "other", "v=spf1 a ip4:192.0.2.1 ~all")
    (found,) = lint(dns)
    assert (found.verdict, found.fix) == (FAIL, 'd.test. 3600 IN TXT "v=spf1 mx a ip4:192.0.2.1 -all"')


@pytest.mark.parametrize(
    "text", ["v=spf1mx -all", "“v=spf1 -all”".encode(), "spf1 mx -all", "v=spf2.0/pra -all", '"v=spf1 -all"']
)
def test_almost_a_record(dns: DnsServer, text: Any) -> None:
    (found,) = lint(dns, text)
    assert found.verdict is FAIL and found.evidence.startswith("looks like SPF, but is none: ")


def test_obsolete_type(dns: DnsServer) -> None:
    dns.publish("d.test", "SPF", "v=spf1 ip4:192.0.2.1 -all")
    findings = lint(dns)
    assert the(findings, "record").verdict is FAIL
    assert the(findings, "record").fix == 'd.test. 3600 IN TXT "v=spf1 ip4:192.0.2.1 -all"'
    assert the(findings, "obsolete type").verdict is WARN
    beside = lint(dns, "v=spf1 -all")
    assert (the(beside, "record").verdict, the(beside, "obsolete type").verdict) == (PASS, WARN)


def services(dns: DnsServer, count: int) -> str:
    """Publish *count* services with one lookup each inside, and return a record that includes them."""
    for i in range(count):
        dns.publish(f"s{i}.test", "TXT", "v=spf1 a:d.test ~all")
    return " ".join(f"include:s{i}.test" for i in range(count))


@pytest.mark.parametrize(
    ("count", "extra", "lookups", "verdict"),
    [(4, "", 8, PASS), (4, "a", 9, WARN), (5, "", 10, WARN), (6, "mx", 13, FAIL)],
)
def test_lookups_are_counted_over_the_whole_tree(
    dns: DnsServer, count: int, extra: str, lookups: int, verdict: Verdict
) -> None:
    found = the(lint(dns, f"v=spf1 {services(dns, count)} {extra} -all"), "lookups")
    assert found.verdict is verdict
    assert found.evidence.startswith(f"{lookups} lookups, 10 are allowed: include:s0.test 2, include:s1.test 2")


def test_branches_are_listed_by_what_they_cost(dns: DnsServer) -> None:
    dns.publish("big.test", "TXT", f"v=spf1 {services(dns, 3)} mx ~all")
    found = the(lint(dns, "v=spf1 a include:s.test include:big.test -all"), "lookups")
    assert found.evidence == "10 lookups, 10 are allowed: include:big.test 8, a 1, include:s.test 1"


def test_softfail_without_dmarc_is_only_mentioned(dns: DnsServer) -> None:
    dns.publish("_dmarc.d.test", "TXT", "v=DMARC1; p=none")
    assert the(lint(dns, "v=spf1 mx ~all"), "all").verdict is INFO
    dns.publish("_dmarc.d.test", "TXT", "v=DMARC1; p=quarantine")
    assert the(lint(dns), "all").verdict is PASS


def test_softfail_below_a_domain_with_dmarc(dns: DnsServer) -> None:
    dns.publish("sub.d.test", "TXT", "v=spf1 mx ~all")
    dns.publish("sub.d.test", "MX", (10, "m.test"))
    assert the(spf.lint("sub.d.test", net=dns.net()), "all").verdict is PASS
    dns.publish("_dmarc.d.test", "TXT", "v=DMARC1; p=reject; sp=none")
    assert the(spf.lint("sub.d.test", net=dns.net()), "all").verdict is INFO


def test_mx_with_ipv6(dns: DnsServer) -> None:
    dns.publish("m.test", "AAAA", "2001:db8::25")
    assert the(lint(dns, "v=spf1 ip4:192.0.2.25 -all"), "IPv6").verdict is WARN
    assert the(lint(dns, "v=spf1 mx -all"), "IPv6").verdict is PASS
    assert the(lint(dns, "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"), "IPv6").verdict is PASS
    assert not lint(dns, "v=spf1 -all").where(check="SPF IPv6")


def test_void_lookups_of_ipv6_clients_are_only_mentioned(dns: DnsServer) -> None:
    record = "v=spf1 a:v1.test a:v2.test a:v3.test -all"
    for host in ("v1.test", "v2.test", "v3.test"):
        dns.publish(host, "A", "192.0.2.1")
    assert the(lint(dns, record), "void lookups").verdict is INFO


@pytest.mark.parametrize("how", [SERVFAIL, SILENCE])
def test_what_cannot_be_looked_up_is_unknown(dns: DnsServer, how: str) -> None:
    net = dns.net(timeout=0.5)
    dns.fail("down.test", how)
    (found,) = spf.lint("down.test", net=net)
    assert found.verdict is UNKNOWN
    dns.publish("d.test", "TXT", "v=spf1 include:down.test mx -all")
    findings = spf.lint("d.test", net=net)
    assert {f.check for f in findings if f.verdict is UNKNOWN} == {
        "SPF lookups",
        "SPF void lookups",
        "SPF who may send",
    }
    assert not [f for f in findings if f.verdict in (WARN, FAIL)]
    dns.publish("d.test", "TXT", "v=spf1 redirect=down.test")
    findings = spf.lint("d.test", net=net)
    assert [f.verdict for f in findings] == [PASS, PASS, UNKNOWN]
    dns.publish("d.test", "TXT", "v=spf1 mx ~all")
    dns.publish("sub.d.test", "TXT", "v=spf1 ip4:192.0.2.1 ~all")
    dns.fail("_dmarc.sub.d.test", how)
    assert the(spf.lint("sub.d.test", net=net), "all").verdict is UNKNOWN


@pytest.mark.parametrize("domain", ["", "test", "a b.test", "a@d.test", "x" * 64 + ".test", "%{d}.test"])
def test_what_is_no_domain(dns: DnsServer, domain: str) -> None:
    with pytest.raises(ValueError, match="is no domain name"):
        spf.lint(domain, net=dns.net())


def test_a_domain_must_be_text(dns: DnsServer) -> None:
    with pytest.raises(TypeError, match="domain is a name as text"):
        spf.lint(None, net=dns.net())  # type: ignore[arg-type]


def test_a_chain_without_end_is_bounded(dns: DnsServer) -> None:
    for i in range(200):
        dns.publish(f"i{i}.test", "TXT", f"v=spf1 include:i{i + 1}.test -all")
        dns.publish(f"r{i}.test", "TXT", f"v=spf1 redirect=r{i + 1}.test")
    dns.publish("wide.test", "TXT", "v=spf1 " + "include:d.test include:wide2.test " * 900)
    dns.publish("wide2.test", "TXT", "v=spf1 " + "include:wide.test include:i0.test " * 900)
    for record in ("v=spf1 include:i0.test -all", "v=spf1 redirect=r0.test", "v=spf1 include:wide.test -all"):
        assert the(lint(dns, record), "lookups").verdict is FAIL
