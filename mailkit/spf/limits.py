"""The checks of ``lint`` on what the record costs and whether it holds: limits, includes, terms never used."""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.results import Finding, Verdict
from mailkit.spf.evaluation import MAX_LOOKUPS, MAX_VOID_LOOKUPS
from mailkit.spf.subject import Subject, finding, listed
from mailkit.spf.trace import shown

__all__ = ["limits"]


def limits(subject: Subject) -> Iterator[Finding]:
    """Yield the findings on a record that can be evaluated."""
    yield _lookups(subject)
    yield _void_lookups(subject)
    yield from _includes(subject)
    yield from _crowded(subject)
    yield from _ignored(subject)
    yield _ptr(subject)


def _lookups(subject: Subject) -> Finding:
    tree = subject.v4
    branches = listed([f"{term} {cost}" for term, cost in tree.branches()])
    evidence = f"{tree.lookups} lookup{'s' * (tree.lookups != 1)}, {MAX_LOOKUPS} are allowed" + (
        f": {branches}" if branches else ""
    )
    if tree.lookups > MAX_LOOKUPS:
        return finding(
            "lookups",
            subject.domain,
            Verdict.FAIL,
            f"{evidence}; receivers that come to the eleventh give permerror",
            "4.6.4",
            "Drop services you no longer use, name addresses (ip4, ip6) instead of a and mx where they are "
            "your own, or give a service a subdomain of its own.",
        )
    if tree.failed:
        return finding(
            "lookups",
            subject.domain,
            Verdict.UNKNOWN,
            f"{evidence}; {listed(tree.failed, 2)}",
            "4.6.4",
            "Ask again later: what could not be looked up may hide more.",
        )
    if tree.lookups >= MAX_LOOKUPS - 1:
        return finding(
            "lookups",
            subject.domain,
            Verdict.WARN,
            evidence,
            "4.6.4",
            "One more, in your record or in one you include, and receivers get permerror.",
        )
    return finding("lookups", subject.domain, Verdict.PASS, evidence, "4.6.4")


def _void_lookups(subject: Subject) -> Finding:
    void4, void6 = subject.v4.voids, subject.v6.voids
    gone = [name for name in dict.fromkeys(void4) if name in void6]
    if len(void4) > MAX_VOID_LOOKUPS:
        return finding(
            "void lookups",
            subject.domain,
            Verdict.FAIL,
            f"{len(void4)} lookups find nothing, {MAX_VOID_LOOKUPS} are allowed: {listed(void4)}",
            "4.6.4",
            "Remove the terms with these names.",
        )
    if gone:
        return finding(
            "void lookups",
            subject.domain,
            Verdict.WARN,
            f"nothing is found at {listed(gone)}",
            "4.6.4",
            "Remove the terms with these names: if the name can be registered, so can the right to send for you.",
        )
    if len(void6) > MAX_VOID_LOOKUPS:
        return finding(
            "void lookups",
            subject.domain,
            Verdict.INFO,
            f"{len(void6)} lookups find nothing for a client over IPv6: {listed(void6)}",
            "4.6.4",
            "Such a client gets permerror instead of your all. Name IPv4 hosts by ip4 if you never send over IPv6.",
        )
    if subject.v4.failed or subject.v6.failed:
        return finding("void lookups", subject.domain, Verdict.UNKNOWN, "some names could not be looked up", "4.6.4")
    return finding("void lookups", subject.domain, Verdict.PASS, "every name that is looked up exists", "4.6.4")


def _includes(subject: Subject) -> Iterator[Finding]:
    for problem in dict.fromkeys(subject.v4.broken):
        yield finding(
            "includes",
            subject.domain,
            Verdict.FAIL,
            f"{problem}; receivers that come to it give permerror",
            "5.2",
            "Remove it, or ask its owner for the name to include now.",
        )


def _crowded(subject: Subject) -> Iterator[Finding]:
    for problem in dict.fromkeys(subject.v4.crowded):
        yield finding(
            "mx hosts",
            subject.domain,
            Verdict.FAIL,
            f"{problem}, and more than 10 give permerror",
            "4.6.4",
            "Name the sending hosts by ip4, ip6 or a.",
        )


def _ignored(subject: Subject) -> Iterator[Finding]:
    """Terms after ``all``, and a redirect beside it, are never used (sections 5.1 and 6.1)."""
    end = next((term for term in subject.terms if term.lstrip("+-~?").lower() == "all"), None)
    if end is None:
        return
    kept = [*subject.live_terms, end]
    dead = [term for term in subject.terms if term not in kept]
    if dead:
        yield finding(
            "ignored terms",
            subject.domain,
            Verdict.WARN,
            f"because of {end}, never used: {listed(dead)}",
            "5.1",
            "Put the terms you mean before all, and remove the rest.",
            subject.line(kept),
        )


def _ptr(subject: Subject) -> Finding:
    used = [e for e in subject.v4.entries if e.kind == "ptr"]
    own = [e for e in used if subject.own(subject.v4, e)]
    if own:
        kept = [t for t in subject.terms if t.lstrip("+-~?").lower().split(":")[0] != "ptr"]
        return finding(
            "ptr",
            subject.domain,
            Verdict.WARN,
            f"{shown(own[0].term)} of {shown(own[0].domain)}",
            "5.5",
            "ptr is slow, burdens the reverse zones and should not be published. Name the hosts instead.",
            subject.line(kept),
        )
    if used:
        return finding("ptr", subject.domain, Verdict.INFO, f"ptr in the record of {shown(used[0].domain)}", "5.5")
    return finding("ptr", subject.domain, Verdict.PASS, "not used", "5.5")
