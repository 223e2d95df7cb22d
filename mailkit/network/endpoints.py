"""The endpoints of a mail domain: where it takes mail, where its users hand mail in, where they read it.

MX records announce the first (RFC 5321 section 5.1), SRV records the others (RFC 6186 section 3, RFC 8314 section
5.1).  Where no SRV record announces a service, the usual name is a guess, and says so.  What the DNS of a domain
says is a stranger's word: nothing is returned that leads to one's own machine or network, and how much is returned
is bounded.  What is left out is listed, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from dns.rdtypes.IN.SRV import SRV

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.exchangers import Exchangers, inside, mail_exchangers
from mailkit.network.hosts import Why, look_up
from mailkit.network.names import to_ascii
from mailkit.network.place import Network
from mailkit.results import Record, Rows, visible

__all__ = [
    "Discovered",
    "Endpoint",
    "Exchangers",
    "Found",
    "LeftOut",
    "Purpose",
    "Why",
    "discover",
    "endpoints",
    "inside",
    "mail_exchangers",
]

Item = TypeVar("Item")

MOST_TARGETS = 10  # of one record set: large providers have five MX
MOST_PORTS = 4  # of one host
MOST_ENDPOINTS = 24  # of one domain


class Found(StrEnum):
    """How an endpoint was found: the domain announces it, or it has a usual name."""

    ANNOUNCED = "announced"
    GUESSED = "guessed"


class Purpose(StrEnum):
    """What an endpoint is for."""

    RELAY = "relay"
    SUBMISSION = "submission"
    IMAP = "imap"
    POP3 = "pop3"


@dataclass(frozen=True)
class Endpoint(Record):
    """One port of one host that does something for a domain's mail.

    ``implicit_tls`` is decided by the service that announces it, not by the port.  ``source`` is where it was found:
    "MX", "SRV _submissions", "usual name" …  ``addresses`` are those of the host, IPv4 first, all of them public.
    """

    host: str
    port: int
    purpose: Purpose
    implicit_tls: bool
    found: Found
    source: str
    addresses: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The endpoint as ``host:port``."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class LeftOut(Record):
    """What the DNS names and what is not dialled: ``name`` is the host or service, ``reason`` one sentence."""

    name: str
    purpose: Purpose
    source: str
    why: Why
    reason: str


@dataclass(frozen=True)
class Discovered(Record):
    """The endpoints of a domain, and what was left out."""

    endpoints: Rows[Endpoint]
    left_out: Rows[LeftOut]


@dataclass(frozen=True)
class _Service:
    name: str
    implicit_tls: bool


@dataclass(frozen=True)
class _Plan:
    """How one purpose is announced, under which names it usually is, and on which ports (with implicit TLS or not)."""

    services: tuple[_Service, ...]
    usual_names: tuple[str, ...]
    usual_ports: tuple[tuple[int, bool], ...]


_PLANS = {
    Purpose.SUBMISSION: _Plan(
        (_Service("_submissions", True), _Service("_submission", False)),
        ("smtp", "mail", "submission"),
        ((465, True), (587, False)),
    ),
    Purpose.IMAP: _Plan(
        (_Service("_imaps", True), _Service("_imap", False)), ("imap", "mail"), ((993, True), (143, False))
    ),
    Purpose.POP3: _Plan(
        (_Service("_pop3s", True), _Service("_pop3", False)), ("pop", "pop3", "mail"), ((995, True), (110, False))
    ),
}


def endpoints(domain: str, *, net: Network, purposes: Iterable[Purpose] = tuple(Purpose)) -> Rows[Endpoint]:
    """Return the endpoints of *domain*: relay first, then submission, IMAP, POP3; the announced ones as announced.

    Each stands there once, however it is spelt.  A domain with a null MX has no guessed ones.  What was left out is
    counted in the caption; :func:`discover` lists it.  Raises ValueError for what is no domain name.
    """
    return discover(domain, net=net, purposes=purposes).endpoints


def discover(domain: str, *, net: Network, purposes: Iterable[Purpose] = tuple(Purpose)) -> Discovered:
    """Return :func:`endpoints` together with what was left out and why."""
    name, wanted = to_ascii(domain), [Purpose(purpose) for purpose in purposes]
    net = net.remembering()
    asked = [f"{service.name}._tcp.{name}" for p in wanted if p in _PLANS for service in _PLANS[p].services]
    net.prefetch([(name, "MX"), *((question, "SRV") for question in asked)])
    exchangers = mail_exchangers(name, net=net)
    search = _Search(net)
    for purpose in dict.fromkeys(wanted):
        if purpose is Purpose.RELAY:
            search.relay(exchangers)
        else:
            search.service(name, purpose, guess=not exchangers.null_mx and exchangers.status is not Status.NXDOMAIN)
    kept = search.resolved()
    caption = f"{net.caption}; left out: {len(search.left_out)}" if search.left_out else net.caption
    return Discovered(
        Rows(Endpoint, kept, caption=caption), Rows(LeftOut, dict.fromkeys(search.left_out), caption=net.caption)
    )


@dataclass(frozen=True)
class _Candidate:
    """An endpoint whose host has not been looked up; of several *hosts* the first that has an address is meant."""

    hosts: tuple[str, ...]
    port: int
    purpose: Purpose
    implicit_tls: bool
    found: Found
    source: str


class _Search:
    """The candidates found so far, in order, and what was left out."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._candidates: list[_Candidate] = []
        self.left_out: list[LeftOut] = []

    def relay(self, exchangers: Exchangers) -> None:
        """Add the mail exchangers; a null MX is none."""
        if exchangers.status in (Status.SERVFAIL, Status.TIMEOUT):
            self._leave("MX", Purpose.RELAY, "MX", Why.UNKNOWN, exchangers.reason)
        source = "address of the domain" if exchangers.implicit else "MX"
        for host in self._at_most(exchangers.hosts, Purpose.RELAY, source):
            self._candidates.append(_Candidate((host,), 25, Purpose.RELAY, False, Found.ANNOUNCED, source))

    def service(self, domain: str, purpose: Purpose, *, guess: bool) -> None:
        """Add what the SRV records of *purpose* announce, or with *guess* its usual names."""
        plan = _PLANS[purpose]
        said = False
        for service in plan.services:
            answer = self._net.lookup(f"{service.name}._tcp.{domain}", "SRV")
            if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
                self._leave(service.name, purpose, f"SRV {service.name}", Why.UNKNOWN, answer.reason)
            said = said or answer.status not in (Status.NODATA, Status.NXDOMAIN)
            self._announced(service, purpose, answer)
        if guess and not said:
            names = tuple(f"{name}.{domain}" for name in plan.usual_names)
            for port, implicit in plan.usual_ports:
                self._candidates.append(_Candidate(names, port, purpose, implicit, Found.GUESSED, "usual name"))

    def _announced(self, service: _Service, purpose: Purpose, answer: Answer) -> None:
        source = f"SRV {service.name}"
        records = sorted(
            (r for r in answer.rdata if isinstance(r, SRV)), key=lambda r: (r.priority, -r.weight, r.target, r.port)
        )
        targets = dict.fromkeys((str(r.target).removesuffix(".").lower(), r.port) for r in records)
        for host, port in self._at_most(list(targets), purpose, source):
            if not host:
                self._leave(service.name, purpose, source, Why.NOT_OFFERED, "the domain says that it has none")
            elif not port:
                self._leave(visible(host), purpose, source, Why.NO_PORT, "the SRV record names port 0")
            else:
                candidate = _Candidate((host,), port, purpose, service.implicit_tls, Found.ANNOUNCED, source)
                self._candidates.append(candidate)

    def _at_most(self, items: Sequence[Item], purpose: Purpose, source: str) -> Sequence[Item]:
        if len(items) > MOST_TARGETS:
            reason = f"{len(items) - MOST_TARGETS} of {len(items)} are not looked at"
            self._leave(source, purpose, source, Why.TOO_MANY, reason)
        return items[:MOST_TARGETS]

    def _leave(self, name: str, purpose: Purpose, source: str, why: Why, reason: str) -> None:
        self.left_out.append(LeftOut(name, purpose, source, why, reason))

    def resolved(self) -> list[Endpoint]:
        """Return the endpoints whose hosts can be dialled, each once, within the limits."""
        hosts = look_up((host for candidate in self._candidates for host in candidate.hosts), net=self._net)
        kept: dict[tuple[str, int], Endpoint] = {}
        for candidate in self._candidates:
            # Of the usual names the first that is there is the one that people would try.
            name = next((n for n in candidate.hosts if hosts[n].addresses), candidate.hosts[0])
            host = hosts[name]
            guessed = candidate.found is Found.GUESSED
            if host.why and not (guessed and host.why is Why.NO_ADDRESS):
                self._leave(visible(name), candidate.purpose, candidate.source, host.why, host.reason)
            if not host.addresses:
                continue
            key = (host.name, candidate.port)
            if key not in kept and self._has_room(host.name, candidate, kept):
                kept[key] = Endpoint(
                    host.name,
                    candidate.port,
                    candidate.purpose,
                    candidate.implicit_tls,
                    candidate.found,
                    candidate.source,
                    host.addresses,
                )
        return list(kept.values())

    def _has_room(self, host: str, candidate: _Candidate, kept: dict[tuple[str, int], Endpoint]) -> bool:
        if len(kept) >= MOST_ENDPOINTS:
            reason = f"more than {MOST_ENDPOINTS} endpoints of this domain: the others are not looked at"
            self._leave("endpoints", candidate.purpose, candidate.source, Why.TOO_MANY, reason)
            return False
        if sum(name == host for name, _ in kept) >= MOST_PORTS:
            reason = f"more than {MOST_PORTS} ports of this host: the others are not looked at"
            self._leave(host, candidate.purpose, candidate.source, Why.TOO_MANY, reason)
            return False
        return True
