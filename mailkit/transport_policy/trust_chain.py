"""The chain of trust from the DNS root down to a TLSA record, link by link (RFC 4033 section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS

from mailkit.network import Answer, Network, Security, Status
from mailkit.network.names import to_ascii
from mailkit.results import Record, Rows

__all__ = ["Link", "trust_chain"]

_MOST_LABELS = 20


@dataclass(frozen=True)
class Link(Record):
    """One link: the ``zone`` (or the name of the record at the end), what vouches for it, and what it holds.

    ``dnssec`` is what a validator says of it: secure, insecure, bogus or unknown.
    """

    zone: str
    vouched_by: str
    holds: str
    dnssec: Security


def trust_chain(host: str, port: int = 25, *, net: Network) -> Rows[Link]:
    """Return the zones between the root and the TLSA records of *host*:*port*, and these records.

    The chain ends early at a zone that is not signed, or not rightly.  Raises ValueError for what is no host's name.
    """
    name = to_ascii(host)
    labels = name.split(".")[-_MOST_LABELS:]
    links: list[Link] = []
    for cut in range(len(labels), -1, -1):
        zone = ".".join(labels[cut:]) or "."
        link = _zone(zone, net)
        if link is None:
            continue
        links.append(link)
        if link.dnssec is not Security.SECURE:
            return Rows(Link, links, caption=net.caption)
    answer = net.lookup(f"_{port}._tcp.{name}", "TLSA", dnssec=True)
    holds = "; ".join(answer.records[:5]) if answer else f"no TLSA record ({answer.reason})"
    vouched = f"a signature of {links[-1].zone}" if links else "nobody"
    links.append(Link(f"_{port}._tcp.{name}", vouched, holds, _state(answer)))
    return Rows(Link, links, caption=net.caption)


def _zone(zone: str, net: Network) -> Link | None:
    """Return the link of *zone*, None where no zone begins at this name."""
    if zone != "." and not net.lookup(zone, "SOA"):
        return None
    keys = net.lookup(zone, "DNSKEY", dnssec=True)
    tags = [_tag(key) for key in keys.rdata if isinstance(key, DNSKEY)]
    holds = f"DNSKEY {', '.join(tags[:5])}" if tags else "no DNSKEY: the zone is not signed"
    if keys.status in (Status.SERVFAIL, Status.TIMEOUT):
        holds = f"the keys cannot be asked for: {keys.reason}"
    if zone == ".":
        return Link(zone, "the trust anchor of the validator", holds, _state(keys))
    parent = net.lookup(zone, "DS", dnssec=True)
    digests = [str(ds.key_tag) for ds in parent.rdata if isinstance(ds, DS)]
    vouched = f"DS {', '.join(digests[:5])} in the zone above" if digests else "nobody: no DS in the zone above"
    if parent.status in (Status.SERVFAIL, Status.TIMEOUT):
        vouched = f"a DS that cannot be asked for: {parent.reason}"
    return Link(zone, vouched, holds, _state(keys))


def _tag(key: DNSKEY) -> str:
    import dns.dnssec  # slow to import

    return str(dns.dnssec.key_id(key))


def _state(answer: Answer) -> Security:
    return answer.dnssec or Security.UNKNOWN
