"""Messages as they arrive, for the tests that explain them: signed, delivered, and spoilt in the common ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from support_spf_dns import SERVFAIL, DnsServer

from mailkit import dkim

OURS, THEIRS, FORWARDER, LIST, SERVICE = "192.0.2.25", "198.51.100.66", "203.0.113.140", "203.0.113.130", "203.0.113.40"
RECEIVER = "mx.recv.test"
NOW = datetime.now(UTC).replace(microsecond=0)
DATE = f"{NOW:%a, %d %b %Y %H:%M:%S} +0000"
KEY, OTHER, SHORT = dkim.generate(), dkim.generate(), dkim.generate(bits=1024)


def publish(dns: DnsServer) -> None:
    """Publish four organizations that have everything in order, and a receiver."""
    dns.clear()
    for domain, address in (
        ("kaisha.test", OURS), ("evil.test", THEIRS), ("service.test", SERVICE),
        ("forward.test", FORWARDER), ("list.test", LIST),
    ):  # fmt: skip
        dns.publish(domain, "TXT", f"v=spf1 ip4:{address} -all")
        dns.publish(f"mail.{domain}", "A", address)
        dns.publish(f"mail.{domain}", "TXT", f"v=spf1 ip4:{address} -all")
        dns.publish(f"s._domainkey.{domain}", "TXT", KEY.record)
        dns.publish(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=reject")
    dns.publish(RECEIVER, "A", "203.0.113.10")


def mail(
    author: str = "Hanako <hanako@kaisha.test>", extra: str = "", body: str = "Good morning.\r\nHanako\r\n"
) -> bytes:
    head = f"From: {author}\r\nTo: ben@recv.test\r\nSubject: Minutes\r\nDate: {DATE}\r\nMessage-ID: <1@kaisha.test>\r\n"
    return f"{head}{extra}\r\n{body}".encode()


def signed(
    message: bytes = b"", domain: str = "kaisha.test", selector: str = "s", key: dkim.KeyPair = KEY, **how: object
) -> bytes:
    return dkim.sign(message or mail(), domain=domain, selector=selector, key=key, **{"now": NOW, **how})  # type: ignore[arg-type]


def trace(client: str, helo: str, by: str = RECEIVER, protocol: str = "ESMTPS", seconds: int = 0) -> bytes:
    when = NOW + timedelta(seconds=seconds)
    return (
        f"Received: from {helo} ({helo} [{client}])\r\n\tby {by} with {protocol} id 4A5B for <ben@recv.test>;\r\n"
        f"\t{when:%a, %d %b %Y %H:%M:%S} +0000\r\n"
    ).encode()


def delivered(
    message: bytes,
    client: str = OURS,
    helo: str = "mail.kaisha.test",
    sender: str = "hanako@kaisha.test",
    wrote: str = "",
) -> bytes:
    """Return *message* as RECEIVER's mailbox holds it; *wrote* is what the receiver put into Authentication-Results."""
    top = f"Return-Path: <{sender}>\r\n".encode()
    if wrote:
        top += f"Authentication-Results: {RECEIVER}; {wrote}\r\n".encode()
    return top + trace(client, helo, seconds=60) + message


@dataclass(frozen=True)
class Case:
    """A message, what DMARC says of it, its causes from the first, and what is published or withdrawn for it."""

    result: str
    causes: list[str]
    message: Callable[[], bytes | str]
    publish: dict[str, str] = field(default_factory=dict)
    withdraw: tuple[str, ...] = ()
    fail: tuple[str, ...] = ()
    then: str = ""
    says: str = ""

    def prepare(self, dns: DnsServer) -> None:
        publish(dns)
        for name, text in self.publish.items():
            dns.publish(name, "TXT", text)
        for name in (*self.withdraw, *self.fail):
            dns.withdraw(name, "TXT")
        for name in self.fail:
            dns.fail(name, SERVFAIL)


def edited(message: bytes, old: bytes, new: bytes) -> bytes:
    assert old in message
    return message.replace(old, new, 1)


