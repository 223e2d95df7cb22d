"""SPF as people who do this job met it: what is offered to paste, almost-records, macros, terms that do nothing."""

from __future__ import annotations

import itertools
import socket
import threading
from typing import Any

import dns.flags as dns_flags
import dns.message as dns_message
import pytest
from support_servers import one_number
from support_spf_dns import SERVFAIL, DnsServer

from mailkit import spf
from mailkit.network import DnsRecord, internet, parse_paste
from mailkit.results import Finding, Rows, Verdict

PASS, WARN, FAIL, INFO, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.INFO, Verdict.UNKNOWN
FAULTS = (WARN, FAIL)
CLIENT = "192.0.2.25"


@pytest.fixture
def dns(dns_server: DnsServer) -> DnsServer:
    """A company with a mail host, a sending service, and an enforced DMARC policy."""
    dns_server.clear()
    dns_server.publish("d.test", "MX", (10, "m.test"))
    dns_server.publish("d.test", "A", "192.0.2.80")
    dns_server.publish("m.test", "A", CLIENT)
    dns_server.publish("smtp.d.test", "A", "192.0.2.58")
    dns_server.publish("s.test", "TXT", "v=spf1 ip4:198.51.100.0/24 ~all")
    dns_server.publish("_dmarc.d.test", "TXT", "v=DMARC1; p=reject; rua=mailto:d@d.test")
    return dns_server


def lint(dns: DnsServer, *records: Any) -> Rows[Finding]:
    if records:
        dns.publish("d.test", "TXT", *records)
    return spf.lint("d.test", net=dns.net())


def the(findings: Rows[Finding], check: str) -> Finding:
    (found,) = findings.where(check=f"SPF {check}")
    return found


def offered(found: Finding) -> str:
    """Return the record that *found* offers, its strings joined."""
    return "".join(found.fix.split('"')[1::2])


def none_offered(findings: Rows[Finding]) -> bool:
    return not any(found.fix for found in findings)


def faults(findings: Rows[Finding]) -> set[str]:
    return {found.check for found in findings if found.verdict in FAULTS}


# --- what is offered to paste has been tried ------------------------------------------------------------------------

BROKEN: list[Any] = [
    "v=spf1, mx a:smtp.d.test -all",
    " v=spf1 mx -all",
    "v=spf1mx -all",
    "“v=spf1 mx -all”".encode(),
    "v=spf1 mx –all".encode(),
    "v=spf1 a, mx -all",
    "v=spf1 ipv4:192.0.2.25 -all",
    "v=spf1 a:192.0.2.25 -all",
    "v=spf1 include=s.test -all",
    "v=spf1 mx +all",
    "v=spf1 mx",
    "v=spf1 mx -all a",
    "v=spf1 mx mx -all",
    "v=spf1 mx ptr -all",
    "v=spf1 ip4:192.0.2.25 -all redirect=s.test",
    ["v=spf1 a", "mx -all"],
    "spf2.0/pra mx -all",
]


