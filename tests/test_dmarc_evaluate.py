"""dmarc.evaluate: whole messages judged, and From fields of every bad kind decided by one rule each."""

from __future__ import annotations

import dataclasses
from typing import Any

import authres
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support_spf_dns import SERVFAIL, DnsServer

from mailkit import dkim, dmarc
from mailkit.dmarc.from_line import RULES, author
from mailkit.message import authentication_results
from mailkit.message.fields import Field, Message

GOOD, BAD = "192.0.2.25", "198.51.100.66"
NONE, QUARANTINE, REJECT = dmarc.Policy.NONE, dmarc.Policy.QUARANTINE, dmarc.Policy.REJECT

# What stands after "From:" -> the rule that decides, and the authors' domains.
ONE, SEVERAL, UNREADABLE, NO_DOMAIN = "one author", "several domains", "unreadable", "no domain name"
FROM: list[tuple[bytes, str, list[str]]] = [
    (b"a@kaisha.test", ONE, ["kaisha.test"]),
    (b"<a@kaisha.test>", ONE, ["kaisha.test"]),
    (b"Hanako <a@Kaisha.TEST>", ONE, ["kaisha.test"]),
    (b'"Hanako, of Kaisha" <a@kaisha.test>', ONE, ["kaisha.test"]),
    (b'"a <x@evil.test>" <a@kaisha.test>', ONE, ["kaisha.test"]),
    (b"a@\r\n kaisha.test", ONE, ["kaisha.test"]),
    (b"Hanako\r\n\t<a@kaisha.test>", ONE, ["kaisha.test"]),
    (b'"a@evil.test"@kaisha.test', ONE, ["kaisha.test"]),
    (b'"a b"@kaisha.test', ONE, ["kaisha.test"]),
    (b"a . b@kaisha . test", ONE, ["kaisha.test"]),
    # Comments (RFC 5322 section 3.2.2) are not part of an address.
    (b"a@kaisha.test (x@evil.test)", ONE, ["kaisha.test"]),
    (b"(x@evil.test) a@kaisha.test", ONE, ["kaisha.test"]),
    (b"a(x)@(y)kaisha.test", ONE, ["kaisha.test"]),
    (b"a@kaisha.test (((nested) and) \\) escaped)", ONE, ["kaisha.test"]),
    (b"a@kaisha.test(.evil.test)", ONE, ["kaisha.test"]),
    (b"(a@kaisha.test", "empty", []),
    # Encoded words are a name's, never an address's (RFC 2047 section 5).
    (b"=?utf-8?B?YUBldmlsLnRlc3Q=?= <a@kaisha.test>", ONE, ["kaisha.test"]),
    (b"=?utf-8?B?YUBldmlsLnRlc3Q=?=", "encoded address", []),
    (b"<=?utf-8?B?YUBldmlsLnRlc3Q=?=>", "encoded address", []),
    (b"=?utf-8?Q?a?=@kaisha.test", ONE, ["kaisha.test"]),
    (b"a@=?utf-8?Q?kaisha.test?=", NO_DOMAIN, []),
    # International names (RFC 5890): U-labels and A-labels are one name.
    ("a@müller.test".encode(), ONE, ["xn--mller-kva.test"]),
    (b"a@xn--mller-kva.test", ONE, ["xn--mller-kva.test"]),
    ("a@MÜLLER.test".encode(), ONE, ["xn--mller-kva.test"]),
    ("花子 <a@kaisha.test>".encode(), ONE, ["kaisha.test"]),
    ("花子 <a@kaisha.test>".encode("iso-2022-jp"), "control characters", []),
    ("花子 <a@kaisha.test>".encode("euc-jp"), ONE, ["kaisha.test"]),
    (b"a@m\xfcller.test", NO_DOMAIN, []),
    # A name ends with at most one dot.
    (b"a@kaisha.test.", ONE, ["kaisha.test"]),
    (b"a@kaisha.test..", NO_DOMAIN, []),
    (b"a@.kaisha.test", NO_DOMAIN, []),
    (b"a@kaisha..test", NO_DOMAIN, []),
    # Nobody.
    (b"", "empty", []),
    (b" ", "empty", []),
    (b"<>", "empty", []),
    (b"Hanako <>", "empty", []),
    (b",", "empty", []),
    (b"undisclosed:;", "group without members", []),
    (b"undisclosed: ;", "group without members", []),
    (b"Team: a@kaisha.test;", ONE, ["kaisha.test"]),
    (b"Team: a@kaisha.test, b@other.test;", SEVERAL, ["kaisha.test", "other.test"]),
    (b"Team: a@kaisha.test", ONE, ["kaisha.test"]),
    # Several.
    (b"a@kaisha.test, b@kaisha.test", ONE, ["kaisha.test"]),
    (b"a@kaisha.test, b@KAISHA.test.", ONE, ["kaisha.test"]),
    (b"a@kaisha.test, b@evil.test", SEVERAL, ["kaisha.test", "evil.test"]),
    (b"<a@kaisha.test>,<b@evil.test>", SEVERAL, ["kaisha.test", "evil.test"]),
    (b"a@a.test, a@b.test, a@c.test, a@d.test", SEVERAL, ["a.test", "b.test", "c.test", "d.test"]),
    (b"a@a.test, a@b.test, a@c.test, a@d.test, a@e.test", "too many domains", []),
    (b"a@kaisha.test," * 101, "too many domains", []),
    # No domain to ask.
    (b"root", NO_DOMAIN, []),
    (b"Hanako <root>", NO_DOMAIN, []),
    (b"Kaisha, Inc. <a@kaisha.test>", NO_DOMAIN, []),
    (b"a@", NO_DOMAIN, []),
    (b"a@[192.0.2.1]", NO_DOMAIN, []),
    (b"a@kaisha_test.%41", NO_DOMAIN, []),
    (b"a@" + b"x" * 64 + b".test", NO_DOMAIN, []),
    (b"a@" + b"x." * 140 + b"test", NO_DOMAIN, []),
    # What the grammar does not allow.
    (b"@kaisha.test", UNREADABLE, []),
    (b"a@kaisha.test@evil.test", UNREADABLE, []),
    (b"<a@kaisha.test> <b@evil.test>", UNREADABLE, []),
    (b"<a@kaisha.test>b@evil.test", UNREADABLE, []),
    (b"a@kaisha.test b@evil.test", UNREADABLE, []),
    (b"<a@kaisha.test", UNREADABLE, []),
    (b"a@kaisha.test>", UNREADABLE, []),
    (b"<<a@kaisha.test>>", UNREADABLE, []),
    (b"a@kaisha.test; b@evil.test", UNREADABLE, []),
    (b'a@"kaisha.test"', UNREADABLE, []),
    (b"a b@kaisha.test", UNREADABLE, []),
    (b"a@kaisha. evil .test", ONE, ["kaisha.evil.test"]),
    (b'"a@kaisha.test', NO_DOMAIN, []),
    # The tricks of espoofer (Chen, Paxson, Jiang: Composition Kills, 2020).
    (b"a@kaisha.test <b@evil.test>", ONE, ["evil.test"]),
    (b"<@evil.test,@any.test:a@kaisha.test>", ONE, ["kaisha.test"]),
    (b"<a@kaisha.test>, <b@evil.test>", SEVERAL, ["kaisha.test", "evil.test"]),
    (b"<a@kaisha.test>\\, <b@evil.test>", UNREADABLE, []),
    (b"a@kaisha.test\x00@evil.test", "control characters", []),
    (b"<a@kaisha.test\x00b@evil.test>", "control characters", []),
    (b"<a@kaisha.test(b@evil.test)>", ONE, ["kaisha.test"]),
    (b"a@kaisha.test\x7f", "control characters", []),
    (b"a@kaisha.test\rb@evil.test", "control characters", []),
    (b'"a@kaisha.test"<b@evil.test>', ONE, ["evil.test"]),
    (b"a@kaisha.test," + b" " * 11_000 + b"b@evil.test", "too long", []),
]


