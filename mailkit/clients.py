"""One conversation with one mail server, from the first packet to the last word: greet it, or hand it a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailkit.conversation.attempts import FAILURES, Attempt, explain
from mailkit.conversation.credentials import Credentials
from mailkit.conversation.demands import TlsDemand
from mailkit.conversation.encryption import HandshakeFailed, shown_chain, unverified_context
from mailkit.conversation.handing_over import MaybeTaken, check_lines, hand_over
from mailkit.conversation.replies import NotOffered, Rejected
from mailkit.conversation.smtp import SMTP
from mailkit.conversation.wire import Line
from mailkit.network import Network
from mailkit.results import Outcome, Record, Rows, Stage, hidden

__all__ = ["IMPLICIT_TLS_PORTS", "SMTP", "Credentials", "Line", "Sent", "begins_with_tls", "greet", "send"]

# Where TLS begins with the first octet unless the caller says otherwise: RFC 8314 section 3.3, and the usual others.
IMPLICIT_TLS_PORTS = frozenset({443, 465, 993, 995, 2465, 8465})

# Inside verified TLS the simplest is as good as any.
_MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256")


def greet(
    host: str,
    port: int,
    *,
    net: Network,
    address: str = "",
    timeout: float | None = None,
    implicit_tls: bool | None = None,
) -> Attempt:
    """Connect, read the greeting, introduce ourselves and leave: no mail, no recipient, no credentials.

    *implicit_tls* says whether TLS begins with the first octet, whatever certificate is shown (default: on port 465
    and the like).  *timeout* is the deadline in seconds of the whole conversation (default: twice the network's).
    """
    smtp = SMTP(net, host, port, address=address, timeout=timeout)
    with net.slot(address or host):
        try:
            smtp.open(context=unverified_context() if begins_with_tls(port, implicit_tls) else None)
            smtp.introduce()
            stage = smtp.stage
            smtp.leave()
        except FAILURES as error:
            ended = explain(error, smtp.stage)
            _hang_up(smtp, error)
            return replace(ended, banner=smtp.banner)
    return Attempt(Outcome.OPEN, stage, smtp.banner)


@dataclass(frozen=True)
class Sent(Record):
    """How handing over one message ended: ``reply`` is the server's last word, ``dialogue`` all of them.

    ``maybe_taken`` is True when the connection was lost after the final dot: nobody knows then whether the server
    took the message (RFC 1047).  ``verify_code`` is OpenSSL's number for what is wrong with the certificate, 0 for
    nothing.
    """

    outcome: Outcome
    stage: Stage
    reply: str
    encrypted: bool
    reason: str = ""
    maybe_taken: bool = False
    dialogue: Rows[Line] = hidden(None)
    detail: str = hidden()
    verify_code: int = hidden(0)


def send(
    host: str,
    port: int,
    message: bytes,
    *,
    sender: str,
    recipients: Sequence[str],
    net: Network,
    credentials: Credentials | None = None,
    timeout: float | None = None,
    implicit_tls: bool | None = None,
    demand: TlsDemand | None = None,
) -> Sent:
    """Hand *message* to *host*:*port* for *recipients*, with STARTTLS where it is offered.

    With *credentials* the conversation must be encrypted and the certificate verified before AUTH (RFC 8314
    section 3).  Otherwise encryption is opportunistic, as between mail servers (RFC 7435): no certificate is
    verified, and when STARTTLS is refused or fails the message goes in the clear over a new connection, as Postfix
    does at its level "may".  With *demand* it goes over TLS that fulfils it, or not at all.

    The message is sent octet for octet, its lines ending in CRLF; a dot at the beginning of a line is doubled on the
    way (RFC 5321 section 4.5.2), and a last line without its end gets one.  *implicit_tls* says whether TLS begins
    with the first octet (default: on port 465 and the like), *timeout* is the deadline in seconds of each connection
    (default: four times the network's).  Raises TypeError for a message that is not bytes, ValueError for one with a
    bare CR or LF (RFC 5321 section 2.3.8) and for what is no address.
    """
    _check_arguments(message, sender, recipients, credentials)
    implicit = begins_with_tls(port, implicit_tls)
    delivery = _Delivery(net, host, port, message, sender, recipients, timeout or 4 * net.timeout, demand)
    if credentials is not None:
        return delivery.attempt(credentials, implicit=implicit)
    sent = delivery.attempt(implicit=implicit)
    if delivery.tls_failed and not implicit and demand is None:
        again = delivery.attempt(starttls=False)
        lines = Rows(Line, [*sent.dialogue, *again.dialogue], caption=net.caption)
        return replace(again, reason=again.reason or f"in the clear, since TLS failed: {sent.reason}", dialogue=lines)
    return sent


def begins_with_tls(port: int, said: bool | None) -> bool:
    """Return what a caller *said* about implicit TLS, and where it said nothing, what is usual on *port*."""
    return port in IMPLICIT_TLS_PORTS if said is None else said


def _check_arguments(message: bytes, sender: str, recipients: Sequence[str], credentials: Credentials | None) -> None:
    if credentials is not None and not isinstance(credentials, Credentials):
        raise TypeError("credentials are Credentials(user, password), or in the practice internet lab.account(address)")
    if not isinstance(message, bytes):
        raise TypeError("the message is bytes: message.as_bytes(policy=email.policy.SMTP) of an EmailMessage")
    check_lines(message)
    if isinstance(recipients, str) or not recipients:
        raise ValueError("recipients is a list of addresses: recipients=['taro@kaisha.example']")
    for address in (sender, *recipients):
        if not isinstance(address, str) or set(address) & set("\r\n<>\0"):
            raise ValueError(f"an address is a text like 'taro@kaisha.example', not {address!r}")


def _hang_up(smtp: SMTP, error: BaseException) -> None:
    """Leave politely where the conversation is whole, else just close."""
    if isinstance(error, (Rejected, NotOffered)):
        smtp.leave()
    smtp.close()


class _Delivery:
    """Attempts to hand over one message; ``tls_failed`` says whether the last one ended before or in STARTTLS."""

    def __init__(
        self,
        net: Network,
        host: str,
        port: int,
        message: bytes,
        sender: str,
        recipients: Sequence[str],
        timeout: float,
        demand: TlsDemand | None = None,
    ) -> None:
        self._net, self._host, self._port, self._timeout = net, host, port, timeout
        self._demand = demand
        self._message, self._sender, self._recipients = message, sender, recipients
        self.tls_failed = False

    def attempt(self, credentials: Credentials | None = None, *, implicit: bool = False, starttls: bool = True) -> Sent:
        """Connect and hand the message over; without *starttls* in the clear, whatever is offered."""
        net = self._net
        smtp = SMTP(net, self._host, self._port, timeout=self._timeout)
        demand = self._demand
        context = demand.context if demand else net.tls_context() if credentials else unverified_context()
        self.tls_failed = False
        with net.slot(self._host):
            try:
                smtp.open(context=context if implicit else None)
                smtp.introduce()
                if not smtp.encrypted and (credentials or demand or (starttls and smtp.offer.starttls)):
                    smtp.secure(context)
                if demand and (problem := demand.problem(shown_chain(smtp.wire.secure))):
                    raise HandshakeFailed(Outcome.TLS_FAILURE, problem)
                if credentials:
                    smtp.login(credentials, _MECHANISMS)
                hand_over(smtp, self._message, sender=self._sender, recipients=self._recipients)
                reply, encrypted, stage = smtp.lines[-1].text, smtp.encrypted, smtp.stage
                smtp.leave()
            except FAILURES as error:
                return self._failed(smtp, error)
        return Sent(Outcome.OPEN, stage, reply, encrypted, dialogue=Rows(Line, smtp.lines, caption=net.caption))

    def _failed(self, smtp: SMTP, error: BaseException) -> Sent:
        ended = explain(error, smtp.stage)
        encrypted, reply = smtp.encrypted, next((line.text for line in reversed(smtp.lines) if line.who == "S"), "")
        # In TLS 1.3 the server's refusal is met only when its answer to EHLO is read.
        in_tls = smtp.stage in (Stage.STARTTLS, Stage.EHLO) and isinstance(error, HandshakeFailed)
        asking = smtp.stage is Stage.STARTTLS and isinstance(error, Rejected) and error.reply.code != 421
        self.tls_failed = in_tls or asking
        _hang_up(smtp, error)
        # Where the server refused in words, its reply says it all.
        reason = "" if isinstance(error, Rejected) else ended.reason
        maybe = isinstance(error, MaybeTaken)
        lines = Rows(Line, smtp.lines, caption=self._net.caption)
        fault = error.certificate if isinstance(error, HandshakeFailed) else None
        code = fault.verify_code if fault else 0
        return Sent(ended.outcome, ended.stage, reply, encrypted, reason, maybe, lines, ended.detail, code)


def __dir__() -> list[str]:
    return sorted(__all__)
