"""spf.tree and its figure: the record of a domain with all that it leads to, for no client in particular."""

from __future__ import annotations

import pytest
from support_spf_dns import SERVFAIL, DnsServer

from mailkit import spf
from mailkit.figures import spf as figure
from mailkit.results import Verdict

PASS, FAIL, INFO, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.INFO, Verdict.UNKNOWN


@pytest.fixture
def dns(dns_server: DnsServer) -> DnsServer:
    dns_server.clear()
    dns_server.publish("d.test", "TXT", "v=spf1 a include:s.test exists:%{i}.ok.test -ip4:192.0.2.7 redirect=r.test")
    dns_server.publish("s.test", "TXT", "v=spf1 ip4:198.51.100.0/24 a:gone.test ~all")
    dns_server.publish("r.test", "TXT", "v=spf1 mx ptr -all")
    dns_server.publish("d.test", "A", "192.0.2.80")
    dns_server.publish("d.test", "AAAA", "2001:db8::80")
    dns_server.publish("r.test", "MX", (10, "m.test"))
    dns_server.publish("m.test", "A", "192.0.2.81")
    return dns_server


def tree(dns: DnsServer, record: str | None = None) -> spf.Tree:
    if record is not None:
        dns.publish("d.test", "TXT", record)
    return spf.tree("d.test", net=dns.net())


def test_the_whole_tree_with_running_counts(dns: DnsServer) -> None:
    found = tree(dns)
    rows = [(s.depth, s.parent, s.term, s.outcome, s.lookups, s.void_lookups, s.note) for s in found.trace]
    assert rows == [
        (0, None, "a", "pass", 1, 0, "192.0.2.80, 2001:db8::80"),
        (0, None, "include:s.test", "included", 2, 0, "its record follows"),
        (1, 1, "ip4:198.51.100.0/24", "pass", 2, 0, ""),
        (1, 1, "a:gone.test", "pass", 3, 1, "finds nothing"),
        (1, 1, "~all", "no match", 3, 1, "so the include does not match"),
        (0, None, "exists:%{i}.ok.test", "unknown", 4, 1, "what it looks up depends on the message"),
        (0, None, "-ip4:192.0.2.7", "fail", 4, 1, ""),
        (0, None, "redirect=r.test", "followed", 5, 1, "where nothing matches, the record that follows decides"),
        (1, 7, "mx", "pass", 6, 1, "192.0.2.81"),
        (1, 7, "ptr", "pass", 7, 1, "hosts with a reverse name in r.test"),
        (1, 7, "-all", "fail", 7, 1, "everyone else"),
    ]
    assert (found.lookups, found.void_lookups, found.verdict) == (7, 1, PASS)
    assert found.reason == "7 lookups, 10 are allowed; everyone else: fail"
    assert found.trace.caption.startswith("internet, seen from here")


@pytest.mark.parametrize(
    ("record", "verdict", "reason"),
    [
        ("v=spf1 " + "a " * 11 + "-all", FAIL, "11 lookups, 10 are allowed; receivers that come to the eleventh"),
        ("v=spf1 include:loop.test -all", FAIL, "leads back to itself"),
        ("v=spf1 include:none.test -all", FAIL, "has no SPF record"),
        ("v=spf1 moo -all", FAIL, "there is no such mechanism"),
        ("v=spf1 a:x.test a:y.test a:z.test -all", FAIL, "3 lookups find nothing, 2 are allowed: x.test"),
        ("v=spf1, a -all", FAIL, "v=spf1 is followed by a comma"),
        ("v=spf1 include:silent.test -all", UNKNOWN, "silent.test cannot be had"),
        ("v=spf1 redirect=silent.test", UNKNOWN, "silent.test cannot be had"),
        ("v=spf1 include:%{l}.test -all", UNKNOWN, "depends on the message"),
        ("v=spf1 redirect=%{l}.test", UNKNOWN, "depends on the message"),
        ("v=spf1 " + "ip4:192.0.2.1 " * 1100 + "-all", UNKNOWN, "only the first 1000 terms"),
        ("v=spf1 a", PASS, "nothing says what becomes of everyone else"),
        ("v=spf1 -all", PASS, "0 lookups, 10 are allowed; everyone else: fail"),
        ("something else", INFO, "publishes no SPF record"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_whole_comes_to(dns: DnsServer, record: str, verdict: Verdict, reason: str) -> None:
    dns.publish("loop.test", "TXT", "v=spf1 include:d.test -all")
    dns.fail("silent.test", SERVFAIL)
    found = tree(dns, record)
    assert found.verdict is verdict and reason in found.reason
    picture = figure.tree(found)
    assert picture.png().startswith(b"\x89PNG") and len(picture.alt.splitlines()) == 1 + len(found.trace)


def test_a_domain_that_fails_is_unknown(dns: DnsServer) -> None:
    dns.fail("down.test", SERVFAIL)
    assert spf.tree("down.test", net=dns.net()).verdict is UNKNOWN


def test_the_figure_shows_each_term_and_what_the_whole_comes_to(dns: DnsServer) -> None:
    found = tree(dns)
    texts = [text.get_text() for text in figure.tree(found).figure.axes[0].texts]
    assert {step.term for step in found.trace} <= set(texts)
    assert "What does the SPF record of d.test lead to?" in texts and "✓ in order" in texts
    assert "cannot be told from the record" in texts


@pytest.mark.parametrize("domain", ["", "test", "a b.test", "a@d.test", "%{d}.test"])
def test_what_is_no_domain(dns: DnsServer, domain: str) -> None:
    with pytest.raises(ValueError, match="is no domain name"):
        spf.tree(domain, net=dns.net())
    with pytest.raises(TypeError, match="domain is a name as text"):
        spf.tree(None, net=dns.net())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout"):
        spf.tree("d.test", net=dns.net(), timeout=0)
