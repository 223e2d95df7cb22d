"""The sections of a lesson: what each is called, how many minutes it takes, and the menu that lists them.

The form of a lesson makes this simple: the code cells before the first ``## `` heading are the set-up, a section goes
from one such heading to the next, and its first code cell, tagged ``catch-up``, makes what the section needs.

How many minutes a section takes stands in the menu and nowhere else.  There they can be edited by hand; a section that
is new gets its share of what the table at the top of the lesson says.

This module reads notebooks without ``nbformat``, which would cost every learner's kernel 25 MB and a second.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "MENU",
    "ROOT",
    "Section",
    "call",
    "cell_id",
    "is_menu",
    "lessons",
    "menu",
    "minutes",
    "planned_minutes",
    "quizzes",
    "read_json",
    "sections",
    "set_up",
]

ROOT = Path(__file__).resolve().parent.parent
MENU = "menu"  # the tag of the two cells: the menu, and the call that catches up

_HEADING = re.compile(r"^## +(.+?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"(?:Annex )?(\d+|[A-Z]) · ")
_TIME = re.compile(r"^\| Time \| (\d+) minutes to teach, (\d+) to practise(?:; annexes (\d+) more)? \|", re.MULTILINE)
_ENTRY = re.compile(r"\[([^\[\]]+)\]\(#[^()]*\) \| (\d+) \|")
_WORDS_PER_MINUTE = 150  # read by somebody who thinks along
# Minutes: to turn to a section, to run a cell and look, to make up one's mind.
_PER_SECTION, _PER_CELL, _PER_GUESS = 0.5, 0.5, 1.0

Cell = Mapping[str, Any]
Notebook = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """What stands below one ``## `` heading.

    *key* is what a learner calls it by: the number, the letter of an annex, else the title in small letters.  *cell*
    is the id of the cell that its heading stands in, *text* its prose without code fences, *code* its code cells, and
    *kind* the part of the lesson's time that it takes: ``teach``, ``practise`` or ``annex``.
    """

    key: str
    title: str
    cell: str
    text: str
    code: tuple[Cell, ...]

    @property
    def kind(self) -> str:
        if self.title.startswith("Annex "):
            return "annex"
        return "practise" if self.title == "Exercises" else "teach"


def lessons(root: Path = ROOT) -> list[Path]:
    """Return the lessons below *root* in the order of reading."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def quizzes(root: Path = ROOT) -> list[Path]:
    """Return the notebooks of the quiz below *root*: they stand beside the lessons and are none."""
    return sorted((root / "notebooks").glob("quiz_*.ipynb"))


def read_json(path: Path) -> Notebook:
    """Return the notebook in the file *path* as it is in JSON.  Raises OSError or ValueError where there is none."""
    notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def is_menu(cell: Cell) -> bool:
    """Tell whether *cell* is one of the two that :func:`menu` and :func:`call` are the texts of."""
    return MENU in _tags(cell)


def set_up(notebook: Notebook) -> list[Cell]:
    """Return the code cells before the first section of *notebook*, the settings first."""
    return next(_parts(notebook)).code_cells


def sections(notebook: Notebook) -> list[Section]:
    """Return the sections of *notebook* in order, those without code too."""
    _, *parts = _parts(notebook)
    return [Section(_key(part.title), part.title, part.cell, part.text, tuple(part.code_cells)) for part in parts]


def planned_minutes(notebook: Notebook) -> dict[str, int] | None:
    """Return the minutes that the first cell of *notebook* says, by kind of section; None where it does not say any."""
    said = _TIME.search(_source(notebook["cells"][0])) if notebook["cells"] else None
    return None if said is None else dict(zip(("teach", "practise", "annex"), map(int, said.groups("0"))))


