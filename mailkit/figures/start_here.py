"""The first two maps of the workbook: the way of one mail, and who lives in the practice internet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from mailkit.figures.style import INK, MUTED, WIDTH, Picture, box, canvas, fitted, write
from mailkit.figures.world import Link, Node, world_map

__all__ = ["Place", "Server", "World", "practice_internet", "way_of_a_mail"]


class Place(Protocol):
    """A place to look from, and its public address."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...


class Server(Protocol):
    """A mail server: the domains it takes mail for, and those whose users submit mail to it."""

    @property
    def name(self) -> str: ...
    @property
    def domains(self) -> tuple[str, ...]: ...
    @property
    def accounts(self) -> tuple[str, ...]: ...


class World(Protocol):
    """What a practice internet is made of, as far as its map shows it."""

    @property
    def vantage_points(self) -> Mapping[str, Place]: ...
    @property
    def hosts(self) -> Mapping[str, Server]: ...
    @property
    def mailboxes(self) -> Iterable[str]: ...


_OFFLINE = "offline"  # the one place that no network reaches
_SERVERS, _PEOPLE = 3, 2  # as many are named of one domain

_ARROW: dict[str, Any] = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.6}
_BOX, _GAP, _WIDE = 0.52, 0.46, 3.9  # inches: height of a station, room for the arrow below it, width


def practice_internet(world: World, domains: Sequence[str], *, title: str | None = None) -> Picture:
    """Draw the places of *world* and, of its domains, those named: servers and people of each.

    Raises ValueError for a domain that has no mail server there, and for more than twelve.
    """
    where, middle, homes = "where you can sit", "what lies between", "whose mail servers"
    nodes = [Node(place.name, "place", where, place.address) for place in world.vantage_points.values()]
    nodes += [
        Node("the network", "filter", middle, "not all places alike"),
        Node("DNS", "dns", middle, "says who is where"),
    ]
    links = [Link(name, "the network") for name in world.vantage_points if name != _OFFLINE]
    for domain in domains:
        nodes.append(Node(domain, "server", homes, _about(world, domain)))
        links.append(Link("the network", domain))
    return world_map(nodes, links, title=title)


def _about(world: World, domain: str) -> str:
    """Return the servers and the people of *domain* in a few words."""
    hosts = [host.name for host in world.hosts.values() if domain in host.domains or domain in host.accounts]
    if not hosts:
        raise ValueError(f"{domain!r} has no mail server in this world")
    servers = [name.removesuffix(f".{domain}") for name in hosts]
    people = [address.partition("@")[0] for address in world.mailboxes if address.endswith(f"@{domain}")]
    some = ", ".join(people[:_PEOPLE]) + (" …" if len(people) > _PEOPLE else "")
    return f"{', '.join(servers) if len(servers) <= _SERVERS else f'{len(servers)} servers'} · {some}".removesuffix(
        " · "
    )


def way_of_a_mail(sender: str, submission: str, exchanger: str, recipient: str, *, title: str | None = None) -> Picture:
    """Draw the way of one mail from *sender* by the *submission* server and the *exchanger* (MX) to *recipient*."""
    domain = recipient.rpartition("@")[2]
    stations = [
        ("⌂", "mail client (MUA)", sender, "submission: port 587, TLS, login", ""),
        ("✉", "submission server (MSA)", submission, "relay: port 25", "stamps the first Received line"),
        ("✉", "mail exchanger (MX)", exchanger, "delivery", "stamps another one above it"),
        ("⌂", "mailbox", recipient, "", ""),
    ]
    top = 0.7 if title else 0.25
    figure, axes = canvas(top + len(stations) * _BOX + (len(stations) - 1) * _GAP + 0.25, title=title)
    alt = [fitted(title) if title else "The way of one mail"]
    for index, (mark, role, who, onward, stamp) in enumerate(stations):
        y = top + index * (_BOX + _GAP)
        box(axes, 0.3, y, _WIDE, _BOX, fill="#ffffff", edge=MUTED)
        write(axes, 0.56, y + _BOX / 2, mark, size=15, align="center")
        write(axes, 0.86, y + 0.16, role, size=10, colour=MUTED)
        write(axes, 0.86, y + 0.37, who, font="bold", width=_WIDE - 0.7)
        write(axes, 0.3 + _WIDE + 0.2, y + _BOX / 2, stamp, size=10.5, colour=INK)
        if onward:
            axes.annotate("", (1.2, y + _BOX + _GAP - 0.02), (1.2, y + _BOX + 0.02), arrowprops=_ARROW)
            write(axes, 1.4, y + _BOX + _GAP / 2, onward, size=10.5)
        alt.append(f"{index + 1} {role}: {fitted(who)}" + (f"; then {onward}" if onward else ""))
    # The question to the DNS lies beside the arrow that it decides about.
    y = top + 2 * _BOX + _GAP
    asked = f"asks the DNS first: the MX of {domain}?"
    write(axes, 0.3 + _WIDE + 0.2, y + _GAP / 2, asked, size=10.5, width=WIDTH - _WIDE - 0.8)
    axes.annotate("", (2.95, y + _GAP / 2), (0.3 + _WIDE + 0.12, y + _GAP / 2), arrowprops=_ARROW | {"linestyle": ":"})
    alt.append(f"Before 3 the submission server {fitted(asked)}")
    return Picture(figure, "\n".join(alt))
