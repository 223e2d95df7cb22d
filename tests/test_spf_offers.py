"""Whatever is published, what spf.lint offers to paste is sound: generated records, broken ones and several at once."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support_spf_dns import DnsServer

from mailkit import spf
from mailkit.network import DnsRecord, parse_paste
from mailkit.results import Finding, Verdict

FAULTS = {Verdict.WARN, Verdict.FAIL}
CLIENTS = ("192.0.2.25", "192.0.2.80", "198.51.100.7", "203.0.113.40", "203.0.113.99", "2001:db8::1")
IPV4 = 5  # the first so many of them
STRICT = ("pass", "neutral", "softfail", "fail")
generated = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

mechanisms = st.sampled_from(
    ["a", "mx", "MX", "ip4:192.0.2.25", "ip4:203.0.113.40", "ip6:2001:db8::/32", "include:s.test",
     "include:strict.test", "a:m.test", "exists:ok.test", "a:d.test"]
)  # fmt: skip
endings = st.sampled_from(["-all", "~all", "?all", "redirect=s.test", "redirect=strict.test", "-all exp=why.test", ""])
slips = st.sampled_from(
    ["ptr", "+all", "a,", "ipv4:192.0.2.25", "a:192.0.2.25", "include=s.test", "a:gone.test", "include:gone.test",
     "moo", "–all", "-all mx", "exists:%{i}.x.test", "include:%{h}.x.test", "\t", "ip4:192.0.2.0/33", "?mx",
     "redirect:s.test"]
)  # fmt: skip
starts = st.sampled_from(["v=spf1 "] * 6 + ["v=spf1, ", " v=spf1 ", "\ufeffv=spf1 ", "“v=spf1 ", "v=spf1", "spf1 "])
lists = st.lists(mechanisms, min_size=1, max_size=4)
well_formed = st.builds(lambda terms, end: " ".join(["v=spf1", *terms, end]).strip(), lists, endings)
broken = st.builds(
    lambda start, terms, end: start + " ".join([*terms, end]).strip(),
    starts,
    st.lists(st.one_of(mechanisms, slips), min_size=1, max_size=5),
    endings,
)


@pytest.fixture
def dns(dns_server: DnsServer) -> DnsServer:
    dns_server.clear()
    dns_server.publish("d.test", "MX", (10, "m.test"))
    dns_server.publish("d.test", "A", "192.0.2.80")
    dns_server.publish("m.test", "A", "192.0.2.25")
    dns_server.publish("ok.test", "A", "127.0.0.2")
    dns_server.publish("s.test", "TXT", "v=spf1 ip4:198.51.100.0/24 ~all")
    dns_server.publish("strict.test", "TXT", "v=spf1 ip4:203.0.113.40 -all")
    dns_server.publish("why.test", "TXT", "because")
    return dns_server


def publish(dns: DnsServer, *texts: str) -> None:
    dns.publish("d.test", "TXT", *(text.encode() for text in texts))


def offered(findings: list[Finding]) -> list[tuple[Finding, str]]:
    """Return each finding that offers something, with the text of the one record that it offers."""
    found = []
    for finding in findings:
        if finding.fix:
            (record,) = parse_paste(finding.fix)
            assert (record.name, record.rdtype) == ("d.test", "TXT")
            found.append((finding, record.value))
    return found


def faults(findings: list[Finding]) -> set[str]:
    return {finding.check for finding in findings if finding.verdict in FAULTS}


def results(dns: DnsServer) -> list[str]:
    return [spf.check(ip, "d.test", "h.test", net=dns.net()).result for ip in CLIENTS]


@given(text=broken)
@generated
def test_an_offer_clears_its_fault_and_makes_no_other(dns: DnsServer, text: str) -> None:
    publish(dns, text)
    before = list(spf.lint("d.test", net=dns.net()))
    for finding, record in offered(before):
        publish(dns, record)
        after = list(spf.lint("d.test", net=dns.net()))
        assert finding.check not in faults(after)
        assert faults(after) - {"SPF lookups"} <= faults(before)
        if not {finding.verdict for finding in after} & {Verdict.FAIL, Verdict.UNKNOWN}:
            assert "permerror" not in results(dns)[:IPV4]
        # What the overlay shows is what publishing brings about.
        overlay = dns.net().overlay([DnsRecord("d.test", "TXT", record)])
        assert [(f.check, f.verdict) for f in spf.lint("d.test", net=overlay)] == [(f.check, f.verdict) for f in after]


@given(texts=st.lists(well_formed, min_size=2, max_size=3, unique=True))
@generated
def test_one_record_made_of_several_shuts_nobody_out(dns: DnsServer, texts: list[str]) -> None:
    alone = []
    for text in texts:
        publish(dns, text)
        alone.append(results(dns))
    publish(dns, *texts)
    offers = offered(list(spf.lint("d.test", net=dns.net())))
    publish(dns, *reversed(texts))
    assert offers == offered(list(spf.lint("d.test", net=dns.net())))
    for _, record in offers:
        publish(dns, record)
        for ip, together, *each in zip(CLIENTS, results(dns), *alone):
            if "pass" in each:
                assert together == "pass"
            elif together == "permerror":  # a stranger over IPv6, where no host has an address
                assert ":" in ip
            elif "permerror" not in each:  # what an error hid may come to light
                assert STRICT.index(together) >= max(STRICT.index(result) for result in each)
