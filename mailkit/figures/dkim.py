"""DKIM in pictures: what a signature covers, what became of signatures side by side, and how strong keys are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from mailkit.dkim import Coverage, Key, Part
from mailkit.dkim.verification import VERDICTS
from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import (
    INK,
    MUTED,
    PAPER,
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
from mailkit.results import AuthResult, Verdict

__all__ = ["anatomy", "key_sizes", "side_by_side"]

# Mark, colour and meaning of each kind of coverage.
_KINDS = {
    Coverage.SIGNED: ("✓", badge("pass")[1], "signed: a change breaks the signature"),
    Coverage.OVERSIGNED: ("✚", badge("intercepted")[1], "oversigned: one more of that name breaks it too"),
    Coverage.UNSIGNED: ("–", badge("warn")[1], "unsigned: anyone may change it"),
}
_FIELDS = 22  # as many header fields as stay readable
_ROW, _BODY = 0.34, 0.62  # inches: the height of a field, and of a stretch of body
_LEFT, _NAME, _CONTENT, _WORD = 0.3, 0.72, 3.05, WIDTH - 1.5


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


_CASES, _COLUMN = 4.5, 1.9  # inches: the names of the cases, and a column of results


def side_by_side(results: Mapping[tuple[str, str], str], *, title: str) -> Picture:
    """Return what became of several signatures (columns) in each of several cases (rows).

    *results* maps (case, signature) to a result such as "pass": cases are edits, added fields or moments, signatures
    are named by what tells them apart.  A pair that is missing was not tried.  Raises ValueError for what is no DKIM
    result.
    """
    verdicts = {key: _verdict(result) for key, result in results.items()}
    rows, columns = (list(dict.fromkeys(key[place] for key in results)) for place in (0, 1))
    lines = []
    for case in rows:
        cells = [
            Cell(str(results.get((case, c), "not tried")), str(verdicts.get((case, c), "not_run"))) for c in columns
        ]
        said = "\n".join(f"{fitted(case)}, {fitted(c)}: {cell.text}" for c, cell in zip(columns, cells))
        lines.append(Row(case, "", cells, said))
    heads = [Column(name) for name in columns]
    return grid([Block(lines)], heads, {}, title=title, said=title, names=_CASES, widest=_COLUMN, nothing="No cases.")


def _verdict(result: str) -> Verdict:
    known = VERDICTS.get(AuthResult(result))
    if known is None:
        raise ValueError(f"{result!r} is no result of DKIM; there are {', '.join(VERDICTS)}")
    return known


# Where the sizes of RSA keys change what verifiers do (RFC 8301 section 3.2): from, to, verdict, words.
_ZONES = (
    (384, 1024, "fail", "never valid"),
    (1024, 2048, "warn", "valid, but short"),
    (2048, 4096, "pass", "advised"),
)
_SCALE_LEFT, _LINE = 2.5, 0.44  # inches: where the scale begins, and the height of a key
_KEYS = 12  # as many as stay readable


def key_sizes(keys: Sequence[Key], *, title: str = "How long are the keys?") -> Picture:
    """Return the sizes of *keys* on the scale of RSA keys; what has no place on it is named instead."""
    shown, left_out = keys[:_KEYS], len(keys) - _KEYS
    bottom = 1.04 + _LINE * (len(shown) + (left_out > 0))
    figure, axes = canvas(bottom + 0.46, title=title)
    alt = [fitted(title)]
    for start, end, verdict, words in _ZONES:
        mark, colour = badge(verdict)
        x, width = _at(start), _at(end) - _at(start)
        axes.fill_between((x, x + width), 0.98, bottom, color=tint(colour, 0.14), linewidth=0)
        write(axes, x + width / 2, 0.8, f"{mark} {words}", size=10, colour=colour, font="bold", align="center")
    for size in (512, 1024, 2048, 4096):
        axes.plot((_at(size), _at(size)), (0.98, bottom), color=RULE, linewidth=1, zorder=1)
        write(axes, _at(size), bottom + 0.18, f"{size} bits", size=10, colour=MUTED, align="center")
    for line, key in enumerate(shown):
        words = _key(axes, 1.01 + _LINE * (line + 0.5), key)
        alt.append(f"{fitted(key.name)}: {words}")
    if left_out > 0:
        write(axes, 0.3, bottom - 0.18, f"… and {left_out} more", colour=MUTED)
        alt.append(f"{left_out} more are not shown")
    return Picture(figure, "\n".join(alt))


def _at(bits: int) -> float:
    """Return where an RSA key of *bits* stands on the scale, which is logarithmic from 384 to 4096."""
    share = math.log(min(max(bits, 384), 4096) / 384) / math.log(4096 / 384)
    return _SCALE_LEFT + (WIDTH - 0.6 - _SCALE_LEFT) * share


def _key(axes: Axes, y: float, key: Key) -> str:
    write(axes, 0.3, y - 0.09, key.selector, font="bold", width=_SCALE_LEFT - 0.5)
    write(axes, 0.3, y + 0.1, key.domain, size=10, colour=MUTED, width=_SCALE_LEFT - 0.5)
    mark, colour = badge(key.verdict)
    if key.key_type != "rsa" or not key.bits:
        ed25519 = key.key_type == "ed25519" and key.bits
        words = "Ed25519, 256 bits: not on the scale of RSA" if ed25519 else "no key to measure"
        label = f"{mark} {words}"
        box(axes, _SCALE_LEFT + 0.1, y - 0.13, measured(label, size=10, font="bold") + 0.2, 0.26, fill=PAPER)
        write(axes, _SCALE_LEFT + 0.2, y, label, size=10, colour=colour, font="bold")
        return words
    end, words = _at(key.bits), f"{key.bits} bits"
    axes.plot((_SCALE_LEFT, end), (y, y), color=colour, linewidth=5, solid_capstyle="butt")
    axes.plot([end], [y], marker="o", markersize=8, color=colour)
    # Right of the bar, or above a bar that leaves no room there.
    x, height, align = (end - 0.1, y - 0.14, "right") if key.bits > 2500 else (end + 0.14, y, "left")
    write(axes, x, height, f"{mark} {words}", size=10, colour=colour, font="bold", align=align)
    return words