@pytest.mark.parametrize("record", BROKEN, ids=str)
def test_what_is_offered_clears_its_finding_and_makes_no_other(dns: DnsServer, record: Any) -> None:
    before = lint(dns, record)
    fixes = [found for found in before if found.fix]
    assert fixes
    for found in fixes:
        after = lint(dns, offered(found))
        assert found.check not in faults(after) and faults(after) <= faults(before)
        for ip in ("192.0.2.25", "203.0.113.7"):
            assert spf.check(ip, "d.test", "h.test", net=dns.net()).result in ("pass", "fail", "softfail")


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        ("v=spf1, mx a:smtp.d.test -all", "v=spf1 mx a:smtp.d.test -all"),
        (" v=spf1 mx a:smtp.d.test -all", "v=spf1 mx a:smtp.d.test -all"),
        ("v=spf1;mx,a:smtp.d.test,-all", "v=spf1 mx a:smtp.d.test -all"),
        ("v=spf1 mx –all".encode(), "v=spf1 mx -all"),
        ("v=spf1 mx \u2212all".encode(), "v=spf1 mx -all"),
        ("v=spf1 mx –all".encode("cp1252"), "v=spf1 mx -all"),
        ("ｖ＝ｓｐｆ１　ｍｘ　－ａｌｌ".encode(), "v=spf1 mx -all"),
        ("\ufeffv=spf1 mx -all".encode(), "v=spf1 mx -all"),
        ("\u200bv=spf1 mx -all".encode(), "v=spf1 mx -all"),
        ("\u00a0v=spf1 mx -all".encode(), "v=spf1 mx -all"),
        ("v=spf1\u00a0mx -all".encode(), "v=spf1 mx -all"),
        ("v=spf1 mx\t-all", "v=spf1 mx -all"),
        ("v=spf1 include: s.test - all", "v=spf1 include:s.test -all"),
        ("v=spf1 redirect:s.test", "v=spf1 redirect=s.test"),
    ],
    ids=repr,
)
def test_the_terms_that_are_there_are_kept(dns: DnsServer, record: Any, kept: str) -> None:
    assert [offered(found) for found in lint(dns, record) if found.fix] == [kept]


def test_what_would_not_do_is_not_offered_and_the_advice_says_why(dns: DnsServer) -> None:
    found = the(lint(dns, "v=spf1, mx a:gone.test -all"), "record")
    assert not found.fix and "was tried" in found.advice and "gone.test" in found.advice
    dns.publish("d.test", "MX", (10, "dead.test"))
    (found,) = lint(dns, "something else")
    assert not found.fix and "dead.test" in found.advice
    assert "nobody" not in found.advice


def test_nothing_is_offered_where_it_cannot_be_tried(dns: DnsServer) -> None:
    dns.fail("silent.test", SERVFAIL)
    findings = lint(dns, "v=spf1 include:silent.test mx -all a")
    assert the(findings, "ignored terms").verdict is WARN and none_offered(findings)
    assert "could not be tried" in the(findings, "ignored terms").advice
    merged = lint(dns, "v=spf1 include:silent.test -all", "v=spf1 mx -all")
    assert none_offered(merged)


def test_a_line_too_long_to_show_is_not_offered_in_part(dns: DnsServer) -> None:
    record = "v=spf1 " + " ".join(f"ip4:198.51.{i // 200}.{i % 200}" for i in range(400)) + " +all"
    found = the(lint(dns, record), "all")
    assert found.verdict is FAIL and not found.fix and "octets" in found.advice


