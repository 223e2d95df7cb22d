"""How an attempt to talk to a server ended: any error, sorted into an outcome and a sentence."""

from __future__ import annotations

import errno
import ssl
from dataclasses import dataclass

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.encryption import HandshakeFailed
from mailkit.conversation.handing_over import MaybeTaken
from mailkit.conversation.mailbox import Refused
from mailkit.conversation.mechanisms import ExchangeError
from mailkit.conversation.replies import NotOffered, Rejected
from mailkit.network import LookupFailed, NotConnected, ProxyError
from mailkit.results import Outcome, Record, Stage, hidden, visible

__all__ = ["FAILURES", "OWN_MACHINE", "Attempt", "explain"]

# What a conversation with a hostile server may raise.
FAILURES = (OSError, ReplyError, Rejected, Refused, NotOffered, MaybeTaken, EOFError, UnicodeError, ValueError)

# The reason given when the operating system forbids the connection, as a local firewall makes it do.
OWN_MACHINE = "this machine itself does not let the connection out"


@dataclass(frozen=True)
class Attempt(Record):
    """How an attempt to talk ended: outcome, the stage it ended in, the greeting, and why in our words."""

    outcome: Outcome
    stage: Stage
    banner: str = ""
    reason: str = ""
    detail: str = hidden()


_LOCAL = frozenset({errno.EPERM, errno.EACCES})
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN})

_TIMEOUTS = {
    Stage.CONNECT: "nothing came back: no answer and no refusal",
    # Somebody on the way may have taken the connection and then thrown everything away: who, cannot be seen.
    Stage.GREETING: (
        "connected, but no greeting in time: a slow server, a filter on the way, or a server that waits for TLS from "
        "the first octet"
    ),
    Stage.TLS: "connected, but the TLS handshake did not finish in time",
}

_UNKNOWN_FATE = (
    "lost after the message's final dot: it may have been taken, and sent again it may arrive twice (RFC 1047)"
)

# What a refusal means in each stage; in the others the server's words say it all.
_REFUSALS = {
    Stage.GREETING: "the server does not want to talk: ",
    Stage.EHLO: "the server does not take our introduction: ",
    Stage.STARTTLS: "STARTTLS is offered, and refused: ",
}


def explain(error: BaseException, stage: Stage) -> Attempt:
    """Return *error*, raised in *stage* of a conversation, as an :class:`Attempt`."""
    detail = f"{type(error).__name__}: {error}"

    def ended(outcome: Outcome, reason: str, where: Stage = stage) -> Attempt:
        return Attempt(outcome, where, reason=reason, detail=detail)

    if isinstance(error, LookupFailed):
        return ended(Outcome.DNS_FAILURE, f"no address: {error.answer.reason}", Stage.DNS)
    if isinstance(error, ProxyError):
        return ended(Outcome.NOT_CONNECTED, "the proxy failed; nothing is known about the target", Stage.PROXY)
    if isinstance(error, NotConnected):
        return ended(Outcome.NOT_CONNECTED, "refused or unreachable: the proxy does not say which")
    if isinstance(error, MaybeTaken):
        return ended(explain(error.__cause__ or error, stage).outcome, _UNKNOWN_FATE)
    if isinstance(error, HandshakeFailed):
        return ended(error.outcome, error.reason)
    if isinstance(error, TimeoutError):
        return ended(Outcome.TIMEOUT, _TIMEOUTS.get(stage, "the server stopped answering"))
    if isinstance(error, ssl.SSLError):
        return ended(Outcome.TLS_FAILURE, "TLS could not be begun at this side")
    if isinstance(error, Rejected):
        return ended(Outcome.REJECTED, visible(_REFUSALS.get(stage, "") + str(error.reply), 400))
    if isinstance(error, Refused):
        return ended(Outcome.REJECTED, visible(_REFUSALS.get(stage, "") + str(error), 400))
    if isinstance(error, NotOffered):
        return ended(Outcome.REJECTED, visible(str(error), 400))
    if isinstance(error, (ReplyError, ExchangeError)):
        return ended(Outcome.PROTOCOL_ERROR, str(error))
    if isinstance(error, (ConnectionResetError, BrokenPipeError, EOFError)):
        return ended(Outcome.RESET, "the connection was cut off")
    if isinstance(error, ConnectionRefusedError):
        return ended(Outcome.REFUSED, "refused at once: nothing listens there, or a filter says no")
    if isinstance(error, OSError) and error.errno in _LOCAL:
        return ended(Outcome.UNREACHABLE, OWN_MACHINE)
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return ended(Outcome.UNREACHABLE, "no way there from here")
    if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
        return ended(Outcome.TIMEOUT, _TIMEOUTS[Stage.CONNECT])
    return ended(Outcome.PROTOCOL_ERROR, "the conversation failed")
