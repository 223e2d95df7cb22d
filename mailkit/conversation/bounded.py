"""Sockets with a total deadline and an octet budget, in the clear and inside TLS.

A socket's own timeout starts anew with each octet, so a server that drips one octet a second could hold a client
for ever; these count down one deadline instead.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any

__all__ = ["BoundedSocket", "BoundedTLSSocket", "ReplyError", "unverified_context", "wrap"]

_BUDGET = 128 * 1024  # octets that one conversation may send us


class ReplyError(ValueError):
    """The server's reply is not SMTP, or it never ends."""


class BoundedSocket(socket.socket):
    """A socket that keeps a total deadline and an octet budget, however slowly the other side talks."""

    deadline: float = float("inf")
    budget: int = _BUDGET

    def arm(self) -> None:
        """Let the next operation take no longer than what is left of the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        self.arm()
        got = super().recv_into(buffer, nbytes or len(buffer), flags)
        self.budget -= got
        if self.budget < 0:
            raise ReplyError("the server sends without end")
        return got

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.arm()
        super().sendall(data, flags)


class BoundedTLSSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS: what an SSLContext makes when told so by its ``sslsocket_class``."""


def unverified_context() -> ssl.SSLContext:
    """Return a context that encrypts and checks nothing: for looking, never for credentials."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def wrap(sock: BoundedSocket, context: ssl.SSLContext, name: str) -> BoundedTLSSocket:
    """Return *sock* inside TLS with the deadline and budget it had; *name* is what the certificate must bear.

    Raises ssl.SSLError, TimeoutError or another OSError when the handshake fails.
    """
    context.sslsocket_class = BoundedTLSSocket
    sock.arm()  # OpenSSL keeps this as the deadline of the whole handshake
    deadline, budget = sock.deadline, sock.budget
    secure = context.wrap_socket(sock, server_hostname=name)
    assert isinstance(secure, BoundedTLSSocket)
    secure.deadline, secure.budget = deadline, budget
    return secure
