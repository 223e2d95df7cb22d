"""Where the reports go: may they, and does somebody take them?  (RFC 9990 section 4, RFC 9991 section 5)"""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.dmarc.asking import ask
from mailkit.dmarc.records import ReportUri, is_policy_record, parse_record
from mailkit.dmarc.subject import Subject, finding
from mailkit.dmarc.tree_walk import walk
from mailkit.network import DnsRecord, Status, paste
from mailkit.network.endpoints import mail_exchangers
from mailkit.results import Finding, Verdict, visible

__all__ = ["report_addresses"]

_MOST = 10  # addresses of one record that are looked at
_LONGEST_NAME = 253


def report_addresses(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each host that rua and ruf name."""
    for check, uris, failing, where in (
        ("report address", subject.record.rua, Verdict.FAIL, "RFC 9990 section 4"),
        ("failure report address", subject.record.ruf, Verdict.WARN, "RFC 9991 section 5"),
    ):
        mails = [uri for uri in uris if uri.scheme == "mailto"]
        for uri in uris:
            if uri.scheme != "mailto":
                evidence = (
                    f"{visible(uri.text, 100)}: receivers must know mailto only, and ignore what they do not know"
                )
                yield finding(check, subject.domain, Verdict.INFO, evidence, "4.7")
        for host in list(dict.fromkeys(uri.host for uri in mails))[:_MOST]:
            yield _about(check, host, [uri for uri in mails if uri.host == host], failing, where, subject)
        if len({uri.host for uri in mails}) > _MOST:
            evidence = f"more than {_MOST} hosts are named, and only the first were looked at"
            yield finding(check, subject.domain, Verdict.INFO, evidence, where)


def _about(check: str, host: str, uris: list[ReportUri], failing: Verdict, reference: str, subject: Subject) -> Finding:
    """Return the finding on one host: is it of the same organization, has it agreed, does it take mail?"""
    place = subject.discovery.where
    domain, net = subject.domain, subject.net
    address = visible(uris[0].address, 100)
    theirs = walk(host, net).organizational_domain
    ours = subject.discovery.organizational_domain
    if not theirs or not ours:
        evidence = f"whether {host} is of the same organization was not answered by the DNS"
        return finding(check, domain, Verdict.UNKNOWN, evidence, reference, "Ask again later.")
    external = theirs != ours
    if external:
        name = f"{place}._report._dmarc.{host}"
        if len(name) > _LONGEST_NAME:
            evidence = f"{host} cannot agree to take reports on {place}: the name to publish it at is too long"
            return finding(check, domain, failing, evidence, reference)
        answer = ask(name, "TXT", net)
        if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
            evidence = f"whether {host} has agreed to take reports on {place} is not known: {answer.reason}"
            return finding(check, domain, Verdict.UNKNOWN, evidence, reference, "Ask again later.")
        texts = [octets.decode("ascii", "backslashreplace") for octets in answer.texts]
        agreed = [text for text in texts if is_policy_record(text)]
        if not agreed:
            evidence = f"{host} has not agreed to take reports on {place} ({name} has no v=DMARC1): none are sent there"
            advice = (
                f"Whoever runs {host} publishes this; until then, or if they do not know you, name another address."
            )
            fix = paste(DnsRecord(name, "TXT", "v=DMARC1"))
            return finding(check, domain, failing, evidence, reference, advice, fix)
        others = {uri.host for text in agreed for uri in parse_record(text).rua} - {host}
        if others:
            evidence = (
                f"{host} sends the reports on to {', '.join(sorted(others)[:3])}, which is not allowed: none are sent"
            )
            return finding(check, domain, failing, evidence, reference, f"Ask whoever runs {host}.")
    mail = mail_exchangers(host, net=net)
    if mail.status in (Status.SERVFAIL, Status.TIMEOUT):
        evidence = f"{address}: whether {host} takes mail is not known: {mail.reason}"
        return finding(check, domain, Verdict.UNKNOWN, evidence, reference, "Ask again later.")
    if mail.null_mx or not mail.hosts:
        evidence = f"{address}: {host} takes no mail, so no report arrives"
        return finding(check, domain, failing, evidence, reference, "Name an address that exists.")
    evidence = f"{address}: {host} has agreed to take reports on {place}" if external else f"{address} is one's own"
    return finding(check, domain, Verdict.PASS, evidence, reference)