@pytest.mark.parametrize(("value", "rule", "domains"), FROM, ids=[ascii(v[0][:40]) for v in FROM])
def test_author(value: bytes, rule: str, domains: list[str]) -> None:
    found = author(Message((Field(b"From", b" " + value + b"\r\n"),), b""))
    assert (found.rule, list(found.domains)) == (rule, domains), found.note
    assert rule == ONE or found.note


def noted(value: bytes) -> str:
    return author(Message((Field(b"From", b" " + value + b"\r\n"),), b"")).note


def test_a_name_with_a_comma_is_explained() -> None:
    for value, name in ((b"Kaisha, Inc. <a@kaisha.test>", "Kaisha"), (b"a@kaisha.test, Inc", "Inc")):
        assert noted(value).startswith(f"a comma parts addresses, and {name} has no @")
    assert noted(b'"Kaisha, Inc." <a@kaisha.test>') == ""


@pytest.mark.parametrize(
    "name",
    [
        b"a@kaisha.test",
        b'"a@kaisha.test"',
        b"=?utf-8?q?a=40kaisha.test?=",
        b"=?utf-8?B?YUBrYWlzaGEudGVzdA==?=",
        b"=?iso-2022-jp?B?YUBrYWlzaGEudGVzdA==?=",
        b"=?utf-8?q?Hanako?= =?utf-8?q?=40kaisha.test?=",
    ],
)
def test_a_name_that_looks_like_an_address_is_noted_however_it_is_written(name: bytes) -> None:
    assert "looks like an address" in noted(name + b" <b@evil.test>")


