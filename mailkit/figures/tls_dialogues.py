"""TLS in time: where it begins in the two ways of using it, and one dialogue as two people saw it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from mailkit.figures.smtp_auth import Spoken
from mailkit.figures.style import INK, MUTED, RULE, WIDTH, Picture, badge, box, canvas, fitted, tint, write

__all__ = ["side_by_side", "two_ways"]

# Who speaks ("C", "S" or "" for both), what, and whether it travels inside TLS.
_Step = tuple[str, str, bool]
_IMPLICIT: tuple[_Step, ...] = (
    ("", "TCP connection to port 465", False),
    ("", "TLS handshake", True),
    ("S", "220 greeting", True),
    ("C", "EHLO", True),
    ("S", "250 … AUTH PLAIN", True),
    ("C", "AUTH PLAIN …", True),
    ("S", "235 logged in", True),
    ("C", "MAIL, RCPT, DATA …", True),
)
_STARTTLS: tuple[_Step, ...] = (
    ("", "TCP connection to port 587", False),
    ("S", "220 greeting", False),
    ("C", "EHLO", False),
    ("S", "250 … STARTTLS", False),
    ("C", "STARTTLS", False),
    ("S", "220 go ahead", False),
    ("", "TLS handshake", True),
    ("C", "EHLO, once more", True),
    ("S", "250 … AUTH PLAIN", True),
    ("C", "AUTH PLAIN …", True),
    ("S", "235 logged in", True),
    ("C", "MAIL, RCPT, DATA …", True),
)
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
    """Draw two dialogues beside each other, what travelled encrypted shaded; of each the first 16 lines."""
    columns = []
    for caption, lines in zip(captions, (left, right)):
        steps: list[_Step] = [(line.who, line.text, line.encrypted) for line in lines[:_MOST_LINES]]
        if len(lines) > _MOST_LINES:
            steps.append(("", f"{len(lines) - _MOST_LINES} more lines", lines[-1].encrypted))
        columns.append((caption, tuple(steps)))
    return _columns(columns, title)


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
            who, text, encrypted = step
            alt.append(f"{'encrypted' if encrypted else 'clear    '} {who or '-'}: {fitted(text)}")
    for x, colour, words in (
        (_MARGIN, tint(badge("pass")[1], 0.16), "encrypted"),
        (_MARGIN + 1.6, tint(badge("fail")[1], 0.12), "in the clear: whoever is on the way can read and change this"),
    ):
        box(axes, x, bottom + 0.2, 0.24, 0.18, fill=colour, edge=RULE, corner=0.02)
        write(axes, x + 0.34, bottom + 0.29, words, size=10, colour=MUTED)
    return Picture(figure, "\n".join(alt))


def _step(axes: Axes, x: float, y: float, step: _Step) -> None:
    who, text, encrypted = step
    shade = tint(badge("pass")[1], 0.16) if encrypted else tint(badge("fail")[1], 0.12)
    axes.fill_between((x, x + _COLUMN), y, y + _ROW, color=shade, linewidth=0)
    middle = y + _ROW / 2
    write(axes, x + 0.08, middle, who, size=10, font="bold", colour=MUTED)
    if who:
        write(axes, x + 0.3, middle, text, size=10, font="mono", width=_COLUMN - 0.36)
    else:
        write(axes, x + _COLUMN / 2, middle, text, size=10, colour=INK, align="center", width=_COLUMN - 0.2)
