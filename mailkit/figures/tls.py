"""What TLS there is, door by door: versions, validity of certificates, and which client lets itself be robbed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import INK, MUTED, WIDTH, Picture, badge, box, canvas, fitted, write
from mailkit.results import Outcome, Rows
from mailkit.tls import Scan, judge

__all__ = ["matrix", "validity", "who_leaks"]

_MOST_DOORS = 12  # as many as stay readable
_VERSIONS = ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")
_PASS, _INFO, _WARN, _FAIL, _IDLE, _UNKNOWN = "pass", "info", "warn", "fail", "not_run", "unknown"
_ROW, _NAMES = 0.46, 3.1  # inches
_ATTACKS = {
    "watch": "he only reads along",
    "strip": "he hides STARTTLS",
    "self_signed": "a certificate he made himself",
    "expired": "an old certificate, found or stolen",
    "wrong_name": "a good one for another name",
}


def matrix(scans: Rows[Scan], *, title: str | None = None) -> Picture:
    """Draw which versions each door speaks (RFC 8996, RFC 9325) and what its certificate is worth.

    Of more than 12 doors the first 12 are drawn; the figure says so.
    """
    shown, left_out = list(scans)[:_MOST_DOORS], len(scans) - _MOST_DOORS
    columns = [*(Column(version) for version in _VERSIONS), Column("certificate", share=1.5)]
    rows = [_row(scan.host, f"port {scan.port}", _cells(scan), columns) for scan in shown]
    meanings = {
        _PASS: "as it should be",
        _INFO: "no fault on port 25, where clear text would be worse",
        _WARN: "not as it should be, and nobody is stopped by it",
        _FAIL: "a client that verifies hangs up",
        _IDLE: "not spoken, and not missed",
        _UNKNOWN: "could not be seen from here",
    }
    title = title or "TLS at each door"
    return grid(
        [Block(rows)],
        columns,
        meanings,
        title=title,
        said=title,
        names=3.4,
        nothing="No door was found from here.",
        left_out=f"{left_out} doors" if left_out > 0 else "",
    )


def _row(name: str, note: str, cells: Sequence[Cell], columns: Sequence[Column]) -> Row:
    words = [f"{fitted(c.heading)}: {fitted(cell.text)}" for c, cell in zip(columns, cells) if cell.text]
    return Row(name, note, cells, f"{fitted(name)} {fitted(note)}: {', '.join(words)}".replace(" :", ":"))


def _cells(scan: Scan) -> list[Cell]:
    if scan.outcome is not Outcome.OPEN:
        word = "no TLS" if scan.offered is False else str(scan.outcome).replace("_", " ")
        return [Cell("", _UNKNOWN)] * len(_VERSIONS) + [Cell(word, judge(scan)[0].verdict)]
    found = [_spoken(version, version in scan.versions, scan.port == 25) for version in _VERSIONS]
    if scan.trusted is None or scan.name_ok is None:
        return [*found, Cell("not seen", _UNKNOWN)]
    good = scan.trusted and scan.name_ok and (scan.days_left or 0) >= 0
    return [*found, Cell(_worth(scan), _PASS if good else _WARN if scan.port == 25 else _FAIL)]


def _worth(scan: Scan) -> str:
    """Return in two words at most what a certificate that was seen is worth."""
    if not scan.name_ok:
        return "wrong name" if scan.names else "no name"
    if (scan.days_left or 0) < 0:
        return "expired"
    return "good" if scan.trusted else "not trusted"


def _spoken(version: str, spoken: bool, relay: bool) -> Cell:
    if not spoken:
        return Cell("no", _IDLE)
    return Cell("yes", _PASS if version >= "TLS 1.2" else _INFO if relay else _WARN)


def who_leaks(trials: Rows[Any] | pd.DataFrame, *, title: str | None = None) -> Picture:
    """Draw what became of the password: one row an attack, one column a client's setting.

    *trials* has the columns ``attack``, ``setting``, ``sent`` and ``leaked``; ValueError if one is missing.
    """
    frame = trials.frame if isinstance(trials, Rows) else trials
    if missing := {"attack", "setting", "sent", "leaked"} - set(frame.columns):
        raise ValueError(f"the trials lack {', '.join(sorted(missing))}")
    settings, attacks = list(frame["setting"].unique()), list(frame["attack"].unique())
    cells = {(row.attack, row.setting): _trial(bool(row.sent), bool(row.leaked)) for row in frame.itertuples()}
    columns = [Column(str(setting)) for setting in settings]
    rows = []
    for attack in attacks:
        tried = [cells.get((attack, setting), Cell("", _UNKNOWN)) for setting in settings]
        rows.append(_row(str(attack).replace("_", " "), _ATTACKS.get(str(attack), ""), tried, columns))
    meanings = {
        _PASS: "sent, and nobody read the password",
        _IDLE: "not sent: the client refused, and leaked nothing",
        _FAIL: "the man in the middle has the password",
    }
    title = title or "Who leaks the password?"
    return grid([Block(rows)], columns, meanings, title=title, said=title, nothing="Nobody tried.")


def _trial(sent: bool, leaked: bool) -> Cell:
    if leaked:
        return Cell("leaks", _FAIL)
    return Cell("sent safely", _PASS) if sent else Cell("refuses", _IDLE)


def validity(scans: Rows[Scan], *, now: datetime, title: str | None = None) -> Picture:
    """Draw from when to when each door's certificate is valid, with *now* as a line through all of them."""
    seen = [scan for scan in scans if scan.chain][:_MOST_DOORS]
    top, left, right = 0.98, _NAMES, WIDTH - 2.05
    bottom = top + _ROW * max(len(seen), 1)
    figure, axes = canvas(bottom + 0.55, title=title or "How long the certificates last")
    alt = [fitted(title or "How long the certificates last")]
    if not seen:
        write(axes, 0.3, top, "No certificate was seen from here.", size=10.5)
        return Picture(figure, "\n".join([*alt, "No certificate was seen from here."]))
    dates = [now, *(d for scan in seen for d in (scan.chain[0].not_before, scan.chain[0].not_after))]
    first, last = min(dates), max(dates)

    def place(date: datetime) -> float:
        return left + (right - left) * ((date - first) / (last - first))

    for number, scan in enumerate(seen):
        own, middle = scan.chain[0], top + _ROW * (number + 0.5)
        days = (own.not_after - now).days
        judged = _FAIL if days < 0 or own.not_before > now else _WARN if days < 14 else _PASS
        mark, colour = badge(judged)
        start, end = place(own.not_before), place(own.not_after)
        write(axes, 0.3, middle - 0.1, scan.host, size=10.5, font="bold", width=left - 0.4)
        write(axes, 0.3, middle + 0.11, f"port {scan.port}", size=10, colour=MUTED)
        box(axes, start, middle - 0.1, max(end - start, 0.02), 0.2, fill=colour, corner=0.02)
        words = f"{mark} {days} days left" if days >= 0 else f"{mark} ended {-days} days ago"
        write(axes, right + 0.1, middle, words, size=10, colour=colour, font="bold", width=WIDTH - right - 0.2)
        dates_said = f"{own.not_before:%Y-%m-%d} to {own.not_after:%Y-%m-%d}"
        alt.append(f"{fitted(scan.host)}:{scan.port} {dates_said}, {words[2:]}")
    axes.plot((place(now), place(now)), (top - 0.06, bottom + 0.02), color=INK, linewidth=1.4)
    write(axes, place(now), top - 0.18, f"{now:%Y-%m-%d}", size=10, align="center")
    for date, align in ((first, "left"), (last, "right")):
        write(axes, place(date), bottom + 0.2, f"{date:%Y-%m-%d}", size=10, colour=MUTED, align=align)
    return Picture(figure, "\n".join(alt))