def test_names_that_cannot_be_read_are_no_addresses() -> None:
    for name in (b"=?utf-8?q?Hanako?=", b"=?nonsense?B?YUBr?=", b"=?utf-8?B?!!!?=", b"=?utf-8?q?\xff?="):
        assert noted(name + b" <b@evil.test>") == ""


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        ([b"To"], "no field"),
        ([b"From"], ONE),
        ([b"From "], ONE),
        ([b"FROM"], ONE),
        ([b"From", b"From"], "two fields"),
        ([b"From", b"from"], "two fields"),
        ([b"From", b"From "], "two fields"),
        ([b"From\t", b"From"], "two fields"),
        ([b"From"] * 10_000, "two fields"),
    ],
)
def test_from_fields_are_counted(names: list[bytes], rule: str) -> None:
    assert author(Message(tuple(Field(name, b" a@kaisha.test\r\n") for name in names), b"")).rule == rule


def test_every_rule_has_a_case() -> None:
    assert {rule for _, rule, _ in FROM} | {"no field", "two fields", "no message"} == RULES.keys()
    assert len(dmarc.rules()) == len(RULES)


@given(st.binary(max_size=400))
@settings(deadline=None)
@example(b"(" * 9_000)
@example(b'"' + b"\\" * 9_000)
@example(b"<" * 9_000)
@example(b"a@" + b"." * 9_000)
@example(b"a," * 4_500)
def test_whatever_stands_there_is_decided(value: bytes) -> None:
    found = author(Message((Field(b"From", value + b"\r\n"),), b""))
    assert found.rule in RULES
    assert bool(found.domains) == (found.rule in (ONE, SEVERAL))


@pytest.fixture(scope="module")
def key() -> dkim.KeyPair:
    return dkim.generate()


@pytest.fixture
def dns(dns_server: DnsServer, key: dkim.KeyPair) -> DnsServer:
    """A company with SPF, DKIM and p=reject, and an attacker who has everything in order, too."""
    dns_server.clear()
    for domain in ("kaisha.test", "evil.test", "none.test"):
        dns_server.publish(domain, "TXT", f"v=spf1 ip4:{GOOD if domain == 'kaisha.test' else BAD} -all")
        dns_server.publish(f"s._domainkey.{domain}", "TXT", key.record)
    dns_server.publish("_dmarc.kaisha.test", "TXT", "v=DMARC1; p=reject")
    dns_server.publish("_dmarc.evil.test", "TXT", "v=DMARC1; p=none")
    return dns_server


def mail(value: bytes = b"a@kaisha.test") -> bytes:
    return (
        b"From: " + value + b"\r\nTo: b@c.test\r\nSubject: x\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n\r\nHello\r\n"
    )


def signed(message: bytes, domain: str, key: dkim.KeyPair) -> bytes:
    return dkim.sign(message, domain=domain, selector="s", key=key)


def judged(dns: DnsServer, message: bytes, ip: str = GOOD, sender: str = "a@kaisha.test") -> dmarc.Evaluation:
    return dmarc.evaluate(message, ip, sender, "mail.kaisha.test", net=dns.net())


def test_a_good_message(dns: DnsServer, key: dkim.KeyPair) -> None:
    found = judged(dns, signed(mail(), "kaisha.test", key))
    assert (found.result, found.policy, found.disposition) == ("pass", REJECT, NONE)
    assert [(row.mechanism, row.counts) for row in found.alignment] == [("spf", True), ("dkim", True)]
    parsed = authentication_results.parse(found.authentication_results.partition(":")[2])
    assert [(r.method, r.result) for r in parsed.results] == [("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass")]
    assert parsed.results[2].value("header.from") == "kaisha.test"
    assert parsed.results[2].value("policy.dmarc") == "reject"


