"""A survey of many domains: of each one what the report says about its habits, a row a domain, for counting.

Three answers are possible to each question, as everywhere: yes, no, and "not to be seen", which is empty (None) here.
A share of those that could not be seen is no share of those that do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailkit import spf
from mailkit.results import Finding, Record, Rows, Verdict

__all__ = ["Surveyed", "survey"]

_LOOKUPS = re.compile(r"(?:more than )?(\d+) lookups?, ")
# What is in force: under t=y less than is asked for, and below a domain with a record what that one says.
_IN_FORCE = (re.compile(r"for now (\w+) applies"), re.compile(r"p=(\w+)"), re.compile(r"record of \S+: (\w+)"))
_ENFORCED = ("quarantine", "reject")

ByCheck = dict[str, list[Finding]]


@dataclass(frozen=True)
class Surveyed(Record):
    """The habits of one domain; None is what could not be seen.

    ``sends`` is False for one whose SPF record lets nobody send.  ``spf`` says whether there is a record that receivers
    can find, ``lookups`` what it costs them (RFC 7208 section 4.6.4), None also without a record.  ``signs`` says
    whether a DKIM key was found, ``policy`` what DMARC asks for, "" where no record counts, and ``enforces`` whether
    that is more than reports.
    """

    domain: str
    sends: bool | None
    spf: bool | None
    lookups: int | None
    signs: bool | None
    policy: str | None
    enforces: bool | None


def survey(findings: Iterable[Finding]) -> Rows[Surveyed]:
    """Return the habits of each domain in *findings*, the rows of a report with the lessons 04, 05 and 06."""
    domains: dict[str, ByCheck] = {}
    for finding in findings:
        domains.setdefault(finding.domain, {}).setdefault(finding.check, []).append(finding)
    rows = [_surveyed(domain, found) for domain, found in domains.items()]
    return Rows(Surveyed, rows, caption=getattr(findings, "caption", ""))


def _surveyed(domain: str, found: ByCheck) -> Surveyed:
    published, policy = _spf(found), _policy(found)
    silent = any(spf.NO_MAIL in finding.evidence for finding in found.get("SPF all", ()))
    sends = None if published is None else not silent
    enforces = None if policy is None else policy in _ENFORCED
    return Surveyed(domain, sends, published, _lookups(found), _signs(found), policy, enforces)


def _spf(found: ByCheck) -> bool | None:
    for finding in found.get("SPF record", ()):
        return None if finding.verdict is Verdict.UNKNOWN else finding.verdict in (Verdict.PASS, Verdict.INFO)
    return None


def _lookups(found: ByCheck) -> int | None:
    for finding in found.get("SPF lookups", ()):
        if match := _LOOKUPS.match(finding.evidence):
            return int(match[1])
    return None


def _signs(found: ByCheck) -> bool | None:
    """Return whether a key was found; False only where the DNS shows that there is none under any selector."""
    keys = found.get("DKIM key", ())
    if any(key.verdict is Verdict.PASS or (key.verdict is Verdict.WARN and " key of " in key.evidence) for key in keys):
        return True
    none_at_all = any("no selector at all" in finding.evidence for finding in found.get("DKIM selectors", ()))
    return False if none_at_all else None


def _policy(found: ByCheck) -> str | None:
    """Return the policy that is in force, "" where no record counts."""
    record = next(iter(found.get("DMARC record", ())), None)
    if record is None or record.verdict is Verdict.UNKNOWN:
        return None
    if record.verdict is not Verdict.PASS:
        return ""
    for finding in (*found.get("DMARC policy", ()), *found.get("DMARC syntax", ()), record):
        for pattern in _IN_FORCE:
            if match := pattern.search(finding.evidence):
                return match[1]
    return ""
