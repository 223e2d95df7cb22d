"""The anatomy of a signed message: which header fields and how much of the body a DKIM signature covers."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from mailkit.dkim import Coverage, Part
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

__all__ = ["anatomy"]

# Mark, colour and meaning of each kind of coverage.
_KINDS = {
    Coverage.SIGNED: ("✓", badge("pass")[1], "signed: a change breaks the signature"),
    Coverage.OVERSIGNED: ("✚", badge("intercepted")[1], "oversigned: one more of that name breaks it too"),
    Coverage.UNSIGNED: ("–", badge("warn")[1], "unsigned: anyone may change it"),
}
_FIELDS = 22  # as many header fields as stay readable
_ROW, _BODY = 0.34, 0.62  # inches: the height of a field, and of a stretch of body
_LEFT, _NAME, _CONTENT, _WORD = 0.3, 0.72, 2.62, WIDTH - 1.5


def anatomy(parts: Sequence[Part], *, title: str = "What the signature covers") -> Picture:
    """Return the *parts* of a message, as ``dkim.anatomy()`` gives them, drawn from top to bottom."""
    fields = [part for part in parts if part.place == "header"]
    body = [part for part in parts if part.place == "body"]
    shown, left_out = fields[:_FIELDS], len(fields) - _FIELDS
    rows = len(shown) + (left_out > 0)
    height = 0.62 + rows * _ROW + 0.12 + len(body) * _BODY + 0.16 + 2 * 0.26 + 0.1
    figure, axes = canvas(height, title=title)
    y = 0.62
    for part in shown:
        _part(axes, y, part, part.name, _ROW)
        y += _ROW
    if left_out > 0:
        write(axes, _NAME, y + _ROW / 2, f"… and {left_out} more header fields", colour=MUTED)
        y += _ROW
    y += 0.06
    axes.plot([_LEFT, WIDTH - _LEFT], [y, y], color=RULE, linewidth=1, linestyle=(0, (4, 3)))
    y += 0.06
    for part in body:
        _part(axes, y, part, f"body, {part.octets} octets", _BODY)
        y += _BODY
    legend(axes, y + 0.24, list(_KINDS.values()), columns=2)
    return Picture(figure, _alt(parts, title))


def _part(axes: Axes, y: float, part: Part, name: str, height: float) -> None:
    mark, colour, _ = _KINDS[part.coverage]
    unsigned = part.coverage is Coverage.UNSIGNED
    patch = box(axes, _LEFT, y + 0.03, WIDTH - 2 * _LEFT, height - 0.06, fill=tint(colour, 0.04 if unsigned else 0.14))
    patch.set_edgecolor(colour)
    patch.set_linestyle((0, (2, 2)) if unsigned else "solid")
    middle = y + height / 2
    write(axes, _LEFT + 0.2, middle, mark, size=12, colour=colour, font="bold", align="center")
    if part.coverage is Coverage.OVERSIGNED and not part.octets:
        name, content, ink = f"({name})", part.note, MUTED
    else:
        content, ink = part.content, INK
    write(axes, _NAME, middle, name, font="bold", colour=ink, width=_CONTENT - _NAME - 0.1)
    write(axes, _CONTENT, middle, content, size=10, colour=ink, font="mono", width=_WORD - _CONTENT - 0.1)
    write(axes, WIDTH - _LEFT - 0.12, middle, part.coverage.value, size=10, colour=colour, align="right")


def _alt(parts: Sequence[Part], title: str) -> str:
    lines = []
    for part in parts:
        name = part.name or f"body, {part.octets} octets"
        note = f" ({part.note})" if part.note else ""
        lines.append(f"{name}: {part.coverage.value}{note}")
    return "\n".join([title, *(fitted(line) for line in lines)])
