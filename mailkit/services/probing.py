"""``probe``: which ports of a service's servers can be reached from here.  It greets and leaves, and sends nothing."""

from __future__ import annotations

from mailkit.clients import greet
from mailkit.conversation.attempts import explain
from mailkit.network import LookupFailed, Network, health
from mailkit.network.parallel import each
from mailkit.op25b import Reach
from mailkit.results import Outcome, Rows, Sentence, Stage
from mailkit.services.catalogue import Service, service

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
    """Return which of the ports in *rows* got through, and what to use: TLS from the start is preferred (RFC 8314)."""
    if not rows:
        return Sentence("No port was dialled.")
    through = [row.port for row in rows if row.outcome is Outcome.OPEN]
    closed = [f"{row.port} ({row.outcome})" for row in rows if row.outcome is not Outcome.OPEN]
    host, vantage = rows[0].host, rows[0].vantage
    if not through:
        said = f"From {vantage} no port of {host} was reached: {', '.join(closed)}."
        return Sentence(f"{said} Where every SMTP port is closed, the service's HTTPS interface is what is left.")
    best = next(port for port in (465, *through) if port in through)
    rest = f" Not reached: {', '.join(closed)}." if closed else ""
    return Sentence(f"From {vantage} {host} answers on {', '.join(map(str, through))}.{rest} Take {best}.")
