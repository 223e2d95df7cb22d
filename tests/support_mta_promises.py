"""What ``mta.configure`` promises of a mail server, each promise a function that asks a running one."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from support_mta import ADDRESSES, AUTHORITY, DOMAIN, HOST, KEYS, RELAY, ROOT_PEM, Running, Sink, client
from support_tls import DAY, NOW

from mailkit import dkim, mta, smtp_auth, tls
from mailkit.network import Network, internet
from mailkit.results import AuthResult, Outcome

__all__ = [
    "CERTIFICATES",
    "MESSAGE",
    "SMUGGLED",
    "accepted",
    "at_465_too",
    "forgets_what_was_whispered",
    "hand_in",
    "hides_no_second_message",
    "introduces_itself",
    "logged_in",
    "no_login_before_tls",
    "no_old_tls",
    "no_relaying",
    "no_synchronization_no_talk",
    "no_trust_no_password",
    "records_what_it_checked",
    "sends_no_bare_line_end",
    "signs_with_both_keys",
    "takes_what_fails_spf",
    "where",
]

MESSAGE = (
    f"From: Hanako <hanako@{DOMAIN}>\r\nTo: taro@other.example\r\nSubject: test\r\n"
    f"Date: Tue, 24 Nov 2026 12:00:00 +0900\r\nMessage-ID: <1@{DOMAIN}>\r\n\r\nHello.\r\n"
).encode()
SMUGGLED = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r.\n", b"\n.\r", b"\r\n\0.\r\n")
"""Ends of a message by rules other than RFC 5321's."""
_SECOND = b"MAIL FROM:<x@smuggler.example>\r\nRCPT TO:<%b>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"
_TLS = ssl.create_default_context(cadata=ROOT_PEM)


def _net() -> Network:
    return internet(nameservers=["127.0.0.1:53"], timeout=30)


def starttls(connection: smtplib.SMTP) -> None:
    connection._host = HOST  # type: ignore[attr-defined]
    connection.starttls(context=_TLS)
    connection.ehlo()


def logged_in(one: Running, port: int = 587) -> smtplib.SMTP:
    """A connection of Hanako's."""
    connection = client(one.machine, port)
    if port == 587:
        starttls(connection)
    connection.login("hanako", "practice-only")
    return connection


def hand_in(one: Running, before: str = "") -> None:
    """Hand a message in as the machine's own programs do; *before* are fields on top of it."""
    text = before + MESSAGE.decode().replace("\r", "")
    one.machine.run("sendmail", "-f", f"hanako@{DOMAIN}", "taro@other.example", given=text)


def where(one: Running) -> Path:
    """The log as a file that this process can open."""
    path = one.machine.folder / "copy.log"
    path.write_text(one.log)
    return path


def accepted(one: Running) -> str:
    """What the program says about its files; "" when it has nothing to complain of."""
    if one.software == "exim":
        said = one.machine.run("exim4", "-bV") + one.machine.run("sh", "-c", "cat /var/log/exim4/paniclog", check=False)
        return "" if "No such file" in said and "rror" not in said else said
    return one.machine.run("postfix", "check") + one.machine.run(
        "sh", "-c", "postconf -n 2>&1 >/dev/null; postconf -M 2>&1 >/dev/null"
    )


def no_login_before_tls(one: Running) -> None:
    """587 refuses MAIL before AUTH, and AUTH before TLS."""
    connection = client(one.machine, 587)
    connection.ehlo()
    assert "starttls" in connection.esmtp_features and "auth" not in connection.esmtp_features
    assert 500 <= connection.docmd("AUTH", "PLAIN AGhhbmFrbwBwcmFjdGljZS1vbmx5")[0] < 600
    assert connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")[0] == 530
    starttls(connection)
    assert {"plain", "login"} <= set(connection.esmtp_features["auth"].lower().split())
    assert connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")[0] in (530, 554)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        connection.login("hanako", "wrong")
    connection.close()
    seen = one.machine.inside(lambda: smtp_auth.capabilities(HOST, 587, net=_net()))
    assert seen.before_tls is not None and seen.before_tls.mechanisms == ()


def at_465_too(one: Running) -> None:
    """465 speaks TLS at once and refuses MAIL before AUTH."""
    connection = client(one.machine, 465)
    connection.ehlo()
    assert connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")[0] in (530, 554)
    connection.login("hanako", "practice-only")
    assert connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")[0] == 250
    connection.close()


