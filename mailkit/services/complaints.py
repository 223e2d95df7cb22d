"""A complaint: somebody pressed "spam", and their provider says so in the Abuse Reporting Format (RFC 5965)."""

from __future__ import annotations

import email
import email.errors
import email.policy
import re
from dataclasses import dataclass
from email.message import Message

from mailkit.message.fields import MAX_OCTETS
from mailkit.results import Record, visible

__all__ = ["Complaint", "read_complaint"]

_LONGEST = 300  # characters of a field that are kept
_MOST_PARTS = 20


@dataclass(frozen=True)
class Complaint(Record):
    """What a feedback report says (RFC 5965 section 3).

    ``feedback_type`` is abuse, fraud, virus, not-spam or other; ``about`` the Message-ID of the message,
    ``unsubscribe`` its List-Unsubscribe field; each is "" where the report does not say it.  Who complained is
    usually left out.
    """

    feedback_type: str
    reported_by: str
    source_ip: str
    mail_from: str
    arrived: str
    domain: str
    recipient: str
    about: str
    subject: str
    unsubscribe: str
    advice: str


_ADVICE = {
    "abuse": "Take the recipient off the list at once, and send nothing more; count complaints per campaign.",
    "not-spam": "The recipient says that it is no spam: nothing to do.",
}
_OTHER = "Look at the message that it is about, and find out who sent it."


def read_complaint(message: bytes) -> Complaint:
    """Return what the feedback report *message* says.

    Raises TypeError for what is not bytes, ValueError for what is no such report.
    """
    if not isinstance(message, (bytes, bytearray)):
        raise TypeError("the message is given as bytes, as it went over the wire")
    if len(message) > MAX_OCTETS:
        raise ValueError(f"the message is larger than {MAX_OCTETS >> 20} MiB")
    try:
        report = email.message_from_bytes(bytes(message), policy=email.policy.compat32)
        if report.get_content_type() != "multipart/report" or not report.is_multipart():
            raise ValueError("this is no feedback report: its type is not multipart/report (RFC 5965 section 2)")
        parts = list(report.get_payload())[:_MOST_PARTS]
        about = next((_fields(part) for part in parts if _is(part, "message/feedback-report")), None)
        if about is None:
            raise ValueError("this report has no part of type message/feedback-report (RFC 5965 section 2)")
        original = next((_original(part) for part in parts if _is(part, "message/rfc822", "text/rfc822-headers")), None)
    except (email.errors.MessageError, RecursionError, LookupError, AttributeError, UnicodeError) as error:
        raise ValueError(f"this report cannot be read: {visible(str(error), 100)}") from None
    kind = _of(about, "Feedback-Type").lower()
    return Complaint(
        feedback_type=kind,
        reported_by=_of(about, "User-Agent"),
        source_ip=_of(about, "Source-IP"),
        mail_from=_of(about, "Original-Mail-From"),
        arrived=_of(about, "Arrival-Date") or _of(about, "Received-Date"),
        domain=_of(about, "Reported-Domain"),
        recipient=_of(about, "Original-Rcpt-To"),
        about=_of(original, "Message-ID"),
        subject=_of(original, "Subject"),
        unsubscribe=_of(original, "List-Unsubscribe"),
        advice=_ADVICE.get(kind, _OTHER),
    )


def _is(part: object, *types: str) -> bool:
    return isinstance(part, Message) and part.get_content_type() in types


def _fields(part: Message) -> Message:
    """Return the fields of a machine-readable part, which Python parses as text or as a message."""
    return email.message_from_string(_text(part))


def _original(part: Message) -> Message:
    payload = part.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return payload[0]
    return email.message_from_string(_text(part))


def _text(part: Message) -> str:
    payload = part.get_payload()
    if isinstance(payload, list):
        return "".join(str(each) for each in payload[:_MOST_PARTS])
    raw = part.get_payload(decode=True)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(payload)


def _of(message: Message | None, name: str) -> str:
    value = str(message.get(name, "")) if message is not None else ""
    return visible(re.sub(r"\s+", " ", value[: 4 * _LONGEST]).strip(), _LONGEST)
