"""A report in words for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from mailkit.results import BADGES, Finding, Rows, Verdict, visible

__all__ = ["counted", "summary"]

_ORDER = [Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.INFO, Verdict.PASS]
_INDENT = " " * 11


def counted(findings: Iterable[Finding]) -> str:
    """Return how many findings there are of each verdict, as in "12 pass, 1 warn"."""
    verdicts = [finding.verdict for finding in findings]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in Verdict if v in verdicts)


def summary(findings: Rows[Finding]) -> str:
    """Return *findings* as text for a terminal: one paragraph each, domain by domain, what needs work first."""
    domains = list(dict.fromkeys(finding.domain for finding in findings))
    lines: list[str] = []
    for domain in domains:
        some = findings.where(domain=domain)
        if len(domains) > 1:
            lines += [f"== {visible(domain, 80)}: {counted(some)}", ""]
        for finding in sorted(some, key=lambda f: _ORDER.index(f.verdict)):
            lines += _paragraph(finding)
        lines.append("")
    return "\n".join([*lines, f"{counted(findings)} ({findings.caption})"])


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
