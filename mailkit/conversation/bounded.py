"""A socket with a total deadline and an octet budget.

A socket's own timeout starts anew with each octet, so a server that drips one octet a second could hold a client
for ever; this one counts down one deadline instead.  What arrives is counted before anybody reads it, in the clear
and inside TLS alike.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

__all__ = ["BoundedSocket", "ReplyError"]

_Result = TypeVar("_Result")

_BUDGET = 128 * 1024  # octets that one conversation may send us
_PIECE = 16 * 1024  # octets read at once


class ReplyError(ValueError):
    """The server's reply is not what its protocol allows, or it never ends; the text is our own sentence."""


class BoundedSocket(socket.socket):
    """A socket that keeps a total deadline and an octet budget, however slowly the other side talks.

    ``catch_up`` is that of a practice internet (:class:`mailkit.network.pace.Pace`): it is called when the time is
    over, and what has come by then still counts.
    """

    deadline: float = float("inf")
    budget: int = _BUDGET
    catch_up: Callable[[], None] | None = None

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
        got = self._in_time(partial(super().recv_into, buffer, nbytes or len(buffer), flags))
        self.budget -= got
        if self.budget < 0:
            raise ReplyError("the server sends without end")
        return got

    def sendall(self, data: Any, flags: int = 0) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._in_time(partial(super().send, rest, flags)) :]

    def _in_time(self, operation: Callable[[], _Result]) -> _Result:
        """Do *operation* before the deadline, or at once when the other side has caught up after it."""
        try:
            self.arm()
            return operation()
        except TimeoutError:
            if self.catch_up is None:
                raise
        self.catch_up()
        self.settimeout(0)
        try:
            return operation()
        except BlockingIOError:
            raise TimeoutError("timed out") from None
