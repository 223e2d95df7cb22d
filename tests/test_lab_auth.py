"""SMTP AUTH on the practice internet's servers: against foreign clients, and each refusal met on purpose."""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator

import pytest
import scramp

from mailkit import clients, lab
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.results import Outcome, Stage
from mailkit.smtp_auth import scram

HANAKO, JIRO, CAROL, ALICE = (
    "hanako@kaisha.example",
    "jiro@isp.example",
    "carol@mistakes.example",
    "alice@bigmail.example",
)
MESSAGE = b"From: %s\r\nTo: bob@example.org\r\nSubject: test\r\n\r\ntest\r\n"


@pytest.fixture(scope="module")
def world() -> Iterator[Lab]:
    with lab.Lab() as running:
        yield running


class Dial(smtplib.SMTP):
    """The standard library's client, dialling through the practice internet's router."""

    net: Network

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.net.dial(host, port)


class DialTLS(smtplib.SMTP_SSL, Dial):
    """The same inside TLS from the first octet."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.context.wrap_socket(self.net.dial(host, port), server_hostname=host)


def session(world: Lab, door: str, *, tls: bool = True, ehlo: bool = True) -> smtplib.SMTP:
    """A client at *door* ("host:port"), by default inside verified TLS and after EHLO."""
    host, port = door.split(":")
    context = ssl.create_default_context(cafile=world.ca_file)
    smtp = DialTLS(local_hostname="client.example", context=context) if port == "465" else Dial("", 0, "client.example")
    smtp.net = world.network()
    smtp._host = host  # type: ignore[attr-defined]  # what connect() without a name in __init__ leaves out
    smtp.connect(host, int(port))
    if tls and port != "465":
        smtp.starttls(context=context)
    if ehlo:
        smtp.ehlo()
    return smtp


def said(reply: tuple[int, bytes]) -> str:
    """A reply as one text, up to its enhanced code: "535 5.7.8"."""
    code, text = reply
    return f"{code} {text.decode().split(' ')[0]}"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def plain(user: str, password: str) -> str:
    """The arguments of AUTH for PLAIN."""
    return "PLAIN " + b64("\0".join(("", user, password)))


# What is offered.


@pytest.mark.parametrize(
    ("door", "before", "after"),
    [
        ("smtp.kaisha.example:587", None, "SCRAM-SHA-256 PLAIN LOGIN"),
        ("smtp.isp.example:587", None, "CRAM-MD5 PLAIN LOGIN"),
        ("smtp.mistakes.example:587", "PLAIN LOGIN CRAM-MD5", "PLAIN LOGIN CRAM-MD5"),
        ("smtp.isp.example:25", None, None),
        ("mx.kaisha.example:25", None, None),
    ],
)
def test_what_ehlo_offers(world: Lab, door: str, before: str | None, after: str | None) -> None:
    clear = session(world, door, tls=False).esmtp_features.get("auth")
    inside = session(world, door).esmtp_features.get("auth")
    assert (clear and clear.strip(), inside and inside.strip()) == (before, after)


# Logging in, with clients that others wrote.

SWAKS = [
    ("smtp.kaisha.example:587", HANAKO, "PLAIN"),
    ("smtp.kaisha.example:587", HANAKO, "LOGIN"),
    ("smtp.kaisha.example:465", HANAKO, "PLAIN"),
    ("smtp.isp.example:587", JIRO, "CRAM-MD5"),
    ("smtp.isp.example:465", JIRO, "LOGIN"),
]


def swaks(tool: str, world: Lab, door: str, user: str, password: str, mechanism: str) -> str:
    host, port = door.split(":")
    command = [tool, "--server", "127.0.0.1", "--port", str(world.listeners[door]), "--helo", "client.example"]
    command += ["--from", user, "--to", "bob@example.org", "--quit-after", "AUTH", "--timeout", "10"]
    command += ["--tlsc" if port == "465" else "--tls", "--tls-sni", host]
    command += ["--auth", mechanism, "--auth-user", user, "--auth-password", password]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return run.stdout + run.stderr


@pytest.mark.parametrize(("door", "user", "mechanism"), SWAKS)
def test_swaks_logs_in(world: Lab, peer: Callable[[str, str], str], door: str, user: str, mechanism: str) -> None:
    tool = peer("swaks", "swaks")
    password = world.account(user).password
    assert "235 2.7.0" in swaks(tool, world, door, user, password, mechanism)
    wrong = swaks(tool, world, door, user, f"{password}x", mechanism)
    assert "535 5.7.8" in wrong and "235 2.7.0" not in wrong


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_scramp_logs_in(world: Lab, password: str) -> None:
    """A SCRAM client that others wrote is let in, and believes our server's proof."""
    right = world.account(HANAKO).password
    client = scramp.ScramClient(["SCRAM-SHA-256"], HANAKO, right if password == "right" else f"{right}x")
    smtp = session(world, "smtp.kaisha.example:587")
    code, challenge = smtp.docmd("AUTH", f"SCRAM-SHA-256 {b64(client.get_client_first())}")
    assert code == 334
    client.set_server_first(base64.b64decode(challenge).decode())
    code, challenge = smtp.docmd(b64(client.get_client_final()))
    if password == "wrong":
        assert said((code, challenge)) == "535 5.7.8"
        return
    assert code == 334
    client.set_server_final(base64.b64decode(challenge).decode())  # raises unless the proof is right
    assert said(smtp.docmd("")) == "235 2.7.0"


