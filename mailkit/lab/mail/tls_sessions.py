"""What the practice internet's senders remember of each attempt over TLS, until their reports are due (RFC 8460)."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailkit.transport_policy import Session

__all__ = ["Sessions"]

_MOST = 100_000  # attempts that are remembered
_Subject = tuple[date, str, str]  # the day, the host that sent, and the domain it sent to


class Sessions:
    """What the senders remember until their reports are due.  Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[_Subject, list[Session]] = {}
        self._count = 0

    def add(self, host: str, session: Session, now: datetime) -> None:
        """Remember an attempt of *host*."""
        with self._lock:
            if self._count < _MOST:
                self._count += 1
                subject = (now.astimezone(UTC).date(), host, session.domain)
                self._seen.setdefault(subject, []).append(session)

    def take(self, today: date) -> list[tuple[_Subject, list[Session]]]:
        """Return what is of the days before *today*, and forget it."""
        with self._lock:
            due = sorted(subject for subject in self._seen if subject[0] < today)
            taken = [(subject, self._seen.pop(subject)) for subject in due]
            self._count -= sum(len(sessions) for _, sessions in taken)
            return taken

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._seen.clear()
            self._count = 0
