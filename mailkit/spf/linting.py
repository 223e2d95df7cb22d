"""``lint``: what a domain's SPF record would do for anyone, what is wrong with it, and what to publish instead."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from mailkit.network import DnsRecord, Network, Status
from mailkit.network.together import put_together
from mailkit.results import Finding, Rows, Verdict
from mailkit.spf.evaluation import MAX_LOOKUPS
from mailkit.spf.full_walk import walk_fully
from mailkit.spf.limits import limits
from mailkit.spf.linted import LintedRecord, finding
from mailkit.spf.publishing import MOST_RECORDS, cut_off, pieces, record_findings, size
from mailkit.spf.records import Published, published
from mailkit.spf.repair import repaired
from mailkit.spf.resolver import Resolver, domain_name
from mailkit.spf.senders import senders
from mailkit.spf.trial import tried
from mailkit.spf.walk import Walk

__all__ = ["lint"]

_TIMEOUT = 30.0  # seconds for everything that one domain needs


def lint(domain: str, *, net: Network) -> Rows[Finding]:
    """Return the findings on the SPF record of *domain*, good ones included.

    "unknown" means that the DNS did not say, or that it depends on the message.  What a finding offers to paste
    (``fix``) was tried before: published over what is there and judged again; it is one record, though it mend several
    findings.  The whole takes at most 30 seconds.  Raises ValueError for what is no domain name, TypeError for what is
    no text.
    """
    name = domain_name(domain)
    resolver = Resolver(net, time.monotonic() + _TIMEOUT)

    def with_record(records: Sequence[DnsRecord]) -> list[Finding]:
        (record,) = records
        return _tried(name, resolver.publishing(record.name, record.value))

    return Rows(Finding, put_together(_tried(name, resolver), with_record), caption=net.caption)


def _tried(domain: str, resolver: Resolver) -> list[Finding]:
    """Return the findings with what each of them alone offers to paste."""
    findings = _judged(domain, resolver)
    return tried(findings, _parts(domain, resolver), domain, resolver, lambda trial: _judged(domain, trial))


def _parts(domain: str, resolver: Resolver) -> list[Finding]:
    """Return the findings on each of several records alone: no fault of theirs is new in what is made of them."""
    found = published(domain, resolver.lookup(domain, "TXT"))
    if len(found.records) < 2:
        return []
    alone = [_judged(domain, resolver.publishing(domain, text)) for text in found.records[:MOST_RECORDS]]
    return [size(domain, found), *(item for findings in alone for item in findings)]


def _judged(domain: str, resolver: Resolver) -> list[Finding]:
    """Return the findings on what *resolver* finds at *domain*; what they offer is the text of a record, untried."""
    return list(_findings(domain, published(domain, resolver.lookup(domain, "TXT")), resolver))


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
    yield from record_findings(domain, found, resolver)
    if not found.text:
        return
    yield size(domain, found)
    walks = [walk_fully(domain, version, resolver) for version in (4, 6)]
    yield from pieces(domain, found, walks[0])
    if walks[0].problem and (walks[0].temporary or walks[0].lookups <= MAX_LOOKUPS):
        yield _unread(domain, found, walks[0])
        return
    yield finding("syntax", domain, Verdict.PASS, "the record is well-formed", "4.6")
    subject = LintedRecord(domain, found, walks[0], walks[1], resolver)
    yield from limits(subject)
    yield from senders(subject)


def _unread(domain: str, found: Published, walk: Walk) -> Finding:
    """A record that cannot be evaluated, now or by anyone; the cause comes before what the parser says."""
    if walk.temporary:
        return finding("tree", domain, Verdict.UNKNOWN, walk.problem, "4.4", "Ask again later.")
    problem = f"{walk.problem}: every receiver gets permerror"
    if cut_off(found):
        problem = f"the record ends after 255 octets, the most that one string holds, in the middle: {problem}"
        advice = "Publish the whole record, in several strings of at most 255 octets each."
        return finding("syntax", domain, Verdict.FAIL, problem, "3.3", advice)
    mended = repaired(found.typed)
    fix = mended if mended != found.typed else ""
    return finding(
        "syntax",
        domain,
        Verdict.FAIL,
        problem,
        "4.6",
        "Mend this term; the others are not judged until then.",
        fix,
    )
