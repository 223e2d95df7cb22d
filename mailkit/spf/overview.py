"""``tree``: the whole of a domain's record, with all that it leads to, for no message in particular."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mailkit.network import Network, Status
from mailkit.results import Record, Verdict, hidden
from mailkit.spf.characters import spoiler
from mailkit.spf.evaluation import MAX_LOOKUPS, MAX_STEPS, MAX_VOID_LOOKUPS
from mailkit.spf.full_walk import DEPENDS, MOST_LOOKUPS, walk_fully
from mailkit.spf.linted import listed
from mailkit.spf.macros import depends_on_message
from mailkit.spf.records import Published, published
from mailkit.spf.resolver import Resolver, domain_name
from mailkit.spf.trace import EvaluatedTerm, Trace, expanded, shown
from mailkit.spf.tried_terms import TriedTerm
from mailkit.spf.walk import Walk

__all__ = ["Tree", "tree"]

_NOTES = {
    "include": "its record follows",
    "redirect": "where nothing matches, the record that follows decides",
}


@dataclass(frozen=True)
class Tree(Record):
    """The record of *domain* and those it includes or redirects to.

    ``lookups`` counts the terms that cause DNS lookups when nothing matches (at most 10 are allowed), ``void_lookups``
    the lookups that find nothing (at most 2).  ``verdict`` is fail when a limit is passed or the record is in error,
    unknown when a part could not be read, info when there is no record; ``reason`` says it in a sentence.
    ``trace`` has the terms, each with the result that a match gives.
    """

    domain: str
    verdict: Verdict
    reason: str
    lookups: int
    void_lookups: int
    steps: tuple[EvaluatedTerm, ...] = hidden(())
    caption: str = hidden()

    @property
    def trace(self) -> Trace:
        """The terms from top to bottom, included records indented below their includes, with the running counts."""
        return Trace(self.steps, caption=self.caption)


def tree(domain: str, *, net: Network, timeout: float = 30.0) -> Tree:
    """Return the SPF record of *domain* with all that it leads to; no address of a client is needed.

    *timeout* is for the whole, in seconds.  Raises ValueError for what is no domain name, TypeError for what is no
    text; whatever the DNS says is in the result.
    """
    name = domain_name(domain)
    if not timeout > 0:
        raise ValueError("timeout is a number of seconds greater than 0")
    resolver = Resolver(net, time.monotonic() + timeout)
    found = published(name, resolver.lookup(name, "TXT"))
    if not found.records:
        verdict, reason = _missing(found)
        return Tree(name, verdict, reason, 0, 0, caption=net.caption)
    v4, v6 = walk_fully(name, 4, resolver), walk_fully(name, 6, resolver)
    verdict, reason = _judged(name, v4)
    return Tree(name, verdict, shown(reason, 500), v4.lookups, len(v4.voids), tuple(_steps(v4, v6)), net.caption)


def _missing(found: Published) -> tuple[Verdict, str]:
    if found.status in (Status.SERVFAIL, Status.TIMEOUT):
        return Verdict.UNKNOWN, f"the TXT records of {found.domain} cannot be had: {found.reason}"
    if found.attempts:
        return Verdict.FAIL, f"a TXT record looks like SPF, but is none: {spoiler(found.attempts[0])}"
    return Verdict.INFO, f"{found.domain} publishes no SPF record ({found.reason or 'it has other TXT records'})"


def _judged(domain: str, walk: Walk) -> tuple[Verdict, str]:
    """Return what the whole comes to: the gravest first."""
    count = f"more than {MOST_LOOKUPS}" if walk.lookups > MOST_LOOKUPS else str(walk.lookups)
    costs = f"{count} lookup{'s' * (walk.lookups != 1)}, {MAX_LOOKUPS} are allowed"
    if walk.lookups > MAX_LOOKUPS:
        return Verdict.FAIL, f"{costs}; receivers that come to the eleventh give permerror (RFC 7208 section 4.6.4)"
    if walk.problem:
        return (Verdict.UNKNOWN if walk.temporary else Verdict.FAIL), f"{domain}: {walk.problem}"
    if walk.broken:
        return Verdict.FAIL, f"{walk.broken[0].text}: receivers that come to it give permerror"
    if len(walk.voids) > MAX_VOID_LOOKUPS:
        names = listed([void.name for void in walk.voids], 3)
        return Verdict.FAIL, f"{len(walk.voids)} lookups find nothing, {MAX_VOID_LOOKUPS} are allowed: {names}"
    if walk.failed:
        return Verdict.UNKNOWN, f"{costs}; {walk.failed[0]}"
    if walk.unseen:
        return Verdict.UNKNOWN, f"at least {costs}: where {shown(walk.unseen[0].term, 80)} leads depends on the message"
    if walk.cut:
        return Verdict.UNKNOWN, f"{costs}; only the first {MAX_STEPS} terms are shown"
    last = walk.last
    if last is None or last.kind != "all":
        return Verdict.PASS, f"{costs}; nothing says what becomes of everyone else: neutral"
    return Verdict.PASS, f"{costs}; everyone else: {last.verb}"


def _steps(v4: Walk, v6: Walk) -> list[EvaluatedTerm]:
    """Return the terms with what they stand for, over IPv4 and over IPv6."""
    same = [e.term for e in v4.entries] == [e.term for e in v6.entries]
    found_nothing = {void.entry.number for void in v4.voids}
    inside: set[int] = set()  # the terms of included records, in which only pass counts
    steps = []
    for number, e in enumerate(v4.entries):
        above = v4.entries[e.parent] if e.parent is not None else None
        if above is not None and (above.kind == "include" or above.number in inside):
            inside.add(e.number)
        seen = [*e.seen, *(v6.entries[number].seen if same and e.kind in ("a", "mx") else ())]
        outcome, note = _said(e, seen, nothing=e.number in found_nothing)
        if e.kind == "all":
            back = e.number in inside and e.verb != "pass"
            outcome, note = ("no match", "so the include does not match") if back else (e.verb, "everyone else")
        steps.append(
            EvaluatedTerm(
                number=e.number,
                parent=e.parent,
                depth=e.depth,
                domain=shown(e.domain),
                term=shown(e.term),
                expanded=shown(expanded(e)) if not depends_on_message(e.term) else "",
                matched=False,
                outcome=outcome,
                lookups=e.lookups,
                void_lookups=e.void_lookups,
                note=shown(note),
            )
        )
    return steps


def _said(e: TriedTerm, seen: list[str], *, nothing: bool) -> tuple[str, str]:
    """Return the result that a match of *e* gives, or what is wrong with it, and a few words more."""
    if e.problem:
        unseen = e.problem == DEPENDS or e.outcome == "temperror" or (e.nested is None and e.outcome != "permerror")
        return ("unknown" if unseen else "permerror"), e.problem
    verb = {"include": "included", "redirect": "followed"}.get(e.kind, e.verb)
    if e.kind in ("a", "mx"):
        return verb, listed(seen, 4) if seen and not nothing else "finds nothing"
    if e.kind == "exists":
        return verb, "finds nothing" if nothing else "whenever that name exists"
    if e.kind == "ptr":
        return verb, f"hosts with a reverse name in {e.target}"
    if e.kind == "include" and e.nested is None:
        return "permerror", "the error is in that record"
    return verb, _NOTES.get(e.kind, "")
