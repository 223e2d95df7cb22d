"""The SMTP client: what it notes, what it never shows, whom it tells a password, and that it never waits for ever."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support_servers import HOST, loopback_network, server_context, smtp, tcp_server, wait_for_end
from support_worlds import OTHER_WORLD

from mailkit.clients import SMTP, Credentials, Sent, greet, send
from mailkit.lab import Lab
from mailkit.network import Network, internet
from mailkit.results import Outcome, Stage

MESSAGE = b"From: hanako@kaisha.example\r\nTo: alice@bigmail.example\r\nSubject: greetings\r\n\r\nHello.\r\n"
SUBMISSION = "smtp.kaisha.example"
PASSWORD = "Tr0ub4dor&3 <b>"
SECRETS = [
    PASSWORD,
    base64.b64encode(PASSWORD.encode()).decode(),
    base64.b64encode(f"\0hanako@kaisha.example\0{PASSWORD}".encode()).decode(),
]
CREDENTIALS = Credentials("hanako@kaisha.example", PASSWORD)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture
def net(lab: Lab) -> Iterator[Network]:
    lab.reset()
    yield lab.network()


@pytest.fixture
def named(lab: Lab) -> Iterator[Network]:
    """A network without a proxy in which the submission server's name leads to loopback."""
    lab.publish(SUBMISSION, "A", HOST)
    yield internet(nameservers=[f"{HOST}:{lab.dns_port}"], ca_file=lab.ca_file, timeout=60)
    lab.reset()


def certificate(name: str, folder: Path | None = None) -> Path:
    return (folder or Path("data/lab")) / "certificates" / f"{name}.pem"


def submit(net: Network, port: int, credentials: Credentials | None = CREDENTIALS, host: str = SUBMISSION) -> Sent:
    return send(
        host,
        port,
        MESSAGE,
        sender="hanako@kaisha.example",
        recipients=["alice@bigmail.example"],
        net=net,
        credentials=credentials,
    )


def shown(sent: Sent) -> str:
    """Everything that a notebook, a log or a debugger's first look could show of *sent*."""
    lines = sent.dialogue
    pieces = [repr(sent), str(sent), sent._repr_html_(), sent.detail, sent.reason, sent.reply]
    pieces += [repr(lines), lines._repr_html_(), lines.frame.to_html(), lines.frame.to_csv()]
    return "".join([*pieces, *(line.text for line in lines)])


# Transcripts


def test_a_submission_is_noted_line_by_line(net: Network, lab: Lab) -> None:
    sent = submit(net, 587, lab.account("hanako@kaisha.example"))
    assert (sent.outcome, sent.stage, sent.encrypted, sent.reason) == (Outcome.OPEN, Stage.DATA, True, "")
    assert sent.reply.startswith("250 2.0.0 Ok: queued as ")
    lines = list(sent.dialogue)
    assert lines[0].who == "S" and lines[0].text.startswith("220 smtp.kaisha.example")
    assert [line.text for line in lines if line.who == "C"][:3] == [
        "EHLO office.kaisha.example",
        "STARTTLS",
        "EHLO office.kaisha.example",
    ]
    upgrade = next(number for number, line in enumerate(lines) if line.text == "STARTTLS")
    assert {line.encrypted for line in lines[: upgrade + 2]} == {False}
    assert {line.encrypted for line in lines[upgrade + 2 :]} == {True}
    assert any(line.text.startswith("AUTH ") for line in lines)
    assert "Subject: greetings" in [line.text for line in lines]
    assert lines[-1].text.startswith("221")
    assert "seen from office" in sent.dialogue.caption
    assert [mail.subject for mail in lab.inbox("alice@bigmail.example")] == ["greetings"]


def test_implicit_tls_is_encrypted_from_the_first_line(net: Network, lab: Lab) -> None:
    sent = submit(net, 465, lab.account("hanako@kaisha.example"))
    assert sent.outcome is Outcome.OPEN
    assert {line.encrypted for line in sent.dialogue} == {True}


