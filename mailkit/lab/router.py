"""The one door of the practice internet: a SOCKS5 server (RFC 1928) that applies each place's filter.

The user name says who is asking: a vantage point or a server of the world.  ``(documentation address, port)`` is
mapped to the listener on loopback that plays this server, and the listener is told the asker's public address
before the connection arrives: the outgoing socket is bound first, its source port registered, then it connects.
HTTP CONNECT is understood too, because ``openssl s_client -proxy`` speaks nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from mailkit.lab.world import Action, World

__all__ = ["Decision", "Router"]

Port = tuple[str, int]

_HANDSHAKE = 120.0  # seconds a client may take to say what it wants, on a machine that may be busy
_PAUSE = 0.2  # seconds between an HTTP reply and the first word of a server
_MOST = 400  # connections at a time
_LINGER = 5.0  # seconds that a client may keep a connection which the server has closed
_GIVE_UP = 130.0  # seconds of silence after which even a patient client has gone

# SOCKS5 reply codes (RFC 1928 section 6) and the HTTP status that says the same.
_OK, _UNREACHABLE, _REFUSED = 0x00, 0x04, 0x05
_HTTP = {
    _OK: b"200 Connection established",
    _UNREACHABLE: b"504 Host unreachable",
    _REFUSED: b"502 Connection refused",
}


@dataclass(frozen=True)
class Decision:
    """What becomes of a connection: the action, and where it goes if it goes anywhere."""

    action: Action
    listener: int | None = None


class Router:
    """Routes between the places and servers of one *world*.

    *listeners* maps (address, port) to the loopback port that serves it; *resolve* turns a host name into an
    address.  ``clients`` maps the source port of a connection to the public address of who made it, ``wanted`` to the
    address and port it was meant for.  ``taps`` maps a vantage point to the listener of somebody who sits on the way
    from there and gets all its connections instead.
    """

    def __init__(
        self, world: World, listeners: dict[Port, int], resolve: Callable[[str], Awaitable[str | None]]
    ) -> None:
        self.world = world
        self.listeners = listeners
        self.resolve = resolve
        self.clients: dict[int, str] = {}
        self.wanted: dict[int, Port] = {}
        self.taps: dict[str, int] = {}
        self.lifted: set[str] = set()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.owners = {address: host for host in world.hosts.values() for address in host.addresses}

    async def start(self) -> None:
        """Listen on an ephemeral loopback port, ``port``."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def source_of(self, who: str) -> str | None:
        """Return the public address of *who*, a vantage point or a host; None when there is no such one."""
        if point := self.world.vantage_points.get(who):
            return point.address
        host = self.world.hosts.get(who)
        return host.addresses[0] if host else None

    def decide(self, who: str, address: str, port: int) -> Decision:
        """Return what happens to a connection of *who* to *address*:*port*."""
        host = self.world.hosts.get(who)
        place = self.world.vantage_points.get(host.behind if host else who)
        for rule in place.rules if place else ():
            if not rule.matches(address, port) or (rule.until_lifted and place and place.name in self.lifted):
                continue
            if rule.action is Action.INTERCEPT:
                other = self.world.hosts[rule.host].addresses[0]
                return Decision(rule.action, self.listeners.get((other, port)))
            if rule.action is not Action.ALLOW:
                return Decision(rule.action)
            break
        return self._deliver(address, port)

    def _deliver(self, address: str, port: int) -> Decision:
        owner = self.owners.get(address)
        if owner is not None and owner.down:
            return Decision(Action.DROP)
        if listener := self.listeners.get((address, port)):
            return Decision(Action.ALLOW, listener)
        places = {point.address for point in self.world.vantage_points.values()}
        return Decision(Action.REJECT if owner or address in places else Action.UNREACHABLE)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._tasks) >= _MOST:
            writer.close()
            return
        self._tasks.add(task)
        try:
            async with asyncio.timeout(_HANDSHAKE):
                talk = _TALKS[await reader.readexactly(1)](reader, writer)
                who, target, port = await talk.request()
            await self._route(talk, who or self.world.vantage, target, port)
        except (OSError, EOFError, ValueError, LookupError, asyncio.LimitOverrunError):
            pass  # a client that breaks off or talks nonsense is simply dropped
        finally:
            self._tasks.discard(task)
            writer.close()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str, address: str, port: int
    ) -> None:
        """Carry a connection of *who* to *address*:*port* that came by another way than SOCKS, as a daemon's do.

        It is open already on the near side: where it may not go on, it is cut.
        """
        await self._route(_Open(reader, writer), who, address, port)

    async def _route(self, talk: _Talk, who: str, target: str, port: int) -> None:
        source = self.source_of(who)
        address = await self._address(target)
        if source is None or address is None:
            await talk.answer(_UNREACHABLE)
            return
        decision = self.decide(who, address, port)
        if decision.action is Action.DROP:
            # Silence: no reply until the client hangs up.
            async with asyncio.timeout(_GIVE_UP):
                await talk.reader.read(1)
        elif decision.listener is not None:
            await self._splice(talk, source, (address, port), self.taps.get(who, decision.listener))
        else:
            await talk.answer(_REFUSED if decision.action is not Action.UNREACHABLE else _UNREACHABLE)

    async def _address(self, target: str) -> str | None:
        try:
            return str(ipaddress.ip_address(target))
        except ValueError:
            return await self.resolve(target)

    async def _splice(self, talk: _Talk, source: str, wanted: Port, listener: int) -> None:
        outgoing = socket.socket()
        outgoing.setblocking(False)
        outgoing.bind(("127.0.0.1", 0))
        own_port = outgoing.getsockname()[1]
        self.clients[own_port], self.wanted[own_port] = source, wanted
        try:
            await asyncio.get_running_loop().sock_connect(outgoing, ("127.0.0.1", listener))
            far_reader, far_writer = await asyncio.open_connection(sock=outgoing)
        except BaseException as error:  # the world may end in this moment; its sockets must not outlive it
            outgoing.close()
            del self.clients[own_port], self.wanted[own_port]
            if not isinstance(error, OSError):
                raise
            await talk.answer(_REFUSED)
            return
        try:
            await talk.answer(_OK)
            await _both_ways(_pump(talk.reader, far_writer), _pump(far_reader, talk.writer))
        finally:
            far_writer.close()
            del self.clients[own_port], self.wanted[own_port]


