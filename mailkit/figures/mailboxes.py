"""Where a domain's users read their mail: each door with its TLS, and the logins it takes before TLS and inside it."""

from __future__ import annotations

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import Picture, fitted
from mailkit.mailboxes.servers import MailboxServer
from mailkit.results import Rows
from mailkit.smtp_auth.login_servers import told_apart

__all__ = ["matrix"]

_MOST_DOORS = 12  # as many as stay readable
_COLUMNS = (Column("TLS", share=1.3), Column("login before TLS", share=2.1), Column("login inside TLS", share=2.4))
_PASS, _WARN, _FAIL, _UNKNOWN, _IDLE = "pass", "warn", "fail", "unknown", "not_run"
_MEANINGS = {
    _PASS: "as it should be",
    _WARN: "better not so",
    _FAIL: "whoever is on the way can read it",
    _UNKNOWN: "could not be seen from here",
    _IDLE: "nothing on offer, and nothing needed",
}


def matrix(doors: Rows[MailboxServer], *, title: str | None = None) -> Picture:
    """Draw what protects each of *doors* (RFC 8314 sections 3.1, 3.2 and 4.1).

    Of more than 12 doors the first 12 are drawn; the figure says so.
    """
    shown, left_out = list(doors)[:_MOST_DOORS], max(len(doors) - _MOST_DOORS, 0)
    title = title or "Where mail is read"
    rows = [Row(door.host, f"port {door.port}, {door.protocol.upper()}", _cells(door), _said(door)) for door in shown]
    return grid(
        [Block(rows)],
        _COLUMNS,
        _MEANINGS,
        title=title,
        said=title,
        names=2.75,
        nothing="No door was found from here.",
        left_out=f"{left_out} doors" if left_out else "",
    )


def _said(door: MailboxServer) -> str:
    words = ", ".join(f"{column.heading} {cell.text}" for column, cell in zip(_COLUMNS, _cells(door)))
    return f"{fitted(door.name)} ({door.protocol}): {fitted(words)}"


def _cells(door: MailboxServer) -> tuple[Cell, Cell, Cell]:
    if not door.tls:
        unseen = Cell("not seen", _UNKNOWN)
        return Cell(str(door.outcome).replace("_", " "), _UNKNOWN), unseen, unseen
    return Cell(door.tls, _FAIL if door.tls == "none" else _PASS), _before(door), _inside(door.login_inside_tls)


def _before(door: MailboxServer) -> Cell:
    if door.login_before_tls == "–":
        return Cell("no clear part", _IDLE)
    if door.login_before_tls == "none":
        return Cell("none", _PASS)
    return Cell(door.login_before_tls, _FAIL if told_apart(door.login_before_tls)[0] else _WARN)


def _inside(logins: str) -> Cell:
    if not logins:
        return Cell("not seen", _UNKNOWN)
    if logins in ("–", "none"):
        return Cell("no TLS" if logins == "–" else "none", _IDLE)
    return Cell(logins, _PASS)
