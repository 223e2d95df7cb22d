"""The whole report on one domain, mail servers and all, whatever is written where its name should be."""

from __future__ import annotations

from collections.abc import Mapping

from mailkit.network import Network
from mailkit.report.checks import Check, run
from mailkit.report.many import about_no_name
from mailkit.report.portfolio import PortfolioDomain
from mailkit.report.roles import accepted, role_checks
from mailkit.report.subject import Subject, domain_name
from mailkit.results import Finding

__all__ = ["one"]

_SECONDS = 90.0  # for one domain, all its lookups and connections together


def one(entry: PortfolioDomain, *, net: Network, checks: Mapping[str, Check]) -> list[Finding]:
    """Return what *checks* find out about the domain of *entry*, in 90 seconds at most."""
    try:
        domain = domain_name(entry.domain)
    except ValueError:
        return [about_no_name(entry.domain)]
    subject = Subject(domain, str(entry.domain), net.remembering(_SECONDS), entry.selectors)
    return accepted(entry, run(subject, {**checks, **role_checks(entry)}))