def test_the_message_arrives_octet_for_octet(net: Network, lab: Lab) -> None:
    body = b"From: x@sender.example\r\nSubject: octets\r\n\r\n.a dot\r\n..two\r\n\xff\xfe 8 bit\r\n\ttab  \r\n"
    sent = send("mx.kaisha.example", 25, body, sender="", recipients=["taro@kaisha.example"], net=net)
    assert sent.outcome is Outcome.OPEN and sent.encrypted
    (mail,) = lab.inbox("taro@kaisha.example")
    assert mail.message.endswith(body)
    assert mail.envelope_sender == "<>"


def test_a_very_long_message_is_noted_in_part(net: Network) -> None:
    message = MESSAGE + b"line\r\n" * 5000
    sent = send("mx.kaisha.example", 25, message, sender="", recipients=["taro@kaisha.example"], net=net)
    assert sent.outcome is Outcome.OPEN
    assert len(sent.dialogue) < 450


# Passwords


def assert_nothing_leaks(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text
        assert secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") not in text


def test_credentials_do_not_show_their_password() -> None:
    assert_nothing_leaks(repr(CREDENTIALS) + str(CREDENTIALS) + f"{CREDENTIALS}" + CREDENTIALS._repr_html_())
    assert "hanako" in repr(CREDENTIALS) and "hanako" in CREDENTIALS._repr_html_()
    hostile = Credentials("<script>\u202e", "x")._repr_html_()
    assert "<script>" not in hostile and "\u202e" not in hostile


@pytest.mark.parametrize("port", [587, 465])
def test_a_refused_password_is_shown_nowhere(net: Network, port: int) -> None:
    sent = submit(net, port)
    assert (sent.outcome, sent.stage) == (Outcome.REJECTED, Stage.AUTH)
    assert sent.reply.startswith("535")
    assert_nothing_leaks(shown(sent))
    assert "(redacted)" in shown(sent)


@pytest.mark.parametrize("mechanisms", [b"PLAIN", b"LOGIN", b"CRAM-MD5", b"LOGIN PLAIN"])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_server_that_echoes_the_password_is_masked(named: Network, mechanisms: bytes, secret: str) -> None:
    replies = {
        "EHLO": b"250-fake\r\n250-STARTTLS\r\n250 AUTH " + mechanisms + b"\r\n",
        "AUTH": f"535-no such password: {secret}\r\n535 {secret}\r\n".encode(),
    }
    with tcp_server(smtp(replies, tls=server_context(certificate(SUBMISSION)))) as port:
        sent = submit(named, port)
    assert (sent.outcome, sent.stage) == (Outcome.REJECTED, Stage.AUTH)
    if secret == PASSWORD or b"PLAIN" in mechanisms:
        assert PASSWORD not in shown(sent)


def test_what_follows_a_challenge_is_redacted_too(named: Network) -> None:
    challenges = iter([b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"535 no\r\n"])

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 fake\r\n")
        tls = server_context(certificate(SUBMISSION))
        replies = [b"250-fake\r\n250 STARTTLS\r\n", b"220 go\r\n", b"250-fake\r\n250 AUTH LOGIN\r\n", *challenges]
        for number, reply in enumerate(replies):
            connection.recv(4096)
            connection.sendall(reply)
            if number == 1:
                connection = tls.wrap_socket(connection, server_side=True)
        connection.recv(4096)

    with tcp_server(behave) as port:
        sent = submit(named, port)
    assert (sent.outcome, sent.stage) == (Outcome.REJECTED, Stage.AUTH)
    said = [line.text for line in sent.dialogue if line.who == "C"]
    assert said[3] == "AUTH LOGIN" and said[4] == said[5] == "(redacted)"
    assert_nothing_leaks(shown(sent))


# To whom a password is given


@pytest.mark.parametrize(
    ("shows", "folder"),
    [
        pytest.param("mx.kaisha.example", None, id="a certificate of another name"),
        pytest.param("mx1.firma.example", OTHER_WORLD, id="a certificate of an unknown authority"),
    ],
)
def test_no_password_for_an_unverified_server(named: Network, shows: str, folder: Path | None) -> None:
    heard: list[str] = []
    with tcp_server(smtp(tls=server_context(certificate(shows, folder)), heard=heard)) as port:
        sent = submit(named, port)
    assert (sent.outcome, sent.stage) == (Outcome.TLS_FAILURE, Stage.STARTTLS)
    assert sent.reason.startswith(("the certificate does not bear this name", "the certificate leads to an authority"))
    assert not any("AUTH" in command.upper() for command in heard)
    assert_nothing_leaks(shown(sent))


def test_no_password_without_tls(named: Network) -> None:
    heard: list[str] = []
    with tcp_server(smtp(heard=heard)) as port:
        sent = submit(named, port)
    assert (sent.outcome, sent.stage) == (Outcome.REJECTED, Stage.STARTTLS)
    assert sent.reason == "STARTTLS is not offered"
    assert not any("AUTH" in command.upper() for command in heard)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b"454 not now\r\n", Outcome.REJECTED),
        (b"220 go\r\n250 and this is no TLS\r\n", Outcome.TLS_FAILURE),
        (b"banana\r\n", Outcome.PROTOCOL_ERROR),
    ],
)
def test_no_password_when_starttls_fails(named: Network, reply: bytes, outcome: Outcome) -> None:
    heard: list[str] = []
    offers = {"EHLO": b"250-fake\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", "STARTTLS": reply}
    with tcp_server(smtp(offers, heard=heard)) as port:
        sent = submit(named, port)
    assert sent.stage is Stage.STARTTLS
    assert sent.outcome is outcome
    assert not any("AUTH" in command.upper() for command in heard)