async def _both_ways(forth: Coroutine[Any, Any, None], back: Coroutine[Any, Any, None]) -> None:
    """Copy in both directions until both have ended, or the server has gone and the client does not notice."""
    sending, answering = asyncio.ensure_future(forth), asyncio.ensure_future(back)
    try:
        await answering
        await asyncio.wait([sending], timeout=_LINGER)
    finally:
        for task in (sending, answering):
            task.cancel()
        await asyncio.gather(sending, answering, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until *reader* ends, then close that direction; a reset on one side becomes one on the other."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


class _Talk:
    """How one client asks for a connection; ``request`` and ``answer`` are the protocol's own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def request(self) -> tuple[str, str, int]:
        """Return who asks, and for which host and port; the first octet has been read already."""
        raise NotImplementedError

    async def answer(self, code: int) -> None:
        """Tell the client what became of it."""
        raise NotImplementedError


class _Socks(_Talk):
    async def request(self) -> tuple[str, str, int]:
        methods = await self._block()
        who = ""
        if 2 in methods:  # user name and password, RFC 1929; any password will do
            self.writer.write(b"\x05\x02")
            await self.reader.readexactly(1)
            who = (await self._block()).decode("utf-8", "replace")
            await self._block()
            self.writer.write(b"\x01\x00")
        else:
            self.writer.write(b"\x05\x00" if 0 in methods else b"\x05\xff")
        _, command, _, kind = await self.reader.readexactly(4)
        if kind == 3:
            target = (await self._block()).decode("ascii", "replace")
        else:
            target = str(ipaddress.ip_address(await self.reader.readexactly(16 if kind == 4 else 4)))
        (port,) = struct.unpack("!H", await self.reader.readexactly(2))
        if command != 1:
            raise ValueError("only CONNECT is served")
        return who, target, port

    async def _block(self) -> bytes:
        (size,) = await self.reader.readexactly(1)
        return await self.reader.readexactly(size)

    async def answer(self, code: int) -> None:
        self.writer.write(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
        await self.writer.drain()


class _Http(_Talk):
    async def request(self) -> tuple[str, str, int]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")
        host, _, port = line.split()[1].rpartition(":")
        logins = [f.partition(":")[2].split()[-1] for f in fields if f.lower().startswith("proxy-authorization:")]
        who = base64.b64decode(logins[0]).decode("utf-8", "replace").partition(":")[0] if logins else ""
        return who, host.strip("[]"), int(port)

    async def answer(self, code: int) -> None:
        self.writer.write(b"HTTP/1.1 " + _HTTP[code] + b"\r\n\r\n")
        await self.writer.drain()
        # s_client throws away what it read together with this reply, so a greeting had better come a moment later.
        await asyncio.sleep(_PAUSE)


class _Open(_Talk):
    """A connection that somebody else has accepted."""

    async def answer(self, code: int) -> None:
        if code != _OK:
            self.writer.transport.abort()


# By the first octet of what a client says: SOCKS version 5, or the C of CONNECT.  Whatever else there is, such as the
# POST that a web page makes a browser send, is no client of this door.
_TALKS: dict[bytes, type[_Talk]] = {b"\x05": _Socks, b"C": _Http}