# --- several records become one -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "one"),
    [
        (("v=spf1 mx -all", "v=spf1 include:s.test ~all"), "v=spf1 mx include:s.test -all"),
        (("v=spf1 mx", "v=spf1 include:s.test ~all"), "v=spf1 mx include:s.test ~all"),
        (("v=spf1 mx ~all exp=why.test", "v=spf1 a x=1 -all"), "v=spf1 mx a x=1 exp=why.test -all"),
        (("v=spf1 mx redirect=strict.test", "v=spf1 a ~all"), "v=spf1 a mx redirect=strict.test"),
        (("v=spf1 mx redirect=s.test", "v=spf1 a -all"), "v=spf1 a mx include:s.test -all"),
        (("v=spf1 redirect=s.test", "v=spf1 redirect=strict.test"), "v=spf1 include:s.test redirect=strict.test"),
        (("v=spf1 mx -all include:late.test", "v=spf1 a ~all"), "v=spf1 a mx -all"),
        (("v=spf1 MX -all", "v=spf1 mx ~all"), "v=spf1 mx -all"),
    ],
    ids=str,
)
def test_merging_keeps_everything_whatever_the_order(dns: DnsServer, records: tuple[str, ...], one: str) -> None:
    dns.publish("strict.test", "TXT", "v=spf1 ip4:203.0.113.40 -all")
    dns.publish("why.test", "TXT", "because")
    for order in itertools.permutations(records):
        found = the(lint(dns, *order, "other=text"), "record")
        assert found.verdict is FAIL
        assert sorted(offered(found).lower().split()) == sorted(one.lower().split())
        assert offered(found).split()[-1] == one.split()[-1]


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (("v=spf1 " + "a:d.test " * 6 + "-all", "v=spf1 " + "a:m.test " * 6 + "-all"), ""),
        (
            (
                "v=spf1 a:d.test mx:d.test a:m.test include:s1.test include:s2.test -all",
                "v=spf1 include:s3.test include:s4.test a:smtp.d.test ~all",
            ),
            "12 lookups",
        ),
        (("v=spf1 mx ?include:s.test -all", "v=spf1 include:s.test -all"), "another ?include:s.test"),
        (("v=spf1 mx -all", "v=spf1 moo -all"), "no such mechanism"),
        (("v=spf1 mx -all", "v=spf1 redirect=gone.test"), "gone.test"),
        (("v=spf1 mx -all", "v=spf1 redirect=%{l}.d.test"), "is not known"),
    ],
    ids=str,
)
def test_merging_says_when_it_cannot(dns: DnsServer, records: tuple[str, ...], why: str) -> None:
    for i in range(1, 5):
        dns.publish(f"s{i}.test", "TXT", "v=spf1 a:d.test ~all")
    for order in itertools.permutations(records):
        found = the(lint(dns, *order), "record")
        if why:
            assert not found.fix and "Nothing is offered to paste" in found.advice and why in found.advice
        else:
            assert offered(found) == "v=spf1 a:d.test a:m.test -all"


# --- strings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "strings",
    [
        ["v=spf1 mx -", "all"],
        ["v=spf1 m", "x -all"],
        ["v=spf1 a", ":smtp.d.test mx -all"],
        ["v=spf1 mx ~", "include:s.test -all"],
        ["v=spf1 include:s.t", "est -all"],
        ["v=spf1 include:s.", "test -all"],
        ["v=spf1 a:mx", ".d.test -all"],
        ["v=spf1 ip4:192.0.2.1 ip4:192.0.2.", "25 -all"],
        ["v=spf1 include:a", "mx.test -all"],
        ["v=spf1 mx -all", ""],
    ],
    ids=str,
)
def test_a_split_inside_a_term_is_no_fault(dns: DnsServer, strings: list[str]) -> None:
    for name in ("mx.d.test", "m.test"):
        dns.publish(name, "A", CLIENT)
    dns.publish("amx.test", "TXT", "v=spf1 mx:d.test -all")
    findings = lint(dns, strings)
    assert faults(findings) == set() and none_offered(findings)
    assert the(findings, "strings").verdict is PASS


@pytest.mark.parametrize(
    ("strings", "fix"),
    [
        (["v=spf1 a", "mx -all"], "v=spf1 a mx -all"),
        (["v=spf1 a mx -", "include:x.test ip4:192.0.2.1", "mx:d.test -", "all"], None),
        (["v=spf1 a include:s.test", "mx -", "all"], "v=spf1 a include:s.test mx -all"),
    ],
    ids=str,
)
def test_the_space_goes_only_where_it_is_missing(dns: DnsServer, strings: list[str], fix: str | None) -> None:
    found = the(lint(dns, strings), "strings")
    assert found.verdict is WARN and (fix is None or offered(found) == fix)


def test_a_record_cut_off_at_255_octets_is_called_that(dns: DnsServer) -> None:
    whole = "v=spf1 mx " + " ".join(f"include:s{i}.test" for i in range(30)) + " -all"
    for i in range(30):
        dns.publish(f"s{i}.test", "TXT", "v=spf1 ip4:198.51.100.1 ~all")
    findings = lint(dns, whole[:255])
    assert any("255 octets" in found.evidence and found.verdict in FAULTS for found in findings)
    cut = "v=spf1 mx ip4:192.0.2.1 " + "x=" + "a" * 219 + " ip4:192.0."
    assert len(cut) == 256
    found = the(lint(dns, cut[:255]), "syntax")
    assert found.evidence.startswith("the record ends after 255 octets") and found.reference.endswith("3.3")


