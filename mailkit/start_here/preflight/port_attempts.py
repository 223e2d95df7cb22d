"""What leaves from here: the DNS, a handful of ports, and IPv6, each asked with a few polite connections.

Mail servers are greeted and left with QUIT (:func:`mailkit.clients.greet`); web ports are only connected to.  An
address where nobody lives is dialled on every port too: if it answers, somebody on the way answers for everyone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mailkit.clients import greet
from mailkit.conversation.attempts import FAILURES, Attempt, explain
from mailkit.network import Answer, Network
from mailkit.network.health import ResolverState, judge, made_up_names
from mailkit.network.parallel import each
from mailkit.op25b import mail_exchangers, submission_hosts
from mailkit.results import Outcome, Stage

__all__ = ["DNS", "PROBED_PORTS", "PortAttempts", "ask_dns", "try_ports"]

PROBED_PORTS = (25, 465, 587, 80, 443)

_WEB = (80, 443)


@dataclass(frozen=True)
class DNS:
    """What the resolver does with questions whose answers are known, and with ``domains`` to test with.

    ``resolver`` is None where none is configured.
    """

    resolver: ResolverState | None
    domains: tuple[Answer, ...]
    own_world: bool

    @property
    def knows_domains(self) -> bool:
        """True when what it says of the domains can be used."""
        return self.resolver is ResolverState.WORKS and any(self.domains)

    @property
    def silent(self) -> bool:
        """True when nothing came back at all."""
        return self.resolver in (None, ResolverState.SILENT)


@dataclass(frozen=True)
class PortAttempts:
    """How the attempts on each port ended: at real servers, and at an address where nobody lives."""

    servers: dict[int, tuple[Attempt, ...]]
    nobody: dict[int, Attempt]
    ipv6: Attempt | None  # None: no IPv6 address was found to try

    @property
    def intercepted(self) -> tuple[int, ...]:
        """The ports on which the address where nobody lives answers."""
        return tuple(port for port, attempt in self.nobody.items() if connected(attempt))

    def leaves(self, port: int) -> bool:
        """True when a server was reached on *port*, and it was not somebody else who answered."""
        return port not in self.intercepted and any(map(connected, self.servers.get(port, ())))

    @property
    def all_attempts(self) -> tuple[Attempt, ...]:
        """Every attempt over IPv4."""
        return (*self.nobody.values(), *(attempt for some in self.servers.values() for attempt in some))


def connected(attempt: Attempt) -> bool:
    """Whether the connection itself was made, whatever came of it then."""
    return attempt.stage not in (Stage.DNS, Stage.PROXY, Stage.CONNECT)


def ask_dns(net: Network, domains: Sequence[str]) -> DNS:
    """Ask for the root, for *domains*, and for names that were made up a moment ago; all at once."""
    known = [(".", "NS"), *((domain, "MX") for domain in domains)]
    answers = each(lambda question: net.lookup(*question), [*known, *((name, "A") for name in made_up_names())])
    heard, invented = answers[: len(known)], answers[len(known) :]
    return DNS(judge(heard, invented) if net.nameservers else None, tuple(heard[1:]), net.own_world)


def try_ports(net: Network, domains: Sequence[str]) -> PortAttempts:
    """Try every port of :data:`PROBED_PORTS` at the servers of *domains*, and at nobody's address."""
    targets = _targets(net, domains)
    ipv6 = next((a for _, _, found in targets for a in found if ipaddress.ip_address(a).version == 6), None)
    jobs: list[tuple[str, int, Callable[[], Attempt]]] = []
    for host, ports, found in targets:
        for port in ports:
            jobs.append(("servers", port, partial(_attempt, net, host, found[0], port)))
    jobs += [("nobody", port, partial(_dial, net, net.nobody, port)) for port in PROBED_PORTS]
    if ipv6:
        jobs.append(("ipv6", 443, partial(_dial, net, ipv6, 443)))
    ended = each(lambda job: job[2](), jobs)
    servers: dict[int, tuple[Attempt, ...]] = dict.fromkeys(PROBED_PORTS, ())
    for (who, port, _), attempt in zip(jobs, ended):
        if who == "servers":
            servers[port] += (attempt,)
    nobody = {port: attempt for (who, port, _), attempt in zip(jobs, ended) if who == "nobody"}
    return PortAttempts(servers, nobody, ended[-1] if ipv6 else None)


def _targets(net: Network, domains: Sequence[str]) -> list[tuple[str, tuple[int, ...], tuple[str, ...]]]:
    """Return (host, ports, addresses) of what to dial: an MX, a submission server and the web of each domain."""
    questions: list[tuple[tuple[int, ...], Callable[[], list[str]]]] = []
    for domain in domains:
        questions += [
            ((25,), partial(mail_exchangers, domain, net=net)),
            ((587, 465), partial(submission_hosts, domain, net=net)),
            (_WEB, partial(list, [domain])),
        ]

    def resolved(question: tuple[tuple[int, ...], Callable[[], list[str]]]) -> tuple[str, tuple[str, ...]]:
        host = next(iter(question[1]()), "")
        try:
            return host, net.addresses(host) if host else ()
        except FAILURES:  # it has no address, or what stands in the record is no name
            return host, ()

    found = each(resolved, questions)
    return [(host, ports, addresses) for (ports, _), (host, addresses) in zip(questions, found) if addresses]


def _attempt(net: Network, host: str, address: str, port: int) -> Attempt:
    if port in _WEB:
        return _dial(net, address, port)
    return greet(host, port, address=address, net=net, timeout=net.timeout)


def _dial(net: Network, address: str, port: int) -> Attempt:
    """Connect and hang up."""
    try:
        net.dial(address, port).close()
    except FAILURES as error:
        return explain(error, Stage.CONNECT)
    return Attempt(Outcome.OPEN, Stage.GREETING)
