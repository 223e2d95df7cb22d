"""The caching resolver that learners ask, with faults on demand.

What one publishes is not what one sees until the TTL has passed (RFC 1034 section 3.6), and that there was
nothing is remembered too (RFC 2308).  Time is the lab's clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from mailkit.lab.dns.authority import Authority
from mailkit.lab.dns.zone_lookup import ZoneAnswer, respond
from mailkit.network.dns_lookup import parse_question

__all__ = ["FAULTS", "CachingResolver"]

FAULTS = ("servfail", "silence", "truncate", "lie", "loop", "hide")
"""What can be wrong with a name; see :meth:`CachingResolver.fault`."""

_MAX_ENTRIES = 4096
_MAX_TTL = 7 * 86400  # seconds that anything is kept, whatever its TTL, as BIND has it (RFC 2181 section 8 allows it)
_LIES = {
    "A": "203.0.113.253",
    "AAAA": "2001:db8:113::253",
    "MX": "10 liar.example.",
    "NS": "liar.example.",
    "PTR": "liar.example.",
    "SPF": '"v=spf1 +all"',
    "SRV": "0 0 25 liar.example.",
    "TLSA": f"3 1 1 {'00' * 32}",
    "TXT": '"v=spf1 +all"',
}

_LOOP = dns.name.from_text("loop.example.")

_Key = tuple[dns.name.Name, dns.rdatatype.RdataType | None]


@dataclass(frozen=True)
class _Cached:
    step: ZoneAnswer
    since: datetime
    signed: bool


class CachingResolver:
    """Answers from *authority* and remembers the answers by *clock*.  Safe to use from several threads."""

    def __init__(self, authority: Authority, clock: Callable[[], datetime]) -> None:
        self._authority = authority
        self._clock = clock
        self._lock = threading.RLock()
        self._cache: dict[_Key, _Cached] = {}
        self._faults: dict[dns.name.Name, str] = {}
        self._subtree_faults: dict[dns.name.Name, str] = {}
        self._is_closed = False
        self._changes = 0

    @property
    def edition(self) -> tuple[datetime, int, int]:
        """What stays the same as long as a question that was answered can get no other answer."""
        return self._clock(), self._authority.changes, self._changes

    def close(self) -> None:
        """Refuse every question from now on."""
        self._is_closed = True
        self._changes += 1

    def answer(self, query: dns.message.Message, transport: str = "udp") -> dns.message.Message | None:
        """Return the response to *query*, or None for silence; *transport* is "udp" or "tcp"."""
        if self._is_closed:
            response = dns.message.make_response(query)
            response.set_rcode(dns.rcode.REFUSED)
            return response
        with self._lock:
            kind = self._fault_of(query.question[0].name) if len(query.question) == 1 else None
            if kind == "silence":
                return None
            response = respond(query, self._step)
        response.flags |= dns.flags.RA
        if kind == "truncate" and transport == "udp":
            response.flags |= dns.flags.TC
            response.answer.clear()
            response.authority.clear()
        return response

    def ttl_of(self, name: str, rdtype: str) -> int:
        """Return for how many seconds this cache may still hold what is now said to the question."""
        return min(self._authority.ttl_of(name, rdtype), _MAX_TTL)

    def fault(self, name: str, kind: str, *, subtree: bool = False) -> None:
        """Make questions about *name*, with *subtree* also about every name below it, go wrong in one way.

        *kind* is "servfail"; "silence"; "truncate" (never a full answer over UDP); "lie" (a made-up answer of the
        usual look, as from a resolver that cannot be trusted: it claims validation (AD) but has no signatures);
        "loop" (aliases that lead in a circle); "hide" (there is no such name, says who sits on the way, and has no
        proof of it).  Another fault replaces the one before.  Raises ValueError.
        """
        if kind not in FAULTS:
            raise ValueError(f"a fault is one of {', '.join(FAULTS)}, not {kind!r}")
        qname, _ = parse_question(name, "A")
        with self._lock:
            self.heal(name)
            (self._subtree_faults if subtree else self._faults)[qname] = kind
            self._changes += 1

    @property
    def is_silent_somewhere(self) -> bool:
        """True while a question about some name gets no answer at all."""
        with self._lock:
            return "silence" in (*self._faults.values(), *self._subtree_faults.values())

    def is_silent(self, name: str) -> bool:
        """Return whether a question about *name* gets no answer at all.  Raises ValueError for what is no name."""
        qname, _ = parse_question(name, "A")
        with self._lock:
            return self._fault_of(qname) == "silence"

    def heal(self, name: str) -> None:
        """Take the fault from *name*; nothing happens when there is none."""
        qname, _ = parse_question(name, "A")
        with self._lock:
            self._faults.pop(qname, None)
            self._subtree_faults.pop(qname, None)
            self._changes += 1

    def flush(self) -> None:
        """Forget every answer."""
        with self._lock:
            self._cache.clear()
            self._changes += 1

    def reset(self) -> None:
        """Forget every answer and heal every fault."""
        with self._lock:
            self._cache.clear()
            self._faults.clear()
            self._subtree_faults.clear()
            self._changes += 1

    def _fault_of(self, name: dns.name.Name) -> str | None:
        if found := self._faults.get(name):
            return found
        if not self._subtree_faults:
            return None
        while name not in self._subtree_faults and name != dns.name.root:
            name = name.parent()
        return self._subtree_faults.get(name)

    def _step(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, dnssec: bool) -> ZoneAnswer:
        kind = self._fault_of(name)
        if kind in ("servfail", "silence"):  # silence where an alias leads: the resolver waited in vain
            return ZoneAnswer(dns.rcode.SERVFAIL)
        if kind == "lie":
            return _lie(name, rdtype)
        if kind == "loop":
            return _loop(name)
        if kind == "hide":
            return ZoneAnswer(dns.rcode.NXDOMAIN)
        return self._cached(name, rdtype, dnssec)

    def _cached(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, dnssec: bool) -> ZoneAnswer:
        now = self._clock()
        # That a name does not exist holds for every type (RFC 2308 section 5).
        keys: tuple[_Key, _Key] = (name, rdtype), (name, None)
        for key in keys:
            held = self._cache.get(key)
            if held is None or (dnssec and not held.signed):
                continue
            age = max(0, int((now - held.since).total_seconds()))
            if age < held.step.ttl:
                return held.step.aged(age)
        step = self._authority.step(name, rdtype, dnssec).at_most(_MAX_TTL)
        for key in keys:
            self._cache.pop(key, None)
        if step.ttl > 0:
            if len(self._cache) >= _MAX_ENTRIES:
                self._make_room(now)
            for_one_type, for_every_type = keys
            key = for_every_type if step.rcode == dns.rcode.NXDOMAIN else for_one_type
            self._cache[key] = _Cached(step, now, dnssec)
        return step

    def _make_room(self, now: datetime) -> None:
        """Forget what has expired, or else the oldest quarter."""
        old = [k for k, held in self._cache.items() if now - held.since >= timedelta(seconds=held.step.ttl)]
        for key in old or list(self._cache)[: _MAX_ENTRIES // 4]:
            del self._cache[key]


def _lie(name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> ZoneAnswer:
    """Return a made-up answer; for a type without one, an alias to a host that is not there."""
    kind = dns.rdatatype.to_text(rdtype)
    if kind not in _LIES:
        kind = "CNAME"
    made_up = dns.rrset.from_text(name, 300, "IN", kind, _LIES.get(kind, "liar.example."))
    return ZoneAnswer(dns.rcode.NOERROR, (made_up,), secure=True)


def _loop(name: dns.name.Name) -> ZoneAnswer:
    """Return two aliases that lead to each other."""
    pair = ((name, _LOOP), (_LOOP, name))
    return ZoneAnswer(
        dns.rcode.NOERROR, tuple(dns.rrset.from_text(a, 300, "IN", "CNAME", b.to_text()) for a, b in pair)
    )
