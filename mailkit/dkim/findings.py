"""What lesson 05 has to say about a domain in a report: its DKIM keys, and how far they can be found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailkit import spf
from mailkit.dkim.keys import Key, key
from mailkit.dkim.names import ascii_name
from mailkit.dkim.published import published_keys
from mailkit.dkim.selector_search import SelectorStatus, SelectorTrial
from mailkit.dkim.selector_search import selectors as search
from mailkit.dkim.signature import SignatureProblem, parse_tags
from mailkit.network import Network, Status
from mailkit.network.records import DnsRecord, paste
from mailkit.results import Finding, Verdict

__all__ = ["findings"]

_LESSON = "05_dkim"
_NAMES = "RFC 6376 section 3.6.2.1"


def findings(domain: str, *, net: Network, selectors: Sequence[str] | None = None) -> list[Finding]:
    """Return what can be said about the DKIM keys of *domain*.

    Without *selectors* the usual ones are tried.  The DNS cannot list them, so finding none is ``unknown``.  Who names
    them says that the domain signs with them: one without a key is a warning then, and a fault where none has one.
    A domain that sends no mail, as its SPF record says, needs no key.  Raises ValueError or TypeError for what cannot
    be a domain or a selector.
    """
    domain = ascii_name(domain, "domain")
    net = net.remembering()
    if selectors is not None:
        return _about_named(published_keys(domain, selectors, net=net), domain, net)
    *trials, rest = search(domain, net=net)
    found = [
        _about_alias(trial, domain)
        if trial.status in (SelectorStatus.DANGLING, SelectorStatus.SPARE)
        else _about_guessed(key(domain, trial.selector, net=net), net)
        for trial in trials
    ]
    return [*found, _about_others(rest, domain, net)]


def _about_named(keys: Sequence[Key], domain: str, net: Network) -> list[Finding]:
    lost = [k for k in keys if not k.records and k.verdict is Verdict.FAIL]
    if all(k in lost or k.revoked for k in keys) and _sends_nothing(domain, net):
        return [Finding("DKIM key", k.name, Verdict.INFO, k.reason, _SILENT, "", _NAMES, _LESSON) for k in keys]
    verdict = Verdict.FAIL if len(lost) == len(keys) else Verdict.WARN
    return [_about_missing(k, verdict) if k in lost else _about_key(k, net) for k in keys]


_SILENT = "Right for a domain that sends no mail, as its SPF record says."


def _sends_nothing(domain: str, net: Network) -> bool:
    return spf.record(domain, net=net).text.lower().split() == ["v=spf1", "-all"]


def _about_missing(k: Key, verdict: Verdict) -> Finding:
    advice = _about_target(k.alias[0]) if k.alias else k.advice
    return Finding("DKIM key", k.name, verdict, k.reason, advice, "", _NAMES, _LESSON)


def _about_key(k: Key, net: Network) -> Finding:
    where = f" (an alias of {k.alias[-1]})" if k.alias else ""
    reference = k.reference.replace("§", "section ")
    return Finding("DKIM key", k.name, k.verdict, k.reason + where, k.advice, _fix(k, net), reference, _LESSON)


def _about_guessed(k: Key, net: Network) -> Finding:
    """Return a finding on a key under a usual name: whether the domain still signs with it, nobody said."""
    found = _about_key(k, net)
    return replace(found, verdict=Verdict.INFO) if k.revoked and k.verdict is Verdict.WARN else found


def _about_alias(trial: SelectorTrial, domain: str) -> Finding:
    """Return a finding on an alias without a key; taking one away stops the service from changing its keys."""
    advice, reference = _about_target(trial.alias[0]), "RFC 6376 section 6.1.2"
    if trial.status is SelectorStatus.SPARE:
        advice = "Leave it: the service publishes its next key there, and signs with it once it changes keys."
        reference = "RFC 6376 section 3.1"
    subject = f"{trial.selector}._domainkey.{domain}"
    return Finding("DKIM key", subject, trial.verdict, trial.reason, advice, "", reference, _LESSON)


def _about_target(target: str) -> str:
    return (
        f"Ask whoever runs {target} whether they sign for you: then the key must be published there, now or when they"
        " change keys. Only if you no longer use them take the alias away: whoever gets hold of that name can sign as"
        " this domain."
    )


def _about_others(rest: SelectorTrial, domain: str, net: Network) -> Finding:
    """Return a finding on the selectors that were not tried."""
    verdict, advice, reason = rest.verdict, "Name those you sign with: report.audit(…, selectors=[…]).", rest.reason
    if verdict is Verdict.UNKNOWN and "could not be asked" in reason:
        advice = "Ask again later."
    if verdict is Verdict.WARN:
        published = spf.record(domain, net=net)
        if published.status in (Status.TIMEOUT, Status.SERVFAIL):
            verdict, advice = Verdict.UNKNOWN, "Whether the domain sends mail could not be looked up. Ask again later."
        elif _sends_nothing(domain, net):
            verdict, advice = Verdict.INFO, _SILENT
        elif not published.text and net.lookup(domain, "MX").status is Status.NODATA:
            verdict, advice = Verdict.INFO, "If it sends mail, sign it; if it sends none, say so (v=spf1 -all)."
        elif above := _signing_above(domain, net):
            verdict, advice = Verdict.UNKNOWN, f"Look at a message from {domain}: does it say d={above}?"
            reason = f"{domain} has none (RFC 8020), but {above} may sign for it: DMARC takes that unless adkim=s"
        else:
            advice = "Sign what this domain sends: make a key with dkim.generate() and publish its record."
    return Finding("DKIM selectors", domain, verdict, reason, advice, "", _NAMES, _LESSON)


def _signing_above(domain: str, net: Network) -> str:
    """Return the nearest domain above *domain* that has selectors, "" when none has."""
    labels = domain.split(".")
    for number in range(1, min(len(labels) - 1, _MOST_ABOVE + 1)):
        above = ".".join(labels[number:])
        if net.lookup(f"_domainkey.{above}", "TXT").status in (Status.NOERROR, Status.NODATA):
            return above
    return ""


_MOST_ABOVE = 5


def _fix(k: Key, net: Network) -> str:
    """Return what to paste: the mended record, its revocation, or the command that makes a new key."""
    if "private key" in k.reason:
        return paste(DnsRecord(k.name, "TXT", "v=DKIM1; p="))
    if k.verdict not in (Verdict.FAIL, Verdict.WARN) or k.revoked or k.records > 1:
        return ""
    if mended := _mended(k, net):
        return mended
    return f"opendkim-genkey --bits=2048 --domain={k.domain} --selector=s{net.now():%Y%m}"


def _mended(k: Key, net: Network) -> str:
    """Return the record with the same p= under the right type, without what makes it unfit or a mere test.

    It is published in an overlay first, and offered only when it is judged good there.
    """
    try:
        tags = parse_tags(k.record.encode())
    except SignatureProblem:  # longer than what is shown of a record, or no list of tags
        return ""
    kept = {name: value for name, value in tags.items() if name not in ("h", "s", "t")}
    if k.strict:
        kept["t"] = "s"
    for key_type in dict.fromkeys([tags.get("k", "rsa"), "rsa", "ed25519"]):
        text = "; ".join(f"{name}={value}" for name, value in {**kept, "k": key_type}.items())
        record = DnsRecord(k.name, "TXT", text)
        if key(k.domain, k.selector, net=net.overlay([record])).verdict is Verdict.PASS:
            return paste(record)
    return ""
