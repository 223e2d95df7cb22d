"""The upgrade to TLS of FTP, NNTP, LDAP, ManageSieve and XMPP against servers that say whatever the test wants."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support_servers import PATIENCE, patiently
from support_tls import HOST, Authority, network, serve

from mailkit import tls
from mailkit.results import Outcome, Stage
from mailkit.tls.upgrading import PROTOCOLS, protocol_of, spoken_at

ROOT = Authority()

# What a sound server says, up to the go-ahead: each answer after the client has spoken, the first where it greets.
STREAM = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
FEATURES = (
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
)
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
SIEVE = b'"IMPLEMENTATION" "x"\r\n"SASL" ""\r\n"STARTTLS"\r\nOK "ready"\r\n'
CAPABILITIES = b"101 list\r\nVERSION 2\r\nREADER\r\nSTARTTLS\r\n.\r\n"


def ber(tag: int, inside: bytes) -> bytes:
    """An element of less than 128 octets."""
    return bytes([tag, len(inside)]) + inside


def ldap(code: int, text: bytes = b"", *, message_id: int = 1, more: bytes = b"") -> bytes:
    """An LDAP message with an ExtendedResponse."""
    response = ber(0x0A, bytes([code])) + ber(0x04, b"") + ber(0x04, text) + more
    return ber(0x30, ber(0x02, bytes([message_id])) + ber(0x78, response))


LONG_ID = ber(0x30, ber(0x02, bytes(9)) + ber(0x78, ber(0x0A, b"0") + ber(0x04, b"") + ber(0x04, b"")))
SOUND: dict[str, tuple[bytes, ...]] = {
    "ftp": (b"220-hello\r\nin the middle\r\n220 ready\r\n", b"234 go\r\n"),
    "nntp": (b"201 news\r\n", CAPABILITIES, b"382 go\r\n"),
    "ldap": (b"", ldap(0, more=ber(0x8A, b"1.3.6.1.4.1.1466.20037"))),
    "sieve": (SIEVE, b'OK "go"\r\n'),
    "xmpp": (b"", STREAM + FEATURES, PROCEED),
}


def speaking(
    *answers: bytes, end: Callable[[socket.socket], None] | None = None, pieces: bool = False
) -> Callable[[socket.socket], None]:
    """A server that says the first of *answers*, and each of the others after the client has spoken; then *end*."""

    def say(sock: socket.socket, answer: bytes) -> None:
        for at in range(0, len(answer), 1 if pieces else max(len(answer), 1)):
            sock.sendall(answer[at : at + 1] if pieces else answer)

    def handle(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        say(sock, answers[0])
        for answer in answers[1:]:
            if not sock.recv(4096):
                return
            say(sock, answer)
        (end or until_gone)(sock)

    return handle


def until_gone(sock: socket.socket) -> None:
    while sock.recv(4096):
        pass


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("protocol", SOUND)
def test_a_sound_server(protocol: str, pieces: bool, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "server.pem").write_bytes(ROOT.issue(HOST).pem())
    context.load_cert_chain(tmp_path / "server.pem")

    def begin_tls(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            if protocol != "sieve":  # which greets again
                secure.recv(4096)
            secure.sendall(b"bye\r\n")
            until_gone(secure)

    with serve(speaking(*SOUND[protocol], end=begin_tls, pieces=pieces)) as server:
        found = tls.scan(HOST, server.port, starttls=protocol, net=network(ROOT.write(tmp_path), timeout=PATIENCE))
        assert server.connections <= 4
    assert (found.outcome, found.offered, found.trusted, found.name_ok) == (Outcome.OPEN, True, True, True), found
    assert found.versions == ("TLS 1.2", "TLS 1.3") and found.starttls == protocol and not found.reason


@pytest.mark.parametrize("protocol", SOUND)
def test_what_is_said_in_the_clear_after_the_go_ahead_is_an_injection(protocol: str) -> None:
    *before, go_ahead = SOUND[protocol]
    with serve(speaking(*before, go_ahead + b"250 injected\r\n")) as server:
        found = tls.scan(HOST, server.port, starttls=protocol, net=network(timeout=PATIENCE))
    assert (found.outcome, found.stage) == (Outcome.PROTOCOL_ERROR, Stage.STARTTLS)
    assert "someone injects replies" in found.reason and found.offered is not False


@pytest.mark.parametrize("protocol", SOUND)
def test_what_is_no_tls_after_the_go_ahead(protocol: str) -> None:
    def go_on_in_the_clear(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(b"200 what?\r\n")

    with serve(speaking(*SOUND[protocol], end=go_on_in_the_clear)) as server:
        found = tls.scan(HOST, server.port, starttls=protocol, net=network(timeout=PATIENCE))
    assert (found.outcome, found.stage, found.offered) == (Outcome.TLS_FAILURE, Stage.TLS, True)
    assert "does not speak TLS here" in found.reason


REFUSED, ODD = Outcome.REJECTED, Outcome.PROTOCOL_ERROR
HI, FAILURE = b"220 hi\r\n", b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"
HOST_UNKNOWN = (
    b"<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    b"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>who?</text></stream:error></stream:stream>"
)


@pytest.mark.parametrize(
    ("protocol", "answers", "outcome", "stage", "offered", "reason"),
    [
        ("ftp", (b"421 too many\x1b[1m\r\n",), REFUSED, Stage.GREETING, None, r"421 too many\x1b[1m"),
        ("ftp", (b"120 soon\r\n220 ready\r\n", b"500 what?\r\n"), REFUSED, Stage.STARTTLS, False, "offered: 500 what?"),
        ("ftp", (HI, b"504 only KERBEROS\r\n"), REFUSED, Stage.STARTTLS, False, "AUTH TLS is not offered: 504 only"),
        ("ftp", (HI, b"534 policy\r\n"), REFUSED, Stage.STARTTLS, None, "534 policy"),
        ("ftp", (HI, b"431 later\r\n"), REFUSED, Stage.STARTTLS, None, "431 later"),
        ("ftp", (HI, b"334 more\r\n"), REFUSED, Stage.STARTTLS, None, "334 more"),
        ("ftp", (HI, b"2\r\n"), ODD, Stage.STARTTLS, None, "the reply is not FTP"),
        ("ftp", (b"SSH-2.0-OpenSSH\r\n",), ODD, Stage.GREETING, None, "the reply is not FTP"),
        ("ftp", ("٢٢٠ hi\r\n".encode(),), ODD, Stage.GREETING, None, "the reply is not FTP"),
        ("ftp", (b"220-x\r\n" * 5000,), ODD, Stage.GREETING, None, "never ends"),
        ("ftp", (b"2" * 20_000,), ODD, Stage.GREETING, None, "too long"),
        ("nntp", (b"400 later\r\n",), REFUSED, Stage.GREETING, None, "400 later"),
        ("nntp", (b"200 hi\r\n", b"500 what?\r\n"), REFUSED, Stage.STARTTLS, False, "STARTTLS is not offered"),
        ("nntp", (b"200 hi\r\n", b"101 list\r\nSTARTTLS-X\r\n.\r\n"), REFUSED, Stage.STARTTLS, False, "not offered"),
        ("nntp", (b"200 hi\r\n", b"480 log in\r\n"), REFUSED, Stage.EHLO, None, "480 log in"),
        ("nntp", (b"200 hi\r\n", CAPABILITIES, b"580 no\r\n"), REFUSED, Stage.STARTTLS, True, "580 no"),
        ("nntp", (b"200 hi\r\n", b"101 list\r\n" + b"X\r\n" * 9000), ODD, Stage.EHLO, None, "never ends"),
        ("nntp", (b"* OK imap\r\n",), ODD, Stage.GREETING, None, "the reply is not NNTP"),
        ("sieve", (b'"SASL" "PLAIN"\r\nOK\r\n',), REFUSED, Stage.STARTTLS, False, "STARTTLS is not offered"),
        ("sieve", (b'"STARTTLSX"\r\nOK\r\n',), REFUSED, Stage.STARTTLS, False, "STARTTLS is not offered"),
        ("sieve", (b'"X" {18}\r\n"STARTTLS"\r\nOK\r\nyy\r\nOK\r\n',), REFUSED, Stage.STARTTLS, False, "not offered"),
        ("sieve", (b'BYE "go away"\r\n',), REFUSED, Stage.GREETING, None, 'BYE "go away"'),
        ("sieve", (SIEVE, b'NO (TRYLATER) "no"\r\n'), REFUSED, Stage.STARTTLS, True, 'NO (TRYLATER) "no"'),
        ("sieve", (b"+OK pop\r\n",), ODD, Stage.GREETING, None, "the reply is not ManageSieve"),
        ("sieve", (b'"X" {999999999}\r\n',), ODD, Stage.GREETING, None, "999,999,999 octets"),
        ("sieve", (b'"X" {4}\r\nyyyy' + b"{1}\r\ny" * 50,), ODD, Stage.GREETING, None, "never ends"),
        ("sieve", (b'"X" "y"\r\n' * 9000,), ODD, Stage.GREETING, None, "never ends"),
        ("ldap", (b"", ldap(2, b"what?")), REFUSED, Stage.STARTTLS, False, "StartTLS is not offered: what?"),
        ("ldap", (b"", ldap(52, b"no\x1b[1m TLS")), REFUSED, Stage.STARTTLS, None, r"unavailable (52): no\x1b[1m TLS"),
        ("ldap", (b"", ldap(99)), REFUSED, Stage.STARTTLS, None, "result (99)"),
        ("ldap", (b"", ldap(52, message_id=0)), REFUSED, Stage.STARTTLS, None, "the server ends the conversation"),
        ("ldap", (b"", ldap(0, message_id=0)), REFUSED, Stage.STARTTLS, None, "the server ends the conversation"),
        ("ldap", (b"", ldap(0, message_id=2)), ODD, Stage.STARTTLS, None, "a request that was never made"),
        ("ldap", (b"220 mx ESMTP\r\n",), ODD, Stage.STARTTLS, None, "the reply is not LDAP"),
        ("ldap", (b"", b"\x30\x80" + bytes(50)), ODD, Stage.STARTTLS, None, "no definite form"),
        ("ldap", (b"", b"\x30\xff" + bytes(200)), ODD, Stage.STARTTLS, None, "no definite form"),
        ("ldap", (b"", b"\x30\x85" + bytes(50)), ODD, Stage.STARTTLS, None, "no definite form"),
        ("ldap", (b"", b"\x30\x84\xff\xff\xff\xff"), ODD, Stage.STARTTLS, None, "claims 4,294,967,295 octets"),
        ("ldap", (b"", ber(0x30, b"\x02\x84\xff\xff\xff\xff1")), ODD, Stage.STARTTLS, None, "longer than the message"),
        ("ldap", (b"", ber(0x30, b"\x02\x82")), ODD, Stage.STARTTLS, None, "the reply is not LDAP"),
        ("ldap", (b"", LONG_ID), ODD, Stage.STARTTLS, None, "a number of it is none"),
        ("ldap", (b"", ber(0x30, b"\x02\x01\x01")), ODD, Stage.STARTTLS, None, "the reply is not LDAP"),
        ("ldap", (b"", ber(0x30, b"")), ODD, Stage.STARTTLS, None, "the reply is not LDAP"),
        ("xmpp", (b"220 mx ESMTP\r\n",), ODD, Stage.GREETING, None, "the reply is not XMPP"),
        ("xmpp", (b"\n" * 500,), ODD, Stage.GREETING, None, "the reply is not XMPP"),
        ("xmpp", (b"<html><body>",), ODD, Stage.GREETING, None, "the reply is not XMPP"),
        ("xmpp", (b"<x><<>",), ODD, Stage.GREETING, None, "the reply is not XMPP"),
        ("xmpp", (b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + STREAM,), ODD, Stage.GREETING, None, "a document type"),
        ("xmpp", (STREAM + HOST_UNKNOWN,), REFUSED, Stage.EHLO, None, "the server ends the stream: host-unknown"),
        ("xmpp", (STREAM + b"</stream:stream>",), REFUSED, Stage.EHLO, None, "the server ends the stream"),
        ("xmpp", (STREAM + b"<stream:features/>",), REFUSED, Stage.STARTTLS, False, "STARTTLS is not offered"),
        ("xmpp", (STREAM + b"<starttls/>",), ODD, Stage.EHLO, None, "does not begin with its features"),
        ("xmpp", (b"", STREAM + FEATURES, FAILURE), REFUSED, Stage.STARTTLS, True, "the server answers <failure/>"),
        ("xmpp", (b"", STREAM + FEATURES, b"<iq/>"), ODD, Stage.STARTTLS, True, "neither a go-ahead nor a refusal"),
        ("xmpp", (STREAM + b"<stream:features>" + b"<a>" * 20_000,), ODD, Stage.EHLO, None, "the stream never ends"),
        ("xmpp", (STREAM + b"<stream:features>" + b"a" * 60_000,), ODD, Stage.EHLO, None, "too long"),
        ("xmpp", (STREAM + b"<stream:features a='" + b">" * 60_000,), ODD, Stage.EHLO, None, "the stream never ends"),
        ("xmpp", (STREAM + b"<stream:features>&lol;<a/>",), ODD, Stage.EHLO, None, "no well-formed XML"),
    ],
)  # fmt: skip
def test_before_tls(
    protocol: str, answers: tuple[bytes, ...], outcome: Outcome, stage: Stage, offered: bool | None, reason: str
) -> None:
    with serve(speaking(*answers)) as server:
        found = tls.scan(HOST, server.port, starttls=protocol, net=network(timeout=PATIENCE))
    assert (found.outcome, found.stage, found.offered) == (outcome, stage, offered), found.reason
    assert reason in found.reason and found.versions == () and found.trusted is None


def silent(sock: socket.socket) -> None:
    until_gone(sock)


def hang_up(sock: socket.socket) -> None:
    """Hang up as soon as the client has spoken or waited a little."""
    sock.shutdown(socket.SHUT_WR)
    until_gone(sock)


def dripping(beginning: bytes, octet: bytes) -> Callable[[socket.socket], None]:
    def handle(sock: socket.socket) -> None:
        sock.sendall(beginning)
        while True:
            sock.sendall(octet)
            time.sleep(0.02)

    return handle


def flooding(beginning: bytes, octets: bytes) -> Callable[[socket.socket], None]:
    def handle(sock: socket.socket) -> None:
        sock.sendall(beginning)
        while True:
            sock.sendall(octets)

    return handle


@pytest.mark.parametrize("protocol", SOUND)
def test_a_silent_server_costs_the_deadline(protocol: str) -> None:
    stage = Stage.STARTTLS if protocol == "ldap" else Stage.GREETING  # LDAP has no greeting
    with serve(silent) as server:
        found = patiently(
            lambda seconds: tls.scan(HOST, server.port, starttls=protocol, net=network(timeout=seconds)),
            early=lambda found: found.stage is not stage,
        )
    assert (found.outcome, found.stage) == (Outcome.TIMEOUT, stage) and found.reason


@pytest.mark.parametrize("protocol", SOUND)
def test_a_server_that_hangs_up(protocol: str) -> None:
    with serve(hang_up) as server:
        found = tls.scan(HOST, server.port, starttls=protocol, net=network(timeout=PATIENCE))
    assert (found.outcome, found.reason) == (Outcome.RESET, "the connection was cut off")


BEGINNINGS = {"ftp": b"220-", "nntp": b"200 ", "ldap": b"\x30\x82\xff\xf0", "sieve": b'"X', "xmpp": STREAM}


@pytest.mark.parametrize("protocol", SOUND)
def test_a_server_that_drips_is_left_at_the_deadline(protocol: str) -> None:
    with serve(dripping(BEGINNINGS[protocol], b" ")) as server:
        found = tls.scan(HOST, server.port, starttls=protocol, net=network(timeout=0.3))
        assert server.connections == 1
    assert found.outcome is Outcome.TIMEOUT and found.reason


@pytest.mark.parametrize("protocol", SOUND)
def test_a_server_that_floods_is_left(protocol: str) -> None:
    beginning = b"\x30\x84\x00\x00\xff\xff" if protocol == "ldap" else BEGINNINGS[protocol]
    with serve(flooding(beginning, b" " * 65_536)) as server:
        found = tls.scan(HOST, server.port, starttls=protocol, net=network(timeout=PATIENCE))
        assert server.connections == 1
    assert found.outcome is Outcome.PROTOCOL_ERROR and found.reason


def test_the_protocol_goes_by_the_port() -> None:
    assert {port: protocol_of(port, None) for port in (21, 119, 389, 4190, 5222, 990, 563, 636, 5223)} == {
        21: "ftp", 119: "nntp", 389: "ldap", 4190: "sieve", 5222: "xmpp", 990: "", 563: "", 636: "", 5223: ""
    }  # fmt: skip
    assert [spoken_at(port, "") for port in (990, 563, 636, 5223)] == ["ftp", "nntp", "ldap", "xmpp"]


def test_an_unknown_protocol_is_a_value_error_that_lists_the_known() -> None:
    with pytest.raises(ValueError, match="starttls is one of") as raised:
        protocol_of(25, "gopher")
    assert all(f'"{name}"' in str(raised.value) for name in PROTOCOLS)
