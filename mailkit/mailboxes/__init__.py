"""Lesson 08, mailbox protocols: how mail is read, with the same password as it is sent, and what protects that.

IMAP is RFC 9051 (before it RFC 3501), POP3 RFC 1939; TLS in them is RFC 2595 and, in today's words, RFC 8314.
"""

from mailkit.mailboxes.capabilities import Capabilities, capabilities
from mailkit.mailboxes.clients import FAILURES, imap, pop3
from mailkit.mailboxes.conversing import converse
from mailkit.mailboxes.findings import findings
from mailkit.mailboxes.settings import ClientSettings, Way, read_autoconfig, settings
from mailkit.mailboxes.survey import Door, doors, in_words

__all__ = [
    "FAILURES",
    "Capabilities",
    "ClientSettings",
    "Door",
    "Way",
    "capabilities",
    "converse",
    "doors",
    "findings",
    "imap",
    "in_words",
    "pop3",
    "read_autoconfig",
    "settings",
]


def __dir__() -> list[str]:
    return sorted(__all__)
