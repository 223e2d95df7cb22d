"""Predictions and questions: guess before the run, check after it.

Running a notebook from top to bottom with nothing answered raises nothing.  An answer can be right, wrong (and in
what), not attempted, code that raised, or something that cannot be checked on this machine; these are told apart,
because a learner needs another next step for each.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mailkit.exercises import unquoted
from mailkit.exercises.feedback import Feedback, FeedbackKind
from mailkit.exercises.words import meant, word_of
from mailkit.results import visible

__all__ = ["YES_NO", "CannotCheck", "Checker", "Prediction", "Question"]

Checker = Callable[[Any], str | None]

YES_NO = ("yes", "no")  # the choices of many predictions


class CannotCheck(Exception):
    """A checker raises this, with a sentence for the learner, where an answer cannot be judged on this machine."""


class _YourCodeRaised(Exception):
    """Carries what the learner's code raised past the checker that called it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _unanswered(value: Any) -> bool:
    """Tell whether *value* is one of the placeholders a notebook is handed out with, or a dictionary of them."""
    if isinstance(value, dict):
        return bool(value) and all(map(_unanswered, value.values()))
    return value is None or value is Ellipsis or (isinstance(value, str) and value.strip() in ("", "…", "...", "?"))


def _did_not_happen(actual: Any) -> bool:
    """Tell whether *actual* stands for something that could not be observed: nothing, an error, a missing number."""
    missing = isinstance(actual, float) and math.isnan(actual)
    return missing or _unanswered(actual) or isinstance(actual, BaseException) or str(actual) in ("not_run", "<NA>")


@dataclass
class Prediction:
    """A guess written down before a cell is run, to be laid beside what happened.

    *choices* are the words a guess may be; the cell shows them, quoted.  *also* gives further words for a choice:
    ``{"timeout": ("nothing", "silence")}``.  Case, spaces, plurals, full-width letters, single letters and the common
    synonyms are forgiven.
    """

    ask: str
    choices: tuple[str, ...]
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    _guess: str = field(default="", init=False, repr=False)

    def guess(self, guess: Any = ...) -> Feedback:
        """Note *guess*; a placeholder (``...``, None, an empty text) is no guess yet, and takes an earlier one back."""
        self._guess = ""
        if _unanswered(guess):
            return Feedback(
                FeedbackKind.NOT_ATTEMPTED, "No guess yet. Write one in place of the dots, then run the next cell."
            )
        match = meant(word_of(guess), self.choices, self.also)
        if match is None:
            said = visible(word_of(guess), 60)
            return Feedback(
                FeedbackKind.NOT_ATTEMPTED, f"`{said}` is none of the choices: write {_list(self.choices)}."
            )
        self._guess = match
        return Feedback(FeedbackKind.NOTED, f"{match}. Run the next cell and compare.")

    def reveal(self, actual: Any) -> Feedback:
        """Lay the guess beside *actual*, what was observed.

        None, an exception and ``not_run`` stand for what did not happen or could not be seen.  Then, and where what
        happened is none of the choices, no guess could be right, so none is called wrong.
        """
        if _did_not_happen(actual):
            return Feedback(
                FeedbackKind.CANNOT_COMPARE,
                "It did not happen, or could not be seen from here. Run the experiment again.",
            )
        happened = word_of(actual)
        match = meant(happened, self.choices, {})
        if match is None:
            said = f"It was `{visible(happened, 120)}`, which was none of the choices."
            return Feedback(FeedbackKind.CANNOT_COMPARE, said)
        if not self._guess:
            return Feedback(FeedbackKind.NOT_ATTEMPTED, f"You made no guess; it was `{match}`.")
        if self._guess == match:
            return Feedback(FeedbackKind.RIGHT, f"You guessed `{match}`, and so it was.")
        return Feedback(FeedbackKind.WRONG, f"You guessed `{self._guess}`; it was `{match}`.")


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

    def check(self, answer: Any = ...) -> Feedback:
        """Judge *answer*; never raises for what the answer is or does."""
        if _unanswered(answer):
            return Feedback(FeedbackKind.NOT_ATTEMPTED, "Put your answer in place of the dots and run the cell again.")
        feedback = self._judge(answer)
        self._attempted = self._attempted or feedback.kind is not FeedbackKind.NOT_ATTEMPTED
        return feedback

    def hint(self) -> Feedback:
        """Return the next hint; after the last one, say so and repeat it."""
        if not self.hints:
            return Feedback(FeedbackKind.HINT, "There is no hint for this one.")
        number = min(self._hints_given, len(self.hints) - 1)
        again = "There is no further hint. " if self._hints_given >= len(self.hints) else ""
        self._hints_given += 1
        return Feedback(FeedbackKind.HINT, f"{again}({number + 1} of {len(self.hints)}) {self.hints[number]}")

    def solution(self) -> Feedback:
        """Return the solution and why it is one, once an answer has been checked."""
        if not self._attempted:
            return Feedback(
                FeedbackKind.NOT_ATTEMPTED, "The solution comes after your first attempt; `hint()` helps with that."
            )
        return Feedback(FeedbackKind.SOLUTION, self.explanation, code=_source(self.right[0]))

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
            return Feedback(FeedbackKind.YOUR_CODE_RAISED, f"`{_describe(raised.error)}`. {advice}")
        except CannotCheck as reason:
            return Feedback(FeedbackKind.CANNOT_CHECK, str(reason))
        except OSError:
            return Feedback(
                FeedbackKind.CANNOT_CHECK, "Checking this needs the network, and the network did not answer."
            )
        except Exception:  # a checker need not foresee every strange answer
            problem = f"An answer of type `{type(answer).__name__}` does not fit this question."
        if problem is not None and returned and all(_unanswered(value) for value in returned):
            return Feedback(
                FeedbackKind.NOT_ATTEMPTED, "Your function returns nothing yet: end it with `return` and the answer."
            )
        return (
            Feedback(FeedbackKind.RIGHT, self.explanation) if problem is None else Feedback(FeedbackKind.WRONG, problem)
        )


def _list(words: tuple[str, ...]) -> str:
    """Return the *words* as one types them: ``"a"``, ``"b"`` or ``"c"``, each between quotes."""
    quoted = [f'`"{word}"`' for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


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


unquoted.install(Prediction, Question)
