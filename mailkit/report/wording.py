"""A report in words for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace

import idna

from mailkit.report.comparing import FindingChange
from mailkit.results import BADGES, Finding, Rows, Verdict, visible

__all__ = ["alike", "by_domain", "by_urgency", "changed", "counted", "in_own_letters", "summary", "to_do"]

_ORDER = [Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.INFO, Verdict.PASS]
_INDENT = " " * 11


def counted(findings: Iterable[Finding]) -> str:
    """Return how many findings there are of each verdict, as in "12 pass, 1 warn"."""
    verdicts = [finding.verdict for finding in findings]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in Verdict if v in verdicts)


def in_own_letters(domain: str) -> str:
    """Return *domain* as a heading says it: a name in other letters also in those, as in "bücher.example (xn--…)"."""
    try:
        letters = ".".join(idna.decode(part) if part.startswith("xn--") else part for part in domain.split("."))
    except (idna.IDNAError, UnicodeError):  # a name that a stranger made up
        letters = domain
    return visible(domain if letters == domain else f"{letters} ({domain})", 300)


def by_domain(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Return *findings* by their domain, domains and findings in their order."""
    parts: dict[str, list[Finding]] = {}
    for finding in findings:
        parts.setdefault(finding.domain, []).append(finding)
    return parts


def alike(findings: Iterable[Finding]) -> list[tuple[list[str], list[Finding]]]:
    """Return domains with their findings, together those of which one and the same thing is said.

    So a resolver that is dead is explained once, however many domains were to be asked about.
    """
    groups: dict[Finding | str, tuple[list[str], list[Finding]]] = {}
    for domain, some in by_domain(findings).items():
        whole = len(some) == 1 and some[0].subject == domain
        groups.setdefault(replace(some[0], domain="", subject="") if whole else domain, ([], some))[0].append(domain)
    return [
        (domains, some if len(domains) == 1 else [replace(some[0], subject=f"{len(domains)} domains")])
        for domains, some in groups.values()
    ]


def by_urgency(findings: Iterable[Finding]) -> list[Finding]:
    """Return *findings* with what needs work first."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.verdict))


def to_do(findings: Rows[Finding]) -> Rows[Finding]:
    """Return those of *findings* that somebody has to do something about, what needs work first.

    That is what failed, what should be mended, and what is still unknown.
    """
    left = [finding for finding in by_urgency(findings) if finding.verdict in _ORDER[:3]]
    return Rows(Finding, left, caption=findings.caption)


def changed(changes: Sequence[FindingChange]) -> str:
    """Return *changes* as text for a terminal, one paragraph each; one line when there are none."""
    if not changes:
        return "nothing changed"
    lines = []
    for change in changes:
        verdicts = " → ".join(verdict for verdict in (change.before, change.after) if verdict)
        about = f"{visible(change.domain, 80)}: {change.check}: {visible(change.subject, 80)}"
        lines += [f"{change.change:7} {about} ({verdicts})", *_wrapped(change.evidence), *_wrapped(change.advice)]
    return "\n".join(lines)


def summary(findings: Rows[Finding]) -> str:
    """Return *findings* as text for a terminal: one paragraph each, domain by domain, what needs work first."""
    parts = alike(findings)
    lines: list[str] = []
    for domains, some in parts:
        if len(parts) > 1 or len(domains) > 1:
            lines += [*_heading(domains, some), ""]
        for finding in by_urgency(some):
            lines += _paragraph(finding)
        lines.append("")
    return "\n".join([*lines, f"{counted(findings)} ({findings.caption})"])


def _heading(domains: Sequence[str], some: Sequence[Finding]) -> list[str]:
    names = ", ".join(in_own_letters(domain) for domain in domains)
    return textwrap.wrap(f"== {names}: {counted(some)}", 100, subsequent_indent="   ", break_on_hyphens=False)


def _paragraph(finding: Finding) -> list[str]:
    mark = BADGES[finding.verdict][0]
    lines = [f"{mark} {finding.verdict:8} {finding.check}: {visible(finding.subject, 80)}", *_wrapped(finding.evidence)]
    if finding.verdict is not Verdict.PASS:
        lines += _wrapped(finding.advice)
        # What is to be pasted must not be broken into lines.
        lines += [_INDENT + visible(line, 4000) for line in finding.fix.splitlines()]
        lines += _wrapped(finding.reference)
    return lines


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(visible(text, 2000), 100, initial_indent=_INDENT, subsequent_indent=_INDENT)
