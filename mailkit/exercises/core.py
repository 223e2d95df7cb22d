"""Predictions and questions: guess before the run, check after it.

Running a notebook from top to bottom with nothing answered raises nothing.  An answer can be right, wrong (and in
what), not attempted, code that raised, or something that cannot be checked on this machine; these are told apart,
because a learner needs another next step for each.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mailkit.exercises.feedback import Feedback, Kind
from mailkit.results import visible

__all__ = ["CannotCheck", "Checker", "Prediction", "Question"]

Checker = Callable[[Any], str | None]


class CannotCheck(Exception):
    """A checker raises this, with a sentence for the learner, where an answer cannot be judged on this machine."""


class _YourCodeRaised(Exception):
    """Carries what the learner's code raised past the checker that called it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _unanswered(value: Any) -> bool:
    """Tell whether *value* is one of the placeholders a notebook is handed out with."""
    return value is None or value is Ellipsis or (isinstance(value, str) and value.strip() in ("", "…", "...", "?"))


def _word(value: Any) -> str:
    """Return *value* as a learner would say it; true and false, numpy's too, are yes and no."""
    word = str(value).strip()
    return {"True": "yes", "False": "no"}.get(word, word)


def _same(one: str, other: str) -> bool:
    """Compare two words, forgiving case, spaces, hyphens and underscores ("Not connected" is ``not_connected``)."""
    plain = [re.sub(r"[\s_-]+", "", word).casefold() for word in (one, other)]
    return plain[0] == plain[1]


@dataclass
class Prediction:
    """A guess written down before a cell is run, to be laid beside what happened.

    *choices*, if given, are the words a guess may be; what happens may be something else.
    """

    ask: str
    choices: tuple[str, ...] = ()
    _guess: str = field(default="", init=False, repr=False)

    def guess(self, guess: Any) -> Feedback:
        """Note *guess*; a placeholder (``...``, None, an empty text) is no guess yet, and takes an earlier one back."""
        if _unanswered(guess):
            self._guess = ""
            return Feedback(Kind.NOT_ATTEMPTED, "No guess yet. Write one in place of the dots, then run the next cell.")
        word = _word(guess)
        if self.choices:
            match = next((choice for choice in self.choices if _same(choice, word)), None)
            if match is None:
                self._guess = ""
                problem = f"`{visible(word, 60)}` is no choice here: choose one of {_list(self.choices)}."
                return Feedback(Kind.NOT_ATTEMPTED, problem)
            word = match
        self._guess = visible(word, 120)
        return Feedback(Kind.NOTED, f"{self._guess}. Run the next cell and compare.")

    def reveal(self, actual: Any) -> Feedback:
        """Lay the guess beside *actual*; None stands for "could not be seen from here"."""
        if actual is None:
            return Feedback(Kind.CANNOT_CHECK, "What happened could not be seen from here.")
        happened = visible(_word(actual), 120)
        if not self._guess:
            return Feedback(Kind.NOT_ATTEMPTED, f"You made no guess; it was `{happened}`.")
        if _same(self._guess, happened):
            return Feedback(Kind.RIGHT, f"You guessed `{self._guess}`, and so it was.")
        return Feedback(Kind.WRONG, f"You guessed `{self._guess}`; it was `{happened}`.")


@dataclass
class Question:
    """A question with its checker, hints, and answers known to be right and wrong.

    *checker* takes an answer and returns None if it is right, else a sentence on what is wrong.  With
    *takes_function* the answer is a function, given to the checker to call; otherwise an answer that is callable is
    run, and what it returns is checked.  *explanation* says why the solution, the first of *right*, is one; it follows
    a right answer too.
    """

    ask: str
    checker: Checker = field(repr=False)
    hints: tuple[str, ...] = field(repr=False)
    explanation: str = field(repr=False)
    right: tuple[Any, ...] = field(repr=False)
    wrong: tuple[Any, ...] = field(repr=False)
    takes_function: bool = field(default=False, repr=False)
    _hints_given: int = field(default=0, init=False, repr=False)
    _attempted: bool = field(default=False, init=False, repr=False)

    def check(self, answer: Any) -> Feedback:
        """Judge *answer*; never raises for what the answer is or does."""
        if _unanswered(answer):
            return Feedback(Kind.NOT_ATTEMPTED, "Put your answer in place of the dots and run the cell again.")
        feedback = self._judge(answer)
        self._attempted = self._attempted or feedback.kind is not Kind.NOT_ATTEMPTED
        return feedback

    def hint(self) -> Feedback:
        """Return the next hint; after the last one, say so and repeat it."""
        if not self.hints:
            return Feedback(Kind.HINT, "There is no hint for this one.")
        number = min(self._hints_given, len(self.hints) - 1)
        again = "There is no further hint. " if self._hints_given >= len(self.hints) else ""
        self._hints_given += 1
        return Feedback(Kind.HINT, f"{again}({number + 1} of {len(self.hints)}) {self.hints[number]}")

    def solution(self) -> Feedback:
        """Return the solution and why it is one, once an answer has been checked."""
        if not self._attempted:
            return Feedback(
                Kind.NOT_ATTEMPTED, "The solution comes after your first attempt; `hint()` helps with that."
            )
        return Feedback(Kind.SOLUTION, self.explanation, code=_source(self.right[0]))

    def _judge(self, answer: Any) -> Feedback:
        returned: list[Any] = []

        def run(*args: Any, **kwargs: Any) -> Any:
            """Call the learner's function, keeping what it raises apart from what the checker raises."""
            try:
                returned.append(answer(*args, **kwargs))
            except (Exception, SystemExit) as error:
                raise _YourCodeRaised(error) from error
            return returned[-1]

        try:
            if not callable(answer):
                problem = self.checker(answer)
            elif self.takes_function:
                problem = self.checker(run)
            else:
                problem = self.checker(run())
        except _YourCodeRaised as raised:
            advice = "Call your function in a cell of its own to see where."
            return Feedback(Kind.YOUR_CODE_RAISED, f"`{_describe(raised.error)}`. {advice}")
        except CannotCheck as reason:
            return Feedback(Kind.CANNOT_CHECK, str(reason))
        except OSError:
            return Feedback(Kind.CANNOT_CHECK, "Checking this needs the network, and the network did not answer.")
        except Exception:  # a checker need not foresee every strange answer
            problem = f"An answer of type `{type(answer).__name__}` does not fit this question."
        if problem is not None and returned and all(_unanswered(value) for value in returned):
            return Feedback(
                Kind.NOT_ATTEMPTED, "Your function returns nothing yet: end it with `return` and the answer."
            )
        return Feedback(Kind.RIGHT, self.explanation) if problem is None else Feedback(Kind.WRONG, problem)


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # an exception class of the learner's may fail at this too
        text = ""
    return visible(f"{type(error).__name__}: {text}".rstrip(": "), 300)


def _source(answer: Any) -> str:
    """Return *answer* as a learner would type it: a function's source, the names of a set in order."""
    if callable(answer):
        return textwrap.dedent(inspect.getsource(answer)).rstrip()
    if isinstance(answer, (set, frozenset)):
        return ", ".join(sorted(map(str, answer)))
    return str(answer)
