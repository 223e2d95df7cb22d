"""What a class knew before and after: the files of its learners counted, question by question, without names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mailkit.quiz.items import LETTERS, WHEN, items
from mailkit.quiz.sheets import Sheet, read_sheet
from mailkit.results import Record, Rows, visible

__all__ = ["ClassResult", "PairResult", "class_results"]

_MOST_FILES = 1_000


@dataclass(frozen=True)
class PairResult(Record):
    """One pair of questions: how many answered and were right, before and after, and the usual wrong answer after."""

    pair: int
    lesson: str
    topic: str
    before: int
    right_before: int
    after: int
    right_after: int
    usual_wrong_answer: str


@dataclass(frozen=True)
class ClassResult:
    """A class: how many *learners*, the *pairs*, and of files that were not counted which and *why*."""

    learners: int
    pairs: Rows[PairResult]
    left_out: tuple[str, ...]


def class_results(folder: Path) -> ClassResult:
    """Count the files ``quiz-*.csv`` in *folder*; what is no such file of today's quiz is named, never counted.

    Of copies of one learner's file the fullest counts.  Raises ValueError where *folder* is no folder.
    """
    if not folder.is_dir():
        raise ValueError(f"{visible(str(folder), 200)} is no folder: name the one with the files quiz-NAME.csv")
    found = sorted(islice(folder.glob("quiz-*.csv"), _MOST_FILES + 1))
    left_out = [f"only the first {_MOST_FILES:,} files were looked at"] if len(found) > _MOST_FILES else []
    sheets: dict[str, tuple[Sheet, str]] = {}
    for path in found[:_MOST_FILES]:
        name = visible(path.name, 60)
        try:
            sheet = read_sheet(path)
        except ValueError as error:
            left_out.append(f"{name}: {error}")
            continue
        known = sheets.get(sheet.learner)
        if known is None:
            sheets[sheet.learner] = sheet, name
            continue
        fuller, other = ((sheet, name), known) if sheet.answered > known[0].answered else (known, (sheet, name))
        sheets[sheet.learner] = fuller
        left_out.append(f"{other[1]}: a copy of {fuller[1]}, or an earlier one")
    counted = [sheet for sheet, _ in sheets.values()]
    return ClassResult(len(counted), Rows(PairResult, _by_pair(counted)), tuple(left_out))


def _by_pair(sheets: Iterable[Sheet]) -> list[PairResult]:
    there = list(sheets)
    rows = []
    for first, last in zip(*(items(when) for when in WHEN)):
        given = {when: [sheet.letters[when].get(first.pair, "") for sheet in there] for when in WHEN}
        said = {when: Counter(filter(None, letters)) for when, letters in given.items()}
        wrong = sorted((-count, letter) for letter, count in said["after"].items() if letter != last.right)
        rows.append(
            PairResult(
                pair=first.pair,
                lesson=first.lesson,
                topic=first.topic,
                before=said["before"].total(),
                right_before=said["before"][first.right],
                after=said["after"].total(),
                right_after=said["after"][last.right],
                usual_wrong_answer=last.choices[LETTERS.index(wrong[0][1])] if wrong else "",
            )
        )
    return rows


def __dir__() -> list[str]:
    return sorted(__all__)
