"""What lesson 05 has to say about a domain in a report: its DKIM keys, and how far they can be found."""

from __future__ import annotations

from collections.abc import Sequence

from mailkit import spf
from mailkit.dkim.keys import Key, key
from mailkit.dkim.names import ascii_name
from mailkit.dkim.selector_search import SelectorTrial, Trial
from mailkit.dkim.selector_search import selectors as search
from mailkit.dkim.signature import SignatureProblem, parse_tags
from mailkit.dkim.survey import survey
from mailkit.network import Network
from mailkit.results import Finding, Verdict

__all__ = ["findings"]

_LESSON = "05_dkim"
_NAMES = "RFC 6376 section 3.6.2.1"


def findings(domain: str, *, net: Network, selectors: Sequence[str] | None = None) -> list[Finding]:
    """Return what can be said about the DKIM keys of *domain*.

    Without *selectors* the usual ones are tried.  The DNS cannot list them, so finding none is ``unknown``.  With
    them, a selector that has no key is a fault only where none of them has one: a list may serve several domains.
    Raises ValueError or TypeError for what cannot be a domain or a selector.
    """
    domain = ascii_name(domain, "domain")
    if selectors is not None:
        keys = survey(domain, selectors, net=net)
        some = any(k.records for k in keys)
        return [_about_missing(k, some) if _is_missing(k) else _about_key(k, net) for k in keys]
    *trials, rest = search(domain, net=net)
    found = [
        _about_alias(trial, domain)
        if trial.status is Trial.DANGLING
        else _about_key(key(domain, trial.selector, net=net), net)
        for trial in trials
    ]
    return [*found, _about_others(rest, domain, net)]


def _is_missing(k: Key) -> bool:
    return not k.records and k.verdict is Verdict.FAIL


def _about_missing(k: Key, others: bool) -> Finding:
    verdict = Verdict.INFO if others else Verdict.FAIL
    return Finding("DKIM key", k.name, verdict, k.reason, k.advice, "", _NAMES, _LESSON)


def _about_key(k: Key, net: Network) -> Finding:
    where = f" (an alias of {k.alias[-1]})" if k.alias else ""
    reference = k.reference.replace("§", "section ")
    return Finding("DKIM key", k.name, k.verdict, k.reason + where, k.advice, _fix(k, net), reference, _LESSON)


def _about_alias(trial: SelectorTrial, domain: str) -> Finding:
    subject = f"{trial.selector}._domainkey.{domain}"
    advice = "Delete the alias: whoever gets hold of the name it leads to can sign as this domain."
    return Finding("DKIM key", subject, trial.verdict, trial.reason, advice, "", "RFC 6376 section 8.5", _LESSON)


def _about_others(rest: SelectorTrial, domain: str, net: Network) -> Finding:
    """Return a finding on the selectors that were not tried."""
    verdict, advice = rest.verdict, "Name those you sign with: report.audit(…, selectors=[…])."
    if verdict is Verdict.WARN:
        if spf.record(domain, net=net).text.lower().split() == ["v=spf1", "-all"]:
            verdict, advice = Verdict.INFO, "Right for a domain that sends no mail, as its SPF record says."
        else:
            advice = "Sign what this domain sends: make a key with dkim.generate() and publish its record."
    return Finding("DKIM selectors", domain, verdict, rest.reason, advice, "", _NAMES, _LESSON)


def _fix(k: Key, net: Network) -> str:
    """Return what to paste: the mended record, its revocation, or the command that makes a new key."""
    if "private key" in k.reason:
        return f'{k.name}. IN TXT "v=DKIM1; p="'
    if k.verdict not in (Verdict.FAIL, Verdict.WARN) or k.revoked or k.records > 1:
        return ""
    if k.bits and (k.key_type == "ed25519" or 2048 <= k.bits <= 4096):
        return _mended(k)
    return f"opendkim-genkey --bits=2048 --domain={k.domain} --selector=s{net.now():%Y%m}"


def _mended(k: Key) -> str:
    """Return the line for the zone file with the same key and without what makes it unfit or a mere test."""
    try:
        tags = parse_tags(k.record.encode())
    except SignatureProblem:  # longer than what is shown of a record
        return ""
    kept = {name: value for name, value in tags.items() if name not in ("h", "s", "t")}
    if k.strict:
        kept["t"] = "s"
    return spf.zone_line(k.name, "; ".join(f"{name}={value}" for name, value in kept.items()))