# --- almost a record ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spoilt_by"),
    [
        ("\ufeffv=spf1 mx -all", "U+FEFF (byte-order mark, invisible)"),
        ("\u200bv=spf1 mx -all", "U+200B (zero width space, invisible)"),
        ("\u00a0v=spf1 mx -all", "U+00A0 (no-break space, invisible)"),
        ("v=spf1\u00a0mx -all", "v=spf1 is followed by U+00A0"),
        ("“v=spf1 mx -all”", "“ (U+201C, left double quotation mark)"),
        (" v=spf1 mx -all", "it begins with a space"),
        ('"v=spf1 mx -all"', "it begins with a quotation mark"),
        ("v=spf1, mx -all", "v=spf1 is followed by a comma"),
        ("v=spf1mx -all", "v=spf1 is followed by “m”"),
        ("v=spf 1 mx -all", "a space stands where"),
        ("v=spf2 mx -all", "“2” stands where v=spf1 has “1”"),
        ("v:spf1 mx -all", "a colon stands where"),
        ("spf1 mx -all", "it begins with “s”"),
    ],
    ids=repr,
)
def test_an_almost_record_is_shown_with_the_character_that_spoils_it(dns: DnsServer, text: str, spoilt_by: str) -> None:
    (found,) = lint(dns, text.encode())
    assert found.verdict is FAIL
    assert found.evidence.startswith("looks like SPF, but is none: ") and spoilt_by in found.evidence
    assert found.evidence.isprintable() and "mx -all" in found.evidence
    check = spf.check(CLIENT, "d.test", "h.test", net=dns.net())
    assert check.result == "none" and spoilt_by in check.reason
    assert spf.record("d.test", net=dns.net()).almost


@pytest.mark.parametrize(
    "text", ["", "google-site-verification=spf1x", "verification=1", "spf record below", "v=DKIM1"]
)
def test_other_texts_are_no_almost_records(dns: DnsServer, text: str) -> None:
    dns.publish("d.test", "TXT", text)
    assert spf.record("d.test", net=dns.net()).almost == ()


def test_a_dash_that_is_no_hyphen_is_shown_as_it_was_typed(dns: DnsServer) -> None:
    found = the(lint(dns, "v=spf1 mx –all".encode()), "syntax")
    assert (found.verdict, offered(found)) == (FAIL, "v=spf1 mx -all")
    assert "– (U+2013, en dash)" in found.evidence and "b'" not in found.evidence
    assert the(lint(dns), "record").evidence == "v=spf1 mx –all"
    check = spf.check(CLIENT, "d.test", "h.test", net=dns.net())
    assert check.result == "permerror" and "– (U+2013, en dash)" in check.reason


def test_an_almost_record_beside_a_record_is_mentioned(dns: DnsServer) -> None:
    findings = lint(dns, "v=spf1 mx -all", "\ufeffv=spf1 a -all".encode())
    assert (the(findings, "record").verdict, the(findings, "almost a record").verdict) == (PASS, INFO)
    assert "U+FEFF" in the(findings, "almost a record").evidence


def test_a_merge_that_would_stop_senders_over_ipv6_is_not_offered(dns: DnsServer) -> None:
    dns.publish("v6.test", "AAAA", "2001:db8::1")
    records = ("v=spf1 mx -all", "v=spf1 a a:m.test a:v6.test -all")
    dns.publish("d.test", "TXT", records[1])
    assert spf.check("2001:db8::1", "d.test", "h.test", net=dns.net()).result == "pass"
    found = the(lint(dns, *records), "record")
    assert not found.fix and "over IPv6" in found.advice
    # An include can stand before what finds nothing.
    dns.publish("six.test", "TXT", "v=spf1 ip6:2001:db8::/32 ~all")
    found = the(lint(dns, "v=spf1 mx -all", "v=spf1 a a:m.test include:six.test -all"), "record")
    assert offered(found) == "v=spf1 include:six.test mx a a:m.test -all"


