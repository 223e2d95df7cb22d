"""The ways to a practice internet: its ports and files, and the network as it is seen from each place and host."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import dns.exception
import dns.message
import dns.rdatatype

from mailkit.lab.clock import Clock
from mailkit.lab.dns.resolver import CachingResolver
from mailkit.lab.dns.server import DnsServer
from mailkit.lab.heard import Heard
from mailkit.lab.loop import LoopThread
from mailkit.lab.pace import LabPace
from mailkit.lab.router import Router
from mailkit.lab.world import Action, World
from mailkit.network import Network, Slots
from mailkit.network.dns_lookup import read
from mailkit.network.exchange import Nameserver
from mailkit.network.socks import Proxy

__all__ = ["PATIENCE", "Reachable"]

# Seconds a mail server here waits for another, or for the DNS (RFC 5321 section 4.5.3.2 wants minutes).  How fast this
# machine is must decide nothing, so it waits long for whoever will answer, and not for whoever never will.
PATIENCE, _SILENCE = 60.0, 1.0


class Reachable:
    """What leads to a world that runs; :class:`mailkit.lab.running.Running` runs it."""

    world: World
    clock: Clock
    resolver: CachingResolver
    router: Router
    _keys: Path
    _listeners: Mapping[tuple[str, int], int]
    _dns: DnsServer | None
    _silent: socket.socket | None
    _loop: LoopThread | None
    _slots: Slots
    _heard: Heard

    def _catch_up(self) -> None:
        raise NotImplementedError

    @property
    def socks_port(self) -> int:
        """The loopback port of the SOCKS5 server, the one door to every host; the user name is the vantage point."""
        return self.router.port

    @property
    def dns_port(self) -> int:
        """The loopback port of the resolver, UDP and TCP."""
        return self._dns.port if self._dns else 0

    @property
    def ca_file(self) -> str:
        """A PEM file with the certificate authority that this world trusts."""
        return str(self.world.ca_file)

    @property
    def trust_anchor(self) -> str:
        """A file with the key of the DNS root, as delv reads it."""
        return str(self._keys / "trust-anchor.key")

    @property
    def listeners(self) -> dict[str, int]:
        """The loopback port behind each "host:port", for clients that speak no SOCKS."""
        return {
            f"{host.name}:{port}": self._listeners[host.addresses[0], port]
            for host in self.world.hosts.values()
            for port in host.ports
            if not host.down
        }

    def network(self, vantage: str | None = None) -> Network:
        """Return this internet seen from *vantage*.  Raises ValueError, listing the places, for an unknown one."""
        name = vantage or self.world.vantage
        if name not in self.world.vantage_points:
            places = ", ".join(self.world.vantage_points)
            raise ValueError(f"no vantage point {name!r}; this network has {places}")
        point = self.world.vantage_points[name]
        if self._silent is None or self._loop is None:
            raise RuntimeError("this lab is not running: use `with Lab() as lab:`, or lab.start()")
        silent = self._silent.getsockname()[1]
        return Network(
            name="lab",
            vantage=name,
            nameservers=(("127.0.0.1", silent if point.dns == "silent" else self.dns_port),),
            proxy=Proxy("127.0.0.1", self.socks_port, user=name),
            timeout=self.world.timeout,
            ca_file=self.ca_file,
            trust_anchor=self.trust_anchor,
            local_hostname=point.hostname,
            probe_domains=self.world.probe_domains,
            shows_credentials=True,
            takes_test_mail=True,
            clock=self.clock.now,
            pace=self._pace(name),
            others={place: partial(self.network, place) for place in self.world.vantage_points},
            _slots=self._slots,
        )

    def host_network(self, host: str) -> Network:
        """Return this internet as the mail server *host* sees it, which sends mail from there.

        Raises ValueError for a host that is not of this world.
        """
        if host not in self.world.hosts:
            raise ValueError(f"no host {host!r}; there are {', '.join(self.world.hosts)}")
        proxy = Proxy("127.0.0.1", self.socks_port, user=host)
        patience = _SILENCE if self.resolver.is_silent_somewhere else PATIENCE
        pace = self._pace(host)
        return replace(self.network(), vantage=host, proxy=proxy, local_hostname=host, timeout=patience, pace=pace)

    def _serving(self, host: str) -> Network:
        """Return :meth:`host_network` for one message: what was heard from the DNS need not be asked again."""
        return replace(self.host_network(host), memory=self._heard.memory())

    def _pace(self, who: str) -> LabPace:
        return LabPace(who, self.router, self.resolver, self._nameservers(), self._catch_up)

    def _nameservers(self) -> frozenset[Nameserver]:
        """Return where this world answers questions, and where it is silent on purpose."""
        silent = self._silent.getsockname()[1] if self._silent else 0
        return frozenset({("127.0.0.1", self.dns_port), ("127.0.0.1", silent)})

    def _towards(self, net: Network, target: str) -> Network:
        """Return *net*, a host's, for sending to *target*: with little patience where every packet will be dropped."""
        addresses = net.lookup(target, "A").records + net.lookup(target, "AAAA").records
        if any(self.router.decide(net.vantage, address, 25).action is Action.DROP for address in addresses):
            return replace(net, timeout=_SILENCE)
        return net

    def _client_address(self, source_port: int) -> str:
        """Return who is behind a loopback connection; one past the router counts as the default vantage point."""
        return self.router.clients.get(source_port) or self.world.vantage_points[self.world.vantage].address

    def _is_local(self, host: str, domain: str) -> bool:
        return domain in self.world.hosts[host].domains

    async def _resolve(self, name: str) -> str | None:
        try:
            query = dns.message.make_query(name, dns.rdatatype.A)
        except dns.exception.DNSException:  # this is no name
            return None
        response = self.resolver.answer(query, "tcp")
        found = read(name, "A", dns.message.from_wire(response.to_wire())) if response else None
        return found.records[0] if found else None
