"""The whole tree of a domain's record, walked for nobody in particular.

A :class:`FullWalk` is the same evaluation as a check, for a client that matches nothing, with three differences: it
goes on where a check would stop (limits passed, an include in error), it asks nothing that depends on the message
(``%{i}``, ``%{h}`` …), and it notes what it met.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import spf

from mailkit.spf.evaluation import Evaluation
from mailkit.spf.macros import depends_on_message
from mailkit.spf.reasons import sentence
from mailkit.spf.resolver import Resolver, is_name
from mailkit.spf.trace import shown
from mailkit.spf.tried_terms import TriedTerm
from mailkit.spf.walk import Trouble, Void, Walk

__all__ = ["DEPENDS", "MOST_LOOKUPS", "FullWalk", "walk_fully"]

MOST_LOOKUPS = 100  # enough to tell how far beyond ten a record goes
_MAX_DEPTH = 15  # records that lead to one another
_NOBODY = {4: "203.0.113.254", 6: "2001:db8:ffff::1"}  # documentation addresses; they are never compared
DEPENDS = "what it looks up depends on the message"


@dataclass
class _Notes:
    voids: list[Void] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    broken: list[Trouble] = field(default_factory=list)
    crowded: list[Trouble] = field(default_factory=list)
    unseen: list[TriedTerm] = field(default_factory=list)


class _Unseen(spf.TempError):  # type: ignore[misc]
    """A redirect that differs from one message to the next: nothing is known without the record it leads to."""


class FullWalk(Evaluation):
    """An evaluation that walks on to the end; see :func:`walk_fully`."""

    def __init__(self, domain: str, version: int, resolver: Resolver) -> None:
        super().__init__(_NOBODY[version], "postmaster", domain, domain, resolver)
        self.notes = _Notes()

    @property
    def _trying(self) -> TriedTerm:
        entry = self.frames[-1].open
        assert entry is not None
        return entry

    def check1(self, record: str | None, domain: str, recursion: int) -> tuple[str, int, str]:
        opener = self.frames[-1].open if self.frames else None
        if opener is None:
            return super().check1(record, domain, recursion)
        if any(frame.domain.lower() == domain.lower() for frame in self.frames):
            self._break(opener, "it leads back to itself, so the lookups have no end", "4.6.4")
        elif len(self.frames) > _MAX_DEPTH:
            self._break(opener, f"more than {_MAX_DEPTH} records deep", "4.6.4")
        elif opener.kind == "redirect":
            return super().check1(record, domain, recursion)
        elif record:
            try:
                opener.nested = super().check1(record, domain, recursion)[0]
            except spf.PermError as error:
                if self.lookups <= MOST_LOOKUPS:
                    self._break(opener, _fault(error))
            except _Unseen:
                pass
            except spf.TempError:
                self.check_time()
        elif opener.outcome != "unknown":
            self._break(opener, "the included domain has no SPF record")
        opener.hit = False
        return "neutral", 0, ""  # whatever it says, walk on

    def dns_spf(self, domain: str) -> str | None:
        try:
            return super().dns_spf(domain)
        except spf.PermError as error:  # several records, or one that is not ASCII
            if not self.frames or self._trying.kind != "include":
                raise
            self._break(self._trying, sentence(error))
            self._trying.outcome = "unknown"
            return None

    def _break(self, opener: TriedTerm, why: str, section: str = "5.2") -> None:
        self.notes.broken.append(Trouble(opener, why, section))
        opener.nested = opener.nested or "permerror"
        opener.problem = why

    def _count(self) -> None:
        self.lookups += 1
        self._trying.lookups = self.lookups
        if self.lookups > MOST_LOOKUPS:
            raise spf.PermError("Too many DNS lookups")

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        if not self.frames:
            return super().dns(name, qtype, ignore_void=True)
        entry = self._trying
        if not is_name(name.removesuffix(".")):
            return []
        if depends_on_message(entry.term):
            return self._depends(entry)
        try:
            found = super().dns(name, qtype, ignore_void=True)
        except spf.TempError as error:
            self.check_time()
            if entry.kind == "redirect":
                raise  # nothing is known without the record that it leads to
            entry.outcome, entry.problem = "unknown", sentence(error)
            self.notes.failed.append(sentence(error))
            return []
        if not found:
            self.void_lookups += 1
            entry.void_lookups = self.void_lookups
            self.notes.voids.append(Void(shown(name.lower()), entry, qtype))
        return found

    def _depends(self, entry: TriedTerm) -> list[Any]:
        """Note that *entry* cannot be looked up for nobody in particular."""
        entry.outcome, entry.problem = "unknown", DEPENDS
        if entry.kind in ("include", "redirect"):
            self.notes.unseen.append(entry)
        if entry.kind == "redirect":
            raise _Unseen(DEPENDS)
        return []

    def dns_a(self, domainname: str, A: str = "A") -> list[str]:
        found = super().dns_a(domainname, A)
        return found if self._trying.kind != "exists" else self._nothing()

    def _nothing(self) -> list[str]:
        self._trying.hit = False
        return []

    def dns_mx(self, domainname: str) -> list[str]:
        hosts = sorted(self.dns(domainname, "MX"))
        if len(hosts) > spf.MAX_MX:
            self.notes.crowded.append(Trouble(self._trying, f"{len(hosts)} hosts", "4.6.4"))
        return [a for _, host in hosts[: spf.MAX_MX] for a in self.dns_a(host, self.A)]

    def cidrmatch(self, ipaddrs: list[str], n: int) -> bool:
        super().cidrmatch(ipaddrs, n)
        self._trying.hit = False
        return False

    def validated_ptrs(self) -> list[str]:
        return []

    def getp(self) -> str:
        return "unknown"


def _fault(error: Exception) -> str:
    """Return what *error* means, with the term it was met in when pyspf names one."""
    wrong = shown(str(getattr(error, "mech", "") or ""), 80)
    return f"{wrong}: {sentence(error)}" if wrong else sentence(error)


def walk_fully(domain: str, version: int, resolver: Resolver) -> Walk:
    """Return what the record of *domain* leads to for clients of IP *version* 4 or 6."""
    walk = FullWalk(domain, version, resolver)
    result = str(walk.check()[0])
    problem = ""
    if result in ("permerror", "temperror") and not isinstance(walk.error, _Unseen):
        problem = _fault(walk.error or walk.perm_error or spf.TempError(walk.prob))
    last = walk.last
    while last and last.kind == "redirect" and last.inner:
        last = last.inner
    notes = walk.notes
    return Walk(
        version,
        tuple(walk.entries),
        walk.lookups,
        problem,
        bool(problem) and result == "temperror",
        tuple(notes.voids),
        tuple(notes.failed),
        tuple(notes.broken),
        tuple(notes.crowded),
        tuple(notes.unseen),
        last,
        walk.cut or walk.lookups > MOST_LOOKUPS,
    )
