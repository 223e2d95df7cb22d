"""The checks of ``lint`` on how the record is published: one and no more, begun rightly, cut rightly, not too long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import spf

from mailkit.network import Status, health
from mailkit.results import Finding, Verdict
from mailkit.spf.characters import readable, spoiler
from mailkit.spf.linted import finding, joined, terms_of
from mailkit.spf.merging import CannotMerge, merged
from mailkit.spf.records import Published, published
from mailkit.spf.repair import repaired
from mailkit.spf.resolver import Resolver
from mailkit.spf.trace import shown
from mailkit.spf.walk import Walk

__all__ = ["MOST_RECORDS", "cut_off", "pieces", "record_findings", "size"]

MOST_RECORDS = 8  # of one domain that are read and put together
_STRING = 255  # octets of one string (RFC 1035 section 3.3)
_DNS_HEADER, _RR_HEAD, _OPT = 12, 12, 11  # octets: of a response, of a record with a compressed name, of EDNS
_TERM_START = re.compile(
    r"[+?~-]?(?:all|a|mx|ptr|(?:include|exists|ip4|ip6|a|mx|ptr):\S+|(?:redirect|exp)=\S+)(?:\s|$)", re.I
)


def record_findings(domain: str, found: Published, resolver: Resolver) -> Iterator[Finding]:
    """Yield the findings on whether there is one record, and on what was meant as one."""
    answer = resolver.lookup(domain, "SPF")
    obsolete = [readable(text) for text in answer.texts if spf.RE_SPF.match(text)]
    if len(found.records) > 1:
        yield _several(domain, found, resolver)
    elif found.text:
        yield finding("record", domain, Verdict.PASS, found.text, "4.5")
    else:
        yield _missing(domain, found, obsolete, resolver)
    if found.records and found.attempts:
        yield _beside(domain, found)
    if obsolete:
        yield finding(
            "obsolete type",
            domain,
            Verdict.WARN,
            f"a record of type SPF (99): {obsolete[0]}",
            "3.1",
            "Nobody reads this type; remove it once the text is published as TXT.",
        )


def _several(domain: str, found: Published, resolver: Resolver) -> Finding:
    evidence = f"{len(found.records)} records begin with v=spf1: receivers get permerror"
    advice, fix = "Keep one record that holds the terms of all.", ""
    try:
        if len(found.records) > MOST_RECORDS:
            raise CannotMerge(f"more than {MOST_RECORDS} records are not put together here")
        fix = merged(domain, found.records, resolver)
    except CannotMerge as error:
        advice += f" Nothing is offered to paste: {error}."
    return finding("record", domain, Verdict.FAIL, evidence, "4.5", advice, fix)


def _missing(domain: str, found: Published, obsolete: list[str], resolver: Resolver) -> Finding:
    """No record: one that was meant, one of the wrong type, one in the wrong place, or none at all."""
    if found.reason and found.status is Status.NXDOMAIN and found.reason != "no such name":
        return finding("record", domain, Verdict.UNKNOWN, found.reason, "4.4", "Ask on the network where it exists.")
    if found.status is Status.NXDOMAIN and (trouble := health.trouble(resolver.net)):
        advice = "Nothing can be said of this domain until another resolver is asked."
        return finding("record", domain, Verdict.UNKNOWN, trouble, "4.4", advice)
    if found.attempts:
        return _almost(domain, found, sends=_has_mx(domain, resolver))
    if obsolete:
        evidence = "no SPF record of type TXT, only one of the type SPF that nobody reads"
        return finding("record", domain, Verdict.FAIL, evidence, "3.1", "Publish the same text as TXT.", obsolete[0])
    if doubled := _doubled(domain, resolver):
        return doubled
    mx = resolver.lookup(domain, "MX")
    if mx.status in (Status.SERVFAIL, Status.TIMEOUT):
        return finding("record", domain, Verdict.FAIL, f"no SPF record; the MX cannot be had: {mx.reason}", "3")
    evidence = "there is no such name" if found.status is Status.NXDOMAIN else "no SPF record"
    if _has_mx(domain, resolver):
        advice = "Publish one. This one allows the hosts in your MX; add those of your sending services."
        return finding("record", domain, Verdict.FAIL, evidence, "3", advice, "v=spf1 mx ~all")
    evidence += ", and the MX is null" if mx.rdata else ", and no MX either"
    advice = "If the domain sends no mail, say so, or others will send in its name."
    return finding("record", domain, Verdict.WARN, evidence, "10.1.2", advice, "v=spf1 -all")


def _has_mx(domain: str, resolver: Resolver) -> bool:
    hosts: tuple[Any, ...] = resolver.lookup(domain, "MX").rdata
    return any(rdata.exchange.labels != (b"",) for rdata in hosts)


def _almost(domain: str, found: Published, *, sends: bool) -> Finding:
    """A TXT record that was meant as SPF, and the character that spoils it (sections 3.1 and 4.5)."""
    text = found.attempts[0]
    evidence = f"looks like SPF, but is none: {found.almost[0]}: {spoiler(text)}"
    section = "4.5" if text.isascii() else "3.1"
    verdict = Verdict.FAIL if sends else Verdict.WARN
    if len(found.attempts) > 1:
        evidence = f"{len(found.attempts)} TXT records look like SPF, but are none; the first: {evidence[32:]}"
        return finding("record", domain, verdict, evidence, section, "Publish one record in place of them all.")
    advice = "Publish this in its place: a record begins with v=spf1 and a space, and is plain ASCII."
    return finding("record", domain, verdict, evidence, section, advice, repaired(text))


def _beside(domain: str, found: Published) -> Finding:
    evidence = f"beside the record stands one that looks like SPF, but is none: {found.almost[0]}: "
    evidence += spoiler(found.attempts[0])
    return finding("almost a record", domain, Verdict.INFO, evidence, "4.5", "Receivers pass it over; so can you.")


def _doubled(domain: str, resolver: Resolver) -> Finding | None:
    """The record of a name without its final dot, or of a web form that wanted ``@``: it stands one zone deeper."""
    place = f"{domain}.{domain}"
    record = published(place, resolver.lookup(place, "TXT")).text
    if not record or published(place, resolver.lookup(f"no-such-name.{domain}", "TXT")).text:
        return None  # a wildcard answers for every name
    return finding(
        "record",
        domain,
        Verdict.FAIL,
        f"the record stands at {place} instead: {record}",
        "4.4",
        "A name without a final dot in a zone file, or the whole name in a web form, gets the domain added once more: "
        "end it in a dot, or write @.",
        record,
    )


def cut_off(found: Published) -> bool:
    """Return whether the record is exactly as long as one string: what was longer was dropped (section 3.3)."""
    octets = _strings(found)
    return len(octets) == 1 and len(octets[0]) == _STRING


def _strings(found: Published) -> tuple[bytes, ...]:
    rdata: tuple[Any, ...] = found.answer.rdata if found.answer else ()
    return next((r.strings for r in rdata if spf.RE_SPF.match(b"".join(r.strings))), ())


def pieces(domain: str, found: Published, walk: Walk) -> Iterator[Finding]:
    """Strings are joined as they are: where a space is missing between two, two terms become one (section 3.3).

    A string may also end in the middle of a term, even between a qualifier and its mechanism, and then all is well:
    only a term that is in error, or leads nowhere, has been glued.
    """
    parts = found.pieces
    for place, (left, right) in enumerate(pairwise(parts)):
        last = left.rpartition(" ")[2]
        glued = last + right.partition(" ")[0]
        if _TERM_START.match(last) and _TERM_START.match(right) and _troubled(glued, walk):
            text = "".join(parts[: place + 1]) + " " + "".join(parts[place + 1 :])
            yield finding(
                "strings",
                domain,
                Verdict.WARN,
                f"two strings are joined to {glued}",
                "3.3",
                "Strings are joined without a space: put one at the end of the first.",
                joined(terms_of(text)),
            )
            return
    if cut_off(found) and not walk.problem and (walk.last is None or walk.last.kind != "all"):
        yield finding(
            "strings",
            domain,
            Verdict.WARN,
            "the record ends after 255 octets, the most that one string holds, and has no all: the rest may be missing",
            "3.3",
            "Publish the whole record, in several strings of at most 255 octets each.",
        )
        return
    if len(parts) > 1:
        yield finding("strings", domain, Verdict.PASS, f"{len(parts)} strings, joined rightly", "3.3")


def _troubled(glued: str, walk: Walk) -> bool:
    """Return whether the term *glued* is in error, or leads to nothing."""
    wrong = [trouble.entry.term for trouble in walk.broken] + [void.entry.term for void in walk.voids]
    return glued in wrong or (bool(walk.problem) and shown(glued, 80) in walk.problem)


def size(domain: str, found: Published) -> Finding:
    """An answer of up to 512 octets passes everywhere; the advice is 450 for name and TXT data (section 3.4)."""
    rdata: tuple[Any, ...] = found.answer.rdata if found.answer else ()
    data = sum(len(s) + 1 for r in rdata for s in r.strings)
    name = len(domain) + 2
    answer = _DNS_HEADER + name + 4 + len(rdata) * _RR_HEAD + data + _OPT
    evidence = f"name and TXT data {name + data} octets, the whole answer {answer}"
    if answer > 512:
        advice = (
            "Over 512 octets the answer may need TCP, which some firewalls stop. Move other TXT records to names of "
            "their own, or terms into an include."
        )
        return finding("size", domain, Verdict.WARN, evidence, "3.4", advice)
    if name + data > 450:
        return finding("size", domain, Verdict.INFO, evidence, "3.4", "Near the limit: the advice is 450 octets.")
    return finding("size", domain, Verdict.PASS, evidence, "3.4")
