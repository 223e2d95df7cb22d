"""The wires between a machine and the practice internet: what leaves goes through its router, what comes in knows whom.

Out: at the far end of the machine's cable every server of the world has its address, and what connects there goes on
through the router, from the place where the machine stands, under that place's filter.  Where the filter drops packets,
nothing answers: the daemon meets OP25B as it is.  In: the router has a listener for each door of the daemon, and the
connection leaves the far end from the client's own address.  The DNS is the practice internet's.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import time
from collections.abc import Iterable

from mailkit.lab.core import Lab
from mailkit.lab.daemons.machine import Machine
from mailkit.lab.dns.server import DnsServer
from mailkit.lab.world import Action

__all__ = ["Wires", "addresses"]

_DOORS = (25, 465, 587, 2525)
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of Linux
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # one instruction of a packet filter: keep nothing
_OWED = 30.0  # seconds for which a daemon that has heard something may owe an answer


def addresses(lab: Lab) -> list[str]:
    """Return every IPv4 address that somebody of this world has."""
    world = lab.world
    everybody = [address for host in world.hosts.values() for address in host.addresses]
    everybody += [point.address for point in world.vantage_points.values()]
    return sorted({address for address in everybody if ":" not in address})


class Wires:
    """The wires of *machine*, which stands at *place*, a vantage point or a host of *lab*'s world."""

    def __init__(self, lab: Lab, machine: Machine, place: str) -> None:
        self._lab, self._machine, self._place = lab, machine, place
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._doors: list[tuple[str, int]] = []
        self._silent: list[socket.socket] = []
        self._owed: dict[asyncio.Task[None], float] = {}
        self._dns = DnsServer(lab.resolver.answer)
        self._others = frozenset(addresses(lab)) - {machine.own}

    def open(self) -> None:
        """Lay the wires for what leaves, and for the DNS."""
        tcp, udp = self._machine.near.socket("tcp"), self._machine.near.socket("udp")
        for sock in (tcp, udp):
            sock.bind(("127.0.0.1", 53))
            sock.setblocking(False)
        tcp.listen()
        self._lab.run(self._dns.adopt(tcp, udp))
        router = self._lab.router
        for address in sorted(self._others):
            for port in _DOORS:
                action = router.decide(self._place, address, port).action
                if action in (Action.REJECT, Action.UNREACHABLE):
                    continue  # the far end refuses by itself
                sock = self._machine.far.socket("tcp")
                sock.bind((address, port))
                if action is Action.DROP:
                    _deafen(sock)
                sock.listen(128)
                sock.setblocking(False)
                if action is Action.DROP:
                    self._silent.append(sock)
                else:
                    self._servers.append(self._lab.run(self._listen(sock, address, port)))
        self._lab.at_work.add(self._owes)

    def publish(self, ports: Iterable[int]) -> None:
        """Let the router lead to the doors *ports* of the machine."""
        for port in ports:
            server = self._lab.run(self._listen_inwards(port))
            self._servers.append(server)
            door = (self._machine.own, port)
            self._lab.router.listeners[door] = server.sockets[0].getsockname()[1]
            self._doors.append(door)

    def close(self) -> None:
        """Take all wires away, and cut what runs over them."""
        self._lab.at_work.discard(self._owes)
        for door in self._doors:
            self._lab.router.listeners.pop(door, None)
        self._lab.run(self._cut())
        for sock in self._silent:
            sock.close()

    async def _cut(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._dns.close()

    async def _listen(self, sock: socket.socket, address: str, port: int) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._kept(self._lab.router.carry(reader, writer, self._place, address, port), writer)

        return await asyncio.start_server(connected, sock=sock)

    async def _listen_inwards(self, port: int) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._kept(self._inwards(reader, writer, port), writer)

        return await asyncio.start_server(connected, "127.0.0.1", 0)

    async def _kept(self, work: object, writer: asyncio.StreamWriter) -> None:
        """Do *work* for one connection; whatever ends it, the connection ends too."""
        task = asyncio.current_task()
        assert task is not None and asyncio.iscoroutine(work)
        self._tasks.add(task)
        try:
            await work
        except (OSError, EOFError):
            pass  # one side hung up
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            self._owed.pop(task, None)
            writer.close()

    async def _inwards(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        client = self._lab.router.clients.get(writer.get_extra_info("peername")[1], "")
        sock = (self._machine.far if client in self._others else self._machine.near).socket("tcp")
        sock.setblocking(False)
        if client in self._others:
            sock.bind((client, 0))
        try:
            await asyncio.get_running_loop().sock_connect(sock, (self._machine.own, port))
            far_reader, far_writer = await asyncio.open_connection(sock=sock)
        except BaseException:
            sock.close()
            raise
        task = asyncio.current_task()
        assert task is not None
        self._owed[task] = time.monotonic()
        forth = asyncio.ensure_future(self._pump(reader, far_writer, task, owed=True))
        try:
            await self._pump(far_reader, writer, task, owed=False)
        finally:
            forth.cancel()
            await asyncio.gather(forth, return_exceptions=True)
            far_writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None], *, owed: bool
    ) -> None:
        """Copy from *reader* to *writer*, and note whether the daemon now owes an answer."""
        while data := await reader.read(65536):
            if owed:
                self._owed[task] = time.monotonic()
            else:
                self._owed.pop(task, None)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def _owes(self) -> bool:
        return any(time.monotonic() - since < _OWED for since in list(self._owed.values()))


def _deafen(sock: socket.socket) -> None:
    """Have every packet to *sock* dropped, so that whoever connects hears nothing at all."""
    instruction = ctypes.create_string_buffer(_DROP_ALL, len(_DROP_ALL))
    program = struct.pack("HL", 1, ctypes.addressof(instruction))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
