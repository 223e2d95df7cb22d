"""Checkers for the common kinds of question: one of several, a number, a text, a set of names, a function.

Each function here returns a checker for :class:`mailkit.exercises.core.Question`: a plain function that takes an
answer and returns None if it is right, or a sentence that says what is wrong with it.
"""

from __future__ import annotations

import copy
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from numbers import Real
from typing import Any

from mailkit.exercises.core import Checker
from mailkit.results import visible

__all__ = ["choice", "names", "number", "results_of", "text"]

_BETWEEN = re.compile(r"(?:[,;\s]|\band\s)+")  # names that are written as one text
_LONGEST = 2_000  # characters of an answer that are looked at; items of a set likewise


def _plain(value: str) -> str:
    return " ".join(value[:_LONGEST].split()).casefold()


def _bare(value: str) -> str:
    """Return *value* also without width, quotes around it and a final dot, as it may be copied from a text."""
    return _plain(unicodedata.normalize("NFKC", value[:_LONGEST])).strip(" \"'`“”‘’「」.")


def _type(value: Any) -> str:
    return f"something of type `{type(value).__name__}`"


def choice(right: str, others: Mapping[str, str]) -> Checker:
    """Check that the answer is the word *right*; *others* says of each other choice why it is not."""
    reasons = {_plain(word): reason for word, reason in others.items()}
    words = ", ".join(f"`{word}`" for word in sorted((right, *others), key=str.casefold))

    def check(answer: Any) -> str | None:
        if not isinstance(answer, str):
            return f"The answer is a word, not {_type(answer)}: choose one of {words}."
        word = _plain(answer).strip("\"'.()")
        return None if word == _plain(right) else reasons.get(word, f"Choose one of {words}.")

    return check


def number(right: float, *, tolerance: float = 0, reasons: Mapping[float, str] | None = None) -> Checker:
    """Check that the answer is *right*, give or take *tolerance*; *reasons* explains numbers that are often given."""

    def check(answer: Any) -> str | None:
        if isinstance(answer, bool) or not isinstance(answer, (Real, str)):
            return f"The answer is a number, not {_type(answer)}."
        try:
            value = float(answer)
        except (ValueError, OverflowError):
            return f"`{visible(str(answer), 60)}` is not a number."
        if not math.isfinite(value):
            return "The answer is a finite number."
        if abs(value - right) <= tolerance:
            return None
        return (reasons or {}).get(value, "That is too large." if value > right else "That is too small.")

    return check


def text(*accepted: str, pattern: str = "", exact: bool = False, otherwise: str) -> Checker:
    """Check that the answer is one of *accepted* or matches the whole of *pattern*.

    Case, spacing, quotes around it and a final dot are forgiven; with *exact* they count, as they do in a password.
    *otherwise* is the sentence for an answer that is none of these.
    """
    plain, bare = {_plain(line) for line in accepted}, {_bare(line) for line in accepted}
    expression = re.compile(pattern, re.IGNORECASE) if pattern else None

    def check(answer: Any) -> str | None:
        if not isinstance(answer, str):
            return f"The answer is a text between quotes, not {_type(answer)}."
        if exact and _plain(answer) in plain:
            return None if answer.strip() in accepted else "Nearly: here every capital and every space counts."
        if not exact and _bare(answer) in bare:
            return None
        if expression and expression.fullmatch(answer[:_LONGEST].strip()):
            return None
        return otherwise

    return check


def names(right: Iterable[str]) -> Checker:
    """Check that the answer holds just the names of *right*, in any order.

    It may be a list, a set, a DataFrame's column, or one text with commas, semicolons, spaces or "and" between them.
    """
    wanted = {_plain(name) for name in right}

    def check(answer: Any) -> str | None:
        items = _BETWEEN.split(answer[:_LONGEST].strip(",; \n[](){}")) if isinstance(answer, str) else answer
        if not isinstance(items, Iterable):
            return f"The answer is a list of names, not {_type(answer)}."
        given = [str(item).strip("\"' ") for item in islice(items, _LONGEST)]
        extra = [name for name in given if _plain(name) not in wanted]
        missing = len(wanted - {_plain(name) for name in given})
        if extra:
            return f"`{visible(extra[0], 80)}` does not belong" + (f"; {missing} missing." if missing else ".")
        return f"{missing} more {'belongs' if missing == 1 else 'belong'} to it." if missing else None

    return check


def results_of(cases: Sequence[tuple[Any, ...]]) -> Checker:
    """Check a function against *cases*: (arguments, what it should return), and if need be a sentence that says why.

    A text may be returned in other capitals.  For questions with ``takes_function=True``.
    """

    def check(function: Any) -> str | None:
        if not callable(function):
            return f"The answer is a function, not {_type(function)}: give its name without the brackets."
        for arguments, expected, *why in cases:
            result = function(*copy.deepcopy(arguments))
            if isinstance(result, str) and isinstance(expected, str) and _plain(result) == _plain(expected):
                continue
            if result != expected:
                given = visible(", ".join(map(repr, arguments)), 200)
                returned = f"For `({given})` it returned `{_shown(result)}`; expected `{_shown(expected)}`."
                return " ".join([returned, *why])
        return None

    return check


def _shown(value: Any) -> str:
    return visible(repr(value), 120)
