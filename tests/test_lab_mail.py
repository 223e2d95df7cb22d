"""The mail of the practice internet under hostile hands and bad luck: nothing is lost, doubled or stuck in silence."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email
import os
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from email import policy
from functools import partial
from pathlib import Path

import pytest
from support_lab import HANAKO, hand_in
from support_worlds import OTHER_WORLD

from mailkit.clients import Sent, send
from mailkit.lab import Lab, world, world_file
from mailkit.lab.clock import Clock
from mailkit.lab.dns.resolver import CachingResolver
from mailkit.lab.listening import listening
from mailkit.lab.mail import auth, checks, servers, services
from mailkit.lab.mail.checks import CHECKS, Checked, Evidence, Incoming
from mailkit.lab.mail.items import Item
from mailkit.lab.mail.mailboxes import Mailboxes, header_of
from mailkit.lab.mail.routing import judge
from mailkit.message import received
from mailkit.results import Outcome, Stage

TARO = "taro@kaisha.example"
LETTER = b"From: hanako@kaisha.example\r\nSubject: greetings\r\n\r\nHello.\r\n"
STRANGERS = LETTER.replace(b"hanako@kaisha.example", b"x@sender.example")  # DMARC has nothing against this one
DAY = 86400
submit = partial(hand_in, content=LETTER)


def deliver(lab: Lab, content: bytes = STRANGERS, recipient: str = TARO, host: str = "mx.kaisha.example") -> Sent:
    net = replace(lab.network(), timeout=60.0)
    return send(host, 25, content, sender="x@sender.example", recipients=[recipient], net=net)


def events(lab: Lab) -> str:
    return "\n".join(entry.event for entry in lab.log)


class Talk:
    """A hand-written conversation with the listener of *server* ("host:port")."""

    def __init__(self, lab: Lab, server: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", lab.listeners[server]), 60)
        if server.endswith(":465"):
            context = lab.network().tls_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=server.partition(":")[0])
        self.replies = self.sock.makefile("rb")
        self.greeting = self.reply()

    def reply(self) -> str:
        lines = [self.replies.readline()]
        while lines[-1][3:4] == b"-":
            lines.append(self.replies.readline())
        return b"".join(lines).decode("utf-8", "replace")

    def say(self, line: bytes) -> str:
        self.sock.sendall(line + b"\r\n")
        return self.reply()

    def close(self) -> None:
        self.replies.close()
        self.sock.close()


# No message is lost in silence.


ODD = ['<"a>b"@bigmail.example>', "<太郎@bigmail.example>", '<"a@b c"@bigmail.example>', '<"a\\\\b"@example.jp>']


@pytest.mark.parametrize("recipient", ODD)
def test_an_address_that_cannot_be_sent_on_comes_back(lab: Lab, recipient: str) -> None:
    """What made an exception in a delivery thread used to vanish: neither delivered nor bounced, after six days."""
    talk = Talk(lab, "smtp.kaisha.example:465")
    talk.say(b"EHLO x.example")
    account = lab.account(HANAKO)
    login = base64.b64encode(f"\0{account.user}\0{account.password}".encode())
    assert talk.say(b"AUTH PLAIN " + login)[:3] == "235"
    talk.say(f"MAIL FROM:<{HANAKO}>".encode() + (b"" if recipient.isascii() else b" SMTPUTF8"))
    reply = talk.say(f"RCPT TO:{recipient}".encode())
    if reply[:3] == "250":
        talk.say(b"DATA")
        assert talk.say(LETTER + b".")[:3] == "250"
    talk.close()
    if reply[:3] != "250":
        assert reply[:1] == "5"
        return
    lab.settle()
    lab.advance(6 * DAY)
    (report,) = lab.inbox(HANAKO)
    assert "multipart/report" in str(report.fields("Content-Type"))
    assert "status=bounced" in events(lab)


async def plain_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A mail server of the old kind: it takes what it gets, and offers no extension at all."""
    replies = {b"DATA": b"354 Go ahead", b"QUIT": b"221 Bye"}
    writer.write(b"220 mx1.bigmail.example ESMTP\r\n")
    while line := await reader.readline():
        verb = line.strip().upper()
        writer.write(replies.get(verb, b"250 Ok") + b"\r\n")
        if verb == b"DATA":
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 Ok\r\n")


