"""Places to look from: a SOCKS server whose policy plays the network, and mail servers that behave as told."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from support_dns import dns_parts
from support_servers import HOST, Behaviour, tcp_server, wait_for_end

from mailkit.lab.dns.resolver import CachingResolver
from mailkit.network import Network
from mailkit.network.socks import Proxy

NOBODY = "203.0.113.254"

# A SOCKS server's word about a target: a loopback port to connect to, a reply code (RFC 1928 section 6), or silence.
Policy = Callable[[str, int], int | str]
UNREACHABLE, REFUSED, SILENCE = "3", "5", ""


@contextmanager
def socks(policy: Policy) -> Iterator[str]:
    """A SOCKS5 server whose policy plays the network; yields its URL."""

    def behave(client: socket.socket) -> None:
        client.recv(2 + client.recv(2)[1])
        client.sendall(b"\x05\x00")
        kind = client.recv(4)[3]
        size, family = (4, socket.AF_INET) if kind == 1 else (16, socket.AF_INET6)
        address = socket.inet_ntop(family, client.recv(size))
        verdict = policy(address, struct.unpack("!H", client.recv(2))[0])
        if isinstance(verdict, str):
            if verdict:
                client.sendall(b"\x05" + bytes([int(verdict)]) + b"\x00\x01" + bytes(6))
            wait_for_end(client)
            return
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        with socket.create_connection((HOST, verdict)) as server:
            # The mail server below speaks first and answers line by line, so turns alternate.
            while data := server.recv(65536):
                client.sendall(data)
                if not (typed := client.recv(65536)):
                    return
                server.sendall(typed)

    with tcp_server(behave) as port:
        yield f"socks5://{HOST}:{port}"


def mail_server(connection: socket.socket) -> None:
    """Greet, and say yes to everything."""
    connection.sendall(b"220 here\r\n")
    for line in connection.makefile("rb"):
        connection.sendall(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 ok\r\n")


def says(*pieces: bytes) -> Behaviour:
    """Return a server that says *pieces*, one for each thing that it hears, and then listens."""

    def behave(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            connection.recv(4096)
        wait_for_end(connection)

    return behave


def hangs_up(connection: socket.socket) -> None:
    """End the connection without a word."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Place:
    """A network to look through, the addresses that were dialled in it, and its resolver."""

    net: Network
    dialled: list[tuple[str, int]]
    resolver: CachingResolver


@contextmanager
def place(
    records: Mapping[str, Mapping[str, Sequence[str]]],
    there: Mapping[tuple[str, int], Behaviour | str],
    *,
    otherwise: str = REFUSED,
    timeout: float = 10.0,
    **options: Any,
) -> Iterator[Place]:
    """A place from which *there* says what becomes of an address and port, and *otherwise* of all others."""
    dialled: list[tuple[str, int]] = []
    with ExitStack() as stack:
        doors = {
            target: behave if isinstance(behave, str) else stack.enter_context(tcp_server(behave))
            for target, behave in there.items()
        }

        def policy(address: str, port: int) -> int | str:
            dialled.append((address, port))
            return doors.get((address, port), REFUSED if address == NOBODY else otherwise)

        proxy = Proxy.parse(stack.enter_context(socks(policy)))
        parts = stack.enter_context(dns_parts(records, proxy=proxy, timeout=timeout, nobody=NOBODY, **options))
        yield Place(parts.net, dialled, parts.resolver)
