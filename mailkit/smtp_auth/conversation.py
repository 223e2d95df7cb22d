"""Saying commands to a server one by one and reading each reply against the tables of the standards.

A reply is three digits (RFC 5321 section 4.2), mostly followed by an enhanced status code (RFC 3463; for AUTH
RFC 4954 section 6); ``data/smtp_replies.csv`` says what each means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from mailkit import datasets
from mailkit.clients import SMTP, begins_with_tls
from mailkit.conversation import FAILURES, explain
from mailkit.network import Network
from mailkit.results import Record, Rows, Stage, visible

__all__ = ["AnsweredCommand", "converse", "meaning"]

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)")
# What may be said to a stranger's server: nothing that begins a mail or a login.
_HARMLESS = re.compile(r"(EHLO|HELO|NOOP|HELP|RSET|QUIT)\b", re.IGNORECASE)
_NEVER = re.compile(r"(DATA|BDAT|STARTTLS)\b", re.IGNORECASE)


@dataclass(frozen=True)
class AnsweredCommand(Record):
    """A command, with a password left out, the server's reply to it, and what the table says that it means."""

    command: str
    code: str
    enhanced: str
    text: str
    meaning: str


def converse(
    host: str,
    port: int,
    *commands: str,
    net: Network,
    tls: bool = True,
    timeout: float | None = None,
    implicit_tls: bool | None = None,
) -> Rows[AnsweredCommand]:
    """Say *commands* to *host*:*port*, after EHLO and (with *tls*) inside TLS, and return the reply to each.

    No message can be sent this way.  On the real internet only commands that begin neither a mail nor a login are
    allowed, in the practice internet all but DATA.  What ends the conversation early is the last row.
    *implicit_tls* says whether TLS begins with the first octet (default: on port 465 and the like).  Raises
    ValueError for a command that is not allowed.
    """
    for command in commands:
        if not isinstance(command, str) or not command.isascii() or not command.isprintable():
            raise ValueError("a command is one line of ASCII text: converse(host, 587, 'MAIL FROM:<me@…>', net=net)")
        if _NEVER.match(command) or not (net.takes_test_mail or _HARMLESS.match(command)):
            raise ValueError(f"{command.split()[0]} is not said here: for TLS pass tls=True, to send use clients.send")
    smtp = SMTP(net, host, port, timeout=timeout or 4 * net.timeout)
    rows: list[AnsweredCommand] = []
    with net.slot(host):
        try:
            implicit = begins_with_tls(port, implicit_tls)
            if tls or implicit:
                smtp.enter(net.tls_context(), implicit_tls=implicit)  # verified, since commands may log in
            else:
                smtp.open()
                smtp.introduce()
            for command in commands:
                rows.append(_say(smtp, command))
                if rows[-1].code in ("221", "421"):
                    break
            smtp.leave()
        except FAILURES as error:
            rows.append(AnsweredCommand(_last_command(smtp), "", "", "", explain(error, smtp.stage).reason))
            smtp.close()
    return Rows(AnsweredCommand, rows, caption=f"{host}:{port}, {net.caption}")


def _say(smtp: SMTP, command: str) -> AnsweredCommand:
    smtp.stage = Stage.AUTH if command.upper().startswith("AUTH") else Stage.MAIL
    reply = smtp.say(command)
    found = _ENHANCED.match(reply.text)
    enhanced = found[1] if found else ""
    rest = visible(reply.text.removeprefix(enhanced).strip())
    return AnsweredCommand(_last_command(smtp), str(reply.code), enhanced, rest, meaning(str(reply)))


def _last_command(smtp: SMTP) -> str:
    return next((line.text for line in reversed(smtp.lines) if line.who == "C"), "")


@cache
def _meanings() -> dict[tuple[str, str], str]:
    table = datasets.load("smtp_replies").query("receiver == ''")  # what a large receiver means by it is its own
    meanings = dict(zip(table["code"], table["meaning"]))
    known = {(code, ""): meaning for code, meaning in meanings.items()}  # one with a row of its own comes next
    return known | dict(zip(zip(table["code"], table["enhanced"]), table["meaning"]))


def meaning(reply: str) -> str:
    """Return what the table says of *reply*, such as "535 5.7.8 Error: …": of both its codes, else of the digits."""
    code, rest = reply[:3], reply[4:]
    found = _ENHANCED.match(rest)
    exact = _meanings().get((code, found[1] if found else ""))
    return exact or _meanings().get((code, ""), "not in the table")
