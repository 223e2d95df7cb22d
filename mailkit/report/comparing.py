"""What changed between two reports: of two runs in a store, or of a report and an earlier one in a JSON file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mailkit.report.store import opened_store, runs, stored_findings
from mailkit.results import Finding, Record, Rows, Verdict

__all__ = ["ChangeKind", "FindingChange", "changes", "compare", "earlier"]

_MOST_OCTETS = 200_000_000
_BAD = {Verdict.FAIL: 2, Verdict.WARN: 1}
_WELL = (Verdict.PASS, Verdict.INFO)


class ChangeKind(StrEnum):
    """What became of a finding; ``other`` says that the verdict is the same and the evidence another."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True)
class FindingChange(Record):
    """One finding that is not as it was.  ``before`` or ``after`` is empty where there was or is none."""

    domain: str
    change: ChangeKind
    check: str
    subject: str
    before: str
    after: str
    evidence: str
    advice: str
    lesson: str


def changes(store: str | Path, before: int | None = None, after: int | None = None) -> Rows[FindingChange]:
    """Return what changed between the runs *before* and *after* in *store*; by default, between the last two.

    A domain that only one of them asked about is left out.  Raises ValueError for what is no store, and where there
    are no two finished runs.
    """
    known = {run.run: run for run in runs(store)}
    finished = [run.run for run in known.values() if run.finished]
    if after is None:
        after = max(finished, default=0)
    if before is None:
        before = max((number for number in finished if number < after), default=0)
    for number in (before, after):
        if number not in finished:
            raise ValueError(f"two finished runs are needed, and there are {finished or 'none'}: report.runs(store)")
    with opened_store(store) as base:
        found = compare(stored_findings(base, before), stored_findings(base, after))
    caption = f"run {before} ({known[before].begun}) and run {after} ({known[after].begun})"
    return Rows(FindingChange, found, caption=caption)


def compare(before: Iterable[Finding], after: Iterable[Finding]) -> list[FindingChange]:
    """Return what changed from *before* to *after*, in the order of *after*; what is gone comes last.

    Findings belong together by domain, lesson, check and subject.  Domains that are not in both are left out.  A lesson
    that had nothing to say at one of the two times, since the resolver was silent or it was not asked, has not lost its
    findings: none is told as gone, and as new only what does not pass.
    """
    old, new = _keyed(before), _keyed(after)
    shared = {key[0] for key in old} & {key[0] for key in new}
    heard_before, heard_now = _heard(old), _heard(new)
    found = []
    for key, now in new.items():
        if key[0] not in shared:
            continue
        was = old.get(key)
        if was is None:
            if key[:2] in heard_before or now.verdict not in _WELL:
                found.append(_change(ChangeKind.NEW, None, now))
        elif was.verdict is not now.verdict:
            worse = _BAD.get(now.verdict, 0) > _BAD.get(was.verdict, 0)
            better = _BAD.get(now.verdict, 0) < _BAD.get(was.verdict, 0) and now.verdict is not Verdict.UNKNOWN
            found.append(
                _change(ChangeKind.WORSE if worse else ChangeKind.BETTER if better else ChangeKind.OTHER, was, now)
            )
        elif was.evidence != now.evidence:
            found.append(_change(ChangeKind.OTHER, was, now))
    gone = [was for key, was in old.items() if key[:2] in heard_now and key not in new]
    return found + [_change(ChangeKind.GONE, was, None) for was in gone]


Key = tuple[str, str, str, str, int]


def _keyed(findings: Iterable[Finding]) -> dict[Key, Finding]:
    """Return *findings* by what they are about; several about the same thing are numbered by their evidence."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    keyed: dict[Key, Finding] = {}
    for finding in findings:
        about = (finding.domain, finding.lesson, finding.check, finding.subject)
        keyed[(*about, seen[about])] = finding
        seen[about] += 1
    return keyed


def _heard(keyed: Collection[Key]) -> set[tuple[str, str]]:
    """Return the domain and lesson of each check that was made; one that broke off (``report``) was not.

    How the asking went (``00_start_here``) is always known.
    """
    made = {(domain, lesson) for domain, lesson, check, *_ in keyed if check != "report"}
    return made | {(domain, "00_start_here") for domain, *_ in keyed}


def _change(kind: ChangeKind, was: Finding | None, now: Finding | None) -> FindingChange:
    finding = now or was
    assert finding is not None
    evidence = finding.evidence if was is None or now is None else f"{now.evidence} (before: {was.evidence})"
    return FindingChange(
        finding.domain,
        kind,
        finding.check,
        finding.subject,
        str(was.verdict) if was else "",
        str(now.verdict) if now else "",
        evidence,
        now.advice if now and now.verdict is not Verdict.PASS else "",
        finding.lesson,
    )


def earlier(path: Path) -> Sequence[Finding]:
    """Return the findings in the JSON file *path*, which ``--json`` wrote.

    Raises OSError when it cannot be read, ValueError for what is something else.
    """
    if path.stat().st_size > _MOST_OCTETS:
        raise ValueError(f"{path.name} has more than {_MOST_OCTETS:,} octets: that is no report")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise TypeError("no list of findings")
        return [_read(row) for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path.name} is no report that --json wrote: {type(error).__name__}") from None


def _read(row: dict[str, str]) -> Finding:
    names = ("check", "subject", "evidence", "advice", "fix", "reference", "lesson", "domain")
    cells = {name: row[name] for name in names}
    if not all(isinstance(cell, str) for cell in cells.values()):
        raise TypeError("a cell that is no text")
    return Finding(verdict=Verdict(row["verdict"]), **cells)
