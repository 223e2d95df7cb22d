"""How far a long run is, and how long it will still take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from mailkit.results import Sentence

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
        self._over = _over_the_last() if total > _FEW else None

    def step(self, line: Callable[[], str]) -> None:
        """Count one more domain, of which *line* says what was found when it has a line of its own."""
        self._done += 1
        if self._total <= _FEW:
            print(f"{self._done} of {self._total}: {line()}", flush=True)
            return
        now = self._clock()
        last = self._done == self._total
        if not last and now - self._last < (_EVERY if self._over else 10 * _EVERY):
            return
        self._last = now
        if self._over is None:
            print(self._many(now), flush=True)
        else:
            self._over(self._many(now), last)

    def _many(self, now: float) -> str:
        each = (now - self._begun) / (self._done - self._before)
        left = each * (self._total - self._done)
        share = f"{self._done:,} of {self._total:,} ({self._done * 100 // self._total} %)"
        return share if self._done == self._total else f"{share}, about {in_words(left)} left"


def _over_the_last() -> Callable[[str, bool], None] | None:
    """Return what writes a line over the one before, the last one to stay; None where that cannot be done."""
    kernel = sys.modules.get("ipykernel.iostream")
    if kernel is not None and isinstance(sys.stdout, kernel.OutStream):
        return _in_a_notebook()
    return _on_a_terminal() if sys.stdout.isatty() else None


def _on_a_terminal() -> Callable[[str, bool], None]:
    longest = 0

    def write(text: str, last: bool) -> None:
        nonlocal longest
        longest = max(longest, len(text))
        print(text.ljust(longest), end="\n" if last else "\r", flush=True)

    return write


def _in_a_notebook() -> Callable[[str, bool], None]:
    from IPython.display import display

    shown: list[Any] = []

    def write(text: str, last: bool) -> None:
        if shown:
            shown[0].update(Sentence(text))
        else:
            shown.append(display(Sentence(text), display_id=True))  # type: ignore[no-untyped-call]

    return write


def in_words(seconds: float) -> str:
    """Return a duration as one says it: "40 s", "3 min", "2 h"."""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
