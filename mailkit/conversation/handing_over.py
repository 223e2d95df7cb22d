"""Handing over one message: MAIL, RCPT, DATA, and the message as it goes over the wire (RFC 5321 section 3.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.replies import NotOffered, Rejected, Reply
from mailkit.conversation.smtp import SMTP
from mailkit.results import Stage

__all__ = ["MaybeTaken", "check_lines", "hand_over"]

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class MaybeTaken(Exception):
    """The conversation broke after the message's final dot, so nobody knows whether the server took it (RFC 1047)."""


def check_lines(message: bytes) -> None:
    """Raise ValueError unless every line of *message* ends in CRLF (RFC 5321 section 2.3.8); the last may be open."""
    ends = message.count(b"\r\n")
    if message.count(b"\r") == message.count(b"\n") == ends:
        return
    if bare := _BARE.search(message):
        line = message.count(b"\n", 0, bare.start()) + 1
        raise ValueError(
            f"line {line} of the message has a bare CR or LF; in mail every line ends in CRLF (RFC 5321 section "
            "2.3.8): message.as_bytes(policy=email.policy.SMTP) of an EmailMessage writes it so"
        )


def hand_over(smtp: SMTP, message: bytes, *, sender: str, recipients: Sequence[str]) -> Reply:
    """Hand *message* to the server for all of *recipients* and return its last reply.

    The message goes octet for octet: dots at the beginning of a line are doubled on the way (RFC 5321 section 4.5.2),
    and a last line without its end gets one.  Raises ValueError as :func:`check_lines`, Rejected for any refusal,
    NotOffered for addresses that the server cannot take, MaybeTaken, and what else a conversation raises.
    """
    check_lines(message)
    smtp.stage = Stage.MAIL
    _good(smtp.say(f"MAIL FROM:<{sender}>{_parameters(smtp, message, (sender, *recipients))}"))
    smtp.stage = Stage.RCPT
    for recipient in recipients:
        _good(smtp.say(f"RCPT TO:<{recipient}>"))
    smtp.stage = Stage.DATA
    go_on = smtp.say("DATA")
    if go_on.code != 354:
        raise Rejected(go_on)
    try:
        smtp.wire.send(_on_the_wire(message))
    except (BrokenPipeError, ConnectionResetError):
        return _good(smtp.read_reply())  # who refuses in the middle of a message says why before hanging up
    try:
        return _good(smtp.read_reply())
    except (OSError, EOFError, ReplyError) as error:
        raise MaybeTaken(str(error)) from error


def _parameters(smtp: SMTP, message: bytes, addresses: Sequence[str]) -> str:
    """Return what MAIL FROM must declare (RFC 6152, RFC 6531); raises NotOffered where the server cannot take it."""
    if not all(address.isascii() for address in addresses):
        if not smtp.offer.has("SMTPUTF8"):
            raise NotOffered("an address is not ASCII, and the server does not offer SMTPUTF8 (RFC 6531)")
        return " BODY=8BITMIME SMTPUTF8"
    return " BODY=8BITMIME" if not message.isascii() and smtp.offer.has("8BITMIME") else ""


def _good(reply: Reply) -> Reply:
    if not 200 <= reply.code < 300:
        raise Rejected(reply)
    return reply


def _on_the_wire(message: bytes) -> bytes:
    """Return *message* with dots doubled, its last line ended, and the final dot."""
    body = message.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    return body + (b"" if not body or body.endswith(b"\r\n") else b"\r\n") + b".\r\n"
