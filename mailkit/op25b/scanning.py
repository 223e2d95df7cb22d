"""Dialling ports from a place, and telling silence, refusal, interception and a server that says nothing apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailkit.clients import greet
from mailkit.conversation.attempts import Attempt, explain
from mailkit.network import LookupFailed, Network
from mailkit.network.health import answers_for_everyone
from mailkit.network.parallel import each, meanwhile
from mailkit.results import Outcome, Record, Rows, Sentence, Stage, hidden

__all__ = ["PORTS", "Reach", "in_words", "scan", "scan_from_vantages"]

PORTS = (25, 465, 587, 2525)

_MOST_PROBES = 2000
_MOST_ADDRESSES = 8  # of one host: what a host's DNS says must not make us dial hundreds


@dataclass(frozen=True)
class Reach(Record):
    """What came of dialling one port of one address from one place."""

    vantage: str
    host: str
    address: str
    port: int
    outcome: Outcome
    stage: Stage
    banner: str = ""
    reason: str = ""
    detail: str = hidden()

    @property
    def connected(self) -> bool:
        """True when the connection was made, whatever the server said then or left unsaid."""
        return self.stage not in (Stage.DNS, Stage.PROXY, Stage.CONNECT)


def scan(hosts: str | Iterable[str], ports: Sequence[int] = PORTS, *, net: Network) -> Rows[Reach]:
    """Return what came of dialling every *port* of every address of every *host*, one row each.

    ``open`` means that a mail server greeted (RFC 5321 section 3.1).  ``intercepted`` means that an address where
    nobody lives answers on this port too, so that somebody on the way answers for everyone.  All probes run at
    once, but on the real internet no more than two to an address at a time.  Of a host with more than eight addresses
    the first eight are dialled, and a row ``not_run`` says so.  Raises ValueError for bad arguments.
    """
    return scan_from_vantages(hosts, ports, net=net, vantages=[net.vantage])


def scan_from_vantages(
    hosts: str | Iterable[str],
    ports: Sequence[int] = PORTS,
    *,
    net: Network,
    vantages: str | Iterable[str] | None = None,
) -> Rows[Reach]:
    """Return :func:`scan` from each of *vantages* (default: all that *net* has), all at the same time."""
    chosen = [vantages] if isinstance(vantages, str) else net.vantages if vantages is None else vantages
    places = [net.at(name) for name in chosen]
    names, numbers = _hosts(hosts), _ports(ports)
    if len(places) * len(names) * len(numbers) > _MOST_PROBES:
        raise ValueError(f"that is more than {_MOST_PROBES} connections; ask for fewer hosts or ports at a time")
    found = each(lambda pair: _targets(*pair), [(place, host) for place in places for host in names])
    targets = _at_most([target for some in found for target in some], _MOST_PROBES // len(numbers))
    probes = [(*target, port) for target in targets for port in numbers]
    ways = [(place, port) for place in places for port in numbers]
    masked = meanwhile(lambda: each(lambda way: answers_for_everyone(*way), ways))
    rows = each(lambda probe: _probe(*probe), probes)
    nobody = {(place.vantage, port) for (place, port), masks in zip(ways, masked.result()) if masks}
    caption = net.caption if len(places) == 1 else _caption_of_all(net, places)
    return Rows(Reach, [_unmask(row, nobody) for row in rows], caption=caption)


def _caption_of_all(net: Network, places: list[Network]) -> str:
    return net.caption.replace(f"seen from {net.vantage}", f"seen from {len(places)} places")


def _hosts(hosts: str | Iterable[str]) -> list[str]:
    names = [hosts] if isinstance(hosts, str) else list(hosts) if isinstance(hosts, Iterable) else []
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("hosts is a host name or a list of them: scan(['mx.kaisha.example'], net=net)")
    return list(dict.fromkeys(name.strip().rstrip(".").lower() for name in names))


def _ports(ports: Sequence[int]) -> list[int]:
    numbers = list(ports) if isinstance(ports, Iterable) else []
    if not numbers or not all(isinstance(port, int) and 0 < port < 65536 for port in numbers):
        raise ValueError("ports is a list of numbers from 1 to 65535: ports=(25, 587)")
    return list(dict.fromkeys(numbers))


# From where, to whom, at which address (or why at none), and at which port.
_Target = tuple[Network, str, str | Attempt]
_Probe = tuple[Network, str, str | Attempt, int]


def _targets(net: Network, host: str) -> list[_Target]:
    try:
        addresses = net.addresses(host)
    except LookupFailed as error:
        return [(net, host, explain(error, Stage.DNS))]
    except ValueError as error:  # what stands in an MX record need not be a name that can be asked for
        return [(net, host, Attempt(Outcome.DNS_FAILURE, Stage.DNS, reason="this is no host name", detail=str(error)))]
    targets: list[_Target] = [(net, host, address) for address in addresses[:_MOST_ADDRESSES]]
    if left := len(addresses) - len(targets):
        reason = f"{left} of its {len(addresses)} addresses are not dialled: it has too many"
        targets.append((net, host, Attempt(Outcome.NOT_RUN, Stage.DNS, reason=reason)))
    return targets


def _at_most(targets: list[_Target], most: int) -> list[_Target]:
    """Return *targets* such that no more than *most* of them are dialled."""
    left_out = Attempt(
        Outcome.NOT_RUN, Stage.DNS, reason=f"not dialled: these are more than {_MOST_PROBES} connections"
    )
    return [*targets[:most], *((place, host, left_out) for place, host, _ in targets[most:])]


def _probe(net: Network, host: str, address: str | Attempt, port: int) -> Reach:
    attempt = address if isinstance(address, Attempt) else greet(host, port, address=address, net=net)
    return Reach(
        net.vantage,
        host,
        address if isinstance(address, str) else "",
        port,
        attempt.outcome,
        attempt.stage,
        attempt.banner,
        attempt.reason,
        attempt.detail,
    )


def _unmask(row: Reach, nobody: set[tuple[str, int]]) -> Reach:
    if not row.connected or (row.vantage, row.port) not in nobody:
        return row
    reason = "an address where nobody lives answers on this port too: someone on the way answers for everyone"
    return replace(row, outcome=Outcome.INTERCEPTED, reason=reason)


def in_words(rows: Rows[Reach]) -> Sentence:
    """Return what *rows* show as sentences: one a host from one place, one a port where several places were asked."""
    several = len({row.vantage for row in rows}) > 1
    said: dict[str, dict[Outcome, list[str]]] = {}
    for row in rows:
        subject = f"Port {row.port} of {row.host}" if several else f"{row.host}, seen from {row.vantage}"
        who = row.vantage if several else f"port {row.port}"
        outcomes = said.setdefault(subject, {}).setdefault(row.outcome, [])
        if who not in outcomes:
            outcomes.append(who)
    link = "from " if several else "on "
    lines = [
        f"{subject}: " + "; ".join(f"{outcome} {link}{', '.join(who)}" for outcome, who in outcomes.items()) + "."
        for subject, outcomes in said.items()
    ]
    return Sentence("\n".join(lines))
