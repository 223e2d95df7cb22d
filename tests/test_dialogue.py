"""The dialogue typed by hand: against the practice internet, and against servers that misbehave."""

from __future__ import annotations

import socket
import struct
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from support_servers import HOST, PATIENCE, closed_port, loopback_network, patiently, tcp_server, wait_for_end

from mailkit.clients import Line
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.results import Outcome, Stage
from mailkit.start_here import dialogue


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture
def office(lab: Lab) -> Network:
    lab.reset()
    return lab.network("office")


def practice(timeout: float = PATIENCE) -> Network:
    """Loopback as a practice internet, where every command may be typed."""
    return replace(loopback_network(timeout), shows_credentials=True)


def answering(*replies: bytes) -> Callable[[socket.socket], None]:
    """A server that greets with the first reply and answers each line with the next, then waits."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(replies[0])
        lines = connection.makefile("rb")
        for reply in replies[1:]:
            if not lines.readline():
                return
            connection.sendall(reply)
        wait_for_end(connection)

    return behave


def test_a_mail_typed_by_hand_arrives_as_typed(lab: Lab, office: Network) -> None:
    talk = dialogue.open("mx.isp.example", net=office)
    assert repr(talk).startswith("S: 220 mx.isp.example ESMTP")
    ehlo = talk.say("EHLO office.kaisha.example")
    assert (ehlo.code, ehlo.outcome, ehlo.stage) == (250, Outcome.OPEN, Stage.EHLO)
    assert ehlo.lines[0] == Line("C", "EHLO office.kaisha.example")
    assert [line.text for line in ehlo.lines if "STARTTLS" in line.text] == ["250-STARTTLS"]
    assert talk.say("MAIL FROM:<hanako@kaisha.example>").code == 250

    unknown = talk.say("RCPT TO:<jiri@isp.example>")
    assert (unknown.code, unknown.outcome, unknown.stage) == (550, Outcome.REJECTED, Stage.RCPT)
    assert "✗ 5xx: no; said again the same way it stays no" in repr(unknown)

    assert talk.say("RCPT TO:<jiro@isp.example>").outcome is Outcome.OPEN
    data = talk.say("DATA")
    assert (data.code, data.outcome) == (354, Outcome.OPEN)
    text = talk.say("From: Hanako <hanako@kaisha.example>", "Subject: Soup", "", "..dots and QUIT", "QUIT")
    assert (text.code, text.outcome) == (0, Outcome.OPEN) and "no reply" in repr(text)
    assert talk.say(".").code == 250
    assert talk.quit().code == 221

    (mail,) = lab.inbox("jiro@isp.example")
    assert mail.envelope_sender == "<hanako@kaisha.example>"
    head, _, body = mail.message.partition(b"\r\n\r\n")
    assert body == b".dots and QUIT\r\nQUIT\r\n"  # the server takes one dot away (RFC 5321 section 4.5.2)
    assert head.endswith(b"From: Hanako <hanako@kaisha.example>\r\nSubject: Soup")
    assert [line.who for line in talk.lines][:3] == ["S", "C", "S"]


def test_nothing_is_sent_after_a_refusal(lab: Lab, office: Network) -> None:
    talk = dialogue.open("mx.isp.example", net=office)
    said = talk.say("EHLO x.example", "MAIL FROM:<a@kaisha.example>", "RCPT TO:<jiri@isp.example>", "DATA", "Hi", ".")
    assert (said.code, said.stage) == (550, Stage.RCPT)
    assert [line.text for line in talk.lines if line.who == "C"][-1] == "RCPT TO:<jiri@isp.example>"
    talk.quit()
    assert len(lab.inbox("jiro@isp.example")) == 0


def test_quitting_in_the_middle_of_a_message_sends_nothing(lab: Lab, office: Network) -> None:
    talk = dialogue.open("mx.isp.example", net=office)
    talk.say("EHLO x.example", "MAIL FROM:<a@kaisha.example>", "RCPT TO:<jiro@isp.example>", "DATA", "Subject: half")
    ended = talk.quit()
    assert ended.outcome is Outcome.NOT_RUN and "not sent" in ended.reason
    assert talk.say("NOOP").outcome is Outcome.NOT_RUN
    assert len(lab.inbox("jiro@isp.example")) == 0


def test_a_login_typed_by_hand_is_not_shown(lab: Lab, office: Network) -> None:
    account = lab.account("hanako@kaisha.example")
    talk = dialogue.open("smtp.kaisha.example", 465, net=office)
    talk.say("EHLO x.example", "AUTH LOGIN")
    user, password = (b64encode(word.encode()).decode() for word in (account.user, account.password))
    assert talk.say(user).code == 334
    assert talk.say(password).code == 235
    everything = repr(talk) + "".join(line.text for line in talk.lines)
    assert user not in everything and password not in everything and "(redacted)" in everything
    assert all(line.encrypted for line in talk.lines)


@pytest.mark.parametrize(
    "command", ["MAIL FROM:<a@b.example>", "RCPT TO:<a@b.example>", "DATA", "AUTH PLAIN x", "VRFY a"]
)
def test_on_the_real_internet_nothing_is_sent(command: str) -> None:
    received = bytearray()

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        while more := connection.recv(4096):
            received.extend(more)
            connection.sendall(b"250 ok\r\n")

    with tcp_server(behave) as port:
        talk = dialogue.open(HOST, port, net=loopback_network())
        assert talk.say("EHLO x.example").outcome is Outcome.OPEN
        refused = talk.say(command)
        assert refused.outcome is Outcome.NOT_RUN
        assert "practice internet only" in refused.reason
        assert talk.say("NOOP").outcome is Outcome.OPEN
        talk.quit()
    assert bytes(received) == b"EHLO x.example\r\nNOOP\r\nQUIT\r\n"


def test_starttls_is_not_for_hands(office: Network) -> None:
    talk = dialogue.open("mx.isp.example", net=office)
    assert "lesson 03" in talk.say("STARTTLS").reason
    assert talk.say("NOOP").code == 250


@pytest.mark.parametrize(
    ("vantage", "host", "outcome", "stage"),
    [
        ("home", "mx.kaisha.example", Outcome.TIMEOUT, Stage.CONNECT),
        ("hotel", "mx.kaisha.example", Outcome.REFUSED, Stage.CONNECT),
        ("offline", "mx.kaisha.example", Outcome.DNS_FAILURE, Stage.DNS),
        ("office", "nowhere.kaisha.example", Outcome.DNS_FAILURE, Stage.DNS),
    ],
)
def test_no_connection_is_an_outcome(lab: Lab, vantage: str, host: str, outcome: Outcome, stage: Stage) -> None:
    talk = dialogue.open(host, net=lab.network(vantage))
    assert talk.lines == ()
    assert str(outcome) in repr(talk)
    said = talk.say("EHLO x.example")
    assert said.outcome is Outcome.NOT_RUN and said.reason


def silent(connection: socket.socket) -> None:
    wait_for_end(connection)


def dripping(connection: socket.socket) -> None:
    for octet in b"220 " + b"x" * 1200:  # for two minutes: who waits anew for each octet hears the end of it
        connection.sendall(bytes([octet]))
        time.sleep(0.1)


def flooding(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"220-" + b"x" * 1000 + b"\r\n")


def resetting(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hanging_up(connection: socket.socket) -> None:
    connection.sendall(b"220 he")


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        (silent, Outcome.TIMEOUT),
        (dripping, Outcome.TIMEOUT),
        (flooding, Outcome.PROTOCOL_ERROR),
        (resetting, Outcome.RESET),
        (hanging_up, Outcome.RESET),
        (answering(b"HTTP/1.1 200 OK\r\n"), Outcome.PROTOCOL_ERROR),
        (answering(b"\xff\x00\x1b[2J\r\n"), Outcome.PROTOCOL_ERROR),
        (answering(b"700 what\r\n"), Outcome.PROTOCOL_ERROR),
        (answering(b"554 go away\r\n"), Outcome.REJECTED),
        (answering(b"421 too busy\r\n"), Outcome.REJECTED),
    ],
)
def test_hostile_greetings_cost_one_turn(behave: Callable[[socket.socket], None], outcome: Outcome) -> None:
    with tcp_server(behave) as port:

        def said(seconds: float) -> str:
            talk = dialogue.open(HOST, port, net=practice(), timeout=seconds)
            shown = repr(talk)
            talk.quit()
            return shown

        too_early = str(Outcome.TIMEOUT)
        shown = patiently(said, early=lambda shown: outcome is not Outcome.TIMEOUT and too_early in shown)
        assert (str(outcome) in shown) or outcome is Outcome.REJECTED
        assert "\x1b" not in shown and "\x00" not in shown


def test_a_server_that_leaves_in_the_middle_is_told_as_such() -> None:
    gone = threading.Event()

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        connection.recv(1000)
        connection.sendall(b"250 ok\r\n")
        gone.set()

    with tcp_server(behave) as port:
        talk = dialogue.open(HOST, port, net=practice())
        assert talk.say("EHLO x.example").code == 250
        assert gone.wait(PATIENCE)
        broken = talk.say("NOOP")
        assert broken.outcome is Outcome.RESET and "not for ever" in broken.reason
        assert "open another" in talk.say("NOOP").reason


def test_421_ends_the_conversation() -> None:
    with tcp_server(answering(b"220 here\r\n", b"421 shutting down\r\n")) as port:
        talk = dialogue.open(HOST, port, net=practice())
        assert "4xx: not now" in repr(talk.say("EHLO x.example"))
        assert talk.say("NOOP").outcome is Outcome.NOT_RUN


def test_each_turn_has_a_deadline_of_its_own() -> None:
    """Reading for longer than the deadline between two turns does no harm; a silent server does not hold a turn."""

    def two_turns(seconds: float) -> tuple[dialogue.Exchange, dialogue.Exchange]:
        with tcp_server(answering(b"220 here\r\n", b"250 ok\r\n", b"")) as port:
            talk = dialogue.open(HOST, port, net=practice(), timeout=seconds)
            time.sleep(1.5 * seconds)
            return talk.say("NOOP"), talk.say("NOOP")

    answered, unanswered = patiently(two_turns, early=lambda turns: turns[0].code != 250)
    assert answered.code == 250
    assert unanswered.outcome is Outcome.TIMEOUT


def test_what_the_server_says_cannot_write_html() -> None:
    with tcp_server(
        answering(b"220 <script>alert(1)</script> \xe2\x80\xae\r\n", b"550 <img src=x onerror=y>\r\n")
    ) as port:
        talk = dialogue.open(HOST, port, net=practice())
        shown = talk._repr_html_() + talk.say("EHLO <b>x</b>")._repr_html_()
        assert "<script" not in shown and "<img" not in shown and "<b>" not in shown and "\u202e" not in shown
        assert "&lt;script&gt;" in shown and "\\u202e" in shown


@pytest.mark.parametrize("line", ["EHLO a\r\nMAIL FROM:<b>", "two\nlines", "x" * 999, "あ" * 333])
def test_what_is_no_line_is_refused(line: str, office: Network) -> None:
    talk = dialogue.open("mx.isp.example", net=office)
    with pytest.raises(ValueError):
        talk.say("NOOP", line)
    assert [said.who for said in talk.lines] == ["S"]  # nothing was sent, not even the good line before it


@pytest.mark.parametrize("line", [None, 25, b"NOOP"])
def test_a_line_is_a_text(line: object, office: Network) -> None:
    talk = dialogue.open("mx.isp.example", net=office)
    with pytest.raises(TypeError):
        talk.say(line)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        talk.say()


def test_nobody_listens() -> None:
    assert "refused" in repr(dialogue.open(HOST, closed_port(), net=practice()))


@pytest.mark.parametrize("reply", [b"334 \r\n", b"250-half\r\n334 go on\r\n", b"550 5.7.1 not you\r\n", b"354 go\r\n"])
@pytest.mark.parametrize("real", [True, False])
def test_nothing_is_sent_after_a_refused_introduction(reply: bytes, real: bool) -> None:
    """Attack 10: a server that answers EHLO with 334 gets no MAIL, and nothing else that is typed."""
    received = bytearray()

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        while more := connection.recv(4096):
            received.extend(more)
            connection.sendall(reply if more.startswith(b"EHLO") else b"250 ok\r\n")

    with tcp_server(behave) as port:
        talk = dialogue.open(HOST, port, net=loopback_network() if real else practice())
        talk.say("EHLO x.example")
        for typed in (
            "MAIL FROM:<a@b.example>",
            "RCPT TO:<a@b.example>",
            "DATA",
            "Subject: x",
            "aGFuYWtv",
            "NOOP",
            ".",
        ):
            refused = talk.say(typed)
            assert refused.outcome is Outcome.NOT_RUN and refused.reason
        assert talk.say("HELO x.example").outcome is Outcome.OPEN
        talk.quit()
    assert bytes(received) == b"EHLO x.example\r\nHELO x.example\r\nQUIT\r\n"


def test_nothing_is_sent_after_a_greeting_that_refuses() -> None:
    with tcp_server(answering(b"554 go away\r\n", b"250 ok\r\n")) as port:
        talk = dialogue.open(HOST, port, net=practice())
        assert talk.say("MAIL FROM:<a@b.example>").outcome is Outcome.NOT_RUN
