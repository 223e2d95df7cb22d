"""What stands in the queue of a mail server, and the recognising of a message that was taken before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mailkit.lab.mail.mailboxes import INBOX

__all__ = ["Handover", "Item"]

Handover = tuple[str, str, tuple[str, ...]]  # the server before, its queue identifier, and for whom


@dataclass
class Item:
    """A message that *host* has promised to deliver, and to whom it still must.

    ``era`` is the :attr:`Queue.era` in which it was handed in, ``folder`` the one for recipients on this host.
    """

    queue_id: str
    host: str
    sender: str
    recipients: list[str]
    content: bytes
    arrived: datetime
    era: int
    folder: str = INBOX
    next_try: datetime | None = None
    tries: int = 0
