"""What aggregate reports say, in pictures: what became of mail, and who sends in a domain's name (RFC 9990)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from mailkit.dmarc import Source
from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import INK, MUTED, WIDTH, Picture, badge, box, canvas, fitted, legend, measured, write

__all__ = ["days", "senders"]

_BLUE, _RED, _ORANGE, _GREY, _PURPLE = (badge(w)[1] for w in ("pass", "fail", "warn", "unknown", "intercepted"))

# What became of mail, by the reports: mark, colour, word.
_FATES = {
    "passed": ("✓", _BLUE, "passed DMARC"),
    "none": ("!", _ORANGE, "failed, and was let through"),
    "quarantine": ("▼", _PURPLE, "failed: Junk"),
    "reject": ("✗", _RED, "failed: refused"),
    "other": ("?", _GREY, "failed: the report does not say"),
}
_DAYS = 31  # that are shown
_TALL, _SLIM, _FEW = 0.36, 0.25, 10  # inches: a bar's height, for up to so many days and for more
_BEGIN, _ROOM = 1.4, WIDTH - 2.2  # where the bars begin, and the longest of them


def days(reports: pd.DataFrame, *, title: str = "What became of mail in our name?") -> Picture:
    """Draw what aggregate *reports* say, as :func:`mailkit.dmarc.read_reports` gives them: a bar for each day.

    Of more than 31 days the last are shown, and the figure says so.
    """
    counted = _by_day(reports)
    shown, left_out = counted.iloc[-_DAYS:], max(len(counted) - _DAYS, 0)
    used = [fate for fate in _FATES if fate in shown and shown[fate].sum()]
    lines = max(len(shown), 1) + bool(left_out)
    height = _TALL if lines <= _FEW else _SLIM
    bottom = 0.66 + lines * height
    figure, axes = canvas(bottom + 0.2 + 0.26 * -(-len(used) // 2) + 0.14, title=title)
    alt, y = [title], 0.66
    if left_out:
        write(axes, 0.3, y + height / 2, f"… {left_out} earlier days …", size=10, colour=MUTED)
        y += height
    most = int(shown.sum(axis=1).max()) if len(shown) else 0
    for day, row in shown.iterrows():
        alt.append(_day(axes, y + height / 2, height, str(day), {fate: int(row[fate]) for fate in used}, most))
        y += height
    if not len(shown):
        write(axes, 0.3, y + height / 2, "No reports.")
        alt.append("No reports.")
    legend(axes, bottom + 0.22, [_FATES[fate] for fate in used])
    return Picture(figure, "\n".join(fitted(line) for line in alt))


def _by_day(reports: pd.DataFrame) -> pd.DataFrame:
    """Return the number of messages by day (rows) and fate (columns)."""
    disposition = reports["disposition"].astype("string").fillna("other")
    known = disposition.where(disposition.isin(list(_FATES)), "other")
    fate = known.mask(reports["aligned"].astype(bool), "passed")
    day = reports["begin"].dt.strftime("%Y-%m-%d")
    return reports.assign(day=day, fate=fate).pivot_table(
        index="day", columns="fate", values="count", aggfunc="sum", fill_value=0
    )


def _day(axes: Axes, middle: float, height: float, day: str, counts: Mapping[str, int], most: int) -> str:
    write(axes, 0.3, middle, day, size=10, font="mono")
    x = _BEGIN
    for fate, count in counts.items():
        if not count:
            continue
        mark, colour, _ = _FATES[fate]
        width = _ROOM * count / most
        box(axes, x, middle - height / 2 + 0.03, width, height - 0.06, fill=colour, edge="#ffffff", corner=0.02)
        label = f"{mark} {count}"
        if measured(label, size=10, font="bold") < width - 0.04:
            write(axes, x + width / 2, middle, label, size=10, colour="#ffffff", font="bold", align="center")
        x += width
    write(axes, x + 0.1, middle, str(sum(counts.values())), size=10, colour=INK)
    return f"{day}: " + ", ".join(f"{count} {_FATES[fate][2]}" for fate, count in counts.items() if count)


_BIGGEST = 12  # senders that get a row of their own
_WEEK = 7  # columns for days; where there are more, the first is for all those before
_MEANINGS = {
    "pass": "messages, all aligned and passed",
    "warn": "so many passed, and ✗ so many did not",
    "fail": "messages, none passed",
    "not_run": "no mail",
}


def senders(reports: pd.DataFrame, found: Sequence[Source], *, title: str = "Who sends in our name?") -> Picture:
    """Draw who sent how much on which day, and whether it was aligned: a row for each host, the biggest first.

    *reports* is the table of :func:`mailkit.dmarc.read_reports`, *found* what :func:`mailkit.dmarc.sources` made of it,
    with the names.  The hosts behind the twelfth share one row, the days before the last week one column.
    """
    counted = pd.DataFrame(
        {
            "address": reports["source_ip"].astype(str),
            "day": reports["begin"].dt.strftime("%Y-%m-%d"),
            "messages": reports["count"],
            "passed": reports["count"].where(reports["aligned"].astype(bool), 0),
        }
    )
    every = sorted(set(counted["day"]))
    apart = _WEEK if len(every) <= _WEEK else _WEEK - 1
    shown, earlier = every[-apart:], every[:-apart]
    columns = [Column("all", share=1.1), *([Column("before", f"{len(earlier)} days", 1.1)] if earlier else [])]
    columns += [Column(day[5:]) for day in shown]
    periods = [every, *([earlier] if earlier else []), *([day] for day in shown)]
    headings = ["in all", *(["before"] if earlier else []), *shown]
    biggest = list(found)[:_BIGGEST]
    rows = []
    for source in biggest:
        name = source.name or "no reverse name"
        note = source.address + (" (name not confirmed)" if source.name and not source.confirmed else "")
        of_source = counted[counted["address"] == source.address]
        rows.append(_row(name, note, of_source, periods, headings))
    others = counted[~counted["address"].isin([source.address for source in biggest])]
    if len(others):
        rows.append(_row(f"{others['address'].nunique()} others", "each with fewer", others, periods, headings))
    return grid(
        [Block(rows)], columns, _MEANINGS, title=title, said=title, names=3.0, widest=0.9, nothing="No reports."
    )


def _row(name: str, note: str, mail: pd.DataFrame, periods: Sequence[Sequence[str]], headings: Sequence[str]) -> Row:
    """Return the row of one sender with *mail*: a cell for the days of each period."""
    by_day = mail.groupby("day")[["messages", "passed"]].sum()
    cells, said = [], [fitted(f"{name}, {note}")]
    for days_, heading in zip(periods, headings, strict=True):
        sums = by_day[by_day.index.isin(days_)].sum()
        messages, passed = int(sums["messages"]), int(sums["passed"])
        cells.append(_cell(messages, passed))
        if messages:
            said.append(f"{heading} {passed} of {messages} aligned")
    return Row(name, note, cells, "; ".join(said))


def _cell(messages: int, passed: int) -> Cell:
    if not messages:
        return Cell("", "not_run")
    if passed == messages:
        return Cell(_short(messages), "pass")
    if not passed:
        return Cell(_short(messages), "fail")
    return Cell(_short(passed), "warn", f"✗ {_short(messages - passed)}")


def _short(number: int) -> str:
    """Return *number* in at most five characters or so: 1234567 is "1.2M"."""
    for size, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= size:
            whole = number / (1000 if letter == "k" else size)
            return f"{whole:.1f}{letter}" if whole < 10 else f"{whole:.0f}{letter}"
    return str(number)
