"""What one line of a mail server's log can say."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Came", "Event", "Refused", "Tried", "Warned"]


@dataclass(frozen=True)
class Came:
    """A message got its queue id; ``sender`` is None where the line does not say, "" for a bounce."""

    queue_id: str
    time: str
    sender: str | None = None
    client: str = ""
    user: str = ""


@dataclass(frozen=True)
class Tried:
    """A delivery was tried, with ``fate`` as in :class:`mailkit.mta.logs.Fate`; no recipient: the whole message."""

    queue_id: str
    time: str
    fate: str
    recipient: str | None
    relay: str = ""
    reply: str = ""


@dataclass(frozen=True)
class Refused:
    """A client was refused; the queue id is "" before the message had one."""

    queue_id: str
    time: str
    reply: str
    client: str = ""
    sender: str = ""
    recipient: str = ""


@dataclass(frozen=True)
class Warned:
    """A line that speaks of the server itself."""

    time: str
    text: str


Event = Came | Tried | Refused | Warned