def no_old_tls(one: Running) -> None:
    """587 and 465 speak TLS 1.2 and 1.3 alone."""
    for port in (587, 465):
        seen = one.machine.inside(partial(tls.scan, HOST, port, net=_net()))
        assert seen.versions == ("TLS 1.2", "TLS 1.3"), seen


def introduces_itself(one: Running) -> None:
    """The greeting has the host's name; EHLO on 25 lists STARTTLS, and Exim's no CHUNKING; Postfix answers no VRFY."""

    def greeting() -> bytes:
        with socket.create_connection((ADDRESSES["server"], 25), timeout=60) as sock:
            return sock.recv(1000)

    assert one.machine.inside(greeting, outside=True).startswith(f"220 {HOST} ".encode())
    connection = client(one.machine, 25)
    connection.ehlo()
    assert "starttls" in connection.esmtp_features
    if one.software == "exim":
        assert "chunking" not in connection.esmtp_features
    else:
        assert connection.docmd("VRFY", "hanako")[0] == 502
    connection.close()


def no_relaying(one: Running) -> None:
    """25 offers no login and relays for no stranger, whatever form the address has."""
    connection = client(one.machine, 25)
    connection.ehlo()
    assert "auth" not in connection.esmtp_features
    connection.docmd("MAIL", "FROM:<x@evil.example>")
    for target in (
        "taro@other.example",
        f"taro%other.example@{HOST}",
        f"@{HOST}:taro@other.example",
        f'"taro@other.example"@{HOST}',
        f"other.example!taro@{HOST}",
        f"|/bin/sh@{HOST}",
        f"/etc/passwd@{HOST}",
        f"../../etc/passwd@{HOST}",
        f"`id`@{HOST}",
        f"${{run{{/bin/id}}}}@{HOST}",
    ):
        assert 500 <= connection.docmd("RCPT", f"TO:<{target}>")[0] < 600, target
        if connection.docmd("NOOP")[0] != 250:  # Postfix slows down, then leaves, after many errors
            break
    connection.close()


def forgets_what_was_whispered(one: Running) -> None:
    """A command sent ahead of TLS is not obeyed inside it (CVE-2011-0411)."""
    for port in (25, 587) if one.configuration.description.job == "submission" else (25,):
        found = one.machine.inside(partial(tls.inject, HOST, port, net=_net()))
        # Exim hangs up on who sends commands ahead of the handshake; Postfix throws them away.
        hung_up = found.outcome is Outcome.REJECTED and "synchronization" in found.reason
        assert hung_up or (found.outcome, found.vulnerable) == (Outcome.OPEN, False), found


def no_synchronization_no_talk(one: Running) -> None:
    """Who talks ahead is hung up on: in Exim before the greeting, in Postfix behind an EHLO that was not answered."""
    commands = b"EHLO client.example\r\nMAIL FROM:<x@evil.example>\r\n"

    def ahead() -> bytes:
        with socket.create_connection((ADDRESSES["server"], 25), timeout=60) as sock:
            if one.software == "postfix":
                sock.recv(1000)
            sock.sendall(commands)
            said = b""
            with suppress(ConnectionResetError):
                while more := sock.recv(4096):
                    said += more
            return said

    said = one.machine.inside(ahead, outside=True)
    assert b"554" in said and b"synchronization" in said and b"250 2.1.0" not in said, said


def signs_with_both_keys(one: Running) -> bytes:
    """What goes out is signed, and verifies by RSA and by Ed25519; returns it."""
    sink = one.sink("receiver", 25)
    connection = logged_in(one)
    connection.sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], MESSAGE)
    connection.quit()
    one.machine.until(lambda: sink.messages, f"delivered: {one.log}")
    rows = one.machine.inside(lambda: dkim.verify(sink.messages[0][1], net=_net()))
    assert sorted((row.algorithm, row.selector, row.result) for row in rows) == [
        ("ed25519-sha256", "e2026", AuthResult.PASS),
        ("rsa-sha256", "r2026", AuthResult.PASS),
    ]
    return sink.messages[0][1]