def test_a_field_that_a_peer_can_read(dns: DnsServer, key: dkim.KeyPair) -> None:
    net = dataclasses.replace(dns.net(), local_hostname="mx.bigmail.test")
    found = dmarc.evaluate(signed(mail(), "evil.test", key), BAD, "x@evil.test", "h.evil.test", net=net)
    field = authres.AuthenticationResultsHeader.parse(found.authentication_results)
    assert {r.method: r.result for r in field.results} == {"spf": "pass", "dkim": "pass", "dmarc": "fail"}


def test_spf_and_dkim_pass_and_still_not_you(dns: DnsServer, key: dkim.KeyPair) -> None:
    found = judged(dns, signed(mail(), "evil.test", key), BAD, "x@evil.test")
    assert (found.spf.result, [str(r.result) for r in found.dkim]) == ("pass", ["pass"])
    assert (found.result, found.policy, found.disposition) == ("fail", REJECT, QUARANTINE)
    assert {row.missed for row in found.alignment} == {dmarc.Missed.DOMAIN}
    assert "evil.test" in found.reason and found.handling.override == "local_policy"


@pytest.mark.parametrize(
    ("spf_good", "signer", "result"),
    [
        (True, "kaisha.test", "pass"),
        (True, "evil.test", "pass"),
        (True, "", "pass"),
        (False, "kaisha.test", "pass"),
        (False, "evil.test", "fail"),
        (False, "", "fail"),
    ],
)
def test_one_of_the_two_is_enough(dns: DnsServer, key: dkim.KeyPair, spf_good: bool, signer: str, result: str) -> None:
    message = signed(mail(), signer, key) if signer else mail()
    assert judged(dns, message, GOOD if spf_good else BAD).result == result


@pytest.mark.parametrize(
    ("helo", "ip", "result"),
    [
        ("kaisha.test", GOOD, "pass"),
        ("kaisha.test", BAD, "fail"),
        ("evil.test", BAD, "fail"),
        ("[192.0.2.1]", BAD, "fail"),
    ],
)
def test_an_empty_sender_is_judged_by_helo(dns: DnsServer, helo: str, ip: str, result: str) -> None:
    found = dmarc.evaluate(mail(), ip, "", helo, net=dns.net())
    assert found.result == result
    assert "smtp.helo" in found.authentication_results


def test_helo_counts_for_nothing_else(dns: DnsServer) -> None:
    found = dmarc.evaluate(mail(), GOOD, "x@none.test", "kaisha.test", net=dns.net())
    assert (found.spf.domain, found.result) == ("none.test", "fail")


@pytest.mark.parametrize(
    ("record", "policy", "disposition", "override"),
    [
        ("p=none", NONE, NONE, ""),
        ("p=quarantine", QUARANTINE, QUARANTINE, ""),
        ("p=reject", REJECT, QUARANTINE, "local_policy"),
        ("p=none; t=y", NONE, NONE, "policy_test_mode"),
        ("p=quarantine; t=y", NONE, NONE, "policy_test_mode"),
        ("p=reject; t=y", QUARANTINE, QUARANTINE, "policy_test_mode"),
    ],
)
def test_what_a_receiver_may_make_of_it(
    dns: DnsServer, record: str, policy: Any, disposition: Any, override: str
) -> None:
    dns.publish("_dmarc.kaisha.test", "TXT", f"v=DMARC1; {record}")
    found = judged(dns, mail(), BAD)
    assert (found.result, found.policy, found.disposition) == ("fail", policy, disposition)
    assert found.handling.override == override and found.handling.reason


@pytest.mark.parametrize(
    ("result", "policy", "evidence", "disposition"),
    [
        ("fail", REJECT, "", QUARANTINE),
        ("fail", REJECT, "the host is on a blocklist", REJECT),
        ("fail", QUARANTINE, "the host is on a blocklist", QUARANTINE),
        ("fail", NONE, "the host is on a blocklist", NONE),
        ("pass", REJECT, "the host is on a blocklist", NONE),
        ("none", None, "", NONE),
        ("temperror", None, "", NONE),
        ("temperror", REJECT, "the host is on a blocklist", NONE),
        ("permerror", None, "", QUARANTINE),
    ],
)
def test_only_with_other_evidence_may_mail_be_rejected(
    result: str, policy: Any, evidence: str, disposition: Any
) -> None:
    assert dmarc.handle(result, policy, other_evidence=evidence).disposition is disposition


