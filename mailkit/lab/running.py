"""The servers of a practice internet: one event loop in one thread, on loopback and ephemeral ports, unprivileged."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from mailkit.lab.clock import Clock
from mailkit.lab.dns import server as dns_server
from mailkit.lab.dns.authority import KEYS, Authority
from mailkit.lab.dns.resolver import CachingResolver
from mailkit.lab.faults import Faults
from mailkit.lab.heard import Heard
from mailkit.lab.loop import LoopThread
from mailkit.lab.mail import dmarc_reports, servers
from mailkit.lab.mail.delivery import Queue
from mailkit.lab.mail.log import Log
from mailkit.lab.mail.mailboxes import Mailboxes
from mailkit.lab.mail.readers import Readers
from mailkit.lab.mail.services import Services
from mailkit.lab.mail.transport import Transport
from mailkit.lab.reaching import PATIENCE, Reachable
from mailkit.lab.router import Router
from mailkit.lab.web.pages import Pages
from mailkit.lab.workers import Workers
from mailkit.lab.world_file import load
from mailkit.network import Slots

__all__ = ["Running"]

_T = TypeVar("_T")

_VERIFIERS = 8
# Turns of the event loop, with a moment in seconds in between, in which octets come from a client through the router to
# a server, and its answer back; each of these steps takes one turn.
_TURNS, _TURN = 20, 0.001


class Running(Reachable):
    """All servers of a practice internet, from :meth:`start` (or ``with``) to :meth:`close`, and the ways to them.

    *world* is the folder it is made of, by default ``data/lab``.  Raises ValueError when it is not understood.
    """

    def __init__(self, world: Path | str | None = None) -> None:
        self.world = load(world)
        servers.require(self.world)
        own_keys = self.world.folder / "keys"
        self._keys = own_keys if own_keys.is_dir() else KEYS
        self.clock = Clock(self.world.now)
        self._authority = Authority(
            self.world.folder / "zones", keys_dir=self._keys, unsigned=self.world.unsigned_zones
        )
        self.resolver = CachingResolver(self._authority, self.clock.now)
        self._heard = Heard(lambda: self.resolver.edition)
        self._faults = Faults()
        self.mailboxes = Mailboxes(self.clock)
        self._readers = Readers(self.clock)
        self._log = Log(self.clock)
        self._listeners: dict[tuple[str, int], int] = {}
        self.router = Router(self.world, self._listeners, self._resolve)
        self.pages = Pages(self.world.folder)
        self._contexts: dict[str, Callable[[], ssl.SSLContext]] = {}
        self._renewed: set[str] = set()
        self.transport = Transport(self.world)
        self._queue = Queue(
            clock=self.clock,
            log=self._log,
            mailboxes=self.mailboxes,
            faults=self._faults,
            network_of=self._serving,
            towards=self._towards,
            is_local=self._is_local,
            world=self.world,
            transport=self.transport,
        )
        self._observations = dmarc_reports.Observations()
        self._verification = Workers(_VERIFIERS, "lab-verification")
        self.at_work: set[Callable[[], bool]] = set()  # whether servers outside this process owe somebody an answer
        self._servers: list[asyncio.Server] = []
        self._dns: dns_server.DnsServer | None = None
        self._zones: dns_server.DnsServer | None = None
        self._silent: socket.socket | None = None
        self._loop: LoopThread | None = None
        self._slots = Slots(64)
        self._closed = False
        self._process = os.getpid()

    # Starting and stopping ---------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start every server and return when all of them listen; one that was closed does not start again."""
        if self._closed:
            raise RuntimeError("this lab was closed; make another: Lab()")
        if self._loop is not None:
            return self
        self._loop = LoopThread(self._faults)
        try:
            self._loop.run(self._open())
        except BaseException:
            self.close()
            raise
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop every server and thread; what was on its way is lost.

        After a fork the servers are the parent's, and go on: the child forgets them.
        """
        self._closed = True
        if self._loop is None or self._is_forked:
            self._loop = None
            return
        self._queue.close()
        self._loop.run(self._cut())
        # With every conversation cut and every question refused, what still runs on a thread soon ends.
        self._queue.join()
        self._verification.close()
        for server in (self._dns, self._zones):
            if server:
                self._loop.run(server.close())
        self._loop.close()
        if self._silent:
            self._silent.close()
        self._loop = None

    async def _open(self) -> None:
        services = Services(
            world=self.world,
            clock=self.clock,
            log=self._log,
            mailboxes=self.mailboxes,
            readers=self._readers,
            faults=self._faults,
            queue=self._queue,
            observations=self._observations,
            verification=self._verification,
            network_of=self._serving,
            client_address=self._client_address,
            pages=self.pages,
            contexts=self._contexts,
        )
        self._dns = await dns_server.serve(self.resolver.answer)
        self._zones = await dns_server.serve(lambda query, transport: self._authority.resolve(query))
        self._listeners.update({(address, 53): self._zones.port for address in self._authority.addresses})
        self._silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._silent.bind(("127.0.0.1", 0))
        await self.router.start()
        for host in self.world.hosts.values():
            if host.down:
                continue
            for port, server in (await servers.serve(host, services)).items():
                self._servers.append(server)
                listener = server.sockets[0].getsockname()[1]
                self._listeners.update({(address, port): listener for address in host.addresses})

    async def _cut(self) -> None:
        """Stop listening, cut every connection, and answer no question about the DNS any more."""
        self.resolver.close()
        for server in self._servers:
            server.close()
        await self.router.close()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run *work* on the event loop of this world and return what it returns."""
        if self._loop is None or self._is_forked:
            work.close()
            raise RuntimeError("this lab is not running here: use `with Lab() as lab:`, or lab.start()")
        return self._loop.run(work)

    @property
    def _is_forked(self) -> bool:
        return os.getpid() != self._process

    @property
    def errors(self) -> list[str]:
        """What went wrong in the servers and deliveries themselves: for those who look for a fault in the lab."""
        return self._faults.lines

    def _catch_up(self) -> None:
        """Wait until the servers have done what they can; after the end and in a forked child there are none."""
        if self._loop is not None and not self._closed and not self._is_forked:
            self._loop.run(self._idle())

    async def _idle(self) -> None:
        """Let the event loop turn until no work has been on the threads for some turns, within a minute."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                turns = 0
                while turns < _TURNS:
                    await asyncio.sleep(_TURN)
                    busy = self._verification.at_work or any(owes() for owes in self.at_work)
                    turns = 0 if busy else turns + 1
