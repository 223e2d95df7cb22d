"""SPF in two figures: one evaluation as a tree with its counters, and the results of many as a matrix.

What the results mean stands in RFC 7208 section 2.6.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import (
    INK,
    MUTED,
    RULE,
    WIDTH,
    Picture,
    badge,
    box,
    canvas,
    fitted,
    legend,
    tint,
    write,
)
from mailkit.spf import Check, EvaluatedTerm, Tree

__all__ = ["matrix", "tree"]

_BLUE, _RED, _ORANGE, _GREY, _PURPLE = (badge(w)[1] for w in ("pass", "fail", "warn", "unknown", "intercepted"))
# Mark and colour of each outcome of a term, and of each result.
_MARKS = {
    "pass": ("✓", _BLUE),
    "fail": ("✗", _RED),
    "softfail": ("!", _ORANGE),
    "neutral": ("!", _ORANGE),
    "none": ("–", _GREY),
    "no match": ("–", _GREY),
    "followed": ("→", _PURPLE),
    "included": ("→", _PURPLE),
    "unknown": ("?", _GREY),
    "info": ("i", _GREY),
    "permerror": ("✗", _RED),
    "temperror": ("…", _ORANGE),
    "not_run": ("", _GREY),
}
_WHOLE = {"pass": "in order", "fail": "in error", "unknown": "unknown", "info": "no record"}  # of a domain's record
_HEAD, _TAIL = 24, 6  # steps shown at the beginning and the end of a tree too large to show
_ROW = 0.33  # inches
_LEFT, _INDENT, _DEPTH = 0.5, 0.26, 5  # records deeper than _DEPTH are drawn no further to the right
_OUTCOME, _LOOKUPS, _VOID = 3.35, 6.25, WIDTH - 0.32
_CELL = 0.115  # one of the ten lookups
_LIMIT, _VOID_LIMIT = 10, 2  # RFC 7208 section 4.6.4

_MEANINGS = {
    "pass": "pass: this host may send for the domain",
    "fail": "fail: it may not",
    "softfail": "softfail: probably not; mark it",
    "neutral": "neutral: the domain does not say",
    "none": "none: the domain publishes no record",
    "permerror": "permerror: the record is in error",
    "temperror": "temperror: the DNS did not answer",
}
_MOST_SENDERS, _MOST_DOMAINS = 12, 5
_NAMES, _WIDEST = 2.3, 2.1  # inches: the column of senders, a column of results


@dataclass(frozen=True)
class _Gap:
    """A row that says how many steps were left out."""

    count: int


def tree(found: Check | Tree, *, title: str | None = None) -> Picture:
    """Draw a record from top to bottom, each included record indented below its include.

    *found* is what :func:`mailkit.spf.check` tried for one client, or what :func:`mailkit.spf.tree` found at a domain.

    The cells count the lookups of the ten allowed, the last column those of them that found nothing.  Of more than 30
    steps the first 24 and the last 6 are shown; the figure says so.
    """
    ip, word, asked = _about(found)
    rows = _rows(list(found.trace))
    reason = textwrap.wrap(found.reason, 84)[:3] or [""]
    top = 1.08
    bottom = top + max(len(rows), 1) * _ROW
    used = _tree_legend({row.outcome for row in rows if isinstance(row, EvaluatedTerm)}, would=isinstance(found, Tree))
    height = bottom + 0.56 + 0.24 * len(reason) + 0.26 * -(-len(used) // 2)
    figure, axes = canvas(height, title=title or asked)
    _columns(axes)
    for index, row in enumerate(rows):
        middle = top + (index + 0.5) * _ROW
        if isinstance(row, _Gap):
            write(axes, _LEFT + 0.2, middle, f"… {row.count} more steps …", size=10, colour=MUTED)
        else:
            _step(axes, middle, row, ip)
    _elbows(axes, rows, top)
    if not rows:
        write(axes, _LEFT, top + _ROW / 2, "no term was tried" if ip else "there is no term", colour=MUTED)
    _result(axes, bottom + 0.1, *_MARKS[word], _WHOLE[word] if isinstance(found, Tree) else word, reason)
    legend(axes, bottom + 0.46 + 0.24 * len(reason), used, columns=2)
    return Picture(figure, _alt(found, f"{ip}: {word}" if ip else _WHOLE[word]))


def _about(found: Check | Tree) -> tuple[str, str, str]:
    """Return the client's address, "" for a domain's record as such, the word for the whole, and the title."""
    if isinstance(found, Tree):
        return "", str(found.verdict), f"What does the SPF record of {found.domain} lead to?"
    return found.ip, str(found.result), f"May {found.ip} send for {found.domain}?"


def _tree_legend(outcomes: set[str], *, would: bool) -> list[tuple[str, str, str]]:
    """Return the entries that explain the marks of these outcomes, and the cells of the counter."""
    match = "a match gives" if would else "matches:"
    entries = [
        ({"no match"}, ("–", _GREY, "does not match")),
        ({"pass"}, ("✓", _BLUE, f"{match} pass")),
        ({"softfail", "neutral"}, ("!", _ORANGE, f"{match} softfail or neutral")),
        ({"fail", "permerror"}, ("✗", _RED, f"{match} fail, or an error")),
        ({"included"}, ("→", _PURPLE, "a match is a pass of the record below")),
        ({"followed"}, ("→", _PURPLE, "the other record decides")),
        ({"unknown"}, ("?", _GREY, "cannot be told from the record")),
    ]
    used = [entry for words, entry in entries if words & outcomes]
    return [*used, ("■", _PURPLE, "one of ten lookups; a frame marks those to come")]


def _rows(steps: Sequence[EvaluatedTerm]) -> list[EvaluatedTerm | _Gap]:
    if len(steps) <= _HEAD + _TAIL:
        return list(steps)
    return [*steps[:_HEAD], _Gap(len(steps) - _HEAD - _TAIL), *steps[-_TAIL:]]


def _columns(axes: Axes) -> None:
    for x, text in ((_LEFT, "term"), (_OUTCOME, "outcome"), (_LOOKUPS, "lookups so far"), (_VOID, "void")):
        write(axes, x, 0.84, text, size=10, colour=MUTED, align="right" if x == _VOID else "left")
    axes.plot([0.3, WIDTH - 0.3], [1.02, 1.02], color=RULE, linewidth=1)


def _x(step: EvaluatedTerm) -> float:
    return _LEFT + _INDENT * min(step.depth, _DEPTH)


def _step(axes: Axes, middle: float, step: EvaluatedTerm, ip: str) -> None:
    mark, colour = _MARKS.get(step.outcome, ("?", _GREY))
    x = _x(step)
    if step.matched or step.outcome in ("permerror", "temperror"):
        box(axes, x + 0.02, middle - 0.14, _LOOKUPS - x - 0.1, 0.28, fill=tint(colour, 0.14))
    write(axes, x + 0.14, middle, mark, size=11, colour=colour, font="bold", align="center")
    ink = MUTED if step.outcome == "no match" else INK
    write(axes, x + 0.28, middle, step.term, size=10, font="mono", colour=ink, width=_OUTCOME - x - 0.36)
    # The title has the client's address, and the mark says "no match".
    note = step.note.removeprefix(f"{ip} ")
    said = note if step.outcome in ("no match", "included") else f"{step.outcome}: {note}".removesuffix(": ")
    write(axes, _OUTCOME, middle, said, size=10, colour=ink, width=_LOOKUPS - _OUTCOME - 0.14)
    _cells(axes, middle, step.lookups)
    over = step.void_lookups > _VOID_LIMIT
    void = f"{step.void_lookups} of {_VOID_LIMIT}"
    write(axes, _VOID, middle, void, size=10, colour=_RED if over else ink, align="right")


def _cells(axes: Axes, middle: float, lookups: int) -> None:
    """Draw the ten lookups, those made so far filled, and the count in figures."""
    over = lookups > _LIMIT
    for i in range(_LIMIT):
        x = _LOOKUPS + i * _CELL
        filled = i < lookups
        colour = (_RED if over else _PURPLE) if filled else RULE
        box(axes, x, middle - 0.06, _CELL - 0.03, 0.12, fill=colour if filled else "none", edge=colour, corner=0.01)
    write(axes, _LOOKUPS + _LIMIT * _CELL + 0.05, middle, str(lookups), size=10, colour=_RED if over else INK)


def _elbows(axes: Axes, rows: Sequence[EvaluatedTerm | _Gap], top: float) -> None:
    """Join each term of an included record to the include that led to it."""
    places = {row.number: top + (i + 0.5) * _ROW for i, row in enumerate(rows) if isinstance(row, EvaluatedTerm)}
    for row in rows:
        if not isinstance(row, EvaluatedTerm) or row.parent not in places or row.depth > _DEPTH:
            continue
        x, start, end = _x(row) - _INDENT + 0.14, places[row.parent] + 0.11, places[row.number]
        axes.plot([x, x, x + _INDENT - 0.1], [start, end, end], color=MUTED, linewidth=1, solid_joinstyle="miter")


def _result(axes: Axes, y: float, mark: str, colour: str, word: str, reason: Sequence[str]) -> None:
    box(axes, 0.3, y, WIDTH - 0.6, 0.12 + 0.24 * len(reason), fill=tint(colour, 0.14), edge=colour)
    write(axes, 0.5, y + 0.18, f"{mark} {word}", size=12, colour=colour, font="bold")
    for i, line in enumerate(reason):
        write(axes, 1.75, y + 0.18 + 0.24 * i, line, size=10, width=WIDTH - 2.15)


def _alt(found: Check | Tree, result: str) -> str:
    lines = [f"SPF of {found.domain}{' for' if isinstance(found, Check) else ':'} {result}, {found.reason}"]
    for s in found.trace:
        counts = f"lookups {s.lookups}, void {s.void_lookups}"
        lines.append(f"{'  ' * s.depth}{s.term}: {s.outcome}, {s.note} ({counts})")
    return "\n".join(fitted(line) for line in lines)


def matrix(checks: Iterable[Check], *, names: Mapping[str, str] | None = None, title: str | None = None) -> Picture:
    """Draw the result of each sending address (rows) for each domain (columns), in the order of *checks*.

    *names* are words for some of the addresses, shown above them.  Of more than 12 addresses or 5 domains the first
    are shown, and the figure says how many are not.
    """
    found: dict[tuple[str, str], str] = {}
    for check in checks:
        found.setdefault((check.ip, check.domain), check.result)
    senders, domains = (list(dict.fromkeys(key[i] for key in found)) for i in (0, 1))
    left_out = [
        f"{len(items) - most} of the {what}"
        for items, most, what in ((senders, _MOST_SENDERS, "addresses"), (domains, _MOST_DOMAINS, "domains"))
        if len(items) > most
    ]
    senders, domains = senders[:_MOST_SENDERS], domains[:_MOST_DOMAINS]
    rows = []
    for ip in senders:
        name = (names or {}).get(ip, "")
        cells = [Cell(found.get((ip, domain), ""), found.get((ip, domain), "not_run")) for domain in domains]
        said = ", ".join(f"{domain} {found[ip, domain]}" for domain in domains if (ip, domain) in found)
        rows.append(Row(name or ip, ip if name else "", cells, fitted(f"{name} {ip}: {said}".strip())))
    return grid(
        [Block(rows)],
        [Column(domain) for domain in domains],
        _MEANINGS,
        title=title,
        said=title or "SPF results by sending address and domain",
        names=_NAMES,
        widest=_WIDEST,
        nothing="Nothing was checked.",
        left_out=", ".join(left_out),
        marks=_MARKS,
    )
