"""Where a domain lets people log in: each door with its TLS and the mechanisms of AUTH before TLS and inside it."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes

from mailkit.figures.style import MUTED, PAPER, RULE, Picture, badge, box, canvas, fitted, legend, write
from mailkit.results import Rows
from mailkit.smtp_auth import Door
from mailkit.smtp_auth.ehlo import PLAINTEXT

__all__ = ["matrix"]

_MOST_DOORS = 12  # as many as stay readable
_ROW, _HEAD = 0.5, 0.42  # inches
_COLUMNS = (("TLS", 2.75, 1.45), ("AUTH before TLS", 4.25, 1.95), ("AUTH inside TLS", 6.25, 2.1))  # title, x, width

_PASS, _WARN, _FAIL, _INFO, _UNKNOWN, _IDLE = "pass", "warn", "fail", "info", "unknown", "not_run"
_MEANINGS = {
    _PASS: "as it should be",
    _INFO: "a login that is not needed here",
    _WARN: "better not so",
    _FAIL: "whoever is on the way can read it",
    _UNKNOWN: "could not be seen from here",
    _IDLE: "nothing on offer, and nothing needed",
}


@dataclass(frozen=True)
class _Cell:
    text: str
    judged: str


_NOT_SEEN = _Cell("not seen", _UNKNOWN)


def matrix(doors: Rows[Door], *, title: str | None = None) -> Picture:
    """Draw what each of *doors* offers: TLS, and AUTH before and inside TLS (RFC 4954 section 4, RFC 8314 section 3).

    Of more than 12 doors the first 12 are drawn; the figure says so.
    """
    shown = list(doors)[:_MOST_DOORS]
    left_out = len(doors) - len(shown)
    cells = [_cells(door) for door in shown]
    used = [word for word in _MEANINGS if any(cell.judged == word for row in cells for cell in row)]
    top = (0.62 if title else 0.22) + _HEAD
    bottom = top + _ROW * max(len(shown), 1) + 0.2
    figure, axes = canvas(bottom + 0.26 * -(-len(used) // 2) + (0.26 if left_out else 0) + 0.1, title=title)
    alt = [fitted(title) if title else "What each door offers"]
    for heading, x, width in _COLUMNS if shown else ():
        write(axes, x + width / 2, top - 0.2, heading, size=11, font="bold", align="center")
    for number, (door, row) in enumerate(zip(shown, cells)):
        middle = top + _ROW * (number + 0.5)
        write(axes, 0.3, middle - 0.1, door.host, size=10.5, font="bold", width=2.35)
        write(axes, 0.3, middle + 0.11, f"port {door.port}, {door.part}", size=10, colour=MUTED, width=2.35)
        for cell, (_, x, width) in zip(row, _COLUMNS):
            _draw(axes, x, middle, width, cell)
        said = ", ".join(f"{heading} {cell.text}" for (heading, _, _), cell in zip(_COLUMNS, row))
        alt.append(f"{fitted(door.name)} ({door.part}): {fitted(said)}")
    if not shown:
        write(axes, 0.3, top, "No door was found from here.", size=10.5)
        alt.append("No door was found from here.")
    legend(axes, bottom, [(*badge(word), _MEANINGS[word]) for word in used])
    if left_out:
        write(axes, 0.3, axes.get_ylim()[0] - 0.24, f"Not shown: {left_out} doors.", size=10)
        alt.append(f"Not shown: {left_out} doors.")
    return Picture(figure, "\n".join(alt))


def _cells(door: Door) -> tuple[_Cell, _Cell, _Cell]:
    if not door.tls:
        return _Cell(str(door.outcome).replace("_", " "), _UNKNOWN), _NOT_SEEN, _NOT_SEEN
    submission = door.part == "submission"
    no_tls = _FAIL if submission else _WARN
    return (
        _Cell(door.tls, no_tls if door.tls == "none" else _PASS),
        _before(door.auth_before_tls),
        _after(door.auth_after_tls, submission=submission),
    )


def _before(mechanisms: str) -> _Cell:
    if mechanisms == "–":
        return _Cell("no clear part", _IDLE)
    if mechanisms == "none":
        return _Cell(mechanisms, _PASS)
    return _Cell(mechanisms, _FAIL if set(mechanisms.split()) & PLAINTEXT else _WARN)


def _after(mechanisms: str, *, submission: bool) -> _Cell:
    if not mechanisms:
        return _NOT_SEEN
    if mechanisms == "–":
        return _Cell("no TLS", _IDLE)
    if mechanisms == "none":
        return _Cell(mechanisms, _WARN if submission else _IDLE)
    return _Cell(mechanisms, _PASS if submission else _INFO)


def _draw(axes: Axes, x: float, middle: float, width: float, cell: _Cell) -> None:
    mark, colour = badge(cell.judged)
    quiet = cell.judged in (_IDLE, _UNKNOWN)
    fill, ink = (PAPER, MUTED) if quiet else (colour, "#ffffff")
    box(axes, x + 0.03, middle - _ROW / 2 + 0.05, width - 0.06, _ROW - 0.1, fill=fill, edge=RULE if quiet else colour)
    lines = _wrapped(f"{mark} {cell.text}", width - 0.16)
    for number, line in enumerate(lines):
        y = middle + 0.17 * (number - (len(lines) - 1) / 2)
        write(axes, x + width / 2, y, line, size=10, colour=ink, font="bold", align="center", width=width - 0.1)


def _wrapped(text: str, width: float) -> list[str]:
    """Return *text* on one line if it fits into *width* inches, else on two."""
    words = text.split()
    if _fits(words, width):
        return [text]
    kept = max((n for n in range(1, len(words)) if _fits(words[:n], width)), default=1)
    return [" ".join(words[:kept]), " ".join(words[kept:])]


def _fits(words: list[str], width: float) -> bool:
    line = " ".join(words)
    return fitted(line, width, size=10, font="bold") == line
