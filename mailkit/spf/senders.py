"""The checks of ``lint`` on who passes: what becomes of everyone else, and whom the terms let in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mailkit.network import Status
from mailkit.results import Finding, Verdict
from mailkit.spf.evaluation import MAX_STEPS
from mailkit.spf.full_walk import DEPENDS, MOST_LOOKUPS
from mailkit.spf.linted import MESSAGE, NO_MAIL, LintedRecord, finding, joined, listed
from mailkit.spf.macros import depends_on_message
from mailkit.spf.resolver import raw_name
from mailkit.spf.trace import shown
from mailkit.spf.tried_terms import TriedTerm
from mailkit.spf.walk import Walk

__all__ = ["senders"]

# A domain-spec that ends in what the client chooses: its HELO name, its reverse name, the local part it claims.
_OUTSIDER = re.compile(r"%\{[hlp][^%{}]*\}\.?(?:/\d{1,3})?(?://\d{1,3})?$", re.IGNORECASE)
_TREE_WALK = 7  # labels: from a longer name DMARC goes on there, so that it asks at most eight (RFC 9989 section 4.10)
_DMARC = re.compile(rb"v\s*=\s*DMARC1\s*(?:;|$)")
_MOST_HOSTS = 10  # of the MX that are asked for an IPv6 address
_WIDE = {4: 16, 6: 32}  # a shorter prefix than this is more than one organisation usually has
_HUGE = {4: 8, 6: 16}  # and this is a fair part of the internet


def senders(subject: LintedRecord) -> Iterator[Finding]:
    """Yield the findings on who passes."""
    yield _all(subject)
    yield from _let_in(subject)
    yield from _ipv6(subject)
    yield from _null_mx(subject)


def _all(subject: LintedRecord) -> Finding:
    """What becomes of everyone else (sections 5.1 and 4.7)."""
    last = subject.v4.last
    fix = "" if subject.redirects else joined([*subject.live_terms, "~all"])
    if last and last.kind == "redirect" and last in subject.v4.unseen:
        evidence = f"{shown(last.term)} says what becomes of everyone else, and {DEPENDS}"
        return finding("all", subject.domain, Verdict.UNKNOWN, evidence, "6.1", MESSAGE)
    if last is None or last.kind != "all":
        return finding(
            "all",
            subject.domain,
            Verdict.WARN,
            "no all at the end: everyone else is neutral, as if not mentioned",
            "4.7",
            "Say what becomes of everyone else; ~all first, -all once your reports show no stray senders.",
            fix,
        )
    term = shown(last.term)
    if last.verb == "pass":
        return finding(
            "all",
            subject.domain,
            Verdict.FAIL,
            f"{term}: everyone passes, spammers too",
            "5.1",
            "Name your hosts and end in ~all.",
            fix,
        )
    if last.verb == "neutral":
        return finding(
            "all", subject.domain, Verdict.WARN, f"{term}: no protection", "5.1", "End in ~all or -all.", fix
        )
    if last.verb == "fail":
        nobody = [t.lower() for t in subject.terms] == ["-all"]
        return finding(
            "all",
            subject.domain,
            Verdict.PASS,
            f"{term}: " + (NO_MAIL if nobody else "everyone else fails"),
            "5.1",
        )
    return _softfail(subject, term)


def _softfail(subject: LintedRecord, term: str) -> Finding:
    """``~all`` beside an enforced DMARC policy loses nothing, and spares mail that DKIM vouches for."""
    name, policy = subject.domain, ""
    while "." in name and not policy:
        answer = subject.resolver.lookup(f"_dmarc.{name}", "TXT")
        if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
            evidence = f"{term}, and DMARC cannot be looked up: {answer.reason}"
            return finding("all", subject.domain, Verdict.UNKNOWN, evidence, "8.5", "Ask again later.")
        for text in answer.texts:
            if _DMARC.match(text):
                policy = _dmarc_policy(text.decode("ascii", "replace"), own=name == subject.domain)
        name = ".".join(name.split(".")[1:][-_TREE_WALK:])
    if policy in ("quarantine", "reject"):
        return finding("all", subject.domain, Verdict.PASS, f"{term} under DMARC p={policy}", "8.5")
    evidence = f"{term}, and DMARC " + (f"p={policy}" if policy else "publishes no policy")
    return finding(
        "all",
        subject.domain,
        Verdict.INFO,
        evidence,
        "8.5",
        "A forged message is only marked. Enforce DMARC (p=quarantine or reject), or end in -all.",
    )


def _dmarc_policy(text: str, *, own: bool) -> str:
    """Return the policy of a DMARC record for its own name, or for names below it (sp= before p=).

    In a test, t=y, receivers go one step down from it (RFC 9989 section 4.7).
    """
    tags = {key.strip().lower(): value.strip().lower() for key, _, value in (t.partition("=") for t in text.split(";"))}
    policy = (tags.get("p") if own else tags.get("sp") or tags.get("p")) or "none"
    testing = tags.get("t") == "y"
    return {"reject": "quarantine", "quarantine": "none"}.get(policy, policy) if testing else policy


def _let_in(subject: LintedRecord) -> Iterator[Finding]:
    """Terms through which others than the domain's hosts pass (sections 5.1, 5.6 and 7.2)."""
    said: set[str] = set()
    for version, walk in ((4, subject.v4), (6, subject.v6)):
        for e in walk.passing():
            if (item := _too_open(subject, walk, e, version)) and item.evidence not in said:
                said.add(item.evidence)
                yield item
    if said or any(e.kind == "all" for e in subject.v4.passing()):
        return
    check, domain = "who may send", subject.domain
    if subject.v4.failed or subject.v6.failed:
        evidence = "some terms could not be looked up"
        yield finding(check, domain, Verdict.UNKNOWN, evidence, "2.1", "Ask again later.")
    elif subject.v4.cut or subject.v6.cut:
        evidence = f"only the first {MAX_STEPS} terms and {MOST_LOOKUPS} lookups were followed"
        yield finding(check, domain, Verdict.UNKNOWN, evidence, "2.1", "Make the record shorter.")
    elif chosen := _chosen(subject):
        evidence = f"{listed(chosen, 3)}: {DEPENDS}, so whom it lets in cannot be told from the record"
        yield finding(check, domain, Verdict.UNKNOWN, evidence, "7.2", MESSAGE)
    else:
        yield finding(check, domain, Verdict.PASS, "no term lets outsiders in", "2.1")


