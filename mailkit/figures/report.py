"""Pictures of reports: the scorecard, the demands of large receivers, and what share of many domains does what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import INK, MUTED, PAPER, RULE, WIDTH, Picture, box, canvas, fitted, measured, write
from mailkit.results import BADGES, Finding, Verdict
from mailkit.results.scoring import Score, scores, total

__all__ = ["readiness", "scorecard", "shares"]

_MEANINGS: dict[str, str] = {
    Verdict.PASS: "pass: everything that can fail passes",
    Verdict.WARN: "warn: works today, and should be mended",
    Verdict.FAIL: "fail: something does not work",
    Verdict.UNKNOWN: "unknown: it cannot be seen from here",
    Verdict.INFO: "info: nothing there can fail",
}
_MOST = 20  # domains
_ALL = "all"
_ROOM = 11.0  # columns as wide as "4/4" needs
# Lessons whose names are wider than a column.
_SHORT = {
    "start_here": "start",
    "smtp_auth": "auth",
    "transport_policy": "policy",
    "mailboxes": "reading",
    "services": "service",
}


def scorecard(findings: Iterable[Finding], *, title: str | None = None) -> Picture:
    """Draw the marks of each domain in *findings*, the rows of a report: a column a lesson, and one for all of them.

    A cell has the worst verdict and how many of the checks that can fail pass.  20 domains are drawn at most.
    """
    found = list(findings)
    marks = scores(found)
    domains = list(dict.fromkeys(score.domain for score in marks))
    lessons = sorted({score.lesson for score in marks})
    by_place = {(score.domain, score.lesson): score for score in marks}
    by_place |= {(domain, _ALL): total(found, domain) for domain in domains[:_MOST]}
    heads = [(lesson[:2] or "–", _SHORT.get(lesson[3:], lesson[3:]) or " ") for lesson in lessons]
    places = [*lessons, _ALL]
    shares = [_share(by_place.get((domain, place)) for domain in domains[:_MOST]) for place in places]
    if sum(shares) > _ROOM:  # then the long ones take two lines
        shares = [1.0] * len(lessons) + [1.3]
    columns = [Column(*head, share=share) for head, share in zip([*heads, (_ALL, " ")], shares)]
    rows = []
    for domain in domains[:_MOST]:
        placed = [by_place.get((domain, lesson)) for lesson in (*lessons, _ALL)]
        said = ", ".join(f"{name} {_words(score)}" for name, score in zip((*lessons, _ALL), placed) if score)
        rows.append(Row(fitted(domain), "", [_cell(score) for score in placed], f"{fitted(domain)}: {said}"))
    left_out = f"{len(domains) - _MOST} domains" if len(domains) > _MOST else ""
    return grid(
        [Block(rows)], columns, _MEANINGS, title=title, said=title or "Marks by lesson", names=1.95, widest=1.4,
        nothing="There is nothing to judge.", left_out=left_out,
    )  # fmt: skip


def _share(placed: Iterable[Score | None]) -> float:
    """Return how wide a column is, compared with one for "4/4", such that its longest marks stay on one line."""
    longest = max((len(_cell(score).text) for score in placed), default=0)
    return 1 + 0.15 * max(longest - 3, 0)


def _cell(score: Score | None) -> Cell:
    if score is None:
        return Cell("", "not_run")
    return Cell(score.marks.replace(" of ", "/"), str(score.judged))


def _words(score: Score) -> str:
    return f"{score.judged} {score.marks}".strip()


_READY: dict[str, str] = {
    Verdict.PASS: "pass: met",
    Verdict.WARN: "warn: met, with something to mend",
    Verdict.FAIL: "fail: not met",
    Verdict.UNKNOWN: "unknown: cannot be seen in the DNS from here",
    Verdict.INFO: "info: it sends no mail, so nothing is demanded",
    "not_run": "not demanded there",
}


def readiness(frame: pd.DataFrame, *, title: str | None = None) -> Picture:
    """Draw which demands of large receivers are met: a row a demand, a column a receiver, a matrix a domain.

    *frame* is ``report.readiness(…).frame``.  Raises ValueError when it lacks a column.
    """
    if missing := {"domain", "receiver", "demand", "verdict"} - set(frame.columns):
        raise ValueError(f"the rows lack {', '.join(sorted(missing))}: readiness takes report.readiness(…).frame")
    receivers = list(dict.fromkeys(frame["receiver"]))
    met = {(row.domain, row.receiver, row.demand): str(row.verdict) for row in frame.itertuples()}
    blocks = []
    for domain in list(dict.fromkeys(frame["domain"]))[:_MOST]:
        rows = []
        for demand in dict.fromkeys(frame["demand"]):
            words = [met.get((domain, receiver, demand), "not_run") for receiver in receivers]
            cells = [Cell("" if word == "not_run" else word, word) for word in words]
            said = ", ".join(f"{receiver} {word}" for receiver, word in zip(receivers, words) if word != "not_run")
            rows.append(Row(str(demand), "", cells, f"{fitted(str(domain))}, {demand}: {said}"))
        blocks.append(Block(rows, fitted(str(domain))))
    columns = [Column(str(receiver)) for receiver in receivers]
    return grid(blocks, columns, _READY, title=title, said=title or "Demands on bulk senders", names=2.4, widest=1.4)


_ANSWERS = (("yes", BADGES["info"][1], "#ffffff"), ("no", RULE, INK), ("not seen", PAPER, MUTED))
_NAMES, _BAR, _STEP = 3.3, 0.34, 0.5  # inches: the questions, a bar, and from one bar to the next
_LEAST = 0.008  # of a bar: a share of one in a thousand is still to be seen


def shares(answers: pd.DataFrame, *, title: str | None = None) -> Picture:
    """Draw for each column of *answers* what share of the rows is True, False and missing: a bar a column.

    Columns are called as the question; a missing answer is one that could not be seen, and is drawn as such.  Raises
    ValueError for a column of anything but True, False and missing.
    """
    top = 0.62 if title else 0.22
    bottom = top + _STEP * max(answers.shape[1], 1)
    figure, axes = canvas(bottom + 0.42, title=title)
    alt = [title or "Shares"]
    for number, question in enumerate(answers.columns):
        counts = _counted(answers[question], str(question))
        y = top + _STEP * number
        write(axes, 0.3, y + _BAR / 2, str(question), font="bold", width=_NAMES - 0.4)
        _bar(axes, y, counts)
        parts = ", ".join(f"{name} {count}" for (name, _, _), count in zip(_ANSWERS, counts) if count)
        alt.append(f"{fitted(str(question))}: {parts or 'nothing'}")
    _explain(axes, bottom + 0.1)
    return Picture(figure, "\n".join(alt))


def _counted(column: pd.Series[Any], question: str) -> tuple[int, int, int]:
    try:
        answers = column.astype("boolean")
    except (TypeError, ValueError):
        raise ValueError(f"{question!r} holds something else than True, False and missing") from None
    yes, missing = int(answers.sum()), int(answers.isna().sum())
    return yes, len(answers) - yes - missing, missing


def _bar(axes: Axes, y: float, counts: tuple[int, int, int]) -> None:
    x, whole, total = _NAMES, WIDTH - _NAMES - 0.3, max(sum(counts), 1)
    for (name, fill, ink), count in zip(_ANSWERS, counts):
        if not count:
            continue
        width = whole * max(count / total, _LEAST)
        box(axes, x + 0.01, y, width - 0.02, _BAR, fill=fill, edge=RULE if fill == PAPER else fill, corner=0.03)
        words = [f"{name} {count * 100 / total:.0f} %", f"{count * 100 / total:.0f} %"]
        if words := [word for word in words if measured(word, size=10, font="bold") < width - 0.08]:
            write(axes, x + width / 2, y + _BAR / 2, words[0], size=10, colour=ink, font="bold", align="center")
        x += width


def _explain(axes: Axes, y: float) -> None:
    x = _NAMES
    for name, fill, _ in _ANSWERS:
        box(axes, x + 0.01, y, 0.16, 0.16, fill=fill, edge=RULE if fill == PAPER else fill, corner=0.03)
        write(axes, x + 0.26, y + 0.08, name, size=10, colour=MUTED)
        x += 0.26 + measured(name, size=10) + 0.3
