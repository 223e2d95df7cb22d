"""One deadline for a job of many steps: what is left, and never more than that."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Deadline", "time_left"]


class Deadline:
    """A moment *seconds* from now by which a job has to be done.

    Raises TypeError or ValueError for what is no number of seconds.  ``Deadline(math.inf)`` never comes.
    """

    def __init__(self, seconds: float) -> None:
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise TypeError(f"a deadline is a number of seconds, not {seconds!r}")
        if math.isnan(seconds) or seconds < 0:
            raise ValueError(f"a deadline is a number of seconds from 0 on, not {seconds!r}")
        self._end = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """True once the time is used up."""
        return time.monotonic() >= self._end

    def left(self) -> float:
        """Return how many seconds are left, always more than 0; raises TimeoutError when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def at_most(self, seconds: float) -> float:
        """Return *seconds*, or what is left when that is less; raises TimeoutError when nothing is."""
        return min(seconds, self.left())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the time spent in this block not count: waiting in a queue of one's own is no fault of a server."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._end += time.monotonic() - begun


def time_left(deadline: Deadline | None, seconds: float) -> float:
    """Return *seconds*, or what is left of *deadline* when that is less; 0 when it is over."""
    if deadline is None:
        return seconds
    return max(min(seconds, deadline._end - time.monotonic()), 0.0)