def _chosen(subject: LintedRecord) -> list[str]:
    """Return the terms that let hosts in, or lead to a record that may, by what is in the message."""
    found = [
        e
        for walk in (subject.v4, subject.v6)
        for e in (*walk.passing(), *walk.unseen)
        if depends_on_message(e.term) and (e.verb == "pass" or e.kind == "redirect")
    ]
    return list(dict.fromkeys(f"{shown(e.term, 100)} of {shown(e.domain)}" for e in found))


def _too_open(subject: LintedRecord, walk: Walk, e: TriedTerm, version: int) -> Finding | None:
    where = f"{shown(e.term, 100)} of {shown(e.domain)}"
    check = "who may send"
    if e.kind == "include" and e.nested == "pass":
        evidence = f"{where} ends in +all: everyone passes"
        return finding(check, subject.domain, Verdict.FAIL, evidence, "5.1", "Remove it.")
    if e.kind in ("a", "mx", "exists", "include", "ptr") and _OUTSIDER.search(e.term):
        evidence = f"{where}: the client chooses the name, so it passes when it likes"
        return finding(check, subject.domain, Verdict.FAIL, evidence, "7.2", "End the domain in a name of your own.")
    sized = e.kind == f"ip{version}" or (e.kind in ("a", "mx") and e.seen)
    if not sized or e.prefix >= _WIDE[version]:
        return None
    if e.prefix < _HUGE[version]:
        evidence = f"{where}: a great part of the internet passes"
        return finding(check, subject.domain, Verdict.FAIL, evidence, "5.6", "Name your own hosts only.")
    evidence = f"{where}: a prefix of /{e.prefix} is shared with many others"
    if not walk.own(e):
        return finding(check, subject.domain, Verdict.INFO, evidence, "5.6")
    return finding(check, subject.domain, Verdict.WARN, evidence, "5.6", "Name only the hosts that send for you.")


def _ipv6(subject: LintedRecord) -> Iterator[Finding]:
    """A host with an IPv6 address uses it to send, too: its SPF must know."""
    mx = subject.resolver.lookup(subject.domain, "MX")
    hosts: tuple[Any, ...] = mx.rdata
    over_v6 = []
    for rdata in hosts[:_MOST_HOSTS]:
        host = raw_name(rdata.exchange)
        if host and subject.resolver.lookup(host, "AAAA").rdata:
            over_v6.append(shown(host))
    some = listed(over_v6, 2) + (f" (of the first {_MOST_HOSTS} hosts)" if len(hosts) > _MOST_HOSTS else "")
    senders4, senders6 = subject.v4.senders(), subject.v6.senders()
    if not over_v6 or not senders4:
        return
    if senders6:
        yield finding("IPv6", subject.domain, Verdict.PASS, f"{some} has IPv6, and so has the record", "5.6")
        return
    yield finding(
        "IPv6",
        subject.domain,
        Verdict.WARN,
        f"{some} has IPv6, but the record allows no IPv6 address",
        "5.6",
        "If that host sends as well, its mail over IPv6 fails. Add its address with ip6, or send over IPv4 only.",
    )


def _null_mx(subject: LintedRecord) -> Iterator[Finding]:
    """Who sends must be able to take the answer and the bounce (RFC 7505 section 4.2)."""
    hosts: tuple[Any, ...] = subject.resolver.lookup(subject.domain, "MX").rdata
    if not any(rdata.exchange.labels == (b"",) for rdata in hosts):
        return
    sending = [*subject.v4.senders(), *subject.v6.senders()]
    terms = list(dict.fromkeys([*(shown(e.term, 80) for e in sending if e.depth == 0), *_chosen(subject)]))
    inner = [e for e in sending if e.depth]
    if not sending and not terms:
        return
    who = listed(terms, 3) or f"{shown(inner[0].term, 80)} of {shown(inner[0].domain)}"
    yield finding(
        "null MX",
        subject.domain,
        Verdict.WARN,
        f"the MX is null (“0 .”), so the domain takes no mail, and yet it lets hosts send: {who}",
        "RFC 7505 section 4.2",
        "Nobody can answer such mail, nor return it, and many receivers refuse it. Name a mail server in the MX, or, "
        "if the domain sends no mail, publish v=spf1 -all.",
    )
