"""The log of all mail servers of a practice internet."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

from mailkit.lab.clock import Clock
from mailkit.results import Record, Rows, visible

__all__ = ["Log", "LogEntry"]


@dataclass(frozen=True)
class LogEntry(Record):
    """One line of a mail server's log."""

    time: datetime
    host: str
    queue_id: str
    event: str


class Log:
    """The lines of every server, stamped by *clock*; used from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[LogEntry] = []

    def note(self, host: str, queue_id: str, event: str) -> None:
        """Write a line."""
        entry = LogEntry(self._clock.now(), host, queue_id, visible(event, 400))
        with self._lock:
            self._entries.append(entry)

    def rows(self, caption: str) -> Rows[LogEntry]:
        """Return the whole log, oldest first.

        At one moment of the lab's clock the lines of one message stand together: in which order two servers wrote
        theirs is chance.
        """
        with self._lock:
            entries = sorted(self._entries, key=lambda entry: (entry.time, entry.queue_id))
        return Rows(LogEntry, entries, caption=caption)

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
