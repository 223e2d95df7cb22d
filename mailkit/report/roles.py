"""What follows from what a portfolio says of a domain: its role, the addresses that send for it, and exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mailkit import spf
from mailkit.network import Network, Status
from mailkit.network.exchangers import mail_exchangers
from mailkit.report.checks import Check
from mailkit.report.portfolio import PortfolioDomain, Role
from mailkit.report.subject import Subject
from mailkit.results import AuthResult, Finding, Verdict, visible

__all__ = ["accepted", "role_checks"]

_AGAIN = "Ask again later, or through another resolver."
_SPF, _PARKED, _MX = "RFC 7208 section 2.4", "RFC 7208 section 10.1.2; RFC 7505", "RFC 5321 section 5.1"


def role_checks(entry: PortfolioDomain) -> dict[str, Check]:
    """Return the check of what *entry* of the portfolio says of a domain; none where it says nothing."""
    if entry.role is Role.UNKNOWN and not entry.senders:
        return {}

    def check(subject: Subject) -> list[Finding]:
        role = [] if entry.role is Role.UNKNOWN else [_role(entry, subject.domain, subject.net)]
        return [*role, *_senders(entry, subject.domain, subject.net)]

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