def test_ptr_alone_is_not_taken_away(dns: DnsServer) -> None:
    found = the(lint(dns, "v=spf1 ptr -all"), "ptr")
    assert found.verdict is WARN and not found.fix
    assert offered(the(lint(dns, "v=spf1 ptr mx -all"), "ptr")) == "v=spf1 mx -all"


def test_ptr_terms_may_find_nothing_too(dns: DnsServer) -> None:
    assert the(lint(dns, "v=spf1 ptr ptr:a.test ptr:b.test ~all"), "void lookups").verdict is UNKNOWN
    assert spf.check("203.0.113.7", "d.test", "h.test", net=dns.net()).result == "permerror"


def test_a_record_one_zone_too_deep_is_found(dns: DnsServer) -> None:
    dns.publish("d.test.d.test", "TXT", "v=spf1 mx -all")
    (found,) = lint(dns)
    assert (found.verdict, offered(found)) == (FAIL, "v=spf1 mx -all")
    assert "d.test.d.test" in found.evidence and "@" in found.advice


def test_the_cause_comes_before_the_sentence_of_the_parser(dns: DnsServer) -> None:
    dns.publish("d.test", "TXT", "v=spf1 mx -all", "v=spf1 a -all")
    check = spf.check(CLIENT, "d.test", "h.test", net=dns.net())
    assert check.reason == "d.test: there is more than one v=spf1 record (RFC 7208 section 4.5)"
    dns.publish("d.test", "TXT", "v=spf1 include:silent.test -all")
    dns.fail("silent.test")
    check = spf.check(CLIENT, "d.test", "h.test", net=dns.net())
    answer = dns.net().lookup("silent.test", "TXT")
    assert check.result == "temperror" and check.reason.endswith(f"cannot be had: {answer.reason}")


# --- what depends on the message ------------------------------------------------------------------------------------


def test_a_redirect_by_local_part_is_judged_by_the_record_of_that_user(dns: DnsServer) -> None:
    record = "v=spf1 redirect=%{l1r+}._spf.%{d}"
    dns.publish("d.test", "TXT", record)
    dns.publish("joe._spf.d.test", "TXT", "v=spf1 mx:d.test -all")
    assert spf.check(CLIENT, "joe+list@d.test", "h.test", net=dns.net()).result == "pass"
    findings = lint(dns)
    assert faults(findings) == set()
    assert {f.check for f in findings if f.verdict is UNKNOWN} == {
        "SPF lookups",
        "SPF void lookups",
        "SPF all",
        "SPF who may send",
    }
    assert not [f for f in findings if "sk again" in f.advice]


def test_an_include_by_address_and_greeting_is_unseen_and_so_unknown(dns: DnsServer) -> None:
    term = "include:%{i}._ip.%{h}._ehlo.%{d}._spf.provider.test"
    dns.publish("d.test", "TXT", f"v=spf1 {term} -all")
    dns.publish(f"{CLIENT}._ip.m.test._ehlo.d.test._spf.provider.test", "TXT", f"v=spf1 ip4:{CLIENT} -all")
    assert spf.check(CLIENT, "a@d.test", "m.test", net=dns.net()).result == "pass"
    findings = lint(dns)
    for check in ("who may send", "lookups", "void lookups"):
        found = the(findings, check)
        assert found.verdict is UNKNOWN and term in found.evidence and "spf.check(" in found.advice
    assert faults(findings) == set() and not [f for f in findings if "sk again" in f.advice]


@pytest.mark.parametrize(
    "term",
    ["exists:%{ir}.%{l1r+-}._spf.%{d}", "exists:%{i}.list.test", "a:%{l}.d.test", "?mx:%{s}.x.test exists:%{S}.x.test"],
)
def test_what_depends_on_the_message_is_never_pass(dns: DnsServer, term: str) -> None:
    findings = lint(dns, f"v=spf1 {term} mx -all")
    assert the(findings, "who may send").verdict is UNKNOWN
    assert not [f for f in findings if "sk again" in f.advice] and faults(findings) == set()


