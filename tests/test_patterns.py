"""Every regular expression of the package takes time in proportion to the text, whatever a stranger wrote.

Each is used here in the ways in which its module uses it.  SPF's and DKIM's have their own worst cases beside theirs.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mailkit

LENGTH = 40_000  # characters; a pattern that takes the square of it needs many seconds
SECONDS = 1.5  # of processor time; a linear one needs some hundredths
WAYS = ("match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split")
# Pieces that, repeated, keep a pattern busy: blanks, what may repeat in one, what opens and never closes.
UNITS = [
    " ", "\t", "a", "1", "A1", "a ", " a", ".", "a.", "-", "a-", "=", "a=", ";", "; ", ":", "a:", ",", "<", "<a", "[",
    "[1", "(", "(a", '"', '"a', "\\", '\\"', "*", "%", "%{", "$", "/", "@", "a@", "_", "+", "\r", "\n", "\r\n", "\n ",
    "\n\t", "> ", "5.", "550 ", "4.7.", "550-5.7.1 ", "1.1.1.", "::", "IPv6:", "SRS0=", "=a", "\x00", "\u3000", "日",
]  # fmt: skip


@cache
def patterns() -> dict[str, tuple[re.Pattern[Any], frozenset[str]]]:
    """Every pattern in a module of the package, by module and name, with the ways in which that module uses it."""
    found = {}
    for module in pkgutil.walk_packages(mailkit.__path__, "mailkit."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        own = {name: value for name, value in vars(loaded).items() if isinstance(value, re.Pattern)}
        if own:
            used = ways_of(Path(str(loaded.__file__)))
            found |= {f"{module.name}.{name}": (value, used.get(name, frozenset())) for name, value in own.items()}
    return found


def ways_of(path: Path) -> dict[str, frozenset[str]]:
    """In which ways each name is used as a pattern in the module at *path*: ``NAME.search(…)``."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in WAYS:
            found.setdefault(node.value.id, set()).add(node.attr)
    return {name: frozenset(ways) for name, ways in found.items()}


def texts() -> list[str]:
    """Long texts of one piece again and again, alone, behind another beginning, and with an end that fits nothing."""
    repeated = [unit * (LENGTH // len(unit)) for unit in UNITS]
    return [start + text + "\x00" for text in repeated for start in ("", "<", "550 ")] + repeated


def test_there_are_patterns_of_every_room() -> None:
    rooms = {name.split(".")[1] for name in patterns()}
    assert {"conversation", "network", "message", "op25b", "smtp_auth", "spf", "dkim", "dmarc", "report"} <= rooms


@pytest.mark.parametrize("name", sorted(patterns()))
def test_each_pattern_takes_linear_time(name: str) -> None:
    pattern, ways = patterns()[name]
    for text in texts():
        subject: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
        for way in sorted(ways or {"match", "fullmatch"}):
            use = getattr(pattern, way)
            started = time.thread_time()
            if way in ("sub", "subn"):
                use(subject[:0], subject)
            elif way == "finditer":
                list(use(subject))
            else:
                use(subject)
            assert time.thread_time() - started < SECONDS, (name, way, text[:20])
