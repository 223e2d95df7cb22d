"""The checks of ``lint`` on what the record costs and whether it holds: limits, includes, terms that do nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mailkit.results import Finding, Verdict
from mailkit.spf.evaluation import MAX_LOOKUPS, MAX_VOID_LOOKUPS
from mailkit.spf.full_walk import MOST_LOOKUPS
from mailkit.spf.linted import MESSAGE, LintedRecord, finding, joined, listed, name_of
from mailkit.spf.macros import depends_on_message
from mailkit.spf.trace import shown
from mailkit.spf.tried_terms import COUNTED
from mailkit.spf.walk import Void, Walk

__all__ = ["limits"]

_MECHANISMS = frozenset({"a", "mx", "ptr", "include", "exists", "ip4", "ip6"})


def limits(subject: LintedRecord) -> Iterator[Finding]:
    """Yield the findings on a record that can be evaluated."""
    yield _lookups(subject)
    yield _void_lookups(subject)
    yield from _includes(subject)
    yield from _crowded(subject)
    yield from _ignored(subject)
    yield _ptr(subject)


def _lookups(subject: LintedRecord) -> Finding:
    walk = subject.v4
    branches = listed([f"{term} {cost}" for term, cost in walk.branches()])
    count = f"more than {MOST_LOOKUPS}" if walk.lookups > MOST_LOOKUPS else str(walk.lookups)
    evidence = f"{count} lookup{'s' * (walk.lookups != 1)}, {MAX_LOOKUPS} are allowed" + (
        f": {branches}" if branches else ""
    )
    verdict, advice = Verdict.PASS, ""
    if walk.lookups > MAX_LOOKUPS:
        verdict = Verdict.FAIL
        evidence += "; receivers that come to the eleventh give permerror"
        advice = (
            "Drop services you no longer use, name addresses (ip4, ip6) instead of a and mx where they are "
            "your own, or give a service a subdomain of its own."
        )
    elif walk.failed:
        verdict = Verdict.UNKNOWN
        evidence += f"; {listed(walk.failed, 2)}"
        advice = "Ask again later: what could not be looked up may hide more."
    elif walk.unseen:
        verdict = Verdict.UNKNOWN
        evidence = f"at least {evidence}; {_unseen(walk)}"
        advice = MESSAGE
    elif walk.lookups >= MAX_LOOKUPS - 1:
        verdict = Verdict.WARN
        advice = "One more, in your record or in one you include, and receivers get permerror."
    return finding("lookups", subject.domain, verdict, evidence, "4.6.4", advice)


def _unseen(walk: Walk) -> str:
    terms = listed([shown(e.term, 80) for e in walk.unseen], 2)
    return f"which record {terms} leads to depends on the message, so it was not read"


def _void_lookups(subject: LintedRecord) -> Finding:
    void4, void6 = subject.v4.voids, subject.v6.voids
    over_v6 = {void.name for void in void6}
    gone = [void for void in void4 if void.name in over_v6]
    chosen = [e for e in subject.v4.entries if e.kind == "ptr" or (e.kind in COUNTED and depends_on_message(e.term))]
    domain, allowed = subject.domain, f"{MAX_VOID_LOOKUPS} are allowed"
    if len(void4) > MAX_VOID_LOOKUPS:
        evidence = f"{len(void4)} lookups find nothing, {allowed}: {_names(void4)}"
        return finding("void lookups", domain, Verdict.FAIL, evidence, "4.6.4", _mend(subject, void4))
    if gone:
        evidence = f"nothing is found at {_names(gone)}"
        return finding("void lookups", domain, Verdict.WARN, evidence, "4.6.4", _mend(subject, gone))
    if len(void6) > MAX_VOID_LOOKUPS:
        evidence = f"{len(void6)} lookups find nothing for a client over IPv6: {_names(void6)}"
        advice = "Such a client gets permerror instead of your all. Name IPv4 hosts by ip4 if you never send over IPv6."
        return finding("void lookups", domain, Verdict.INFO, evidence, "4.6.4", advice)
    if subject.v4.failed or subject.v6.failed:
        evidence = "some names could not be looked up"
        return finding("void lookups", domain, Verdict.UNKNOWN, evidence, "4.6.4", "Ask again later.")
    if subject.v4.unseen:
        return finding("void lookups", domain, Verdict.UNKNOWN, _unseen(subject.v4), "4.6.4", MESSAGE)
    if len(void4) + len(chosen) > MAX_VOID_LOOKUPS:
        terms = listed([shown(e.term, 80) for e in chosen], 3)
        evidence = f"what {terms} find depends on the message; where they find nothing, {allowed}"
        return finding("void lookups", domain, Verdict.UNKNOWN, evidence, "4.6.4", MESSAGE)
    return finding("void lookups", domain, Verdict.PASS, "every name that is looked up exists", "4.6.4")


def _names(voids: Sequence[Void]) -> str:
    return listed(list(dict.fromkeys(void.name for void in voids)))


def _mend(subject: LintedRecord, voids: Sequence[Void]) -> str:
    """Return what to do about lookups that find nothing: the term, the mail server behind it, or somebody else's."""
    own = [void for void in voids if subject.v4.own(void.entry)]
    hosts = [void for void in own if void.of_mx_host]
    terms = [void for void in own if not void.of_mx_host]
    advice = []
    if hosts:
        mx = listed(list(dict.fromkeys(shown(void.entry.term, 80) for void in hosts)), 2)
        advice.append(
            f"The MX names {_names(hosts)}, which has no address: give the host one, or take it out of the MX. "
            f"The term {mx} itself may stay."
        )
        if any(void.name.endswith(f"{subject.domain}.{subject.domain}") for void in hosts):
            advice.append("The name ends in the domain twice: a final dot is missing in the zone file.")
    if terms:
        named = listed(list(dict.fromkeys(shown(void.entry.term, 80) for void in terms)), 3)
        advice.append(f"Remove {named}: if the name can be registered, so can the right to send for you.")
    for void in voids:
        if void not in own:
            where = shown(void.entry.domain)
            advice.append(f"{shown(void.entry.term, 80)} stands in the record of {where}: tell its owner.")
            break
    return " ".join(advice)