def test_a_term_by_message_that_lets_nobody_in_hides_nothing(dns: DnsServer) -> None:
    assert the(lint(dns, "v=spf1 -exists:%{i}.bad.test mx -all"), "who may send").verdict is PASS


def test_an_include_by_message_inside_an_include_is_unseen_too(dns: DnsServer) -> None:
    dns.publish("inner.test", "TXT", "v=spf1 include:%{i}.x.test ~all")
    findings = lint(dns, "v=spf1 include:inner.test -all")
    assert the(findings, "who may send").verdict is UNKNOWN
    dns.publish("inner.test", "TXT", "v=spf1 redirect=%{i}.x.test")
    findings = lint(dns, "v=spf1 include:inner.test mx -all")
    assert the(findings, "who may send").verdict is the(findings, "lookups").verdict is UNKNOWN
    assert faults(findings) == set()


def test_many_terms_by_message_may_all_find_nothing(dns: DnsServer) -> None:
    record = "v=spf1 exists:%{i}.a.test exists:%{i}.b.test exists:%{i}.c.test -all"
    assert the(lint(dns, record), "void lookups").verdict is UNKNOWN
    assert spf.check("203.0.113.7", "d.test", "h.test", net=dns.net()).result == "permerror"


@pytest.mark.parametrize(
    "term",
    [
        "include:%{l}.n.test",
        "include:%{S}.n.test",
        "a:%{l}.n.test",
        "mx:%{l}.n.test",
        "exists:%{L}.n.test",
        "ptr:%{l}.n.test",
    ],
)
def test_a_local_part_that_is_not_ascii_matches_no_term_that_names_it(dns: DnsServer, term: str) -> None:
    dns.publish("d.test", "TXT", f"v=spf1 {term} -all")
    dns.publish("%E5%90%8D.n.test", "A", CLIENT)  # what the capital letter would expand to
    check = spf.check(CLIENT, "名@d.test", "h.test", net=dns.net())
    assert check.result == "fail", check.reason
    assert check.trace[0].outcome == "no match" and "RFC 8616" in check.trace[0].note
    assert (check.lookups, check.void_lookups) == (1, 0)


# --- terms that do nothing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "verdict", "named", "fix"),
    [
        ("v=spf1 mx -all a", WARN, "never used: a", "v=spf1 mx -all"),
        ("v=spf1 mx -all mx", WARN, "never used: mx", "v=spf1 mx -all"),
        ("v=spf1 mx -all redirect=s.test", WARN, "never used: redirect=s.test", "v=spf1 mx -all"),
        ("v=spf1 redirect=s.test mx -all", WARN, "never used: redirect=s.test", "v=spf1 mx -all"),
        ("v=spf1 mx mx -all", WARN, "never reached: mx", "v=spf1 mx -all"),
        ("v=spf1 mx a MX:d.test -all", WARN, "never reached: MX:d.test", "v=spf1 mx a -all"),
        ("v=spf1 mx -mx -all", WARN, "never reached: -mx", "v=spf1 mx -all"),
        (
            "v=spf1 ip4:192.0.2.1 mx ip4:192.0.2.1/32 -all",
            INFO,
            "never reached: ip4:192.0.2.1/32",
            "v=spf1 ip4:192.0.2.1 mx -all",
        ),
        (
            "v=spf1 include:s.test include:s.test -all",
            WARN,
            "never reached: include:s.test",
            "v=spf1 include:s.test -all",
        ),
        (
            "v=spf1 mx include=s.test -all",
            WARN,
            "do not know and ignore: include=s.test",
            "v=spf1 mx include:s.test -all",
        ),
        ("v=spf1 mx ip4=192.0.2.1 -all", WARN, "ip4=192.0.2.1", "v=spf1 mx ip4:192.0.2.1 -all"),
    ],
)
def test_terms_that_do_nothing_are_named(dns: DnsServer, record: str, verdict: Verdict, named: str, fix: str) -> None:
    found = the(lint(dns, record), "ignored terms")
    assert (found.verdict, offered(found)) == (verdict, fix)
    assert named in found.evidence


