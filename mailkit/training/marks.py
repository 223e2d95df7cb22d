"""Minute by minute: which section of a lesson begins when, and what the screen shows when it is done.

The minutes are those of the lesson's menu, and what the screen shows is read from its stored outputs: the pictures and
what became of the predictions, or the table where a section has neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from mailkit.results import Record
from mailkit.sections import Section, lessons, minutes, read_json, sections
from mailkit.training.answers import results

__all__ = ["Mark", "marks", "refreshed"]

_WORDS = {
    "TRAINING.md": ("| At | Section | Minutes | When it is done, the screen shows |", "picture “{}”", "table of {}"),
    "TRAINING.ja.md": ("| 開始 | 節 | 分 | 終わったとき画面に出ているもの |", "図「{}」", "表（{}）"),
}
_LONGEST, _COLUMNS = 60, 3  # characters of a picture's title, columns named of a table
_BLOCK = re.compile(r"(<!-- minutes of (\d\d_\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Mark(Record):
    """One section of a lesson: the minute it begins ``at``, how many ``minutes`` it takes, its key and title.

    ``pictures`` are the titles of those it draws, ``results`` the predictions it reveals with what became of each, and
    ``table`` names the first columns of the first table it shows.
    """

    at: int
    minutes: int
    key: str
    title: str
    pictures: tuple[str, ...]
    results: tuple[tuple[str, str], ...]
    table: str


def marks(lesson: Path) -> list[Mark]:
    """Return the sections of *lesson* that are taught, in order: without the exercises and the annexes.

    Raises ValueError where the lesson does not say how long it takes, or was not stored from the top.
    """
    notebook = read_json(lesson)
    taken, at, found = minutes(notebook), 0, []
    for section in sections(notebook):
        if section.kind == "teach":
            found.append(_mark(section, at, taken[section.key]))
            at += taken[section.key]
    return found


def refreshed(text: str, name: str, root: Path) -> str:
    """Return the training plan *text*, of the file *name*, with the table of each lesson below *root* made anew.

    A table stands between ``<!-- minutes of 04_spf -->`` and ``<!-- end -->``.  Raises ValueError for the name of a
    lesson that is not there.
    """
    there = {lesson.stem: lesson for lesson in lessons(root)}

    def table(match: re.Match[str]) -> str:
        if match[2] not in there:
            raise ValueError(f"{name}: no lesson {match[2]}; there are {', '.join(there)}")
        return f"{match[1]}{_table(marks(there[match[2]]), name)}\n{match[3]}"

    return _BLOCK.sub(table, text)


def _mark(section: Section, at: int, taken: int) -> Mark:
    pictures = tuple(title for cell in section.code for title in _pictures(cell))
    came_out = tuple(pair for cell in section.code for pair in results(cell).items())
    tables = (head for cell in section.code for head in _heads(cell))
    return Mark(at, taken, section.key, section.title, pictures, came_out, next(tables, ""))


def _pictures(cell: Mapping[str, Any]) -> Iterator[str]:
    """Yield the titles of the pictures that *cell* shows: the first line of their text form."""
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            yield "".join(data.get("text/plain", "")).partition("\n")[0]


def _heads(cell: Mapping[str, Any]) -> Iterator[str]:
    """Yield the first columns of each table that *cell* shows: they stand in the first line of its text form."""
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "<table" in "".join(data.get("text/html", "")):
            head = "".join(data["text/plain"]).partition("\n")[0]
            yield ", ".join(re.split(r"\s{2,}", head.strip())[:_COLUMNS])


def _table(rows: list[Mark], name: str) -> str:
    head, picture, table = _WORDS[name]
    lines = [head, "|---:|---|---:|---|"]
    for row in rows:
        shown = [picture.format(shorten(title, _LONGEST, placeholder=" …")) for title in row.pictures]
        shown += [f"{one} `{word}`" for one, word in row.results if word]
        if not shown and row.table:
            shown = [table.format(row.table)]
        screen = "; ".join(shown).replace("|", "\\|") or "–"
        lines.append(f"| {row.at // 60}:{row.at % 60:02} | {row.title} | {row.minutes} | {screen} |")
    return "\n".join(lines)


def __dir__() -> list[str]:
    return sorted(__all__)
