"""The old way: policy discovery with the Public Suffix List (RFC 7489 sections 3.2 and 6.6.3), to compare with.

Many receivers still work so.  The list is the one that the package publicsuffixlist holds, both its sections.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from mailkit.dmarc.asking import Node, node
from mailkit.dmarc.records import Policy
from mailkit.dmarc.tree_walk import Query
from mailkit.network import Network
from mailkit.results import Record, Rows, hidden

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

__all__ = ["OldWay", "is_public_suffix", "old_way", "registered_domain"]


@dataclass(frozen=True)
class OldWay(Record):
    """What a receiver of RFC 7489 finds: ``record`` at ``where``, and by which ``queries``.

    ``status`` is "found", "none" or "temperror"; ``policy`` is the one that applies, after sp; ``sampled`` the share in
    percent of failing mail it applies to (pct).
    """

    status: str
    record: str
    where: str
    organizational_domain: str
    policy: Policy | None
    sampled: int
    reason: str
    queries: Rows[Query] = hidden(None)


@cache
def _list() -> PublicSuffixList:
    """Return the Public Suffix List; reading it takes a moment, so it is done when first needed."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def registered_domain(domain: str) -> str:
    """Return the name of *domain*, given with A-labels, one label below a public suffix; a public suffix itself."""
    return str(_list().privatesuffix(domain) or domain)


def is_public_suffix(domain: str) -> bool:
    """Return whether *domain*, given with A-labels, is a public suffix by the list."""
    return bool(_list().is_public(domain))


def old_way(domain: str, net: Network) -> OldWay:
    """Return what policy discovery after RFC 7489 section 6.6.3 finds for *domain*."""
    organizational = registered_domain(domain)
    nodes = [node(domain, net)]
    if not nodes[0].failed and not nodes[0].texts and organizational != domain:
        nodes.append(node(organizational, net))
    queries = Rows(Query, [_query(i, n) for i, n in enumerate(nodes, start=1)], caption=net.caption)
    last = nodes[-1]
    if last.failed:
        reason = f"{last.name} was not answered: {last.answer.reason}"
        return OldWay("temperror", "", "", organizational, None, 100, reason, queries)
    if last.record is None:
        reason = "several records: discovery ends" if last.texts else "no record at the domain or its registered domain"
        return OldWay("none", "", "", organizational, None, 100, reason, queries)
    invalid = set(last.record.invalid) - {"np"}  # a tag that RFC 7489 does not know
    if invalid and not last.record.rua:
        reason = "the policy is invalid and there is no valid rua"
        return OldWay("none", last.record.text, last.domain, organizational, None, 100, reason, queries)
    inherited = last.domain != domain
    asked = last.record.sp if inherited and last.record.sp else last.record.p
    policy = Policy.NONE if invalid or asked is None else asked
    reason = "the record of the registered domain" if inherited else "the record of the domain itself"
    sampled = _sampled(last)
    return OldWay("found", last.record.text, last.domain, organizational, policy, sampled, reason, queries)


def _query(number: int, found: Node) -> Query:
    if found.failed:
        note = f"not answered ({found.answer.reason})"
    elif len(found.texts) > 1:
        note = f"{len(found.texts)} records: no DMARC"
    else:
        note = "the record that applies" if found.record else "no DMARC record"
    text = found.record.text if found.record else ""
    return Query(number, found.name, found.answer.status, text, note, found)


def _sampled(found: Node) -> int:
    """Return pct, which only the old way knows; 100 for what is no percentage."""
    assert found.record is not None
    for tag in found.record.removed:
        name, _, value = tag.partition("=")
        if name == "pct" and value.isascii() and value.isdigit() and len(value) <= 3 and int(value) <= 100:
            return int(value)
    return 100
