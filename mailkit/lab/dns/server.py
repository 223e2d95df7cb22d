"""The DNS over UDP and TCP on one port (RFC 1035 section 4.2, RFC 7766) on the running event loop.

The server knows the wire only; what to answer is somebody else's business.  No message, however mangled, gets
further than a FORMERR, and none makes the server wait.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import dns.exception
import dns.message
import dns.opcode
import dns.rcode

from mailkit.lab.dns.zone_lookup import PAYLOAD

__all__ = ["Answerer", "DnsServer", "serve"]

Answerer = Callable[..., dns.message.Message | None]
"""``answer(query, transport="udp" or "tcp")`` gives the response, or None for silence."""

_IDLE = 10.0  # seconds a TCP client may take for its next question, or to read an answer
_MAX_CONNECTIONS = 64
_PORT_TRIES = 20
_BUFFER = 4_000_000  # octets of questions that may wait, as far as the system allows: hundreds come at a time

_log = logging.getLogger("mailkit.lab.dns")


class DnsServer:
    """A running server; ``port`` is the number it has over UDP and over TCP."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._connections: set[asyncio.Task[None]] = set()
        self._tcp: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Listen at *host* on *port*; 0 is any port that is free over both.  Raises OSError."""
        loop = asyncio.get_running_loop()
        for left in reversed(range(_PORT_TRIES if port == 0 else 1)):
            tcp = await asyncio.start_server(self._connected, host, port, limit=2**16)
            number = tcp.sockets[0].getsockname()[1]
            try:
                udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, number))
            except OSError:
                tcp.close()
                if not left:
                    raise
                continue
            with suppress(OSError):
                udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._tcp, self._udp, self.port = tcp, udp, number
            return

    async def adopt(self, tcp: socket.socket, udp: socket.socket) -> None:
        """Serve on two sockets that are bound to the same port already."""
        loop = asyncio.get_running_loop()
        self.port = udp.getsockname()[1]
        self._tcp = await asyncio.start_server(self._connected, sock=tcp, limit=2**16)
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)

    async def close(self) -> None:
        """Stop listening and end the connections there are."""
        if self._tcp is None or self._udp is None:
            return
        self._udp.close()
        self._tcp.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def reply(self, wire: bytes, transport: str) -> bytes | None:
        """Return the octets to send back for those that came, or None for silence."""
        query = _read(wire)
        if not isinstance(query, dns.message.Message):
            return query
        try:
            response = self._answer(query, transport=transport)
            if response is None:
                return None
            limit = 65535 if transport == "tcp" else min(max(query.payload, 512), PAYLOAD)
            return response.to_wire(max_size=limit, prefer_truncation=True)
        except Exception:  # one bad question must not end the service for everybody else
            _log.exception("no answer to %s", query.question)
            return _header(wire, dns.rcode.SERVFAIL)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= _MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            while True:
                async with asyncio.timeout(_IDLE):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    wire = self.reply(await reader.readexactly(length), "tcp")
                    if wire is not None:
                        writer.write(len(wire).to_bytes(2, "big") + wire)
                        await writer.drain()
        except (TimeoutError, asyncio.CancelledError):  # too slow, or the server closes: what is unread stays so
            writer.transport.abort()
        except (OSError, EOFError):  # the client has gone, or has no more questions
            writer.close()
        finally:
            self._connections.discard(task)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Before Python 3.12 the transport of a selector loop does not derive from DatagramTransport.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if wire := self._server.reply(data, "udp"):
            self._transport.sendto(wire, addr)


async def serve(answer: Answerer, host: str = "127.0.0.1", port: int = 0) -> DnsServer:
    """Return a server on the running loop that answers with *answer*; port 0 is any free one.  Raises OSError."""
    server = DnsServer(answer)
    await server.open(host, port)
    return server


def _read(wire: bytes) -> dns.message.Message | bytes | None:
    """Return the question in *wire*, or else what to send back: an error, or None for nothing at all."""
    if len(wire) < 12 or wire[2] & 0x80:
        return None  # too short to be answered, or itself an answer: two servers could go on for ever
    if (wire[2] >> 3) & 0x0F != dns.opcode.QUERY:
        return _header(wire, dns.rcode.NOTIMP)
    if int.from_bytes(wire[4:6], "big") != 1:
        return _header(wire, dns.rcode.FORMERR)
    try:
        return dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):
        return _header(wire, dns.rcode.FORMERR)


def _header(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """Return a response without any section to the message whose header *wire* begins with."""
    return wire[:2] + bytes([0x80 | (wire[2] & 0x79), rcode]) + bytes(8)
