"""The SMTP dialogue as a ladder: who said what, in which order, and what of it an eavesdropper could read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from matplotlib.axes import Axes

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
    measured,
    tint,
    write,
)

__all__ = ["Spoken", "ladder"]

# The first digit of a reply says how it went (RFC 5321 section 4.2.1); colours are those of like results.
_CLASSES = {
    "2": ("✓", badge("pass")[1], "2xx: done"),
    "3": ("→", badge("intercepted")[1], "3xx: go on"),
    "4": ("!", badge("warn")[1], "4xx: not now, try again later"),
    "5": ("✗", badge("fail")[1], "5xx: no; said again the same way it stays no"),
}
_NO_REPLY = ("?", badge("unknown")[1], "not an SMTP reply")
# What of a mail a client's line belongs to, and the colour of its label.
_PARTS = {"envelope": badge("intercepted")[1], "header": badge("pass")[1], "text": badge("info")[1]}
_ENVELOPE = re.compile(r"(?:MAIL FROM|RCPT TO):", re.IGNORECASE)
_REPLY = re.compile(r"([2-5][0-9]{2})(?:[ -](.*))?", re.DOTALL)

_HEAD, _TAIL = 26, 9  # lines shown at the beginning and the end of a dialogue too long to show
_ROW, _BREAK = 0.29, 0.36  # inches
_CLIENT, _SERVER, _REPLIES = 0.75, WIDTH - 0.75, 2.6  # the two lanes, and where replies begin


class Spoken(Protocol):
    """One line of a dialogue: said by ``who`` ("C" or "S"), encrypted on the wire or not."""

    @property
    def who(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def encrypted(self) -> bool: ...


@dataclass(frozen=True)
class _Break:
    """A row that says how what follows travels, or that lines were left out."""

    text: str
    encrypted: bool


def ladder(lines: Sequence[Spoken], *, title: str | None = None) -> Picture:
    """Draw a dialogue between client (left) and server (right), its encrypted part shaded.

    The client's lines are marked as envelope, header and text, where they are one of these.  Long lines are cut, and
    of a dialogue of more than 36 lines the first 26 and the last 9 are shown; the figure says so.  Raises
    ValueError if a line is said by neither "C" nor "S".
    """
    if strangers := {line.who for line in lines} - {"C", "S"}:
        raise ValueError(f'a line is said by "C" (client) or "S" (server), not by {sorted(strangers)}')
    rows, parts = _with_breaks(lines), _parts(lines)
    heights = [_BREAK if isinstance(row, _Break) else _ROW for row in rows]
    top = 1.0 if title else 0.6
    bottom = top + sum(heights)
    classes = [*_CLASSES.values(), *([_NO_REPLY] if any(_is_no_reply(line) for line in lines) else [])]
    figure, axes = canvas(bottom + 0.3 + 0.26 * -(-len(classes) // 2), title=title)

    y = top
    for row, height in zip(rows, heights):  # shading first: everything else is drawn over it
        if row.encrypted:
            axes.fill_between((0.3, WIDTH - 0.3), y, y + height, color=tint(badge("pass")[1], 0.13), linewidth=0)
        y += height
    for x, who in ((_CLIENT, "client"), (_SERVER, "server")):
        write(axes, x, top - 0.22, who, size=11, font="bold", align="center")
        axes.plot((x, x), (top - 0.06, bottom), color=MUTED, linewidth=1.4, solid_capstyle="butt")

    alt = [fitted(title) if title else "An SMTP dialogue"]
    y, code = top, ""
    for row, height, after in zip(rows, heights, [*rows[1:], None]):
        middle = y + height / 2
        if isinstance(row, _Break):
            _break(axes, middle, row)
            alt.append(f"-- {row.text} --")
            code = ""
        else:
            part = parts.get(id(row), "")
            code = _server(axes, middle, row.text, code) if row.who == "S" else _client(axes, middle, row.text, part)
            if isinstance(after, _Break) or after is None or after.who != row.who:
                _arrow(axes, y + height, row.who)
            alt.append(f"{row.who}: {fitted(row.text)}" + (f"  [{part}]" if part else ""))
        y += height
    legend(axes, bottom + 0.28, classes)
    return Picture(figure, "\n".join(alt))


def _with_breaks(lines: Sequence[Spoken]) -> list[Spoken | _Break]:
    """Return the lines to show, with a break wherever the way they travel changes or lines are left out."""
    hidden = range(_HEAD, len(lines) - _TAIL) if len(lines) > _HEAD + _TAIL + 1 else range(0)
    rows: list[Spoken | _Break] = []
    before: bool | None = None
    for index, line in enumerate(lines):
        if index in hidden:
            if index == hidden.start:
                rows.append(_Break(f"{len(hidden)} lines not shown", bool(before)))
            continue
        if line.encrypted is not before:
            how = "encrypted with TLS" if line.encrypted else "in the clear: whoever is on the way can read this"
            rows.append(_Break(how, line.encrypted))
        before = line.encrypted
        rows.append(line)
    return rows


def _parts(lines: Sequence[Spoken]) -> dict[int, str]:
    """Return which part of a mail the client's lines are: envelope, header or text, by the identity of the line."""
    found, part, asked = {}, "", False
    for line in lines:
        if line.who == "S":
            part = "header" if asked and line.text.startswith("354") else part
            asked = False
        elif not part:
            asked = line.text.strip().upper() == "DATA"
            if _ENVELOPE.match(line.text):
                found[id(line)] = "envelope"
        elif line.text == ".":
            part = ""
        elif part == "header" and not line.text:
            part = "text"
        else:
            found[id(line)] = part
    return found


