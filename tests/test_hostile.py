"""Servers that stall, flood, lie and break off: each costs one record with the right outcome, and in time.

A slow greeting is RFC 5321 section 4.5.3.2.1's business (five minutes are allowed), not a blocked port.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from support_servers import (
    HOST,
    PATIENCE,
    closed_port,
    loopback_network,
    patiently,
    server_context,
    smtp,
    tcp_server,
    wait_for_end,
)

from mailkit import op25b
from mailkit.clients import Credentials, Sent, send
from mailkit.lab.world import PRACTICE
from mailkit.network import Network, Status, internet
from mailkit.op25b import Reach
from mailkit.results import Outcome, Rows, Stage, visible

TIMEOUT = 0.4  # of one connection that ends by it; a conversation may take twice as long
TURNS = 2400  # of a server that drips, two minutes: who waits anew for each octet hears it hang up in the end


def drips(piece: bytes) -> Callable[[socket.socket], None]:
    """A server that says *piece* again and again, with pauses, and hangs up in the end."""
    return says(*[piece] * TURNS, pause=0.05, wait=False)


def says(*pieces: bytes, pause: float = 0.0, wait: bool = True) -> Callable[[socket.socket], None]:
    """A server that says *pieces*, however it is spoken to, and then waits or hangs up."""

    def behave(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        if wait:
            wait_for_end(connection)

    return behave


def answers(*replies: bytes) -> Callable[[socket.socket], None]:
    """A server that greets with the first of *replies* and gives one more for each command."""

    def behave(connection: socket.socket) -> None:
        for reply in replies:
            connection.sendall(reply)
            connection.recv(4096)

    return behave


def forever(piece: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        while True:
            connection.sendall(piece)

    return behave


def late(connection: socket.socket) -> None:
    with contextlib.suppress(TimeoutError):
        connection.settimeout(2 * PATIENCE)
        wait_for_end(connection)
    connection.sendall(b"220 at last\r\n")


def resets(*pieces: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        for number, piece in enumerate(pieces):
            if number:
                connection.recv(4096)
            connection.sendall(piece)
        time.sleep(0.05)  # a reset overtakes what is still on its way
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return behave


SERVERS = {
    "silence after connecting": (wait_for_end, Outcome.TIMEOUT, Stage.GREETING),
    "a late greeting": (late, Outcome.TIMEOUT, Stage.GREETING),
    "hangs up at once": (says(wait=False), Outcome.RESET, Stage.GREETING),
    "an octet at a time": (drips(b"2"), Outcome.TIMEOUT, Stage.GREETING),
    "a line at a time": (drips(b"220-more\r\n"), Outcome.TIMEOUT, Stage.GREETING),
    "an endless line": (forever(b"220 " + b"x" * 1000), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "an endless reply": (forever(b"220-and then\r\n"), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "ten megabytes of banner": (says(b"220 " + b"A" * 10_000_000), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "zeros without end": (forever(b"\x00" * 4096), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "binary": (says(bytes(range(128, 256)) + b"\r\n"), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "noise": (says(os.urandom(512) + b"\r\n"), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "an empty line": (says(b"\r\n"), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "a web server": (answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "an SSH server": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "a code of four digits": (says(b"2200 hello\r\n"), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "digits of another script": (says("２２０ hello\r\n".encode()), Outcome.PROTOCOL_ERROR, Stage.GREETING),
    "bad UTF-8": (answers(b"220 \xff\xfe\xc3\x28 hi\r\n", b"250 ok\r\n", b"221 bye\r\n"), Outcome.OPEN, Stage.EHLO),
    "421": (answers(b"421 4.3.2 not now\r\n", b"221 bye\r\n"), Outcome.REJECTED, Stage.GREETING),
    "554": (answers(b"554-no\r\n554 5.7.1 go away\r\n", b"221 bye\r\n"), Outcome.REJECTED, Stage.GREETING),
    "250 for a greeting": (answers(b"250 hi\r\n", b"221 bye\r\n"), Outcome.REJECTED, Stage.GREETING),
    "500 to EHLO": (
        answers(b"220 a\r\n", b"500 what?\r\n", b"500 what?\r\n", b"221 bye\r\n"),
        Outcome.REJECTED,
        Stage.EHLO,
    ),
    "550 to EHLO": (answers(b"220 a\r\n", b"550 no\r\n", b"221 bye\r\n"), Outcome.REJECTED, Stage.EHLO),
    "500 to EHLO, 250 to HELO": (
        answers(b"220 a\r\n", b"500 what?\r\n", b"250 hi\r\n", b"221 bye\r\n"),
        Outcome.OPEN,
        Stage.EHLO,
    ),
    "silence after EHLO": (says(b"220 a\r\n"), Outcome.TIMEOUT, Stage.EHLO),
    "hangs up after EHLO": (answers(b"220 a\r\n"), Outcome.RESET, Stage.EHLO),
    "an endless reply to EHLO": (
        answers(b"220 a\r\n", b"250-X\r\n" * 5000),
        Outcome.PROTOCOL_ERROR,
        Stage.EHLO,
    ),
    "a reset in mid-line": (resets(b"220 hel"), Outcome.RESET, Stage.GREETING),
    "a reset after EHLO": (resets(b"220 hello\r\n", b"250-fake"), Outcome.RESET, Stage.EHLO),
    "STARTTLS offered, never asked for": (
        smtp({"EHLO": b"250-fake\r\n250 STARTTLS\r\n", "STARTTLS": b"220 go\r\nnonsense"}),
        Outcome.OPEN,
        Stage.EHLO,
    ),
}


def scan(port: int, silent: Stage | None) -> Rows[Reach]:
    """Scan one port, with the patience that it takes until the stage in which the server is *silent* (None: in none).

    A server that never ends is a proof of the deadline by itself: the scan comes back.
    """

    def ended_early(rows: Rows[Reach]) -> bool:
        return rows[0].outcome is Outcome.TIMEOUT and rows[0].stage is not silent

    def attempt(seconds: float) -> Rows[Reach]:
        return op25b.scan(HOST, [port], net=loopback_network(seconds))

    return patiently(attempt, early=ended_early, seconds=PATIENCE if silent is None else TIMEOUT)


@contextmanager
def scanned(server: Callable[[socket.socket], None], silent: Stage | None = None) -> Iterator[Rows[Reach]]:
    with tcp_server(server) as port:
        yield scan(port, silent)


@pytest.mark.parametrize("name", SERVERS)
def test_one_record_with_the_right_outcome(name: str) -> None:
    server, outcome, stage = SERVERS[name]
    with scanned(server, stage if outcome is Outcome.TIMEOUT else None) as rows:
        (row,) = rows
    assert (row.outcome, row.stage) == (outcome, stage), row
    assert outcome is Outcome.OPEN or row.reason
    assert len(row.banner) <= 300 and len(row.reason) <= 400


HOSTILE_BANNERS = [
    b"220 <script>alert(1)</script>\r\n",
    b"220 \"><img src=x onerror='alert(1)'>\r\n",
    b"220 </td></table><style>*{display:none}</style>\r\n",
    b"220 \x1b[2J\x1b]0;owned\x07\x9b31m\r\n",
    "220 \u202egpj.exe\u2066 \u200b\ufeff\r\n".encode(),
    b"220 a\x00b\x08\x08\x7f\r\n",
    b"220 " + b"&lt;" * 400 + b"\r\n",
    b"220 \xff\xfe\xed\xa0\x80\r\n",
]


def assert_harmless(*pages: str) -> None:
    for page in pages:
        for dangerous in ("<script", "<img", "<style>*", "</table><style"):
            assert dangerous not in page
        assert_legible(page)


def assert_legible(text: str) -> None:
    assert [char for char in text if char != "\n" and visible(char) != char] == []


@pytest.mark.parametrize("refusal", [False, True])
@pytest.mark.parametrize("banner", HOSTILE_BANNERS)
def test_nothing_a_server_says_reaches_the_page_unescaped(banner: bytes, refusal: bool) -> None:
    if refusal:
        banner = b"554" + banner[3:]
    reply = b"250-" + banner[4:] + b"250 " + banner[4:]
    with scanned(answers(banner, reply, b"221 " + banner[4:])) as rows:
        (row,) = rows
        assert row.outcome is (Outcome.REJECTED if refusal else Outcome.OPEN)
        assert_harmless(rows._repr_html_(), row._repr_html_(), rows.frame.to_html())
        assert_legible(repr(rows) + rows.frame.to_csv())


def test_nothing_in_a_dialogue_reaches_the_page_unescaped() -> None:
    for banner in HOSTILE_BANNERS:
        with tcp_server(answers(banner, b"250-" + banner[4:] + b"250 x\r\n", b"550 " + banner[4:])) as port:
            sent = send(HOST, port, b"x", sender="", recipients=["a@b.example"], net=loopback_network())
        assert (sent.outcome, sent.stage) == (Outcome.REJECTED, Stage.MAIL)
        lines = sent.dialogue
        assert_harmless(sent._repr_html_(), lines._repr_html_(), lines.frame.to_html())
        assert_legible(repr(lines) + lines.frame.to_csv())


BROKEN_TLS = {
    "talks on in the clear": says(b"220 and on it goes\r\n" * 20),
    "hangs up": says(wait=False),
    "says nothing": wait_for_end,
    "an alert": says(b"\x15\x03\x01\x00\x02\x02\x28", wait=False),
    "noise": says(b"\x16\x03\x03\xff\xff" + b"\x00" * 4000),
    "drips": drips(b"\x16"),
}
SILENT_TLS = ("says nothing", "drips")


@pytest.mark.parametrize("name", BROKEN_TLS)
def test_starttls_offered_and_then_broken(name: str) -> None:
    """With a password to lose, the client stops; without, it delivers in the clear over a new connection."""
    connections: list[socket.socket] = []

    def behave(connection: socket.socket) -> None:
        connections.append(connection)
        if len(connections) % 2:
            for reply in (b"220 a\r\n", b"250-a\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n", b"220 go\r\n"):
                connection.sendall(reply)
                connection.recv(4096)
            BROKEN_TLS[name](connection)
        else:
            smtp({"EHLO": b"250-a\r\n250 STARTTLS\r\n"})(connection)

    def sent(port: int, credentials: Credentials | None) -> Sent:
        before = len(connections)

        def attempt(seconds: float) -> Sent:
            del connections[before:]  # each attempt finds the server as it was
            net = loopback_network(seconds)
            to, timeout = ["a@b.example"], 2.5 * seconds
            return send(HOST, port, b"x", sender="", recipients=to, net=net, timeout=timeout, credentials=credentials)

        def ended_early(sent: Sent) -> bool:
            return sent.outcome is Outcome.TIMEOUT and (sent.stage is not Stage.STARTTLS or credentials is None)

        return patiently(attempt, early=ended_early, seconds=TIMEOUT if name in SILENT_TLS else PATIENCE)

    with tcp_server(behave) as port:
        stopped = sent(port, Credentials("user", "password"))
        assert len(connections) == 1
        assert stopped.stage is Stage.STARTTLS and stopped.reason
        assert stopped.outcome in (Outcome.TLS_FAILURE, Outcome.TIMEOUT, Outcome.RESET)
        if name in SILENT_TLS:
            assert stopped.outcome in (Outcome.TIMEOUT, Outcome.TLS_FAILURE)
        connections.append(connections[0])
        delivered = sent(port, None)
    assert len(connections) == 4
    assert (delivered.outcome, delivered.encrypted) == (Outcome.OPEN, False)
    assert delivered.reason.startswith("in the clear, since TLS failed: ")


@pytest.mark.parametrize("name", BROKEN_TLS)
def test_a_port_of_implicit_tls_that_speaks_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with tcp_server(BROKEN_TLS[name]) as port:
        monkeypatch.setattr("mailkit.clients.IMPLICIT_TLS_PORTS", frozenset({port}))
        (row,) = scan(port, Stage.TLS if name in SILENT_TLS else None)
    assert row.stage is Stage.TLS
    expected = Outcome.TIMEOUT if name in SILENT_TLS else Outcome.TLS_FAILURE
    assert row.outcome in (expected, Outcome.RESET, Outcome.TLS_FAILURE)


def test_implicit_tls_with_any_certificate_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    context = server_context(PRACTICE / "certificates" / "mx.kaisha.example.pem")

    def behave(connection: socket.socket) -> None:
        smtp()(context.wrap_socket(connection, server_side=True))

    with tcp_server(behave) as port:
        monkeypatch.setattr("mailkit.clients.IMPLICIT_TLS_PORTS", frozenset({port}))
        (row,) = op25b.scan(HOST, [port], net=loopback_network())
    assert (row.outcome, row.banner) == (Outcome.OPEN, "fake.example ESMTP")


def test_a_closed_port_is_refused() -> None:
    (row,) = op25b.scan(HOST, [closed_port()], net=loopback_network())
    assert (row.outcome, row.stage) == (Outcome.REFUSED, Stage.CONNECT)


# Someone who answers for everyone


@pytest.mark.parametrize(
    "interceptor",
    [smtp(), answers(b"554 not here\r\n", b"221 bye\r\n"), says(wait=False), wait_for_end],
    ids=["a mail server", "refuses", "hangs up", "is silent"],
)
def test_whoever_answers_for_nobody_answers_for_everyone(interceptor: Callable[[socket.socket], None]) -> None:
    with tcp_server(interceptor) as port:
        (row,) = op25b.scan(HOST, [port], net=replace(loopback_network(TIMEOUT), nobody=HOST))
    assert row.outcome is Outcome.INTERCEPTED
    assert "answers for everyone" in row.reason


def test_interception_of_implicit_tls_is_seen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    context = server_context(PRACTICE / "certificates" / "mx.kaisha.example.pem")

    def behave(connection: socket.socket) -> None:
        smtp()(context.wrap_socket(connection, server_side=True))

    with tcp_server(behave) as port:
        monkeypatch.setattr("mailkit.clients.IMPLICIT_TLS_PORTS", frozenset({port}))
        (row,) = op25b.scan(HOST, [port], net=replace(loopback_network(), nobody=HOST))
    assert row.outcome is Outcome.INTERCEPTED


# Proxies that die


def dying_proxy(connection: socket.socket) -> None:
    connection.recv(100)
    connection.sendall(b"\x05\x00")
    connection.recv(100)
    connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00220 hel")


@pytest.mark.parametrize(
    ("proxy", "timeout", "outcome", "stage"),
    [
        (says(wait=False), PATIENCE, Outcome.NOT_CONNECTED, Stage.PROXY),
        (wait_for_end, TIMEOUT, Outcome.NOT_CONNECTED, Stage.PROXY),
        (drips(b"\x05"), TIMEOUT, Outcome.NOT_CONNECTED, Stage.PROXY),
        (answers(b"\x05\x00"), PATIENCE, Outcome.NOT_CONNECTED, Stage.CONNECT),
        (dying_proxy, PATIENCE, Outcome.INTERCEPTED, Stage.GREETING),  # it said yes to an address where nobody lives
        (forever(b"\xff"), PATIENCE, Outcome.NOT_CONNECTED, Stage.PROXY),
    ],
)
def test_a_proxy_that_dies(
    proxy: Callable[[socket.socket], None], timeout: float, outcome: Outcome, stage: Stage
) -> None:
    with tcp_server(proxy) as port:
        (row,) = op25b.scan("192.0.2.25", [25], net=loopback_network(timeout, via=f"socks5://127.0.0.1:{port}"))
    assert (row.outcome, row.stage) == (outcome, stage), row


def test_a_dead_proxy_is_not_taken_for_a_blocked_port() -> None:
    net = loopback_network(via=f"socks5://127.0.0.1:{closed_port()}", probe_domains=["kaisha.example"])
    with dns_server(lambda query: reply_to(query, "kaisha.example. 300 IN MX 10 mx.kaisha.example.")) as port:
        finding = op25b.diagnose(net=replace(net, nameservers=((HOST, port),)))
    assert str(finding.verdict) == "unknown"


# DNS servers


@contextmanager
def dns_server(
    answer: Callable[[dns.message.Message], bytes | None], stream: Callable[[socket.socket], None] | None = None
) -> Iterator[int]:
    """A DNS server over UDP, and over TCP with *stream*, on one port."""
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            tcp = stack.enter_context(tcp_server(stream or says(wait=False)))
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                udp.bind((HOST, tcp))
                break
            except OSError:
                continue

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    wire, client = udp.recvfrom(65535)
                    if not wire:
                        return
                    reply = answer(dns.message.from_wire(wire))
                    for piece in reply if isinstance(reply, list) else [reply]:
                        if piece is not None:
                            udp.sendto(piece, client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield tcp
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", (HOST, tcp))
        thread.join(5)


def reply_to(query: dns.message.Message, *records: str, rcode: int = 0, flags: int = 0) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA | flags
    response.set_rcode(dns.rcode.Rcode(rcode))
    for record in records:
        name, ttl, kind, rdtype, value = record.split(" ", 4)
        response.answer.append(dns.rrset.from_text(name, int(ttl), kind, rdtype, value))
    return response.to_wire()


def loop_of_aliases(query: dns.message.Message) -> bytes:
    return reply_to(query, "mx.victim.invalid. 300 IN CNAME b.invalid.", "b.invalid. 300 IN CNAME mx.victim.invalid.")


def long_chain(query: dns.message.Message) -> bytes:
    names = ["mx.victim.invalid.", *(f"n{number}.invalid." for number in range(40))]
    return reply_to(query, *(f"{a} 300 IN CNAME {b}" for a, b in pairwise(names)))


def wrong_question(query: dns.message.Message) -> bytes:
    other = dns.message.make_query("other.invalid", "A", id=query.id)
    return reply_to(other, "other.invalid. 300 IN A 192.0.2.1")


def wrong_id(query: dns.message.Message) -> bytes:
    wire = bytearray(reply_to(query, "mx.victim.invalid. 300 IN A 192.0.2.1"))
    wire[0] ^= 0xFF
    return bytes(wire)


def drip(connection: socket.socket) -> None:
    connection.recv(4096)
    for octet in b"\x00\x40" + b"\x00" * 64:
        connection.sendall(bytes([octet]))
        time.sleep(0.05)


def truncated(query: dns.message.Message) -> bytes:
    return reply_to(query, flags=dns.flags.TC)


DNS_SERVERS = {
    "NXDOMAIN to everything": (lambda query: reply_to(query, rcode=3), None, Status.NXDOMAIN),
    "SERVFAIL": (lambda query: reply_to(query, rcode=2), None, Status.SERVFAIL),
    "REFUSED": (lambda query: reply_to(query, rcode=5), None, Status.SERVFAIL),
    "silence": (lambda query: None, None, Status.TIMEOUT),
    "an empty datagram": (lambda query: b"", None, Status.TIMEOUT),
    "noise": (lambda query: os.urandom(200), None, Status.TIMEOUT),
    "half an answer": (lambda query: reply_to(query)[:7], None, Status.SERVFAIL),
    "the question come back": (lambda query: query.to_wire(), None, Status.SERVFAIL),
    "another's answer": (wrong_question, None, Status.SERVFAIL),
    "a wrong id": (wrong_id, None, Status.TIMEOUT),
    "a loop of aliases": (loop_of_aliases, None, Status.SERVFAIL),
    "a very long chain": (long_chain, None, Status.SERVFAIL),
    "truncated, and no TCP": (truncated, None, Status.SERVFAIL),
    "truncated, and TCP drips": (truncated, drip, Status.SERVFAIL),
    "truncated, and TCP is silent": (truncated, wait_for_end, Status.SERVFAIL),
    "truncated, and TCP floods": (truncated, forever(b"\xff" * 4096), Status.SERVFAIL),
    "a label that cannot be": (lambda query: query.to_wire()[:12] + b"\xff" * 40, None, Status.SERVFAIL),
}


def network_of(port: int, timeout: float = TIMEOUT) -> Network:
    return replace(internet(nameservers=[f"{HOST}:{port}"], timeout=timeout), nobody="127.0.0.9")


@pytest.mark.parametrize("name", DNS_SERVERS)
def test_one_record_for_a_hostile_dns(name: str) -> None:
    answer, stream, status = DNS_SERVERS[name]
    with dns_server(answer, stream) as port:
        found = patiently(
            lambda seconds: network_of(port, seconds).lookup("mx.victim.invalid", "A"),
            early=lambda found: found.status is Status.TIMEOUT and status is not Status.TIMEOUT,
        )
        assert found.status is status, found
        assert found.reason
        (row,) = op25b.scan("mx.victim.invalid", [25], net=network_of(port))
    assert (row.outcome, row.stage, row.address) == (Outcome.DNS_FAILURE, Stage.DNS, "")


def test_a_dns_that_lies_about_an_address_is_seen_by_its_banner() -> None:
    with (
        tcp_server(smtp(greeting=b"220 liar.example ESMTP\r\n")) as port,
        dns_server(lambda query: reply_to(query, "mx.victim.invalid. 300 IN A 127.0.0.1")) as dns_port,
    ):
        row = op25b.scan("mx.victim.invalid", [port], net=network_of(dns_port, 1))[0]
    assert (row.outcome, row.banner) == (Outcome.OPEN, "liar.example ESMTP")


HOSTILE_NAMES = [r"\060script\062alert\0401\041\060/script\062", r"\027[2J", r"a\.b\000c", r"\226\128\174gpj"]


@pytest.mark.parametrize("label", HOSTILE_NAMES)
def test_nothing_in_the_dns_reaches_the_page_unescaped(label: str) -> None:
    def answer(query: dns.message.Message) -> bytes:
        name = query.question[0].name
        if query.question[0].rdtype == 12:
            return reply_to(query, f"{name} 300 IN PTR {label}.invalid.")
        if query.question[0].rdtype == 16:
            return reply_to(query, f'{name} 300 IN TXT "{label}"')
        if query.question[0].rdtype == 15:
            return reply_to(query, f"{name} 300 IN MX 10 {label}.invalid.")
        return reply_to(query, rcode=3)

    with dns_server(answer) as port:
        net = network_of(port)
        texts, names = net.lookup("victim.invalid", "TXT"), op25b.reverse("192.0.2.1", net=net)
        hosts = op25b.mail_exchangers("victim.invalid", net=net)
        rows = op25b.scan(hosts, [25], net=net)
    assert texts and names[0].name and len(rows) == 1
    assert_harmless(texts._repr_html_(), names._repr_html_(), names.frame.to_html(), rows._repr_html_())
    assert_legible(repr(rows) + repr(names))


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".invalid", "-", " ", "\x00", "mx.victim.invalid\r\n", "é" * 70])
def test_a_name_that_cannot_be_asked_for_costs_one_row(name: str) -> None:
    with dns_server(lambda query: reply_to(query, rcode=3)) as port:
        try:
            rows = op25b.scan(["127.0.0.1", name], [closed_port()], net=network_of(port))
        except ValueError as error:
            assert "hosts is a host name or a list of them" in str(error)
            return
    assert [row.outcome for row in rows] == [Outcome.REFUSED, Outcome.DNS_FAILURE]
    assert rows[1].reason
