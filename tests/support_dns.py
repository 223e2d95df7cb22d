"""A little DNS of one's own on loopback, for tests: any records, served over UDP and TCP by the lab's own server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dns.name
import pytest
from support_servers import one_number

from mailkit.lab.dns.authority import Authority
from mailkit.lab.dns.resolver import CachingResolver
from mailkit.lab.dns.server import serve
from mailkit.network import Answer, Network, Security, Status

Records = Mapping[str, Mapping[str, Sequence[str]]]
"""{name: {type: [value, …]}}; a TXT value that does not begin with a quote is plain text."""

_APEX = "$TTL 300\n@ SOA ns.example. hostmaster.example. 1 1800 900 604800 60\n@ NS ns.example.\n"


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 24, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@contextmanager
def serving(answer: Callable[..., Any]) -> Iterator[int]:
    """Serve ``answer(query, transport=…)`` from a thread of its own; yields the port."""
    loop = asyncio.SelectorEventLoop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(answer), loop).result(60)
    try:
        yield server.port
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass(frozen=True)
class World:
    """What :func:`dns_parts` serves, with the handles to change it."""

    net: Network
    authority: Authority
    resolver: CachingResolver
    clock: Clock
    port: int


def write_zones(folder: Path, records: Records, zones: Sequence[str] = ()) -> None:
    """Write the master files that hold *records*: the root, a zone for each top-level domain, and the *zones*."""
    names = {name: dns.name.from_text(name) for name in records}
    origins = {dns.name.root, *(dns.name.from_text(zone) for zone in zones)}
    origins |= {name.split(2)[1] for name in names.values() if name != dns.name.root}
    texts = {origin: f"$ORIGIN {origin}\n{_APEX}" for origin in origins}
    for text, name in names.items():
        origin = max((o for o in origins if name.is_subdomain(o)), key=len)
        for rdtype, values in records[text].items():
            for value in values:
                quoted = _quoted(value) if rdtype in ("TXT", "SPF") else value
                texts[origin] += f"{name} {rdtype} {quoted}\n"
    for origin, text in texts.items():
        (folder / f"{str(origin).strip('.') or 'root'}.zone").write_text(text, encoding="utf-8")


def _quoted(value: str) -> str:
    if value.startswith('"'):
        return value
    pieces = [value[i : i + 200].replace("\\", "\\\\").replace('"', '\\"') for i in range(0, len(value) or 1, 200)]
    return " ".join(f'"{piece}"' for piece in pieces)


@contextmanager
def dns_parts(
    records: Records, *, zones: Sequence[str] = (), unsigned: Sequence[str] = (), trust: bool = True, **options: Any
) -> Iterator[World]:
    """Serve *records* from loopback; yields the World.

    Names in *zones* are zones of their own, those in *unsigned* are not signed.  With *trust* the Network has the
    trust anchor; *options* go to the Network.
    """
    clock = Clock()
    with TemporaryDirectory() as folder:
        write_zones(Path(folder), records, zones)
        authority = Authority(Path(folder), unsigned=unsigned)
        authority.check()
    resolver = CachingResolver(authority, clock)
    with serving(resolver.answer) as port:
        given: dict[str, Any] = {
            "name": "internet",
            "vantage": "here",
            "nameservers": (("127.0.0.1", port),),
            "timeout": 60.0,
            "clock": clock,
            "trust_anchor": str(authority.trust_anchor) if trust else None,
        }
        yield World(Network(**{**given, **options}), authority, resolver, clock, port)


@contextmanager
def dns_world(records: Records, **options: Any) -> Iterator[Network]:
    """Serve *records* from loopback; yields the Network that sees them.  Options as of :func:`dns_parts`.

    ``with dns_world({"example.com": {"TXT": ["v=spf1 -all"]}}) as net:``
    """
    with dns_parts(records, **options) as world:
        yield world.net


@contextmanager
def raw_dns(
    answer: Callable[[bytes], Sequence[bytes]], stream: Callable[[socket.socket], None] | None = None
) -> Iterator[int]:
    """A name server in octets: ``answer(question)`` gives the datagrams to send back; yields the port.

    Over TCP a connection is served by *stream*, and refused without one.
    """
    with ExitStack() as stack:
        tcp, udp = one_number()
        port = udp.getsockname()[1]
        stack.callback(udp.close)
        stack.callback(tcp.close)
        if stream:
            tcp.listen()
        over = threading.Event()

        def serve_udp() -> None:
            udp.settimeout(0.1)
            while not over.is_set():
                try:
                    question, client = udp.recvfrom(65535)
                    for datagram in answer(question):
                        udp.sendto(datagram, client)
                except TimeoutError:
                    continue
                except OSError:  # the client has gone
                    continue

        def serve_tcp() -> None:
            tcp.settimeout(0.1)
            while not over.is_set():
                try:
                    connection, _ = tcp.accept()
                except OSError:
                    continue
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    assert stream is not None
                    stream(connection)

        threads = [
            threading.Thread(target=work, daemon=True) for work in (serve_udp, *((serve_tcp,) if stream else ()))
        ]
        for thread in threads:
            thread.start()
        try:
            yield port
        finally:
            over.set()
            for thread in threads:
                thread.join(10)


class AsOnTheInternet(Network):
    """A network whose name servers do not give it away as a world of its own."""

    @property
    def own_world(self) -> bool:
        return False


def on_the_internet(net: Network) -> Network:
    """Return *net* as if its name servers were those of the internet: private addresses are left out then."""
    return AsOnTheInternet(**{name: getattr(net, name) for name in net.__dataclass_fields__})


def keeping_out(net: Network) -> Network:
    """Return *net* as if on the internet, where dialling anybody but the address that nobody has is a fault."""

    class KeepingOut(AsOnTheInternet):
        def dial(self, host: str, port: int, *, timeout: float | None = None) -> socket.socket:
            if host != self.nobody:
                pytest.fail(f"{host}:{port} was dialled")  # no Exception, so nobody takes it for a server's fault
            raise TimeoutError("nobody lives there")

    return KeepingOut(**{name: getattr(net, name) for name in net.__dataclass_fields__})


def failing(net: Network, *rdtypes: str) -> Network:
    """Return *net* with questions of these types failing, whatever the name."""

    class Failing(Network):
        def lookup(self, name: str, rdtype: str, *, timeout: float | None = None, dnssec: bool = False) -> Answer:
            answer = super().lookup(name, rdtype, timeout=timeout, dnssec=dnssec)
            if rdtype not in rdtypes:
                return answer
            return replace(answer, status=Status.SERVFAIL, records=(), rdata=(), reason="the name server fails")

    return Failing(**{name: getattr(net, name) for name in net.__dataclass_fields__})


def without_validation(net: Network) -> Network:
    """Return *net* as one that cannot tell what is signed: a resolver elsewhere, and no trust anchor."""

    class Believing(Network):
        def validate(self, query: object, response: object) -> Security:
            return Security.UNKNOWN

    return Believing(**{name: getattr(net, name) for name in net.__dataclass_fields__})
