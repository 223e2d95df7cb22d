"""What ``lint`` offers to paste is tried first: published for itself, judged again, and offered only when all is well.

It is well when the finding it came with is gone and no new one has appeared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mailkit.network import DnsRecord, paste
from mailkit.results import Finding, Verdict, visible
from mailkit.spf.resolver import Resolver

__all__ = ["tried"]

_RANK = {Verdict.PASS: 0, Verdict.INFO: 0, Verdict.UNKNOWN: 1, Verdict.WARN: 2, Verdict.FAIL: 3}
_LONGEST = 4000  # octets of a line that a table shows uncut

Judge = Callable[[Resolver], Sequence[Finding]]


def tried(
    findings: Sequence[Finding], parts: Sequence[Finding], domain: str, resolver: Resolver, judge: Judge
) -> list[Finding]:
    """Return *findings* with what they offer as a line to paste, or with the reason why nothing is offered.

    *parts* are further faults that are there already.
    """
    before = _worst([*findings, *parts])
    return [_tried(found, before, domain, resolver, judge) if found.fix else found for found in findings]


def _tried(found: Finding, before: dict[str, int], domain: str, resolver: Resolver, judge: Judge) -> Finding:
    line = paste(DnsRecord(domain, "TXT", found.fix))
    if len(line) > _LONGEST:
        return _without(found, f"Nothing is offered to paste: it would be a record of {len(found.fix)} octets.")
    trial = resolver.publishing(domain, found.fix)
    after = judge(trial)
    if trial.failed:
        return _without(
            found, f"Nothing is offered to paste: it could not be tried, for {trial.failed[0]} got no answer."
        )
    for other in after:
        cleared = _RANK[other.verdict] == 0 or (other.verdict is Verdict.UNKNOWN and other.check != found.check)
        known = other.check != found.check and _RANK[other.verdict] <= before.get(other.check, 0)
        if not (cleared or known or _near(other)):
            said = visible(other.evidence, 200)
            return _without(found, f"Nothing is offered to paste: {_short(found.fix)} was tried, and there {said}.")
    return replace(found, fix=line)


def _near(found: Finding) -> bool:
    """Return whether *found* only says that a limit is near: within it is within it."""
    return found.check == "SPF lookups" and found.verdict is Verdict.WARN


def _worst(findings: Iterable[Finding]) -> dict[str, int]:
    """Return each check with the rank of its worst verdict."""
    worst: dict[str, int] = {}
    for found in findings:
        worst[found.check] = max(_RANK[found.verdict], worst.get(found.check, 0))
    return worst


def _without(found: Finding, why: str) -> Finding:
    return replace(found, fix="", advice=f"{found.advice} {why}".strip())


def _short(text: str) -> str:
    return f"“{visible(text, 120)}”"
