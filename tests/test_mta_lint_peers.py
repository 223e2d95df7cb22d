"""What ``mta.lint`` says of relaying, beside Postfix itself: for each list of restrictions, what a stranger meets."""

from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from support_daemons import running
from support_servers import closed_port
from support_tls import HOST, Authority

from mailkit import mta
from mailkit.results import Verdict

_T = TypeVar("_T")

# Options of a listener -> what a stranger's RCPT to another domain meets, and what lint says of it.
STOPS, REFUSES, RELAYS = "stops", "refuses", "relays"
CASES = {
    "-o smtpd_relay_restrictions=": (STOPS, "no working refusal", Verdict.FAIL),
    "-o smtpd_relay_restrictions=permit": (STOPS, "no working refusal", Verdict.FAIL),
    "-o smtpd_relay_restrictions=permit,reject_unauth_destination": (STOPS, "no working refusal", Verdict.FAIL),
    "-o smtpd_relay_restrictions=permit_mynetworks,permit_sasl_authenticated": (
        STOPS, "no working refusal", Verdict.FAIL,
    ),
    "-o smtpd_relay_restrictions=warn_if_reject,reject_unauth_destination": (
        STOPS, "no working refusal", Verdict.FAIL,
    ),
    "-o smtpd_relay_restrictions=reject_non_fqdn_sender,check_client_access,static:OK": (
        STOPS, "no working refusal", Verdict.FAIL,
    ),
    "-o compatibility_level=0": (STOPS, "no working refusal", Verdict.FAIL),
    "": (REFUSES, "open relay", Verdict.PASS),
    "-o smtpd_relay_restrictions=PERMIT_MYNETWORKS,Reject_Unauth_Destination": (REFUSES, "open relay", Verdict.PASS),
    "-o smtpd_relay_restrictions=permit -o smtpd_recipient_restrictions=reject_unauth_destination": (
        REFUSES, "open relay", Verdict.PASS,
    ),
    "-o smtpd_recipient_restrictions=check_recipient_access,static:OK,reject_unauth_destination": (
        REFUSES, "open relay", Verdict.PASS,
    ),
    "-o compatibility_level=0 -o smtpd_recipient_restrictions=check_recipient_access,static:OK,reject": (
        RELAYS, "open relay", Verdict.WARN,
    ),
    "-o smtpd_relay_restrictions=check_client_access,static:OK,reject_unauth_destination": (
        RELAYS, "open relay", Verdict.WARN,
    ),
    "-o mynetworks=0.0.0.0/1,128.0.0.0/1": (RELAYS, "open relay", Verdict.FAIL),
    "-o mynetworks=0.0.0.0/0 -o smtpd_relay_restrictions=reject_unauth_destination": (
        REFUSES, "open relay", Verdict.PASS,
    ),
}  # fmt: skip


def test_postfix_lets_relay_whom_lint_says(tmp_path: Path) -> None:
    doors = {options: closed_port() for options in CASES}
    master = "".join(
        f"127.0.0.1:{port} inet n - n - - smtpd -o syslog_name=at{port} {options}\n" for options, port in doors.items()
    )
    pem = Authority().issue(HOST).pem()
    with running("postfix", tmp_path, pem, HOST, "mynetworks = 192.0.2.1/32\n", master):
        met = {options: meets(port, tmp_path / "log") for options, port in doors.items()}
    assert met == {options: case[0] for options, case in CASES.items()}
    rows = mta.lint(tmp_path, version="3.7")
    for options, (_, check, verdict) in CASES.items():
        said = {(row.check, row.verdict) for row in rows if row.subject.endswith(f":{doors[options]}")}
        told = {one for one in said if one[0] in ("open relay", "no working refusal")}
        assert told == {(check, verdict)}, options


def meets(port: int, log: Path) -> str:
    """Return what a stranger's RCPT to another domain meets at *port*: nobody, a refusal, or an open door."""
    with within_a_minute(lambda: connected(port), f"a listener at {port}") as sock:
        word = within_a_minute(lambda: first_word(port, log), f"a word of port {port} in {log}")
        if ": fatal: in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions" in word:
            return STOPS
        connection = smtplib.SMTP()
        connection.sock = sock
        connection.getreply()
        connection.ehlo("stranger.example")
        connection.docmd("MAIL", "FROM:<x@spoof.example>")
        code, reply = connection.docmd("RCPT", "TO:<alice@bigmail.example>")
        return RELAYS if code == 250 else REFUSES if b"Relay access denied" in reply else reply.decode()


def connected(port: int) -> socket.socket | None:
    """Return a connection to *port*, None as long as nobody listens there."""
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=120)
    except ConnectionRefusedError:
        return None


def first_word(port: int, log: Path) -> str | None:
    """Return the line in which the listener at *port* takes a connection, or stops."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    told = [line for line in lines if f" at{port}/smtpd[" in line]
    return next((line for line in told if "]: connect from " in line or "]: fatal: " in line), None)


def within_a_minute(ask: Callable[[], _T | None], what: str) -> _T:
    """Return the first answer of *ask* that is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (answer := ask()) is not None:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within a minute: {what}")
