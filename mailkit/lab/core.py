"""A practice internet: one event loop in one thread, on loopback and ephemeral ports, unprivileged."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import dns.exception
import dns.message
import dns.rdatatype

from mailkit.clients import Credentials
from mailkit.lab import provider
from mailkit.lab.clock import Clock, duration
from mailkit.lab.dns import server as dns_server
from mailkit.lab.dns.authority import KEYS, Authority
from mailkit.lab.dns.resolver import CachingResolver
from mailkit.lab.faults import Faults
from mailkit.lab.loop import LoopThread
from mailkit.lab.mail import complaints, dmarc_reports, servers, tls_reports
from mailkit.lab.mail.delivery import Queue
from mailkit.lab.mail.log import Log, LogEntry
from mailkit.lab.mail.mailboxes import INBOX, JUNK, Mail, Mailboxes
from mailkit.lab.mail.readers import Readers
from mailkit.lab.mail.services import Services
from mailkit.lab.mail.transport import Transport
from mailkit.lab.pace import LabPace
from mailkit.lab.router import Router
from mailkit.lab.web.pages import Page, Pages
from mailkit.lab.workers import Workers
from mailkit.lab.world import Action, load
from mailkit.network import DnsRecord, Network, Slots, parse_paste
from mailkit.network.dns_lookup import read
from mailkit.network.socks import Proxy
from mailkit.results import Rows, Sentence

__all__ = ["Lab"]

_T = TypeVar("_T")

_VERIFIERS = 8
# Seconds a mail server here waits for another, or for the DNS (RFC 5321 section 4.5.3.2 wants minutes).  How fast this
# machine is must decide nothing, so it waits long for whoever will answer, and not for whoever never will.
_PATIENCE, _SILENCE = 60.0, 1.0
# Turns of the event loop, with a moment in seconds in between, in which octets come from a client through the router to
# a server, and its answer back; each of these steps takes one turn.
_TURNS, _TURN = 20, 0.001


class Lab:
    """A practice internet, running from :meth:`start` (or ``with``) to :meth:`close`.

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
            network_of=self.host_network,
            towards=self._towards,
            is_local=self._is_local,
            world=self.world,
            transport=self.transport,
        )
        self._observations = dmarc_reports.Observations()
        self._verification = Workers(_VERIFIERS, "lab-verification")
        self._servers: list[asyncio.Server] = []
        self._dns: dns_server.DnsServer | None = None
        self._silent: socket.socket | None = None
        self._loop: LoopThread | None = None
        self._slots = Slots(64)
        self._closed = False
        self._process = os.getpid()

    # Starting and stopping ---------------------------------------------------------------------------------------

    def start(self) -> Lab:
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

    def __enter__(self) -> Lab:
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
        if self._dns:
            self._loop.run(self._dns.close())
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
            network_of=self.host_network,
            client_address=self._client_address,
            pages=self.pages,
            contexts=self._contexts,
        )
        self._dns = await dns_server.serve(self.resolver.answer)
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

    # Where to reach it -------------------------------------------------------------------------------------------

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
        patience = _SILENCE if self.resolver.is_silent_somewhere else _PATIENCE
        pace = self._pace(host)
        return replace(self.network(), vantage=host, proxy=proxy, local_hostname=host, timeout=patience, pace=pace)

    def _pace(self, who: str) -> LabPace:
        return LabPace(who, self.router, self.resolver, self._catch_up)

    def _catch_up(self) -> None:
        """Wait until the servers have done what they can; after the end and in a forked child there are none."""
        if self._loop is not None and not self._closed and not self._is_forked:
            self._loop.run(self._idle())

    async def _idle(self) -> None:
        """Let the event loop turn until no work has been on the threads for some turns, within a minute."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                turns = 0
                while turns < _TURNS:
                    await asyncio.sleep(_TURN)
                    turns = 0 if self._verification.at_work else turns + 1

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

    # What one does with it ---------------------------------------------------------------------------------------

    def publish(self, name: str, rdtype: str, *values: str, ttl: int = 300, wait: bool = True) -> Sentence:
        """Replace the *rdtype* records of *name* by *values*, and let their old TTL pass unless *wait* is False.

        *ttl* is in seconds.  Raises ValueError for a name outside this world or a value the type does not take.
        """
        held = self.resolver.ttl_of(name, rdtype)
        self._authority.publish(name, rdtype, *values, ttl=ttl)
        return self._changed(f"Published {rdtype} at {name}.", held, wait)

    def withdraw(self, name: str, rdtype: str, *, wait: bool = True) -> Sentence:
        """Take the *rdtype* records of *name* away, and let their TTL pass unless *wait* is False."""
        held = self.resolver.ttl_of(name, rdtype)
        self._authority.withdraw(name, rdtype)
        return self._changed(f"Withdrew {rdtype} at {name}.", held, wait)

    def publish_policy(self, domain: str, policy: str, **page: Any) -> Sentence:
        """Serve *policy* as the MTA-STS policy of *domain*, at once; its record in the DNS is published apart.

        *page* may say how it is served: ``status``, ``media_type``, ``location``, ``certificate``.  Raises ValueError.
        """
        name = f"mta-sts.{domain}"
        self.pages.publish(name, Page(policy, **page))
        return Sentence(f"https://{name}/.well-known/mta-sts.txt serves the new policy.")

    def renew_certificate(self, host: str, pem: bytes | None = None) -> Sentence:
        """Let the server *host* show another certificate from now on: *pem*, its key first, or a newly issued one.

        Raises ValueError for no server of this world, and for what is no key and certificate.
        """
        if host not in self._contexts:
            raise ValueError(f"no server {host!r}; there are {', '.join(self._contexts)}")
        if pem is None:
            from mailkit.lab import ca  # it needs cryptography, which is slow to import

            pem = ca.issue(self.world, host, "good")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "server.pem")
            file.write_bytes(pem)
            try:
                self._contexts[host]().load_cert_chain(file)
            except ssl.SSLError:
                raise ValueError("pem is a private key and a certificate for it, in PEM") from None
        self._renewed.add(host)
        return Sentence(f"{host} shows a new certificate.")

    def _changed(self, what: str, held: int, wait: bool) -> Sentence:
        if not wait:
            return Sentence(f"{what} Caches may still give the old answer for up to {duration(held)}.")
        self.advance(held)
        return Sentence(f"{what} {duration(held).capitalize()} later no cache holds the old answer.")

    def account(self, address: str) -> Credentials:
        """Return the login of the mailbox *address*; its display does not show the password."""
        if address not in self.world.mailboxes:
            raise ValueError(f"no mailbox {address!r}; there are {', '.join(self.world.mailboxes)}")
        return self.world.mailboxes[address]

    def inbox(self, address: str, folder: str = INBOX) -> Rows[Mail]:
        """Return the mail in the mailbox *address*, oldest first, once everything on its way has arrived.

        *folder* "Junk" shows what a check has put there.
        """
        self.account(address)
        self.settle()
        caption = f"mailbox of {address}, {self.clock.now():%Y-%m-%d}"
        return Rows(Mail, self.mailboxes.mail(address, folder), caption=caption)

    @property
    def log(self) -> Rows[LogEntry]:
        """The log of all mail servers, oldest line first."""
        return self._log.rows(f"mail log, {self.clock.now():%Y-%m-%d}")

    def settle(self) -> None:
        """Wait until no delivery is under way, however long that takes on this machine.

        Those that wait for another try stay in their queue until the clock has advanced.
        """
        if not self._is_forked:
            self._queue.settle()

    def advance(self, seconds: float) -> Sentence:
        """Move the clock on by *seconds*: caches forget, and queues try again what is due.

        Where a day ends (UTC), the receivers send their DMARC reports on it, and the senders their TLS reports.
        """
        self.settle()
        now = self.clock.advance(seconds)
        self._report(now)
        self._queue.run_due()
        self.settle()
        return Sentence(f"{duration(seconds).capitalize()} later: it is {now:%Y-%m-%d %H:%M} UTC.")

    def _report(self, now: datetime) -> None:
        dmarc_reports.send_due(
            self._observations,
            now=now,
            world=self.world,
            queue=self._queue,
            log=self._log,
            network_of=self.host_network,
        )
        tls_reports.send_due(
            self.transport.sessions,
            now=now,
            world=self.world,
            queue=self._queue,
            log=self._log,
            network_of=self.host_network,
        )

    def lift(self, vantage: str) -> Sentence:
        """Have the provider of *vantage* open port 25, as a customer may ask some of them to."""
        point = self.network(vantage).vantage
        if not any(rule.until_lifted for rule in self.world.vantage_points[point].rules):
            return Sentence(f"The provider of {point} does not open port 25 on request.")
        self.router.lifted.add(point)
        return Sentence(f"Request granted: port 25 is open from {point}.")

    def set_reverse_name(self, address: str, name: str) -> Sentence:
        """Give *address*, a rented machine's, the reverse name *name*, as a customer of its provider does.

        The provider looks first whether *name* leads to *address*, and says so when it does not.  Raises ValueError
        for what is no address or no name.
        """

        def addresses_of(host: str) -> tuple[str, ...]:
            return self._published(host, "A") + self._published(host, "AAAA")

        if why := provider.refusal(address, name, self.world, addresses_of):
            return Sentence(f"The provider refuses: {why}")
        return self.publish(provider.reverse_name(address), "PTR", f"{name.rstrip('.')}.")

    def _published(self, name: str, rdtype: str) -> tuple[str, ...]:
        """Return what the zones say now, whatever caches still hold."""
        response = self._authority.resolve(dns.message.make_query(name, rdtype))
        return read(name, rdtype, dns.message.from_wire(response.to_wire())).records

    def paste(self, text: str) -> Sentence:
        """Publish the lines of a zone file in *text*, as plans and findings offer them; comments are passed over.

        A text stands beside the others at its name, but takes the place of one of the same kind (``v=spf1``,
        ``v=DMARC1``), of which a name has one; records of other types take the place of those that are there.  Raises
        ValueError for what is no such text.
        """
        groups: dict[tuple[str, str], list[DnsRecord]] = {}
        for record in parse_paste(text):
            groups.setdefault((record.name, record.rdtype), []).append(record)
        for (name, rdtype), records in groups.items():
            values = [record.rdata.to_text() for record in records]
            if rdtype == "TXT" and "_domainkey." not in name:
                kinds = {record.value.split()[0] for record in records if record.value.startswith("v=")}
                there = self._published(name, rdtype)
                values += [old for old in there if old not in values and old.strip('"').split(" ")[0] not in kinds]
            self.publish(name, rdtype, *values, ttl=min(record.ttl for record in records))
        names = ", ".join(f"{rdtype} at {name}" for name, rdtype in groups) or "nothing"
        return Sentence(f"Published: {names}.")

    def complain(self, address: str) -> Sentence:
        """Have the owner of the mailbox *address* call the newest message in it spam; the sender's service is told.

        Raises ValueError for a mailbox that does not exist.
        """
        mails = self.inbox(address) + self.inbox(address, JUNK)
        if not mails:
            return Sentence(f"There is nothing in the mailbox of {address} to complain about.")
        mail = max(mails, key=lambda each: each.received)
        source = complaints.came_from(mail.message)
        service = self.router.owners.get(source)
        if service is None or not service.complaints_to:
            return Sentence(f"Who sent it from {source or 'nowhere'} has not asked to be told of complaints.")
        own = next(h.name for h in self.world.hosts.values() if address.rpartition("@")[2] in h.domains)
        number = self._queue.new_id()
        to, now = service.complaints_to, self.clock.now()
        report = complaints.feedback_report(mail, source=source, host=own, to=to, number=number, now=now)
        self._queue.originate(own, "", [to], report)
        self.settle()
        return Sentence(f"{own} has told {to}, in the format of RFC 5965.")

    def reset(self) -> Sentence:
        """Go back to the beginning: zones, caches, mailboxes, queues, filters and the clock."""
        self.settle()
        self._queue.reset()
        self._observations.reset()
        self.mailboxes.reset()
        self._readers.reset()
        self._log.reset()
        self._authority.reset()
        self.resolver.reset()
        self.pages.reset()
        self.transport.reset()
        for host in self._renewed:
            self._contexts[host]().load_cert_chain(self.world.ca_file.with_name(f"{host}.pem"))
        self._renewed.clear()
        self.router.lifted.clear()
        self.router.taps.clear()
        self.clock.reset()
        return Sentence("The practice internet is as it was in the beginning.")
