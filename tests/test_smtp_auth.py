"""Lesson 02: what a door offers, logging in, and that a password never shows."""

from __future__ import annotations

import base64
import csv
import getpass
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import scramp
from support_smtp_server import HOST, Conversation, scripted

from mailkit import clients, datasets, lab, smtp_auth
from mailkit.figures.capabilities import matrix
from mailkit.figures.style import MUTED
from mailkit.lab import Lab
from mailkit.lab.mail import auth, mta
from mailkit.network import Network
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict
from mailkit.smtp_auth import scram
from mailkit.smtp_auth.client import VARIABLE
from mailkit.smtp_auth.mechanisms import cram_md5

HANAKO, SECRET = "hanako@kaisha.example", "Geheim,=7 ü"


@pytest.fixture(scope="module")
def world() -> Iterator[Lab]:
    with lab.Lab() as running:
        yield running


@pytest.fixture
def net(world: Lab) -> Network:
    return world.network()


# Capabilities of one door.


def test_capabilities_before_and_after_tls(net: Network) -> None:
    seen = smtp_auth.capabilities("smtp.kaisha.example", 587, net=net)
    assert (seen.outcome, seen.reason) == (Outcome.OPEN, "")
    assert seen.before_tls is not None and seen.after_tls is not None
    assert seen.before_tls.starttls and not seen.after_tls.starttls
    assert seen.before_tls.mechanisms == () and seen.after_tls.mechanisms == ("SCRAM-SHA-256", "PLAIN", "LOGIN")
    assert "SIZE 33554432" in seen.before_tls.keywords


def test_capabilities_with_implicit_tls_and_without_any(net: Network) -> None:
    implicit = smtp_auth.capabilities("smtp.kaisha.example", 465, net=net)
    assert implicit.before_tls is None and implicit.after_tls is not None and implicit.after_tls.mechanisms
    with scripted(lambda c: (c.ehlo("AUTH=PLAIN", "AUTH PLAIN LOGIN"), c.hear(), c.say("221 bye"))[0], net) as fake:
        seen = smtp_auth.capabilities(HOST, 587, net=fake)
    assert seen.after_tls is None and seen.before_tls is not None
    assert seen.before_tls.mechanisms == ("PLAIN", "LOGIN") and seen.before_tls.keywords[-1] == "AUTH PLAIN LOGIN"


def test_capabilities_of_a_closed_port(net: Network) -> None:
    seen = smtp_auth.capabilities("mx.kaisha.example", 587, net=net)
    assert (seen.outcome, seen.stage, seen.before_tls) == (Outcome.REFUSED, Stage.CONNECT, None)


def refuses_helo(c: Conversation) -> None:
    c.say("220 old")
    for _ in range(2):
        c.hear()
        c.say("500 what?")
    c.hear()


def knows_helo_only(c: Conversation) -> None:
    c.say("220 old")
    c.hear()
    c.say("500 what?")
    c.hear()
    c.say("250 hello")
    c.hear()


def breaks_tls(c: Conversation) -> None:
    c.ehlo("STARTTLS")
    c.hear()
    c.say("220 go ahead")
    c.say("this is no TLS")


def refuses_tls(c: Conversation) -> None:
    c.ehlo("STARTTLS")
    c.hear()
    c.say("454 4.7.0 TLS not available")


def never_ends(c: Conversation) -> None:
    c.say("220 ready")
    c.hear()
    while True:
        c.say("250-AUTH " + "X" * 400)


def drips(c: Conversation) -> None:
    while True:
        c.say(b"2")
        time.sleep(0.05)


