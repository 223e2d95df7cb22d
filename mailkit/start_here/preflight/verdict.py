"""The verdict of the preflight: which network to use."""

from __future__ import annotations

from collections.abc import Iterable

from mailkit.results import Finding, Verdict
from mailkit.start_here.preflight.checking import NO_NETWORK, OWN_WORLD
from mailkit.start_here.preflight.machine import LESSON, ON_BINDER

__all__ = ["verdict"]

_NEEDED_BY_LAB = ("Python", "packages", "loopback")
_LAB = 'NETWORK = "lab" works here, for every lesson.'


def verdict(rows: Iterable[Finding]) -> Finding:
    """Return one finding that sums up the *rows* of :func:`mailkit.start_here.preflight.examine`: which network to use.

    ``fail`` when not even the practice internet can run, ``pass`` when the real one can be used without limits,
    ``warn`` when it can be used with limits or not at all, ``info`` when it was not asked, or another one answers.
    """
    found = {row.check: row for row in rows}
    if broken := [name for name in _NEEDED_BY_LAB if name in found and found[name].verdict is Verdict.FAIL]:
        advice = " ".join(found[name].advice for name in broken)
        return _verdict(Verdict.FAIL, f"the practice internet cannot run: {', '.join(broken)}", advice)
    if "way out" not in found:
        return _verdict(Verdict.INFO, "the internet was not asked", _LAB)
    if found["DNS"].evidence == OWN_WORLD:
        return _verdict(Verdict.INFO, f"the name server: {OWN_WORLD}", f"{_LAB} {found['DNS'].advice}")
    if (reason := _useless(found)) is not None:
        return _verdict(Verdict.WARN, reason, f'{_LAB} Leave "internet" for another network.')
    closed = [name for name in found if name.startswith("port ") and found[name].verdict is not Verdict.PASS]
    if closed:
        advice = f'{_LAB} "internet" works with limits: what needs these ports will say unknown.'
        return _verdict(Verdict.WARN, f"these do not leave from here: {', '.join(closed)}", advice)
    return _verdict(Verdict.PASS, "names are found and every port leaves", f'{_LAB} So does "internet".')


def _useless(found: dict[str, Finding]) -> str | None:
    """Return why the real internet cannot be used from here, or None when it can."""
    mail_ports = [found[f"port {port}"].verdict for port in (25, 465, 587)]
    if found["hosted notebook"].evidence == ON_BINDER and Verdict.PASS not in mail_ports:
        return "a Binder lets out ports 80 and 443 only"
    if found["way out"].evidence == NO_NETWORK and found["DNS"].verdict is Verdict.FAIL:
        return "there is no network"
    problems = [
        f"{row.check}: {row.evidence}"
        for row in (found["DNS"], found["way out"])
        if row.verdict in (Verdict.FAIL, Verdict.UNKNOWN)
    ]
    return "; ".join(problems) or None


def _verdict(word: Verdict, evidence: str, advice: str) -> Finding:
    return Finding("verdict", "this machine", word, evidence, advice, lesson=LESSON)
