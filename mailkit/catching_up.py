"""Catching up: one call in a notebook that brings whoever comes late, or has restarted, to a section of a lesson.

It runs the lesson's set-up and the section's ``catch-up`` cell in the learner's own variables, as if they had been
clicked, and puts the practice internet back to its beginning.  A section needs no more: each of its experiments makes
its own precondition.  The cells are those of the stored lesson, so the notebook may have any name.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from mailkit import lab
from mailkit.results import Sentence, visible
from mailkit.sections import ROOT, Section, lessons, read_json, sections, set_up

__all__ = ["catch_up"]

_NO_SECTION = re.compile(r"[\s.…?]*")


def catch_up(place: str, *, root: Path = ROOT) -> Sentence:
    """Bring this notebook's variables and practice internet to *place*, such as "04/3"; say where that is.

    *place* is the number of a lesson and of one of its sections, the letter of an annex, or a section's title.  With
    dots for the section nothing is run.  Settings that exist (``DOMAIN``, ``NETWORK`` …) stay as they are.  *root* is
    the folder that holds ``notebooks/``.  Raises TypeError for what is no text, ValueError with what there is for an
    unknown lesson or section, RuntimeError outside of a notebook, and what a cell raises.
    """
    if not isinstance(place, str):
        raise TypeError(f'say where to between quotes: catch_up("04/3"), not {visible(repr(place), 60)}')
    number, _, wanted = unicodedata.normalize("NFKC", place).strip().partition("/")
    lesson = _lesson(number, root)
    if _NO_SECTION.fullmatch(wanted):
        return Sentence("Nothing to catch up with: go on below.")
    notebook = read_json(lesson)
    section = _section(wanted, lesson, sections(notebook))
    shell = get_ipython()
    if shell is None:
        raise RuntimeError("catch_up runs the cells of a notebook: call it in one")
    lab.start().reset()
    settings, *others = set_up(notebook)
    names = _names(settings)
    own = {name: shell.user_ns[name] for name in names if name in shell.user_ns}
    _run(settings, shell)
    shell.user_ns.update(own)
    for cell in [*others, *_needed(section)]:
        _run(cell, shell)
    values = ", ".join(f"{name} = {visible(repr(shell.user_ns[name]), 60)}" for name in names)
    return Sentence(
        f"You are at the start of “{section.title}” in lesson {lesson.stem[:2]}: go on below that heading. "
        f"The practice internet is as it was in the beginning. The settings are {values}."
    )


def _lesson(number: str, root: Path) -> Path:
    """Return the lesson of that *number*, which may lack its zero."""
    there = {path.stem[:2]: path for path in lessons(root)}
    found = there.get(number.strip().zfill(2))
    if found is None:
        known = ", ".join(there) or f"none: {root / 'notebooks'} holds no lessons"
        raise ValueError(f'no lesson "{visible(number, 30)}"; there are {known}')
    return found


def _section(wanted: str, lesson: Path, there: Sequence[Section]) -> Section:
    """Return the one of the sections *there* that is *wanted*: by its key, or by its title."""
    plain = re.sub(r"^(?:section|annex)\s+", "", wanted.strip(" .\"'").casefold())
    for same in (lambda s: plain == s.key.casefold(), lambda s: plain in (s.title.casefold(), _without_number(s))):
        if found := [section for section in there if same(section)]:
            return found[0]
    known = ", ".join(section.key for section in there)
    raise ValueError(f'lesson {lesson.stem[:2]} has no section "{visible(wanted, 40)}"; there are {known}')


def _without_number(section: Section) -> str:
    return section.title.casefold().partition(" · ")[2]


def _needed(section: Section) -> Sequence[Mapping[str, Any]]:
    """Return the section's cell to catch up with: none where no other cell of the section could need it."""
    first = section.code[:1]
    return first if len(section.code) > 1 and "catch-up" in first[0]["metadata"].get("tags", ()) else ()


def _names(settings: Mapping[str, Any]) -> list[str]:
    """Return the names that the cell of *settings* sets, in order."""
    body = ast.parse("".join(settings["source"])).body
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _run(cell: Mapping[str, Any], shell: InteractiveShell) -> None:
    """Run *cell* as if it had been clicked, without showing what it shows: the learner will see it further down."""
    run: Callable[..., Any] = shell.run_cell
    with capture_output():
        result = run("".join(cell["source"]), store_history=False)
    result.raise_error()


def __dir__() -> list[str]:
    return sorted(__all__)