def hides_no_second_message(one: Running, end: bytes) -> None:
    """A message that ends by another rule than RFC 5321's is one message, or none."""
    before = one.mailbox().count("Subject: outer")
    connection = client(one.machine, 25)
    connection.ehlo()
    connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")
    connection.docmd("RCPT", f"TO:<hanako@{DOMAIN}>")
    assert connection.docmd("DATA")[0] == 354
    second = end + _SECOND % f"hanako@{DOMAIN}".encode()
    connection.send(b"Subject: outer\r\n\r\nx" + second + b"\r\n.\r\n")
    answered = connection.getreply()[0]
    # One message, or none; the commands in its text are text, and the next reply is to QUIT.
    assert answered == 250 or answered >= 500
    with suppress(smtplib.SMTPServerDisconnected):
        assert connection.docmd("QUIT")[0] in (221, 500, 503, 550, 554)
    if answered == 250:
        one.machine.until(lambda: one.mailbox().count("Subject: outer") > before, "delivered")
    # Postfix's and Exim's words for a message that came in.
    assert "from=<x@smuggler.example>" not in one.log and "<= x@smuggler.example" not in one.log
    assert not one.mailbox().startswith("From x@smuggler") and "\nFrom x@smuggler" not in one.mailbox()


def sends_no_bare_line_end(one: Running, sink: Sink, end: bytes) -> None:
    """What Hanako writes with other ends of lines leaves as one message whose lines end as RFC 5321 has it."""
    number = len(sink.messages)
    connection = logged_in(one)
    connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")
    connection.docmd("RCPT", "TO:<taro@other.example>")
    assert connection.docmd("DATA")[0] == 354
    connection.send(MESSAGE + b"x" + end + _SECOND % b"taro@other.example" + b"\r\n.\r\n")
    answered = connection.getreply()[0]
    connection.close()
    assert answered == 250 or answered >= 500
    if answered == 250:
        one.machine.until(lambda: len(sink.messages) > number, f"delivered: {one.log}")
        assert len(sink.messages) == number + 1
        content = sink.messages[-1][1]
        assert b"Subject: smuggled" in content and not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    assert "x@smuggler.example" not in one.log


def records_what_it_checked(one: Running, spf: bool = True) -> None:
    """SPF, DKIM and DMARC of what comes in are recorded, and results that a stranger wrote are gone."""
    signed = dkim.sign(MESSAGE, domain=DOMAIN, selector="r2026", key=KEYS["r2026"].private_key)
    forged = f"Authentication-Results: {HOST}; spf=pass; dkim=pass; dmarc=pass\r\n".encode()
    connection = client(one.machine, 25)
    connection.sendmail(f"hanako@{DOMAIN}", [f"postmaster@{DOMAIN}"], forged + signed)
    connection.quit()
    one.machine.until(lambda: "Message-ID: <1@" in one.mailbox(), f"delivered: {one.log}")
    text = one.mailbox()
    assert "spf=pass; dkim=pass; dmarc=pass" not in text
    assert "dkim=pass" in text and f"Authentication-Results: {HOST}" in text
    assert ("Received-SPF: pass" in text.replace("Pass", "pass")) is spf
    if one.software == "postfix":
        assert "dmarc=pass" in text


def takes_what_fails_spf(one: Running, spf: bool = True) -> None:
    """A message that fails SPF, and has no signature, is taken, and that is recorded."""
    connection = client(one.machine, 25)
    message = MESSAGE.replace(b"<1@", b"<2@").replace(b"hanako@" + DOMAIN.encode(), b"x@never.example")
    connection.sendmail("x@never.example", [f"postmaster@{DOMAIN}"], message)
    connection.quit()
    one.machine.until(lambda: "Message-ID: <2@" in one.mailbox(), f"delivered: {one.log}")
    text = one.mailbox().rpartition("\nFrom x@never.example")[2].lower()
    assert ("received-spf: fail" in text) is spf
    if one.software == "postfix":
        assert "dkim=none" in text and "dmarc=none" in text


CERTIFICATES = {
    "another name": lambda: AUTHORITY.issue("evil.example").pem(),
    "self-signed": lambda: AUTHORITY.issue(RELAY, self_signed=True).pem(),
    "expired": lambda: AUTHORITY.issue(RELAY, start=NOW - 9 * DAY, end=NOW - DAY).pem(),
    "no TLS": lambda: None,
}


def no_trust_no_password(one: Running, bad: str, port: int = 587, before: str = "") -> None:
    """A smarthost whose certificate does not verify gets no password and no mail, and the message waits."""
    sink = one.sink("relay", port, CERTIFICATES[bad](), auth=True)
    hand_in(one, before)
    waits = "status=deferred" if one.software == "postfix" else " == "
    one.machine.until(lambda: waits in one.log, f"deferred: {one.log}")
    assert (sink.messages, sink.logins, sink.commands) == ([], [], [])
    fates = {row.fate for row in mta.read_log(where(one)).where(sender=f"hanako@{DOMAIN}")}
    assert fates == {mta.Fate.DEFERRED}
