"""Which port answers where: the matrix of ports and vantage points of the lesson on outbound port 25 blocking."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import Picture, fitted
from mailkit.results import Outcome, Rows

__all__ = ["matrix"]

# What a port is for: RFC 5321 section 4.5.4.2 (25), RFC 8314 section 3.3 (465), RFC 6409 section 3.1 (587).
_PORTS = {25: "relay", 465: "submission, TLS", 587: "submission", 2525: "no standard"}

_MEANINGS: dict[str, str] = {
    Outcome.OPEN: "open: a server answered",
    Outcome.REFUSED: "refused: an answer came at once, and it was no",
    Outcome.TIMEOUT: "timeout: silence until we gave up",
    Outcome.UNREACHABLE: "unreachable: the network knows no way there",
    Outcome.RESET: "reset: connected, then cut off",
    Outcome.INTERCEPTED: "intercepted: somebody else answered",
    Outcome.NOT_CONNECTED: "not connected: the proxy does not say why",
    Outcome.DNS_FAILURE: "dns failure: the name led to no address",
    Outcome.TLS_FAILURE: "tls failure: TLS could not be agreed on",
    Outcome.PROTOCOL_ERROR: "protocol error: an answer, but not in SMTP",
    Outcome.REJECTED: "rejected: the server said no",
    Outcome.NOT_RUN: "not run: nobody asked",
}
_MOST = {"hosts": 4, "vantage points": 12, "ports": 5}  # as many as stay readable
_NAMES = 1.45  # inches: room for "intercepted"


def matrix(rows: Rows[Any] | pd.DataFrame, *, title: str | None = None) -> Picture:
    """Draw how each port answered (columns) as seen from each vantage point (rows), one matrix a host.

    *rows* is a scan, or a DataFrame, with the columns ``vantage``, ``port`` and ``outcome``, and ``host`` if there
    are several.  Where the addresses of a host differ, the cell shows the first outcome that is not ``open`` and how
    many had it.  Raises ValueError if a column is missing or an outcome unknown.
    """
    frame = rows.frame if isinstance(rows, Rows) else rows
    if missing := {"vantage", "port", "outcome"} - set(frame.columns):
        raise ValueError(f"the rows lack {', '.join(sorted(missing))}; a matrix needs vantage, port and outcome")
    if "host" not in frame:
        frame = frame.assign(host="")
    found = {
        "hosts": list(frame["host"].unique()),
        "vantage points": list(frame["vantage"].unique()),
        "ports": sorted(frame["port"].unique()),
    }
    hosts, vantages, ports = (found[what][:most] for what, most in _MOST.items())
    left_out = ", ".join(f"{len(found[what]) - most} {what}" for what, most in _MOST.items() if len(found[what]) > most)
    asked = {key: _cell(list(group["outcome"])) for key, group in frame.groupby(["host", "vantage", "port"])}
    keys = [(host, vantage, port) for host in hosts for vantage in vantages for port in ports]
    cells = {key: asked.get(key, _cell([None])) for key in keys}
    columns = [Column(str(port), _PORTS.get(int(port), " ")) for port in ports]
    blocks = []
    for host in hosts:
        lines = []
        for vantage in vantages:
            found_there = [cells[host, vantage, port] for port in ports]
            words = ", ".join(f"{port} {_said(cell)}" for port, cell in zip(ports, found_there))
            said = f"{fitted(str(host))} from {fitted(str(vantage))}: {words}".strip()
            lines.append(Row(str(vantage), "", found_there, said))
        blocks.append(Block(lines, str(host)))
    return grid(
        blocks,
        columns,
        _MEANINGS,
        title=title,
        said=title or "How each port answered, by vantage point",
        names=_NAMES,
        nothing="Nothing was asked.",
        left_out=left_out,
    )


def _said(cell: Cell) -> str:
    return cell.judged + (f" ({cell.note})" if cell.note else "")


def _cell(words: list[Any]) -> Cell:
    """Return what one cell shows, from the outcomes of all addresses asked."""
    try:
        outcomes = [Outcome.NOT_RUN if pd.isna(word) else Outcome(word) for word in words]
    except ValueError:
        raise ValueError(f"an outcome is one of {', '.join(Outcome)}, not among {words!r}") from None
    shown = next((outcome for outcome in outcomes if outcome is not Outcome.OPEN), Outcome.OPEN)
    alike = outcomes.count(shown)
    share = "" if alike == len(outcomes) else f"{alike} of {len(outcomes)} addresses"
    return Cell(str(shown).replace("_", " "), str(shown), share)
