"""``read_log``: the log of Postfix or Exim as rows, queue id by queue id.

One row is one recipient of one message: where it came from, where it went, how often it was tried and how that ended
last.  A refusal that never got a queue id, and a warning, is a row of its own.  What a line means is decided by the
forms that the programs write (Postfix: the texts of its programs; Exim: the chapter "Log files"); every other line is
counted and left alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from mailkit.mta import log_exim, log_postfix
from mailkit.mta.log_events import Came, Refused, Tried, Warned
from mailkit.results import Record, Rows, visible

__all__ = ["Delivery", "Fate", "read_log"]

_MOST_OCTETS = 64 * 1024 * 1024
_MOST_ROWS = 100_000
_MOST_LINE = 4096  # octets looked at; Exim and Postfix keep their lines shorter
_MOST_TEXT = 500
_GZIP = b"\x1f\x8b"  # how logrotate leaves older logs (RFC 1952 section 2.3.1)


class Fate(StrEnum):
    """How a recipient's message, or a stranger's try, ended as far as the log goes."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    REJECTED = "rejected"
    QUEUED = "queued"
    WARNING = "warning"


@dataclasses.dataclass(frozen=True)
class Delivery(Record):
    """One recipient of one message, or one line that has no queue id.

    ``time`` is that of the last line, as the log writes it.  ``client`` is who brought the message, ``user`` the name
    it logged in with.  ``relay`` is where it went, ``tries`` how often, ``reply`` the last words on it.  ``text`` may
    come from strangers.
    """

    queue_id: str
    time: str
    fate: Fate
    sender: str = ""
    recipient: str = ""
    client: str = ""
    user: str = ""
    relay: str = ""
    tries: int = 0
    reply: str = ""


def read_log(path: str | Path) -> Rows[Delivery]:
    """Return the rows of the log file *path*, in the order in which the log first speaks of them.

    At most 64 MiB are read and 100,000 rows kept; the caption says when that cut something off, and how many lines
    were not understood.  Raises ValueError for what is no file, or a compressed one.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"{str(file)[:200]!r} is no file; pass the path of a log such as /var/log/mail.log")
    gathered = _Gathered()
    with file.open("rb") as log:
        if log.peek(2)[:2] == _GZIP:
            raise ValueError(f"{str(file)[:200]!r} is compressed: unpack it first, with gunzip --keep")
        for line in _lines(log):
            gathered.take(line)
        more = bool(log.read(1))
    return gathered.rows(more)


def _lines(log: BinaryIO) -> Iterator[str]:
    """Yield the log's lines, without what goes beyond the limits."""
    left = _MOST_OCTETS
    whole = True
    while left > 0 and (piece := log.readline(min(_MOST_LINE, left))):
        left -= len(piece)
        if whole:
            yield piece.decode("utf-8", "replace").rstrip("\r\n")
        whole = piece.endswith(b"\n")


class _Gathered:
    """What was read so far."""

    def __init__(self) -> None:
        self._came: dict[str, Came] = {}
        self._rows: dict[tuple[str, str], Delivery] = {}
        self._of: dict[str, list[str]] = {}  # queue id -> the recipients that have a row
        self._unread = 0
        self._left_out = 0

    def take(self, line: str) -> None:
        event = log_postfix.read(line) or log_exim.read(line)
        if event is None:
            self._unread += bool(line.strip())
        elif isinstance(event, Came):
            self._arrival(event)
        elif isinstance(event, Tried):
            self._attempt(event)
        else:
            self._alone(event)

    def _arrival(self, event: Came) -> None:
        if len(self._came) < _MOST_ROWS or event.queue_id in self._came:
            known = self._came.get(event.queue_id, event)
            # Postfix tells of one arrival in several lines; an empty sender is one too, that of a bounce.
            self._came[event.queue_id] = Came(
                event.queue_id,
                event.time,
                known.sender if event.sender is None else event.sender,
                event.client or known.client,
                event.user or known.user,
            )

    def _attempt(self, event: Tried) -> None:
        came = self._came.get(event.queue_id, Came(event.queue_id, event.time))
        if event.recipient is None:  # the whole message: it expired
            for recipient in self._of.pop(event.queue_id, ()):
                row = self._rows[event.queue_id, recipient]
                if row.fate is Fate.DEFERRED:
                    row = dataclasses.replace(row, fate=Fate(event.fate), time=event.time)
                    self._rows[event.queue_id, recipient] = row
            return
        key = (event.queue_id, event.recipient)
        before = self._rows.get(key)
        self._keep(
            key,
            Delivery(
                event.queue_id, event.time, Fate(event.fate), _short(came.sender or ""), _short(event.recipient),
                _short(came.client), _short(came.user), _short(event.relay), (before.tries if before else 0) + 1,
                _short(event.reply),
            ),
        )  # fmt: skip

    def _alone(self, event: Refused | Warned) -> None:
        key = (f"line {len(self._rows)}", "")
        if isinstance(event, Warned):
            self._keep(key, Delivery("", event.time, Fate.WARNING, reply=_short(event.text)))
            return
        came = self._came.get(event.queue_id, Came(event.queue_id, event.time))
        client = event.client or came.client
        row = Delivery(
            event.queue_id, event.time, Fate.REJECTED, _short(event.sender), _short(event.recipient), _short(client),
            _short(came.user), reply=_short(event.reply),
        )  # fmt: skip
        self._keep(key, row)

    def _keep(self, key: tuple[str, str], row: Delivery) -> None:
        if key in self._rows or len(self._rows) < _MOST_ROWS:
            if key not in self._rows:
                self._of.setdefault(key[0], []).append(key[1])
            self._rows[key] = row
        else:
            self._left_out += 1

    def rows(self, more: bool) -> Rows[Delivery]:
        tried = {queue_id for queue_id, _ in self._rows} | {row.queue_id for row in self._rows.values()}
        waiting = [
            Delivery(came.queue_id, came.time, Fate.QUEUED, _short(came.sender or ""), client=_short(came.client),
                     user=_short(came.user))
            for came in self._came.values() if came.queue_id not in tried
        ]  # fmt: skip
        said = [f"{self._unread} lines say nothing about a message"] if self._unread else []
        if more:
            said.append(f"only the first {_MOST_OCTETS // 2**20} MiB were read")
        if self._left_out:
            said.append(f"{self._left_out} more lines of other messages were left out")
        return Rows(Delivery, [*self._rows.values(), *waiting], caption="; ".join(said))


def _short(text: str) -> str:
    return visible(text, _MOST_TEXT)
