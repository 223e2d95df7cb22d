"""Where a domain lets people log in: each door with its TLS and the mechanisms of AUTH before TLS and inside it."""

from __future__ import annotations

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import Picture, fitted
from mailkit.results import Rows
from mailkit.smtp_auth import SmtpServer
from mailkit.smtp_auth.ehlo import PLAINTEXT

__all__ = ["matrix"]

_MOST_DOORS = 12  # as many as stay readable
_COLUMNS = (Column("TLS", share=1.45), Column("AUTH before TLS", share=1.95), Column("AUTH inside TLS", share=2.1))
_NAMES = 2.75  # inches

_PASS, _WARN, _FAIL, _INFO, _UNKNOWN, _IDLE = "pass", "warn", "fail", "info", "unknown", "not_run"
_MEANINGS = {
    _PASS: "as it should be",
    _INFO: "a login that is not needed here",
    _WARN: "better not so",
    _FAIL: "whoever is on the way can read it",
    _UNKNOWN: "could not be seen from here",
    _IDLE: "nothing on offer, and nothing needed",
}


_NOT_SEEN = Cell("not seen", _UNKNOWN)


def matrix(doors: Rows[SmtpServer], *, title: str | None = None) -> Picture:
    """Draw what each of *doors* offers: TLS, and AUTH before and inside TLS (RFC 4954 section 4, RFC 8314 section 3).

    Of more than 12 doors the first 12 are drawn; the figure says so.
    """
    shown = list(doors)[:_MOST_DOORS]
    left_out = len(doors) - len(shown)
    rows = [Row(door.host, f"port {door.port}, {door.part}", _cells(door), _said(door)) for door in shown]
    return grid(
        [Block(rows)],
        _COLUMNS,
        _MEANINGS,
        title=title,
        said=title or "What each door offers",
        names=_NAMES,
        nothing="No door was found from here.",
        left_out=f"{left_out} doors" if left_out else "",
    )


def _said(door: SmtpServer) -> str:
    words = ", ".join(f"{column.heading} {cell.text}" for column, cell in zip(_COLUMNS, _cells(door)))
    return f"{fitted(door.name)} ({door.part}): {fitted(words)}"


def _cells(door: SmtpServer) -> tuple[Cell, Cell, Cell]:
    if not door.tls:
        return Cell(str(door.outcome).replace("_", " "), _UNKNOWN), _NOT_SEEN, _NOT_SEEN
    submission = door.part == "submission"
    no_tls = _FAIL if submission else _WARN
    return (
        Cell(door.tls, no_tls if door.tls == "none" else _PASS),
        _before(door.auth_before_tls),
        _after(door.auth_after_tls, submission=submission),
    )


def _before(mechanisms: str) -> Cell:
    if mechanisms == "–":
        return Cell("no clear part", _IDLE)
    if mechanisms == "none":
        return Cell(mechanisms, _PASS)
    return Cell(mechanisms, _FAIL if set(mechanisms.split()) & PLAINTEXT else _WARN)


def _after(mechanisms: str, *, submission: bool) -> Cell:
    if not mechanisms:
        return _NOT_SEEN
    if mechanisms == "–":
        return Cell("no TLS", _IDLE)
    if mechanisms == "none":
        return Cell(mechanisms, _WARN if submission else _IDLE)
    return Cell(mechanisms, _PASS if submission else _INFO)