def test_scram_client_that_could_bind_the_channel(world: Lab) -> None:
    """A client that says "y,," knows channel binding and saw that the server does not offer it."""
    first = "y,," + scram.client_first(HANAKO, "abcdef").removeprefix("n,,")
    smtp = session(world, "smtp.kaisha.example:587")
    _, challenge = smtp.docmd("AUTH", f"SCRAM-SHA-256 {b64(first)}")
    final, expected = scram.client_final(world.account(HANAKO).password, first, base64.b64decode(challenge).decode())
    code, challenge = smtp.docmd(b64(final))
    assert (code, base64.b64decode(challenge).decode()) == (334, expected)


def test_responses_may_follow_the_command(world: Lab) -> None:
    """PLAIN and LOGIN without an initial response, and a mechanism's name in small letters."""
    password = world.account(HANAKO).password
    smtp = session(world, "smtp.kaisha.example:587")
    assert smtp.docmd("AUTH", "plain") == (334, b"")
    assert said(smtp.docmd(b64(f"\0{HANAKO}\0{password}"))) == "235 2.7.0"
    smtp = session(world, "smtp.kaisha.example:587")
    assert smtp.docmd("AUTH", f"LOGIN {b64(HANAKO)}") == (334, b64("Password:").encode())
    assert said(smtp.docmd(b64(password))) == "235 2.7.0"


@pytest.mark.parametrize("user", [HANAKO.upper(), HANAKO])
def test_case_of_the_user_name_does_not_matter(world: Lab, user: str) -> None:
    smtp = session(world, "smtp.kaisha.example:587")
    assert said(smtp.docmd("AUTH", plain(user, world.account(HANAKO).password))) == "235 2.7.0"


@pytest.mark.parametrize(
    "response",
    [
        "\0nobody@kaisha.example\0x",
        "\0nobody@kaisha.example\0",
        f"\0{HANAKO}\0",
        f"\0{JIRO}\0J1ro-no-kaisen-5",  # an account of another server
        f"taro@kaisha.example\0{HANAKO}\0H4nako-to-himitsu",  # to act as somebody else
    ],
)
def test_wrong_credentials(world: Lab, response: str) -> None:
    smtp = session(world, "smtp.kaisha.example:587")
    assert said(smtp.docmd("AUTH", f"PLAIN {b64(response)}")) == "535 5.7.8"
    assert said(smtp.mail(HANAKO)) == "530 5.7.0"


@pytest.mark.parametrize("user", [HANAKO, "nobody@kaisha.example"])
def test_scram_does_not_tell_which_accounts_exist(world: Lab, user: str) -> None:
    salts = []
    for _ in range(2):
        smtp = session(world, "smtp.kaisha.example:587")
        code, challenge = smtp.docmd("AUTH", f"SCRAM-SHA-256 {b64(f'n,,n={user},r=abc')}")
        assert code == 334
        salts.append(base64.b64decode(challenge).decode().split(",")[1])
    assert salts[0] == salts[1]


