"""What is wrong with the network that we look through, as opposed to the domain that we look at.

A resolver that is silent, denies or invents every name, no IPv6, port 25 closed on the way out: each of them makes
findings about a domain worthless, so each is found out once and said once.  A remembering network
(:meth:`mailkit.network.Network.remembering`) asks only the first time.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.exchangers import mail_exchangers
from mailkit.network.hosts import look_up
from mailkit.network.parallel import each, meanwhile
from mailkit.network.place import Network
from mailkit.network.socks import ProxyError
from mailkit.results import Record

__all__ = [
    "Egress",
    "EgressState",
    "ResolverState",
    "answers_for_everyone",
    "egress",
    "judge",
    "known_names",
    "made_up_names",
    "resolver",
    "trouble",
]

_MOST_DOMAINS = 3
_MOST_HOSTS = 4  # of each kind: enough to be sure, few enough to be polite
_NEAR = 2.0  # seconds: who answers for everyone sits on our way, nearer than any server
_CONTROL = (587, 465)  # what must stay open where port 25 is closed (RFC 5068 section 4.1)

_T = TypeVar("_T")


class ResolverState(StrEnum):
    """What the name servers do with questions whose answers are known."""

    WORKS = "works"
    SILENT = "silent"
    FAILS = "fails"
    DENIES = "denies"
    INVENTS = "invents"


_RESOLVER = {
    ResolverState.WORKS: "",
    ResolverState.SILENT: "no name server answers from here, not even about the root of the DNS",
    ResolverState.FAILS: "the name servers that are asked from here fail at every question",
    ResolverState.DENIES: "the resolver that is asked from here says of names that must exist that they do not",
    ResolverState.INVENTS: "the resolver that is asked from here gives an address even to a name made up a moment ago",
}


class EgressState(StrEnum):
    """What is known of one way out of here."""

    OPEN = "open"
    CLOSED = "closed"
    INTERCEPTED = "intercepted"
    UNKNOWN = "unknown"


_PORT_25 = {
    EgressState.OPEN: "",
    EgressState.CLOSED: "port 25 does not get out from here, while other mail ports do",
    EgressState.INTERCEPTED: "somebody on the way answers for every address on port 25",
    EgressState.UNKNOWN: (
        "whether port 25 gets out from here is not known: no well-known server was reached on any mail port"
    ),
}
_IPV6 = {
    EgressState.OPEN: "",
    EgressState.CLOSED: "there is no IPv6 from here",
    EgressState.INTERCEPTED: "somebody on the way answers for every address on port 25",
    EgressState.UNKNOWN: "whether IPv6 works from here is not known: no well-known server could be reached over it",
}


@dataclass(frozen=True)
class Egress(Record):
    """Which ways lead out of here: TCP port 25, and IPv6.  The sentences are empty where the way is open."""

    port25: EgressState
    ipv6: EgressState

    @property
    def about_port25(self) -> str:
        """What is wrong with port 25, in one sentence."""
        return _PORT_25[self.port25]

    @property
    def about_ipv6(self) -> str:
        """What is wrong with IPv6, in one sentence."""
        return _IPV6[self.ipv6]


def trouble(net: Network) -> str:
    """Return what is wrong with the resolver of *net* in one sentence, "" when nothing is.

    Everything that hangs on names is unknown where this is not empty, with this sentence as the explanation.
    """
    if not net.nameservers:
        return "this machine has no DNS resolver configured"
    return _RESOLVER[resolver(net)]


def resolver(net: Network) -> ResolverState:
    """Return how the name servers of *net* do, by a few questions about names that must exist and one that cannot.

    Once they are found silent, a remembering network does not wait for them again.
    """
    found = _once(net, "resolver", net.nameservers, lambda: _resolver(net))
    if found is ResolverState.SILENT and net.memory is not None:
        net.memory.give_up(net.nameservers, _RESOLVER[found])
    return found


def egress(net: Network) -> Egress:
    """Return which ways lead out from the place of *net*, by a few connections to well-known mail servers.

    Each connection ends after the greeting.  It takes about as long as two lookups and one connection may.
    """
    return _once(net, "egress", net.vantage, lambda: _egress(net))


def answers_for_everyone(net: Network, port: int = 25) -> bool:
    """Return whether a connection to *port* succeeds even at an address where nobody lives.

    Then somebody on the way answers for everyone, and what connects on that port shows no server.  It takes at most
    2 seconds, and a remembering network dials only once.
    """
    return _once(net, f"nobody:{port}", net.vantage, lambda: _takes(net, port))


def _once(net: Network, what: str, where: object, find_out: Callable[[], _T]) -> _T:
    return find_out() if net.memory is None else net.memory.fact((what, where), find_out)


def known_names(net: Network) -> list[tuple[str, str]]:
    """Return questions that every resolver of *net* can answer: the root, and the domains to test with."""
    return [(".", "NS"), *((domain, "MX") for domain in net.probe_domains[:_MOST_DOMAINS])]


def made_up_names() -> list[str]:
    """Return two names made up this moment: below .invalid, where none exists (RFC 6761 section 6.4), and elsewhere.

    Some resolvers keep to the RFC and invent addresses elsewhere.
    """
    made_up = secrets.token_hex(12)
    return [f"{made_up}.invalid", f"www.{made_up}.com"]


def _resolver(net: Network) -> ResolverState:
    known = known_names(net)
    answers = each(lambda question: net.lookup(*question), [*known, *((name, "A") for name in made_up_names())])
    return judge(answers[: len(known)], answers[len(known) :])


def judge(known: Sequence[Answer], invented: Sequence[Answer]) -> ResolverState:
    """Return what the answers to :func:`known_names` and to :func:`made_up_names` say of a resolver."""
    if any(invented):
        return ResolverState.INVENTS
    statuses = {answer.status for answer in known}
    if statuses & {Status.NOERROR, Status.NODATA}:
        return ResolverState.WORKS
    if Status.NXDOMAIN in statuses:
        return ResolverState.DENIES
    silent = {answer.status for answer in (*known, *invented)} <= {Status.TIMEOUT}
    return ResolverState.SILENT if silent else ResolverState.FAILS


def _egress(net: Network) -> Egress:
    net = net.remembering()
    domains = net.probe_domains[:_MOST_DOMAINS]
    relays = [host for some in each(lambda d: mail_exchangers(d, net=net).hosts[:2], domains) for host in some]
    usual = [f"smtp.{domain}" for domain in domains]
    known = look_up([*relays, *usual], net=net)
    relay = _addresses([known[host].addresses for host in relays])
    control = _addresses([known[host].addresses for host in usual])
    jobs = [(address, 25) for address in relay] + [(address, port) for address in control for port in _CONTROL]
    nobody = meanwhile(lambda: answers_for_everyone(net))
    seen = dict(zip(jobs, each(lambda job: _connects(net, *job), jobs)))
    answered = nobody.result()
    port25 = [found for (_, port), found in seen.items() if port == 25]
    others = [found for (_, port), found in seen.items() if port != 25]
    over_ipv6 = [found for (address, port), found in seen.items() if ":" in address and not (answered and port == 25)]
    return Egress(_port25(port25, others, answered), _ipv6(over_ipv6, seen))


def _port25(relay: list[bool | None], control: list[bool | None], answered: bool) -> EgressState:
    if answered:
        return EgressState.INTERCEPTED
    if True in relay:
        return EgressState.OPEN
    return EgressState.CLOSED if relay and None not in relay and True in control else EgressState.UNKNOWN


def _ipv6(over_ipv6: list[bool | None], seen: dict[tuple[str, int], bool | None]) -> EgressState:
    if True in over_ipv6:
        return EgressState.OPEN
    # Only where the same port gets out over IPv4 is it IPv6 that is missing.
    ports = {port for (address, port), found in seen.items() if ":" not in address and found}
    tried = [found for (address, port), found in seen.items() if ":" in address and port in ports]
    return EgressState.CLOSED if tried else EgressState.UNKNOWN


def _addresses(hosts: list[tuple[str, ...]]) -> list[str]:
    """Return up to four addresses: of each host one of IPv4 and one of IPv6."""
    found = [
        next((a for a in addresses if ipaddress.ip_address(a).version == version), "")
        for version in (4, 6)
        for addresses in hosts
    ]
    ipv4 = [a for a in dict.fromkeys(found) if a and ":" not in a][:_MOST_HOSTS]
    ipv6 = [a for a in dict.fromkeys(found) if ":" in a][: _MOST_HOSTS // 2]
    return ipv4 + ipv6


def _takes(net: Network, port: int) -> bool:
    """Return whether the address where nobody lives takes a connection on *port*."""
    try:
        with net.slot(net.nobody):
            net.dial(net.nobody, port, timeout=min(_NEAR, net.timeout)).close()
    except OSError:
        return False
    return True


def _connects(net: Network, address: str, port: int) -> bool | None:
    """Connect, on port 25 hear the greeting, and leave.  Return whether somebody is there; None when it is not known.

    A connection alone proves nothing on port 25: a filter on the way may take it and throw away what follows.
    """
    try:
        with net.slot(address), net.dial(address, port) as sock:
            return port != 25 or _greets(sock, net) or None
    except ProxyError:
        return None
    except OSError:
        return False


def _greets(sock: socket.socket, net: Network) -> bool:
    try:
        sock.settimeout(net.timeout)
        greeted = bool(_first_octets(sock, net))
    except OSError:
        return False
    with suppress(OSError):
        sock.sendall(b"QUIT\r\n")
    return greeted


def _first_octets(sock: socket.socket, net: Network) -> bytes:
    try:
        return sock.recv(512)
    except TimeoutError:
        if net.pace is None:
            raise
    net.pace.catch_up()
    sock.setblocking(False)
    return sock.recv(512)
