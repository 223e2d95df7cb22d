"""One conversation with a mail server, and what its replies, alerts and failures mean."""

from mailkit.conversation.attempts import FAILURES, Attempt, explain
from mailkit.conversation.bounded import ReplyError, unverified_context
from mailkit.conversation.smtp import SMTP, Credentials, Line

__all__ = ["FAILURES", "SMTP", "Attempt", "Credentials", "Line", "ReplyError", "explain", "unverified_context"]


def __dir__() -> list[str]:
    return sorted(__all__)
