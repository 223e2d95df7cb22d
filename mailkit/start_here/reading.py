"""Lesson 00: what a mail program shows of a message.

It shows a few fields of the header and the text (RFC 5322 section 3.6).  The envelope is no part of the message, so
no program can show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message

from mailkit.message.encoded_words import decoded_words
from mailkit.results import Record, Rows

__all__ = ["Shown", "as_shown"]

_FIELDS = ("From", "To", "Cc", "Subject")
_LONGEST, _LARGEST = 2000, 1_000_000  # characters of a field or text that are shown; octets that are looked at


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
    try:
        parsed = message_from_bytes(message[:_LARGEST], policy=policy.compat32)
        lines = [
            Shown(name, decoded_words(str(parsed[name]), _LONGEST)) for name in _FIELDS if parsed[name] is not None
        ]
        text = _text(parsed)
    except RecursionError:  # parts within parts within parts
        lines, text = [], ""
    return Rows(Shown, [*lines, Shown("text", text)], caption="as a mail program shows it")


def _text(message: Message) -> str:
    """Return the first plain text in *message*; characters that cannot be read become question marks."""
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            octets = part.get_payload(decode=True)
            assert isinstance(octets, bytes)
            try:
                return octets.decode(part.get_content_charset("utf-8"), "replace").strip()[:_LONGEST]
            except (LookupError, ValueError):  # a character set that nobody knows
                return octets.decode("ascii", "replace").strip()[:_LONGEST]
    return ""
