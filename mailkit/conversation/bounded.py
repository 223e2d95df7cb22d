"""A socket with a total deadline and an octet budget.

A socket's own timeout starts anew with each octet, so a server that drips one octet a second could hold a client
for ever; this one counts down one deadline instead.  What arrives is counted before anybody reads it, in the clear
and inside TLS alike.
"""

from __future__ import annotations

import socket
import time
from typing import Any

__all__ = ["BoundedSocket", "ReplyError"]

_BUDGET = 128 * 1024  # octets that one conversation may send us
_PIECE = 16 * 1024  # octets read at once


class ReplyError(ValueError):
    """The server's reply is not what its protocol allows, or it never ends; the text is our own sentence."""


class BoundedSocket(socket.socket):
    """A socket that keeps a total deadline and an octet budget, however slowly the other side talks."""

    deadline: float = float("inf")
    budget: int = _BUDGET

    def arm(self) -> None:
        """Let the next operation take no longer than what is left of the deadline; raises TimeoutError."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)

    def receive(self) -> bytes:
        """Return what has arrived, waiting for at least one octet; nothing when the other side is done."""
        buffer = bytearray(_PIECE)
        return bytes(buffer[: self.recv_into(buffer)])

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
