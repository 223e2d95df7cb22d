"""What Postfix and Exim changed from version to version, of all that is written, judged or read in this lesson.

The table is ``data/mta_versions.csv``.  Its column ``seen`` names the versions that were run and asked; where it says
``documents only``, the sentence rests on the source alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailkit import datasets
from mailkit.results import Record, Rows

__all__ = ["SOFTWARE", "VersionChange", "all_changes", "numbers", "version_changes"]

SOFTWARE = {
    "postfix": ((3, 7), (3, 11)),
    "exim": ((4, 96), (4, 100)),
}
"""Software -> the first and the last version whose settings are known."""

_VERSION = re.compile(r"(\d{1,2})\.(\d{1,3})(?:\.(\d{1,3}))?")


@dataclass(frozen=True)
class VersionChange(Record):
    """One thing that changed in ``version``: what a ``setting`` was ``before`` and is ``since``, and what that means.

    ``kind`` is "default", "new", "renamed", "removed" or "behaviour".  ``seen`` names the versions that were asked.
    """

    version: str
    setting: str
    kind: str
    before: str
    since: str
    meaning: str
    seen: str
    source: str


def numbers(version: str) -> tuple[int, ...]:
    """Return the two or three numbers of *version*: (3, 7) for "3.7", (3, 7, 11) for "3.7.11".

    Raises TypeError for what is no text and ValueError for what is no such version.
    """
    if not isinstance(version, str):
        raise TypeError(f"a version is text like '3.7' or '4.100.1', not {type(version).__name__}")
    found = _VERSION.fullmatch(version)
    if not found:
        raise ValueError(f"a version is two or three numbers like '3.7' or '4.100.1', not {version[:20]!r}")
    return tuple(int(part) for part in found.groups() if part is not None)


def version_changes(software: str, before: str, after: str) -> Rows[VersionChange]:
    """Return what changed in *software* ("postfix" or "exim") from version *before* on, up to *after*.

    *after* of two numbers holds its patches too.  Raises ValueError or TypeError for a software that is not known
    here, for what is no version, and when *after* is the older one.
    """
    if not isinstance(software, str) or software not in SOFTWARE:
        raise ValueError(f"software is one of {', '.join(SOFTWARE)}, not {software!r}")
    first, last = numbers(before), numbers(after)
    if last[: len(first)] < first[: len(last)]:
        raise ValueError(f"{after} is older than {before}: pass the older version first")
    found = [
        change
        for change in all_changes(software)
        # Cut to the numbers that were given, so that "4.100" holds 4.100.1.
        if numbers(change.version) > first and numbers(change.version)[: len(last)] <= last
    ]
    return Rows(VersionChange, found, caption=f"{software}, {before} to {after}: data/mta_versions.csv")


def all_changes(software: str) -> list[VersionChange]:
    """Return every change of *software* ("postfix" or "exim") that is known, in the order of the table."""
    frame = datasets.load("mta_versions")
    rows = frame[frame["software"].str.lower() == software]
    return [
        VersionChange(*(str(getattr(row, name)) for name in VersionChange.__dataclass_fields__))
        for row in rows.itertuples()
    ]
