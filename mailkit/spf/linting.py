"""``lint``: what a domain's SPF record would do for anyone, what is wrong with it, and what to publish instead."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import spf

from mailkit.network import Network, Status
from mailkit.results import Finding, Rows, Verdict
from mailkit.spf.evaluation import MAX_LOOKUPS
from mailkit.spf.limits import limits
from mailkit.spf.records import Published, published, zone_line
from mailkit.spf.resolver import Resolver, is_name
from mailkit.spf.senders import senders
from mailkit.spf.subject import Subject, finding, terms_of
from mailkit.spf.survey import survey
from mailkit.spf.trace import shown

__all__ = ["lint"]

_TIMEOUT = 30.0  # seconds for everything that one domain needs
_DNS_HEADER, _RR_HEAD, _OPT = 12, 12, 11  # octets: of a response, of a record with a compressed name, of EDNS
_TERM_START = re.compile(
    r"[+?~-]?(?:all|a|mx|ptr|(?:include|exists|ip4|ip6|a|mx|ptr):\S+|(?:redirect|exp)=\S+)(?:\s|$)", re.I
)


def lint(domain: str, *, net: Network) -> Rows[Finding]:
    """Return the findings on the SPF record of *domain*, good ones included.

    "unknown" means that the DNS did not say.  The whole takes at most 30 seconds.  Raises ValueError for what is no
    domain name, TypeError for what is no text.
    """
    if not isinstance(domain, str):
        raise TypeError(f"domain is a name as text, such as 'example.jp', not {type(domain).__name__}")
    name = domain.strip().removesuffix(".").lower()
    if not is_name(name) or "." not in name or re.search(r"[\s%@]", name):
        raise ValueError(f"{shown(domain, 80)!r} is no domain name; write it as 'example.jp', with A-labels (xn--…)")
    resolver = Resolver(net, time.monotonic() + _TIMEOUT)
    found = published(name, resolver.lookup(name, "TXT"))
    return Rows(Finding, _findings(name, found, resolver), caption=net.caption)


def _findings(domain: str, found: Published, resolver: Resolver) -> Iterator[Finding]:
    if found.status in (Status.SERVFAIL, Status.TIMEOUT):
        yield finding(
            "record",
            domain,
            Verdict.UNKNOWN,
            f"the TXT records cannot be had: {found.reason}",
            "4.4",
            "Ask again later; while it lasts, receivers get temperror and may put the mail off.",
        )
        return
    obsolete = [
        text.decode("ascii", "backslashreplace")
        for text in resolver.lookup(domain, "SPF").texts
        if spf.RE_SPF.match(text)
    ]
    yield _record(domain, found, obsolete, resolver)
    if obsolete:
        yield finding(
            "obsolete type",
            domain,
            Verdict.WARN,
            f"a record of type SPF (99): {obsolete[0]}",
            "3.1",
            "Nobody reads this type; remove it once the text is published as TXT.",
        )
    if not found.text:
        return
    yield from _pieces(domain, found)
    yield _size(domain, found)
    subject = Subject(domain, found, survey(domain, 4, resolver), survey(domain, 6, resolver), resolver)
    tree = subject.v4
    if tree.problem and tree.temporary:
        yield finding("tree", domain, Verdict.UNKNOWN, tree.problem, "4.4", "Ask again later.")
        return
    if tree.problem and tree.lookups <= MAX_LOOKUPS:
        yield finding(
            "syntax",
            domain,
            Verdict.FAIL,
            f"{tree.problem}: every receiver gets permerror",
            "4.6",
            "Mend this term; the others are not judged until then.",
        )
        return
    yield finding("syntax", domain, Verdict.PASS, "the record is well-formed", "4.6")
    yield from limits(subject)
    yield from senders(subject)


def _record(domain: str, found: Published, obsolete: list[str], resolver: Resolver) -> Finding:
    """One record, no more and no less (RFC 7208 sections 3.2 and 4.5)."""
    if found.text:
        return finding("record", domain, Verdict.PASS, found.text, "4.5")
    if found.records:
        return finding(
            "record",
            domain,
            Verdict.FAIL,
            f"{len(found.records)} records begin with v=spf1: receivers get permerror",
            "4.5",
            "Keep one record that holds the terms of all.",
            zone_line(domain, _merged(found.records)),
        )
    if found.reason and found.status is Status.NXDOMAIN and found.reason != "no such name":
        return finding("record", domain, Verdict.UNKNOWN, found.reason, "4.4", "Ask on the network where it exists.")
    if obsolete:
        return finding(
            "record",
            domain,
            Verdict.FAIL,
            "no SPF record of type TXT, only one of the type SPF that nobody reads",
            "3.1",
            "Publish the same text as TXT.",
            zone_line(domain, obsolete[0]),
        )
    mx = resolver.lookup(domain, "MX")
    if mx.status in (Status.SERVFAIL, Status.TIMEOUT):
        return finding("record", domain, Verdict.FAIL, f"no SPF record; the MX cannot be had: {mx.reason}", "3")
    evidence = "there is no such name" if found.status is Status.NXDOMAIN else "no SPF record"
    if found.almost:
        evidence = f"looks like SPF, but is none: {found.almost[0]}"
    hosts: tuple[Any, ...] = mx.rdata
    if any(r.exchange.labels != (b"",) for r in hosts):
        return finding(
            "record",
            domain,
            Verdict.FAIL,
            evidence,
            "3",
            "Publish one. This one allows the hosts in your MX; add those of your sending services.",
            zone_line(domain, "v=spf1 mx ~all"),
        )
    return finding(
        "record",
        domain,
        Verdict.WARN,
        f"{evidence}, and no MX either",
        "10.1.2",
        "If the domain sends no mail, say so, or others will send in its name.",
        zone_line(domain, "v=spf1 -all"),
    )


def _merged(records: tuple[str, ...]) -> str:
    """Return one record with the terms of all *records*, the last ``all`` at its end."""
    terms = dict.fromkeys(term for text in records for term in terms_of(text))
    ends = [term for term in terms if term.lstrip("+-~?").lower() == "all"]
    return " ".join(["v=spf1", *(term for term in terms if term not in ends), *ends[-1:]])


def _pieces(domain: str, found: Published) -> Iterator[Finding]:
    """Strings are joined as they are: where a space is missing between two, two terms become one (section 3.3)."""
    for left, right in zip(found.pieces, found.pieces[1:]):
        if left and not left.endswith(" ") and _TERM_START.match(right):
            glued = f"{left.split(' ')[-1]}{right.split(' ')[0]}"
            yield finding(
                "strings",
                domain,
                Verdict.WARN,
                f"two strings are joined to {glued}",
                "3.3",
                "Strings are joined without a space: put one at the end of the first.",
                zone_line(domain, " ".join(piece.strip() for piece in found.pieces)),
            )
            return
    if len(found.pieces) > 1:
        yield finding("strings", domain, Verdict.PASS, f"{len(found.pieces)} strings, joined rightly", "3.3")


def _size(domain: str, found: Published) -> Finding:
    """An answer of up to 512 octets passes everywhere; the advice is 450 for name and TXT data (section 3.4)."""
    rdata: tuple[Any, ...] = found.answer.rdata if found.answer else ()
    data = sum(len(s) + 1 for r in rdata for s in r.strings)
    name = len(domain) + 2
    answer = _DNS_HEADER + name + 4 + len(rdata) * _RR_HEAD + data + _OPT
    evidence = f"name and TXT data {name + data} octets, the whole answer {answer}"
    if answer > 512:
        return finding(
            "size",
            domain,
            Verdict.WARN,
            evidence,
            "3.4",
            "Over 512 octets the answer may need TCP, which some firewalls stop. Move other TXT records to names of "
            "their own, or terms into an include.",
        )
    if name + data > 450:
        return finding("size", domain, Verdict.INFO, evidence, "3.4", "Near the limit: the advice is 450 octets.")
    return finding("size", domain, Verdict.PASS, evidence, "3.4")