def minutes(notebook: Notebook) -> dict[str, int]:
    """Return how many minutes each section of *notebook* takes, by its key.

    They are those in its menu.  Where a section is not there yet, all of its kind share anew what the first cell says,
    by their words, cells and guesses; what stands before the first section is part of that one.  Raises ValueError
    where the first cell does not say how long the lesson takes.
    """
    whole = planned_minutes(notebook)
    if whole is None:
        raise ValueError("the first cell has no line such as | Time | 60 minutes to teach, 30 to practise |")
    known = {
        _key(title): int(number)
        for cell in notebook["cells"]
        if is_menu(cell)
        for title, number in _ENTRY.findall(_source(cell))
    }
    opening, there = next(_parts(notebook)), sections(notebook)
    for kind, total in whole.items():
        here = [section for section in there if section.kind == kind]
        if not all(section.key in known for section in here):
            weights = [
                _weight(s.text, s.code) + (s is there[0]) * _weight(opening.text, opening.code_cells) for s in here
            ]
            known |= dict(zip([section.key for section in here], _shared(total, weights)))
    return {section.key: known[section.key] for section in there}


def cell_id(kind: str, source: str) -> str:
    """Return the id of a cell of that *kind* and *source*: the same each time a lesson is stored."""
    return hashlib.sha256(f"{kind}\n{source}".encode()).hexdigest()[:12]


def menu(notebook: Notebook) -> str:
    """Return the text of the menu of *notebook*: its sections with links and minutes, and how to catch up.

    A link leads to a cell by its id.  JupyterLab finds no heading whose name is not all ASCII, as "1 · Doors" is.
    """
    taken = minutes(notebook)
    entries = [f"[{section.title}](#cell-id={section.cell}) | {taken[section.key]}" for section in sections(notebook)]
    half = (len(entries) + 1) // 2
    right = [*entries[half:], " | "][:half]
    rows = [f"| {one} | {other} |" for one, other in zip(entries[:half], right)]
    head = ["| Section | Minutes | Section | Minutes |", "|:---|---:|:---|---:|"]
    late = (
        "**Late, or restarted?** Put the number of a section (or the letter of an annex) in place of the dots below, "
        "and run that cell. It runs the cells above and what the section needs; settings that you have run stay."
    )
    return "\n".join([*head, *rows, "", late])


def call(number: str) -> str:
    """Return the code of the cell below the menu of the lesson with that *number*, such as "04"."""
    return f'from mailkit.catching_up import catch_up\ncatch_up("{number}/...")   # such as "{number}/2"'


@dataclass
class _Part:
    """A section while it is being read; the first one, without a title, is what comes before them all."""

    title: str
    cell: str
    text: str
    code_cells: list[Cell]


def _parts(notebook: Notebook) -> Iterator[_Part]:
    part = _Part("", "", "", [])
    for cell in notebook["cells"]:
        if is_menu(cell):
            continue
        if cell["cell_type"] == "code":
            part.code_cells.append(cell)
        elif cell["cell_type"] == "markdown":
            before, *rest = _HEADING.split(_FENCE.sub("", _source(cell)))
            part.text += before
            for title, text in zip(rest[::2], rest[1::2]):
                yield part
                part = _Part(title, cell_id("markdown", _source(cell)), text, [])
    yield part


def _key(title: str) -> str:
    numbered = _KEY.match(title)
    return numbered[1] if numbered else title.casefold()


def _weight(text: str, code: Sequence[Cell]) -> float:
    guesses = sum(len(re.findall(r"\bp\d+\.guess\(", _source(cell))) for cell in code)
    words = len(re.findall(r"\S*\w\S*", text))
    return words / _WORDS_PER_MINUTE + _PER_SECTION + _PER_CELL * len(code) + _PER_GUESS * guesses


def _shared(total: int, weights: Sequence[float]) -> list[int]:
    """Return *total* in whole shares, at least one each, that are as their *weights* are."""
    whole = sum(weights)
    exact = [1 + (total - len(weights)) * weight / whole for weight in weights]
    shares = [int(share) for share in exact]
    by_rest = sorted(range(len(weights)), key=lambda place: shares[place] - exact[place])
    for place in by_rest[: total - sum(shares)]:
        shares[place] += 1
    return shares


def _source(cell: Cell) -> str:
    return "".join(cell["source"])  # in a file it is a list of lines


def _tags(cell: Cell) -> Sequence[str]:
    tags: Sequence[str] = cell["metadata"].get("tags", ())
    return tags


def __dir__() -> list[str]:
    return sorted(__all__)