def _includes(subject: LintedRecord) -> Iterator[Finding]:
    for trouble in {trouble.text: trouble for trouble in subject.v4.broken}.values():
        yield finding(
            "includes",
            subject.domain,
            Verdict.FAIL,
            f"{trouble.text}; receivers that come to it give permerror",
            trouble.section,
            "Remove it, or ask its owner for the name to include now.",
        )


def _crowded(subject: LintedRecord) -> Iterator[Finding]:
    for trouble in {trouble.text: trouble for trouble in subject.v4.crowded}.values():
        yield finding(
            "mx hosts",
            subject.domain,
            Verdict.FAIL,
            f"{trouble.text}, and more than 10 give permerror",
            trouble.section,
            "Name the sending hosts by ip4, ip6 or a.",
        )


def _ignored(subject: LintedRecord) -> Iterator[Finding]:
    """Terms after ``all``, a redirect beside it (sections 5.1, 6.1), the same again, and modifiers nobody knows."""
    end = next((term for term in subject.terms if term.lstrip("+-~?").lower() == "all"), None)
    kept = [*subject.live_terms, *([end] if end else [])]
    dead = list((Counter(subject.terms) - Counter(kept)).elements())
    again, costly = _repeated(subject, kept)
    slips = {term: term.replace("=", ":", 1) for term in kept if _is_slip(term)}
    said, advice = [], []
    if dead:
        said.append(f"because of {end}, never used: {listed(dead)}")
        advice.append("Put the terms you mean before all, and remove the rest.")
    if again:
        said.append(f"said before, so never reached: {listed([kept[place] for place in again])}")
        advice.append("Remove what is said twice.")
    if slips:
        said.append(f"with = they are modifiers that receivers do not know and ignore: {listed(list(slips))}")
        advice.append("Put a colon after the name of a mechanism.")
    if said:
        verdict = Verdict.WARN if dead or slips or costly else Verdict.INFO
        section = "5.1" if dead else "4.6.2" if again else "6"
        fix = joined([slips.get(term, term) for place, term in enumerate(kept) if place not in again])
        evidence = "; ".join(said)
        yield finding("ignored terms", subject.domain, verdict, evidence, section, " ".join(advice), fix)


def _is_slip(term: str) -> bool:
    """Return whether *term* is a mechanism's name with ``=`` where a colon belongs, and so an unknown modifier."""
    name, equals, _ = term.partition("=")
    return bool(equals) and name.lower() in _MECHANISMS


def _repeated(subject: LintedRecord, kept: Sequence[str]) -> tuple[dict[int, str], bool]:
    """Return the places in *kept* whose term an earlier one has said, and whether such a term costs a lookup."""
    own = [[e for e in walk.entries if e.depth == 0 and e.kind != "redirect"] for walk in (subject.v4, subject.v6)]
    seen: set[tuple[str, str, int, int]] = set()
    places: dict[int, str] = {}
    costly = False
    at = -1
    for e4, e6 in zip(*own):
        at = next((i for i in range(at + 1, len(kept)) if kept[i] == e4.term), len(kept))
        key = (e4.kind, e4.target.lower(), e4.prefix, e6.prefix)
        if key in seen and at < len(kept):
            places[at] = e4.term
            costly = costly or e4.kind in COUNTED
        seen.add(key)
    return places, costly


def _ptr(subject: LintedRecord) -> Finding:
    used = [e for e in subject.v4.entries if e.kind == "ptr"]
    own = [e for e in used if subject.v4.own(e)]
    if own:
        kept = [t for t in subject.terms if name_of(t) != "ptr"]
        here = [e for e in own if e.depth == 0]
        # Where nothing else lets hosts in, the record without ptr would shut out all of them.
        others = [e for walk in (subject.v4, subject.v6) for e in walk.senders() if e.kind != "ptr"]
        return finding(
            "ptr",
            subject.domain,
            Verdict.WARN,
            f"{shown(own[0].term)} of {shown(own[0].domain)}: every check asks for the client's reverse name",
            "5.5",
            "ptr is slow, burdens the reverse zones and should not be published. Name the hosts it lets in.",
            joined(kept) if here and others else "",
        )
    if used:
        return finding("ptr", subject.domain, Verdict.INFO, f"ptr in the record of {shown(used[0].domain)}", "5.5")
    return finding("ptr", subject.domain, Verdict.PASS, "not used", "5.5")
