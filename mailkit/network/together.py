"""One text to paste for one name: texts that would take each other's place are put together, and tried.

Each check offers what mends its own finding.  Where two findings offer different records for the same name and type,
whoever pastes both has only the second one, or two where one is allowed.  So one is published in thought, the lesson is
asked again, and what it then offers for that place follows, until nothing of theirs is left to mend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mailkit.network.records import DnsRecord, parse_paste
from mailkit.results import Finding, Verdict

__all__ = ["ALSO_MENDS", "put_together"]

ALSO_MENDS = "The record to paste also mends: "
"""How the sentence of advice begins that names the other findings of one text."""

_BLAME = (Verdict.FAIL, Verdict.WARN)

Place = tuple[str, str]
Judge = Callable[[Sequence[DnsRecord]], Iterable[Finding]]


def put_together(findings: Sequence[Finding], judge: Judge) -> list[Finding]:
    """Return *findings*, those of one lesson, such that all that is to be pasted at one place is one text.

    *judge* makes the findings anew, as they would be with the records published that it is given.  Where no one text
    mends them all, the gravest finding keeps its own, and the others say so.
    """
    found = list(findings)
    for place, rivals in _rivals(found).items():
        text = _one_for_all(place, [found[number] for number in rivals], found, judge)
        first = found[rivals[0]]
        for number in rivals:
            finding = found[number]
            if text:
                others = dict.fromkeys(found[other].check for other in rivals if found[other].check != finding.check)
                said = f"{finding.advice} {ALSO_MENDS}{', '.join(others)}." if others else finding.advice
                found[number] = replace(finding, fix=text, advice=said.strip())
            elif number != rivals[0]:
                said = f"{finding.advice} First paste what is offered for {first.check}, then ask again."
                found[number] = replace(finding, fix="", advice=said.strip())
    return found


def _rivals(found: Sequence[Finding]) -> dict[Place, list[int]]:
    """Return the places for which different texts are offered, with where those findings stand, the gravest first."""
    offered: dict[Place, list[int]] = {}
    for number, finding in enumerate(found):
        if finding.verdict in _BLAME and (place := _place(finding.fix)):
            offered.setdefault(place, []).append(number)
    grave = {place: sorted(numbers, key=lambda n: _BLAME.index(found[n].verdict)) for place, numbers in offered.items()}
    return {place: numbers for place, numbers in grave.items() if len({found[n].fix for n in numbers}) > 1}


def _place(fix: str) -> Place | None:
    """Return the name and type of the records in *fix*; None for several places, and for what is no record."""
    try:
        places = {(record.name, record.rdtype) for record in parse_paste(fix)}
    except ValueError:  # a setting of a mail server, or a command
        return None
    return places.pop() if len(places) == 1 else None


def _one_for_all(place: Place, rivals: Sequence[Finding], found: Sequence[Finding], judge: Judge) -> str:
    """Return the text that mends all *rivals* and makes nothing worse, "" when there is none."""
    theirs = {(finding.check, finding.subject) for finding in rivals}
    blamed = {(finding.check, finding.subject) for finding in found if finding.verdict in _BLAME}
    text = rivals[0].fix
    for _ in range(len(blamed) + 1):
        after = [finding for finding in judge(parse_paste(text)) if finding.verdict in _BLAME]
        offered = next((finding.fix for finding in after if _place(finding.fix) == place), "")
        if not offered:
            left = {(finding.check, finding.subject) for finding in after}
            return "" if left & theirs or left - blamed else text
        text = offered
    return ""
