"""Lesson 08, mailbox protocols: how mail is read, with the same password as it is sent, and what protects that.

IMAP is RFC 9051 (before it RFC 3501), POP3 RFC 1939; TLS in them is RFC 2595 and, in today's words, RFC 8314.
"""

from mailkit.mailboxes.capabilities import MailboxCapabilities, capabilities
from mailkit.mailboxes.clients import LIBRARY_FAILURES, imap, pop3
from mailkit.mailboxes.conversing import converse
from mailkit.mailboxes.findings import findings
from mailkit.mailboxes.servers import MailboxServer, in_words, mailbox_servers
from mailkit.mailboxes.settings import ClientSettings, SettingsSource, read_autoconfig, settings

__all__ = [
    "LIBRARY_FAILURES",
    "ClientSettings",
    "MailboxCapabilities",
    "MailboxServer",
    "SettingsSource",
    "capabilities",
    "converse",
    "findings",
    "imap",
    "in_words",
    "mailbox_servers",
    "pop3",
    "read_autoconfig",
    "settings",
]


def __dir__() -> list[str]:
    return sorted(__all__)
