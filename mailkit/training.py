"""The trainer's appendix: the answer to every prediction and exercise, built from the lessons themselves.

What a prediction turned out to be is read from the stored notebook, the solution of an exercise and what its usual
wrong answers are told from ``mailkit/exercises``: nothing is typed twice.

    python -m mailkit.training answers [NAMES]    print the appendix as Markdown, for some lessons or all
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import re
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from nbformat import NotebookNode

from mailkit import workbook
from mailkit.exercises.core import Prediction, Question
from mailkit.exercises.feedback import Feedback
from mailkit.results import visible

__all__ = ["answers", "observed", "predictions", "questions"]

_REVEALED = re.compile(r"^\S+ (?:not attempted: You made no guess; it was `(?P<word>[^`]*)`|cannot be compared: )")
_LONGEST, _LONGEST_WRONG = 300, 120  # characters of a cell, of a wrong answer
_MOST_TOLD = 4  # sentences about wrong answers for one exercise: the first in its list are the usual ones


def predictions(lesson: Path) -> dict[str, Prediction]:
    """Return the predictions of *lesson* by name, in the order of the notebook."""
    return {name: value for name, value in _exercises(lesson).items() if isinstance(value, Prediction)}


def questions(lesson: Path) -> dict[str, Question]:
    """Return the questions of *lesson* by name, in the order of the notebook."""
    return {name: value for name, value in _exercises(lesson).items() if isinstance(value, Question)}


def observed(notebook: NotebookNode) -> dict[str, str]:
    """Return what the predictions of the stored *notebook* turned out to be, by name: "" where nothing was observed.

    The results of a cell stand in the order of its ``reveal`` calls.  A cell that shows another number of them raises
    ValueError: it was not run to its end, or a guess was left in it.
    """
    found: dict[str, str] = {}
    for cell in notebook.cells:
        names = _revealed(cell.source) if cell.cell_type == "code" else []
        if not names:
            continue
        texts = (output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        results = [match["word"] or "" for match in map(_REVEALED.match, texts) if match]
        if len(results) != len(names):
            raise ValueError(f"{', '.join(names)}: the cell shows {len(results)} results; store the lesson again")
        found |= dict(zip(names, results, strict=True))
    return found


def answers(lesson: Path) -> str:
    """Return the appendix of *lesson* as Markdown.

    Each prediction with its choices and what came of it on the default settings; each exercise with its solution, why
    it is one, its hints, and what the usual wrong answers are told.
    """
    notebook = workbook.read(lesson)
    came_out = observed(notebook)
    blocks = [f"## {lesson.stem}"]
    rows = [
        f"| {name} | {_cell(one.ask)} | {_cell(', '.join(one.choices))} | "
        f"{_cell(came_out.get(name) or 'nothing to observe')} |"
        for name, one in predictions(lesson).items()
    ]
    if rows:
        blocks.append("\n".join(["| | Prediction | Choices | What came of it |", "|---|---|---|---|", *rows]))
    blocks += [_answer(name, question) for name, question in questions(lesson).items()]
    return "\n\n".join(blocks) + "\n"


def _answer(name: str, question: Question) -> str:
    """Return one exercise with all a trainer wants to know of it."""
    solved = dataclasses.replace(question)
    solved.check(question.right[0])
    solution = solved.solution()
    lines = [f"**{name}** {question.ask}", _shown(solution.code), solution.text]
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 with a sentence where a lesson is not there."""
    parser = argparse.ArgumentParser(prog="python -m mailkit.training", description="What a trainer wants at hand.")
    commands = parser.add_subparsers(dest="command", required=True)
    for_answers = commands.add_parser("answers", help="the answers to every prediction and exercise, as Markdown")
    for_answers.add_argument("names", nargs="*", metavar="NAME", help="a lesson, such as 04_spf; without it, all")
    options = parser.parse_args(arguments)
    known = {lesson.stem: lesson for lesson in workbook.lessons()}
    missing = [name for name in options.names if name not in known]
    if missing:
        print(f"No such lesson: {', '.join(missing)}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    print("# Answers to the predictions and exercises\n")
    for name in options.names or known:
        print(answers(known[name]))
    return 0


def __dir__() -> list[str]:
    return sorted(__all__)


if __name__ == "__main__":
    raise SystemExit(main())
