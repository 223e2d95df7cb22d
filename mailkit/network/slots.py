"""The few connections that a polite probe keeps to one address at a time."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Slots"]


class Slots:
    """At most *limit* connections to one address at a time, shared by all vantage points of a network.

    Slots go by address, since one host may stand in the DNS under many names.  A connection takes its slot while it
    is dialled, and gives it back at the end of the :meth:`block` it was dialled in.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._free: dict[str, threading.BoundedSemaphore] = {}
        self._mine = threading.local()  # what the innermost block of this thread holds

    def __reduce__(self) -> tuple[type[Slots], tuple[int]]:
        """Let a copy in another process have slots of its own: locks cannot be sent."""
        return Slots, (self.limit,)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Hold the slots taken inside this block, by this thread, until its end."""
        outer = self._held
        held: dict[str, threading.BoundedSemaphore] = {}
        self._mine.held = held
        try:
            yield
        finally:
            self._mine.held = outer
            for semaphore in held.values():
                semaphore.release()

    def take(self, address: str, patience: float) -> bool:
        """Take a slot of *address* for the block that this is called in, waiting at most *patience* seconds.

        Return whether one was taken: outside of every block, and for a second connection of the same block, none is.
        Raises TimeoutError when none becomes free.
        """
        key = _key(address)
        held = self._held
        if held is None or key in held:
            return False
        with self._lock:
            semaphore = self._free.setdefault(key, threading.BoundedSemaphore(self.limit))
        if not semaphore.acquire(timeout=patience):
            raise TimeoutError("timed out")
        held[key] = semaphore
        return True

    def give_back(self, address: str) -> None:
        """Give back the slot of *address* before the block ends: the connection came to nothing."""
        if self._held is not None and (semaphore := self._held.pop(_key(address), None)):
            semaphore.release()

    @property
    def _held(self) -> dict[str, threading.BoundedSemaphore] | None:
        held: dict[str, threading.BoundedSemaphore] | None = getattr(self._mine, "held", None)
        return held


def _key(address: str) -> str:
    ip = ipaddress.ip_address(address)
    return str(getattr(ip, "ipv4_mapped", None) or ip)
