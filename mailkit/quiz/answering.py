"""Taking the quiz in a notebook: letters are noted one by one, and graded together when all are given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailkit.exercises.core import Prediction
from mailkit.exercises.feedback import Feedback, FeedbackKind
from mailkit.quiz import sheets
from mailkit.quiz.items import LETTERS, QuizItem, items
from mailkit.results import Sentence, visible
from mailkit.sections import ROOT, quizzes

__all__ = ["Graded", "QuizQuestion", "hand_in", "quiz_questions"]

_NAME = re.compile(r"\w[\w-]{0,39}")


@dataclass
class QuizQuestion(Prediction):
    """A question of the quiz, answered by a letter as a prediction is by a word; near misses are taken alike."""

    item: QuizItem = field(kw_only=True, repr=False)

    def guess(self, guess: Any = ...) -> Feedback:
        """Note the letter *guess*, or the answer itself; whether it is right is told once all are handed in."""
        said = super().guess(guess)
        if said.kind is FeedbackKind.NOTED:
            return Feedback(said.kind, f"`{self.letter}`: {self.item.choices[LETTERS.index(self.letter)]}")
        if guess in (..., None) or not str(guess).strip(" .…?"):
            return Feedback(said.kind, "No answer yet: write a letter in place of the dots.")
        return said

    @property
    def letter(self) -> str:
        """The letter given, "" for none."""
        return self._guess


@dataclass(frozen=True)
class Graded:
    """What became of the answers: *right* out of all, and a *feedback* on each; *kept* says where they are."""

    right: int
    feedback: tuple[Feedback, ...]
    kept: Sentence

    def __repr__(self) -> str:
        return "\n".join([self._summary, *map(repr, self.feedback)])

    def _repr_html_(self) -> str:
        return Sentence(self._summary)._repr_html_() + "".join(said._repr_html_() for said in self.feedback)

    @property
    def _summary(self) -> str:
        return f"{self.right} of {len(self.feedback)} right. {self.kept}"


def quiz_questions(when: str) -> tuple[QuizQuestion, ...]:
    """Return the twelve questions of *when*, "before" or "after", unanswered.  Raises ValueError for another word."""
    return tuple(
        QuizQuestion(
            item.question,
            choices=LETTERS,
            also={letter: (text, f"{letter})", f"({letter})") for letter, text in zip(LETTERS, item.choices)},
            item=item,
        )
        for item in items(when)
    )


def hand_in(name: Any, questions: Sequence[QuizQuestion], *, folder: Path | None = None) -> Graded | Sentence:
    """Grade *questions* and keep the letters in *folder*/quiz-*name*.csv.

    *folder* is by default ``work`` in the workbook that the notebook lies in: where learners share one mailkit, each
    has a workbook of their own.

    While an answer is missing, or *name* is none, nothing is written and nothing is told: the sentence says what to do.
    *name* is a nickname or the number of a seat, up to 40 letters, digits and hyphens.  What was handed in first
    counts: a second time it is graded and not kept.  Raises OSError where the file cannot be written.
    """
    text = unicodedata.normalize("NFKC", str(name)).strip() if isinstance(name, (str, int)) else ""
    if not _NAME.fullmatch(text):
        said = f"`{visible(text, 40)}` will not do. " if text.strip(".…") else ""
        return Sentence(
            f"{said}Nothing is handed in yet: write a nickname or the number of your seat into the first cell, "
            "letters, digits and hyphens, and run it."
        )
    if open_ones := [str(question.item.pair) for question in questions if not question.letter]:
        return Sentence(f"Nothing is handed in yet: no answer to question {', '.join(open_ones)}.")
    letters = {question.item.pair: question.letter for question in questions}
    kept = sheets.keep(folder or _work(), text, questions[0].item.when, letters)
    feedback = tuple(_judged(question.item, question.letter) for question in questions)
    return Graded(sum(said.kind is FeedbackKind.RIGHT for said in feedback), feedback, kept)


def _work() -> Path:
    """Return ``work`` in the workbook that this notebook lies in; where it lies in none, in that of mailkit."""
    here = Path.cwd()  # where JupyterLab runs a notebook: in its own folder
    return next((folder for folder in (here, *here.parents) if quizzes(folder)), ROOT) / "work"


def _judged(item: QuizItem, letter: str) -> Feedback:
    right = item.choices[LETTERS.index(item.right)]
    where = f"(Lesson {item.lesson[:2]}; {item.source}.)"
    if letter == item.right:
        return Feedback(FeedbackKind.RIGHT, f"{item.pair}. {right}. {item.because} {where}")
    given = item.choices[LETTERS.index(letter)]
    return Feedback(FeedbackKind.WRONG, f"{item.pair}. You said: {given}. It is: {right}. {item.because} {where}")


def __dir__() -> list[str]:
    return sorted(__all__)
