"""Trying the selectors that mail services usually take, since the DNS cannot list them.

A key is found only by asking for its exact name (RFC 6376 section 3.6.2.1), so what was not found may still exist
under another name.  Two things mislead: a wildcard answers for every name, and a zone signed online with compact
denial (RFC 9824) answers NODATA for names that do not exist.  A made-up selector, asked first, shows both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from mailkit import datasets
from mailkit.dkim.keys import Key, judge
from mailkit.dkim.names import ascii_name, record_name
from mailkit.network import Answer, Network, Status, health
from mailkit.results import Record, Rows, Verdict

__all__ = ["SelectorStatus", "SelectorTrial", "selectors"]

_MADE_UP = "mailkit-made-up-selector-4711"
_DEADLINE = 20.0  # seconds for all lookups together


class SelectorStatus(StrEnum):
    """What asking for one selector gave.

    ``dangling``: its alias leads to no key.  ``spare``: the same, beside another alias to the same service that has
    one.  ``rest`` marks the last row, on every name that was not tried.
    """

    FOUND = "found"
    DANGLING = "dangling"
    SPARE = "spare"
    UNKNOWN = "unknown"
    REST = "rest"


@dataclass(frozen=True)
class SelectorTrial(Record):
    """One selector for which there was something to say; the last row speaks of all others.

    ``usual_for`` is who usually takes this name, which is a hint and no proof.
    """

    selector: str
    status: SelectorStatus
    verdict: Verdict
    reason: str
    key_type: str = ""
    bits: int | None = None
    alias: tuple[str, ...] = ()
    usual_for: str = ""


def selectors(domain: str, *, net: Network) -> Rows[SelectorTrial]:
    """Return what the usual selectors of ``data/dkim_selectors.csv`` give at *domain*, and what stays unknown.

    There is a row for each selector that has a key, whose alias leads nowhere, or whose lookup failed, and a last
    row on all other names.  Raises ValueError or TypeError when *domain* is no domain name.
    """
    domain = ascii_name(domain, "domain")
    record_name(_MADE_UP, domain)
    table = datasets.load("dkim_selectors")
    usual = dict(zip(table["selector"], table["usual_for"]))
    caption = f"{net.caption}; {len(usual)} usual selectors tried"
    net = net.remembering(_DEADLINE)
    made_up = net.lookup(record_name(_MADE_UP, domain), "TXT")
    if made_up.status in (Status.TIMEOUT, Status.SERVFAIL):
        reason = f"the DNS could not be asked: {made_up.reason}"
        return Rows(SelectorTrial, [_rest(Verdict.UNKNOWN, reason)], caption=caption)
    names = [record_name(selector, domain) for selector in usual]
    net.prefetch((name, "TXT") for name in names)
    answers = [net.lookup(name, "TXT") for name in names]
    rows = [
        _row(judge(domain, selector, answer), answer, usual[selector])
        for selector, answer in zip(usual, answers)
        if answer.status in (Status.TIMEOUT, Status.SERVFAIL)
        or (set(answer.texts), answer.chain) != (set(made_up.texts), made_up.chain)
    ]
    services = {_service(row) for row in rows if row.status is SelectorStatus.FOUND and row.alias}
    rows = [_spare(row) if row.status is SelectorStatus.DANGLING and _service(row) in services else row for row in rows]
    order = list(SelectorStatus)
    rows.sort(key=lambda row: order.index(row.status))
    return Rows(SelectorTrial, [*rows, _last_row(rows, made_up, domain, net)], caption=caption)


def _row(key: Key, answer: Answer, usual_for: str) -> SelectorTrial:
    if answer.texts:
        status, verdict = SelectorStatus.FOUND, key.verdict
    elif answer.chain:
        status, verdict = SelectorStatus.DANGLING, Verdict.WARN
    else:
        status, verdict = SelectorStatus.UNKNOWN, Verdict.UNKNOWN
    return SelectorTrial(key.selector, status, verdict, key.reason, key.key_type, key.bits, key.alias, usual_for)


def _service(row: SelectorTrial) -> str:
    """Return the name under which the service that the alias of *row* leads to keeps this customer's keys."""
    return row.alias[0].lower().partition(".")[2]


def _spare(row: SelectorTrial) -> SelectorTrial:
    """Return *row* for one of several aliases to a service that rotates keys: the next key will be published there."""
    reason = f"{row.reason}, but another alias to the same service does: a spare name, for the next change of keys"
    return replace(row, status=SelectorStatus.SPARE, verdict=Verdict.INFO, reason=reason)


def _last_row(rows: list[SelectorTrial], made_up: Answer, domain: str, net: Network) -> SelectorTrial:
    """Return what can be said about every selector that was not tried."""
    look = "the DNS cannot list selectors: take them from the s= of messages you sent"
    if made_up.texts and judge(domain, _MADE_UP, made_up).revoked:
        return _rest(Verdict.INFO, "a wildcard revokes every other selector: nobody can sign as this domain with one")
    if made_up.texts:
        return _rest(Verdict.UNKNOWN, f"a wildcard answers for every selector, even a made-up one; {look}")
    if any(row.status is SelectorStatus.FOUND for row in rows):
        return _rest(Verdict.INFO, f"there may be more; {look}")
    if made_up.status is Status.NODATA:
        reason = "the zone says “no data” even for a made-up name (compact denial or a wildcard), so nothing follows"
        return _rest(Verdict.UNKNOWN, f"{reason}; {look}")
    if net.lookup(f"_domainkey.{domain}", "TXT").status is Status.NXDOMAIN:
        if trouble := health.trouble(net):
            return _rest(Verdict.UNKNOWN, trouble)
        reason = f"there is no name _domainkey.{domain}, so nothing exists below it: no selector at all (RFC 8020)"
        return _rest(Verdict.WARN, reason)
    return _rest(Verdict.UNKNOWN, f"none of the usual selectors has a key; {look}")


def _rest(verdict: Verdict, reason: str) -> SelectorTrial:
    return SelectorTrial("(any other)", SelectorStatus.REST, verdict, reason)
