"""One conversation with a mail server, and what its replies, alerts and failures mean.

``wire`` is a connection of any protocol, ``encryption`` begins TLS on it, ``smtp`` is the conversation,
``mechanisms`` are its logins, ``attempts`` sorts what went wrong.  ``imap`` and ``pop3`` speak with mailboxes, and
``upgrade`` takes the neighbours of mail as far as the go-ahead for TLS.
"""

from mailkit.conversation.attempts import FAILURES, Attempt, explain
from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.credentials import Credentials, Password
from mailkit.conversation.encryption import HandshakeFailed, unverified_context
from mailkit.conversation.imap import IMAP
from mailkit.conversation.ldap import LDAP
from mailkit.conversation.line_upgrades import FTP, NNTP, ManageSieve
from mailkit.conversation.mailbox import Mailbox, MailboxOffer, Refused
from mailkit.conversation.mechanisms import ExchangeError, Unproved
from mailkit.conversation.pop3 import POP3
from mailkit.conversation.replies import NotOffered, Offer, Rejected, Reply
from mailkit.conversation.smtp import SMTP
from mailkit.conversation.upgrade import Upgrade
from mailkit.conversation.wire import Line, Wire
from mailkit.conversation.xmpp import XMPP

__all__ = [
    "FAILURES",
    "FTP",
    "IMAP",
    "LDAP",
    "NNTP",
    "POP3",
    "SMTP",
    "XMPP",
    "Attempt",
    "Credentials",
    "ExchangeError",
    "HandshakeFailed",
    "Line",
    "Mailbox",
    "MailboxOffer",
    "ManageSieve",
    "NotOffered",
    "Offer",
    "Password",
    "Refused",
    "Rejected",
    "Reply",
    "ReplyError",
    "Unproved",
    "Upgrade",
    "Wire",
    "explain",
    "unverified_context",
]


def __dir__() -> list[str]:
    return sorted(__all__)
