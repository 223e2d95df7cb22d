"""Running every lesson's checks on domains: one row a finding, whatever a domain or its servers do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from functools import partial

from mailkit.network import Network
from mailkit.report.checks import Check, run, select
from mailkit.report.subject import Subject, domain_name, named
from mailkit.report.wording import counted
from mailkit.results import Finding, Rows, Verdict, visible

__all__ = ["audit"]

_MOST_DOMAINS = 1000
_SECONDS = 90.0  # for one domain, all its lookups and connections together


def audit(
    domains: str | Iterable[str],
    *,
    net: Network,
    selectors: Sequence[str] | None = None,
    lessons: Sequence[str] | None = None,
    progress: bool = True,
    executor: Executor | None = None,
) -> Rows[Finding]:
    """Return the findings about each of *domains*, in their order, each with its ``domain`` in A-labels.

    A name may be written in its own letters.  *selectors* are the DKIM selectors to look for (default: the usual
    ones), *lessons* those whose checks to run (default: all).  *progress* prints a line a domain.  *executor* audits
    several domains at a time.  A domain takes at most 90 seconds.  What cannot be seen from the place of *net*, what
    is no domain name in a list of several, and a check that breaks are ``unknown``.

    Raises ValueError when *domains* is one text that is no domain name, an empty list or one of more than 1,000, and
    for an unknown lesson or what cannot be a selector; TypeError when *selectors* is no list of texts.
    """
    if not isinstance(domains, Iterable):
        raise TypeError(f"domains is a domain name or a list of them, not {domains!r}")
    names: list[object] = [domains] if isinstance(domains, str) else list(domains)
    if not names or len(names) > _MOST_DOMAINS:
        raise ValueError(f"domains is 1 to {_MOST_DOMAINS} domain names: audit('kaisha.example', net=net)")
    if isinstance(domains, str):
        domain_name(domains)
    one = partial(_audit_one, net=net.remembering(), selectors=named(selectors), checks=select(lessons))
    found: list[Finding] = []
    for number, findings in enumerate((executor.map if executor else map)(one, names), 1):
        found += findings
        if progress:
            name = visible(str(names[number - 1]), 80)
            print(f"{number} of {len(names)}: {name}, {counted(findings)}", flush=True)
    rows = Rows(Finding, found, caption=net.caption)
    return _without_domain(rows) if len(names) == 1 else rows


def _audit_one(
    written: object, *, net: Network, selectors: tuple[str, ...] | None, checks: dict[str, Check]
) -> Rows[Finding]:
    try:
        domain = domain_name(written)
    except (ValueError, TypeError) as error:
        return Rows(Finding, [_about_no_name(visible(str(written), 80), error)], caption=net.caption)
    return run(Subject(domain, str(written), net.remembering(_SECONDS), selectors), checks)


def _about_no_name(shown: str, error: Exception) -> Finding:
    advice = "Correct the name in the list; the others were audited."
    reference = "RFC 1035 section 2.3.1; RFC 5890 section 2.3.2"
    return Finding(
        "domain name", shown, Verdict.UNKNOWN, visible(str(error)), advice, "", reference, "00_start_here", shown
    )


def _without_domain(rows: Rows[Finding]) -> Rows[Finding]:
    """Return *rows* such that a table of one domain does not repeat it in each line."""
    names = [field.name for field in dataclasses.fields(Finding) if field.name != "domain"]
    return rows.show(*(name for name in names if any(getattr(row, name) for row in rows)))
