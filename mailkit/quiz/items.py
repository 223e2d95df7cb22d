"""The questions of the quiz as ``data/quiz.csv`` has them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from mailkit import datasets

__all__ = ["LETTERS", "PAIRS", "WHEN", "QuizItem", "edition", "items"]

WHEN = ("before", "after")
LETTERS = ("a", "b", "c", "d")
PAIRS = 12


@dataclass(frozen=True)
class QuizItem:
    """One question: its *pair*, 1 to 12, of which one is asked *when* it is "before" and the other "after".

    *lesson* is where it is taught, *topic* what both of a pair are about, *choices* the four answers in the order of
    their letters, *right* the letter of the right one, *because* why, and *source* who says so.
    """

    pair: int
    when: str
    lesson: str
    topic: str
    question: str
    choices: tuple[str, ...]
    right: str
    because: str
    source: str


@cache
def items(when: str) -> tuple[QuizItem, ...]:
    """Return the questions asked *when* it is "before" or "after", by pair.  Raises ValueError for another word."""
    if when not in WHEN:
        raise ValueError(f'the quiz is taken "before" or "after", not {when!r}')
    rows = datasets.load("quiz").query("when == @when").to_dict("records")
    return tuple(
        QuizItem(
            pair=int(row["pair"]),
            when=when,
            lesson=row["lesson"],
            topic=row["topic"],
            question=row["question"],
            choices=tuple(row[letter] for letter in LETTERS),
            right=row["right"],
            because=row["because"],
            source=row["source"],
        )
        for row in rows
    )


@cache
def edition() -> str:
    """Return a word for these questions: letters given to others cannot be counted with theirs."""
    said = [f"{item.question}\n{item.choices}\n{item.right}" for when in WHEN for item in items(when)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:8]


def __dir__() -> list[str]:
    return sorted(__all__)
