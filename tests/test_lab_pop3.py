"""The practice internet's POP3 servers, read by poplib and curl; and POP before SMTP, with what was wrong with it."""

from __future__ import annotations

import base64
import poplib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support_mailboxes import PATIENCE, pop3, raw, say_and_listen

from mailkit import clients
from mailkit.lab import Lab

HOST, HANAKO, JIRO, CLASSIC = (
    "imap.kaisha.example",
    "hanako@kaisha.example",
    "jiro@isp.example",
    "classic.isp.example",
)


@pytest.fixture(scope="module")
def world() -> Iterator[Lab]:
    with Lab() as running:
        yield running
        assert running.errors == []


@pytest.fixture
def lab(world: Lab) -> Lab:
    world.reset()
    return world


def letter(number: int = 1, text: str = "Hello\r\n.a dot\r\n..\r\nBye") -> bytes:
    return f"From: bob@example.org\r\nTo: {HANAKO}\r\nSubject: Letter {number}\r\n\r\n{text}\r\n".encode()


def filled(lab: Lab, count: int = 3, port: int = 995) -> poplib.POP3:
    for number in range(1, count + 1):
        lab.mailboxes.put(HANAKO, "bob@example.org", letter(number))
    return pop3(lab, HOST, port, user=HANAKO)


@pytest.mark.parametrize(
    ("host", "port", "before", "after"),
    [
        (HOST, 110, {"STLS"}, {"USER", "SASL SCRAM-SHA-256 PLAIN LOGIN"}),
        ("imap.mistakes.example", 110, {"STLS", "USER", "SASL PLAIN LOGIN"}, {"USER", "SASL PLAIN LOGIN"}),
        (HOST, 995, None, {"USER", "SASL SCRAM-SHA-256 PLAIN LOGIN"}),
    ],
)
def test_capabilities(lab: Lab, host: str, port: int, before: set[str] | None, after: set[str]) -> None:
    always = {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"}

    def offered() -> set[str]:
        return {" ".join([name, *words]) for name, words in client.capa().items()}

    client = pop3(lab, host, port)
    if before is not None:
        assert offered() == always | before
        client.stls(lab.network().tls_context())
    assert offered() == always | after
    client.quit()


def test_no_login_before_tls(lab: Lab) -> None:
    with raw(lab, HOST, 110) as client:
        for line in (f"USER {HANAKO}", "PASS x", "AUTH PLAIN AGEAYg==", "STAT", f"APOP {HANAKO} {'0' * 32}"):
            assert client.ask(line).startswith("-ERR")
        assert client.ask("CAPA").startswith("+OK")


def test_what_a_client_does(lab: Lab) -> None:
    client = filled(lab)
    size = len(letter())
    assert client.stat() == (3, 3 * size)
    assert client.list()[1] == [b"%d %d" % (number, size) for number in (1, 2, 3)]
    assert client.list(2) == b"+OK 2 %d" % size
    unique = [line.split()[1] for line in client.uidl()[1]]
    assert len(set(unique)) == 3 and client.uidl(1) == b"+OK 1 " + unique[0]
    assert b"\r\n".join(client.retr(2)[1]) + b"\r\n" == letter(2)
    head = letter(3).partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert client.top(3, 0)[1] == [*head, b""]
    assert client.top(3, 2)[1] == [*head, b"", b"Hello", b".a dot"]
    client.dele(1)
    assert client.stat()[0] == 2 and client.list()[1][0].startswith(b"2 ")
    with pytest.raises(poplib.error_proto, match="no such message"):
        client.retr(1)
    client.rset()
    client.dele(3)
    client.quit()
    assert [mail.subject for mail in lab.inbox(HANAKO)] == ["Letter 1", "Letter 2"]
    client = pop3(lab, HOST, 110, user=HANAKO)  # what was deleted is gone, and identifiers stay
    assert [line.split()[1] for line in client.uidl()[1]] == unique[:2]
    client.quit()


def test_what_is_not_ended_with_quit_deletes_nothing(lab: Lab) -> None:
    client = filled(lab)
    client.dele(1)
    client.close()
    assert len(lab.inbox(HANAKO)) == 3


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_auth(lab: Lab, mechanism: str) -> None:
    password = lab.account(HANAKO).password
    answers = {"PLAIN": [f"\0{HANAKO}\0{password}"], "LOGIN": [HANAKO, password]}[mechanism]
    with raw(lab, HOST, 995) as client:
        said = client.ask(f"AUTH {mechanism}")
        for answer in answers:
            assert said.startswith("+ ")
            said = client.ask(base64.b64encode(answer.encode()).decode())
        assert said == "+OK 0 messages"
        assert client.ask("AUTH PLAIN").startswith("-ERR You have logged in")
        assert client.ask("QUIT").startswith("+OK")


def test_nothing_said_in_the_clear_counts_inside_tls(lab: Lab) -> None:
    with raw(lab, HOST, 110) as client:
        client.say(b"STLS\r\nQUIT\r\n")
        assert client.line() == "-ERR Nothing may follow STLS before TLS begins"
        assert client.ask("NOOP") == "-ERR Log in first"


@pytest.mark.parametrize(
    "said",
    [
        b"x" * 200_000,
        b"USER\r\n" * 100,
        b"USER x\r\nPASS y\r\n" * 100,
        b"\0\r\n\xff\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"AUTH PLAIN\r\n" + b"x" * 70_000,
    ],
    ids=lambda said: repr(said[:24]),
)
def test_nonsense_costs_nobody_anything(lab: Lab, said: bytes) -> None:
    say_and_listen(lab, HOST, 995, said)
    pop3(lab, HOST, 995, user=HANAKO).quit()


@pytest.mark.parametrize(
    "command",
    ["RETR", "RETR 0", "RETR 9", "RETR x", "RETR 99999999999", "TOP 1", "TOP 1 x", "DELE -1", "UIDL 4", "XYZ"],
)
def test_what_makes_no_sense_is_refused(lab: Lab, command: str) -> None:
    client = filled(lab)
    with pytest.raises(poplib.error_proto, match="-ERR"):
        client._shortcmd(command)
    assert client.noop().startswith(b"+OK")
    client.quit()


def test_ten_thousand_messages_and_one_of_fifty_megabytes(lab: Lab) -> None:
    client = filled(lab, 10_000)
    assert client.stat()[0] == 10_000 and len(client.list()[1]) == len(client.uidl()[1]) == 10_000
    for number in range(1, 101):
        client.dele(number)
    client.quit()
    assert len(lab.inbox(HANAKO)) == 9_900
    lab.reset()
    big = letter(text="." + "x" * 75 + ("\r\n" + "y" * 76) * 640_000)
    lab.mailboxes.put(HANAKO, "bob@example.org", big)
    client = pop3(lab, HOST, 995, user=HANAKO)
    assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == big
    client.quit()


def test_curl_reads(lab: Lab, peer: Callable[[str, str], str], tmp_path: Path) -> None:
    lab.mailboxes.put(HANAKO, "bob@example.org", letter())
    config = tmp_path / "curlrc"
    config.write_text(
        f'user = "{HANAKO}:{lab.account(HANAKO).password}"\ncacert = "{lab.ca_file}"\n'
        f'proxy = "socks5h://office:x@127.0.0.1:{lab.socks_port}"\n'
    )
    for url, options in ((f"pop3s://{HOST}/1", []), (f"pop3://{HOST}/1", ["--ssl-reqd"])):
        command = [peer("curl", "curl"), "--silent", "--show-error", "--config", str(config), *options, url]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stdout) == (0, letter()), done.stderr


