"""mailkit.spf: results, counts and traces on cases made by hand, what pyspf gets wrong, hostile input, threads."""

from __future__ import annotations

import email
import ipaddress
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support_spf_dns import SERVFAIL, SILENCE, DnsServer

from mailkit import spf
from mailkit.figures import spf as figure
from mailkit.network import Network
from mailkit.network.dns_lookup import Status

CLIENT = "192.0.2.25"
RESULTS = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"}


def spf_of(dns: DnsServer, ip: str = CLIENT, sender: str = "a@d.test", helo: str = "mx.d.test") -> spf.Check:
    return spf.check(ip, sender, helo, net=dns.net())


def publish(dns: DnsServer, **records: str) -> None:
    """Publish SPF records: ``d="..."`` is the TXT of d.test."""
    for label, text in records.items():
        dns.publish(f"{label}.test", "TXT", text)


# --- results ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "ip", "result"),
    [
        ("v=spf1 -all", CLIENT, "fail"),
        ("v=spf1 ip4:192.0.2.1 -all", "192.0.2.1", "pass"),
        ("v=spf1 ip4:192.0.2.1 -all", "192.0.2.2", "fail"),
        ("v=spf1 ip4:192.0.2.0/24 ~all", CLIENT, "pass"),
        ("v=spf1 ?ip4:192.0.2.0/24 -all", CLIENT, "neutral"),
        ("v=spf1 ip6:2001:db8::/32 ~all", "2001:db8::25", "pass"),
        ("v=spf1 ip6:2001:db8::/32 ~all", "2001:db9::25", "softfail"),
        ("v=spf1 ip4:192.0.2.0/24 -all", "::ffff:192.0.2.25", "pass"),
        ("v=spf1", CLIENT, "neutral"),
        ("v=spf1 Redirect=r.test", CLIENT, "fail"),
        ("v=spf1 x=1 x=2 y=%{d} -all", CLIENT, "fail"),
        ("v=spf1 x=%{ -all", CLIENT, "permerror"),
        ("v=spf1 moo -all", CLIENT, "permerror"),
    ],
)
def test_result(dns: DnsServer, record: str, ip: str, result: str) -> None:
    publish(dns, d=record, r="v=spf1 -all")
    assert spf_of(dns, ip).result == result


def test_no_record_is_none_and_two_are_permerror(dns: DnsServer) -> None:
    assert spf_of(dns).result == "none"
    dns.publish("d.test", "TXT", "v=spf1 +all", "v=spf1 -all")
    check = spf_of(dns)
    assert check.result == "permerror"
    assert "more than one" in check.reason


def test_the_obsolete_record_type_is_not_read(dns: DnsServer) -> None:
    dns.publish("d.test", "SPF", "v=spf1 ip4:192.0.2.1 -all")
    assert spf_of(dns, "192.0.2.1").result == "none"
    assert dns.asked == [("d.test", "TXT")]


