"""Running every lesson's checks on domains, and putting the findings into words."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import partial

from mailkit import dkim, op25b, smtp_auth, spf, tls
from mailkit.network import Network
from mailkit.network.dns_lookup import parse_question
from mailkit.results import Finding, Rows, Verdict, visible

__all__ = ["CHECKS", "audit", "summary"]

Check = Callable[[str, Network, Sequence[str] | None], list[Finding]]

# Each lesson's checks.  The last argument is the DKIM selectors, None when not known.
CHECKS: dict[str, Check] = {
    "01_op25b": lambda domain, net, selectors: op25b.findings(domain, net=net),
    "02_smtp_auth": lambda domain, net, selectors: smtp_auth.findings(domain, net=net),
    "03_tls": lambda domain, net, selectors: tls.findings(domain, net=net),
    "04_spf": lambda domain, net, selectors: list(spf.lint(domain, net=net)),
    "05_dkim": lambda domain, net, selectors: dkim.findings(domain, net=net, selectors=selectors),
}

_MOST_DOMAINS = 1000
_MARKS = {Verdict.PASS: "✓", Verdict.WARN: "!", Verdict.FAIL: "✗", Verdict.INFO: "i", Verdict.UNKNOWN: "?"}


def audit(
    domains: str | Iterable[str],
    *,
    net: Network,
    selectors: Sequence[str] | None = None,
    lessons: Sequence[str] | None = None,
    progress: bool = True,
    executor: Executor | None = None,
) -> Rows[Finding]:
    """Return the findings about each of *domains*, in their order.

    *selectors* are the DKIM selectors to look for (default: the usual ones), *lessons* those whose checks to run
    (default: all).  *progress* prints a line a domain.  *executor* audits several domains at a time.  What cannot be
    seen from the place of *net* is ``unknown``.  Raises ValueError for what is no domain name or lesson.
    """
    names = [domains] if isinstance(domains, str) else list(domains)
    if not names or len(names) > _MOST_DOMAINS:
        raise ValueError(f"domains is 1 to {_MOST_DOMAINS} domain names: audit('kaisha.example', net=net)")
    names = [name.strip().rstrip(".").lower() for name in names]
    for name in names:
        parse_question(name, "MX")
        if "." not in name:
            raise ValueError(f"{name!r} is not a mail domain; give the whole of it, such as 'kaisha.example'")
    checks = _checks(lessons)
    one = partial(_audit_one, net=net, selectors=selectors, checks=checks)
    found: list[Finding] = []
    for number, findings in enumerate((executor.map if executor else map)(one, names), 1):
        found += findings
        if progress:
            print(f"{number} of {len(names)}: {names[number - 1]}, {_counted(findings)}")
    return Rows(Finding, found, caption=net.caption)


def _checks(lessons: Sequence[str] | None) -> list[Check]:
    names = list(CHECKS) if lessons is None else list(lessons)
    if isinstance(lessons, str) or not set(names) <= CHECKS.keys():
        raise ValueError(f"lessons is a list of {', '.join(CHECKS)}")
    return [CHECKS[name] for name in names]


def _audit_one(domain: str, *, net: Network, selectors: Sequence[str] | None, checks: list[Check]) -> list[Finding]:
    return [finding for check in checks for finding in check(domain, net, selectors)]


def _counted(findings: Iterable[Finding]) -> str:
    verdicts = [finding.verdict for finding in findings]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in Verdict if v in verdicts)


def summary(findings: Rows[Finding]) -> str:
    """Return *findings* as text for a terminal: one paragraph each, those that need work first."""
    order = [Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.INFO, Verdict.PASS]
    lines = []
    for finding in sorted(findings, key=lambda f: order.index(f.verdict)):
        lines.append(f"{_MARKS[finding.verdict]} {finding.verdict:8} {finding.check}: {visible(finding.subject, 80)}")
        lines += _indented(finding.evidence)
        if finding.verdict is not Verdict.PASS:
            lines += _indented(finding.advice)
            # What is to be pasted must not be broken into lines.
            lines += [" " * 11 + visible(line, 4000) for line in finding.fix.splitlines()]
            lines += _indented(finding.reference)
    return "\n".join([*lines, "", f"{_counted(findings)} ({findings.caption})"])


def _indented(text: str) -> list[str]:
    return textwrap.wrap(visible(text, 2000), 100, initial_indent=" " * 11, subsequent_indent=" " * 11)