@pytest.mark.parametrize(
    "record", ["v=spf1 mx mx/24 -all", "v=spf1 a a//64 -all", "v=spf1 mx x=1 y=a:b -all", "v=spf1 a mx:m.test -all"]
)
def test_terms_that_differ_are_not_called_the_same(dns: DnsServer, record: str) -> None:
    dns.publish("m.test", "MX", (10, "m.test"))
    dns.publish("d.test", "AAAA", "2001:db8::80")
    assert not lint(dns, record).where(check="SPF ignored terms")


# --- the MX ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 a -all",
        "v=spf1 include:s.test -all",
        "v=spf1 ip6:2001:db8::/48 ~all",
        "v=spf1 redirect=s.test",
        "v=spf1 exists:%{i}.x.test -all",
    ],
)
def test_a_null_mx_beside_hosts_that_send_is_warned_of(dns: DnsServer, record: str) -> None:
    dns.publish("d.test", "MX", (0, "."))
    found = the(lint(dns, record), "null MX")
    assert (found.verdict, found.reference) == (WARN, "RFC 7505 section 4.2")


def test_a_parked_domain_has_nothing_to_mend(dns: DnsServer) -> None:
    dns.publish("d.test", "MX", (0, "."))
    assert {found.verdict for found in lint(dns, "v=spf1 -all")} == {PASS}


def test_a_dead_mail_host_is_the_business_of_the_mx(dns: DnsServer) -> None:
    dns.publish("d.test", "MX", (10, "m.test"), (20, "dead.test"))
    found = the(lint(dns, "v=spf1 mx -all"), "void lookups")
    assert found.verdict is WARN and "dead.test" in found.evidence
    assert "The MX names dead.test" in found.advice and "The term mx itself may stay" in found.advice
    assert "Remove" not in found.advice
    found = the(lint(dns, "v=spf1 mx a:gone.test -all"), "void lookups")
    assert "The MX names dead.test" in found.advice and "Remove a:gone.test" in found.advice
    dns.publish("s.test", "TXT", "v=spf1 a:gone.test ~all")
    dns.publish("d.test", "MX", (10, "m.test"))
    found = the(lint(dns, "v=spf1 include:s.test mx -all"), "void lookups")
    assert "Remove" not in found.advice and "s.test: tell its owner" in found.advice


def test_a_missing_final_dot_in_the_mx_is_suspected(dns: DnsServer) -> None:
    dns.publish("d.test", "MX", (10, "m.test"), (20, "mx.d.test.d.test"))
    assert "final dot is missing" in the(lint(dns, "v=spf1 mx -all"), "void lookups").advice


# --- a network that lies or is cut off ------------------------------------------------------------------------------


def test_a_resolver_that_denies_every_name_is_not_believed(dns_server: DnsServer) -> None:
    dns_server.clear()
    (found,) = spf.lint("d.test", net=dns_server.net())
    assert found.verdict is UNKNOWN and not found.fix and "resolver" in found.evidence


def test_the_reason_is_the_refused_tcp_when_an_answer_does_not_fit(dns: DnsServer) -> None:
    tcp, udp = one_number()
    with udp, tcp:
        answering = threading.Thread(target=_truncate_all, args=(udp,), daemon=True)
        answering.start()
        net = internet(nameservers=[f"127.0.0.1:{udp.getsockname()[1]}"], timeout=30)
        check = spf.check(CLIENT, "d.test", "h.test", net=net)
        (found,) = spf.lint("d.test", net=net)
        udp.sendto(b"", udp.getsockname())  # the end
        answering.join(30)
    assert check.result == "temperror" and "it refuses TCP" in check.reason
    assert found.verdict is UNKNOWN and "it refuses TCP" in found.evidence


