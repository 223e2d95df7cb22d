"""Marks: of the checks that can fail, how many pass, lesson by lesson.

What is ``info`` or ``unknown`` counts neither for nor against a domain: nobody has failed at what cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailkit.results.outcomes import Verdict
from mailkit.results.records import Finding, Record
from mailkit.results.rows import Rows

__all__ = ["Score", "scores", "total"]


_ORDER = (Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN, Verdict.INFO)  # as Score counts them


@dataclass(frozen=True)
class Score(Record):
    """What one lesson found at one domain: how many findings of each verdict, and the marks, as in "7 of 8"."""

    domain: str
    lesson: str
    judged: Verdict
    marks: str
    passed: int
    warned: int
    failed: int
    unknown: int
    noted: int


def scores(findings: Iterable[Finding]) -> Rows[Score]:
    """Return the marks of each lesson at each domain, in the order of the domains and lessons.

    ``judged`` is the worst that was found; ``unknown`` where nothing could be judged.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.domain, finding.lesson), []).append(finding)
    places = {domain: place for place, domain in enumerate(dict.fromkeys(domain for domain, _ in groups))}
    ordered = sorted(groups, key=lambda key: (places[key[0]], key[1]))
    caption = getattr(findings, "caption", "")
    return Rows(Score, (_score(*key, groups[key]) for key in ordered), caption=caption)


def total(findings: Iterable[Finding], domain: str) -> Score:
    """Return the marks of *domain* over all lessons; its ``lesson`` is empty."""
    return _score(domain, "", [finding for finding in findings if finding.domain == domain])


def _score(domain: str, lesson: str, findings: list[Finding]) -> Score:
    count = {verdict: sum(f.verdict is verdict for f in findings) for verdict in Verdict}
    can_fail = count[Verdict.PASS] + count[Verdict.WARN] + count[Verdict.FAIL]
    marks = f"{count[Verdict.PASS]} of {can_fail}" if can_fail else ""
    worst = (Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.UNKNOWN, Verdict.INFO)
    judged = next((verdict for verdict in worst if count[verdict]), Verdict.UNKNOWN)
    return Score(domain, lesson, judged, marks, *(count[verdict] for verdict in _ORDER))
