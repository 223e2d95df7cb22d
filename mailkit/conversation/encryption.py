"""Beginning TLS on a connection, and saying why it failed.

OpenSSL works here on two buffers in memory instead of on the socket.  So the octets pass through our hands: the
deadline and the budget hold inside TLS too, and when the handshake fails it is known what the other side had sent,
which tells a server that speaks in the clear from one that sends an alert and from one that is silent.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from mailkit.conversation.alerts import alert_sentence, breakdown, distrust
from mailkit.conversation.bounded import BoundedSocket
from mailkit.results import Outcome, visible

__all__ = ["HandshakeFailed", "TLSSocket", "begin_tls", "shown_chain", "unverified_context"]

_KEPT = 256  # octets of what the server sent first
_PIECE = 64 * 1024  # octets encrypted at once
_ALERT, _HANDSHAKE = 21, 22  # record types, RFC 8446 section 5.1
_FATAL = 2
_LONGEST_QUOTE = 80  # characters

Result = TypeVar("Result")


class HandshakeFailed(OSError):
    """TLS did not come about, or broke off: ``outcome`` sorts it, ``reason`` is our sentence.

    ``certificate`` is OpenSSL's error when the certificate was to blame.
    """

    def __init__(
        self, outcome: Outcome, reason: str, detail: str = "", certificate: ssl.SSLCertVerificationError | None = None
    ) -> None:
        super().__init__(detail or reason)
        self.outcome, self.reason, self.certificate = outcome, reason, certificate


def unverified_context() -> ssl.SSLContext:
    """Return a context that encrypts and checks nothing: for looking, never for credentials."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shown_chain(secure: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the certificates that the server sent, in DER, its own first.

    Python offers the whole chain from 3.13 on; before, the same method hides in the object underneath.  Without it
    there is the server's own certificate, which is the one that matters most.
    """
    inner: Any = secure if hasattr(secure, "get_unverified_chain") else getattr(secure, "_sslobj", None)
    try:
        found = inner.get_unverified_chain() or []
        return tuple(c if isinstance(c, bytes) else ssl.PEM_cert_to_DER_cert(c.public_bytes()) for c in found)
    except (AttributeError, ValueError):
        own = secure.getpeercert(binary_form=True)
        return (own,) if own else ()


class TLSSocket:
    """The inside of TLS on *sock*; ``tls`` is OpenSSL's object, to ask for version, cipher and certificates."""

    def __init__(self, sock: BoundedSocket, context: ssl.SSLContext, name: str) -> None:
        self.sock = sock
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._arrived, self._leaving, server_hostname=name)
        self.first = b""  # what the server sent first, as it came
        self._unread = b""  # decrypted already

    def receive(self) -> bytes:
        """Return what has arrived, decrypted; nothing when the other side is done.  Raises HandshakeFailed."""
        came, self._unread = self._unread, b""
        if came:
            return came
        try:
            return self._carry(self.tls.read, 16 * 1024)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except ssl.SSLError as error:
            # In TLS 1.3 a server's refusal comes after the client has finished (RFC 8446 section 4.4.2.4).
            reason = breakdown(error) or "the other side broke TLS off"
            raise HandshakeFailed(Outcome.TLS_FAILURE, reason, str(error)) from error

    def sendall(self, data: bytes | memoryview) -> None:
        """Send *data*, encrypted.  Raises HandshakeFailed when the other side had said why it hung up, else OSError."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._carry(self.tls.write, rest[:_PIECE]) :]
        except (BrokenPipeError, ConnectionResetError) as error:
            self._read_last_words(error)
            raise

    def _read_last_words(self, error: OSError) -> None:
        """Read what a server may have said before it hung up; raises HandshakeFailed when that was an alert."""
        try:
            self._unread = self.receive()
        except HandshakeFailed as said:
            raise said from error
        except OSError:
            pass

    def handshake(self) -> None:
        """Shake hands; raises ssl.SSLError, TimeoutError, or another OSError."""
        self._carry(self.tls.do_handshake)

    def _carry(self, operation: Callable[..., Result], *arguments: Any) -> Result:
        """Let OpenSSL do *operation*, carrying octets to and fro until it is done."""
        while True:
            try:
                result = operation(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                came = self.sock.receive()
                self.first = (self.first + came)[:_KEPT]
                if came:
                    self._arrived.write(came)
                else:
                    self._arrived.write_eof()
                continue
            except ssl.SSLError:
                self._flush()  # the alert that tells the other side why
                raise
            self._flush()
            return result

    def _flush(self) -> None:
        if self._leaving.pending:
            self.sock.sendall(self._leaving.read())


def begin_tls(sock: BoundedSocket, context: ssl.SSLContext, name: str) -> TLSSocket:
    """Shake hands on *sock* and return its inside; *name* is what the certificate must bear, if *context* asks.

    Raises HandshakeFailed, whatever went wrong, and ReplyError for a server that sends without end.
    """
    secure = TLSSocket(sock, context, name)
    try:
        secure.handshake()
    except ssl.SSLCertVerificationError as error:
        raise HandshakeFailed(Outcome.TLS_FAILURE, f"the certificate {distrust(error)}", str(error), error) from error
    except ssl.SSLError as error:
        raise HandshakeFailed(*_why(error, secure.first), str(error)) from error
    except TimeoutError as error:
        raise HandshakeFailed(Outcome.TIMEOUT, _why_silent(secure.first), str(error)) from error
    except (ConnectionResetError, BrokenPipeError) as error:
        raise HandshakeFailed(Outcome.RESET, _HUNG_UP, str(error)) from error
    return secure


_HUNG_UP = "the connection was cut off when TLS was to begin"


def _why(error: ssl.SSLError, first: bytes) -> tuple[Outcome, str]:
    """Return outcome and sentence for a handshake that broke, *first* being what the server sent."""
    if not first:
        return Outcome.RESET, _HUNG_UP
    kind, version = first[0], first[1:2]
    if version != b"\x03" or kind not in (_ALERT, _HANDSHAKE):
        return Outcome.TLS_FAILURE, f"what answers does not speak TLS here{_quoted(first)}"
    if kind == _ALERT and len(first) >= 7 and first[5] == _FATAL:
        return Outcome.TLS_FAILURE, alert_sentence(first[6])
    if isinstance(error, ssl.SSLEOFError):
        return Outcome.RESET, "the connection was cut off in the middle of the handshake"
    return Outcome.TLS_FAILURE, breakdown(error) or "what answers does not speak TLS here, or broke the handshake off"


def _why_silent(first: bytes) -> str:
    if first:
        return "connected, but the TLS handshake did not finish in time"
    return (
        "connected, but the TLS handshake did not finish in time: nothing came of the server's hello "
        "(large packets may be lost on the way, or it does not speak TLS here)"
    )


def _quoted(first: bytes) -> str:
    """Return what was said in the clear as the rest of a sentence, and what it suggests."""
    line = first.splitlines()[0]
    text = visible(line.decode("utf-8", "replace"), _LONGEST_QUOTE)
    if line[:3].isdigit() and line[3:4] in (b" ", b"-"):
        return f': it greets in the clear ("{text}"), so TLS begins with STARTTLS there, if at all'
    if line.isascii() and len(line) > 3 and text.isprintable():
        return f': it says "{text}"'
    return ""
