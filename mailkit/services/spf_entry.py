"""A service's term in a domain's SPF record: merged with what is there, tried, and within ten lookups.

RFC 7208 section 3.2 allows one record a name, section 4.6.4 ten lookups in all; who goes beyond either has no SPF.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from mailkit import spf
from mailkit.network import DnsRecord, Network, Status
from mailkit.network.exchangers import mail_exchangers
from mailkit.network.wildcards import by_wildcard
from mailkit.results import Verdict, visible
from mailkit.services.standing import WILD
from mailkit.services.tickets import Action
from mailkit.spf.linted import joined, name_of, terms_of
from mailkit.spf.merging import CannotMerge, merged
from mailkit.spf.resolver import Resolver

__all__ = ["RecordEdit", "spf_entry"]

_SECONDS = 20.0
_FIRST = "This is the domain's first SPF record: name whatever else sends for it too, before you publish it."
_LOOSE = "The record that is there lets everybody send (+all), and the new one does not: name who relied on that."
_INSTEAD = "Let the service send from a subdomain with a record of its own, or make room first (lesson 04)."


@dataclass(frozen=True)
class RecordEdit:
    """What to do about the record: its new ``text``, the ``old`` one, and a sentence."""

    action: Action
    text: str = ""
    old: str = ""
    note: str = ""


def spf_entry(name: str, term: str, *, net: Network, with_mx: bool) -> RecordEdit:
    """Return the record of *name* with *term* in it, such as "include:amazonses.com".

    Where there is none, or a wildcard's, one is made; with *with_mx* it lets the domain's own mail servers send too.
    """
    there = spf.record(name, net=net)
    if there.status in (Status.SERVFAIL, Status.TIMEOUT):
        return RecordEdit(Action.UNKNOWN, note=f"{there.reason}; ask again later.")
    wild = by_wildcard(name, net.lookup(name, "TXT"), net)
    if len(there.records) > 1 and not wild:
        return RecordEdit(Action.BLOCKED, note="There are several v=spf1 records: make one of them first (lesson 04).")
    if term.lower() in (each.lstrip("+").lower() for each in terms_of(there.text)):
        return RecordEdit(Action.THERE, there.text)
    if not there.text or wild:
        mine = _own_servers(name, net) if with_mx else []
        note = WILD if wild else _FIRST if with_mx else ""
        return _tried(name, RecordEdit(Action.ADD, joined([*mine, term, "~all"]), note=note), net)
    try:
        text = merged(name, [there.text, joined([term])], Resolver(net, time.monotonic() + _SECONDS))
    except CannotMerge as error:
        return RecordEdit(Action.BLOCKED, note=f"It cannot be merged with the record that is there: {error}.")
    text = _tidy(there.text, term, text)
    note = _LOOSE if _lets_everybody(there.text) and not _lets_everybody(text) else ""
    return _tried(name, RecordEdit(Action.REPLACE, text, there.text, note), net)


def _own_servers(name: str, net: Network) -> list[str]:
    """Return the term for the domain's own mail servers; "mx" means MX records alone (RFC 7208 section 5.4)."""
    found = mail_exchangers(name, net=net)
    return ["a"] if found.implicit else ["mx"] if found.hosts else []


def _lets_everybody(text: str) -> bool:
    return any(name_of(term) == "all" and term[0] not in "-~?" for term in terms_of(text))


def _tidy(old: str, term: str, text: str) -> str:
    """Return *text* with the terms in the order that the DNS team knows, where that says the same."""
    terms = terms_of(old)
    place = next((i for i, each in enumerate(terms) if name_of(each) in ("all", "redirect")), len(terms))
    known = joined([*terms[:place], term, *terms[place:]])
    return known if sorted(terms_of(known)) == sorted(terms_of(text)) else text


def _tried(name: str, entry: RecordEdit, net: Network) -> RecordEdit:
    """Return *entry* once it was published in an overlay and no check of lint became worse; else why not.

    What could not be counted to its end is unknown.
    """
    others = [text for text in _others(name, net) if text != entry.old]
    overlay = net.overlay(DnsRecord(name, "TXT", text) for text in (*others, entry.text))
    before = {found.check for found in spf.lint(name, net=net) if found.verdict is Verdict.FAIL}
    after = spf.lint(name, net=overlay)
    failing = [found for found in after if found.verdict is Verdict.FAIL]
    worse = [found for found in failing if found.check not in before or found.check == "SPF lookups"]
    if worse:
        note = f"With {entry.text} {visible(worse[0].evidence, 300)}. {_INSTEAD}"
        return RecordEdit(Action.BLOCKED, entry.text, entry.old, note)
    for found in after:
        if found.check == "SPF lookups" and found.verdict is Verdict.UNKNOWN:
            note = f"Whether ten lookups are enough cannot be told: {visible(found.evidence, 300)}; ask again later."
            return RecordEdit(Action.UNKNOWN, entry.text, entry.old, note)
    return entry


def _others(name: str, net: Network) -> list[str]:
    """Return the other texts at *name*, which stay as they are."""
    found = [text.decode("utf-8", "surrogateescape") for text in net.lookup(name, "TXT").texts]
    return [text for text in found if not text.lower().startswith("v=spf1")]
