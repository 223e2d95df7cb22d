"""One conversation with a mail server, and what its replies, alerts and failures mean.

``wire`` is a connection of any protocol, ``encryption`` begins TLS on it, ``smtp`` is the conversation,
``mechanisms`` are its logins, ``attempts`` sorts what went wrong.
"""

from mailkit.conversation.attempts import FAILURES, Attempt, explain
from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.credentials import Credentials, Password
from mailkit.conversation.encryption import HandshakeFailed, unverified_context
from mailkit.conversation.imap import IMAP
from mailkit.conversation.mailbox import Mailbox, MailboxOffer, Refused
from mailkit.conversation.mechanisms import ExchangeError, Unproved
from mailkit.conversation.pop3 import POP3
from mailkit.conversation.replies import NotOffered, Offer, Rejected, Reply
from mailkit.conversation.smtp import SMTP
from mailkit.conversation.wire import Line, Wire

__all__ = [
    "FAILURES",
    "IMAP",
    "POP3",
    "SMTP",
    "Attempt",
    "Credentials",
    "ExchangeError",
    "HandshakeFailed",
    "Line",
    "Mailbox",
    "MailboxOffer",
    "NotOffered",
    "Offer",
    "Password",
    "Refused",
    "Rejected",
    "Reply",
    "ReplyError",
    "Unproved",
    "Wire",
    "explain",
    "unverified_context",
]


def __dir__() -> list[str]:
    return sorted(__all__)
