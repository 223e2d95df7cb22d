"""Who has read mail lately, by address: all that POP before SMTP knew of a sender.

It is in no RFC.  Before SMTP AUTH (RFC 2554, 1999) was everywhere, providers whose customers travelled took a POP3
login as a sign that the customer sits at that address, and relayed for the address for some minutes.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from mailkit.lab.clock import Clock

__all__ = ["Readers"]

_MOST = 10_000  # addresses that are remembered


class Readers:
    """The addresses from which somebody logged in by POP3, and when; used from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], datetime] = {}

    def note(self, host: str, address: str) -> None:
        """Remember that somebody at *address* logged in at *host*."""
        with self._lock:
            self._seen.pop((host, address), None)
            if len(self._seen) >= _MOST:
                del self._seen[next(iter(self._seen))]
            self._seen[host, address] = self._clock.now()

    def lately(self, host: str, address: str, minutes: float) -> bool:
        """Return whether somebody at *address* logged in at *host* within the last *minutes*."""
        with self._lock:
            when = self._seen.get((host, address))
        return when is not None and self._clock.now() - when < timedelta(minutes=minutes)

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._seen.clear()
