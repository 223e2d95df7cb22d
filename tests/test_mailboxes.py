"""Lesson 08's package: what mailbox servers offer, how they are found, and what a report says; hostile servers too."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from encodings.aliases import aliases

import pytest
from support_dns import dns_world, keeping_out
from support_servers import HOST, Behaviour, closed_port, loopback_network, tcp_server

from mailkit import mailboxes
from mailkit.clients import Credentials
from mailkit.conversation import IMAP, POP3
from mailkit.conversation.https import Fetched
from mailkit.figures.mailboxes import matrix
from mailkit.lab import Lab
from mailkit.lab.attacks import reading
from mailkit.lab.web.pages import Page
from mailkit.mailboxes.findings import judge
from mailkit.mailboxes.servers import MailboxServer
from mailkit.mailboxes.settings import read
from mailkit.network import Network
from mailkit.network.endpoints import Found, LeftOut, Purpose, Why
from mailkit.network.records import parse_paste
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict

IMAP_HOST, HANAKO = "imap.kaisha.example", "hanako@kaisha.example"


@pytest.fixture(scope="module")
def world() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture
def lab(world: Lab) -> Lab:
    world.reset()
    return world


@pytest.fixture
def net(lab: Lab) -> Network:
    return lab.network()


# MailboxCapabilities.


def test_before_and_after_starttls(net: Network) -> None:
    seen = mailboxes.capabilities(IMAP_HOST, 143, net=net)
    assert (seen.outcome, seen.protocol, seen.reason) == (Outcome.OPEN, "imap", "")
    assert seen.before_tls is not None and seen.after_tls is not None
    assert seen.before_tls.starttls and not seen.before_tls.logins and "LOGINDISABLED" in seen.before_tls.words
    assert seen.after_tls.logins and "PLAIN" in seen.after_tls.mechanisms and not seen.after_tls.starttls
    seen = mailboxes.capabilities(IMAP_HOST, 110, net=net)
    assert seen.before_tls is not None and seen.after_tls is not None
    assert seen.before_tls.starttls and not seen.before_tls.logins and "USER" not in seen.before_tls.words
    assert seen.after_tls.password_command and seen.after_tls.mechanisms == ("SCRAM-SHA-256", "PLAIN", "LOGIN")


@pytest.mark.parametrize(("port", "protocol"), [(993, "imap"), (995, "pop3")])
def test_with_implicit_tls_there_is_no_before(net: Network, port: int, protocol: str) -> None:
    seen = mailboxes.capabilities(IMAP_HOST, port, net=net)
    assert seen.before_tls is None and seen.after_tls is not None and seen.after_tls.logins
    assert seen.protocol == protocol and not seen.apop


def test_what_should_not_be(net: Network) -> None:
    seen = mailboxes.capabilities("imap.mistakes.example", 143, net=net)
    assert seen.before_tls is not None and seen.before_tls.mechanisms == ("PLAIN", "LOGIN")
    seen = mailboxes.capabilities("classic.isp.example", 110, net=net)
    assert seen.apop and seen.before_tls is not None and seen.before_tls.password_command


def test_ports_without_a_usual_protocol_need_one(net: Network) -> None:
    with pytest.raises(ValueError, match='protocol is "imap" or "pop3"'):
        mailboxes.capabilities(IMAP_HOST, 4190, net=net)
    with pytest.raises(ValueError, match='protocol is "imap" or "pop3"'):
        mailboxes.capabilities(IMAP_HOST, 143, net=net, protocol="smtp")


def says(*pieces: bytes) -> Behaviour:
    """A server that says one piece, and another after each line of the client's."""

    def behave(connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        for piece in pieces:
            connection.sendall(piece)
            if not piece or not lines.readline():
                return

    return behave


@pytest.mark.parametrize(
    ("protocol", "pieces", "outcome", "reason"),
    [
        ("imap", [b"220 smtp.example ESMTP\r\n"], Outcome.PROTOCOL_ERROR, "not IMAP: 220 smtp.example ESMTP"),
        ("imap", [b"\x00\xff\r\n"], Outcome.PROTOCOL_ERROR, "what answers is not IMAP: \\x00"),
        ("imap", [b"\r\n"], Outcome.PROTOCOL_ERROR, "what answers is not IMAP: an empty line"),
        ("imap", [b"* OKAY\r\n"], Outcome.PROTOCOL_ERROR, "what answers is not IMAP: * OKAY"),
        ("imap", [b"* BYE too many\r\n"], Outcome.REJECTED, "does not want to talk: * BYE too many"),
        ("imap", [b"* PREAUTH welcome back\r\n"], Outcome.PROTOCOL_ERROR, "takes us for logged in"),
        ("imap", [b"* OK hello\r\n", b"* BYE idle for too long\r\n"], Outcome.REJECTED, "* BYE idle for too long"),
        ("imap", [b"* OK hello\r\n", b"a1 OK done\r\n"], Outcome.PROTOCOL_ERROR, "lists no capabilities"),
        ("imap", [b"* OK hello\r\n", b"* CAPABILITY\r\na1 OK\r\n"], Outcome.PROTOCOL_ERROR, "lists no capabilities"),
        (
            "imap",
            [b"* OK hello\r\n", b"* CAPABILITY {9999999}\r\nSTARTTLS\r\na1 OK\r\n"],
            Outcome.PROTOCOL_ERROR,
            "neither IMAP4rev1 nor IMAP4rev2",
        ),
        ("imap", [b"* OK hello\r\n", b"a1 BAD no\r\n"], Outcome.REJECTED, "BAD no"),
        ("imap", [b"* OK hello\r\n", b"nonsense\r\n"], Outcome.PROTOCOL_ERROR, "not IMAP"),
        ("imap", [b"* OK hello\r\n", b"* X\r\n" * 30_000], Outcome.PROTOCOL_ERROR, "never ends"),
        ("imap", [b"* OK hello\r\n", b"* " + b"x" * 100_000], Outcome.PROTOCOL_ERROR, "too long"),
        ("imap", [b"* OK hello\r\n", b""], Outcome.RESET, "cut off"),
        ("imap", [b""], Outcome.RESET, "cut off"),
        (
            "imap",
            [b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK\r\n", b"a2 OK go\r\n* X\r\n"],
            Outcome.PROTOCOL_ERROR,
            "someone injects",
        ),
        (
            "imap",
            [b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK\r\n", b"a2 NO not now\r\n"],
            Outcome.REJECTED,
            "STARTTLS is offered, and refused: a2 NO not now",
        ),
        ("pop3", [b"* OK imap\r\n"], Outcome.PROTOCOL_ERROR, "what answers is not POP3: * OK imap"),
        ("pop3", [b"+OKAY\r\n"], Outcome.PROTOCOL_ERROR, "what answers is not POP3: +OKAY"),
        ("pop3", [b"-ERR busy\r\n"], Outcome.REJECTED, "does not want to talk: -ERR busy"),
        ("pop3", [b"+OK hello\r\n", b"-ERR [SYS/TEMP] later\r\n"], Outcome.REJECTED, "-ERR [SYS/TEMP] later"),
        ("pop3", [b"+OK hello\r\n", b"nonsense\r\n"], Outcome.PROTOCOL_ERROR, "not POP3"),
        ("pop3", [b"+OK hello\r\n", b"+OK\r\n" + b"X\r\n" * 60_000], Outcome.PROTOCOL_ERROR, "never ends"),
        (
            "pop3",
            [b"+OK hello\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK go\r\n+OK\r\n"],
            Outcome.PROTOCOL_ERROR,
            "someone injects",
        ),
    ],
)
def test_hostile_servers(protocol: str, pieces: list[bytes], outcome: Outcome, reason: str) -> None:
    net = loopback_network(timeout=30.0)
    with tcp_server(says(*pieces)) as port:
        seen = mailboxes.capabilities(HOST, port, net=net, protocol=protocol)
    assert seen.outcome is outcome and reason in seen.reason, seen


def test_capitals_do_not_count() -> None:
    """RFC 9051 section 9; a server that says ok in small letters has not refused anything."""
    small = (b"* ok hi\r\n", b"* capability imap4rev1 auth=plain\r\na1 ok done\r\n", b"* bye\r\na2 ok\r\n")
    with tcp_server(says(*small)) as port:
        seen = mailboxes.capabilities(HOST, port, net=loopback_network(timeout=30.0), protocol="imap")
    assert (seen.outcome, seen.banner) == (Outcome.OPEN, "hi")
    assert seen.before_tls is not None and seen.before_tls.mechanisms == ("PLAIN",)
    with tcp_server(says(b"+ok hi\r\n", b"+ok\r\nsasl plain\r\n.\r\n", b"+ok\r\n")) as port:
        seen = mailboxes.capabilities(HOST, port, net=loopback_network(timeout=30.0), protocol="pop3")
    assert (seen.outcome, seen.banner) == (Outcome.OPEN, "hi")
    assert seen.before_tls is not None and seen.before_tls.mechanisms == ("PLAIN",)


def test_a_server_of_old_times_that_knows_no_capa() -> None:
    with tcp_server(says(b"+OK hello <1.2@old.example>\r\n", b"-ERR what?\r\n", b"+OK bye\r\n")) as port:
        seen = mailboxes.capabilities(HOST, port, net=loopback_network(timeout=30.0), protocol="pop3")
    assert seen.outcome is Outcome.OPEN and seen.apop
    assert seen.before_tls is not None and seen.before_tls.password_command and not seen.before_tls.words


def test_nobody_there() -> None:
    seen = mailboxes.capabilities(HOST, closed_port(), net=loopback_network(), protocol="imap")
    assert (seen.outcome, seen.stage) == (Outcome.REFUSED, Stage.CONNECT)


def test_the_words_of_a_stranger_are_bounded_and_shown_safely() -> None:
    words = b" ".join([b"IMAP4rev1", *(b"X%d\x1b[31m" % number for number in range(499))])
    with tcp_server(says(b"* OK \x1b[31mhello\r\n", b"* CAPABILITY " + words + b"\r\na1 OK\r\n", b"")) as port:
        seen = mailboxes.capabilities(HOST, port, net=loopback_network(timeout=30.0), protocol="imap")
    assert seen.before_tls is not None and len(seen.before_tls.words) == 100 and seen.before_tls.left_out == 400
    assert "\x1b" not in str(seen) and "\x1b" not in seen.banner


# Reading by hand.


def test_converse(lab: Lab, net: Network) -> None:
    lab.mailboxes.put(HANAKO, "bob@example.org", b"Subject: Hello\r\n\r\n.A dot, and {3}\r\nend\r\n")
    account = lab.account(HANAKO)
    said = mailboxes.converse(IMAP_HOST, 993, "EXAMINE INBOX", "FETCH 1 BODY[]", net=net, account=account)
    texts = [line.text for line in said]
    assert any("* 1 EXISTS" in text for text in texts) and "Subject: Hello" in texts and "end" in texts
    assert all(line.encrypted for line in said) and texts[-1].endswith("OK Logged out")
    said = mailboxes.converse(IMAP_HOST, 110, "STAT", "RETR 1", net=net, account=account)
    assert any(line.text == "..A dot, and {3}" for line in said) and said[-1].text == "+OK Goodbye"
    assert [line.encrypted for line in said] == sorted(line.encrypted for line in said)
    assert account.password not in said._repr_html_() + str(said)


@pytest.mark.parametrize(
    "command", ["LOGIN a b", "login a b", "STARTTLS", "USER a", "IDLE", "a\r\nb", "ÄÖ", "APPEND x"]
)
def test_converse_says_no_logins(net: Network, command: str) -> None:
    with pytest.raises(ValueError, match=r"is not said here|one line of ASCII"):
        mailboxes.converse(IMAP_HOST, 993, command, net=net)


@pytest.mark.parametrize("command", ["STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "DELE 1", "DELETE x", "SELECT INBOX"])
def test_converse_changes_nothing_on_a_strangers_server(command: str) -> None:
    with pytest.raises(ValueError, match="is not said here"):
        mailboxes.converse(HOST, 993, command, net=loopback_network())


def test_no_password_without_verified_tls(lab: Lab, net: Network) -> None:
    account = Credentials("carol@mistakes.example", "a secret of mine")
    heard: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"* OK hello\r\n")
        lines = connection.makefile("rb")
        while line := lines.readline():
            heard.append(line)
            tag = line.split()[0]
            connection.sendall(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag + b" OK\r\n")

    with tcp_server(behave) as port:
        said = mailboxes.converse(
            HOST, port, "NOOP", net=loopback_network(timeout=30.0), account=account, protocol="imap"
        )
    assert said[-1].who == "–" and said[-1].text == "STARTTLS is not offered"
    assert b"secret" not in b"".join(heard) and not any(b"AUTHENTICATE" in line for line in heard)


@pytest.mark.parametrize("kind", [IMAP, POP3])
def test_a_server_that_echoes_the_password_does_not_get_it_shown(lab: Lab, net: Network, kind: type) -> None:
    talk = kind(net, IMAP_HOST, 993 if kind is IMAP else 995)
    talk.enter(net.tls_context(), implicit_tls=True)
    talk.login(lab.account(HANAKO))
    talk.leave()
    assert lab.account(HANAKO).password not in str(talk.lines) and "(redacted)" in str(talk.lines)


# Doors and findings.


def test_doors(net: Network) -> None:
    rows = mailboxes.mailbox_servers("kaisha.example", net=net)
    assert [(row.name, row.found, row.tls) for row in rows] == [
        ("imap.kaisha.example:993", Found.ANNOUNCED, "from the start"),
        ("imap.kaisha.example:995", Found.ANNOUNCED, "from the start"),
        ("imap.kaisha.example:143", Found.GUESSED, "STARTTLS"),
        ("imap.kaisha.example:110", Found.GUESSED, "STARTTLS"),
    ]
    assert [row.login_before_tls for row in rows] == ["–", "–", "none", "none"]
    said = str(mailboxes.in_words(rows))
    assert said.startswith("4 of 4 doors") and "before TLS at none of them" in said
    assert str(mailboxes.in_words(mailboxes.mailbox_servers("nothing.kaisha.example", net=net))).startswith("No door")


def verdicts(found: list[Finding]) -> dict[tuple[str, str], Verdict]:
    return {(finding.check, finding.subject): finding.verdict for finding in found}


def test_a_sound_domain_has_nothing_to_mend(net: Network) -> None:
    found = mailboxes.findings("kaisha.example", net=net)
    assert {finding.verdict for finding in found} == {Verdict.PASS, Verdict.INFO}
    assert all(finding.lesson == "08_mailboxes" and finding.reference for finding in found)


def test_logins_in_the_clear(net: Network) -> None:
    found = mailboxes.findings("mistakes.example", net=net)
    seen = verdicts(found)
    assert seen["login before TLS", "imap.mistakes.example:143"] is Verdict.FAIL
    assert seen["login before TLS", "imap.mistakes.example:110"] is Verdict.FAIL
    fixes = {finding.fix for finding in found if finding.check == "login before TLS"}
    assert fixes == {"disable_plaintext_auth = yes"}


def test_what_cannot_be_seen_is_unknown(lab: Lab) -> None:
    found = mailboxes.findings("kaisha.example", net=lab.network("offline"))
    assert not {finding.verdict for finding in found} & {Verdict.FAIL, Verdict.WARN, Verdict.PASS}


def test_a_domain_without_mailbox_servers_is_not_blamed(net: Network) -> None:
    assert {f.verdict for f in mailboxes.findings("bigmail.example", net=net)} == {Verdict.INFO}


def test_a_server_that_nobody_announces_is_offered_as_records_that_work(lab: Lab, net: Network) -> None:
    for service in ("_imaps", "_pop3s"):
        lab.withdraw(f"{service}._tcp.kaisha.example", "SRV")
    found = [f for f in mailboxes.findings("kaisha.example", net=net) if f.check == "SRV record for reading"]
    assert [f.verdict for f in found] == [Verdict.INFO]
    records = [record for f in found for record in parse_paste(f.fix)]
    assert [r.value for r in records] == ["0 0 993 imap.kaisha.example."]
    again = mailboxes.findings("kaisha.example", net=net.overlay(records))
    assert verdicts(again)["SRV record for reading", "kaisha.example"] is Verdict.PASS
    assert not [f for f in again if f.verdict in (Verdict.WARN, Verdict.FAIL)]


def door(port: int = 143, **changes: object) -> MailboxServer:
    given: dict[str, object] = {
        "host": "imap.d.example", "port": port, "protocol": "imap" if port in (143, 993) else "pop3",
        "found_by": "SRV _imap", "outcome": Outcome.OPEN, "stage": Stage.EHLO, "tls": "STARTTLS",
        "login_before_tls": "none", "login_inside_tls": "PLAIN",
    }  # fmt: skip
    return MailboxServer(**(given | changes))  # type: ignore[arg-type]


REFUSED = {
    "outcome": Outcome.REFUSED,
    "stage": Stage.CONNECT,
    "tls": "",
    "login_inside_tls": "",
    "login_before_tls": "",
}


@pytest.mark.parametrize(
    ("logins", "verdict", "fix"),
    [
        ("PLAIN, LOGIN, LOGIN command", Verdict.FAIL, "disable_plaintext_auth = yes"),
        ("LOGIN command", Verdict.FAIL, "disable_plaintext_auth = yes"),
        ("USER", Verdict.FAIL, "disable_plaintext_auth = yes"),
        ("XOAUTH2", Verdict.FAIL, "disable_plaintext_auth = yes"),
        ("CRAM-MD5", Verdict.WARN, "ssl = required"),
        ("SCRAM-SHA-256, APOP", Verdict.WARN, "ssl = required"),
        ("CRAM-MD5, USER", Verdict.FAIL, "disable_plaintext_auth = yes\nssl = required"),
    ],
)
def test_a_login_that_does_not_say_the_password_is_told_apart(logins: str, verdict: Verdict, fix: str) -> None:
    rows = Rows(MailboxServer, [door(login_before_tls=logins)])
    (found,) = [f for f in judge("d.example", rows, Rows(LeftOut, ())) if f.check == "login before TLS"]
    assert (found.verdict, found.fix) == (verdict, fix)
    assert ("reads the password" in found.advice) == (verdict is Verdict.FAIL)
    said = str(mailboxes.in_words(rows))
    assert ("says the password to everybody" in said) == (verdict is Verdict.FAIL)
    assert ("No password is said there" in said) == (verdict is Verdict.WARN)
    assert "login before TLS " + logins in matrix(rows).alt


@pytest.mark.parametrize(
    ("changes", "check", "announced", "guessed"),
    [
        ({"login_before_tls": "PLAIN"}, "login before TLS", Verdict.FAIL, Verdict.INFO),
        ({"login_before_tls": "CRAM-MD5"}, "login before TLS", Verdict.WARN, Verdict.INFO),
        ({"tls": "none", "login_inside_tls": "–"}, "reading mail", Verdict.FAIL, Verdict.INFO),
        ({}, "TLS from the first octet", Verdict.WARN, Verdict.INFO),
        (REFUSED, "reading mail", Verdict.WARN, None),
        ({**REFUSED, "outcome": Outcome.TIMEOUT}, "reading mail", Verdict.UNKNOWN, None),
    ],
)
def test_who_is_blamed(changes: dict[str, object], check: str, announced: Verdict, guessed: Verdict | None) -> None:
    for more, expected in (({}, announced), ({"found": Found.GUESSED, "found_by": "usual name"}, guessed)):
        rows = Rows(MailboxServer, [door(**changes, **more)])
        found = [f for f in judge("d.example", rows, Rows(LeftOut, ())) if f.check == check]
        worst = [f.verdict for f in found if f.subject == "imap.d.example:143"]
        assert worst == ([expected] if expected else [])


def test_srv_records_that_lead_nowhere(net: Network) -> None:
    left = LeftOut("gone.d.example", Purpose.IMAP, "SRV _imaps", Why.NO_ADDRESS, "it has no address")
    (found,) = judge("d.example", Rows(MailboxServer, ()), Rows(LeftOut, [left]))
    assert found.verdict is Verdict.WARN and "gone.d.example" in found.evidence


# The standard library's clients, the man in the middle, and the figure.


def test_the_standard_librarys_clients(lab: Lab, net: Network) -> None:
    account = lab.account(HANAKO)
    box = mailboxes.imap(IMAP_HOST, net=net)
    assert box.login(account.user, account.password)[0] == "OK" and box.select()[1] == [b"0"]
    box.logout()
    pop = mailboxes.pop3(IMAP_HOST, net=net)
    pop.user(account.user)
    assert pop.pass_(account.password).startswith(b"+OK")
    pop.quit()
    for client in (mailboxes.imap, mailboxes.pop3):
        with pytest.raises(ssl.SSLError):
            client("wrong-name.mistakes.example", 465, net=net)
        with pytest.raises(mailboxes.LIBRARY_FAILURES):
            client("smtp.kaisha.example", 465, net=net)  # another protocol


def test_who_loses_the_password_when_starttls_is_hidden(lab: Lab) -> None:
    rows = reading.stripped(lab)
    assert [(row.setting, row.opened, row.leaked) for row in rows] == [
        ("opportunistic", True, True), ("verify", False, False), ("implicit", True, False),
    ]  # fmt: skip
    for setting in reading.SETTINGS:  # he has gone
        assert reading.read_mail(lab, setting) == reading.Reading(
            setting, 993 if setting == "implicit" else 143, True, False, Outcome.OPEN
        )
    with pytest.raises(ValueError, match="no setting 'none'"):
        reading.read_mail(lab, "none")
    assert lab.errors == []


def test_the_figure_says_what_it_shows(net: Network) -> None:
    alt = matrix(mailboxes.mailbox_servers("mistakes.example", net=net), title="Doors").alt
    assert "imap.mistakes.example:143 (imap): TLS STARTTLS, login before TLS PLAIN, LOGIN, LOGIN command" in alt
    assert "imap.mistakes.example:993 (imap): TLS from the start, login before TLS no clear part" in alt
    assert "No door was found" in matrix(Rows(MailboxServer, ())).alt
    many = matrix(Rows(MailboxServer, [door(port) for port in range(1000, 1020)])).alt
    assert "Not shown: 8 doors" in many
    unseen = matrix(Rows(MailboxServer, [door(**REFUSED)])).alt
    assert "TLS refused, login before TLS not seen" in unseen


def test_refused_where_nobody_was_announced_is_no_riddle() -> None:
    rows = Rows(
        MailboxServer, [door(port, found=Found.GUESSED, found_by="usual name", **REFUSED) for port in (143, 110)]
    )
    (found,) = judge("d.example", rows, Rows(LeftOut, ()))
    assert found.verdict is Verdict.INFO and found.evidence == "refused at imap.d.example:143, imap.d.example:110"


# What mail programs go by.


def test_settings(net: Network) -> None:
    ways = mailboxes.settings("kaisha.example", net=net)
    assert [(way.way, way.found) for way in ways] == [
        ("SRV records", True), ("autoconfig", True), ("autoconfig", None), ("autodiscover", False),
    ]  # fmt: skip
    assert [(s.protocol, s.host, s.port, s.tls) for s in ways[1].servers] == [
        ("imap", "imap.kaisha.example", 993, "from the start"),
        ("pop3", "imap.kaisha.example", 995, "from the start"),
        ("smtp", "smtp.kaisha.example", 465, "from the start"),
    ]
    nothing = mailboxes.settings("bigmail.example", net=net)
    assert [(way.found, way.useless) for way in nothing] == [(False, False)] * 4


def test_settings_that_cannot_be_seen(lab: Lab) -> None:
    assert [way.found for way in mailboxes.settings("kaisha.example", net=lab.network("offline"))] == [None] * 4


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5"])
def test_a_domain_does_not_steer_us_to_our_own_machine(address: str) -> None:
    records = {"a.example": {"A": [address], "MX": ["0 ."]}, "autoconfig.a.example": {"A": [address]}}
    with dns_world(records, zones=["a.example"]) as net:
        ways = [way for way in mailboxes.settings("a.example", net=keeping_out(net)) if way.way == "autoconfig"]
    assert [way.found for way in ways] == [None, None]
    assert all(way.reason == f"it leads to {address}, which is no public address (RFC 6890)" for way in ways)


@pytest.mark.parametrize(
    ("records", "found", "place", "reason"),
    [
        ({"autodiscover.a.example": {"A": ["127.0.0.9"]}}, True, "autodiscover.a.example", "in the DNS"),
        ({"*.a.example": {"A": ["127.0.0.9"]}}, None, "autodiscover.a.example", "only a guess: a made-up name"),
        ({"*.a.example": {"CNAME": ["web.a.example."]}, "web.a.example": {"A": ["127.0.0.9"]}},
         None, "autodiscover.a.example", "only a guess"),
        ({"*.a.example": {"A": ["127.0.0.9"]}, "autodiscover.a.example": {"A": ["127.0.0.10"]}},
         True, "autodiscover.a.example", "in the DNS"),
        ({"*.a.example": {"A": ["127.0.0.9"]}, "_autodiscover._tcp.a.example": {"SRV": ["0 0 443 web.a.example."]}},
         True, "_autodiscover._tcp.a.example", "in the DNS"),
        ({}, False, "autodiscover.a.example", "no such host"),
    ],
    ids=["itself", "wildcard", "wildcard alias", "beside a wildcard", "SRV", "nothing"],
)  # fmt: skip
def test_autodiscover_under_a_wildcard_is_a_guess(
    records: dict[str, dict[str, list[str]]], found: bool | None, place: str, reason: str
) -> None:
    with dns_world({"a.example": {"MX": ["0 ."]}} | records, zones=["a.example"]) as net:
        way = mailboxes.settings("a.example", net=net)[-1]
    assert (way.way, way.found) == ("autodiscover", found) and place in way.place and way.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("<html></html>", "its root is not clientConfig"), ("<clientConfig/>", "the file names no server")],
)
def test_a_file_that_helps_nobody_is_said(lab: Lab, text: str, reason: str) -> None:
    lab.publish("autoconfig.bigmail.example", "A", "203.0.113.13")
    lab.pages.publish("autoconfig.bigmail.example", Page(text, path="/mail/config-v1.1.xml"))
    found = mailboxes.findings("bigmail.example", net=lab.network())
    (ways,) = [f for f in found if f.check == "settings for mail programs"]
    assert ways.verdict is Verdict.INFO and reason in ways.evidence


def test_what_programs_go_by_is_said_with_its_doubts(lab: Lab) -> None:
    def ways(domain: str, net: Network) -> Finding:
        return next(f for f in mailboxes.findings(domain, net=net) if f.check == "settings for mail programs")

    with dns_world({"a.example": {"MX": ["0 ."]}, "*.a.example": {"A": ["127.0.0.9"]}}, zones=["a.example"]) as net:
        guess = ways("a.example", net)
    assert guess.verdict is Verdict.INFO and "autodiscover.a.example: only a guess" in guess.evidence
    assert ways("kaisha.example", lab.network("offline")).verdict is Verdict.UNKNOWN
    assert ways("bigmail.example", lab.network("office")).evidence == "neither autoconfig nor autodiscover was found"


SERVER = (
    b"<incomingServer type='imap'><hostname>h</hostname><port>143</port><socketType>plain</socketType></incomingServer>"
)


def test_read_autoconfig() -> None:
    (server,) = mailboxes.read_autoconfig(
        b"<clientConfig><emailProvider>" + SERVER + b"</emailProvider></clientConfig>"
    )
    assert (server.protocol, server.host, server.port, server.tls) == ("imap", "h", 143, "none")
    many = mailboxes.read_autoconfig(b"<clientConfig>" + SERVER * 1000 + b"</clientConfig>")
    assert len(many) == 20
    odd = mailboxes.read_autoconfig(
        b"<clientConfig><outgoingServer><port>99999999</port></outgoingServer></clientConfig>"
    )
    assert odd[0].port == 0 and odd[0].host == ""


def test_no_encoding_that_python_knows_breaks_anything() -> None:
    for name in {*aliases.values(), *aliases}:
        with suppress(ValueError):
            mailboxes.read_autoconfig(f"<?xml version='1.0' encoding='{name}'?><clientConfig>é</clientConfig>".encode())


@pytest.mark.parametrize(
    ("document", "found", "reason"),
    [
        (b"<clientConfig>%b</clientConfig>" % SERVER, True, "1 server"),
        (b"<clientConfig>%b</clientConfig>" % (SERVER * 2), True, "2 servers"),
        (b"<clientConfig></clientConfig>", False, "the file names no server"),
        (b"<?xml version='1.0' encoding='utf-7'?><clientConfig/>", False, "the file is in an encoding that"),
    ],
)
def test_what_a_file_is_good_for(document: bytes, found: bool, reason: str) -> None:
    way = read("https://autoconfig.a.example/", Fetched(200, "text/xml", document))
    assert way.found is found and way.reason.startswith(reason) and way.useless is not found


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "no XML"),
        (b"<html></html>", "root is not clientConfig"),
        (b"<clientConfig>", "no XML"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><clientConfig>&a;</clientConfig>", "document type"),
        (b"<clientConfig>" + b"<a>" * 50 + b"</a>" * 50 + b"</clientConfig>", "too deep"),
        *(
            (f"<?xml version='1.0' encoding='{name}'?><clientConfig/>".encode(), "an encoding that cannot be read")
            for name in ("nobody-knows-it", "shift_jis", "utf-7", "rot13", "base64", "idna", "undefined", "x" * 300)
        ),
    ],
)
def test_what_is_no_autoconfig(document: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mailboxes.read_autoconfig(document)
