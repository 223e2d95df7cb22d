"""The trace of one message: its way from server to server, and what in it speaks for the author."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from matplotlib.axes import Axes

from mailkit.figures.style import INK, MUTED, PAPER, WIDTH, Picture, badge, box, canvas, fitted, tint, write
from mailkit.message.received import Hop

__all__ = ["Identifier", "Message", "trace"]

_HOPS, _IDENTIFIERS = 8, 8  # as many are drawn
_BOX, _GAP, _WIDE = 0.52, 0.4, 8.0  # inches: a server, the arrow below it, its width
_ROW, _MARGIN = 0.5, 0.3
_AT = {"name": 0.3, "now": 3.35, "then": 4.85, "counts": 6.35}  # where the columns of the lower part begin
_WIDTHS = {"name": 2.9, "now": 1.35, "then": 1.35, "counts": 1.95}


class Identifier(Protocol):
    """What SPF or DKIM speaks for, now and then, and whether that is the author's."""

    @property
    def mechanism(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def selector(self) -> str: ...
    @property
    def now(self) -> str: ...
    @property
    def then(self) -> str: ...
    @property
    def aligned(self) -> bool | None: ...


class Message(Protocol):
    """A message explained, as :func:`mailkit.report.from_message` does."""

    @property
    def author(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def hops(self) -> Sequence[Hop]: ...
    @property
    def identifiers(self) -> Sequence[Identifier]: ...
    @property
    def result(self) -> str: ...
    @property
    def then(self) -> str: ...


def trace(message: Message, *, title: str | None = None) -> Picture:
    """Draw the way of *message*, the first server on top, and below it what speaks for its author.

    A server that the receiver vouches for has a full line, one that anybody may have written a broken one.  Of more
    than eight servers the last eight are drawn, of more than eight identifiers the first eight.
    """
    hops = list(message.hops)[-_HOPS:]
    border = next((n for n, hop in reversed(list(enumerate(hops))) if hop.client and hop.client == message.address), 0)
    rows = list(message.identifiers)[:_IDENTIFIERS]
    top = 0.65 if title else 0.25
    way = len(hops) * _BOX + max(len(hops) - 1, 0) * _GAP if hops else 0.3
    height = top + way + 0.5 + 0.34 + len(rows) * _ROW + 0.75
    figure, axes = canvas(height, title=title)
    alt = [fitted(title) if title else f"The trace of a message of {fitted(message.author, 5)}"]
    if not hops:
        write(axes, _MARGIN, top + 0.15, "no Received field: no server has noted the message", colour=MUTED)
        alt.append("no Received field")
    for number, hop in enumerate(hops):
        y = top + number * (_BOX + _GAP)
        alt.append(_server(axes, y, hop, vouched=bool(message.address) and number >= border, border=number == border))
        if number < len(hops) - 1:
            _arrow(axes, y + _BOX, hop.delay)
    y = top + way + 0.5
    _headings(axes, y)
    for number, row in enumerate(rows):
        alt.append(_identifier(axes, y + 0.34 + number * _ROW, row))
    y += 0.34 + len(rows) * _ROW + 0.3
    alt.append(_whole(axes, y, message))
    left = len(message.hops) - len(hops), len(message.identifiers) - len(rows)
    if any(left):
        alt.append(f"Not drawn: {left[0]} earlier servers, {left[1]} further identifiers.")
    return Picture(figure, "\n".join(alt))


def _server(axes: Axes, y: float, hop: Hop, *, vouched: bool, border: bool) -> str:
    """Draw one server and return the same as text."""
    patch = box(axes, _MARGIN, y, _WIDE, _BOX, fill="#ffffff" if vouched else PAPER, edge=INK if vouched else MUTED)
    if not vouched:
        patch.set_linestyle((0, (4, 3)))
    name = hop.by or "a server that does not say its name"
    said = f"from {hop.helo or 'an unnamed host'}" + (f" [{hop.client}]" if hop.client else "")
    if hop.protocol:
        said += f" with {hop.protocol.split(' ')[0]}"
    word = (
        "the receiver took it here"
        if border and vouched
        else "the receiver's"
        if vouched
        else "anybody may have written this"
    )
    write(axes, _MARGIN + 0.16, y + 0.16, name, font="bold", width=_WIDE - 3.1)
    write(axes, _MARGIN + 0.16, y + 0.37, said, size=10, colour=MUTED, width=_WIDE - 0.4)
    write(axes, _MARGIN + _WIDE - 0.14, y + 0.16, word, size=10, colour=INK if vouched else MUTED, align="right")
    return f"{fitted(name, 5)}, {fitted(said, 6)}: {word}"


def _arrow(axes: Axes, y: float, delay: float | None) -> None:
    style = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.6}
    axes.annotate("", (1.2, y + _GAP - 0.02), (1.2, y + 0.02), arrowprops=style)
    write(axes, 1.4, y + _GAP / 2, _waited(delay), size=10, colour=MUTED)


def _waited(delay: float | None) -> str:
    if delay is None:
        return "no time to compare"
    if delay < 0:
        return f"{-delay:,.0f} s earlier by its clock: the clocks disagree"
    if delay < 120:
        return f"{delay:,.0f} s later"
    return f"{delay / 60:,.0f} minutes later" if delay < 7200 else f"{delay / 3600:,.1f} hours later"


def _headings(axes: Axes, y: float) -> None:
    for column, text in (("name", "who speaks"), ("now", "now"), ("then", "then"), ("counts", "for the author?")):
        write(axes, _AT[column], y, text, size=10, colour=MUTED, font="bold")


def _identifier(axes: Axes, y: float, row: Identifier) -> str:
    """Draw one identifier and return the same as text."""
    name = f"{row.mechanism.upper()} {row.domain}".strip()
    write(axes, _AT["name"], y + (0.11 if row.selector else 0.2), name, font="bold", width=_WIDTHS["name"])
    if row.selector:
        write(axes, _AT["name"], y + 0.31, f"selector {row.selector}", size=10, colour=MUTED, width=_WIDTHS["name"])
    _cell(axes, "now", y, row.now)
    _cell(axes, "then", y, row.then)
    counts, word = _counts(row)
    if counts:
        _cell(axes, "counts", y, word, counts)
    return f"{fitted(name, 5)}: now {fitted(row.now, 2)}, then {fitted(row.then, 2) or 'not noted'}" + (
        f", {counts}" if counts else ""
    )


def _counts(row: Identifier) -> tuple[str, str]:
    """Return whether *row* counts for the author in words, and the word whose mark and colour says so."""
    if row.mechanism not in ("spf", "dkim"):
        return "", ""
    if row.aligned is None:
        return "not known", "unknown"
    if not row.aligned:
        return "another's name", "none"
    if row.now == "temperror":
        return "aligned, not known", "unknown"
    return ("aligned: counts", "pass") if row.now == "pass" else ("aligned, no pass", "fail")


def _cell(axes: Axes, column: str, y: float, word: str, text: str = "") -> None:
    known = word in ("pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror", "unknown")
    mark, colour = badge(word if known else "info")
    if not word:
        write(axes, _AT[column] + 0.1, y + 0.2, "not noted", size=10, colour=MUTED)
        return
    box(axes, _AT[column], y + 0.02, _WIDTHS[column], 0.36, fill=tint(colour, 0.16), edge=tint(colour, 0.5))
    write(axes, _AT[column] + 0.18, y + 0.2, mark, colour=colour, font="bold", align="center")
    write(axes, _AT[column] + 0.34, y + 0.2, text or word, size=10.5, width=_WIDTHS[column] - 0.4)


def _whole(axes: Axes, y: float, message: Message) -> str:
    then = f"; then the receiver wrote {message.then}" if message.then else ""
    sentence = f"DMARC for {message.author or 'nobody'}: {message.result}{then}"
    write(axes, _MARGIN, y, sentence, font="bold", width=WIDTH - 2 * _MARGIN)
    return fitted(sentence, 12)