@pytest.mark.parametrize("recipient", ["太郎@bigmail.example", "alice@bigmail.example"])
def test_without_smtputf8_an_address_that_needs_it_comes_back_at_once(lab: Lab, recipient: str) -> None:
    """RFC 6531 section 3.2: rejected, not kept for five days; section 3.5 has the code."""
    servers = [(lab.network().addresses(f"mx{number}.bigmail.example")[0], 25) for number in (1, 2)]
    before = dict(lab.router.listeners)
    with listening(lab, plain_server) as port:
        try:
            lab.router.listeners.update(dict.fromkeys(servers, port))
            submit(lab, recipient)
            lab.settle()
        finally:
            lab.router.listeners.update({server: before[server] for server in servers})
    if recipient.isascii():
        assert "status=sent (250 Ok)" in events(lab) and not lab.inbox(HANAKO)
        return
    assert "dsn=5.6.7, status=bounced (mx1.bigmail.example: an address is not ASCII" in events(lab)
    assert [mail.envelope_sender for mail in lab.inbox(HANAKO)] == ["<>"] and lab._queue.waiting() == []
    assert lab.errors == []


def test_a_server_that_answers_mail_with_nonsense_is_asked_again() -> None:
    assert judge("mx", Sent(Outcome.REJECTED, Stage.MAIL, "354 Go ahead", False)).status == "4.4.1"