# The replies of RFC 4954, each met on purpose.


def test_530_before_tls_and_before_auth(world: Lab) -> None:
    assert said(session(world, "smtp.kaisha.example:587", tls=False).mail(HANAKO)) == "530 5.7.0"
    assert said(session(world, "smtp.kaisha.example:587").mail(HANAKO)) == "530 5.7.0"
    assert said(session(world, "smtp.kaisha.example:465").mail(HANAKO)) == "530 5.7.0"


def test_538_before_tls(world: Lab) -> None:
    smtp = session(world, "smtp.kaisha.example:587", tls=False)
    assert said(smtp.docmd("AUTH", plain(HANAKO, "x"))) == "538 5.7.11"


def test_in_the_clear_where_the_server_makes_that_mistake(world: Lab) -> None:
    smtp = session(world, "smtp.mistakes.example:587", tls=False)
    password = world.account(CAROL).password
    assert said(smtp.docmd("AUTH", plain(CAROL, password))) == "235 2.7.0"
    assert said(smtp.mail(CAROL)) == "250 2.1.0"


def test_454_where_the_accounts_cannot_be_read(world: Lab) -> None:
    smtp = session(world, "smtp2.mistakes.example:587")
    assert said(smtp.docmd("AUTH", "PLAIN")) == "454 4.7.0"


def test_504_for_a_mechanism_that_is_not_offered(world: Lab) -> None:
    smtp = session(world, "smtp.kaisha.example:587")
    assert said(smtp.docmd("AUTH", "NTLM")) == "504 5.5.4"
    assert said(smtp.docmd("AUTH", "CRAM-MD5")) == "504 5.5.4"


def test_503_in_the_wrong_order(world: Lab) -> None:
    assert said(session(world, "mx.kaisha.example:25").docmd("AUTH", "PLAIN")) == "503 5.5.1"
    smtp = session(world, "smtp.kaisha.example:587")
    login = plain(HANAKO, world.account(HANAKO).password)
    assert said(smtp.docmd("AUTH", login)) == "235 2.7.0"
    assert said(smtp.docmd("AUTH", login)) == "503 5.5.1"
    clear = session(world, "smtp.mistakes.example:587", tls=False)
    clear.docmd("AUTH", plain(CAROL, world.account(CAROL).password))
    clear.mail(CAROL)
    assert said(clear.docmd("AUTH", "PLAIN")) == "503 5.5.1"
    assert said(clear.docmd("RSET"))[:3] == "250"
    old = session(world, "smtp.mistakes.example:587", tls=False, ehlo=False)
    old.helo()
    assert said(old.docmd("AUTH", "PLAIN")) == "503 5.5.1"


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        (["AUTH"], "501 5.5.4"),
        (["AUTH PLAIN a b"], "501 5.5.4"),
        (["AUTH PLAIN !!!"], "501 5.5.2"),
        (["AUTH PLAIN =AAA"], "501 5.5.2"),
        (["AUTH PLAIN ="], "501 5.5.2"),
        (["AUTH PLAIN", "*"], "501 5.7.0"),
        (["AUTH PLAIN", "AAA"], "501 5.5.2"),
        (["AUTH LOGIN", "*"], "501 5.7.0"),
        (["AUTH LOGIN", b64(HANAKO), "*"], "501 5.7.0"),
        (["AUTH PLAIN", "A" * 4000], "500 5.5.6"),
        (["AUTH PLAIN " + base64.b64encode(b"\0\xff\xfe\0x").decode()], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256 " + b64("n,,n=hanako")], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256 " + b64("p=tls-exporter,,n=hanako,r=abc")], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256 " + b64("n,,n=hanako,r=abc,m=x")], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256 " + b64(f"n,,n={HANAKO},r=abc"), b64("nonsense")], "501 5.5.2"),
        (["AUTH SCRAM-SHA-256 " + b64(f"n,,n={HANAKO},r=abc"), b64("c=biws,r=abc,p=AAAA")], "535 5.7.8"),
    ],
)
def test_what_is_no_proper_login(world: Lab, lines: list[str], reply: str) -> None:
    smtp = session(world, "smtp.kaisha.example:587")
    for line in lines[:-1]:
        assert smtp.docmd(line)[0] == 334
    assert said(smtp.docmd(lines[-1])) == reply
    assert smtp.noop()[0] == 250  # one reply only, and the server goes on