FROM_ELSEWHERE = {"client": THEIRS, "helo": "mail.evil.test"}
KEY_NAME, P = "s._domainkey.kaisha.test", KEY.record.partition("p=")[2]
THEN_PASS = "dkim=pass header.d=kaisha.test header.s=s; dmarc=pass header.from=kaisha.test"
STRICT = {"_dmarc.kaisha.test": "v=DMARC1; p=reject; aspf=s; adkim=s"}
SUB = {"sub.kaisha.test": f"v=spf1 ip4:{OURS} -all", "s._domainkey.sub.kaisha.test": KEY.record}


def _by_a_list(footer: bool, tag: bool) -> bytes:
    message = signed()
    if footer:
        message += b"-- \r\nlist.test mailing list\r\n"
    if tag:
        message = edited(message, b"Subject: Minutes", b"Subject: [friends] Minutes")
    message = b"List-Id: <friends.list.test>\r\n" + trace(OURS, "mail.kaisha.test", "mail.list.test") + message
    return delivered(message, LIST, "mail.list.test", "friends-bounces@list.test")


def _forwarded(message: bytes, sender: str = "hanako@kaisha.test") -> bytes:
    return delivered(
        trace(OURS, "mail.kaisha.test", "mail.forward.test") + message, FORWARDER, "mail.forward.test", sender
    )


