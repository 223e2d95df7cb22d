"""What a class knew before and after: one line per pair of questions, from one mark to the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch

from mailkit.figures.style import INK, MUTED, PAPER, RULE, WIDTH, Picture, canvas, fitted, write
from mailkit.results import BADGES

__all__ = ["AskedTwice", "before_and_after"]

_ROW, _TOP = 0.42, 1.0  # inches: a line, and where the first begins
_MARGIN, _LEFT, _RIGHT = 0.3, 3.0, 6.5  # inches: of the sheet, and where none and all of the class stand
_RING, _DOT = 0.1, 0.065
_BEFORE, _AFTER = BADGES["warn"][1], BADGES["pass"][1]


class AskedTwice(Protocol):
    """How many answered one pair of questions, and were right, before and after."""

    @property
    def lesson(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def before(self) -> int: ...
    @property
    def right_before(self) -> int: ...
    @property
    def after(self) -> int: ...
    @property
    def right_after(self) -> int: ...


def before_and_after(pairs: Sequence[AskedTwice], *, title: str) -> Picture:
    """Draw which part of the class was right about each of *pairs*: a ring for before, a dot for after."""
    bottom = _TOP + _ROW * max(len(pairs), 1)
    figure, axes = canvas(bottom + 0.55, title=title)
    for part, word in ((0.0, "nobody right"), (0.5, "half"), (1.0, "everybody")):
        x = _at(part)
        axes.plot([x, x], [_TOP - 0.08, bottom], color=RULE, linewidth=1, zorder=1)
        write(axes, x, _TOP - 0.22, word, size=10, colour=MUTED, align="center")
    write(axes, WIDTH - _MARGIN, _TOP - 0.22, "before → after", size=10, colour=MUTED, align="right")
    alt = [fitted(title)]
    for number, pair in enumerate(pairs):
        y = _TOP + _ROW * (number + 0.5)
        name = f"{pair.lesson[:2]}  {pair.topic}"
        write(axes, _MARGIN, y, name, size=10.5, width=_LEFT - _MARGIN - 0.25)
        _draw(axes, y, pair)
        before, after = _of(pair.right_before, pair.before), _of(pair.right_after, pair.after)
        write(axes, WIDTH - _MARGIN, y, f"{before} → {after}", size=10.5, colour=INK, align="right")
        alt.append(f"{fitted(name)}: right before {before}, after {after}")
    if not pairs:
        write(axes, _MARGIN, _TOP + 0.2, "There is nothing to show.")
        alt.append("There is nothing to show.")
    _ring(axes, _MARGIN + 0.1, bottom + 0.25)
    write(axes, _MARGIN + 0.3, bottom + 0.25, "before", size=10, colour=MUTED)
    _dot(axes, _MARGIN + 1.3, bottom + 0.25)
    write(
        axes,
        _MARGIN + 1.5,
        bottom + 0.25,
        "after: of those who answered, the part that was right",
        size=10,
        colour=MUTED,
    )
    return Picture(figure, "\n".join(alt))


def _draw(axes: Axes, y: float, pair: AskedTwice) -> None:
    before = _at(pair.right_before / pair.before) if pair.before else None
    after = _at(pair.right_after / pair.after) if pair.after else None
    if before is not None and after is not None and abs(after - before) > 2 * _RING:
        away = _RING if after > before else -_RING
        ends = ((before + away, y), (after - away * 0.7, y))
        axes.add_patch(
            FancyArrowPatch(*ends, arrowstyle="-", color=MUTED, linewidth=1.6, shrinkA=0, shrinkB=0, zorder=2)
        )
    if before is not None:
        _ring(axes, before, y)
    if after is not None:
        _dot(axes, after, y)


def _ring(axes: Axes, x: float, y: float) -> None:
    axes.add_patch(Circle((x, y), _RING, facecolor=PAPER, edgecolor=_BEFORE, linewidth=2, zorder=3))


def _dot(axes: Axes, x: float, y: float) -> None:
    axes.add_patch(Circle((x, y), _DOT, facecolor=_AFTER, edgecolor=_AFTER, zorder=4))


def _at(part: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * part


def _of(right: int, all_of_them: int) -> str:
    return f"{right} of {all_of_them}" if all_of_them else "–"


def __dir__() -> list[str]:
    return sorted(__all__)