def test_cram_md5_takes_no_initial_response(world: Lab) -> None:
    assert said(session(world, "smtp.isp.example:587").docmd("AUTH", f"CRAM-MD5 {b64('x')}")) == "501 5.7.0"


def test_a_client_that_leaves_in_the_middle(world: Lab) -> None:
    smtp = session(world, "smtp.kaisha.example:587")
    assert smtp.docmd("AUTH", "LOGIN")[0] == 334
    smtp.close()
    assert session(world, "smtp.kaisha.example:587").noop()[0] == 250


# What a login is good for.


def send(world: Lab, host: str, account: str, sender: str, header_from: str) -> clients.Sent:
    return clients.send(
        host,
        587,
        MESSAGE % header_from.encode(),
        sender=sender,
        recipients=["bob@example.org"],
        net=world.network("home"),
        credentials=world.account(account),
    )


def test_a_server_that_enforces_the_sender(world: Lab) -> None:
    sent = send(world, "smtp.bigmail.example", ALICE, ALICE, f"Alice <{ALICE.upper()}>")
    assert sent.outcome is Outcome.OPEN
    envelope = send(world, "smtp.bigmail.example", ALICE, "ben@bigmail.example", "ben@bigmail.example")
    assert (envelope.stage, envelope.reply[:9]) == (Stage.MAIL, "553 5.7.1")
    header = send(world, "smtp.bigmail.example", ALICE, ALICE, f"ben@bigmail.example, {ALICE}")
    assert (header.stage, header.reply[:9]) == (Stage.DATA, "553 5.7.1")


def test_a_null_return_path_is_nobodys_address(world: Lab) -> None:
    """RFC 6409 section 3.2: mail programs need it for reports, so it is no cause for refusal."""
    sent = send(world, "smtp.bigmail.example", ALICE, "", ALICE)
    assert sent.outcome is Outcome.OPEN


def test_a_server_that_does_not(world: Lab) -> None:
    world.reset()
    assert send(world, "smtp.kaisha.example", HANAKO, HANAKO, "taro@kaisha.example").outcome is Outcome.OPEN
    accepted = [entry.event for entry in world.log if entry.event.endswith("accepted")]
    assert f"sasl_username={HANAKO}" in accepted[0]
    assert send(world, "smtp.kaisha.example", HANAKO, "taro@kaisha.example", HANAKO).outcome is Outcome.OPEN


def test_relaying_is_refused_on_port_25_and_granted_after_login(world: Lab) -> None:
    smtp = session(world, "mx.kaisha.example:25")
    smtp.mail("someone@example.net")
    assert said(smtp.rcpt("bob@example.org")) == "554 5.7.1"
    assert send(world, "smtp.kaisha.example", HANAKO, HANAKO, HANAKO).outcome is Outcome.OPEN


def test_the_log_names_the_account_and_no_password(world: Lab) -> None:
    world.settle()
    before = len(world.log)
    smtp = session(world, "smtp.kaisha.example:587")
    smtp.docmd("AUTH", plain(HANAKO, "wrong-password"))
    smtp.docmd("AUTH", plain(HANAKO, world.account(HANAKO).password))
    events = [entry.event for entry in world.log if HANAKO in entry.event and entry.event.startswith("AUTH")]
    assert len(world.log) == before + 2 and events[-2:] == [f"AUTH by {HANAKO}: failed", f"AUTH by {HANAKO}: ok"]
    assert "wrong-password" not in repr(world.log)


def test_a_from_field_that_cannot_be_read_is_refused_and_no_fault_of_the_server(world: Lab) -> None:
    """Python's parser gives up at comments nested some hundreds deep: it raises or, as in 3.13, finds no address."""
    sent = send(world, "smtp.bigmail.example", ALICE, ALICE, "(" * 900 + ALICE)
    assert sent.outcome is Outcome.REJECTED
    assert sent.reply in (
        "554 5.6.0 The From field cannot be read",
        f"553 5.7.1 <>: Sender address rejected: not owned by user {ALICE}",
    )
    assert world.errors == []
