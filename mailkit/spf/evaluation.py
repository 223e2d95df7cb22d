"""SPF evaluated by pyspf over a :class:`~mailkit.network.Network`, noting what it does while it does it.

pyspf decides; :class:`Evaluation` overrides the methods through which it asks the DNS, counts and compares.  There
is no second reader of SPF records that could disagree with the first.  Where pyspf strays from RFC 7208, the
override says so with its section.  Attributes of one letter are macro values in pyspf: none may be added here.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import spf

from mailkit.spf.macros import check_macros, names_local_part
from mailkit.spf.query import Query
from mailkit.spf.reasons import sentence
from mailkit.spf.resolver import Resolver
from mailkit.spf.tried_terms import Frame, TriedTerm

__all__ = ["MAX_LOOKUPS", "MAX_STEPS", "MAX_VOID_LOOKUPS", "Evaluation"]

MAX_LOOKUPS = 10  # terms that cause DNS lookups, RFC 7208 section 4.6.4
MAX_VOID_LOOKUPS = 2  # the same section
MAX_STEPS = 1000  # of the trace; the evaluation itself goes on


class _Term:
    """A validated mechanism.  pyspf unpacks it when its turn comes: that is the moment to note it as tried."""

    __slots__ = ("evaluation", "parsed")

    def __init__(self, evaluation: Evaluation, parsed: tuple[str, str, str, int, str]) -> None:
        self.evaluation = evaluation
        self.parsed = parsed

    def __iter__(self) -> Iterator[Any]:
        self.evaluation.begin(*self.parsed)
        return iter(self.parsed)


class Evaluation(Query):
    """One check of *ip* for ``local@domain``, greeting as *helo*; :meth:`check` runs it.

    Afterwards ``entries`` holds what was tried (``cut``: the first thousand terms of it), ``lookups`` and
    ``void_lookups`` the counts.
    """

    def __init__(self, ip: str, local: str, domain: str, helo: str, resolver: Resolver) -> None:
        super().__init__(ip, local, domain, helo, resolver)
        self.entries: list[TriedTerm] = []
        self.cut = False
        self.frames: list[Frame] = []
        self.last: TriedTerm | None = None  # the last term tried of the sender's own record
        self.error: Exception | None = None
        self.exp: tuple[str, str] | None = None  # the domain-spec of exp= and the domain it was found at

    # --- what is tried, in which order ---------------------------------------------------------------------------

    def check1(self, record: str | None, domain: str, recursion: int) -> tuple[str, int, str]:
        """Evaluate one record; called by pyspf for the sender's own and for each include and redirect."""
        opener = self.frames[-1].open if self.frames else None
        if opener and opener.kind == "include" and self._unmatchable(opener):
            opener.nested = "neutral"
            return "neutral", 250, ""
        frame = Frame(domain, len(self.frames), opener.number if opener else None, recursion)
        self.check_time()
        self.p = None  # the best name of the client depends on the domain (section 7.3)
        if not recursion:
            self.exp = None  # the exp= of the last record in a chain of redirects counts (section 6.2)
        self.frames.append(frame)
        try:
            outcome: tuple[str, int, str] = super().check1(self._tidied(record), domain, recursion)
            self._close(frame)
        except (spf.PermError, spf.TempError) as error:
            self._fail(frame, error)
            raise
        finally:
            self.frames.pop()
            if opener:
                opener.inner = frame.last
            else:
                self.last = frame.last
        if opener:
            opener.nested = outcome[0]
            opener.hit = outcome[0] == "pass"
        return outcome

    def _tidied(self, record: str | None) -> str | None:
        """Return *record* as pyspf reads it rightly.

        Names of modifiers are case-insensitive, and unknown modifiers are ignored however often they appear, as
        long as their macros are well-formed (RFC 7208 section 6).
        """
        if not record:
            return record
        if not record.isprintable():
            raise spf.PermError("Control character found")
        if "=" not in record[6:]:
            return record
        version, *terms = record.split(" ")
        kept = [version]
        for term in terms:
            modifier = spf.RE_MODIFIER.match(term)
            name = modifier[1].lower() if modifier else ""
            if modifier and name not in ("redirect", "exp"):
                check_macros(term[modifier.end() :])
                continue
            if name == "redirect":
                self.frames[-1].redirect = term
            kept.append(name + term[len(name) :])
        return " ".join(kept)

    def validate_mechanism(self, mech: str) -> _Term:
        """Parse *mech*, all of whose errors count even if its turn never comes (section 4.6)."""
        try:
            return _Term(self, super().validate_mechanism(mech))
        except ValueError:  # a prefix length of thousands of digits
            raise spf.PermError("Invalid CIDR length", mech) from None

    def begin(self, term: str, kind: str, target: str, prefix: int, verb: str) -> None:
        """Note that *term* is tried now: the one before did not match, or pyspf would have stopped there."""
        frame = self.frames[-1]
        if frame.open is not None:
            frame.open.outcome = "no match"
        self._open(frame, term, kind, target, prefix, verb)

    def _open(self, frame: Frame, term: str, kind: str = "", target: str = "", prefix: int = 0, verb: str = "") -> None:
        number = len(self.entries)
        entry = TriedTerm(
            number, frame.depth, frame.parent, frame.domain, term, kind, target, prefix, verb,
            self.lookups, self.void_lookups, kind == "all",
        )  # fmt: skip
        frame.open = frame.last = entry
        if number < MAX_STEPS:
            self.entries.append(entry)
        else:
            self.cut = True

    def _close(self, frame: Frame) -> None:
        """Settle the term being tried, if any: it matched, or the next one's turn has come."""
        entry = frame.open
        if entry is None:
            return
        if entry.kind == "redirect":
            entry.outcome = "followed"
        else:
            entry.outcome = entry.verb if entry.hit else "no match"
        frame.open = None

    def _fail(self, frame: Frame, error: spf.PermError | spf.TempError) -> None:
        """Note *error* at the term that caused it and at each include on the way up."""
        wrong = str(error.mech or "")
        if frame.open is None and wrong:
            self._open(frame, wrong)
        entry = frame.open
        if entry is None:
            return
        entry.outcome = "permerror" if isinstance(error, spf.PermError) else "temperror"
        entry.hit = False
        if error is not self.error:
            self.error, entry.problem = error, sentence(error)
        frame.open = None

    # --- counting ------------------------------------------------------------------------------------------------

    def check_lookups(self) -> None:
        """Count a term that causes lookups; pyspf also calls this for a redirect= it has only read so far."""
        if self.frames[-1].open is not None:
            self._count()

    def _count(self) -> None:
        entry = self.frames[-1].open
        self.lookups += 1
        if entry:
            entry.lookups = self.lookups
        if self.lookups > MAX_LOOKUPS:
            raise spf.PermError("Too many DNS lookups", entry.term if entry else "")

    def count_void(self, qtype: str) -> None:
        """Count a lookup of the term being tried that found nothing.

        The search for the sender's own record is no term's, and neither is what ``%{p}`` asks about the client.
        """
        entry = self.frames[-1].open if self.frames else None
        if entry is None or (qtype == "PTR" and entry.kind != "ptr"):
            return
        self.void_lookups += 1
        entry.void_lookups = self.void_lookups
        if self.void_lookups > MAX_VOID_LOOKUPS:
            raise spf.PermError("Void lookup limit exceeded")

    # --- what the terms look up ----------------------------------------------------------------------------------

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        """Return the values of *name*; none for a term that can match nothing, of which the DNS is asked nothing."""
        if not self.ascii_local and self.frames and self._unmatchable(self.frames[-1].open):
            return []
        return super().dns(name, qtype, cnames, ignore_void)

    def _unmatchable(self, entry: TriedTerm | None) -> bool:
        """Return whether *entry* names a local part that is not ASCII: it matches nothing (RFC 8616 section 4)."""
        if entry is None or self.ascii_local or not names_local_part(entry.term):
            return False
        entry.problem = "the local part is not ASCII, so this term matches nothing (RFC 8616 section 4)"
        return True

    def validated_ptrs(self) -> list[str]:
        """Return the client's names that lead back to it; for a ``ptr`` term, also whether one of them matches."""
        names = super().validated_ptrs()
        entry = self.frames[-1].open if self.frames else None
        if entry and entry.kind == "ptr":
            entry.seen, entry.hit = names, spf.domainmatch(names, entry.target)
        return names

    def dns_spf(self, domain: str) -> str | None:
        """Return the record of *domain*: the sender's, an include's, or that of a redirect now followed."""
        if not self.frames:
            return super().dns_spf(domain)
        frame = self.frames[-1]
        if not (frame.open and frame.open.kind == "include" and frame.open.nested is None):
            self._close(frame)
            self._open(frame, frame.redirect, "redirect", domain)
            self._count()
        return super().dns_spf(domain)

    def dns_a(self, domainname: str, A: str = "A") -> list[str]:
        """Return the addresses of *domainname*; any A record at all makes ``exists`` match (section 5.7)."""
        found: list[str] = super().dns_a(domainname, A)
        entry = self.frames[-1].open if self.frames else None
        if entry and entry.kind == "exists":
            entry.hit = bool(found)
        return found

    def cidrmatch(self, ipaddrs: list[str], n: int) -> bool:
        """Return whether the client's address is in the same network of prefix length *n* as any of *ipaddrs*."""
        entry = self.frames[-1].open
        assert entry is not None  # pyspf compares addresses for the term it has just begun
        entry.seen = ipaddrs
        shift = self.cidrmax - n
        own = int(self.ipaddr) >> shift
        family = socket.AF_INET6 if self.v == "ip6" else socket.AF_INET
        try:
            entry.hit = any(int.from_bytes(socket.inet_pton(family, ip)) >> shift == own for ip in ipaddrs)
        except OSError:  # pyspf's pattern lets a few addresses through that are none
            raise spf.PermError("Invalid IP address", entry.term) from None
        return entry.hit

    def get_explanation(self, spec: str) -> None:
        """Remember where exp= points: it is looked up once the result is known, and only for fail (section 6.2)."""
        if not self.frames[-1].recursion:
            self.exp = (spec, self.d)

    def explanation(self) -> str:
        """Return the domain's explanation of a fail; empty when there is none or it cannot be had (section 6.2)."""
        if self.exp is None:
            return ""
        spec, self.d = self.exp
        self.p = None
        try:
            texts = self.dns_txt(spec, ignore_void=True)
            if len(texts) == 1:
                return self.expand(spf.to_ascii(texts[0]), stripdot=False)
        except (spf.PermError, spf.TempError):
            pass
        return ""
