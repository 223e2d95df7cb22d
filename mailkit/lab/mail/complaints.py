"""Somebody presses "spam": their provider tells the service that sent the message (RFC 5965).

Only who asked for it is told: a host of ``world.toml`` says in ``complaints_to`` where, as senders register with a
provider's feedback loop.
"""

from __future__ import annotations

from datetime import datetime
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime

from mailkit.lab.mail.mailboxes import Mail
from mailkit.message import received
from mailkit.results import visible

__all__ = ["came_from", "feedback_report"]


def came_from(message: bytes) -> str:
    """Return the address that handed *message* to the server it lies on, "" where no trace says so."""
    return received.parse(next(received.fields(message), "")).client


def feedback_report(mail: Mail, *, source: str, host: str, to: str, number: str, now: datetime) -> bytes:
    """Return the report of *host* about *mail*, which came from the address *source*: the three parts of RFC 5965."""
    report = MIMEMultipart("report", report_type="feedback-report", boundary=f"{number}/{host}")
    report["From"] = f"Feedback loop <feedback@{host}>"
    report["To"] = f"<{to}>"
    report["Subject"] = f"FW: {visible(mail.subject, 100)}"
    report["Date"] = format_datetime(now)
    report["Message-ID"] = f"<{number}.complaint@{host}>"
    report.attach(MIMEText(f"One of our users called this message spam. It reached us from {source}.\n"))
    about = Message()
    about["Feedback-Type"] = "abuse"
    about["User-Agent"] = "practice-feedback/1"
    about["Version"] = "1"
    about["Original-Mail-From"] = mail.envelope_sender
    about["Arrival-Date"] = format_datetime(mail.received)
    about["Source-IP"] = source
    part = MIMEBase("message", "feedback-report")
    part.set_payload([about])
    report.attach(part)
    head = mail.message.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace").replace("\r\n", "\n")
    report.attach(MIMEText(_without_recipient(head, mail.mailbox) + "\n", "rfc822-headers"))
    return report.as_bytes(policy=SMTP)


def _without_recipient(head: str, mailbox: str) -> str:
    """Return *head* without the address of who complained: reports leave it out (RFC 5965 section 2, RFC 6590)."""
    return head.replace(mailbox, "redacted@" + mailbox.partition("@")[2])
