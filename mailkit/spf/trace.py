"""What an SPF evaluation did, as the caller gets it: one :class:`EvaluatedTerm` for each :class:`TriedTerm`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailkit.results import Record, Rows, visible
from mailkit.spf.tried_terms import TriedTerm

__all__ = ["EvaluatedTerm", "Trace", "evaluated_terms", "expanded", "shown"]


@dataclass(frozen=True)
class EvaluatedTerm(Record):
    """One term of a record, tried by :func:`mailkit.spf.check`.

    ``number`` counts from 0 and ``parent`` is the number of the include or redirect that led to this record, None
    in the sender's own.  ``outcome`` is the result that the match gave, or "no match", "followed" (redirect),
    "permerror", "temperror".  ``lookups`` and ``void_lookups`` are the running counts once this term itself had been
    looked up; the terms of an included record come after it with theirs.
    """

    number: int
    parent: int | None
    depth: int
    domain: str
    term: str
    expanded: str
    matched: bool
    outcome: str
    lookups: int
    void_lookups: int
    note: str


@dataclass(frozen=True)
class _Line:
    """A step as the table shows it."""

    term: str
    record_of: str
    expanded: str
    outcome: str
    lookups: int
    void_lookups: int
    note: str


class Trace(Rows[EvaluatedTerm]):
    """The steps in the order they were tried, displayed with each included record indented below its include."""

    def __init__(self, steps: Iterable[EvaluatedTerm], *, caption: str = "") -> None:
        super().__init__(EvaluatedTerm, steps, caption=caption)

    def _lines(self) -> Rows[_Line]:
        lines = []
        for step in self:
            indent = "  " * (step.depth - 1) + "└ " if step.depth else ""
            counts = (step.lookups, step.void_lookups)
            lines.append(_Line(indent + step.term, step.domain, step.expanded, step.outcome, *counts, step.note))
        return Rows(_Line, lines, caption=self.caption)

    def __repr__(self) -> str:
        return repr(self._lines())

    def _repr_html_(self) -> str:
        return self._lines()._repr_html_()


def shown(text: str, limit: int = 300) -> str:
    """Return ``visible(text, limit)``, at once for the usual printable ASCII."""
    return text if len(text) <= limit and text.isascii() and text.isprintable() else visible(text, limit)


def evaluated_terms(entries: Sequence[TriedTerm], ip: str) -> list[EvaluatedTerm]:
    """Return *entries* as the caller may see them, each with the reason for its outcome."""
    version = 6 if ":" in ip else 4
    steps = []
    for e in entries:
        matched = e.hit and e.kind != "redirect" and e.outcome == e.verb
        note = shown(_note(e, ip, version))
        term, target = shown(e.term), shown(expanded(e))
        steps.append(
            EvaluatedTerm(
                e.number,
                e.parent,
                e.depth,
                shown(e.domain),
                term,
                target,
                matched,
                e.outcome,
                e.lookups,
                e.void_lookups,
                note,
            )
        )
    return steps


def expanded(e: TriedTerm) -> str:
    """Return the domain or network that the term stands for."""
    if e.kind in ("a", "mx") and (e.prefix and "/" in e.term):
        return f"{e.target}/{e.prefix}"
    if e.kind in ("ip4", "ip6"):
        return f"{e.target}/{e.prefix}"
    return e.target if e.kind != "all" else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _note(e: TriedTerm, ip: str, version: int) -> str:
    """Return why the term matched or not, in a few words."""
    if e.problem:
        return e.problem
    if e.kind == "all":
        return "always matches"
    if e.kind in ("ip4", "ip6"):
        if e.kind != f"ip{version}":
            return f"an IPv{e.kind[-1]} range; the client came over IPv{version}"
        return f"{ip} is {'' if e.hit else 'not '}in it"
    if e.kind == "include":
        if e.nested in ("fail", "softfail", "neutral"):
            return f"that record says {e.nested}: no match here"
        return f"that record says {e.nested}" if e.nested else "the error is in that record"
    if e.kind == "redirect":
        return f"nothing matched, so that record decides: {e.nested}" if e.nested else "the error is in that record"
    if e.kind == "exists":
        return "the name has an A record" if e.hit else "the name has no A record"
    if e.kind == "ptr":
        if not e.seen:
            return f"{ip} has no reverse name that leads back to it"
        return f"reverse name {_some(e.seen)}"
    if not e.seen:
        return f"no {'AAAA' if version == 6 else 'A'} record found"
    return f"{ip} is {'among' if e.hit else 'not among'} {_some(e.seen)}"
