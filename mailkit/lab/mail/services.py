"""What all mail servers of a world share, and how many connections they serve at a time."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mailkit.lab.clock import Clock
from mailkit.lab.faults import Faults
from mailkit.lab.mail.delivery import Queue
from mailkit.lab.mail.dmarc_reports import Observations
from mailkit.lab.mail.log import Log
from mailkit.lab.mail.mailboxes import Mailboxes
from mailkit.lab.mail.readers import Readers
from mailkit.lab.web.pages import Pages
from mailkit.lab.workers import Workers
from mailkit.lab.world import World
from mailkit.network import Network

__all__ = ["MAKE_ROOM", "TOO_MANY", "Connection", "Connections", "Services"]

TOO_MANY = "421 4.3.2 Too many connections, try again later"
MAKE_ROOM = "421 4.4.2 You have been silent, and others wait for a connection"

# Each connection takes three descriptors of the process, and its client one more; a kernel may have 256 (macOS).
_SERVED, _ADMITTED = 48, 100
_IDLE = 10.0  # seconds of silence after which a connection may have to make room for another
_GLANCE = 0.1  # seconds between two looks for room


class Connection(Protocol):
    """A connection to a mail server: when its client last said something, and a way to end it."""

    last_heard: float

    def make_room(self) -> None:
        """Tell the client to come back later, and close."""


class Connections:
    """The connections that are served now.  Runs on the event loop only.

    Beyond the first 48, a newcomer waits for room, or gets the place of the one that has been silent longest.
    """

    def __init__(self) -> None:
        self._served: set[Connection] = set()
        self._waiting = 0

    async def enter(self, connection: Connection) -> bool:
        """Wait for room for *connection*; False when too many wait already."""
        if len(self._served) + self._waiting >= _ADMITTED:
            return False
        self._waiting += 1
        try:
            while len(self._served) >= _SERVED:
                longest = min(self._served, key=lambda served: served.last_heard)
                if time.monotonic() - longest.last_heard > _IDLE:
                    self._served.discard(longest)
                    longest.make_room()
                else:
                    await asyncio.sleep(_GLANCE)
        finally:
            self._waiting -= 1
        self._served.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """Forget *connection*, which has ended."""
        self._served.discard(connection)


@dataclass(frozen=True)
class Services:
    """What all mail servers of a world share."""

    world: World
    clock: Clock
    log: Log
    mailboxes: Mailboxes
    readers: Readers
    faults: Faults
    queue: Queue
    observations: Observations
    verification: Workers
    network_of: Callable[[str], Network]
    client_address: Callable[[int], str]
    pages: Pages
    contexts: dict[str, Callable[[], ssl.SSLContext]]  # by the host whose certificate is in it
    connections: Connections = field(default_factory=Connections)
