"""The two notebooks of the quiz, made from ``data/quiz.csv``: what they ask stands there and nowhere else."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mailkit.quiz.items import LETTERS, QuizItem, items

__all__ = ["quiz_notebook"]

_TITLES = {"before": "Before you begin: what do you know already?", "after": "Afterwards: what do you know now?"}
_SAID = (
    "Twelve questions, one for each lesson; ten minutes. One answer of four is right. Write its letter in place of the "
    "dots and run the cell; you can change it until you hand in. A guess is welcome: **what was right is told at the "
    "end, when all are answered.**\n\n"
    "First write a nickname or the number of your seat between the quotes below, the same before and after, and run "
    "both cells. Your letters go into a file on this machine, `work/quiz-NAME.csv`, which the trainer may collect to "
    "see what the class knows. Your name stands in the file's name only."
)


def _text(source: str) -> NotebookNode:
    return new_markdown_cell(source)  # type: ignore[no-untyped-call, no-any-return]


def _code(source: str) -> NotebookNode:
    return new_code_cell(source)  # type: ignore[no-untyped-call, no-any-return]


def quiz_notebook(when: str) -> NotebookNode:
    """Return the notebook asked *when* it is "before" or "after", not executed.  Raises ValueError for another word."""
    asked = items(when)
    names = [f"p{item.pair}" for item in asked]
    begin = [
        _text(f"# {_TITLES[when]}\n\n{_SAID}"),
        _code('NAME = "..."   # such as "seat-7"'),
        _code(
            "from mailkit.quiz import hand_in, quiz_questions\n\n"
            f'questions = quiz_questions("{when}")\n{", ".join(names)} = questions'
        ),
    ]
    end = [
        _text("## Hand in\n\nWhat you hand in first counts, so look it through."),
        _code("hand_in(NAME, questions)"),
    ]
    if when == "before":
        end.append(_text("Now begin: [00 Start here](00_start_here.ipynb) →"))
    middle = [cell for name, item in zip(names, asked) for cell in (_asks(item), _answers(name))]
    return new_notebook(cells=[*begin, *middle, *end])  # type: ignore[no-untyped-call, no-any-return]


def _asks(item: QuizItem) -> NotebookNode:
    choices = "\n".join(f"- **{letter}**: {choice}" for letter, choice in zip(LETTERS, item.choices))
    return _text(f"**{item.pair}.** {item.question}\n\n{choices}")


def _answers(name: str) -> NotebookNode:
    letters = ", ".join(f'"{letter}"' for letter in LETTERS[:-1])
    return _code(f'{name}.guess(...)   # {letters} or "{LETTERS[-1]}"')


def __dir__() -> list[str]:
    return sorted(__all__)