def test_no_dmarc(dns: DnsServer) -> None:
    found = judged(dns, mail(b"a@none.test"), BAD, "a@none.test")
    assert (found.result, found.policy, found.disposition) == ("none", None, NONE)
    assert "dmarc=none" in found.authentication_results


def test_a_dns_that_fails_is_temperror(dns: DnsServer) -> None:
    dns.clear()
    dns.fail("_dmarc.kaisha.test", SERVFAIL)
    dns.publish("kaisha.test", "TXT", "v=spf1 -all")
    found = judged(dns, mail(), BAD)
    assert (found.result, found.policy, found.disposition) == ("temperror", None, NONE)
    assert "dmarc=temperror" in found.authentication_results


@pytest.mark.parametrize(
    "message",
    [
        mail().partition(b"\r\n")[2],
        mail().replace(b"To:", b"From: c@kaisha.test\r\nTo:"),
        mail(b"undisclosed:;"),
        mail(b"a@kaisha.test\x00"),
        b"no header at all",
        b" From: a@kaisha.test\r\n\r\n",
        b"",
    ],
)
def test_without_an_author_there_is_no_dmarc_but_suspicion(dns: DnsServer, message: bytes) -> None:
    found = judged(dns, message)
    assert (found.result, found.policy, found.disposition) == ("permerror", None, QUARANTINE)
    assert "dmarc=permerror" in found.authentication_results and "RFC" in found.reason


def test_of_several_authors_the_worst_counts(dns: DnsServer, key: dkim.KeyPair) -> None:
    message = signed(mail(b"x@evil.test, a@kaisha.test"), "evil.test", key)
    found = judged(dns, message, BAD, "x@evil.test")
    assert (found.domain, found.result, found.policy, found.disposition) == ("kaisha.test", "fail", REJECT, QUARANTINE)
    assert [other.result for other in found.others] == ["pass"]
    said = authentication_results.parse(found.authentication_results.partition(":")[2]).results
    assert [r.value("header.from") for r in said if r.method == "dmarc"] == ["evil.test", "kaisha.test"]


def test_an_author_with_u_labels(dns: DnsServer) -> None:
    dns.publish("_dmarc.xn--mller-kva.test", "TXT", "v=DMARC1; p=quarantine")
    found = judged(dns, mail("a@müller.test".encode()), BAD)
    assert (found.domain, found.result, found.policy) == ("xn--mller-kva.test", "fail", QUARANTINE)


def test_what_a_message_says_cannot_forge_a_result(dns: DnsServer) -> None:
    message = mail(b"a@kaisha.test;\r\n dmarc=pass")
    text = judged(dns, message, BAD, 'x"; dmarc=pass; spf=pass@evil.test').authentication_results
    assert "dmarc=pass" not in authentication_results.parse(text.partition(":")[2]).text.replace('"', "").split()
    assert [r.result for r in authentication_results.parse(text.partition(":")[2]).results if r.method == "dmarc"] == [
        "permerror"
    ]


@pytest.mark.parametrize(
    ("message", "ip", "sender", "error"),
    [
        ("text", GOOD, "", TypeError),
        (b"", "not an address", "", ValueError),
        (b"", GOOD, None, TypeError),
    ],
)
def test_bad_arguments(dns: DnsServer, message: Any, ip: str, sender: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        dmarc.evaluate(message, ip, sender, "h.test", net=dns.net())


def test_a_huge_message_is_bounded(dns: DnsServer) -> None:
    found = judged(dns, mail() + b"x" * (50 * 1024 * 1024))
    assert found.result == "permerror" and found.author.rule == "no message"
    assert "more than 32 MiB and was not read" in found.reason and "more than 32 MiB" in found.authentication_results
    found = judged(dns, b"X: y\r\n" * 3_000_000 + mail())
    assert found.result == "permerror" and "the header is larger than" in found.reason
    fields = b"X-Field: y\r\n" * 10_000 + b"Authentication-Results: mail.kaisha.test; dmarc=pass\r\n" * 10_000
    assert judged(dns, fields + mail(), BAD).result == "fail"
