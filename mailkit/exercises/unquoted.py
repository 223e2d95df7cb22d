"""Words without quotes: ``p1.guess(server)`` and ``q3.check(B)`` are taken for what the learner means.

To Python a bare word is the name of a variable, and a learner who forgets the quotes would be met by a NameError, or
by a SyntaxError for ``5xx`` and for the curly quotes of another keyboard.  In a notebook the text of a cell passes
here before Python reads it: what stands between the brackets of a prediction's ``guess`` or a question's ``check`` is
put between quotes when it is one of the choices, or no Python, or made of names that nobody has defined.  Names that
exist stay what they are, and nothing but that one line of the cell is touched.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

from mailkit.exercises.words import meant

__all__ = ["install", "with_quotes"]

_CALL = re.compile(r"\b(?P<name>[pq]\d+)\.(?P<verb>guess|check)\((?P<inside>[^()\n]*)\)")
_QUOTES = "\"'`“”‘’「」"
# A line that defines a function or gives a value to names: the call may stand below it in the same cell.
_BINDS = re.compile(r"[ \t]*(?:def[ \t]+(\w+)|(\w+(?:[ \t]*,[ \t]*\w+)*)[ \t]*=(?!=))")
_NO_ANSWER = frozenset({"", "...", "…", "?", "None"})


def with_quotes(line: str, names: Mapping[str, Any], prediction: type, question: type) -> str:
    """Return a *line* of a cell with quotes around bare words; *names* are the variables that exist."""

    def mended(call: re.Match[str]) -> str:
        exercise, inside = names.get(call["name"]), call["inside"].strip()
        if inside in _NO_ANSWER:
            return call[0]
        if isinstance(exercise, prediction) and call["verb"] == "guess":
            choices: tuple[str, ...] = getattr(exercise, "choices", ())
        elif isinstance(exercise, question) and call["verb"] == "check" and not getattr(exercise, "takes_function", 0):
            choices = ()
        else:
            return call[0]
        if _is_python(inside, names) and not (inside.isidentifier() and meant(inside, choices, {})):
            return call[0]
        return f"{call['name']}.{call['verb']}({inside.strip(_QUOTES + ' ')!r})"

    return _CALL.sub(mended, line)


def _is_python(text: str, names: Mapping[str, Any]) -> bool:
    """Tell whether *text* is an expression that has a value: it can be parsed, and one of its names exists."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return not used or any(name in names or hasattr(builtins, name) for name in used)


def _bound(lines: list[str]) -> dict[str, Any]:
    """Return the names that *lines*, those of a cell, are about to define."""
    found = [bound for line in lines if (bound := _BINDS.match(line))]
    return {name: None for bound in found for name in re.findall(r"\w+", bound[1] or bound[2])}


def install(prediction: type, question: type) -> None:
    """In a notebook, let the cells pass :func:`with_quotes` from now on; elsewhere do nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return

    def quote_bare_words(lines: list[str]) -> list[str]:
        names = ChainMap(shell.user_ns, _bound(lines))
        return [with_quotes(line, names, prediction, question) for line in lines]

    transforms: list[Callable[[list[str]], list[str]]] = shell.input_transformers_cleanup
    others = [known for known in transforms if getattr(known, "__name__", "") != quote_bare_words.__name__]
    transforms[:] = [*others, quote_bare_words]
