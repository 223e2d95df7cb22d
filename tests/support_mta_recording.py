"""The excerpts of logs in data/mta_logs: what went wrong on purpose, on the daemons, and what they wrote.

``python tests/support_mta_recording.py`` as root records them anew; a test compares a live run with what is stored.
"""

from __future__ import annotations

import re
import smtplib
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from support_mta import AUTHORITY, DOMAIN, RELAY, Running, Sink, client, running

__all__ = ["CASES", "FOLDER", "record", "told"]

FOLDER = Path(__file__).resolve().parent.parent / "data" / "mta_logs"
MESSAGE = f"From: hanako@{DOMAIN}\nTo: taro@other.example\nSubject: test\nMessage-ID: <1@{DOMAIN}>\n\nHello.\n"
# What a start says, and what a queue run adds that comes in between on a slow machine.
_ASIDE = re.compile(
    r"daemon started|queue run|no host name found for IP address 192\.0\.2\.80|Spool file for"
    r"|retry time not reached for any host"
)


def _hand_in(one: Running) -> None:
    one.machine.run("sendmail", "-f", f"hanako@{DOMAIN}", "taro@other.example", given=MESSAGE)


def _silent(one: Running) -> None:
    one.machine.run("nft", "add table inet blocked")
    one.machine.run("nft", "add chain inet blocked out { type filter hook output priority 0; }")
    one.machine.run("nft", "add rule inet blocked out tcp dport 25 ip daddr 192.0.2.25 drop")
    _hand_in(one)


def _other_name(one: Running) -> None:
    one.sink("relay", 587, AUTHORITY.issue("mail.elsewhere.example").pem(), auth=True)
    _hand_in(one)


def _self_signed(one: Running) -> None:
    one.sink("relay", 587, AUTHORITY.issue(RELAY, self_signed=True).pem(), auth=True)
    _hand_in(one)


def _no_starttls(one: Running) -> None:
    one.sink("relay", 587)
    _hand_in(one)


class _Refusing(Sink):
    def log_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)


def _login_refused(one: Running) -> None:
    one.sink("relay", 587, AUTHORITY.issue(RELAY).pem(), auth=True, sink=_Refusing())
    _hand_in(one)


def _relaying(one: Running) -> None:
    connection = client(one.machine, 25)
    connection.ehlo("client.example")
    connection.docmd("MAIL", "FROM:<spammer@elsewhere.example>")
    connection.docmd("RCPT", "TO:<taro@other.example>")
    connection.quit()


def _wrong_password(one: Running) -> None:
    connection = client(one.machine, 465)
    with suppress(smtplib.SMTPAuthenticationError):
        connection.login("hanako", "a guess")
    connection.close()


def _signer_down(one: Running) -> None:
    one.machine.run("sh", "-c", "kill $(pidof opendkim)")
    one.machine.until(lambda: "opendkim" not in one.machine.run("ps", "ax"), "the signer down")
    connection = client(one.machine, 465)
    with suppress(smtplib.SMTPException):
        connection.login("hanako", "practice-only")
        connection.sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], MESSAGE)
    connection.close()


def _key_unreadable(one: Running) -> None:
    one.machine.run("rm", "/etc/dkimkeys/r2026.pem")
    one.sink("receiver", 25)
    _hand_in(one)


# Name -> software, job, what is done, and the words by which the log shows that it has happened.
CASES: dict[str, tuple[str, str, Callable[[Running], None], str]] = {
    "postfix_port_25_silent": ("postfix", "submission", _silent, "status=deferred"),
    "postfix_certificate_of_another": ("postfix", "smarthost", _other_name, "status=deferred"),
    "postfix_no_starttls": ("postfix", "smarthost", _no_starttls, "status=deferred"),
    "postfix_relaying_refused": ("postfix", "receiving", _relaying, "disconnect from unknown[192.0.2.99]"),
    "postfix_wrong_password": ("postfix", "submission", _wrong_password, "disconnect from unknown[192.0.2.99]"),
    "postfix_signer_down": ("postfix", "submission", _signer_down, "disconnect from unknown[192.0.2.99]"),
    "exim_certificate_self_signed": ("exim", "smarthost", _self_signed, " == "),
    "exim_login_refused_by_the_relay": ("exim", "smarthost", _login_refused, " == "),
    "exim_relaying_refused": ("exim", "receiving", _relaying, "rejected RCPT"),
    "exim_key_unreadable": ("exim", "submission", _key_unreadable, " == "),
}


def record(name: str, folder: Path) -> str:
    """Return what the daemon of the case *name* writes, without the lines about its start and queue runs."""
    software, job, do, sign = CASES[name]
    with running(folder, job, software) as one:
        # What looked whether the daemon is up has gone, so that none of its lines stands among the others.
        listeners = 0 if software == "exim" else {"submission": 3, "smarthost": 1, "receiving": 1}[job]
        one.machine.until(lambda: one.log.count(" disconnect from ") >= listeners, "every listener in the log")
        before = len(one.log)
        do(one)
        one.machine.until(lambda: sign in one.log[before:], f"{sign} in the log")
        lines = [line for line in one.log[before:].splitlines() if not _ASIDE.search(line)]
    return "\n".join(lines) + "\n"


def told(log: str) -> str:
    """Return *log* without what differs from one run to the next: times, ids of processes and messages, delays."""
    log = re.sub(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d |^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", log, flags=re.MULTILINE)
    log = re.sub(r"\[\d+\]: ", ": ", log)
    log = re.sub(r"\b[0-9A-F]{6,12}: |\b\w{6}-\w{6}-\w\w ", "ID ", log)
    return re.sub(r"\b(?:delay|delays|QT|DT)=[\d./s]+", "", log)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory() as folder:
            (FOLDER / f"{name}.log").write_text(record(name, Path(folder)))
