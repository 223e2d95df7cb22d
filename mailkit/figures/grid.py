"""A table of judged cells: what was found, by row and column, each with its mark, its colour and a word.

Every matrix of the workbook is drawn here.  A colour never stands alone, and what is said in colour is said once more
in the legend, so that a cell reads the same on a projector, in the dark theme and to who cannot tell red from green.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from mailkit.figures.style import MUTED, PAPER, RULE, WIDTH, Picture, box, canvas, fitted, legend, write
from mailkit.results import BADGES

__all__ = ["Block", "Cell", "Column", "Row", "grid"]

_QUIET = ("not_run", "unknown")  # drawn without a fill: nothing was found out
_ROW, _LINE = 0.48, 0.17  # inches: a row, and from one line of a cell to the next
_NAME, _TITLE, _NO_TITLE = 0.3, 0.62, 0.22  # inches: the name of a block; where the table begins
_MARGIN = 0.3


@dataclass(frozen=True)
class Cell:
    """What stands at one place: *text*, and the word that gives mark and colour, an outcome or a verdict."""

    text: str
    judged: str
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A heading, a line below it, and the column's share of the width."""

    heading: str
    note: str = ""
    share: float = 1.0


@dataclass(frozen=True)
class Row:
    """A name, a line below it, and a cell for each column; ``said`` are the same facts as text, a line or more."""

    name: str
    note: str
    cells: Sequence[Cell]
    said: str


@dataclass(frozen=True)
class Block:
    """Rows under the same headings, with a name where there are several blocks."""

    rows: Sequence[Row]
    name: str = ""


def grid(
    blocks: Sequence[Block],
    columns: Sequence[Column],
    meanings: Mapping[str, str],
    *,
    title: str | None,
    said: str,
    names: float = 3.1,
    widest: float = WIDTH,
    nothing: str = "There is nothing to show.",
    left_out: str = "",
    marks: Mapping[str, tuple[str, str]] = BADGES,
) -> Picture:
    """Draw *blocks* of rows in *columns*.

    *meanings* explains the words by which cells are judged; the legend has those that occur.  *said* is the first line
    of the text form, *names* the width of the rows' names and *widest* that of a column, in inches.  *nothing* stands
    there when there are no rows, *left_out* says what did not fit.  *marks* are mark and colour of each word.
    """
    rows = [row for block in blocks for row in block.rows]
    judged = {cell.judged for row in rows for cell in row.cells}
    used = [word for word in meanings if word in judged]
    unit = min((WIDTH - _MARGIN - names) / max(sum(column.share for column in columns), 1), widest)
    heads = [_heading(column, unit * column.share) for column in columns]
    head = 0.36 + 0.2 * max((len(lines) - 1 for lines in heads), default=0)
    top = _TITLE if title else _NO_TITLE
    bottom = top + sum(_height(block, head) for block in blocks) if rows else top + _ROW
    figure, axes = canvas(bottom + 0.18 + 0.26 * (-(-len(used) // 2) + bool(left_out)) + 0.1, title=title)
    alt = [fitted(said)]
    y = top
    for block in blocks if rows else ():
        if block.name:
            write(axes, _MARGIN, y + 0.16, block.name, size=11, font="bold", width=WIDTH - 2 * _MARGIN)
        first = y + head + (_NAME if block.name else 0)
        for place, lines in enumerate(heads):
            x = names + unit * sum(column.share for column in columns[:place])
            _write_heading(axes, x + unit * columns[place].share / 2, first, lines)
        for number, row in enumerate(block.rows):
            _write_name(axes, first + _ROW * (number + 0.5), row, names)
            for place, cell in enumerate(row.cells):
                x = names + unit * sum(column.share for column in columns[:place])
                _draw(axes, x, first + _ROW * (number + 0.5), unit * columns[place].share, cell, marks)
            alt += row.said.splitlines()
        y += _height(block, head)
    if not rows:
        write(axes, _MARGIN, top + 0.2, nothing)
        alt.append(nothing)
    legend(axes, bottom + 0.18, [(*marks[word], meanings[word]) for word in used])
    if left_out:
        write(axes, _MARGIN, axes.get_ylim()[0] - 0.24, f"Not shown: {left_out}.", size=10)
        alt.append(f"Not shown: {left_out}.")
    return Picture(figure, "\n".join(alt))


def _height(block: Block, head: float) -> float:
    return head + (_NAME if block.name else 0) + _ROW * len(block.rows) + 0.06


def _heading(column: Column, width: float) -> list[tuple[str, bool]]:
    """Return the lines over a column, each with whether it is the heading; one that is too wide takes two."""
    lines = _in_two(column.heading, width - 0.1, size=11)
    return [*((line, True) for line in lines), *([(fitted(column.note, width, size=10), False)] if column.note else [])]


def _write_heading(axes: Axes, centre: float, bottom: float, lines: Sequence[tuple[str, bool]]) -> None:
    for number, (text, is_heading) in enumerate(reversed(lines)):
        look = {"size": 11.0, "font": "bold"} if is_heading else {"size": 10.0, "colour": MUTED}
        write(axes, centre, bottom - 0.18 - 0.2 * number, text, align="center", **look)  # type: ignore[arg-type]


def _write_name(axes: Axes, middle: float, row: Row, names: float) -> None:
    room = names - _MARGIN - 0.1
    write(axes, _MARGIN, middle - (0.1 if row.note else 0), row.name, size=10.5, font="bold", width=room)
    if row.note:
        write(axes, _MARGIN, middle + 0.11, row.note, size=10, colour=MUTED, width=room)


def _draw(axes: Axes, x: float, middle: float, width: float, cell: Cell, marks: Mapping[str, tuple[str, str]]) -> None:
    mark, colour = marks[cell.judged]
    quiet = cell.judged in _QUIET
    fill, ink, edge = (PAPER, MUTED, RULE) if quiet else (colour, "#ffffff", colour)
    box(axes, x + 0.04, middle - _ROW / 2 + 0.04, width - 0.08, _ROW - 0.08, fill=fill, edge=edge)
    room = width - 0.14
    words = f"{mark} {cell.text}".strip()
    lines = [(words, "bold"), (cell.note, "regular")] if cell.note else [(w, "bold") for w in _in_two(words, room)]
    for number, (line, font) in enumerate(lines):
        y = middle + _LINE * (number - (len(lines) - 1) / 2)
        write(axes, x + width / 2, y, line, size=10, colour=ink, font=font, align="center", width=room)


def _in_two(text: str, width: float, *, size: float = 10) -> list[str]:
    """Return *text* on one line if it fits into *width* inches, else on two: broken at a space, or after a dot."""
    if _fits(text, width, size):
        return [fitted(text)]
    breaks = [i + 1 for i, char in enumerate(text[:200]) if char in " ." and 0 < i < len(text) - 1]
    kept = max((i for i in breaks if _fits(text[:i].rstrip(), width, size)), default=0)
    lines = [text[:kept].rstrip(), text[kept:]] if kept else [text]
    return [fitted(line, width, size=size, font="bold") for line in lines]


def _fits(text: str, width: float, size: float) -> bool:
    whole = fitted(text)
    return fitted(whole, width, size=size, font="bold") == whole
