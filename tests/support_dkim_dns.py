"""A name server of a few lines on loopback, UDP and TCP, for the tests of DKIM: any octets as TXT, and faults."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

from mailkit.network import Network

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

SERVFAIL, SILENCE = "SERVFAIL", "SILENCE"

# What a name holds: TXT values, a fault, or {"CNAME": target}.
Zone = Mapping[str, Sequence[str | bytes] | str | Mapping[str, str]]


def txt(value: str | bytes) -> dns.rdtypes.ANY.TXT.TXT:
    """Return *value* as a TXT record in strings of 255 octets."""
    octets = value.encode() if isinstance(value, str) else value
    strings = [octets[i : i + 255] for i in range(0, len(octets), 255)] or [b""]
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


def _find(zone: Zone, name: str) -> Any:
    if name in zone:
        return zone[name]
    parent = name
    while "." in parent:
        parent = parent.partition(".")[2]
        if f"*.{parent}" in zone:
            return zone[f"*.{parent}"]
    return None


def respond(zone: Zone, wire: bytes, *, compact_denial: bool = False) -> bytes | None:
    """Return the response to the query *wire*, None for silence."""
    query = dns.message.from_wire(wire)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    question = query.question[0]
    owner, name = question.name, question.name.to_text(omit_final_dot=True).lower()
    for _ in range(10):
        held = _find(zone, name)
        if not isinstance(held, Mapping):
            break
        target = held["CNAME"]
        response.answer.append(dns.rrset.from_text(owner, 300, "IN", "CNAME", f"{target}."))
        name, owner = target, response.answer[-1][0].target
    if held == SILENCE:
        return None
    if held == SERVFAIL:
        response.set_rcode(dns.rcode.SERVFAIL)
    elif held is None:
        below = any(name == "." or other.endswith(f".{name}") for other in zone)  # without records all is denied
        if not below and not compact_denial:
            response.set_rcode(dns.rcode.NXDOMAIN)
    elif question.rdtype == dns.rdatatype.TXT and not isinstance(held, Mapping):
        response.answer.append(dns.rrset.from_rdata(owner, 300, *[txt(value) for value in held]))
    return response.to_wire(max_size=65535)


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, sock = self.request
        response = respond(self.server.zone, wire, compact_denial=self.server.compact_denial)
        if response is not None and len(response) > 1232:
            short = dns.message.make_response(dns.message.from_wire(wire))
            short.flags |= dns.flags.TC
            response = short.to_wire()
        if response is not None:
            sock.sendto(response, self.client_address)


class _Tcp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        size = struct.unpack("!H", self.request.recv(2))[0]
        response = respond(self.server.zone, self.request.recv(size), compact_denial=self.server.compact_denial)
        if response is not None:
            self.request.sendall(struct.pack("!H", len(response)) + response)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _both() -> tuple[_UdpServer, _TcpServer]:
    for _ in range(50):
        udp = _UdpServer(("127.0.0.1", 0), _Udp)
        try:
            return udp, _TcpServer(udp.server_address, _Tcp)
        except OSError:  # the TCP port of that number is taken
            udp.server_close()
    raise OSError("no port is free for both UDP and TCP")


@contextmanager
def serving(
    zone: Zone, *, compact_denial: bool = False, timeout: float = 60.0, now: datetime = NOW
) -> Iterator[Network]:
    """Serve *zone* (it may be changed meanwhile); yields the Network that asks it and whose clock says *now*."""
    servers = _both()
    for server in servers:
        server.zone, server.compact_denial = zone, compact_denial
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        address = servers[0].server_address
        yield Network("internet", "here", (address,), timeout=timeout, clock=lambda: now)
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
