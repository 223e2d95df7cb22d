"""What :func:`mailkit.spf.full_walk.walk_fully` found on its way through a record and all that it leads to."""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.spf.evaluation import MAX_VOID_LOOKUPS
from mailkit.spf.trace import shown
from mailkit.spf.tried_terms import COUNTED, TriedTerm

__all__ = ["Trouble", "Void", "Walk"]


@dataclass(frozen=True)
class Trouble:
    """What is wrong with *entry*, in a sentence, and the section of RFC 7208 that says so."""

    entry: TriedTerm
    why: str
    section: str

    @property
    def text(self) -> str:
        return f"{shown(self.entry.term, 80)} of {shown(self.entry.domain)}: {self.why}"


@dataclass(frozen=True)
class Void:
    """A lookup of *entry* that found nothing: of *name*, which may be a host that an ``mx`` term led to."""

    name: str
    entry: TriedTerm
    qtype: str

    @property
    def of_mx_host(self) -> bool:
        """True when the name is a mail server's: the MX record leads to it, not the SPF record."""
        return self.entry.kind == "mx" and self.qtype != "MX"


@dataclass(frozen=True)
class Walk:
    """What a full walk met for clients of IP *version* 4 or 6.

    ``problem`` says why the record is in error for everyone, or, when ``temporary``, why it could not be read to its
    end; empty when all went well.  ``voids`` are the lookups that found nothing, ``failed`` the lookups that got
    no answer; ``broken`` are the includes and redirects that make the result permerror; ``crowded``
    are mx terms with more than ten hosts; ``unseen`` are the includes and redirects that differ from one message to
    the next, so that their records were not read.  ``last`` is the last term of the record, at the end of any
    redirects.  ``cut`` is true when there were more terms or lookups than the walk follows.
    """

    version: int
    entries: tuple[TriedTerm, ...]
    lookups: int
    problem: str
    temporary: bool
    voids: tuple[Void, ...]
    failed: tuple[str, ...]
    broken: tuple[Trouble, ...]
    crowded: tuple[Trouble, ...]
    unseen: tuple[TriedTerm, ...]
    last: TriedTerm | None
    cut: bool

    def branches(self) -> list[tuple[str, int]]:
        """Return each term of the domain's own record with the lookups it causes, its includes' among them."""
        totals: dict[int, int] = {}
        root: dict[int, int] = {}
        for e in self.entries:
            root[e.number] = e.number if e.parent is None else root[e.parent]
            totals[root[e.number]] = totals.get(root[e.number], 0) + (e.kind in COUNTED)
        costs = [(shown(self.entries[number].term, 80), cost) for number, cost in totals.items() if cost]
        return sorted(costs, key=lambda branch: -branch[1])

    def passing(self) -> list[TriedTerm]:
        """Return the terms whose match would make the whole result pass."""
        good: dict[int, bool] = {}
        for e in self.entries:
            above = True if e.parent is None else good[e.parent]
            good[e.number] = above and (e.kind == "redirect" or e.verb == "pass")
        return [e for e in self.entries if good[e.number] and e.kind not in ("redirect", "")]

    def senders(self) -> list[TriedTerm]:
        """Return the terms through which some client of this IP version may pass, ``all`` apart."""
        return [
            e
            for e in self.passing()
            if e.kind in ("exists", "ptr")
            or e.kind == f"ip{self.version}"
            or (e.kind in ("a", "mx") and (e.seen or "%" in e.term))
        ]

    def stopped(self) -> list[str]:
        """Return the terms among :meth:`senders` that no client comes to: too many lookups found nothing before."""
        numbers = sorted(void.entry.number for void in self.voids)
        if len(numbers) <= MAX_VOID_LOOKUPS:
            return []
        return [shown(e.term, 80) for e in self.senders() if e.number >= numbers[MAX_VOID_LOOKUPS]]

    def own(self, entry: TriedTerm) -> bool:
        """Return whether *entry* stands in the domain's own record or one it redirects to: the owner can change it."""
        while entry.parent is not None:
            entry = self.entries[entry.parent]
            if entry.kind != "redirect":
                return False
        return True
