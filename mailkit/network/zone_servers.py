"""Asking a zone's own name servers, past the resolver and what its cache still holds (RFC 1034 section 4.3.1).

They are asked over TCP, which name servers must take (RFC 7766 section 5): it goes the way that all connections go, a
proxy's too, and whoever answers DNS questions for everyone on the way does so over UDP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
from dns.rdtypes.ANY.NS import NS

from mailkit.network.deadline import time_left
from mailkit.network.dns_lookup import Answer, Status, parse_question, read
from mailkit.network.hosts import look_up
from mailkit.network.names import to_ascii
from mailkit.network.place import Network
from mailkit.results import Record

__all__ = ["Difference", "ask_zone", "compare_with_zone"]

_MOST_SERVERS = 3  # of a zone that are tried, each at its first address
_MOST_ZONES = 4  # around a name
_TOLD = (Status.NOERROR, Status.NODATA, Status.NXDOMAIN)


@dataclass(frozen=True)
class Difference(Record):
    """What the resolver and the zone's own servers say about one question, and for how many seconds a cache may keep
    the resolver's answer."""

    name: str
    rdtype: str
    resolver: str
    zone: str
    ttl: int


def ask_zone(name: str, rdtype: str, *, net: Network) -> Answer:
    """Return what a name server of the zone that holds *name* says itself; aliases are not followed.

    TIMEOUT, with the reason, where none of them can be asked from here or says anything of its own.  Raises ValueError
    for what is no question.
    """
    query = dns.message.make_query(*parse_question(name, rdtype))
    query.flags &= ~dns.flags.RD
    reason = "no name servers of its zone are to be found"
    for host in _zone_servers(to_ascii(name), net):
        if not (found := look_up([host], net=net)[host]).addresses:
            reason = f"{host} cannot be asked: {found.reason}"
            continue
        seconds = time_left(net.deadline, net.timeout)
        try:
            with net.slot(host), net.dial(host, 53, timeout=seconds) as sock:
                sock.setblocking(False)
                response = dns.query.tcp(query, host, timeout=seconds, sock=sock)
        except (OSError, dns.exception.Timeout):
            reason = f"{host} cannot be asked over TCP from here"
            continue
        except Exception:  # whatever a mangled message makes the parser raise
            reason = f"{host} gave no answer over TCP that can be read"
            continue
        if response.flags & dns.flags.AA and response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return read(name, rdtype, response)
        reason = f"{host} says nothing of its own about this name"
    return Answer(name, rdtype, Status.TIMEOUT, reason=reason)


def compare_with_zone(questions: Iterable[tuple[str, str]], *, net: Network) -> tuple[list[Difference], str]:
    """Return where the resolver of *net* says of *questions*, (name, type), what their zone's own servers do not.

    The text is why one of the questions could not be compared, "" when all were.
    """
    differences, unasked = [], ""
    for name, rdtype in questions:
        seen, own = net.lookup(name, rdtype), ask_zone(name, rdtype, net=net)
        if own.status not in _TOLD:
            unasked = own.reason
        elif seen.status not in _TOLD:
            unasked = seen.reason
        elif _said(seen) != _said(own):
            resolver, zone = ", ".join(_said(seen)), ", ".join(_said(own))
            differences.append(Difference(name, rdtype, resolver, zone, seen.ttl or 0))
    return differences, unasked


def _said(answer: Answer) -> tuple[str, ...]:
    """Return what *answer* says in a form to be compared; of an alias its target, behind which is another zone."""
    if answer.chain:
        return ("CNAME " + answer.chain[0].lower(),)
    return answer.records or (str(answer.status),)


def _zone_servers(name: str, net: Network) -> Iterator[str]:
    """Yield the name servers of the zones around *name*, the closest first, as the resolver knows them.

    One who lies about *name* may lie about its name servers, too; those of the zone above then speak for it.  The top
    level is not asked: it only refers to others.
    """
    labels = name.split(".")
    for first in range(max(len(labels) - _MOST_ZONES - 1, 0), len(labels) - 1):
        answer = net.lookup(".".join(labels[first:]), "NS")
        if answer and not answer.chain:
            yield from sorted(str(r.target).rstrip(".") for r in answer.rdata if isinstance(r, NS))[:_MOST_SERVERS]