def test_no_password_to_another_name_on_the_port_of_implicit_tls(net: Network, lab: Lab) -> None:
    lab.publish("other.kaisha.example", "A", "192.0.2.58")
    sent = submit(net, 465, host="other.kaisha.example")
    assert (sent.outcome, sent.stage) == (Outcome.TLS_FAILURE, Stage.TLS)


def test_what_was_said_before_tls_is_forgotten(named: Network) -> None:
    """Replies injected behind the answer to STARTTLS must not be taken for the server's own (CVE-2011-0411)."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 fake\r\n")
        connection.recv(4096)
        connection.sendall(b"250-fake\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
        connection.recv(4096)
        connection.sendall(b"220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n")
        connection = server_context(certificate(SUBMISSION)).wrap_socket(connection, server_side=True)
        connection.recv(4096)
        connection.sendall(b"250 genuine, and no AUTH here\r\n")
        wait_for_end(connection)

    with tcp_server(behave) as port:
        sent = submit(named, port)
    assert sent.outcome is not Outcome.OPEN
    assert not any("injected" in line.text for line in sent.dialogue)
    assert not any(line.text.startswith("AUTH") for line in sent.dialogue if line.who == "C")


def test_encryption_between_servers_is_opportunistic(named: Network) -> None:
    with tcp_server(smtp(tls=server_context(certificate("mx1.firma.example", OTHER_WORLD)))) as port:
        sent = submit(named, port, credentials=None)
    assert sent.outcome is Outcome.OPEN and sent.encrypted
    with tcp_server(smtp()) as port:
        sent = submit(named, port, credentials=None)
    assert sent.outcome is Outcome.OPEN and not sent.encrypted


# Refusals and deadlines


@pytest.mark.parametrize(
    ("verb", "stage"), [("MAIL", Stage.MAIL), ("RCPT", Stage.RCPT), ("DATA", Stage.DATA), (".", Stage.DATA)]
)
def test_where_the_server_said_no(verb: str, stage: Stage) -> None:
    with tcp_server(smtp({verb: b"451 4.7.1 not <now>\r\n"})) as port:
        sent = submit(loopback_network(), port, credentials=None, host=HOST)
    assert (sent.outcome, sent.stage, sent.reply) == (Outcome.REJECTED, stage, "451 4.7.1 not <now>")
    assert "<now>" not in sent._repr_html_()


def test_a_server_that_drips_meets_the_deadline() -> None:
    def drip(connection: socket.socket) -> None:
        for octet in b"220 " + b"x" * 2400:
            connection.sendall(bytes([octet]))
            time.sleep(0.05)

    with tcp_server(drip) as port:  # who waits anew for each octet hears the end of it, after two minutes
        attempt = greet(HOST, port, net=loopback_network(timeout=5), timeout=5)
    assert (attempt.outcome, attempt.stage) == (Outcome.TIMEOUT, Stage.GREETING)


def test_a_server_that_stops_reading_meets_the_deadline() -> None:
    def deaf(connection: socket.socket) -> None:
        connection.sendall(b"220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n")
        given_up.wait(120)  # a client without a deadline would see the connection end

    given_up, net = threading.Event(), loopback_network(timeout=10)
    with tcp_server(deaf) as port:
        # Ten seconds, in which even a busy machine gets as far as DATA.
        sent = send(HOST, port, b"x\r\n" * 7_000_000, sender="", recipients=["a@b.example"], net=net, timeout=10)
        given_up.set()
    assert (sent.outcome, sent.stage) == (Outcome.TIMEOUT, Stage.DATA)


def test_a_server_that_does_not_answer_quit_is_left_soon() -> None:
    with tcp_server(smtp({"QUIT": b""})) as port:
        begun = time.monotonic()
        attempt = greet(HOST, port, net=loopback_network(timeout=600))
        assert time.monotonic() - begun < 300, "it waited for as long as a reply may take"
    assert attempt.outcome is Outcome.OPEN


def test_a_server_without_ehlo_is_greeted_the_old_way() -> None:
    heard: list[str] = []
    with tcp_server(smtp({"EHLO": b"502 what?\r\n"}, heard=heard)) as port:
        attempt = greet(HOST, port, net=loopback_network())
    assert attempt.outcome is Outcome.OPEN
    assert [command.split()[0] for command in heard] == ["EHLO", "HELO", "QUIT"]


def test_a_probe_sends_no_mail_and_no_recipient() -> None:
    heard: list[str] = []
    with tcp_server(smtp(heard=heard)) as port:
        greet(HOST, port, net=loopback_network())
    assert [command.split()[0].upper() for command in heard] == ["EHLO", "QUIT"]


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        ({"message": "text"}, TypeError, "the message is bytes"),
        ({"recipients": "taro@kaisha.example"}, ValueError, "a list of addresses"),
        ({"recipients": []}, ValueError, "a list of addresses"),
        ({"recipients": ["a@b.example\r\nDATA"]}, ValueError, "an address is a text like"),
        ({"recipients": [None]}, ValueError, "an address is a text like"),
        ({"port": 0}, ValueError, "from 1 to 65535"),
        ({"port": "587"}, ValueError, "from 1 to 65535"),
        ({"sender": "a@b.example>\r\nRCPT TO:<x"}, ValueError, "an address is a text like"),
    ],
)
def test_bad_arguments(net: Network, given: dict[str, object], kind: type[Exception], sentence: str) -> None:
    arguments = {
        "host": "mx.kaisha.example",
        "port": 25,
        "message": MESSAGE,
        "sender": "",
        "recipients": ["taro@kaisha.example"],
        **given,
    }
    with pytest.raises(kind, match=sentence):
        send(net=net, **arguments)  # type: ignore[arg-type]


def test_the_client_can_be_used_by_hand(net: Network) -> None:
    client = SMTP(net, "mx.kaisha.example", 25)
    assert client.open().code == 220
    assert client.introduce().code == 250
    assert client.offer.starttls and not client.encrypted
    client.secure(net.tls_context())
    assert client.encrypted
    assert client.say("VRFY taro@kaisha.example").code in (250, 252)
    client.leave()
    assert not client.wire.connected