def test_subdomains_do_not_inherit(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 ip4:192.0.2.0/24 -all")
    assert spf_of(dns, sender="a@sub.d.test").result == "none"


@pytest.mark.parametrize("how", [SERVFAIL, SILENCE])
@pytest.mark.parametrize("where", ["d.test", "i.test", "host.test"])
def test_dns_failure_is_temperror(dns: DnsServer, how: str, where: str) -> None:
    dns.fail(where, how)
    if where != "d.test":
        publish(dns, d="v=spf1 include:i.test a:host.test -all")
    if where == "host.test":
        publish(dns, i="v=spf1 -all")
    check = spf.check(CLIENT, "a@d.test", "h.test", net=dns.net(timeout=0.5))
    assert check.result == "temperror"
    assert where in check.reason


def test_null_sender_is_judged_by_its_helo_name(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 exists:%{l}.%{o}.ok.test -all")
    dns.publish("postmaster.d.test.ok.test", "A", "127.0.0.2")
    for sender in ("", "<>"):
        check = spf_of(dns, sender=sender, helo="d.test")
        assert (check.result, check.identity, check.domain) == ("pass", "helo", "d.test")
        assert "envelope-from" not in check.received_spf
    assert spf_of(dns, sender="<a@d.test>", helo="x").identity == "mailfrom"


# --- counts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "result", "lookups", "voids"),
    [
        ("v=spf1 ip4:192.0.2.25 a mx -all", "pass", 0, 0),
        ("v=spf1 a mx -all", "fail", 2, 0),
        ("v=spf1 a:gone.test -all", "fail", 1, 1),
        ("v=spf1 a:gone.test mx:gone.test -all", "fail", 2, 2),
        ("v=spf1 a:gone.test mx:gone.test exists:gone.test -all", "permerror", 3, 3),
        ("v=spf1 include:inner.test include:inner.test -all", "fail", 4, 0),
        ("v=spf1 include:deep.test -all", "fail", 3, 0),
        ("v=spf1 a:gone.test a:gone.test -all", "fail", 2, 2),
        ("v=spf1 redirect=inner.test", "fail", 2, 0),
        ("v=spf1 ip4:192.0.2.25 redirect=inner.test", "pass", 0, 0),
        ("v=spf1 -all redirect=inner.test", "fail", 0, 0),
        ("v=spf1 exists:%{p}.gone.test -all", "fail", 1, 1),
        ("v=spf1 ptr -all", "fail", 1, 1),
        ("v=spf1 a a a a a a a a a a -all", "fail", 10, 0),
        ("v=spf1 a a a a a a a a a a a -all", "permerror", 11, 0),
        ("v=spf1 a a a a a a a a a a redirect=inner.test", "permerror", 11, 0),
        ("v=spf1 a a a a a a a a a a redirect=inner.test -all", "fail", 10, 0),
        ("v=spf1 -all exp=gone.test", "fail", 0, 0),
        ("v=spf1 a:%{d}..test -all", "fail", 1, 0),
    ],
)
def test_counts(dns: DnsServer, record: str, result: str, lookups: int, voids: int) -> None:
    publish(dns, d=record, inner="v=spf1 a:d.test -all", deep="v=spf1 include:inner.test -all")
    dns.publish("d.test", "A", "198.51.100.1")
    dns.publish("d.test", "MX", (10, "m.test"))
    dns.publish("m.test", "A", "198.51.100.2")
    check = spf_of(dns)
    assert (check.result, check.lookups, check.void_lookups) == (result, lookups, voids), check.reason


def test_missing_record_is_no_void_lookup(dns: DnsServer) -> None:
    check = spf_of(dns)
    assert (check.result, check.lookups, check.void_lookups) == ("none", 0, 0)


def test_each_question_is_asked_once(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 a:gone.test a:gone.test include:i.test include:i.test -all", i="v=spf1 ?all")
    spf_of(dns)
    assert sorted(dns.asked) == [("d.test", "TXT"), ("gone.test", "A"), ("i.test", "TXT")]


# --- where plain pyspf strays -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "domain", ["localhost", "test", "[192.0.2.1]", "a" * 64 + ".test", "a..test", "x." * 130 + "test", "%{i}.test"]
)
def test_malformed_sender_domain_is_none_and_asks_nothing(dns: DnsServer, domain: str) -> None:
    check = spf_of(dns, sender=f"a@{domain}")
    assert (check.result, check.lookups, dns.asked) == ("none", 0, [])


@pytest.mark.parametrize("how", [SERVFAIL, SILENCE])
def test_a_reverse_zone_that_fails_is_no_match(dns: DnsServer, how: str) -> None:
    publish(dns, d="v=spf1 ptr ?exists:%{p}.x.test -all")
    dns.fail("25.2.0.192.in-addr.arpa", how)
    dns.publish("unknown.x.test", "A", "127.0.0.2")
    check = spf.check(CLIENT, "a@d.test", "h.test", net=dns.net(timeout=0.5))
    assert (check.result, check.lookups, check.void_lookups) == ("neutral", 2, 0)


def test_reverse_names_that_lead_nowhere_cannot_cause_permerror(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 ptr -all")
    dns.publish("25.2.0.192.in-addr.arpa", "PTR", *[f"n{i}.attacker.test" for i in range(9)])
    check = spf_of(dns)
    assert (check.result, check.void_lookups) == ("fail", 0)


def test_ptr_matches_a_name_that_leads_back(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 ptr -all")
    dns.publish("25.2.0.192.in-addr.arpa", "PTR", "broken.d.test", "out.d.test")
    dns.fail("broken.d.test")
    dns.publish("out.d.test", "A", CLIENT)
    check = spf_of(dns)
    assert check.result == "pass"
    assert check.trace[0].note == "reverse name out.d.test"


def test_explanation_is_fetched_only_on_fail(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 ip4:192.0.2.25 ~ip4:192.0.2.26 -all exp=why.test", why="%{i} is no host of %{d}")
    for ip, result in ((CLIENT, "pass"), ("192.0.2.26", "softfail")):
        dns.asked.clear()
        assert spf_of(dns, ip).result == result
        assert ("why.test", "TXT") not in dns.asked
    assert spf_of(dns, "192.0.2.27").explanation == "192.0.2.27 is no host of d.test"


def test_explanation_of_a_redirect_is_the_targets(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 exp=mine.test redirect=r.test", r="v=spf1 -all exp=yours.test")
    publish(dns, mine="mine", yours="see %{d}, " + "long " * 60)
    assert spf_of(dns).explanation.startswith("see r.test, long long")
    publish(dns, r="v=spf1 -all")
    assert spf_of(dns).explanation == ""


def test_hostile_explanation_is_made_visible(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 -all exp=why.test", why="\x1b[2J" + "x" * 5000)
    explanation = spf_of(dns).explanation
    assert explanation.startswith("\\x1b[2Jxxx") and len(explanation) <= 500


@pytest.mark.parametrize("ip", ["fe80::1%eth0", "192.0.2.256", "", "localhost", "192.0.2.1/24", "list"])
def test_bad_address_is_a_sentence(dns: DnsServer, ip: str) -> None:
    with pytest.raises(ValueError, match="address"):
        spf_of(dns, ip)


def test_bad_arguments(dns: DnsServer) -> None:
    net: Any = dns.net()
    with pytest.raises(TypeError, match="ip is an address as text"):
        spf.check(ipaddress.ip_address(CLIENT), "a@d.test", "h", net=net)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sender is text"):
        spf.check(CLIENT, None, "h", net=net)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="helo is text"):
        spf.check(CLIENT, "a@d.test", b"h", net=net)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout"):
        spf.check(CLIENT, "a@d.test", "h", net=net, timeout=0)


def test_quoted_local_part_and_internationalized_domain(dns: DnsServer) -> None:
    dns.publish("xn--fsq.test", "TXT", "v=spf1 ip4:192.0.2.0/24 -all")
    assert spf_of(dns, sender='"a@b"@xn--fsq.test').domain == "xn--fsq.test"
    assert spf_of(dns, sender="a@例.test").result == "pass"
    publish(dns, d="v=spf1 exists:%{l}.u.test -all")
    assert spf_of(dns, sender="名前@d.test").result == "fail"  # RFC 8616: such a term matches nothing


# --- macros -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%{ir}.%{v}._spf.%{d2}", "25.2.0.192.in-addr._spf.d.test"),
        ("%{s}", "first.last+x@mail.d.test"),
        ("%{l}", "first.last+x"),
        ("%{l1r+.}", "first"),
        ("%{lr+.}", "x.last.first"),
        ("%{d1}.%{o1r}.%{h}", "test.mail.mx.h.test"),
        ("%{h-}", "mx.h.test"),
        ("a%%b%_c%-d.%{D}", "a%b c%20d.mail.d.test"),
        ("%{L}", "first.last%2Bx"),
        ("%{p}", "unknown"),
        ("%{d999999999}", "mail.d.test"),
    ],
)
def test_expand(dns: DnsServer, text: str, expanded: str) -> None:
    assert spf.expand(text, CLIENT, "first.last+x@mail.d.test", "mx.h.test", net=dns.net()) == expanded


@pytest.mark.parametrize(
    "text", ["%{d0}", "%{dX}", "%{d", "%", "%x", "%{}", "%{q}", "%{c}", "%{r}", "%{t}", "%{d" + "9" * 5000 + "}"]
)
def test_wrong_macros_are_permerror(dns: DnsServer, text: str) -> None:
    with pytest.raises(ValueError, match="RFC 7208"):
        spf.expand(text, CLIENT, "a@d.test", "h.test", net=dns.net())
    publish(dns, d=f"v=spf1 exists:{text}.x.test -all")
    assert spf_of(dns).result == "permerror"


def test_long_names_lose_labels_on_the_left(dns: DnsServer) -> None:
    text = ".".join(["%{d}"] * 40)
    assert len(spf.expand(text, CLIENT, "a@d.test", "h.test", net=dns.net())) in range(247, 254)


# --- the trace ----------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(dns: DnsServer) -> DnsServer:
    publish(
        dns,
        d="v=spf1 a include:s.test exists:%{ir}.ok.%{d} ip4:203.0.113.0/24 redirect=r.test",
        s="v=spf1 ip4:198.51.100.0/24 a:gone.test ~all",
        r="v=spf1 mx ip6:2001:db8::/32 -all",
    )
    dns.publish("d.test", "A", "192.0.2.80")
    dns.publish("r.test", "MX", (10, "m.test"))
    dns.publish("m.test", "A", "192.0.2.81", "192.0.2.82")
    return dns


def test_trace_of_a_whole_tree(tree: DnsServer) -> None:
    check = spf_of(tree)
    rows = [(s.depth, s.parent, s.term, s.expanded, s.outcome, s.lookups, s.void_lookups) for s in check.trace]
    assert rows == [
        (0, None, "a", "d.test", "no match", 1, 0),
        (0, None, "include:s.test", "s.test", "no match", 2, 0),
        (1, 1, "ip4:198.51.100.0/24", "198.51.100.0/24", "no match", 2, 0),
        (1, 1, "a:gone.test", "gone.test", "no match", 3, 1),
        (1, 1, "~all", "", "softfail", 3, 1),
        (0, None, "exists:%{ir}.ok.%{d}", "25.2.0.192.ok.d.test", "no match", 4, 2),
        (0, None, "ip4:203.0.113.0/24", "203.0.113.0/24", "no match", 4, 2),
        (0, None, "redirect=r.test", "r.test", "followed", 5, 2),
        (1, 7, "mx", "r.test", "no match", 6, 2),
        (1, 7, "ip6:2001:db8::/32", "2001:db8::/32", "no match", 6, 2),
        (1, 7, "-all", "", "fail", 6, 2),
    ]
    assert [s.number for s in check.trace] == list(range(11))
    assert [s.matched for s in check.trace] == [s.outcome in ("softfail", "fail") for s in check.trace]
    assert (check.result, check.lookups, check.void_lookups) == ("fail", 6, 2)
    assert (
        check.reason
        == "d.test redirects to r.test; nothing before it in the record of r.test matches 192.0.2.25, so -all decides"
    )
    notes = {s.term: s.note for s in check.trace}
    assert notes["a"] == "192.0.2.25 is not among 192.0.2.80"
    assert notes["mx"] == "192.0.2.25 is not among 192.0.2.81, 192.0.2.82"
    assert notes["a:gone.test"] == "no A record found"
    assert notes["include:s.test"] == "that record says softfail: no match here"
    assert notes["ip6:2001:db8::/32"] == "an IPv6 range; the client came over IPv4"


def test_a_match_ends_the_trace_and_is_explained(tree: DnsServer) -> None:
    check = spf_of(tree, "198.51.100.9")
    assert [s.term for s in check.trace] == ["a", "include:s.test", "ip4:198.51.100.0/24"]
    assert [s.matched for s in check.trace] == [False, True, True]
    assert check.mechanism == "include:s.test"
    assert check.reason == "include:s.test of d.test matches 198.51.100.9, because ip4:198.51.100.0/24 of s.test does"


def test_no_match_at_all(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 ip4:203.0.113.0/24")
    check = spf_of(dns)
    assert (check.result, check.mechanism) == ("neutral", "default")
    assert "no term of d.test matches" in check.reason


def test_an_error_is_shown_at_its_term_and_on_the_way_up(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 include:i.test -all", i="v=spf1 ip4:192.0.2.1 ipv4:192.0.2.25 -all")
    check = spf_of(dns)
    assert [(s.depth, s.term, s.outcome) for s in check.trace] == [
        (0, "include:i.test", "permerror"),
        (1, "ipv4:192.0.2.25", "permerror"),
    ]
    assert check.trace[1].note.startswith("there is no such mechanism")
    assert check.reason == "ipv4:192.0.2.25 of i.test: there is no such mechanism (RFC 7208 section 4.6.1)"
    assert check.detail and check.detail not in repr(check)


def test_trace_as_table_and_frame(tree: DnsServer) -> None:
    trace = spf_of(tree).trace
    assert "\n└ a:gone.test  " in repr(trace)
    assert "└ a:gone.test</td>" in trace._repr_html_()
    columns = "number parent depth domain term expanded matched outcome lookups void_lookups note"
    assert list(trace.frame.columns) == columns.split()
    assert trace.frame.query("depth == 1")["term"].tolist()[0] == "ip4:198.51.100.0/24"
    assert len(trace.where(outcome="no match")) == 8


# --- Received-SPF -------------------------------------------------------------------------------------------------


def test_received_spf(tree: DnsServer) -> None:
    field = spf_of(tree, "198.51.100.9").received_spf
    assert field.startswith("Received-SPF: pass (")
    parts = dict(part.split("=", 1) for part in field.rpartition(") ")[2].split("; "))
    assert parts.pop("receiver")
    assert parts == {
        "client-ip": "198.51.100.9",
        "envelope-from": '"a@d.test"',
        "helo": "mx.d.test",
        "identity": "mailfrom",
        "mechanism": '"include:s.test"',
    }
    assert 'client-ip="2001:db8::1"' in spf_of(tree, "2001:db8::1").received_spf
    publish(tree, d="v=spf1 moo")
    broken = spf_of(tree).received_spf
    assert 'problem="there is no such mechanism' in broken and "mechanism=" not in broken


@given(sender=st.text(max_size=80), helo=st.text(max_size=80))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_received_spf_is_one_header_whatever_the_client_says(dns_server: DnsServer, sender: str, helo: str) -> None:
    check = spf_of(dns_server, sender=sender, helo=helo)
    assert check.received_spf.isascii() and check.received_spf.isprintable()
    assert email.message_from_string(check.received_spf + "\n\nbody").keys() == ["Received-SPF"]


# --- hostile input ------------------------------------------------------------------------------------------------

SOME_TERMS = """a mx ptr -all ?all include:d.test include:i.test exists:%{h} a:%{s}.test a/0//0 mx/33 + : = / a:
ip4:0.0.0.0/0 ip6:::/0 ip4:1.2.3 redirect=d.test redirect=i.test exp=i.test x=%{p} %{d} a:%{l99r+-} include:%{i}.d.test
exists:%{Hr}.%_.%%"""
TERMS = st.sampled_from([*SOME_TERMS.split(), "a:" + "a" * 300 + ".test", "ip4:1.2.3.4/" + "9" * 5000])


@given(terms=st.lists(TERMS, max_size=8), ip=st.ip_addresses().map(str))
@settings(max_examples=150, deadline=None)
def test_any_terms(dns_server: DnsServer, terms: list[str], ip: str) -> None:
    dns_server.clear()
    publish(dns_server, d=" ".join(["v=spf1", *terms]), i="v=spf1 include:d.test mx redirect=d.test")
    check = spf_of(dns_server, ip, "a@d.test", "h.test")
    assert check.result in RESULTS and check.reason
    assert check.lookups <= 11 and check.void_lookups <= 3
    assert len(check.trace) <= 1000
    spf.lint("d.test", net=dns_server.net())


@given(octets=st.binary(max_size=300), sender=st.text(max_size=40), helo=st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_octets_as_a_record(dns_server: DnsServer, octets: bytes, sender: str, helo: str) -> None:
    dns_server.clear()
    dns_server.publish("d.test", "TXT", b"v=spf1 " + octets)
    assert spf_of(dns_server, sender=f"{sender}@d.test", helo=helo).result in RESULTS - {"none"}
    for finding in spf.lint("d.test", net=dns_server.net()):
        assert finding.lesson == "04_spf" and finding.evidence.isprintable()


@given(text=st.text(alphabet="%{}_-.slodiphcrtvSH0129r+,/=a", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_macro_string(dns_server: DnsServer, text: str) -> None:
    dns_server.clear()
    try:
        assert len(spf.expand(text, CLIENT, "a.b@d.test", "h.test", net=dns_server.net())) <= 300
    except ValueError as error:
        assert "RFC 7208" in str(error)


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 " + "ip4:198.51.100.1 " * 3500,
        "v=spf1 " + "a:x." + "a" * 60000 + "_",
        "v=spf1 " + "a:" + ".a" * 30000,
        "v=spf1 exists:" + "%{" * 30000,
        "v=spf1 x=" + "%{sr.-+}" * 7000,
        "v=spf1 " + " ".join(f"m{i}=x" for i in range(8000)),
        "v=spf1 " + "%" * 60000,
        "v=spf1 ip4:1.2.3.4/" + "1" * 60000,
        "v=spf1" + " " * 60000,
        "v=spf1 " + "include:i.test " * 4000,
        "v=spf1 " + "/1" * 30000,
    ],
    ids=range(11),
)
def test_records_of_64_kilobytes(dns: DnsServer, record: str) -> None:
    publish(dns, d=record, i=record.replace("i.test", "d.test"))
    sender = "x.-" * 20000 + "@d.test"
    assert spf_of(dns, sender=sender, helo="h" * 100000).result in RESULTS - {"none", "temperror"}
    assert len(spf.lint("d.test", net=dns.net())) > 1


def test_a_trace_is_cut_after_a_thousand_steps(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 " + "ip4:198.51.100.1 " * 1500 + "-all")
    check = spf_of(dns)
    assert (check.result, check.mechanism, len(check.trace)) == ("fail", "-all", 1000)


def test_the_deadline_is_for_the_whole_check(dns: DnsServer) -> None:
    publish(dns, d="v=spf1 a:h1.test a:h2.test a:h3.test -all")
    for host in ("h1.test", "h2.test", "h3.test"):
        dns.fail(host, SILENCE)
    check = spf.check(CLIENT, "a@d.test", "h.test", net=dns.net(timeout=30), timeout=0.3)
    assert check.result == "temperror"


def test_threads_do_not_disturb_each_other(tree: DnsServer) -> None:
    net: Network = tree.net()
    clients = [CLIENT, "198.51.100.9", "203.0.113.5", "2001:db8::1"] * 8
    alone = {ip: spf.check(ip, "a@d.test", "h.test", net=net) for ip in clients}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda ip: spf.check(ip, "a@d.test", "h.test", net=net), clients))
    for ip, check in zip(clients, together):
        assert check == alone[ip]
        assert check.trace == alone[ip].trace


# --- the record as published --------------------------------------------------------------------------------------


def test_record(dns: DnsServer) -> None:
    dns.publish("d.test", "TXT", "site-verification=1", ["v=spf1 ip4:192.0.2.1", " -all"])
    found = spf.record("d.test", net=dns.net())
    assert (found.text, found.pieces, found.ttl) == (
        "v=spf1 ip4:192.0.2.1 -all",
        ("v=spf1 ip4:192.0.2.1", " -all"),
        300,
    )
    assert (found.status, found.records, found.almost) == (Status.NOERROR, (found.text,), ())
    missing = spf.record("gone.test", net=dns.net())
    assert (missing.status, missing.text, missing.ttl) == (Status.NXDOMAIN, "", None)


# --- the figure ---------------------------------------------------------------------------------------------------


def drawn(check: spf.Check) -> list[str]:
    picture = figure.tree(check)
    assert picture.png().startswith(b"\x89PNG")
    return [text.get_text() for text in picture.figure.axes[0].texts]


def test_figure_shows_every_term_and_both_counters(tree: DnsServer) -> None:
    check = spf_of(tree)
    texts = drawn(check)
    assert [t for t in texts if t in {s.term for s in check.trace}] == [s.term for s in check.trace]
    assert [t for t in texts if t.endswith(" of 2")] == [f"{s.void_lookups} of 2" for s in check.trace]
    assert "✗ fail" in texts
    assert repr(figure.tree(check)).count("\n") == len(check.trace)


def test_figure_of_nothing_of_much_and_of_hostile_text(dns: DnsServer) -> None:
    assert "no term was tried" in drawn(spf_of(dns))
    publish(dns, d="v=spf1 " + "ip4:198.51.100.1 " * 1500 + "-all")
    assert "… 970 more steps …" in drawn(spf_of(dns))
    publish(dns, d="v=spf1 exists:%{l}.test -all")
    assert all(text.isprintable() for text in drawn(spf_of(dns, sender="\x1b[31m\u202e$x$@d.test")))