def _truncate_all(udp: socket.socket) -> None:
    """Answer every question with "does not fit", until an empty datagram comes."""
    while True:
        octets, client = udp.recvfrom(2000)
        if not octets:
            return
        response = dns_message.make_response(dns_message.from_wire(octets))
        response.flags |= dns_flags.TC
        udp.sendto(response.to_wire(), client)


# --- sections and good practice -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "check", "section"),
    [
        ("v=spf1 mx -all", "who may send", "2.1"),
        ("v=spf1 ip4:10.0.0.0/12 -all", "who may send", "5.6"),
        ("v=spf1 ip4:0.0.0.0/1 -all", "who may send", "5.6"),
        ("v=spf1 exists:%{h} -all", "who may send", "7.2"),
        ("v=spf1 include:loop.test -all", "includes", "4.6.4"),
        ("v=spf1 include:gone.test -all", "includes", "5.2"),
    ],
)
def test_sections(dns: DnsServer, record: str, check: str, section: str) -> None:
    dns.publish("loop.test", "TXT", "v=spf1 include:d.test -all")
    assert the(lint(dns, record), check).reference == f"RFC 7208 section {section}"


@pytest.mark.parametrize(
    ("record", "sections"),
    [
        ("v=spf1 include:d.test -all", "4.6.4"),
        ("v=spf1 ip4:192.0.2.0/24//64 -all", "sections 5.3 and 5.4"),
    ],
)
def test_sections_in_reasons(dns: DnsServer, record: str, sections: str) -> None:
    dns.publish("d.test", "TXT", record)
    assert sections in spf.check(CLIENT, "d.test", "h.test", net=dns.net()).reason


def test_the_section_of_an_almost_record(dns: DnsServer) -> None:
    assert the(lint(dns, "“v=spf1 mx -all”".encode()), "record").reference == "RFC 7208 section 3.1"
    assert the(lint(dns, "v=spf1, mx -all"), "record").reference == "RFC 7208 section 4.5"


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        ("p=reject", PASS),
        ("p=quarantine", PASS),
        ("p=none", INFO),
        ("p=reject; t=y", PASS),
        ("p=quarantine; t=y", INFO),
        ("p=reject; t=n", PASS),
    ],
)
def test_softfail_under_an_enforced_dmarc_policy_is_good_practice(
    dns: DnsServer, policy: str, verdict: Verdict
) -> None:
    dns.publish("_dmarc.d.test", "TXT", f"v=DMARC1; {policy}")
    assert the(lint(dns, "v=spf1 mx ~all"), "all").verdict is verdict


# --- names and lines to paste ---------------------------------------------------------------------------------------


def test_a_domain_in_its_own_script_is_judged_by_its_a_labels(dns: DnsServer) -> None:
    dns.publish("xn--mller-kva.test", "TXT", "v=spf1 -all")
    for name in ("müller.test", "MÜLLER.test.", "xn--mller-kva.test"):
        assert {found.subject for found in spf.lint(name, net=dns.net())} == {"xn--mller-kva.test"}
        assert spf.record(name, net=dns.net()).text == spf.record("xn--mller-kva.test", net=dns.net()).text
        assert spf.tree(name, net=dns.net()).domain == "xn--mller-kva.test"
        assert spf.check(CLIENT, f"a@{name}", "h.test", net=dns.net()).result == "fail"


def test_what_is_offered_is_a_record_to_paste(dns: DnsServer) -> None:
    found = the(lint(dns, "v=spf1 mx"), "all")
    assert parse_paste(found.fix) == (DnsRecord("d.test", "TXT", "v=spf1 mx ~all"),)


def test_other_texts_of_the_name_stay_where_they_are(dns: DnsServer) -> None:
    tokens = [f"token={'x' * 200}", b"\xff\x00odd"]
    assert the(lint(dns, "v=spf1 mx +all", *tokens), "all").fix
    assert the(lint(dns, "v=spf1 mx +all", *tokens, f"token={'y' * 200}"), "size").verdict is WARN
    assert the(lint(dns), "all").fix
