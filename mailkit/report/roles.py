"""What follows from what a portfolio says of a domain: its role, who sends for it, and exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mailkit import services, spf
from mailkit.network import Network, Status
from mailkit.network.exchangers import mail_exchangers
from mailkit.report.checks import Check
from mailkit.report.portfolio import PortfolioDomain, Role
from mailkit.report.subject import Subject
from mailkit.results import AuthResult, Finding, Verdict, visible
from mailkit.services.detecting import Guess, State

__all__ = ["accepted", "role_checks"]

_AGAIN = "Ask again later, or through another resolver."
_SPF, _PARKED, _MX = "RFC 7208 section 2.4", "RFC 7208 section 10.1.2; RFC 7505", "RFC 5321 section 5.1"


def role_checks(entry: PortfolioDomain) -> dict[str, Check]:
    """Return the check of what *entry* of the portfolio says of a domain; none where it says nothing."""
    if entry.role is Role.UNKNOWN and not entry.senders and not entry.services:
        return {}

    def check(subject: Subject) -> list[Finding]:
        role = [] if entry.role is Role.UNKNOWN else [_role(entry, subject.domain, subject.net)]
        senders = _senders(entry, subject.domain, subject.net)
        return [*role, *senders, *(_services(entry, subject) if entry.services else ())]

    return {"11_report": check}


def _role(entry: PortfolioDomain, domain: str, net: Network) -> Finding:
    record, exchangers = spf.record(domain, net=net), mail_exchangers(domain, net=net)
    silent = {record.status, exchangers.status} & {Status.SERVFAIL, Status.TIMEOUT}

    def finding(verdict: Verdict, evidence: str, advice: str, reference: str) -> Finding:
        return Finding("role", domain, verdict, evidence, advice, "", reference, "11_report")

    if silent:
        return finding(Verdict.UNKNOWN, f"{entry.role}, says the portfolio; the DNS did not answer", _AGAIN, "")
    sends = bool(record.text) and record.text.lower().split() != ["v=spf1", "-all"]
    takes = bool(exchangers.hosts)
    if entry.role is Role.PARKED and (sends or takes or not record.text):
        what = "its SPF record lets hosts send" if sends else "it takes mail" if takes else "it has no SPF record"
        evidence = f"parked, says the portfolio, but {what}"
        advice = "Let it send nothing (v=spf1 -all) and take nothing (a null MX), or correct the portfolio."
        return finding(Verdict.WARN, evidence, advice, _PARKED)
    if entry.role is Role.SENDS and not sends:
        evidence = "sends, says the portfolio, but its SPF record lets nobody send"
        evidence = evidence if record.text else "sends, says the portfolio, but it has no SPF record"
        return finding(Verdict.FAIL, evidence, "Name the hosts that send, or correct the portfolio.", _SPF)
    if entry.role is Role.RECEIVES and not takes:
        evidence = "receives, says the portfolio, but no host takes its mail"
        return finding(Verdict.FAIL, evidence, "Name the mail server, or correct the portfolio.", _MX)
    if entry.role is Role.RECEIVES and (sends or not record.text):
        what = "its SPF record lets hosts send" if sends else "it has no SPF record, so others can send in its name"
        evidence = f"receives only, says the portfolio, but {what}"
        return finding(Verdict.WARN, evidence, "Let it send nothing (v=spf1 -all), or correct the portfolio.", _PARKED)
    return finding(Verdict.PASS, f"{entry.role}, as the portfolio says", "", "")


def _senders(entry: PortfolioDomain, domain: str, net: Network) -> Iterator[Finding]:
    for address in entry.senders:
        found = spf.check(address, f"postmaster@{domain}", domain, net=net)
        verdict, advice = Verdict.FAIL, f"Let {address} send (ip4 or ip6), or take it out of the portfolio."
        if found.result == AuthResult.PASS:
            verdict, advice = Verdict.PASS, ""
        elif found.result == AuthResult.TEMPERROR:
            verdict, advice = Verdict.UNKNOWN, _AGAIN
        evidence = f"SPF {found.result}: {found.reason}"
        yield Finding("sending address", address, verdict, visible(evidence), advice, "", _SPF, "04_spf")


_KEYS = "RFC 6376 section 3.6.2.1"
_UNSEEN = "The DNS shows a service only by names that can be guessed: add a selector (s=) from a message that it sent."


def _services(entry: PortfolioDomain, subject: Subject) -> Iterator[Finding]:
    """Yield whether the services that the portfolio names are set up, and which others are.

    That one is not seen does not say that it is missing: many have a number or a token in their names.
    """
    named, known = {_plain(name): name for name in entry.services}, {_plain(each.name) for each in services.services()}
    seen = {_plain(guess.service): guess for guess in _detected(subject)}
    for key, name in named.items():
        guess = seen.get(key)
        if key not in known:
            verdict, evidence, advice = Verdict.UNKNOWN, "the services known here have none of this name", _CORRECT
        elif guess is None:
            verdict, evidence, advice = Verdict.UNKNOWN, "nothing of it is seen in the DNS", _UNSEEN
        else:
            verdict, advice = _STATES[guess.state]
            evidence = f"{guess.reason}: {', '.join(guess.evidence[:3])}"
        yield _service(name, verdict, evidence, advice)
    for key, guess in seen.items():
        if key not in named and guess.state is State.SET_UP:
            evidence = f"not in the portfolio, but {guess.reason}: {', '.join(guess.evidence[:3])}"
            yield _service(guess.service, Verdict.WARN, evidence, "Name it there, or have its records taken away.")


def _detected(subject: Subject) -> Iterable[Guess]:
    return services.detect(subject.domain, net=subject.net, selectors=(subject.selectors or ())[:_MOST_SELECTORS])


_MOST_SELECTORS = 20
_CORRECT = "Write its name as data/services.csv has it, or leave it out."
_STATES = {
    State.SET_UP: (Verdict.PASS, ""),
    State.LEFTOVER: (Verdict.WARN, "Finish the set-up in its panel, or take the records away and it out of the list."),
    State.HINT: (Verdict.UNKNOWN, _UNSEEN),
    State.UNKNOWN: (Verdict.UNKNOWN, _AGAIN),
}


def _plain(name: str) -> str:
    """Return the *name* of a service for comparing, without capitals and spaces."""
    return "".join(name.casefold().split())


def _service(name: str, verdict: Verdict, evidence: str, advice: str) -> Finding:
    shown = visible(name, 80)
    return Finding("sending service", shown, verdict, visible(evidence, 600), advice, "", _KEYS, "10_services")


def accepted(entry: PortfolioDomain, findings: Iterable[Finding]) -> list[Finding]:
    """Return *findings*, in which those that *entry* accepts, by their check or by check and subject, are ``info``."""
    reasons = dict(entry.accepted)
    found = []
    for finding in findings:
        reason = reasons.get(f"{finding.check} {finding.subject}") or reasons.get(finding.check)
        if reason and finding.verdict in (Verdict.WARN, Verdict.FAIL):
            evidence = f"accepted ({visible(reason, 200)}): {finding.evidence}"
            finding = replace(finding, verdict=Verdict.INFO, evidence=evidence)
        found.append(finding)
    return found