def _is_no_reply(line: Spoken) -> bool:
    return line.who == "S" and not _REPLY.fullmatch(line.text)


def _client(axes: Axes, y: float, text: str, part: str) -> str:
    """Write a line of the client, and at its end which part of a mail it is."""
    wide = 0.0
    if part:
        wide = measured(part, size=10, font="bold") + 0.16
        box(axes, _SERVER - 0.12 - wide, y - 0.115, wide, 0.23, fill="#ffffff", edge=_PARTS[part])
        write(axes, _SERVER - 0.04 - wide, y, part, size=10, colour=_PARTS[part], font="bold")
    write(axes, _CLIENT + 0.12, y, text, size=10, font="mono", width=_SERVER - _CLIENT - 0.32 - wide)
    return ""


def _server(axes: Axes, y: float, text: str, code_before: str) -> str:
    """Write a line of a reply, its code in a badge at the first line; return the code."""
    reply = _REPLY.fullmatch(text)
    code, rest = (reply[1], reply[2] or "") if reply else ("no code", text)
    mark, colour, _ = _CLASSES[code[0]] if reply else _NO_REPLY
    label = f"{mark} {code}"
    size = measured("✓ 250" if reply else label, size=10, font="bold")  # one width, so that texts line up
    if code != code_before:
        box(axes, _REPLIES, y - 0.115, size + 0.16, 0.23, fill=colour)
        write(axes, _REPLIES + 0.08, y, label, size=10, colour="#ffffff", font="bold")
    start = _REPLIES + size + 0.26
    write(
        axes,
        start,
        y,
        rest,
        size=10,
        font="mono",
        colour=colour if code[0] in "45" else INK,
        width=_SERVER - 0.12 - start,
    )
    return code


def _arrow(axes: Axes, y: float, who: str) -> None:
    start, end = (_CLIENT, _SERVER) if who == "C" else (_SERVER, _CLIENT)
    axes.annotate(
        "",
        xy=(end, y),
        xytext=(start, y),
        fontsize=10,  # the unit of the arrow's head
        arrowprops={
            "arrowstyle": "-|>,head_width=0.22,head_length=0.45",
            "color": MUTED,
            "linewidth": 1,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def _break(axes: Axes, y: float, row: _Break) -> None:
    width = measured(row.text, size=10) + 0.3
    box(axes, (WIDTH - width) / 2, y - 0.12, width, 0.24, fill="#ffffff", edge=RULE, corner=0.12)
    write(axes, WIDTH / 2, y, row.text, size=10, colour=INK, align="center")