CASES = {
    # All is well, by one way or by both.
    "both pass": Case("pass", [], lambda: delivered(signed())),
    "SPF alone": Case("pass", ["not signed"], lambda: delivered(mail())),
    "DKIM alone, forwarded": Case("pass", ["forwarded"], lambda: _forwarded(signed())),
    "a subdomain signs": Case(
        "pass", ["SPF: not from there"], lambda: delivered(signed(domain="sub.kaisha.test"), **FROM_ELSEWHERE), SUB
    ),
    # The return path.
    "a service's return path, unsigned": Case(
        "fail",
        ["SPF passes for another organization", "not signed", "nothing that passes is the author's"],
        lambda: delivered(mail(), SERVICE, "mail.service.test", "bounce@service.test"),
    ),
    "a service signs as itself": Case(
        "fail",
        [
            "SPF passes for another organization",
            "signed by another organization only",
            "nothing that passes is the author's",
        ],
        lambda: delivered(signed(domain="service.test"), SERVICE, "mail.service.test", "bounce@service.test"),
        says="it passed for service.test, but the From line is of kaisha.test",
    ),
    "a forgery": Case("fail", ["SPF: not from there", "not signed"], lambda: delivered(mail(), **FROM_ELSEWHERE)),
    "a forgery with a name of its own": Case(
        "fail",
        ["SPF passes for another organization", "not signed", "nothing that passes is the author's"],
        lambda: delivered(mail(), sender="x@evil.test", **FROM_ELSEWHERE),
    ),
    "no SPF record": Case(
        "fail", ["no SPF record", "not signed"], lambda: delivered(mail()), withdraw=("kaisha.test",)
    ),
    "neutral": Case(
        "fail",
        ["SPF says nothing", "not signed"],
        lambda: delivered(mail(), **FROM_ELSEWHERE),
        {"kaisha.test": "v=spf1 ?all"},
    ),
    "softfail": Case(
        "fail",
        ["SPF: probably not", "not signed"],
        lambda: delivered(mail(), **FROM_ELSEWHERE),
        {"kaisha.test": "v=spf1 ~all"},
    ),
    "a broken record": Case(
        "fail",
        ["SPF record broken", "not signed"],
        lambda: delivered(mail()),
        {"kaisha.test": "v=spf1 ipv4:192.0.2.25 -all"},
    ),
    "a record that includes itself": Case(
        "fail",
        ["SPF record broken", "not signed"],
        lambda: delivered(mail()),
        {"kaisha.test": "v=spf1 include:kaisha.test -all"},
    ),
    "the record is silent": Case(
        "unknown", ["SPF record not to be had", "not signed"], lambda: delivered(mail()), fail=("kaisha.test",)
    ),
    "strict, from a subdomain": Case(
        "fail",
        ["SPF passes for a near name, and the record is strict", "signed by a near name, and the record is strict"],
        lambda: delivered(signed(domain="sub.kaisha.test"), sender="hanako@sub.kaisha.test"),
        {**STRICT, **SUB},
    ),
    "a bounce by a strange host": Case(
        "fail",
        ["SPF by the greeting, for another organization", "not signed", "nothing that passes is the author's"],
        lambda: delivered(mail("MAILER-DAEMON@kaisha.test"), SERVICE, "mail.service.test", ""),
    ),
    "a bounce of one's own": Case("pass", ["not signed"], lambda: delivered(mail("postmaster@kaisha.test"), sender="")),
    "forwarded, unsigned": Case(
        "fail", ["forwarded", "not signed"], lambda: _forwarded(mail()), says="it left 192.0.2.25, which SPF allows"
    ),
    "forwarded with SRS, unsigned": Case(
        "fail",
        ["forwarded with another return path", "not signed"],
        lambda: _forwarded(mail(), "SRS0=aB=cd=kaisha.test=hanako@forward.test"),
    ),
    # Signatures.
    "a footer": Case(
        "fail",
        ["SPF: not from there", "lines added to the body"],
        lambda: delivered(signed() + b"-- \r\nscanned\r\n", **FROM_ELSEWHERE),
        says="1 to 2 are as signed, 2 more were added",
    ),
    "a changed body": Case(
        "fail",
        ["SPF: not from there", "body changed"],
        lambda: delivered(edited(signed(), b"morning", b"evening"), **FROM_ELSEWHERE),
    ),
    "a body cut short": Case(
        "fail",
        ["SPF: not from there", "body changed"],
        lambda: delivered(
            signed().partition(b"Hanako\r\n")[0] + signed().rpartition(b"Hanako\r\n")[0][-100:-60], **FROM_ELSEWHERE
        ),
    ),
    "a subject tag": Case(
        "fail",
        ["SPF: not from there", "subject tagged"],
        lambda: delivered(edited(signed(), b"Subject: ", b"Subject: ***SPAM*** "), **FROM_ELSEWHERE),
    ),
    "another recipient": Case(
        "fail",
        ["SPF: not from there", "header changed"],
        lambda: delivered(edited(signed(), b"To: ben", b"To: all"), **FROM_ELSEWHERE),
    ),
    "a mailing list": Case(
        "fail",
        ["SPF passes for another organization", "lines added to the body", "mailing list"],
        lambda: _by_a_list(True, False),
    ),
    "a list that tags": Case(
        "fail",
        ["SPF passes for another organization", "subject tagged", "mailing list"],
        lambda: _by_a_list(False, True),
    ),
    "a list that leaves it alone": Case(
        "pass", ["SPF passes for another organization"], lambda: _by_a_list(False, False)
    ),
    "another key": Case(
        "fail",
        ["SPF: not from there", "signed with another key"],
        lambda: delivered(signed(key=OTHER), **FROM_ELSEWHERE),
    ),
    "no key": Case(
        "fail", ["SPF: not from there", "key gone"], lambda: delivered(signed(selector="old"), **FROM_ELSEWHERE)
    ),
    "the key rotated since": Case(
        "fail",
        ["SPF: not from there", "key gone"],
        lambda: delivered(
            signed(selector="old"), wrote=THEN_PASS.replace("header.s=s", "header.s=old"), **FROM_ELSEWHERE
        ),
        then="pass",
        says="the signature passed then; its key was taken away or replaced since",
    ),
    "a revoked key": Case(
        "fail",
        ["SPF: not from there", "key revoked"],
        lambda: delivered(signed(), **FROM_ELSEWHERE),
        {KEY_NAME: "v=DKIM1; p="},
    ),
    "a key of the wrong type": Case(
        "fail",
        ["SPF: not from there", "key cannot be used"],
        lambda: delivered(signed(), **FROM_ELSEWHERE),
        {KEY_NAME: f"v=DKIM1; k=ed25519; p={P}"},
    ),
    "a key not for mail": Case(
        "fail",
        ["SPF: not from there", "key cannot be used"],
        lambda: delivered(signed(), **FROM_ELSEWHERE),
        {KEY_NAME: f"v=DKIM1; s=tlsrpt; p={P}"},
    ),
    "a key for SHA-1 only": Case(
        "fail",
        ["SPF: not from there", "key cannot be used"],
        lambda: delivered(signed(), **FROM_ELSEWHERE),
        {KEY_NAME: f"v=DKIM1; h=sha1; p={P}"},
    ),
    "a silent key": Case(
        "unknown",
        ["SPF: not from there", "key not to be had"],
        lambda: delivered(signed(), **FROM_ELSEWHERE),
        fail=(KEY_NAME,),
    ),
    "silent now, passed then": Case(
        "unknown",
        ["SPF: not from there", "key not to be had"],
        lambda: delivered(signed(), wrote=THEN_PASS, **FROM_ELSEWHERE),
        fail=(KEY_NAME,),
        then="pass",
        says="now the DNS does not answer, so today's result says nothing",
    ),
    "SHA-1": Case(
        "fail",
        ["SPF: not from there", "signed with SHA-1"],
        lambda: delivered(edited(signed(), b"a=rsa-sha256", b"a=rsa-sha1"), **FROM_ELSEWHERE),
    ),
    "a broken signature": Case(
        "fail",
        ["SPF: not from there", "signature cannot be read"],
        lambda: delivered(edited(signed(), b"v=1;", b"v=9;"), **FROM_ELSEWHERE),
    ),
    "expired": Case(
        "fail",
        ["SPF: not from there", "signature expired"],
        lambda: delivered(signed(now=NOW - timedelta(days=9), expires_after=timedelta(days=7)), **FROM_ELSEWHERE),
    ),
    "a test key": Case(
        "pass",
        ["SPF: not from there", "key marked as a test"],
        lambda: delivered(signed(), **FROM_ELSEWHERE),
        {KEY_NAME: f"v=DKIM1; t=y; p={P}"},
    ),
    # The From line.
    "no From": Case(
        "permerror",
        ["no From line", "not signed"],
        lambda: delivered(edited(mail(), b"From: Hanako <hanako@kaisha.test>\r\n", b"")),
    ),
    "two From": Case("permerror", ["several From lines"], lambda: delivered(b"From: x@evil.test\r\n" + signed())),
    "a group": Case(
        "permerror", ["no author in the From line", "not signed"], lambda: delivered(mail("undisclosed:;"))
    ),
    "no domain": Case("permerror", ["no author in the From line", "not signed"], lambda: delivered(mail("hanako"))),
    "two authors": Case(
        "fail",
        ["several authors", "SPF passes for another organization", "not signed", "nothing that passes is the author's"],
        lambda: delivered(mail("a@kaisha.test, b@evil.test")),
    ),
    "an unreadable From": Case(
        "permerror",
        ["From line cannot be read", "not signed"],
        lambda: delivered(mail("<a@kaisha.test> <b@evil.test>")),
    ),
    # DMARC's record.
    "no DMARC": Case("none", ["no DMARC record"], lambda: delivered(signed()), withdraw=("_dmarc.kaisha.test",)),
    "DMARC is silent": Case(
        "unknown", ["DMARC record not to be had"], lambda: delivered(signed()), fail=("_dmarc.kaisha.test",)
    ),
    # What was handed over.
    "never received": Case(
        "unknown", ["sending address unknown", "not signed"], lambda: mail(), says="there is no Received field"
    ),
    "never received, signed": Case("pass", ["sending address unknown"], lambda: signed()),
    "handed in with a login": Case(
        "unknown",
        ["sending address unknown", "not signed"],
        lambda: trace(OURS, "laptop", "smtp.kaisha.test", "ESMTPSA") + mail(),
        says="with a login",
    ),
    "no return path": Case(
        "unknown", ["return path unknown", "not signed"], lambda: trace(OURS, "mail.kaisha.test") + mail()
    ),
    "copied as text, damaged": Case(
        "unknown",
        ["SPF: not from there", "body changed"],
        lambda: edited(delivered(signed(), **FROM_ELSEWHERE), b"Good morning.", b"Good  morning .").decode(),
        says="copying the text changed it",
    ),
}
