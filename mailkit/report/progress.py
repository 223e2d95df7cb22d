"""How far a long run is, and how long it will still take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

__all__ = ["Progress", "in_words"]

_FEW = 30  # so many domains have a line each
_EVERY = 1.0  # seconds; where lines cannot be written over, ten times that


class Progress:
    """A line a domain for a few of them; for many one line, written over, with the time that is left.

    *done* of the *total* were there before, so they say nothing about how fast it goes.
    """

    def __init__(self, total: int, done: int = 0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._before, self._done = total, done, done
        self._clock = clock
        self._begun = self._last = clock()
        self._over = sys.stdout.isatty()

    def step(self, line: Callable[[], str]) -> None:
        """Count one more domain, of which *line* says what was found when it has a line of its own."""
        self._done += 1
        if self._total <= _FEW:
            print(f"{self._done} of {self._total}: {line()}", flush=True)
            return
        now = self._clock()
        last = self._done == self._total
        if last or now - self._last >= _EVERY * (1 if self._over else 10):
            self._last = now
            print(self._many(now), end="\n" if last or not self._over else "   \r", flush=True)

    def _many(self, now: float) -> str:
        each = (now - self._begun) / (self._done - self._before)
        left = each * (self._total - self._done)
        share = f"{self._done:,} of {self._total:,} ({self._done * 100 // self._total} %)"
        return share if self._done == self._total else f"{share}, about {in_words(left)} left"


def in_words(seconds: float) -> str:
    """Return a duration as one says it: "40 s", "3 min", "2 h"."""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
