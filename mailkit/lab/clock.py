"""The clock of a practice internet: it stands still until somebody advances it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "duration"]

_FURTHEST = 10 * 365 * 86400  # seconds at a time


class Clock:
    """A clock that stands still until it is advanced, so that everything it stamps can be printed again."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)
        self._moved = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time in this world (UTC)."""
        return self._start + self._moved

    def advance(self, seconds: float) -> datetime:
        """Move the clock on and return the new time.  Raises ValueError for going back."""
        if not isinstance(seconds, (int, float)) or not 0 <= seconds <= _FURTHEST:
            raise ValueError("a clock goes forward: pass a number of seconds that is 0 or more (ten years at most)")
        with self._lock:
            self._moved += timedelta(seconds=seconds)
        return self.now()

    def reset(self) -> None:
        """Go back to where the world began."""
        with self._lock:
            self._moved = timedelta()


def duration(seconds: float) -> str:
    """Return *seconds* in the largest unit that divides them."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:g} seconds"
