"""The same DNS with some records published or withdrawn in it: to try what somebody is about to paste.

What is put over a name and type replaces what is there, as publishing does.  Aliases (CNAME) and wildcards among the
published records are followed (RFC 1034 sections 3.6.2 and 4.3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import dns.rdata
from dns.rdtypes.ANY.CNAME import CNAME

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.names import to_ascii
from mailkit.network.presentation import presented
from mailkit.network.records import DnsRecord

__all__ = ["Overlay"]

_MOST_ALIASES = 8

Lookup = Callable[[str, str], Answer]
Key = tuple[str, str]


@dataclass(frozen=True)
class Overlay:
    """``published`` are the records of a name and type in their new form, ``withdrawn`` those taken away."""

    published: Mapping[Key, tuple[DnsRecord, ...]]
    withdrawn: frozenset[Key]

    @classmethod
    def of(cls, records: Iterable[DnsRecord], withdrawn: Iterable[tuple[str, str]]) -> Overlay:
        """Return the overlay of *records*, without what is *withdrawn*.  Raises TypeError for other things."""
        published: dict[Key, tuple[DnsRecord, ...]] = {}
        for record in records:
            if not isinstance(record, DnsRecord):
                raise TypeError(f"an overlay is made of DnsRecord(name, rdtype, value), not {record!r:.80}")
            key = (record.name, record.rdtype)
            published[key] = (*published.get(key, ()), record)
        return cls(published, frozenset((to_ascii(name), rdtype.upper()) for name, rdtype in withdrawn))

    def over(self, below: Overlay | None) -> Overlay:
        """Return this overlay laid over *below*: what is said here wins."""
        if below is None:
            return self
        kept = {key: records for key, records in below.published.items() if key not in self.withdrawn}
        gone = (below.withdrawn | self.withdrawn) - self.published.keys()
        return Overlay({**kept, **self.published}, gone)

    def lookup(self, name: str, rdtype: str, ask: Lookup) -> Answer:
        """Return the answer to *name*, *rdtype*; what is not decided here is asked with *ask*."""
        at, kind = name, rdtype.upper()
        chain: tuple[str, ...] = ()
        for _ in range(_MOST_ALIASES):
            answer = self._one(at, kind, ask)
            followed = self._aliases(answer, kind)
            chain += followed
            if not followed or not (self._decides(followed[-1], kind) or _is_alias(answer, kind)):
                same = (answer.name, answer.rdtype, answer.chain) == (name, rdtype, chain)
                return answer if same else replace(answer, name=name, rdtype=rdtype, chain=chain)
            at = followed[-1]
        reason = "the aliases (CNAME) lead in a circle, or are too many"
        return Answer(name, rdtype, Status.SERVFAIL, reason=reason)

    def _one(self, name: str, rdtype: str, ask: Lookup) -> Answer:
        key = _key(name)
        for kind in (rdtype, "CNAME"):
            if records := self.published.get((key, kind)):
                return _answer(name, kind, records)
        if (key, rdtype) in self.withdrawn:
            return self._absent(Answer(name, rdtype, Status.NODATA, reason=f"the name has no {rdtype}"))
        below = ask(name, rdtype)
        if below.chain and (key, "CNAME") in self.withdrawn:
            return self._absent(Answer(name, rdtype, Status.NXDOMAIN, reason="no such name"))
        if below.status is not Status.NXDOMAIN or below.chain:
            return below
        return self._from_wildcard(name, rdtype) or self._absent(below)

    def _from_wildcard(self, name: str, rdtype: str) -> Answer | None:
        """Return what a published wildcard says of *name*, which does not exist below."""
        labels = _key(name).split(".")
        if self._exists(_key(name)):
            return None
        for cut in range(1, len(labels)):
            parent = ".".join(labels[cut:])
            for kind in (rdtype, "CNAME"):
                if records := self.published.get((f"*.{parent}", kind)):
                    return _answer(name, kind, records)
            if self._exists(parent):  # the closest encloser: wildcards further up do not reach below it
                return None
        return None

    def _exists(self, key: str) -> bool:
        return any(name == key or name.endswith(f".{key}") for name, _ in self.published if not name.startswith("*."))

    def _absent(self, answer: Answer) -> Answer:
        """Return *answer* as NODATA where a published name makes that name exist."""
        if answer.status is Status.NXDOMAIN and self._exists(_key(answer.name)):
            return replace(answer, status=Status.NODATA, reason=f"the name has no {answer.rdtype}")
        return answer

    def _aliases(self, answer: Answer, rdtype: str) -> tuple[str, ...]:
        """Return the aliases that *answer* followed or is, up to the first name that is decided here."""
        followed = (answer.records[0].rstrip("."),) if _is_alias(answer, rdtype) else answer.chain
        for number, target in enumerate(followed):
            if self._decides(target, rdtype):
                return followed[: number + 1]
        return followed

    def _decides(self, name: str, rdtype: str) -> bool:
        key = _key(name)
        keys = ((key, rdtype), (key, "CNAME"))
        return any(key in self.published or key in self.withdrawn for key in keys)


def _answer(name: str, rdtype: str, records: tuple[DnsRecord, ...]) -> Answer:
    rdata: tuple[dns.rdata.Rdata, ...] = tuple(sorted(record.rdata for record in records))
    ttl = min(record.ttl for record in records)
    return Answer(name, rdtype, Status.NOERROR, tuple(presented(r) for r in rdata), ttl=ttl, rdata=rdata)


def _is_alias(answer: Answer, rdtype: str) -> bool:
    """Return whether *answer* is an alias that nobody has followed yet."""
    return rdtype != "CNAME" and bool(answer.rdata) and isinstance(answer.rdata[0], CNAME)


def _key(name: str) -> str:
    try:
        return to_ascii(name)
    except ValueError:  # such a name is not published here
        return name.lower()
