"""Whether what the resolver says is what the zone's own name servers say: only then do the findings mean the domain.

A cache may hold an old answer, a company's resolver may show the inside view of a zone, and some resolvers make answers
up.  None of that is the domain's fault: all findings on it are unknown then, with that one explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailkit.network import Network
from mailkit.network.zone_servers import Difference, compare_with_zone
from mailkit.report.checks import ANOTHER_RESOLVER
from mailkit.report.portfolio import PortfolioDomain
from mailkit.report.subject import domain_name
from mailkit.results import Finding, Verdict, visible

__all__ = ["compared"]

_SECONDS = 30.0  # for one domain
_CHECK, _REFERENCE, _LESSON = "name servers", "RFC 1034 sections 3.6 and 4.3.1", "00_start_here"
_UNASKED = "Port 53 may be closed to TCP on the way from here: ask from another place. The other findings stand."


def compared(
    entry: PortfolioDomain, findings: Sequence[Finding], *, net: Network, checks: Iterable[str]
) -> list[Finding]:
    """Return *findings* on the domain of *entry* with one on whether its own servers say what the resolver says.

    Where they say something else, that one takes the place of all others.
    """
    try:
        domain = domain_name(entry.domain)
    except ValueError:
        return list(findings)
    if any(finding.check == _CHECK for finding in findings):  # the resolver is silent or lies
        return list(findings)
    questions = [(domain, "MX"), (domain, "TXT"), (f"_dmarc.{domain}", "TXT")]
    questions += [(f"{selector}._domainkey.{domain}", "TXT") for selector in entry.selectors or ()]
    differences, unasked = compare_with_zone(questions, net=net.remembering(_SECONDS))
    if differences:
        return [replace(_about(domain, differences, checks), domain=domain)]
    if unasked:
        found = _finding(domain, Verdict.UNKNOWN, f"not compared with the zone's own servers: {unasked}", _UNASKED)
    else:
        asked = ", ".join(f"{name} {rdtype}" for name, rdtype in questions)
        found = _finding(domain, Verdict.INFO, f"the zone's own servers say the same of {asked}", "")
    return [*findings, replace(found, domain=domain)]


def _finding(domain: str, verdict: Verdict, evidence: str, advice: str) -> Finding:
    return Finding(_CHECK, domain, verdict, visible(evidence, 1500), advice, "", _REFERENCE, _LESSON)


def _about(domain: str, differences: Sequence[Difference], checks: Iterable[str]) -> Finding:
    said = "; ".join(
        f"{each.name} {each.rdtype}: the resolver says {visible(each.resolver, 200)}, "
        f"the zone itself {visible(each.zone, 200)}"
        for each in differences
    )
    evidence = f"{said}: so nothing of {', '.join(checks)} is known for sure"
    seconds = max(each.ttl for each in differences)
    advice = f"A cache may keep an old answer for {seconds} seconds more: ask again then. If it stays so, the resolver "
    advice += f"has answers of its own. {ANOTHER_RESOLVER}"
    return _finding(domain, Verdict.UNKNOWN, evidence, advice)
