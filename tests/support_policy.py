"""A domain with an MTA-STS policy on loopback: a DNS of one's own, and a web server that behaves as told."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

from support_dns import Records, World, dns_parts
from support_servers import tcp_server, wait_for_end
from support_tls import Authority, Pair

from mailkit.network import Network

DOMAIN = "kaisha.example"
HOST = f"mta-sts.{DOMAIN}"
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.kaisha.example\r\nmx: *.mail.example\r\nmax_age: 604800\r\n"
RECORDS: Records = {
    f"_mta-sts.{DOMAIN}": {"TXT": ["v=STSv1; id=20261124"]},
    HOST: {"A": ["192.0.2.80"]},
    DOMAIN: {"MX": ["10 mx.kaisha.example."]},
    "mx.kaisha.example": {"A": ["192.0.2.25"]},
}

Web = Callable[[socket.socket], None]


class Redirected(Network):
    """A network whose connections go to loopback, by address and port; nothing else is reached."""

    ports: Mapping[tuple[str, int], int]

    def dial(self, host: str, port: int, *, timeout: float | None = None) -> socket.socket:
        address = self.addresses(host, timeout=timeout)[0]
        return socket.create_connection(("127.0.0.1", self.ports[address, port]), timeout or self.timeout)


def redirected(net: Network, ports: Mapping[tuple[str, int], int]) -> Redirected:
    """*net* with its connections going to *ports*."""
    found = Redirected(**{f.name: getattr(net, f.name) for f in fields(net)})
    object.__setattr__(found, "ports", ports)
    return found


def response(
    body: bytes = POLICY, *, status: str = "200 OK", media_type: str = "text/plain; charset=utf-8", more: bytes = b""
) -> bytes:
    """What a web server sends."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n".encode()
    return head + more + b"Connection: close\r\n\r\n" + body


@dataclass
class Site:
    """A web server: what it ``says`` (octets, or what is to be done with the socket inside TLS), and who ``asked``."""

    says: bytes | Web = b""
    asked: list[bytes] = field(default_factory=list)
    world: World | None = None

    def serve(self, context: ssl.SSLContext) -> Web:
        def behave(plain: socket.socket) -> None:
            with context.wrap_socket(plain, server_side=True) as secure:
                self.asked.append(secure.recv(4096))
                if callable(self.says):
                    self.says(secure)
                else:
                    secure.sendall(self.says)
                    secure.unwrap()

        return behave


def server_context(pair: Pair, folder: Path) -> ssl.SSLContext:
    """What a server with this key and certificate needs."""
    file = folder / "server.pem"
    file.write_bytes(pair.pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def site(
    folder: Path,
    says: bytes | Web = b"",
    *,
    records: Records = RECORDS,
    pair: Pair | None = None,
    timeout: float = 20.0,
    authority: Authority | None = None,
    plain: Web | None = None,
) -> Iterator[tuple[Network, Site]]:
    """A network where the policy host says *says*; *pair* is its certificate, *plain* what it does without TLS."""
    authority = authority or Authority()
    found = Site(says or response())
    behave = plain or found.serve(server_context(pair or authority.issue(HOST), folder))
    with ExitStack() as stack:
        port = stack.enter_context(tcp_server(behave))
        world = stack.enter_context(dns_parts(records, timeout=timeout, ca_file=str(authority.write(folder))))
        found.world = world
        yield redirected(world.net, {("192.0.2.80", 443): port}), found


def then_silence(octets: bytes) -> Web:
    """Says *octets*, and then nothing more."""

    def behave(secure: socket.socket) -> None:
        secure.sendall(octets)
        wait_for_end(secure)

    return behave
