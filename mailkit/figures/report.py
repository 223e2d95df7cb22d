"""The scorecard: which lessons' checks a domain passes, and how many of those that can fail."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import Picture, fitted
from mailkit.results import Finding, Verdict
from mailkit.results.scoring import Score, scores, total

__all__ = ["readiness", "scorecard"]

_MEANINGS: dict[str, str] = {
    Verdict.PASS: "pass: everything that can fail passes",
    Verdict.WARN: "warn: works today, and should be mended",
    Verdict.FAIL: "fail: something does not work",
    Verdict.UNKNOWN: "unknown: it cannot be seen from here",
    Verdict.INFO: "info: nothing there can fail",
}
_MOST = 20  # domains
_ALL = "all"


def scorecard(findings: Iterable[Finding], *, title: str | None = None) -> Picture:
    """Draw the marks of each domain in *findings*, the rows of a report: a column a lesson, and one for all of them.

    A cell has the worst verdict and how many of the checks that can fail pass.  20 domains are drawn at most.
    """
    found = list(findings)
    marks = scores(found)
    domains = list(dict.fromkeys(score.domain for score in marks))
    lessons = sorted({score.lesson for score in marks})
    by_place = {(score.domain, score.lesson): score for score in marks}
    by_place |= {(domain, _ALL): total(found, domain) for domain in domains}
    columns = [Column(lesson[:2] or "–", lesson[3:].replace("_", " ") or " ") for lesson in lessons] + [
        Column(_ALL, " ")
    ]
    rows = []
    for domain in domains[:_MOST]:
        placed = [by_place.get((domain, lesson)) for lesson in (*lessons, _ALL)]
        said = ", ".join(f"{name} {_words(score)}" for name, score in zip((*lessons, _ALL), placed) if score)
        rows.append(Row(fitted(domain), "", [_cell(score) for score in placed], f"{fitted(domain)}: {said}"))
    left_out = f"{len(domains) - _MOST} domains" if len(domains) > _MOST else ""
    return grid(
        [Block(rows)], columns, _MEANINGS, title=title, said=title or "Marks by lesson", names=2.3, widest=1.4,
        nothing="There is nothing to judge.", left_out=left_out,
    )  # fmt: skip


def _cell(score: Score | None) -> Cell:
    if score is None:
        return Cell("", "not_run")
    return Cell(score.marks.replace(" of ", "/") or str(score.judged), str(score.judged))


def _words(score: Score) -> str:
    return f"{score.judged} {score.marks}".strip()


_READY: dict[str, str] = {
    Verdict.PASS: "pass: met",
    Verdict.WARN: "warn: met, with something to mend",
    Verdict.FAIL: "fail: not met",
    Verdict.UNKNOWN: "unknown: only a message or the receiver shows it",
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
