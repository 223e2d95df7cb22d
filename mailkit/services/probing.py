"""``probe``: which ports of a service's servers can be reached from here.  It greets and leaves, and sends nothing."""

from __future__ import annotations

from mailkit.clients import greet
from mailkit.conversation.attempts import explain
from mailkit.network import LookupFailed, Network, health
from mailkit.network.parallel import each
from mailkit.op25b import Reach
from mailkit.results import Outcome, Rows, Sentence, Stage
from mailkit.services.catalogue import Service, service, services

__all__ = ["ports_in_words", "probe"]

_INTERCEPTED = "an address where nobody lives answers on this port too: someone on the way answers for everyone"


def probe(name: str, *, net: Network, host: str | None = None) -> Rows[Reach]:
    """Return what came of dialling each port of the service *name*, one row each, from the place of *net*.

    *host* is one of its hosts (default: the usual one); of its addresses the first is dialled.  Each door is greeted
    once, at most two at a time, with TLS from the start where the service says so.  Raises ValueError for a service
    that is not known or a *host* that is not one of its.
    """
    found = service(name)
    target = _host(found, host)
    try:
        address = net.addresses(target)[0]
    except LookupFailed as error:
        ended = explain(error, Stage.DNS)
        rows = [
            Reach(net.vantage, target, "", port, ended.outcome, ended.stage, "", ended.reason)
            for port, _ in found.ports
        ]
        return Rows(Reach, rows, caption=net.caption)
    dialled = each(lambda door: _dial(target, address, door, net), found.ports)
    return Rows(Reach, dialled, caption=net.caption)


def _host(found: Service, host: str | None) -> str:
    hosts = found.hosts
    if host is None:
        return hosts[0]
    if host.lower().rstrip(".") not in hosts:
        raise ValueError(f"{found.name} has no host {host!r} in data/services.csv; there are {', '.join(hosts)}")
    return host.lower().rstrip(".")


def _dial(host: str, address: str, door: tuple[int, bool], net: Network) -> Reach:
    port, implicit = door
    ended = greet(host, port, address=address, implicit_tls=implicit, net=net)
    reach = Reach(
        net.vantage, host, address, port, ended.outcome, ended.stage, ended.banner, ended.reason, ended.detail
    )
    if reach.connected and health.answers_for_everyone(net, port):
        return Reach(net.vantage, host, address, port, Outcome.INTERCEPTED, ended.stage, ended.banner, _INTERCEPTED)
    return reach


def ports_in_words(rows: Rows[Reach]) -> Sentence:
    """Return which of the ports in *rows* got through, and which to take.

    TLS from the first octet comes first (RFC 8314 section 3.3), then the port for submission (RFC 6409), 25 last.
    """
    if not rows:
        return Sentence("No port was dialled.")
    host, place = rows[0].host, f"From {rows[0].vantage}"
    if all(row.outcome is Outcome.DNS_FAILURE for row in rows):
        return Sentence(f"{place} the DNS gives no address of {host}: nothing can be said about its ports.")
    through = [row.port for row in rows if row.outcome is Outcome.OPEN]
    rest = _list("Not reached", [row for row in rows if not row.connected])
    rest += _list("Reached, and of no use", [row for row in rows if row.connected and row.port not in through])
    if not through:
        left = "Where every SMTP port is closed, the service's HTTPS interface is what is left."
        return Sentence(f"{place} no port of {host} can be used.{rest} {left}")
    best, implicit = _best(through, host)
    how = "" if implicit else ", and insist on STARTTLS"
    return Sentence(f"{place} {host} answers on {', '.join(map(str, through))}.{rest} Take {best}{how}.")


def _list(heading: str, rows: list[Reach]) -> str:
    return f" {heading}: {', '.join(f'{row.port} ({row.outcome})' for row in rows)}." if rows else ""


def _best(ports: list[int], host: str) -> tuple[int, bool]:
    """Return the port to take, and whether TLS begins there with the first octet."""
    implicit = {port for each in services() if host in each.hosts for port, at_once in each.ports if at_once}
    best = min(ports, key=lambda port: (port not in implicit, port not in (465, 587), port == 25))
    return best, best in implicit
