"""DMARC in pictures: identifiers against the From line, a table of cases, and two ways to a policy record.

What counts as aligned stands in RFC 9989 section 4.4, the tree walk in its section 4.10.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes

from mailkit.dmarc import Aligned, Discovery, Evaluation, Identifier, Missed, OldWay, Query
from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import (
    MUTED,
    RULE,
    WIDTH,
    Picture,
    badge,
    box,
    canvas,
    fitted,
    tint,
    write,
)
from mailkit.results import visible

__all__ = ["identifiers", "tree_walk", "truth_table"]

_BLUE, _RED, _ORANGE, _GREY, _PURPLE = (badge(w)[1] for w in ("pass", "fail", "warn", "unknown", "intercepted"))
# What to say of an identifier by how little it missed: mark, colour, words.
_STANDING = {
    Missed.NOTHING: ("✓", _BLUE, "counts"),
    Missed.RESULT: ("✗", _RED, "the right domain, but no pass"),
    Missed.STRICT: ("✗", _ORANGE, "a relative, but strict asks for the same name"),
    Missed.DOMAIN: ("✗", _RED, "passed, for somebody else"),
    Missed.RESULT_AND_DOMAIN: ("✗", _RED, "no pass, and somebody else's"),
    Missed.UNKNOWN: ("?", _GREY, "the DNS did not say"),
}
_RESULTS = {
    "pass": ("✓", _BLUE),
    "fail": ("✗", _RED),
    "none": ("–", _GREY),
    "temperror": ("?", _GREY),
    "permerror": ("✗", _RED),
}
_MOST = 6  # identifiers drawn of one message
_CARD = 0.66  # inches: the height of an identifier


def identifiers(found: Evaluation | Aligned, *, title: str | None = None) -> Picture:
    """Draw the domain of the From line, and below it each domain that SPF or DKIM speaks for, with what ties them.

    Of more than 6 identifiers the first are shown; the figure says how many are not.
    """
    rows, left_out = list(found.alignment)[:_MOST], max(len(found.alignment) - _MOST, 0)
    mark, colour = _RESULTS.get(found.result, ("?", _GREY))
    reason = textwrap.wrap(visible(found.reason), 74)[:3] or [""]
    top = 0.62
    bottom = top + 0.74 + max(len(rows), 1) * (_CARD + 0.1) + (0.26 if left_out else 0)
    title = title or f"Does anything speak for {found.domain or 'this author'}?"
    figure, axes = canvas(bottom + 0.36 + 0.22 * len(reason), title=title)
    box(axes, 0.3, top, 3.3, 0.56, fill=tint(_PURPLE, 0.14), edge=_PURPLE)
    write(axes, 0.42, top + 0.17, "From line: what the reader sees", size=10, colour=MUTED)
    write(axes, 0.42, top + 0.4, found.domain or "no author can be told", font="bold", width=3.06)
    alt = [title, f"From line: {found.domain}"]
    y = top + 0.74
    for row in rows:
        alt.append(_identifier(axes, y, row, top + 0.56))
        y += _CARD + 0.1
    if not rows:
        write(axes, 0.72, y + 0.2, "Neither SPF nor DKIM gave a domain to compare.")
    if left_out:
        write(axes, 0.72, y + 0.1, f"… and {left_out} more", colour=MUTED)
        alt.append(f"{left_out} more are not shown")
    box(axes, 0.3, bottom, WIDTH - 0.6, 0.14 + 0.22 * len(reason), fill=tint(colour, 0.14), edge=colour)
    write(axes, 0.44, bottom + 0.18, f"{mark} DMARC: {found.result}", size=11, colour=colour, font="bold")
    for number, line in enumerate(reason):
        write(axes, 2.35, bottom + 0.18 + 0.22 * number, line, size=10, width=WIDTH - 2.75)
    alt.append(f"DMARC: {found.result}, {found.reason}")
    return Picture(figure, "\n".join(fitted(line) for line in alt))


def _identifier(axes: Axes, y: float, row: Identifier, hangs_from: float) -> str:
    mark, colour, words = _STANDING[row.missed]
    counts = row.missed is Missed.NOTHING
    middle = y + _CARD / 2
    axes.plot([0.46, 0.46], [hangs_from, middle], color=MUTED, linewidth=1.2)
    axes.plot([0.46, 0.7], [middle, middle], color=colour, linewidth=2.4 if counts else 1.2)
    box(axes, 0.72, y, WIDTH - 1.02, _CARD, fill=tint(colour, 0.1), edge=colour)
    where = "envelope sender" if row.mechanism == "spf" else "d= of a signature"
    write(axes, 0.86, y + 0.2, f"{row.mechanism.upper()}: {row.result}", font="bold", width=1.7)
    write(axes, 0.86, y + 0.46, where, size=10, colour=MUTED, width=1.7)
    write(axes, 2.6, y + 0.2, row.domain, font="mono", size=10, width=WIDTH - 3.0)
    said = f"{mark} {words}" + (f": {row.note}" if counts else "")
    write(axes, 2.6, y + 0.46, said, size=10, colour=colour, font="bold", width=WIDTH - 3.0)
    return f"{row.mechanism.upper()} {row.result} for {row.domain}: {words} ({row.mode})"


# What fits into a cell of the table, by how little an identifier missed.
_IN_A_CELL = {
    Missed.NOTHING: ("pass", "passed, and counts"),
    Missed.RESULT: ("fail", "did not pass"),
    Missed.STRICT: ("warn", "passed, counts if relaxed"),
    Missed.DOMAIN: ("fail", "passed, somebody else's"),
    Missed.RESULT_AND_DOMAIN: ("fail", "neither"),
    Missed.UNKNOWN: ("unknown", "the DNS did not say"),
}
_MEANINGS = {
    "pass": "counts, or passes",
    "warn": "strict wants the very name of the From line",
    "fail": "does not count, or fails",
    "unknown": "not known",
    "none": "no DMARC record",
}


def truth_table(
    relaxed: Sequence[Aligned], strict: Sequence[Aligned], *, names: Sequence[str] = (), title: str = "What counts?"
) -> Picture:
    """Draw what DMARC makes of several pairs of SPF and DKIM results, under relaxed and under strict alignment.

    *relaxed* and *strict* are what :func:`mailkit.dmarc.align` found for the same pairs; *names* are words for them.
    Of several signatures the one that counts is shown, else the first.  Raises ValueError when they are not as many.
    """
    if len(relaxed) != len(strict):
        raise ValueError("relaxed and strict are of the same cases, so there are as many of one as of the other")
    rows = []
    for number, (loose, narrow) in enumerate(zip(relaxed, strict)):
        name = names[number] if number < len(names) else f"case {number + 1}"
        cells = [_cell(narrow, "spf"), _cell(narrow, "dkim")]
        cells += [Cell(case.result, _judged(case.result)) for case in (loose, narrow)]
        facts = ", ".join(f"{what} {c.text} {c.note}".strip() for what, c in zip(("SPF", "DKIM"), cells))
        said = f"{name}: {facts}; relaxed {loose.result}, strict {narrow.result}"
        rows.append(Row(name, "", cells, fitted(said)))
    columns = [
        Column("SPF", "envelope sender", 2.3),
        Column("DKIM", "d= of the signature", 2.3),
        Column("DMARC", "relaxed"),
        Column("DMARC", "strict"),
    ]
    return grid([Block(rows)], columns, _MEANINGS, title=title, said=title, names=2.25, nothing="No cases.")


def _cell(case: Aligned, mechanism: str) -> Cell:
    rows = sorted((r for r in case.alignment if r.mechanism == mechanism), key=lambda row: not row.counts)
    if not rows:
        return Cell("none", "not_run")
    judged, note = _IN_A_CELL[rows[0].missed]
    return Cell(rows[0].domain, judged, note)


def _judged(result: str) -> str:
    return {"pass": "pass", "fail": "fail", "none": "none"}.get(result, "unknown")


_MIDDLE = WIDTH / 2
_STEP = 0.5  # inches: one question


def tree_walk(found: Discovery, *, title: str | None = None) -> Picture:
    """Draw the questions that lead to a policy record, one beside the other: up the tree, and with the old list."""
    new, old = list(found.queries), list(found.old.queries)
    top = 1.0
    bottom = top + max(len(new), len(old), 1) * _STEP + 0.1
    title = title or f"Which record applies to {found.domain}?"
    apart = textwrap.wrap(_apart(found), 100)[:4]
    figure, axes = canvas(bottom + 0.84 + 0.2 * len(apart), title=title)
    heads = ("Today: up the tree (RFC 9989)", "Before: with a list (RFC 7489)")
    alt = [title]
    for x, head, queries in zip((0.3, _MIDDLE + 0.1), heads, (new, old)):
        write(axes, x, 0.74, head, size=11, font="bold")
        axes.plot([x, x + _MIDDLE - 0.4], [0.94, 0.94], color=RULE, linewidth=1)
        alt.append(head)
        where = found.where if queries is new else found.old.where
        for number, query in enumerate(queries):
            alt.append(_question(axes, x, top + number * _STEP, query, where))
        alt.append(_conclusion(axes, x, bottom, found if queries is new else found.old))
    for number, line in enumerate(apart):
        write(axes, 0.3, bottom + 0.72 + 0.2 * number, line, size=10, colour=MUTED, width=WIDTH - 0.6)
    alt.append(_apart(found))
    return Picture(figure, "\n".join(fitted(line) for line in alt))


def _question(axes: Axes, x: float, y: float, query: Query, where: str) -> str:
    applies = bool(where) and query.name == f"_dmarc.{where}"
    failed = query.node is not None and query.node.failed
    mark, colour = (
        ("✓", _BLUE) if applies else ("?", _ORANGE) if failed else ("i", _PURPLE) if query.record else ("–", _GREY)
    )
    note = "this record applies" if applies else "a record, passed over" if query.record else query.note
    box(axes, x, y + 0.03, _MIDDLE - 0.4, _STEP - 0.06, fill=tint(colour, 0.14 if query.record else 0.05))
    write(axes, x + 0.16, y + _STEP / 2, mark, size=11, colour=colour, font="bold", align="center")
    room = _MIDDLE - 0.84
    write(axes, x + 0.34, y + 0.16, f"{query.number}  {query.name}", size=10, font="mono", width=room)
    write(axes, x + 0.34, y + 0.35, note, size=10, colour=colour, font="bold" if applies else "regular", width=room)
    return f"{query.number} {query.name}: {note}"


def _conclusion(axes: Axes, x: float, y: float, found: Discovery | OldWay) -> str:
    if found.status == "found":
        asks = f"{found.where} asks for {found.policy}"
    else:
        asks = "no DMARC" if found.status == "none" else "not known: the DNS did not say"
    colour = _BLUE if found.status == "found" else _GREY
    organization = found.organizational_domain or "not known"
    box(axes, x, y, _MIDDLE - 0.4, 0.54, fill=tint(colour, 0.14), edge=colour)
    write(axes, x + 0.14, y + 0.17, asks, font="bold", width=_MIDDLE - 0.68)
    write(axes, x + 0.14, y + 0.38, f"organization: {organization}", size=10, width=_MIDDLE - 0.68)
    return f"{asks}; organization: {organization}"


def _apart(found: Discovery) -> str:
    return "They differ: " + "; ".join(found.differences) if found.differences else "Both come to the same."