HOSTILE: list[tuple[Callable[[Conversation], None], Outcome, Stage]] = [
    (lambda c: c.say("554 5.7.1 go away"), Outcome.REJECTED, Stage.GREETING),
    (refuses_helo, Outcome.REJECTED, Stage.EHLO),
    (knows_helo_only, Outcome.OPEN, Stage.EHLO),
    (breaks_tls, Outcome.TLS_FAILURE, Stage.STARTTLS),
    (refuses_tls, Outcome.REJECTED, Stage.STARTTLS),
    (never_ends, Outcome.PROTOCOL_ERROR, Stage.EHLO),
    (drips, Outcome.TIMEOUT, Stage.GREETING),
    (lambda c: c.say("HTTP/1.1 400 Bad Request"), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    (lambda c: None, Outcome.RESET, Stage.GREETING),
]


@pytest.mark.parametrize(("script", "outcome", "stage"), HOSTILE)
def test_hostile_servers(net: Network, script: Callable[[Conversation], None], outcome: Outcome, stage: Stage) -> None:
    with scripted(script, replace(net, timeout=0.5 if outcome is Outcome.TIMEOUT else 60.0)) as fake:
        seen = smtp_auth.capabilities(HOST, 587, net=fake)
        attempt = smtp_auth.login(HOST, 587, HANAKO, password=SECRET, net=fake)
    assert (seen.outcome, seen.stage) == (outcome, stage)
    assert attempt.outcome is not Outcome.OPEN
    assert outcome is Outcome.OPEN or seen.reason


def test_what_was_offered_before_a_broken_handshake_is_kept(net: Network) -> None:
    with scripted(breaks_tls, net) as fake:
        seen = smtp_auth.capabilities(HOST, 587, net=fake)
    assert seen.before_tls is not None and seen.before_tls.starttls and seen.after_tls is None


def test_keywords_are_bounded_and_made_visible(net: Network) -> None:
    script = lambda c: (c.ehlo(*[f"X{n} \x1b[31m{'y' * 300}" for n in range(90)]), c.hear())  # noqa: E731
    with scripted(script, net) as fake:
        offer = smtp_auth.capabilities(HOST, 25, net=fake).before_tls
    assert offer is not None and len(offer.keywords) == 91
    assert all(len(word) <= 120 and "\x1b" not in word for word in offer.keywords)


# The doors of a domain.


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ("kaisha.example", {("MX", 25), ("SRV _submissions", 465), ("SRV _submission", 587), ("usual port", 2525)}),
        ("isp.example", {("MX", 25), ("usual name", 587), ("usual name", 465), ("usual name", 2525)}),
        ("example.org", {("MX", 25), ("MX host", 587), ("MX host", 465), ("MX host", 2525)}),
        ("example.com", set()),
        ("nowhere.example", set()),
    ],
)
def test_doors_are_found(net: Network, domain: str, found: set[tuple[str, int]]) -> None:
    assert {(door.found_by, door.port) for door in smtp_auth.smtp_servers(domain, net=net)} == found


def test_doors_say_what_they_offer(net: Network) -> None:
    rows = {door.port: door for door in smtp_auth.smtp_servers("kaisha.example", net=net)}
    mechanisms = "SCRAM-SHA-256 PLAIN LOGIN"
    assert {port: (d.tls, d.auth_before_tls, d.auth_after_tls) for port, d in rows.items()} == {
        25: ("STARTTLS", "none", "none"),
        465: ("from the start", "–", mechanisms),
        587: ("STARTTLS", "none", mechanisms),
        2525: ("STARTTLS", "none", mechanisms),
    }
    assert "inside TLS at smtp.kaisha.example:465" in smtp_auth.in_words(
        smtp_auth.smtp_servers("kaisha.example", net=net)
    )


@pytest.mark.parametrize(
    ("vantage", "outcome"),
    [("home", Outcome.TIMEOUT), ("hotel", Outcome.REFUSED), ("intercepted", Outcome.INTERCEPTED)],
)
def test_a_door_that_cannot_be_seen_says_nothing(net: Network, vantage: str, outcome: Outcome) -> None:
    relay, *submission = smtp_auth.smtp_servers("kaisha.example", net=net.at(vantage))
    assert (relay.outcome, relay.tls, relay.auth_before_tls, relay.auth_after_tls) == (outcome, "", "", "")
    assert all(door.outcome is Outcome.OPEN for door in submission)


def test_a_service_that_the_dns_says_is_not_there(world: Lab, net: Network) -> None:
    world.publish("_submission._tcp.example.jp", "SRV", "0 0 0 .")
    world.publish("_submissions._tcp.example.jp", "SRV", "0 0 0 .")
    assert [door.part for door in smtp_auth.smtp_servers("example.jp", net=net)] == ["relay"]
    world.reset()


# What a report says.


def verdicts(found: list[Finding]) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in found}


