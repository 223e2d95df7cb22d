"""Lesson 00: what a mail program shows of a message.

It shows a few fields of the header and the text (RFC 5322 section 3.6).  The envelope is no part of the message, so
no program can show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from mailkit.results import Record, Rows

__all__ = ["Shown", "as_shown"]

_FIELDS = ("From", "To", "Cc", "Subject")
_LONGEST = 2000  # characters of the text


@dataclass(frozen=True)
class Shown(Record):
    """One line of a mail program's window: what stands before the colon, and behind it."""

    part: str
    what: str


def as_shown(message: bytes) -> Rows[Shown]:
    """Return what a mail program shows its reader of *message*: four fields of the header, and the text.

    Of several parts the plain text is taken.  Raises TypeError for what is not bytes.
    """
    if not isinstance(message, bytes):
        raise TypeError("the message is bytes, as in the mailbox: as_shown(mail.message)")
    parsed = message_from_bytes(message, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    lines = [Shown(name, str(parsed[name])) for name in _FIELDS if parsed[name] is not None]
    return Rows(Shown, [*lines, Shown("text", _text(parsed))], caption="as a mail program shows it")


def _text(message: EmailMessage) -> str:
    """Return the plain text of *message*, as far as it can be read at all."""
    part = message.get_body(("plain",))
    try:
        return str(part.get_content()).strip()[:_LONGEST] if part else ""
    except (LookupError, ValueError):  # a character set that nobody knows
        return ""