def test_a_fault_in_a_delivery_defers_and_is_noted(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("mailkit.lab.mail.transport.mail_exchangers", broken)
        submit(lab, "info@example.jp")
        lab.settle()
        assert "dsn=4.3.0, status=deferred (a fault of this server)" in events(lab)
        assert any("ZeroDivisionError" in line for line in lab.errors)
    lab.advance(900)
    assert len(lab.inbox("info@example.jp")) == 1


def test_a_report_that_cannot_be_made_is_tried_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who have the message already do not get it a second time."""

    def broken(**_: object) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("mailkit.lab.mail.delivery.bounce", broken)
        submit(lab, "alice@bigmail.example", "nobody@bigmail.example")
        lab.settle()
        assert any("ZeroDivisionError" in line for line in lab.errors)
    lab.advance(900)
    assert len(lab.inbox("alice@bigmail.example")) == 1
    assert len(lab.inbox(HANAKO)) == 1


def test_an_inbox_waits_for_a_server_that_is_slow(lab: Lab) -> None:
    """This one greets after ten seconds; no limit in real time may decide whether the mail is there."""
    submit(lab, "carol@mistakes.example")
    assert [mail.subject for mail in lab.inbox("carol@mistakes.example")] == ["greetings"]


# Nothing arrives twice.


def cutter(lab: Lab, cuts: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    """Somebody on the way who cuts the connection when the server has taken a message, *cuts* times."""
    left = [cuts]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        router, near = lab.router, writer.get_extra_info("peername")[1]
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        router.clients[sock.getsockname()[1]] = router.clients[near]
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", router.listeners[router.wanted[near]]))
        far_reader, far_writer = await asyncio.open_connection(sock=sock)
        in_data = [False]

        async def forth() -> None:
            while line := await reader.readline():
                far_writer.write(line)

        async def back() -> None:
            while line := await far_reader.readline():
                in_data[0] = in_data[0] or line.startswith(b"354")
                if in_data[0] and line.startswith(b"250") and left[0]:
                    left[0] -= 1
                    return
                writer.write(line.replace(b"STARTTLS", b"XNOTHING"))

        tasks = [asyncio.ensure_future(way) for way in (forth(), back())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        far_writer.close()
        writer.transport.abort()

    return serve


def test_a_message_whose_reply_was_lost_is_not_doubled(lab: Lab) -> None:
    """RFC 1047: the sender does not know that it was taken and tries again; the receiver recognises it."""
    with listening(lab, cutter(lab, cuts=1)) as port:  # type: ignore[arg-type]
        lab.router.taps["smtp.kaisha.example"] = port
        submit(lab, "alice@bigmail.example")
        lab.settle()
        assert "dsn=4.4.2, status=deferred" in events(lab) and "may have taken it" in events(lab)
        assert len(lab.inbox("alice@bigmail.example")) == 1
        lab.advance(900)
    assert "accepted before, as Q" in events(lab)
    assert len(lab.inbox("alice@bigmail.example")) == 1
    assert lab._queue.waiting() == [] and not lab.inbox(HANAKO)


def test_a_report_whose_reply_was_lost_is_not_doubled(lab: Lab) -> None:
    with listening(lab, cutter(lab, cuts=1)) as port:  # type: ignore[arg-type]
        lab.router.taps["smtp.kaisha.example"] = port
        submit(lab, "nobody@bigmail.example")
        lab.settle()
        assert "mx.kaisha.example may have taken it" in events(lab)
        lab.advance(900)
    assert "accepted before, as Q" in events(lab)
    assert len(lab.inbox(HANAKO)) == 1


def test_the_same_letter_sent_twice_arrives_twice(lab: Lab) -> None:
    same = b"Message-ID: <same@kaisha.example>\r\n"
    for _ in range(2):
        submit(lab, "alice@bigmail.example", content=same + LETTER)
        deliver(lab, same + STRANGERS)
    assert len(lab.inbox("alice@bigmail.example")) == len(lab.inbox(TARO)) == 2


def test_a_forged_trace_does_not_make_a_letter_a_repetition(lab: Lab) -> None:
    submit(lab, TARO)
    lab.settle()
    forged = b"Received: from x by smtp.kaisha.example with ESMTPSA id Q00001; Tue, 24 Nov 2026 00:00:00 +0000\r\n"
    assert deliver(lab, forged + STRANGERS).outcome is Outcome.OPEN
    assert len(lab.inbox(TARO)) == 2


def test_a_trace_without_an_identifier_names_no_message(lab: Lab) -> None:
    """Any two letters with such a trace would be one and the same."""
    net = lab.host_network("mail.spoof.example")
    trace = b"Received: from x by mail.spoof.example; Tue, 24 Nov 2026 00:00:00 +0000\r\n"
    for _ in range(2):
        send("mx.kaisha.example", 25, trace + STRANGERS, sender="", recipients=[TARO], net=net)
    assert len(lab.inbox(TARO)) == 2


# A reset is a reset.


def test_what_was_begun_before_a_reset_does_not_enter_the_fresh_world(lab: Lab) -> None:
    talk = Talk(lab, "mx.kaisha.example:25")
    talk.say(b"EHLO x.example")
    talk.say(b"MAIL FROM:<x@sender.example>")
    talk.say(b"RCPT TO:<taro@kaisha.example>")
    assert talk.say(b"DATA")[:3] == "354"
    lab.reset()
    assert talk.say(LETTER + b".")[:9] == "451 4.3.2"
    talk.close()
    assert not lab.inbox(TARO)
    assert "accepted" not in events(lab)


def test_a_delivery_under_way_at_a_reset_comes_to_nothing(lab: Lab) -> None:
    queue = lab._queue
    stale = Item("Q99999", "mx.kaisha.example", "", [TARO], LETTER, lab.clock.now(), era=queue.era)
    queue.reset()
    assert queue.accept(stale) == ""
    queue._deliver(stale)
    assert not lab.inbox(TARO) and "Q99999" not in [entry.queue_id for entry in lab.log]


# Loops.


@pytest.fixture
def circle(tmp_path: Path) -> Path:
    """The other world, with two mailboxes of one server and two of two servers that forward to each other."""
    shutil.copytree(OTHER_WORLD, tmp_path / "circle")
    file = tmp_path / "circle" / "world.toml"
    pairs = [("a@firma.example", "b@firma.example"), ("c@firma.example", "c@post.example")]
    for one, other in pairs:
        for address, target in ((one, other), (other, one)):
            entry = f'\n[[mailbox]]\naddress = "{address}"\npassword = "x"\nforward_to = "{target}"\n'
            file.write_text(file.read_text("utf-8") + entry, "utf-8")
    return file.parent


@pytest.mark.parametrize("mailbox", ["a@firma.example", "c@firma.example"])
def test_forwarding_in_a_circle_ends(circle: Path, mailbox: str) -> None:
    """RFC 5321 section 6.3: what has passed a hundred servers goes round in a loop."""
    with Lab(circle) as lab:
        sender = next(address for address in lab.world.mailboxes if address.endswith("@post.example"))
        account = lab.account(sender)
        sent = send(
            "out.post.example",
            587,
            LETTER,
            sender=sender,
            recipients=[mailbox],
            net=lab.network(),
            credentials=account,
            timeout=120,
        )
        assert sent.outcome is Outcome.OPEN
        (report,) = lab.inbox(sender)
        assert b"Status: 5.4.6" in report.message
        assert lab._queue.waiting() == [] and lab.errors == []
        assert len(lab.log) < 500


def test_a_message_that_passed_a_hundred_servers_is_refused(lab: Lab) -> None:
    trace = b"Received: from x by y; Tue, 24 Nov 2026 00:00:00 +0000\r\n"
    assert deliver(lab, 100 * trace + STRANGERS).reply[:9] == "554 5.4.6"
    assert deliver(lab, 99 * trace + STRANGERS).outcome is Outcome.OPEN
    (mail,) = lab.inbox(TARO)
    assert received.count(mail.message) == 100


# Availability.


def test_idle_connections_make_room(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """300 of them held all the descriptors that a kernel may have."""
    monkeypatch.setattr(services, "_IDLE", 0.5)
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir())) if folder.is_dir() else 0
    held = [lab.network().dial("mx.kaisha.example", 25, timeout=120) for _ in range(150)]
    held += [socket.create_connection(("127.0.0.1", lab.listeners["smtp.kaisha.example:587"])) for _ in range(150)]
    try:
        end = time.monotonic() + 120
        while (sent := deliver(lab)).outcome is not Outcome.OPEN:
            assert time.monotonic() < end, sent
        while before and len(list(folder.iterdir())) - before > 300 + 3 * services._SERVED + 50:
            assert time.monotonic() < end, "the lab keeps hold of connections that it has closed"
            time.sleep(0.1)
    finally:
        for sock in held:
            sock.close()
    assert len(lab.inbox(TARO)) == 1


def test_a_message_of_nested_parts_is_not_taken_apart(lab: Lab) -> None:
    """454 kB of them used to hold everybody up for as long as the parser took."""
    nested = LETTER.replace(b"\r\n\r\nHello.\r\n", b"\r\nMIME-Version: 1.0\r\n")
    nested += b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(454_000 // 60)
    )
    begun = time.process_time()
    for _ in range(100):
        assert header_of(nested)["Subject"] == "greetings"
    assert time.process_time() - begun < 10  # of processor time; it takes some hundredths
    assert submit(lab, TARO, content=nested).outcome is Outcome.OPEN
    (mail,) = lab.inbox(TARO)
    assert mail.subject == "greetings" and mail.message.endswith(nested)


def test_a_header_without_end_is_refused(lab: Lab) -> None:
    assert deliver(lab, b"X: " + b"x" * 900 + b"\r\n" + b"Y: y\r\n" * 60_000 + b"\r\nz\r\n").reply[:9] == "552 5.3.4"


FLOODS = {
    "short fields": (b"X-Field: y\r\n" * 10_000, True),
    "results in the server's own name": (b"Authentication-Results: mx.kaisha.example; dmarc=pass\r\n" * 10_000, False),
    "short results in the server's own name": (b"Authentication-Results: mx.kaisha.example\r\n" * 4000, True),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_floods_of_fields_are_taken_or_refused_with_a_reason(lab: Lab, kind: str) -> None:
    fields, taken = FLOODS[kind]
    sent = deliver(lab, fields + STRANGERS)
    if not taken:
        assert sent.reply[:9] == "552 5.3.4"
        return
    (mail,) = lab.inbox(TARO)
    assert str(mail.fields("Authentication-Results")).count("mx.kaisha.example") == 1
    assert mail.message.count(b"X-Field: y\r\n") == fields.count(b"X-Field: y\r\n")


def test_a_message_of_fifty_megabytes_is_refused(lab: Lab) -> None:
    sent = deliver(lab, STRANGERS + (b"x" * 998 + b"\r\n") * 50_000)
    assert (sent.outcome, sent.reply) == (Outcome.REJECTED, "552 Error: Too much mail data")


def test_the_longest_ttl_there_is(lab: Lab) -> None:
    """RFC 2181 section 8 allows 2^31 - 1 seconds; caches keep nothing that long, and the next change must not fail."""
    lab.publish("long.kaisha.example", "A", "192.0.2.1", ttl=2**31 - 1)
    assert lab.network().lookup("long.kaisha.example", "A").ttl == 7 * DAY
    said = lab.publish("long.kaisha.example", "A", "192.0.2.2")
    assert "7 days later no cache holds the old answer" in said
    assert lab.network().lookup("long.kaisha.example", "A").records == ("192.0.2.2",)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_close_in_a_forked_child_does_not_hang(lab: Lab) -> None:
    child = os.fork()
    if child == 0:
        try:
            lab.settle()
            lab.close()
            lab.close()
        finally:
            os._exit(0)
    end = time.monotonic() + 60
    while (waited := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
        time.sleep(0.05)
    if waited[0] == 0:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert waited == (child, 0)
    assert deliver(lab).outcome is Outcome.OPEN  # the parent's servers go on


POST = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\n"
    b"EHLO x.example\r\nMAIL FROM:<x@sender.example>\r\nRCPT TO:<taro@kaisha.example>\r\nDATA\r\n"
    b"Subject: by a web page\r\n\r\nHello.\r\n.\r\nQUIT\r\n"
)


@pytest.mark.parametrize("verb", [b"POST", b"GET", b"PUT", b"OPTIONS", b"HEAD", b"post"])
def test_a_client_that_speaks_http_delivers_no_mail(lab: Lab, verb: bytes) -> None:
    with socket.create_connection(("127.0.0.1", lab.listeners["mx.kaisha.example:25"]), 60) as sock:
        sock.sendall(POST.replace(b"POST", verb))
        said = b""
        while piece := sock.recv(4096):
            said += piece
    assert said.splitlines()[1].startswith(b"221 2.7.0") and len(said.splitlines()) == 2
    assert not lab.inbox(TARO) and "accepted" not in events(lab)


def test_the_router_speaks_no_http_but_connect(lab: Lab) -> None:
    for first in (POST, b"GET / HTTP/1.1\r\n\r\n", b"\x04\x01\x00\x19\x00\x00\x00\x01\x00x\x00"):
        with socket.create_connection(("127.0.0.1", lab.socks_port), 60) as sock:
            sock.sendall(first)
            with contextlib.suppress(ConnectionResetError):  # what it had not read was thrown away
                assert sock.recv(100) == b""


@pytest.mark.parametrize("server", ["mx.kaisha.example:25", "smtp.kaisha.example:587", "smtp.kaisha.example:2525"])
def test_a_reply_of_several_lines_leaves_in_one_write(lab: Lab, server: str) -> None:
    """sslscan and nmap's smtp-commands read once and take that for the whole reply."""
    talk = Talk(lab, server)
    talk.sock.sendall(b"EHLO x.example\r\n")
    reply = talk.sock.recv(65536).decode()
    assert "250-STARTTLS\r\n" in reply and reply.endswith("250 PIPELINING\r\n")
    talk.close()


# Whose mail is relayed.

FOREIGN = [
    "alice@bigmail.example",
    "alice%bigmail.example@mx.kaisha.example",
    "alice%bigmail.example@kaisha.example",
    "alice%bigmail.example@[192.0.2.25]",
    "alice%bigmail.example",
    "alice@bigmail.example@kaisha.example",
    '"alice@bigmail.example"',
    '"alice%bigmail.example"',
    '"alice@bigmail.example"@kaisha.example',
    '"alice@bigmail.example"@[192.0.2.25]',
    "@kaisha.example:alice@bigmail.example",
    "bigmail.example!alice",
    "bigmail.example!alice@[192.0.2.25]",
    "bigmail.example!alice@kaisha.example",
    "alice@[192.0.2.25]:bigmail.example",
    "alice",
    "alice@",
    "@",
]


@pytest.mark.parametrize("sender", ["", "x@sender.example", "antispam@[192.0.2.25]", "x"])
@pytest.mark.parametrize("server", ["mx.kaisha.example:25", "self-signed.mistakes.example:25"])
def test_no_spelling_of_an_address_makes_an_open_relay(lab: Lab, server: str, sender: str) -> None:
    """The addresses that nmap's smtp-open-relay tries, and more; refused at RCPT, as Postfix refuses them."""
    talk = Talk(lab, server)
    talk.say(b"EHLO nmap.scanme.org")
    for recipient in FOREIGN:
        talk.say(b"RSET")
        assert talk.say(f"MAIL FROM:<{sender}>".encode())[:1] in "245"
        reply = talk.say(f"RCPT TO:<{recipient}>".encode())
        assert reply[0] == "5", (recipient, reply)
    talk.close()
    assert lab.errors == []


# Evidence, folders, faults.


def test_evidence_is_found_out_once_and_typed(lab: Lab) -> None:
    host = lab.world.hosts["mx.kaisha.example"]
    net = lab.network("office")
    incoming = Incoming(host, "Q1", "192.0.2.58", "smtp.kaisha.example", HANAKO, (TARO,), LETTER, "ESMTP")
    evidence = Evidence(incoming, net)
    assert evidence.spf.result == "pass" and evidence.spf.domain == "kaisha.example"
    assert [str(row.result) for row in evidence.dkim] == ["none"]
    assert evidence.spf is evidence.spf and evidence.dkim is evidence.dkim


def test_the_client_of_a_check_may_have_an_ipv6_address(lab: Lab) -> None:
    """RFC 8601 section 2.2: an address with colons is no token, so it is quoted."""
    host = lab.world.hosts["mx1.bigmail.example"]
    incoming = Incoming(host, "Q1", "2001:db8:b::10", "x", HANAKO, (TARO,), LETTER, "ESMTP")
    net = lab.network()
    (result,) = CHECKS["reverse_dns"](incoming, net, Evidence(incoming, net)).results
    assert result.text == 'iprev=pass policy.iprev="2001:db8:b::10"'


def test_a_check_may_put_a_message_into_junk(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def quarantine(incoming: Incoming, net: object, evidence: Evidence) -> Checked:
        return Checked(folder="Junk" if evidence.spf.result != "pass" else "")

    monkeypatch.setattr(checks, "CHECKS", {**CHECKS, "dkim": quarantine})
    assert deliver(lab).outcome is Outcome.OPEN
    submit(lab, TARO)
    assert [mail.envelope_sender for mail in lab.inbox(TARO)] == [f"<{HANAKO}>"]
    assert [mail.envelope_sender for mail in lab.inbox(TARO, "Junk")] == ["<x@sender.example>"]
    assert "delivered to mailbox, folder Junk" in events(lab)
    assert lab.mailboxes.folders(TARO) == ("INBOX", "Junk")


def test_a_fault_of_the_lab_is_temporary_and_noted(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Checked:
        raise FileNotFoundError("/a/path/of/this/machine")

    monkeypatch.setattr(checks, "CHECKS", {**CHECKS, "spf": broken})
    sent = deliver(lab)
    assert (sent.outcome, sent.reply) == (Outcome.REJECTED, "451 4.3.0 A fault of this server, try again later")
    assert any("FileNotFoundError" in line for line in lab.errors)
    assert "/a/path" not in events(lab)


FORGED = [
    b"Authentication-Results: mx.kaisha.example; dkim=pass header.d=forged.example\r\n",
    b"Authentication-Results:\r\n mx.kaisha.example;\r\n\tdkim=pass header.d=forged.example\r\n",
    b"Authentication-Results: (ours) MX.kaisha.example 1; dkim=pass header.d=forged.example\r\n",
    b'authentication-results : "mx.kaisha.example"; dkim=pass header.d=forged.example\r\n',
]


@pytest.mark.parametrize("forged", FORGED)
def test_results_in_the_servers_own_name_are_taken_away(lab: Lab, forged: bytes) -> None:
    others = b"Authentication-Results: mx.elsewhere.example; spf=pass\r\n"
    deliver(lab, others + forged + STRANGERS)
    (mail,) = lab.inbox(TARO)
    assert b"forged.example" not in mail.message and others in mail.message
    assert str(mail.fields("Authentication-Results")).count("mx.kaisha.example") == 1


def test_a_bare_line_end_is_refused(lab: Lab) -> None:
    """RFC 5321 section 2.3.8; it is what smuggling a second message lives on."""
    talk = Talk(lab, "mx.kaisha.example:25")
    talk.say(b"EHLO x.example")
    for body in (b"a\nb", b"a\rb", b"a\n.\nb", b"a\n.\r\nMAIL FROM:<x@y.example>"):
        talk.say(b"MAIL FROM:<x@sender.example>")
        talk.say(b"RCPT TO:<taro@kaisha.example>")
        talk.say(b"DATA")
        assert talk.say(b"Subject: x\r\n\r\n" + body + b"\r\n.")[:9] == "550 5.5.2"
    talk.close()
    assert not lab.inbox(TARO)


def test_nonsense_is_not_taken_for_a_fault_of_the_lab(lab: Lab) -> None:
    talk = Talk(lab, "mx.kaisha.example:25")
    assert talk.say(b"EHLO <script>\xff\x1b[2J")[:3] == "250"
    for line in (b"MAIL FROM:<\xff@x.example>", b"MAIL FROM:<>", b"RCPT TO:<\xff\xfe@kaisha.example>", b"\x00"):
        assert talk.say(line)[:1] in "25"
    assert talk.say(b"VRFY \xff")[:1] in "25"
    talk.close()
    assert lab.errors == []


# Mailboxes as IMAP will need them.


def test_mailboxes_have_folders_uids_and_flags() -> None:
    boxes = Mailboxes(Clock(world_file.load().now))
    for number in range(3):
        boxes.put(TARO, HANAKO, LETTER.replace(b"greetings", b"number %d" % number))
    boxes.put(TARO, HANAKO, LETTER, "Junk")
    boxes.put(TARO, HANAKO, LETTER, "Archive")
    assert boxes.folders(TARO) == ("INBOX", "Junk", "Archive") and boxes.folders(HANAKO) == ("INBOX", "Junk")
    assert [(mail.uid, mail.subject) for mail in boxes.mail(TARO)] == [(n + 1, f"number {n}") for n in range(3)]
    boxes.flag(TARO, "INBOX", 2, ["\\Seen", "\\Deleted"])
    boxes.flag(TARO, "INBOX", 9, ["\\Deleted"])
    assert boxes.mail(TARO)[1].flags == {"\\Seen", "\\Deleted"}
    assert boxes.expunge(TARO) == [2] and boxes.expunge(TARO) == []
    assert [mail.uid for mail in boxes.mail(TARO)] == [1, 3]
    assert boxes.uid_next(TARO) == 4 and boxes.uid_next(HANAKO) == 1
    assert boxes.put(TARO, HANAKO, LETTER).uid == 4, "a UID is given once (RFC 9051 section 2.3.1.1)"
    validity = boxes.uid_validity
    boxes.reset()
    assert boxes.mail(TARO) == [] and boxes.uid_validity > validity


# A world that is not understood.

WRONG = [
    (
        "replace",
        'checks = ["spf", "dkim", "dmarc"]',
        'checks = ["spf", "dikm"]',
        r"no check 'dikm'; there are reverse_dns, spf",
    ),
    ("replace", "ports = [587, 465]", "ports = [587, 26]", "nothing is known to listen on port 26; there are 25, 465"),
    ("replace", "accounts = [", "acounts = [", "host '.*' has 'acounts', which means nothing; there are name, addr"),
    ("replace", 'domain = "firma.example"', "", "the file lacks 'domain'"),
    ("replace", "timeout = 1.0", 'timeout = "soon"', "the file: timeout is a number, not 'soon'"),
    ("replace", "now = 2027-03-01T12:00:00Z", "now = 2027-03-01", "now is a date and a time with its zone"),
    ("replace", 'vantage = "desk"', 'vantage = "moon"', "no vantage_point 'moon'; there are desk, cafe"),
    (
        "replace",
        'action = "drop"',
        'action = "dorp"',
        "a rule of vantage_point 'cafe': there is no action 'dorp'",
    ),
    ("replace", 'dns = "silent"', 'dns = "silnt"', "there is no dns 'silnt'; there are resolver, silent"),
    ("append", "", '[[mailbox]]\naddress = "x@y.example"\n', "mailbox 'x@y.example' lacks 'password'"),
    (
        "append",
        "",
        '[[host]]\nname = "a.example"\naddresses = ["1.2.3"]\nports = [25]\n',
        "'1.2.3' does not appear",
    ),
    ("append", "", '[[host]]\nname = "a.example"\naddresses = []\nports = [25]\n', "host 'a.example' has no address"),
    ("append", "", '[[host]]\nname = "mx1.firma.example"\naddresses = ["192.0.2.9"]\nports = [25]\n', "named twice"),
    ("host", "", 'mechanisms = ["PLAYN"]', "no mechanism 'PLAYN'; there are PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256"),
    ("host", "", 'certificate = "god"', "no certificate 'god'; there are good, expired, wrong_name, self_signed"),
    (
        "host",
        "",
        'signs = ["s._domainkey.firma.example"]',
        "signs with s._domainkey.firma.example, but there",
    ),
    ("host", "", 'behind = "moon"', "there is no vantage_point 'moon'"),
]


@pytest.mark.parametrize(("how", "old", "new", "said"), WRONG, ids=[row[3][:40] for row in WRONG])
def test_a_mistake_in_a_world_is_named_when_it_is_loaded(
    tmp_path: Path, how: str, old: str, new: str, said: str
) -> None:
    shutil.copytree(OTHER_WORLD, tmp_path / "w")
    file = tmp_path / "w" / "world.toml"
    text = file.read_text("utf-8")
    if how == "replace":
        assert old in text
        text = text.replace(old, new, 1)
    elif how == "append":
        text += f"\n{new}"
    else:
        text += f'\n[[host]]\nname = "new.firma.example"\naddresses = ["192.0.2.9"]\nports = [25]\n{new}\n'
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=said):
        Lab(tmp_path / "w")


def test_a_password_is_in_no_error(tmp_path: Path) -> None:
    shutil.copytree(OTHER_WORLD, tmp_path / "w")
    file = tmp_path / "w" / "world.toml"
    file.write_text(file.read_text("utf-8") + '\n[[mailbox]]\naddress = "x@y.example"\npassword = 774411\n', "utf-8")
    with pytest.raises(ValueError, match="password is a text") as caught:
        Lab(tmp_path / "w")
    assert "774411" not in str(caught.value)


def test_another_server_is_one_more_entry_in_the_table_of_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the mailbox protocols will be: a port, what listens there, and whether TLS begins with the first octet."""

    class Greeter(asyncio.Protocol):
        def __init__(self, name: str) -> None:
            self.name = name

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(f"* OK {self.name}\r\n".encode())
            transport.close()

    def make(host: world.Host, services: object, tls: object) -> asyncio.Protocol:
        return Greeter(host.name)

    table = {**servers.SERVERS, 143: servers.Server(make), 993: servers.Server(make, implicit_tls=True)}
    monkeypatch.setattr(servers, "SERVERS", table)
    shutil.copytree(OTHER_WORLD, tmp_path / "w")
    file = tmp_path / "w" / "world.toml"
    file.write_text(file.read_text("utf-8").replace("ports = [587, 465]", "ports = [587, 465, 143, 993]", 1), "utf-8")
    with Lab(tmp_path / "w") as lab:
        net = lab.network()
        with net.dial("submit.firma.example", 143, timeout=60) as sock:
            assert sock.recv(100) == b"* OK submit.firma.example\r\n"
        with (
            net.dial("submit.firma.example", 993, timeout=60) as plain,
            net.tls_context().wrap_socket(plain, server_hostname="submit.firma.example") as sock,
        ):
            assert sock.recv(100) == b"* OK submit.firma.example\r\n"


def test_the_tables_of_a_world_are_those_of_the_servers() -> None:
    assert set(auth.MECHANISMS) == set(world.MECHANISMS)


def test_a_resolver_knows_whether_it_is_silent(lab: Lab) -> None:
    resolver: CachingResolver = lab.resolver
    assert not resolver.is_silent_somewhere
    resolver.fault("kaisha.example", "silence", subtree=True)
    assert resolver.is_silent_somewhere
    resolver.heal("kaisha.example")
    assert not resolver.is_silent_somewhere


def test_reports_are_whole_messages(lab: Lab) -> None:
    submit(lab, "太郎@bigmail.example")
    for mail in lab.inbox(HANAKO):
        report = email.message_from_bytes(mail.message, policy=policy.default)
        assert report.is_multipart() and not report.defects