def test_findings_on_a_domain_that_is_right(net: Network) -> None:
    found = smtp_auth.findings("kaisha.example", net=net)
    assert verdicts(found) == dict.fromkeys(
        ["AUTH before TLS", "submission", "submission on 465", "SRV record for submission"], Verdict.PASS
    )
    assert all(finding.lesson == "02_smtp_auth" and finding.reference.startswith("RFC") for finding in found)


def test_findings_on_mistakes(net: Network) -> None:
    found = smtp_auth.findings("mistakes.example", net=net)
    assert verdicts(found) == {
        "AUTH before TLS": Verdict.FAIL,
        "submission": Verdict.PASS,
        "submission on 465": Verdict.WARN,
        "SRV record for submission": Verdict.PASS,
        "old mechanisms": Verdict.INFO,
    }
    by_check = {finding.check: finding for finding in found}
    assert "smtpd_tls_auth_only = yes" in by_check["AUTH before TLS"].fix
    isp = [finding.fix for finding in smtp_auth.findings("isp.example", net=net) if finding.fix]
    assert isp == [
        "_submissions._tcp.isp.example. 3600 IN SRV 0 0 465 smtp.isp.example.",
        "_submission._tcp.isp.example. 3600 IN SRV 10 0 587 smtp.isp.example.",
    ]


@pytest.mark.parametrize(
    ("domain", "vantage", "expected"),
    [
        ("example.com", "office", {"submission": Verdict.INFO}),
        ("kaisha.example", "offline", {"submission": Verdict.UNKNOWN}),
        ("example.net", "home", {"AUTH before TLS": Verdict.UNKNOWN, "submission": Verdict.INFO}),
    ],
)
def test_findings_where_there_is_little_to_see(
    net: Network, domain: str, vantage: str, expected: dict[str, Verdict]
) -> None:
    assert verdicts(smtp_auth.findings(domain, net=net.at(vantage))) == expected


@pytest.mark.parametrize(
    ("keywords", "check", "verdict"),
    [
        (("AUTH PLAIN",), "AUTH before TLS", Verdict.FAIL),
        (("AUTH SCRAM-SHA-256",), "AUTH before TLS", Verdict.WARN),
        (("AUTH PLAIN",), "submission", Verdict.FAIL),
        ((), "submission", Verdict.FAIL),
    ],
)
def test_findings_on_servers_without_tls(net: Network, keywords: tuple[str, ...], check: str, verdict: Verdict) -> None:
    def script(c: Conversation) -> None:
        c.ehlo(*keywords)
        c.hear()

    with scripted(script, net) as fake:
        found = smtp_auth.findings("kaisha.example", net=fake)
        guessed = smtp_auth.findings("isp.example", net=fake)
    assert {finding.verdict for finding in found if finding.check == check} >= {verdict}
    # isp.example announces nothing: under usual names the same is described and not blamed.  Its MX it does announce.
    theirs = [f for f in guessed if f.check == check and "mx." not in f.evidence]
    assert theirs and not any(f.verdict in (Verdict.WARN, Verdict.FAIL) or f.fix for f in theirs)


# Logging in.


@pytest.mark.parametrize(
    ("host", "port", "user", "mechanism", "proved"),
    [
        ("smtp.kaisha.example", 587, HANAKO, None, True),
        ("smtp.kaisha.example", 465, HANAKO, "SCRAM-SHA-256", True),
        ("smtp.kaisha.example", 2525, HANAKO, "PLAIN", None),
        ("smtp.kaisha.example", 587, HANAKO, "LOGIN", None),
        ("smtp.isp.example", 465, "jiro@isp.example", "CRAM-MD5", None),
        ("smtp.isp.example", 587, "jiro@isp.example", None, None),
    ],
)
def test_login(
    world: Lab, net: Network, host: str, port: int, user: str, mechanism: str | None, proved: bool | None
) -> None:
    password = world.account(user).password
    good = smtp_auth.login(host, port, user, password=password, mechanism=mechanism, net=net)
    assert (good.outcome, good.reply[:9], good.server_proved) == (Outcome.OPEN, "235 2.7.0", proved)
    bad = smtp_auth.login(host, port, user, password=f"{password}x", mechanism=mechanism, net=net)
    assert (bad.outcome, bad.stage, bad.reply[:9]) == (Outcome.REJECTED, Stage.AUTH, "535 5.7.8")
    assert bad.reason == "wrong name or password" and bad.server_proved is None
    assert not any(line.text.upper().startswith(("MAIL", "RCPT", "DATA")) for line in good.dialogue)
    assert all(line.encrypted for line in good.dialogue if line.text.startswith("AUTH"))


