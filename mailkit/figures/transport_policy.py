"""Transport policy in pictures: which sender refuses what, and the chain of trust from the root to a TLSA record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import INK, MUTED, WIDTH, Picture, badge, box, canvas, fitted, legend, tint, write
from mailkit.network import Security
from mailkit.results import Rows
from mailkit.transport_policy import Link

__all__ = ["chain_of_trust", "who_refuses"]

_PASS, _FAIL, _IDLE, _UNKNOWN = "pass", "fail", "not_run", "unknown"
_ATTACKS = {
    "nobody": "nobody is on the way",
    "watch": "he only reads along",
    "strip": "he hides STARTTLS",
    "self_signed": "a certificate he made himself",
    "expired": "an old certificate, found or stolen",
    "wrong_name": "a good one for another name",
    "inject_reply": "he says something before TLS begins",
}
_MOST_LINKS = 12
_JUDGED = {Security.SECURE: "pass", Security.INSECURE: "warn", Security.BOGUS: "fail", Security.UNKNOWN: "unknown"}
_MEANS = {
    Security.SECURE: "secure: validated",
    Security.INSECURE: "insecure: proven to be unsigned",
    Security.BOGUS: "bogus: forged or broken",
    Security.UNKNOWN: "unknown: cannot be told from here",
}
_LEFT, _BOX, _GAP = 0.3, 0.66, 0.3  # inches


def who_refuses(trials: Rows[Any] | pd.DataFrame, *, title: str | None = None) -> Picture:
    """Draw what became of a message between mail servers: one row an attack, one column a sender.

    *trials* has the columns ``attack``, ``sender``, ``delivered`` (to its mailbox, now) and ``read`` (by the man in the
    middle); ValueError if one is missing.
    """
    frame = trials.frame if isinstance(trials, Rows) else trials
    if missing := {"attack", "sender", "delivered", "read"} - set(frame.columns):
        raise ValueError(f"the trials lack {', '.join(sorted(missing))}")
    senders, attacks = list(frame["sender"].unique()), list(frame["attack"].unique())
    cells = {(row.attack, row.sender): _trial(bool(row.delivered), bool(row.read)) for row in frame.itertuples()}
    columns = [Column(str(sender)) for sender in senders]
    rows = []
    for attack in attacks:
        tried = [cells.get((attack, sender), Cell("", _UNKNOWN)) for sender in senders]
        name = str(attack).replace("_", " ")
        said = ", ".join(f"{fitted(c.heading)}: {cell.text or 'not tried'}" for c, cell in zip(columns, tried))
        rows.append(Row(name, _ATTACKS.get(str(attack), ""), tried, f"{fitted(name)}: {said}"))
    meanings = {
        _PASS: "delivered, and nobody read it",
        _IDLE: "not delivered now: the sender waits",
        _FAIL: "the man in the middle has read it",
        _UNKNOWN: "not tried",
    }
    title = title or "Which sender refuses what?"
    return grid([Block(rows)], columns, meanings, title=title, said=title, nothing="Nobody tried.")


def _trial(delivered: bool, read: bool) -> Cell:
    if read:
        return Cell("read by him", _FAIL)
    return Cell("delivered", _PASS) if delivered else Cell("waits", _IDLE)


def chain_of_trust(links: Rows[Link] | Sequence[Link], *, title: str | None = None) -> Picture:
    """Draw the *links* that ``transport_policy.trust_chain()`` gives, from the root down to the TLSA record.

    Of more than 12 links the last 12 are drawn; the figure says so.
    """
    shown, left_out = list(links)[-_MOST_LINKS:], max(len(links) - _MOST_LINKS, 0)
    title = title or "The chain of trust"
    states = [state for state in _MEANS if any(link.dnssec is state for link in shown)]
    top = 0.66 + (0.3 if left_out else 0)
    bottom = top + len(shown) * (_BOX + _GAP) if shown else top + 0.3
    figure, axes = canvas(bottom + 0.26 * -(-max(len(states), 1) // 2) + 0.14, title=title)
    alt = [fitted(title)]
    if left_out:
        write(axes, _LEFT, 0.72, f"Not shown: {left_out} links above.", size=10, colour=MUTED)
        alt.append(f"Not shown: {left_out} links above.")
    if not shown:
        write(axes, _LEFT, top + 0.1, "There is no link to show.")
        alt.append("There is no link to show.")
    for number, link in enumerate(shown):
        y = top + number * (_BOX + _GAP)
        mark, colour = badge(_JUDGED[link.dnssec])
        box(axes, _LEFT, y, WIDTH - 2 * _LEFT, _BOX, fill=tint(colour, 0.12), edge=colour)
        write(axes, _LEFT + 0.15, y + 0.22, link.zone if link.zone != "." else ". (the root)", font="bold", width=5.2)
        write(axes, WIDTH - _LEFT - 0.15, y + 0.22, f"{mark} {link.dnssec}", colour=colour, font="bold", align="right")
        write(axes, _LEFT + 0.15, y + 0.47, link.holds, size=10, font="mono", width=WIDTH - 2 * _LEFT - 0.3)
        if number:
            middle = y - _GAP / 2
            axes.annotate(
                "",
                (_LEFT + 0.4, y - 0.01),
                (_LEFT + 0.4, y - _GAP + 0.01),
                arrowprops={"arrowstyle": "-|>", "color": INK},
            )
            write(
                axes,
                _LEFT + 0.62,
                middle,
                f"vouched for by {link.vouched_by}",
                size=10,
                colour=MUTED,
                width=WIDTH - 1.5,
            )
        alt.append(
            f"{fitted(link.zone)}: {link.dnssec}, {fitted(link.holds)}; vouched for by {fitted(link.vouched_by)}"
        )
    legend(axes, bottom + 0.04, [(*badge(_JUDGED[state]), _MEANS[state]) for state in states])
    return Picture(figure, "\n".join(alt))
