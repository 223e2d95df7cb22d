"""Which port answers where: the matrix of ports and vantage points of the lesson on outbound port 25 blocking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mailkit.figures.style import INK, MUTED, PAPER, RULE, WIDTH, Picture, badge, box, canvas, fitted, legend, write
from mailkit.results import Outcome, Rows

__all__ = ["matrix"]

# What a port is for: RFC 5321 section 4.5.4.2 (25), RFC 8314 section 3.3 (465), RFC 6409 section 3.1 (587).
_PORTS = {25: "relay", 465: "submission, TLS", 587: "submission", 2525: "no standard"}

_MEANINGS = {
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
_LEFT, _ROW, _HEAD, _NAME = 1.3, 0.46, 0.56, 0.3  # inches


@dataclass(frozen=True)
class _Cell:
    outcome: Outcome
    share: str = ""  # "1 of 2 addresses" where the addresses of a host differ


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
    cells = {key: asked.get(key, _Cell(Outcome.NOT_RUN)) for key in keys}
    used = [outcome for outcome in Outcome if outcome in {cell.outcome for cell in cells.values()}]

    row = _ROW + (0.14 if any(cell.share for cell in cells.values()) else 0)
    head = _HEAD + (_NAME if hosts != [""] else 0)
    block = head + row * len(vantages) + 0.14
    top = 0.62 if title else 0.22
    bottom = top + block * len(hosts) + 0.16
    figure, axes = canvas(bottom + 0.26 * -(-len(used) // 2) + (0.26 if left_out else 0) + 0.1, title=title)
    alt = [fitted(title) if title else "How each port answered, by vantage point"]
    column = (WIDTH - 0.3 - _LEFT) / max(len(ports), 1)
    for index, host in enumerate(hosts):
        y = top + block * index
        write(axes, 0.3, y + 0.16, str(host), size=11, font="bold", width=WIDTH - 0.6)
        _heads(axes, y + head - _HEAD, ports, column)
        for line, vantage in enumerate(vantages):
            middle = y + head + row * (line + 0.5)
            write(axes, 0.3, middle, str(vantage), size=11, width=_LEFT - 0.4)
            said = []
            for place, port in enumerate(ports):
                cell = cells[host, vantage, port]
                _draw(axes, _LEFT + column * place, middle, column, row, cell)
                said.append(f"{port} {cell.outcome}" + (f" ({cell.share})" if cell.share else ""))
            alt.append(f"{fitted(str(host))} from {fitted(str(vantage))}: {', '.join(said)}".strip())
    legend(axes, bottom, [(*badge(outcome), _MEANINGS[outcome]) for outcome in used])
    if left_out:
        write(axes, 0.3, axes.get_ylim()[0] - 0.24, f"Not shown: {left_out}.", size=10, colour=INK)
        alt.append(f"Not shown: {left_out}.")
    return Picture(figure, "\n".join(alt))


def _cell(words: list[Any]) -> _Cell:
    """Return what one cell shows, from the outcomes of all addresses asked."""
    try:
        outcomes = [Outcome.NOT_RUN if pd.isna(word) else Outcome(word) for word in words]
    except ValueError:
        raise ValueError(f"an outcome is one of {', '.join(Outcome)}, not among {words!r}") from None
    shown = next((outcome for outcome in outcomes if outcome is not Outcome.OPEN), Outcome.OPEN)
    alike = outcomes.count(shown)
    return _Cell(shown, "" if alike == len(outcomes) else f"{alike} of {len(outcomes)} addresses")


def _heads(axes: Axes, y: float, ports: list[int], column: float) -> None:
    """Write above each column the port and what it is for."""
    for place, port in enumerate(ports):
        centre = _LEFT + column * (place + 0.5)
        write(axes, centre, y + 0.16, str(port), size=12, font="bold", align="center")
        write(axes, centre, y + 0.38, _PORTS.get(int(port), ""), size=10, colour=MUTED, align="center")


def _draw(axes: Axes, x: float, middle: float, column: float, row: float, cell: _Cell) -> None:
    mark, colour = badge(cell.outcome)
    idle = cell.outcome is Outcome.NOT_RUN
    fill, ink = (PAPER, MUTED) if idle else (colour, "#ffffff")
    box(axes, x + 0.04, middle - row / 2 + 0.04, column - 0.08, row - 0.08, fill=fill, edge=RULE if idle else colour)
    words, centre = f"{mark} {str(cell.outcome).replace('_', ' ')}", x + column / 2
    lift = 0.1 if cell.share else 0
    write(axes, centre, middle - lift, words, size=10, colour=ink, font="bold", align="center", width=column - 0.1)
    if cell.share:
        write(axes, centre, middle + 0.11, cell.share, size=10, colour=ink, align="center", width=column - 0.1)