def test_login_where_the_server_cannot_check(world: Lab, net: Network) -> None:
    carol = world.account("carol@mistakes.example")
    seen = smtp_auth.login("smtp2.mistakes.example", 587, carol.user, password=carol.password, net=net)
    assert (seen.outcome, seen.reply[:9]) == (Outcome.REJECTED, "454 4.7.0")
    assert seen.reason.startswith("cannot check logins just now")


def test_login_with_a_mechanism_that_is_not_offered(net: Network) -> None:
    seen = smtp_auth.login("smtp.kaisha.example", 587, HANAKO, password="x", mechanism="CRAM-MD5", net=net)
    assert (seen.outcome, seen.reason, seen.reply) == (
        Outcome.REJECTED,
        "CRAM-MD5 is not offered inside TLS, only SCRAM-SHA-256 PLAIN LOGIN",
        "",
    )
    with pytest.raises(ValueError, match="SCRAM-SHA-256, PLAIN, LOGIN, CRAM-MD5"):
        smtp_auth.login("smtp.kaisha.example", 587, HANAKO, password="x", mechanism="NTLM", net=net)


def test_login_says_nothing_without_verified_tls(net: Network) -> None:
    """Neither to a server without STARTTLS nor to one whose certificate bears another name or signature."""
    heard: list[list[str]] = []

    def clear(c: Conversation) -> None:
        heard.append(c.heard)
        c.ehlo("AUTH PLAIN LOGIN")
        c.hear()

    def other_name(c: Conversation) -> None:
        heard.append(c.heard)
        c.ehlo("STARTTLS", "AUTH PLAIN")
        c.starttls()
        c.offer("AUTH PLAIN")
        c.hear()

    with scripted(clear, net) as fake:
        seen = smtp_auth.login(HOST, 587, HANAKO, password=SECRET, net=fake)
    assert (seen.outcome, seen.stage) == (Outcome.REJECTED, Stage.STARTTLS)
    with scripted(other_name, net) as fake:
        seen = smtp_auth.login("smtp.bigmail.example", 587, HANAKO, password=SECRET, net=fake, outside=True)
        assert (seen.outcome, seen.stage) == (Outcome.TLS_FAILURE, Stage.STARTTLS)
        untrusted = smtp_auth.login(HOST, 587, HANAKO, password=SECRET, net=without_ca(fake))
    assert untrusted.outcome is Outcome.TLS_FAILURE
    assert not any(line.startswith("AUTH") for lines in heard for line in lines)


def without_ca(net: Network) -> Network:
    """*net*, trusting whom this machine trusts instead of the practice authority."""
    return replace(net, ca_file=None)


