"""The standard library's SMTP client over a :class:`~mailkit.network.Network`, bounded and with a transcript.

A server may drip one byte a second, never end a reply or send ten megabytes of banner: every conversation has a
total deadline in seconds and a budget in octets, and what was said is kept line by line, with AUTH redacted.
"""

from __future__ import annotations

import hmac
import html
import smtplib
import ssl
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any

from mailkit.conversation.bounded import BoundedSocket, ReplyError, wrap
from mailkit.network import Network, check_port
from mailkit.results import Record, Stage, visible

__all__ = ["SMTP", "Credentials", "Line"]

_VERBS = frozenset({"EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "QUIT"})
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

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command with its words in capitals: smtplib's habit differs by version, and a transcript shows it."""
        if not self._secret and cmd.upper() in _VERBS:
            word, colon, rest = args.partition(":")
            cmd, args = cmd.upper(), f"{word.upper()}:{rest}" if word.upper() in ("FROM", "TO") and colon else args
        super().putcmd(cmd, args)

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
        """Log in with PLAIN (RFC 4616), LOGIN or CRAM-MD5 (RFC 2195), the first of these that the server offers.

        Inside TLS, which is the caller's duty, the simplest is as good as any.  Raises SMTPAuthenticationError.
        """
        self._secrets.add(password)
        offered = self.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            reply = self.docmd("AUTH", f"PLAIN {_base64(chr(0) + user + chr(0) + password)}")
        elif "LOGIN" in offered:
            self._begin("LOGIN")
            self.docmd(_base64(user))
            reply = self.docmd(_base64(password))
        elif "CRAM-MD5" in offered:
            challenge = b64decode(self._begin("CRAM-MD5"))
            reply = self.docmd(_base64(f"{user} {hmac.new(password.encode(), challenge, 'md5').hexdigest()}"))
        else:
            raise smtplib.SMTPNotSupportedError("the server offers no login that is known here")
        if reply[0] != 235:
            raise smtplib.SMTPAuthenticationError(*reply)
        return reply

    def _begin(self, mechanism: str) -> bytes:
        code, text = self.docmd("AUTH", mechanism)
        if code != 334:
            raise smtplib.SMTPAuthenticationError(code, text)
        return text

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


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
