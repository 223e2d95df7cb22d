"""TLS in time: where it begins in the two ways of using it, and one dialogue as two people saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from matplotlib.axes import Axes

from mailkit.figures.smtp_auth import Spoken
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
    measured,
    tint,
    write,
)

__all__ = ["side_by_side", "two_ways"]


@dataclass(frozen=True)
class _Step:
    """Who speaks ("C", "S" or "" for both), what, whether it travels inside TLS, and what somebody did to it."""

    who: str
    text: str
    encrypted: bool
    note: str = ""


_IMPLICIT = (
    _Step("", "TCP connection to port 465", False),
    _Step("", "TLS handshake", True),
    _Step("S", "220 greeting", True),
    _Step("C", "EHLO", True),
    _Step("S", "250 … AUTH PLAIN", True),
    _Step("C", "AUTH PLAIN …", True),
    _Step("S", "235 logged in", True),
    _Step("C", "MAIL, RCPT, DATA …", True),
)
_STARTTLS = (
    _Step("", "TCP connection to port 587", False),
    _Step("S", "220 greeting", False),
    _Step("C", "EHLO", False),
    _Step("S", "250 … STARTTLS", False),
    _Step("C", "STARTTLS", False),
    _Step("S", "220 go ahead", False),
    _Step("", "TLS handshake", True),
    _Step("C", "EHLO, once more", True),
    _Step("S", "250 … AUTH PLAIN", True),
    _Step("C", "AUTH PLAIN …", True),
    _Step("S", "235 logged in", True),
    _Step("C", "MAIL, RCPT, DATA …", True),
)
_TAKEN_OUT, _PUT_IN = "✗ taken out", "✗ put in"
_MOST_LINES = 16
_ROW, _GAP, _MARGIN = 0.29, 0.24, 0.3  # inches
_COLUMN = (WIDTH - 2 * _MARGIN - _GAP) / 2


def two_ways(*, title: str = "Implicit TLS and STARTTLS, in time") -> Picture:
    """Draw the two ways of using TLS side by side, time running down: RFC 8314 section 3.3 and RFC 3207."""
    return _columns(
        [("implicit TLS: encrypted from the start", _IMPLICIT), ("STARTTLS: encrypted half-way through", _STARTTLS)],
        title,
    )


def side_by_side(left: Sequence[Spoken], right: Sequence[Spoken], *, captions: tuple[str, str], title: str) -> Picture:
    """Draw two dialogues beside each other, what travelled encrypted shaded; of each the first 16 lines.

    *left* is how it should be.  Up to where the client goes another way, a line of the server that is missing on the
    right is marked as taken out, and one that stands only there as put in.
    """
    taken_out, put_in = _changed(left, right)
    columns = []
    for caption, lines, notes in zip(captions, (left, right), (taken_out, put_in)):
        steps = [
            _Step(line.who, line.text, line.encrypted, notes.get(number, ""))
            for number, line in enumerate(lines[:_MOST_LINES])
        ]
        if len(lines) > _MOST_LINES:
            steps.append(_Step("", f"{len(lines) - _MOST_LINES} more lines", lines[-1].encrypted))
        columns.append((caption, steps))
    return _columns(columns, title)


def _changed(left: Sequence[Spoken], right: Sequence[Spoken]) -> tuple[dict[int, str], dict[int, str]]:
    """Return which lines were taken out of *left* and put into *right*, by their number."""
    taken_out: dict[int, str] = {}
    put_in: dict[int, str] = {}
    here, there = ([(line.who, line.text) for line in lines] for lines in _up_to_the_fork(left, right))
    steps = SequenceMatcher(None, here, there, autojunk=False).get_opcodes()
    for kind, start, end, other_start, other_end in steps:
        if kind != "equal":
            taken_out |= dict.fromkeys(range(start, end), _TAKEN_OUT)
            put_in |= dict.fromkeys(range(other_start, other_end), _PUT_IN)
    return taken_out, put_in


def _up_to_the_fork(left: Sequence[Spoken], right: Sequence[Spoken]) -> tuple[Sequence[Spoken], Sequence[Spoken]]:
    """Return both dialogues up to where the client says something else; none when it never does, or one is silent."""
    said = [[number for number, line in enumerate(lines) if line.who == "C"] for lines in (left, right)]
    for here, there in zip(*said):
        if left[here].text != right[there].text:
            return left[:here], right[:there]
    return (), ()


def _columns(columns: Sequence[tuple[str, Sequence[_Step]]], title: str) -> Picture:
    top = 1.02
    bottom = top + _ROW * max(len(steps) for _, steps in columns)
    figure, axes = canvas(bottom + 0.56, title=title)
    alt = [fitted(title)]
    for place, (caption, steps) in enumerate(columns):
        x = _MARGIN + (_COLUMN + _GAP) * place
        write(axes, x, top - 0.24, caption, size=11, font="bold", width=_COLUMN)
        alt.append(f"[{fitted(caption)}]")
        for number, step in enumerate(steps):
            _step(axes, x, top + _ROW * number, step)
            said = f"{'encrypted' if step.encrypted else 'clear    '} {step.who or '-'}: {fitted(step.text)}"
            alt.append(said + (f"  [{step.note}]" if step.note else ""))
    for x, colour, words in (
        (_MARGIN, tint(badge("pass")[1], 0.16), "encrypted"),
        (_MARGIN + 1.6, tint(badge("fail")[1], 0.12), "in the clear: whoever is on the way can read and change this"),
    ):
        box(axes, x, bottom + 0.2, 0.24, 0.18, fill=colour, edge=RULE, corner=0.02)
        write(axes, x + 0.34, bottom + 0.29, words, size=10, colour=MUTED)
    return Picture(figure, "\n".join(alt))


def _step(axes: Axes, x: float, y: float, step: _Step) -> None:
    shade = tint(badge("pass")[1], 0.16) if step.encrypted else tint(badge("fail")[1], 0.12)
    axes.fill_between((x, x + _COLUMN), y, y + _ROW, color=shade, linewidth=0)
    middle, room = y + _ROW / 2, _COLUMN - 0.36
    if step.note:
        wide = measured(step.note, size=10, font="bold") + 0.16
        box(axes, x + _COLUMN - wide - 0.05, middle - 0.115, wide, 0.23, fill=badge("fail")[1])
        write(axes, x + _COLUMN - wide + 0.03, middle, step.note, size=10, font="bold", colour="#ffffff")
        room -= wide + 0.05
    write(axes, x + 0.08, middle, step.who, size=10, font="bold", colour=MUTED)
    if step.who:
        write(axes, x + 0.3, middle, step.text, size=10, font="mono", width=room)
    else:
        write(axes, x + _COLUMN / 2, middle, step.text, size=10, colour=INK, align="center", width=_COLUMN - 0.2)