def test_where_the_password_comes_from(world: Lab, net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def prompt(text: str) -> str:
        asked.append(text)
        return world.account(HANAKO).password

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(getpass, "getpass", prompt)
    assert smtp_auth.login("smtp.kaisha.example", 587, HANAKO, net=net).outcome is Outcome.OPEN
    assert len(asked) == 1 and HANAKO in asked[0]
    monkeypatch.setenv(VARIABLE, world.account(HANAKO).password)
    assert smtp_auth.login("smtp.kaisha.example", 587, HANAKO, net=net).outcome is Outcome.OPEN
    assert len(asked) == 1


def test_no_password_follows_the_dns_out_of_the_domain(
    world: Lab, net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 6186 section 6: a host outside the domain of the account is refused, or asked about at the prompt."""
    asked: list[str] = []

    def prompt(text: str) -> str:
        asked.append(text)
        return ""

    heard: list[list[str]] = []

    def listens(c: Conversation) -> None:
        heard.append(c.heard)
        c.ehlo("STARTTLS", "AUTH PLAIN")
        c.hear()

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(getpass, "getpass", prompt)
    stranger = "smtp.spoof.example"
    with scripted(listens, net) as fake:
        given = smtp_auth.login(stranger, 587, HANAKO, password=SECRET, net=fake)
        assert not asked
        monkeypatch.setenv(VARIABLE, SECRET)
        seen = [
            given,
            smtp_auth.login(stranger, 587, HANAKO, net=fake),
            smtp_auth.login(stranger, 587, "hanako", net=fake),
        ]
        assert [(one.outcome, "outside the domain" in one.reason) for one in seen] == [(Outcome.NOT_RUN, True)] * 3
        assert not heard
        assert len(asked) == 2 and all("was it you who chose it" in text and stranger in text for text in asked)
        smtp_auth.login(stranger, 587, HANAKO, net=fake, outside=True)
        assert len(asked) == 2 and heard


@pytest.mark.parametrize("error", [EOFError, OSError, NotImplementedError, getpass.GetPassWarning])
def test_no_way_to_ask(net: Network, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def prompt(text: str) -> str:
        raise error

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(getpass, "getpass", prompt)
    seen = smtp_auth.login("smtp.kaisha.example", 587, HANAKO, net=net)
    assert seen.outcome is Outcome.NOT_RUN and VARIABLE in seen.reason
    assert smtp_auth.login("smtp.kaisha.example", 587, None, net=net).outcome is Outcome.NOT_RUN


# The password is nowhere.


def sly(*replies: str) -> Callable[[Conversation], None]:
    """A server that gives *replies* inside TLS; {0} is the client's last line, {1} what it says decoded."""

    def script(c: Conversation) -> None:
        c.ehlo("STARTTLS")
        c.starttls()
        c.offer("AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256")
        for reply in replies:
            said = c.hear()
            word = said.split(" ")[-1]
            try:
                decoded = base64.b64decode(word).decode("utf-8", "replace")
            except ValueError:
                decoded = ""
            c.say(reply.format(said, decoded.rpartition("\0")[2]))

    return script


def challenge(text: str) -> str:
    return "334 " + base64.b64encode(text.encode()).decode()


CRASHES: list[tuple[str, tuple[str, ...], Outcome]] = [
    ("PLAIN", ("535 5.7.8 no such user: {0}",), Outcome.REJECTED),
    ("PLAIN", ("535 5.7.8 the password is not {1}",), Outcome.REJECTED),
    ("PLAIN", ("what is {1}?",), Outcome.PROTOCOL_ERROR),
    ("PLAIN", ("235 2.7.0 welcome, {1}",), Outcome.OPEN),
    ("PLAIN", (), Outcome.RESET),
    ("PLAIN", ("334 again?", "235 ok"), Outcome.PROTOCOL_ERROR),  # RFC 4616 knows one message only
    ("LOGIN", (challenge("Username:"), challenge("Password:"), "535 {0} {1}"), Outcome.REJECTED),
    ("LOGIN", (challenge("Username:"), challenge("Password:")), Outcome.RESET),
    ("LOGIN", ("334 !!", "501 5.7.0 {0}"), Outcome.REJECTED),
    ("CRAM-MD5", (challenge("<1@x>"), "535 {0} {1}"), Outcome.REJECTED),
    ("SCRAM-SHA-256", ("334 !!", "501 ok"), Outcome.PROTOCOL_ERROR),
    ("SCRAM-SHA-256", (challenge("r=abc,s=AAAA,i=4096"), "501 5.7.0 ok"), Outcome.PROTOCOL_ERROR),
    ("SCRAM-SHA-256", ("235 2.7.0 no proof needed",), Outcome.PROTOCOL_ERROR),
]


@pytest.mark.parametrize(("mechanism", "replies", "outcome"), CRASHES)
def test_a_password_does_not_come_back(
    net: Network, mechanism: str, replies: tuple[str, ...], outcome: Outcome, capfd: pytest.CaptureFixture[str]
) -> None:
    with scripted(sly(*replies), net) as fake:
        seen = smtp_auth.login(HOST, 587, HANAKO, password=SECRET, mechanism=mechanism, net=fake)
    assert seen.outcome is outcome and seen.server_proved is not True
    shown = [repr(seen), seen._repr_html_(), repr(seen.dialogue), seen.dialogue._repr_html_(), seen.detail, seen.reply]
    shown += [seen.reason, str(seen.dialogue.frame.to_dict()), *capfd.readouterr()]
    forms = [SECRET, base64.b64encode(SECRET.encode()).decode(), smtp_auth.encode("", HANAKO, SECRET)]
    assert not [(form, text) for form in forms for text in shown if form in text]


def test_passwords_of_the_practice_internet_show_nowhere(world: Lab, net: Network, root: Path) -> None:
    """Not after right and wrong logins and sends, in no record, log or table; but victim's may."""
    accounts = [account for account in world.world.mailboxes.values() if not account.user.startswith("victim@")]
    assert len(accounts) > 10
    shown: list[str] = []
    for account in accounts:
        host = f"smtp.{account.user.rpartition('@')[2]}"
        if host not in world.world.hosts:
            continue
        for mechanism in (None, "PLAIN", "LOGIN"):
            seen = smtp_auth.login(host, 587, account.user, password=account.password, mechanism=mechanism, net=net)
            shown += [repr(seen), repr(seen.dialogue), seen.detail]
        sent = clients.send(
            host, 587, b"Subject: x\r\n\r\nx\r\n", sender="nobody@example.net", recipients=["bob@example.org"],
            net=net, credentials=account,
        )  # fmt: skip
        shown += [repr(sent), repr(sent.dialogue), sent.detail, repr(account), account._repr_html_()]
        again = smtp_auth.converse(
            host, 587, f"AUTH PLAIN {smtp_auth.encode('', account.user, account.password)}", net=net
        )
        shown += [repr(again), again._repr_html_()]
    world.settle()
    shown += [repr(world.log), repr(world.errors), repr(world.world), repr(world.world.hosts)]
    shown += [path.read_text("utf-8") for path in (root / "notebooks").glob("[0-9]*.ipynb")]
    forms = {account.user: (account.password, *encoded(account.user, account.password)) for account in accounts}
    assert [user for user, some in forms.items() for form in some for text in shown if form in text] == []


def encoded(user: str, password: str) -> tuple[str, str]:
    return base64.b64encode(password.encode()).decode(), smtp_auth.encode("", user, password)


# What travels.


def test_base64_is_not_encryption() -> None:
    assert smtp_auth.encode("test", "test", "1234") == "dGVzdAB0ZXN0ADEyMzQ="  # RFC 4954 section 4.1
    assert smtp_auth.decode("AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=") == ("test", "test", "1234")
    assert smtp_auth.decode("334 VXNlcm5hbWU6") == ("Username:",)
    for wrong in ("", "!!!", "AUTH PLAIN", "dGVzd"):
        with pytest.raises(ValueError, match="base64"):
            smtp_auth.decode(wrong)


def test_cram_md5_as_in_its_standard() -> None:
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"  # RFC 2195 section 2
    assert cram_md5("tim", "tanstaaftanstaaf", challenge) == b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_token_formats() -> None:
    assert smtp_auth.decode(smtp_auth.xoauth2("someuser@example.com", "ya29.token")) == (
        "user=someuser@example.com\x01auth=Bearer ya29.token\x01\x01",
    )
    said = smtp_auth.decode(smtp_auth.oauthbearer("user@example.com", "vF9dft4qmTc2", host="server.example.com"))
    assert said == ("n,a=user@example.com,\x01host=server.example.com\x01port=587\x01auth=Bearer vF9dft4qmTc2\x01\x01",)


RFC_7677: dict[str, Any] = {
    "client_nonce": "rOprNGfwEbeRWgbNEkqO",
    "server_nonce": "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    "verifier": scram.Verifier.of("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")),
}


def test_scram_as_in_its_standard() -> None:
    steps = list(scram.walk("user", "pencil", **RFC_7677))
    messages = [
        ",".join(step.field for step in steps if step.message == number).replace("n,,,", "n,,")
        for number in (1, 2, 3, 4)
    ]
    nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    assert messages == [  # RFC 7677 section 3
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        f"{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        f"c=biws,{nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ]
    other = scram.Verifier.of("another", RFC_7677["verifier"].salt)
    assert "535" in scram.walk("user", "pencil", **RFC_7677 | {"verifier": other})[-1].what


@pytest.mark.parametrize(
    ("user", "password"), [("user", "pencil"), ("a,b=c", "p,=x"), ("花子", "ひみつ"), ("u", "ﬁne Ⅳ")]
)
def test_scram_with_scramp(user: str, password: str) -> None:
    """Our client with another's server, and another's client with our server."""
    mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
    salt, stored, server_key, count = mechanism.make_auth_info(password, iteration_count=4096)
    asked: list[str] = []
    server = mechanism.make_server(lambda name: asked.append(name) or (salt, stored, server_key, count))
    first = scram.client_first(user, "nonce-of-ours")
    server.set_client_first(first)
    final, expected = scram.client_final(password, first, server.get_server_first())
    server.set_client_final(final)  # raises unless the proof is right
    assert server.get_server_final() == expected and asked == [user]

    verifier = scram.Verifier.of(password, b"0123456789abcdef")
    assert (verifier.stored_key, verifier.server_key) == mechanism.make_auth_info(
        password, iteration_count=4096, salt=b"0123456789abcdef"
    )[1:3]
    client = scramp.ScramClient(["SCRAM-SHA-256"], user, password)
    first = client.get_client_first()
    server_first = verifier.first(first, "nonce-of-theirs")
    client.set_server_first(server_first)
    proof = verifier.final(first, server_first, client.get_client_final())
    assert proof is not None
    client.set_server_final(proof)  # raises unless the proof is right


@pytest.mark.parametrize(
    "server_first",
    [
        "",
        "nonsense",
        "r=other,s=AAAA,i=4096",
        "r=mine,s=AAAA,i=4096",  # nothing of the server's own
        "r=mine1,s=AAAA",
        "r=mine1,s=!,i=4096",
        "r=mine1,s=AAAA,i=1",
        "r=mine1,s=AAAA,i=4095",
        "r=mine1,s=AAAA,i=999999999999",
        "r=mine1,s=AAAA,i=-5000",
        "r=mine1,s=AAAA,i=٤٠٩٦",
        "m=extension,r=mine1,s=AAAA,i=4096",
        "r=mine1,r=mine2,s=AAAA,i=4096",
    ],
)
def test_scram_client_is_not_talked_into_anything(server_first: str) -> None:
    with pytest.raises(scram.ScramError):
        scram.client_final("password", scram.client_first("user", "mine"), server_first)


def test_login_notices_a_server_that_does_not_know_the_password(net: Network) -> None:
    """The server takes any proof; only that it cannot show one of its own gives it away."""

    def script(c: Conversation, finish: str) -> None:
        c.ehlo("STARTTLS")
        c.starttls()
        c.offer("AUTH SCRAM-SHA-256")
        first = base64.b64decode(c.hear().split(" ")[-1]).decode()
        c.say(challenge(scram.Verifier.of("a guess", b"salt").first(first, "xyz")))
        c.hear()
        c.say(finish)
        c.hear()
        c.say("235 2.7.0 welcome")
        c.hear()

    for finish in (challenge("v=" + base64.b64encode(bytes(32)).decode()), "235 2.7.0 welcome"):
        with scripted(partial(script, finish=finish), net) as fake:
            seen = smtp_auth.login(HOST, 587, HANAKO, password=SECRET, net=fake)
        assert (seen.outcome, seen.server_proved) == (Outcome.PROTOCOL_ERROR, False)
        assert "password" in seen.reason


# Saying commands.


def test_converse_reads_replies_against_the_table(net: Network) -> None:
    rows = smtp_auth.converse(HOST, 587, f"MAIL FROM:<{HANAKO}>", "AUTH NTLM", "AUTH LOGIN", "*", "QUIT", net=net)
    assert [(row.code, row.enhanced) for row in rows] == [
        ("530", "5.7.0"), ("504", "5.5.4"), ("334", ""), ("501", "5.7.0"), ("221", "")
    ]  # fmt: skip
    assert all(row.meaning != "not in the table" for row in rows)
    assert smtp_auth.meaning("535 5.7.8 Error: authentication failed: x") == "wrong name or password"
    assert smtp_auth.meaning("535 Incorrect authentication data") == "wrong name or password"
    assert smtp_auth.meaning("299 9.9.9 what?") == "not in the table"


def test_converse_shows_no_password_and_says_how_it_ended(net: Network) -> None:
    rows = smtp_auth.converse(HOST, 587, f"AUTH PLAIN {smtp_auth.encode('', HANAKO, SECRET)}", net=net, tls=False)
    assert (rows[0].command, rows[0].code) == ("AUTH PLAIN (redacted)", "538")
    gone = smtp_auth.converse("mx.kaisha.example", 587, "NOOP", net=net)
    assert len(gone) == 1 and gone[0].code == "" and "refused" in gone[0].meaning


@pytest.mark.parametrize(
    "command", ["MAIL FROM:<a@b>", "RCPT TO:<a@b>", "AUTH PLAIN AAAA", "VRFY bob", "DATA", "AAAA", "HELOX"]
)
def test_converse_does_no_harm_on_the_real_internet(net: Network, command: str) -> None:
    real = replace(net, takes_test_mail=False)
    with pytest.raises(ValueError, match=r"clients\.send"):
        smtp_auth.converse(HOST, 587, command, net=real)


@pytest.mark.parametrize("command", ["DATA", "bdat 5 LAST", "STARTTLS", "NOOP\r\nQUIT", "NOOP é", "\x1b"])
def test_converse_refuses_what_it_cannot_say(net: Network, command: str) -> None:
    with pytest.raises(ValueError):
        smtp_auth.converse(HOST, 587, command, net=net)


# The figure.


def test_figure_shows_each_door_and_what_it_offers(net: Network) -> None:
    alt = matrix(smtp_auth.smtp_servers("mistakes.example", net=net), title="Doors").alt
    assert "smtp.mistakes.example:587 (submission): TLS STARTTLS, AUTH before TLS PLAIN LOGIN CRAM-MD5" in alt
    assert "smtp.mistakes.example:465 (submission): TLS refused, AUTH before TLS not seen" in alt
    nothing = matrix(smtp_auth.smtp_servers("example.com", net=net))
    assert "No door was found" in nothing.alt and nothing.png().startswith(b"\x89PNG")


def test_figure_judges_each_cell() -> None:
    def drawn(part: str, tls: str, before: str, after: str) -> list[str]:
        door = smtp_auth.SmtpServer("h.example", 587, part, "MX", Outcome.OPEN, Stage.EHLO, tls, before, after)
        texts = matrix(Rows(smtp_auth.SmtpServer, [door])).figure.axes[0].texts
        return [text.get_text()[0] for text in texts if text.get_text()[0] in "✓✗!i–?" and text.get_color() != MUTED]

    assert drawn("submission", "STARTTLS", "none", "PLAIN")[:3] == ["✓", "✓", "✓"]
    assert drawn("submission", "STARTTLS", "PLAIN", "PLAIN")[:3] == ["✓", "✗", "✓"]
    assert drawn("submission", "STARTTLS", "CRAM-MD5", "none")[:3] == ["✓", "!", "!"]
    assert drawn("submission", "none", "PLAIN", "–")[:2] == ["✗", "✗"]
    assert drawn("relay", "none", "none", "–")[:2] == ["!", "✓"]
    assert drawn("relay", "STARTTLS", "none", "PLAIN")[:3] == ["✓", "✓", "i"]


def test_figure_of_many_doors_says_what_it_leaves_out() -> None:
    many = [
        smtp_auth.SmtpServer(f"{'h' * 80}{n}.example", 587, "submission", "MX", Outcome.OPEN, Stage.EHLO, "STARTTLS",
                       "none", " ".join(["X" * 30] * 9)) for n in range(15)
    ]  # fmt: skip
    picture = matrix(Rows(smtp_auth.SmtpServer, many))
    assert "Not shown: 3 doors." in picture.alt and picture.png().startswith(b"\x89PNG")


# The tables.


def test_tables_agree_with_the_lab(net: Network) -> None:
    """Every reply that the lab's AUTH gives stands in the table under both its codes."""
    text = "".join(Path(module.__file__).read_text("utf-8") for module in (auth, mta) if module.__file__)
    table = datasets.load("smtp_replies")
    known = set(zip(table["code"], table["enhanced"]))
    given = set(re.findall(r'"(\d{3}) ([245]\.\d+\.\d+) ', text))
    assert {pair for pair in given if pair[0] not in ("250",)} <= known and len(given) > 10


@pytest.mark.parametrize("name", ["smtp_replies", "auth_mechanisms", "smtp_ports"])
def test_tables_are_whole(name: str, root: Path) -> None:
    with (root / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len({len(row) for row in rows}) == 1 and len(rows) > 4
    # Receivers use one pair of codes for several things: there the receiver and its words are part of the key.
    keys = [tuple(row[: 4 if name == "smtp_replies" else 2]) for row in rows]
    assert len(set(keys)) == len(keys)
