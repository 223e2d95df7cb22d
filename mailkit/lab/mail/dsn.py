"""The report about a message that could not be delivered: a delivery status notification (RFC 3464)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime

from mailkit.results import visible

__all__ = ["Failure", "bounce"]


@dataclass(frozen=True)
class Failure:
    """Who did not get the message, with which status code (RFC 3463), and what happened."""

    recipient: str
    status: str
    text: str


def bounce(
    *, host: str, queue_id: str, sender: str, content: bytes, arrived: datetime, now: datetime, failures: list[Failure]
) -> bytes:
    """Return the bounce that *host* sends to *sender* about the message *content*.

    It has the three parts of RFC 6522: a text for people, the fields for programs, and the header of the message
    that it is about.
    """
    report = MIMEMultipart("report", report_type="delivery-status", boundary=f"{queue_id}/{host}")
    report["From"] = f"Mail delivery system <MAILER-DAEMON@{host}>"
    report["To"] = f"<{_in_ascii(sender)}>"
    report["Subject"] = "Undelivered mail returned to sender"
    report["Date"] = format_datetime(now)
    report["Message-ID"] = f"<{queue_id}.bounce@{host}>"
    report["Auto-Submitted"] = "auto-replied"
    report.attach(_for_people(host, failures))
    report.attach(_for_programs(host, queue_id, arrived, failures))
    head = content.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace").replace("\r\n", "\n")
    report.attach(MIMEText(head + "\n", "rfc822-headers"))
    return report.as_bytes(policy=SMTP)


def _for_people(host: str, failures: list[Failure]) -> MIMEText:
    lines = "\n".join(f"<{visible(failure.recipient)}>\n    {visible(failure.text, 400)}\n" for failure in failures)
    return MIMEText(
        f"This is the mail system at {host}.\n\nYour message could not be delivered to the recipients below.\n"
        f"No further attempt will be made.\n\n{lines}"
    )


def _for_programs(host: str, queue_id: str, arrived: datetime, failures: list[Failure]) -> MIMEBase:
    about = Message()
    about["Reporting-MTA"] = f"dns; {host}"
    about["X-Queue-ID"] = queue_id
    about["Arrival-Date"] = format_datetime(arrived)
    blocks: list[Message | str] = [about]
    for failure in failures:
        block = Message()
        kind = "rfc822" if failure.recipient.isascii() else "utf-8"
        block["Final-Recipient"] = f"{kind}; {_in_ascii(failure.recipient)}"
        block["Action"] = "failed"
        block["Status"] = failure.status
        # A reply of the other server is type smtp; anything else is our own word (RFC 3464 section 2.3.6).
        block["Diagnostic-Code"] = (
            f"{'smtp' if failure.text[:3].isdigit() else 'X-practice'}; {_in_ascii(failure.text)}"
        )
        blocks.append(block)
    part = MIMEBase("message", "delivery-status")
    part.set_payload(blocks)
    return part


def _in_ascii(text: str) -> str:
    """Return *text* for a field of one line of ASCII: other characters as RFC 6533 section 3 spells them out."""
    return "".join(char if char.isascii() else f"\\x{{{ord(char):X}}}" for char in visible(text, 400))
