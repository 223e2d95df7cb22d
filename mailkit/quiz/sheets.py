"""The file of a learner's answers, ``quiz-NAME.csv``: a heading and one line, with a letter for each question.

The line begins with the edition of the questions and with a number drawn at random, by which copies of one file are
known as such.  The name stands in the file's name alone.  Who reads such a file trusts nothing in it.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mailkit.quiz.items import LETTERS, PAIRS, WHEN, edition
from mailkit.results import Sentence, visible

__all__ = ["COLUMNS", "Sheet", "keep", "read_sheet"]

COLUMNS = ("edition", "learner", *(f"{when}_{pair}" for when in WHEN for pair in range(1, PAIRS + 1)))
_LARGEST = 4_000  # octets: ten times what such a file has


@dataclass(frozen=True)
class Sheet:
    """One learner's answers: the random number, and for "before" and "after" the letter given to each pair."""

    learner: str
    letters: Mapping[str, Mapping[int, str]]

    @property
    def answered(self) -> int:
        """How many answers there are."""
        return sum(map(len, self.letters.values()))


def keep(folder: Path, name: str, when: str, letters: Mapping[int, str]) -> Sentence:
    """Write *letters*, those of *when*, into the sheet of *name* in *folder*, and say so; what stands there stays.

    Raises OSError where the file cannot be written.
    """
    path = folder / f"quiz-{name}.csv"
    known: dict[str, Mapping[int, str]] = {}
    learner = secrets.token_hex(8)
    if path.exists():
        try:
            sheet = read_sheet(path)
        except ValueError as error:
            return Sentence(f"Not kept: {path.name} is there already, and {error}. Move it away, or take another name.")
        if sheet.letters[when]:
            return Sentence(f"Not kept: {path.name} holds your first answers, and those count.")
        learner, known = sheet.learner, dict(sheet.letters)
    known[when] = letters
    values = [known.get(time, {}).get(pair, "") for time in WHEN for pair in range(1, PAIRS + 1)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, [edition(), learner, *values]])
    folder.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f".{path.name}.{os.getpid()}")  # a file half written would lose what was there
    whole.write_text(text.getvalue(), encoding="utf-8", newline="")
    whole.replace(path)
    return Sentence(f"Your answers are in {path.parent.name}/{path.name}: letters, no name.")


def read_sheet(path: Path) -> Sheet:
    """Return the answers in the file *path*.

    Raises ValueError, with what is wrong, for all that :func:`keep` would not have written; a file that a spreadsheet
    has saved with a byte order mark is read all the same.
    """
    if not path.is_file():
        raise ValueError("it is no file")
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        raise ValueError("it cannot be opened") from None
    if len(data) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST:,} octets")
    try:
        rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True) if row]
    except (UnicodeDecodeError, csv.Error):
        raise ValueError("it is no CSV in UTF-8") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ValueError("its columns are not those of the quiz")
    if len(rows) != 2 or len(rows[1]) != len(COLUMNS):
        raise ValueError("it does not hold just one line of answers")
    named = dict(zip(COLUMNS, (value.strip() for value in rows[1])))
    if named["edition"] != edition():
        raise ValueError("it answers other questions than today's")
    if not (named["learner"].isascii() and named["learner"].isalnum()):
        raise ValueError("its number is none")
    letters: dict[str, dict[int, str]] = {when: {} for when in WHEN}
    for when in WHEN:
        for pair in range(1, PAIRS + 1):
            value = named[f"{when}_{pair}"].casefold()
            if value and value not in LETTERS:
                raise ValueError(f"{when}_{pair} is no letter of an answer: {visible(value, 30)}")
            if value:
                letters[when][pair] = value
    return Sheet(named["learner"], letters)


def __dir__() -> list[str]:
    return sorted(__all__)
