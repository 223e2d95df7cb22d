"""Faults of the practice internet itself: kept for those who look for them, never shown to a client."""

from __future__ import annotations

import threading

__all__ = ["Faults"]

_MOST = 100


class Faults:
    """The last faults, as one line each; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[str] = []

    def note(self, where: str, error: BaseException | None) -> None:
        """Keep that *error* came up *where* nobody expected it."""
        with self._lock:
            self._lines = [*self._lines[1 - _MOST :], f"{where}: {error!r}"]

    @property
    def lines(self) -> list[str]:
        """What was noted, oldest first."""
        with self._lock:
            return list(self._lines)
