"""The trainer's appendix: the answer to every prediction and exercise, built from the lessons themselves.

What a prediction turned out to be and what an exercise asks is read from the stored notebook, the solution and what
usual wrong answers are told from ``mailkit/exercises``: nothing is typed twice.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from mailkit.exercises.core import Prediction, Question
from mailkit.exercises.feedback import Feedback
from mailkit.results import visible
from mailkit.sections import read_json, sections

__all__ = ["answers", "observed", "predictions", "questions", "results"]

_REVEALED = re.compile(r"^\S+ (?:not attempted: You made no guess; it was `(?P<word>[^`]*)`|cannot be compared: )")
_TASK = re.compile(r"^(\d+)\. (.+?)(?=^\d+\. |\Z)", re.DOTALL | re.MULTILINE)
_LONGEST, _LONGEST_WRONG = 300, 120  # characters of a cell, of a wrong answer
_MOST_TOLD = 4  # sentences about wrong answers for one exercise: the first in its list are the usual ones


def predictions(lesson: Path) -> dict[str, Prediction]:
    """Return the predictions of *lesson* by name, in the order of the notebook."""
    return {name: value for name, value in _exercises(lesson).items() if isinstance(value, Prediction)}


def questions(lesson: Path) -> dict[str, Question]:
    """Return the questions of *lesson* by name, in the order of the notebook."""
    return {name: value for name, value in _exercises(lesson).items() if isinstance(value, Question)}


def observed(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Return what the predictions of the stored *notebook* turned out to be, by name: "" where nothing was observed.

    Raises ValueError for a cell that was not stored as :func:`results` wants it.
    """
    found: dict[str, str] = {}
    for cell in notebook["cells"]:
        found |= results(cell)
    return found


def results(cell: Mapping[str, Any]) -> dict[str, str]:
    """Return what the predictions that *cell* reveals turned out to be.

    The results of a cell stand in the order of its ``reveal`` calls.  A cell that shows another number of them raises
    ValueError: it was not run to its end, or a guess was left in it.
    """
    names = _revealed("".join(cell["source"])) if cell["cell_type"] == "code" else []
    if not names:
        return {}
    texts = ("".join(output.get("data", {}).get("text/plain", "")) for output in cell["outputs"])
    found = [match["word"] or "" for match in map(_REVEALED.match, texts) if match]
    if len(found) != len(names):
        raise ValueError(f"{', '.join(names)}: the cell shows {len(found)} results; store the lesson again")
    return dict(zip(names, found, strict=True))


def answers(lesson: Path) -> str:
    """Return the appendix of *lesson* as Markdown.

    Each prediction with its choices and what came of it on the default settings; each exercise as the lesson asks it,
    with its solution, why it is one, its hints, and what the usual wrong answers are told.
    """
    notebook = read_json(lesson)
    came_out, asked = observed(notebook), _asked(notebook)
    blocks = [f"## {lesson.stem}"]
    rows = [
        f"| {name} | {_cell(one.ask)} | {_cell(', '.join(one.choices))} | "
        f"{_cell(came_out.get(name) or 'nothing to observe')} |"
        for name, one in predictions(lesson).items()
    ]
    if rows:
        blocks.append("\n".join(["| | Prediction | Choices | What came of it |", "|---|---|---|---|", *rows]))
    blocks += [_answer(name, question, asked.get(name, "")) for name, question in questions(lesson).items()]
    return "\n\n".join(blocks) + "\n"


def _asked(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Return what the numbered list below *Exercises* asks, by the names of the questions; other sections have none."""
    texts = [section.text for section in sections(notebook) if section.kind == "practise"]
    return {f"q{number}": " ".join(words.split()) for text in texts for number, words in _TASK.findall(text)}


def _answer(name: str, question: Question, asked: str) -> str:
    """Return one exercise with all a trainer wants to know of it; where the lesson lists it, in the lesson's words."""
    solved = dataclasses.replace(question)
    solved.check(question.right[0])
    solution = solved.solution()
    lines = [f"**{name}** {asked or question.ask}", _shown(solution.code), solution.text]
    lines += [f"* Hint {number}: {hint}" for number, hint in enumerate(question.hints, 1)]
    told: dict[str, list[str]] = {}
    types = {type(right) for right in question.right}
    # An answer of another type than every right one is a slip of the keyboard, which tells nothing about mail.
    for wrong in (wrong for wrong in question.wrong if type(wrong) in types):
        feedback = dataclasses.replace(question).check(wrong)
        told.setdefault(_sentence(feedback), []).append(_named(wrong))
    lines += [
        f"* Wrong: {'; '.join(dict.fromkeys(those))} → {sentence}"
        for sentence, those in islice(told.items(), _MOST_TOLD)
    ]
    head, bullets = lines[:3], lines[3:]
    return "\n\n".join([*head, "\n".join(bullets)] if bullets else head)


def _exercises(lesson: Path) -> dict[str, object]:
    topic = lesson.stem.partition("_")[2]
    module = importlib.import_module(f"mailkit.exercises.{topic}")
    return {name: getattr(module, name) for name in module.__all__}


def _revealed(source: str) -> list[str]:
    """Return the names of the predictions that a cell reveals, in the order of its text."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line of IPython's own reveals nothing
        return []
    calls = [
        node.func
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reveal"
    ]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [call.value.id for call in calls if isinstance(call.value, ast.Name)]


def _sentence(feedback: Feedback) -> str:
    return f"{feedback.text} ({feedback.kind})" if str(feedback.kind) != "not right" else feedback.text


def _named(answer: object) -> str:
    """Return a wrong answer as one reads it in a list."""
    if callable(answer):
        name = getattr(answer, "__name__", "<lambda>")
        return "another function" if name == "<lambda>" else f"`{name}`"
    return f"`{visible(repr(answer), _LONGEST_WRONG).replace('`', chr(39))}`"


def _shown(code: str) -> str:
    return f"```\n{code}\n```"


def _cell(text: str) -> str:
    return visible(text, _LONGEST).replace("|", "\\|")


def __dir__() -> list[str]:
    return sorted(__all__)