# APOP, and POP before SMTP.


def test_apop(lab: Lab) -> None:
    client = pop3(lab, CLASSIC, 110)
    assert client.apop(JIRO, lab.account(JIRO).password) == b"+OK 0 messages"
    client.quit()
    client = pop3(lab, CLASSIC, 110)
    with pytest.raises(poplib.error_proto, match="Wrong user name or password"):
        client.apop(JIRO, "wrong")
    client.quit()
    stamps = []
    for _ in range(2):
        with raw(lab, CLASSIC, 110) as again:
            stamps.append(again.greeting.rpartition(" ")[2])
    assert stamps[0] != stamps[1] and all(stamp.endswith("@classic.isp.example>") for stamp in stamps)
    with raw(lab, HOST, 995) as modern:
        assert "<" not in modern.greeting and modern.ask(f"APOP {HANAKO} {'0' * 32}").startswith("-ERR APOP is not")


def relay(lab: Lab, vantage: str, sender: str = JIRO) -> str:
    """Hand a message for another domain to the old server, without a login; return its last reply."""
    message = f"From: {sender}\r\nTo: sales@example.net\r\nSubject: order\r\n\r\nOne.\r\n".encode()
    net = lab.network(vantage)
    return clients.send(CLASSIC, 25, message, sender=sender, recipients=["sales@example.net"], net=net).reply


def test_pop_before_smtp(lab: Lab) -> None:
    assert relay(lab, "office").startswith("554 5.7.1")
    pop3(lab, CLASSIC, 110, user=JIRO, vantage="office").quit()
    assert relay(lab, "office").startswith("250")
    assert relay(lab, "office", "stranger@spoof.example").startswith("250")  # whoever it is that shares the address
    assert relay(lab, "cloud").startswith("554 5.7.1") or lab.lift("cloud")  # another address
    lab.advance(19 * 60)
    assert relay(lab, "office").startswith("250")
    lab.advance(60)
    assert relay(lab, "office").startswith("554 5.7.1")
    assert len(lab.inbox("sales@example.net")) == 3


def test_a_login_that_failed_opens_nothing(lab: Lab) -> None:
    client = pop3(lab, CLASSIC, 110, vantage="office")
    client.user(JIRO)
    with pytest.raises(poplib.error_proto):
        client.pass_("wrong")
    client.quit()
    assert relay(lab, "office").startswith("554 5.7.1")


def test_reset_forgets_who_has_read(lab: Lab) -> None:
    pop3(lab, CLASSIC, 110, user=JIRO).quit()
    lab.reset()
    assert relay(lab, "office").startswith("554 5.7.1")


def test_other_servers_know_nothing_of_it(lab: Lab) -> None:
    pop3(lab, "pop.isp.example", 995, user=JIRO).quit()
    assert relay(lab, "office").startswith("554 5.7.1")
