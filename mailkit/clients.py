"""One conversation with one mail server, from the first packet to the last word: greet it, or hand it a message."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass

from mailkit.conversation.attempts import FAILURES, Attempt, explain
from mailkit.conversation.bounded import unverified_context
from mailkit.conversation.smtp import SMTP, Credentials, Line
from mailkit.network import Network
from mailkit.results import Outcome, Record, Rows, Stage, hidden

__all__ = ["IMPLICIT_TLS_PORTS", "SMTP", "Credentials", "Line", "Sent", "greet", "send"]

IMPLICIT_TLS_PORTS = frozenset({443, 465, 993, 995, 2465, 8465})


def greet(host: str, port: int, *, net: Network, address: str = "", timeout: float | None = None) -> Attempt:
    """Connect, read the greeting, introduce ourselves and leave: no mail, no recipient, no credentials.

    Ports with implicit TLS (465 …) are spoken to inside TLS, whatever certificate they show.  *timeout* is the
    deadline in seconds of the whole conversation (default: twice the network's).
    """
    smtp = SMTP(net, host, port, address=address, timeout=timeout)
    try:
        with net.slot(address or host):
            code, wanted = smtp.open(context=unverified_context() if port in IMPLICIT_TLS_PORTS else None), 220
            if code == 220:
                code, wanted = smtp.introduce(), 250
            smtp_stage = smtp.stage
            smtp.leave()
    except FAILURES as error:
        ended = explain(error, smtp.stage)
        smtp.close()
        return Attempt(ended.outcome, ended.stage, smtp.banner, ended.reason, ended.detail)
    if code == wanted:
        return Attempt(Outcome.OPEN, smtp_stage, smtp.banner)
    last = next((line.text for line in reversed(smtp.lines) if line.text.startswith(str(code))), str(code))
    return Attempt(Outcome.REJECTED, smtp_stage, smtp.banner, f"the server does not want to talk: {last}")


@dataclass(frozen=True)
class Sent(Record):
    """How handing over one message ended: ``reply`` is the server's last word, ``dialogue`` all of them."""

    outcome: Outcome
    stage: Stage
    reply: str
    encrypted: bool
    reason: str = ""
    dialogue: Rows[Line] = hidden(None)
    detail: str = hidden()


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
) -> Sent:
    """Hand *message* to *host*:*port* for *recipients*, with STARTTLS where it is offered.

    With *credentials* the conversation must be encrypted and the certificate verified before AUTH (RFC 8314
    section 3); otherwise encryption is opportunistic, as between mail servers.  The message is sent as given,
    octet for octet.  Raises TypeError for a message that is not bytes, ValueError for what is no address.
    """
    if credentials is not None and not isinstance(credentials, Credentials):
        raise TypeError("credentials are Credentials(user, password), or in the practice internet lab.account(address)")
    if not isinstance(message, bytes):
        raise TypeError("the message is bytes: message.as_bytes() of an EmailMessage")
    if isinstance(recipients, str) or not recipients:
        raise ValueError("recipients is a list of addresses: recipients=['taro@kaisha.example']")
    for address in (sender, *recipients):
        if not isinstance(address, str) or set(address) & set("\r\n<>"):
            raise ValueError(f"an address is a text like 'taro@kaisha.example', not {address!r}")
    smtp = SMTP(net, host, port, timeout=timeout or 4 * net.timeout)
    context = net.tls_context() if credentials else unverified_context()
    try:
        with net.slot(host):
            _check(smtp.open(context=context if port in IMPLICIT_TLS_PORTS else None), smtp)
            _check(smtp.introduce(), smtp)
            if not smtp.encrypted and (credentials or smtp.has_extn("starttls")):
                smtp.secure(context)
            if credentials:
                smtp.stage = Stage.AUTH
                smtp.login(credentials.user, credentials.password)
            smtp.stage = Stage.MAIL
            _expect(smtp, smtp.mail(sender))
            smtp.stage = Stage.RCPT
            for recipient in recipients:
                _expect(smtp, smtp.rcpt(recipient))
            smtp.stage = Stage.DATA
            _expect(smtp, smtp.data(message))
            stage, reply = smtp.stage, _last_reply(smtp)
            encrypted = smtp.encrypted
            smtp.leave()
    except FAILURES as error:
        ended = explain(error, smtp.stage)
        encrypted, reply = smtp.encrypted, _last_reply(smtp)
        if ended.outcome is Outcome.REJECTED:
            smtp.leave()
        smtp.close()
        lines = Rows(Line, smtp.lines, caption=net.caption)
        reason = "" if isinstance(error, smtplib.SMTPResponseException) else ended.reason  # the reply says it all
        return Sent(ended.outcome, ended.stage, reply, encrypted, reason, lines, ended.detail)
    return Sent(Outcome.OPEN, stage, reply, encrypted, "", Rows(Line, smtp.lines, caption=net.caption))


def _check(code: int, smtp: SMTP) -> None:
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, _last_reply(smtp)[4:])


def _expect(smtp: SMTP, reply: tuple[int, bytes]) -> None:
    code, text = reply
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, text)


def _last_reply(smtp: SMTP) -> str:
    return next((line.text for line in reversed(smtp.lines) if line.who == "S"), "")


def __dir__() -> list[str]:
    return sorted(__all__)
