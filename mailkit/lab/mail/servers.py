"""Which server plays a port: a table that lessons add to, and whether a world can be served with it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mailkit.lab.mail.checks import CHECKS
from mailkit.lab.mail.services import Services
from mailkit.lab.web.pages import WebSession, choose_by_name
from mailkit.lab.world import Host, World

__all__ = ["SERVERS", "Server", "require", "serve"]

Make = Callable[[Host, Services, Callable[[], ssl.SSLContext]], asyncio.Protocol]


@dataclass(frozen=True)
class Server:
    """What listens on a port: ``make`` gives the protocol that talks to one client, inside TLS with ``implicit_tls``.

    ``make`` gets the host, what all servers share, and a function that returns the host's TLS context.  With
    ``by_name`` the client chooses the certificate by the name that it asks for (RFC 6066 section 3).
    """

    make: Make
    implicit_tls: bool = False
    by_name: bool = False


def _smtp(**options: Any) -> Make:
    def make(host: Host, services: Services, tls: Callable[[], ssl.SSLContext]) -> asyncio.Protocol:
        from mailkit.lab.mail.mta import Session  # aiosmtpd is needed when the first client comes, not before

        return Session(host, services, tls(), **options)

    return make


def _https(host: Host, services: Services, tls: Callable[[], ssl.SSLContext]) -> asyncio.Protocol:
    return WebSession(services.pages)


def _mailbox(protocol: str, *, implicit_tls: bool) -> Make:
    def make(host: Host, services: Services, tls: Callable[[], ssl.SSLContext]) -> asyncio.Protocol:
        from mailkit.lab.mailbox_servers.imap import IMAP  # these too come with their first client
        from mailkit.lab.mailbox_servers.pop3 import POP3

        return {"imap": IMAP, "pop3": POP3}[protocol](host, services, tls, implicit_tls=implicit_tls)

    return make


SERVERS: Mapping[int, Server] = {
    25: Server(_smtp(submission=False, implicit_tls=False)),
    465: Server(_smtp(submission=True, implicit_tls=True), implicit_tls=True),
    587: Server(_smtp(submission=True, implicit_tls=False)),
    2525: Server(_smtp(submission=True, implicit_tls=False)),
    443: Server(_https, implicit_tls=True, by_name=True),
    143: Server(_mailbox("imap", implicit_tls=False)),
    993: Server(_mailbox("imap", implicit_tls=True), implicit_tls=True),
    110: Server(_mailbox("pop3", implicit_tls=False)),
    995: Server(_mailbox("pop3", implicit_tls=True), implicit_tls=True),
}
"""Port -> the server that listens there."""


def require(world: World) -> None:
    """Raise ValueError when a host of *world* names a check or a port that there is not."""
    for host in world.hosts.values():
        for check in host.checks:
            if check not in CHECKS:
                raise ValueError(f"{host.name}: there is no check {check!r}; there are {', '.join(CHECKS)}")
        for port in host.ports:
            if port not in SERVERS:
                ports = ", ".join(str(known) for known in SERVERS)
                raise ValueError(f"{host.name}: nothing is known to listen on port {port}; there are {ports}")


async def serve(host: Host, services: Services) -> dict[int, asyncio.Server]:
    """Return the listeners of *host* by the port they play, each on an ephemeral loopback port.

    Raises ValueError when the host has no certificate.
    """
    certificate = services.world.ca_file.with_name(f"{host.name}.pem")
    if not certificate.exists():
        raise ValueError(f"{host.name} has no certificate: python -m mailkit.lab.ca {services.world.folder}")

    @cache
    def tls() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        return context

    services.contexts[host.name] = tls
    loop = asyncio.get_running_loop()
    listeners = {}
    for port in host.ports:
        server = SERVERS[port]

        def connected(server: Server = server) -> asyncio.Protocol:
            return server.make(host, services, tls)

        context = tls() if server.implicit_tls else None
        if context and server.by_name:
            choose_by_name(context, services.pages, services.world)
        listeners[port] = await loop.create_server(connected, "127.0.0.1", 0, ssl=context)
    return listeners
