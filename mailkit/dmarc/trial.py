"""What ``lint`` offers to paste is tried first: published for itself, judged again, and offered only when all is well.

It is well when the finding it came with is gone and no new one has appeared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mailkit.network import Network, parse_paste
from mailkit.results import Finding, Verdict, visible

__all__ = ["tried"]

_RANK = {Verdict.PASS: 0, Verdict.INFO: 0, Verdict.UNKNOWN: 1, Verdict.WARN: 2, Verdict.FAIL: 3}
_LONGEST = 4000  # octets of a line that a table shows uncut


def tried(findings: Sequence[Finding], net: Network, judge: Callable[[Network], Sequence[Finding]]) -> list[Finding]:
    """Return *findings* with what they offer to paste, or with the reason why nothing is offered."""
    return [_tried(found, findings, net, judge) if found.fix else found for found in findings]


def _tried(
    found: Finding, before: Sequence[Finding], net: Network, judge: Callable[[Network], Sequence[Finding]]
) -> Finding:
    if len(found.fix) > _LONGEST:
        return _without(found, f"Nothing is offered to paste: it would be a record of {len(found.fix)} octets.")
    known = {(other.check, other.evidence) for other in before if other is not found}
    for after in judge(net.overlay(parse_paste(found.fix))):
        if _RANK[after.verdict] and (after.check, after.evidence) not in known and not _less(after, before, found):
            said = visible(after.evidence, 200)
            return _without(found, f"Nothing is offered to paste: it was tried, and there {said}.")
    return found


def _less(after: Finding, before: Sequence[Finding], found: Finding) -> bool:
    """Return whether *after* is what an earlier finding of another check has become, and no worse than that was."""
    ranks = [_RANK[other.verdict] for other in before if other.check == after.check and other.check != found.check]
    return bool(ranks) and _RANK[after.verdict] <= max(ranks)


def _without(found: Finding, why: str) -> Finding:
    return replace(found, fix="", advice=f"{found.advice} {why}".strip())
