"""The standard library's SMTP client over a :class:`~mailkit.network.Network`, bounded and with a transcript.

A server may drip one byte a second, never end a reply or send ten megabytes of banner: every conversation has a
total deadline in seconds and a budget in octets, and what was said is kept line by line, with AUTH redacted.
"""

from __future__ import annotations

import html
import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailkit.attempts import FAILURES, Attempt, explain
from mailkit.bounded import BoundedSocket, ReplyError, unverified_context, wrap
from mailkit.network import Network, check_port
from mailkit.results import Outcome, Record, Rows, Stage, hidden, visible

__all__ = ["IMPLICIT_TLS_PORTS", "SMTP", "Credentials", "Line", "Sent", "greet", "send"]

IMPLICIT_TLS_PORTS = frozenset({443, 465, 993, 995, 2465, 8465})

_MAX_LINE = 2048  # octets; RFC 5321 section 4.5.3.1.5 allows 512 for a reply line
_MAX_LINES = 128  # lines of one reply
_FAREWELL = 1.0  # seconds to wait for the reply to QUIT, at most
_MAX_NOTED = 400  # lines kept of one conversation


@dataclass(frozen=True)
class Credentials:
    """A user name and a password, which no display shows."""

    user: str
    password: str = field(repr=False)

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(visible(self.user))}</code> (password not shown)"


@dataclass(frozen=True)
class Line(Record):
    """One line of a conversation: who said it ("C" or "S"), what, and whether it travelled encrypted."""

    who: str
    text: str
    encrypted: bool = False


class SMTP(smtplib.SMTP):
    """An SMTP client that dials through *net*.

    ``stage`` is how far the conversation got, ``lines`` what was said.  *timeout* is the deadline of the whole
    conversation, in seconds.  *address* is where to connect when it differs from *host*, the name to verify.
    Methods raise OSError (TimeoutError, ConnectionResetError …), ssl.SSLError, smtplib.SMTPException or
    ReplyError; :func:`explain` turns any of them into an outcome.
    """

    def __init__(self, net: Network, host: str, port: int, *, address: str = "", timeout: float | None = None) -> None:
        check_port(port)
        super().__init__(local_hostname=net.local_hostname)
        self.net, self.port = net, port
        self._host = host  # the name that smtplib verifies the certificate against
        self._address = address or host
        self._allowed = timeout or 2 * net.timeout
        self._deadline = float("inf")
        self._secret = False
        self._secrets: set[str] = set()  # never to be seen in a transcript, should a server echo them
        self.stage = Stage.CONNECT
        self.lines: list[Line] = []
        self.banner = ""

    @property
    def encrypted(self) -> bool:
        """True once the conversation runs inside TLS."""
        return isinstance(self.sock, ssl.SSLSocket)

    def open(self, *, context: ssl.SSLContext | None = None) -> int:
        """Connect (with *context*: inside TLS from the first octet) and return the code of the greeting."""
        self.stage = Stage.CONNECT
        # From here on, not from the making of this object: it may have waited for one of the network's slots.
        self._deadline = time.monotonic() + self._allowed
        plain = self.net.dial(self._address, self.port, timeout=min(self.net.timeout, self._allowed))
        self.sock = BoundedSocket(fileno=plain.detach())
        self.sock.deadline = self._deadline
        if context is not None:
            self.stage = Stage.TLS
            self._wrap(context)
        self.stage = Stage.GREETING
        code, text = self.getreply()
        self.banner = visible(text.decode("utf-8", "replace"))
        return code

    def introduce(self) -> int:
        """Say EHLO, or HELO to a server that knows no EHLO (RFC 5321 section 3.2); return the reply's code."""
        self.stage = Stage.EHLO
        code, _ = self.ehlo()
        if 500 <= code < 505:
            code, _ = self.helo()
        return code

    def secure(self, context: ssl.SSLContext) -> None:
        """Upgrade with STARTTLS (RFC 3207) and say EHLO again; raises SMTPNotSupportedError when not offered."""
        self.stage = Stage.STARTTLS
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("STARTTLS is not offered")
        code, text = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        self._wrap(context)
        self.introduce()

    def _wrap(self, context: ssl.SSLContext) -> None:
        assert isinstance(self.sock, BoundedSocket)
        self.sock = wrap(self.sock, context, self._host)
        # RFC 3207 section 4.2: forget everything learned before TLS.
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def send(self, s: Any) -> None:
        """Send a command, noting it in the transcript; smtplib's own method hides which error it met."""
        data = s.encode("ascii") if isinstance(s, str) else bytes(s)
        self._note_command(data)
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        self.sock.sendall(data)

    def _note_command(self, data: bytes) -> None:
        first, *rest = data.decode("utf-8", "replace").removesuffix("\r\n").split("\r\n")
        verb, _, arguments = first.partition(" ")
        if verb.upper() == "AUTH":
            self._secret = True
            mechanism, _, initial = arguments.partition(" ")
            self._secrets.add(initial)
            first = f"{verb} {mechanism}" + (" (redacted)" if initial else "")
        elif self._secret:
            self._secrets.add(first)
            first = "(redacted)"
        for text in (first, *rest)[: _MAX_NOTED - len(self.lines)]:
            self.lines.append(Line("C", visible(text), self.encrypted))

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        """Log in as smtplib does."""
        self._secrets.add(password)
        return super().login(user, password, initial_response_ok=initial_response_ok)

    def _masked(self, line: bytes) -> bytes:
        for secret in self._secrets:
            if len(secret) > 3:
                line = line[:4] + line[4:].replace(secret.encode(), b"(redacted)")
        return line

    def getreply(self) -> tuple[int, bytes]:
        """Return (code, text) of the next reply; raises ReplyError for what is no SMTP reply."""
        if self.file is None:
            self.file = self.sock.makefile("rb")  # type: ignore[union-attr]
        texts: list[bytes] = []
        while True:
            line = self._masked(self.file.readline(_MAX_LINE + 1))
            if not line:
                self.close()
                raise smtplib.SMTPServerDisconnected("the server closed the connection")
            self.lines.append(Line("S", visible(line.rstrip(b"\r\n").decode("utf-8", "replace")), self.encrypted))
            if len(line) <= _MAX_LINE and not line.endswith(b"\n"):
                raise smtplib.SMTPServerDisconnected("the server closed the connection in the middle of a line")
            code, more = line[:3], line[3:4]
            if not line.endswith(b"\n") or not code.isdigit() or more not in (b" ", b"-", b"\r", b"\n"):
                raise ReplyError("the reply is not SMTP")
            texts.append(line[4:].strip())
            if more != b"-":
                break
            if len(texts) >= _MAX_LINES:
                raise ReplyError("the reply never ends")
        if code != b"334":
            self._secret = False
        return int(code), b"\n".join(texts)

    def leave(self) -> None:
        """Say QUIT if the server is still there, and close."""
        try:
            if isinstance(self.sock, BoundedSocket):
                self.sock.deadline = min(self.sock.deadline, time.monotonic() + _FAREWELL)
                self.quit()
        except (OSError, ReplyError, smtplib.SMTPException):
            pass
        finally:
            self.close()


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
