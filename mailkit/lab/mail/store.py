"""What a practice internet remembers: its clock, the mail in its mailboxes, and the mail servers' log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

from mailkit.results import Record, Rows, Sentence, hidden, visible

__all__ = ["Clock", "LogEntry", "Mail", "Store", "duration"]


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


@dataclass(frozen=True)
class Mail(Record):
    """One message in a mailbox: its envelope, three header fields, and the whole of it in ``message``."""

    received: datetime
    mailbox: str
    envelope_sender: str
    header_from: str
    subject: str
    message: bytes = hidden(b"")

    @classmethod
    def of(cls, received: datetime, mailbox: str, sender: str, content: bytes) -> Mail:
        """Return *content*, addressed from *sender* in the envelope, as it lies in *mailbox*."""
        head = message_from_bytes(content, policy=policy.compat32)
        header_from, subject = (visible(str(head.get(name, "")), 200) for name in ("From", "Subject"))
        return cls(received, mailbox, f"<{visible(sender, 200)}>", header_from, subject, content)

    def fields(self, name: str) -> Sentence:
        """Return the header fields called *name* as they stand, topmost first: ``mail.fields("Received")``."""
        head = message_from_bytes(self.message, policy=policy.compat32)
        found = [f"{name}: {value}" for value in head.get_all(name, [])]
        lines = [visible(line.replace("\t", "    "), 400) for field in found for line in field.splitlines()]
        return Sentence("\n".join(lines) or f"There is no {name} field.")


@dataclass(frozen=True)
class LogEntry(Record):
    """One line of a mail server's log."""

    time: datetime
    host: str
    queue_id: str
    event: str


class Store:
    """Mailboxes and log, used from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._mail: list[Mail] = []
        self._log: list[LogEntry] = []
        self._issued = 0

    def queue_id(self) -> str:
        """Return a new queue identifier, unique in this world."""
        with self._lock:
            self._issued += 1
            return f"Q{self._issued:05d}"

    def put(self, mailbox: str, sender: str, content: bytes) -> None:
        """Lay *content* into *mailbox*."""
        mail = Mail.of(self._clock.now(), mailbox, sender, content)
        with self._lock:
            self._mail.append(mail)

    def note(self, host: str, queue_id: str, event: str) -> None:
        """Write a line into the log."""
        entry = LogEntry(self._clock.now(), host, queue_id, visible(event, 400))
        with self._lock:
            self._log.append(entry)

    def inbox(self, wanted: Callable[[Mail], bool]) -> Iterable[Mail]:
        """Return the mail that *wanted* picks, oldest first."""
        with self._lock:
            return [mail for mail in self._mail if wanted(mail)]

    def log(self, caption: str) -> Rows[LogEntry]:
        """Return the whole log, oldest first.

        At one moment of the lab's clock the lines of one message stand together: in which order two servers wrote
        theirs is chance.
        """
        with self._lock:
            entries = sorted(self._log, key=lambda entry: (entry.time, entry.queue_id))
        return Rows(LogEntry, entries, caption=caption)

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._mail.clear()
            self._log.clear()
            self._issued = 0


def duration(seconds: float) -> str:
    """Return *seconds* in the largest unit that divides them."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:g} seconds"
