"""How an attempt to talk to a server ended: any error, sorted into an outcome and a sentence."""

from __future__ import annotations

import errno
import smtplib
import ssl
from dataclasses import dataclass

from mailkit.conversation.bounded import ReplyError
from mailkit.network import LookupFailed, NotConnected, ProxyError
from mailkit.results import Outcome, Record, Stage, hidden, visible

__all__ = ["ABOUT_TIME", "FAILURES", "OWN_MACHINE", "Attempt", "distrust", "explain"]

# What a conversation with a hostile server may raise.
FAILURES = (OSError, ReplyError, smtplib.SMTPException, EOFError, UnicodeError, ValueError)

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
    Stage.GREETING: "connected, but no greeting in time: a slow server, not a blocked port",
    Stage.TLS: "connected, but the TLS handshake did not finish in time",
}


# What a clock decides: the practice internet's may differ from the one that OpenSSL goes by.
ABOUT_TIME = ("is not valid yet", "has expired")

# OpenSSL's verdicts by number (X509_V_ERR_… in its manual page X509_STORE_CTX_get_error), in the same words everywhere.
_DISTRUST = {
    9: ABOUT_TIME[0],
    10: ABOUT_TIME[1],
    18: "is self-signed",
    19: "leads to an authority that is not trusted here",
    20: "leads to an authority that is not trusted here, or an intermediate certificate was not sent",
    21: "leads to an authority that is not trusted here, or an intermediate certificate was not sent",
    24: "was signed by one who is no authority",
    26: "is not meant for servers",
    62: "is for another name",
    64: "is for another address",
    66: "has too weak a key",
    67: "leads to an authority with too weak a key",
    68: "bears too weak a signature",
}


def distrust(error: ssl.SSLCertVerificationError) -> str:
    """Return why OpenSSL does not accept a certificate, as the rest of a sentence that begins "its certificate"."""
    return _DISTRUST.get(error.verify_code, f"is not trusted: {visible(error.verify_message, 80)}")


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
    if isinstance(error, TimeoutError):
        return ended(Outcome.TIMEOUT, _TIMEOUTS.get(stage, "the server stopped answering"))
    if isinstance(error, ssl.SSLCertVerificationError):
        return ended(Outcome.TLS_FAILURE, f"the certificate {distrust(error)}")
    if isinstance(error, ssl.SSLError):
        return ended(Outcome.TLS_FAILURE, "the other side does not speak TLS here, or broke the handshake off")
    if isinstance(error, smtplib.SMTPResponseException):
        return ended(Outcome.REJECTED, visible(f"{error.smtp_code} {_text(error.smtp_error)}"))
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return ended(Outcome.REJECTED, visible(str(error)))
    if isinstance(error, ReplyError):
        return ended(Outcome.PROTOCOL_ERROR, str(error))
    if isinstance(error, (smtplib.SMTPServerDisconnected, ConnectionResetError, BrokenPipeError, EOFError)):
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


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
