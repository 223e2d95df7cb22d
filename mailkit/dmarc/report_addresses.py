"""Where the reports go: may they, and does somebody take them?  (RFC 9990 section 4, RFC 9991 section 5)"""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.dmarc.external import Consent, standing
from mailkit.dmarc.linted import LintedPolicy, finding
from mailkit.dmarc.records import ReportUri
from mailkit.network import DnsRecord, Status, paste
from mailkit.network.endpoints import mail_exchangers
from mailkit.results import Finding, Verdict, visible

__all__ = ["report_addresses"]

_MOST = 10  # addresses of one record that are looked at


def report_addresses(subject: LintedPolicy) -> Iterator[Finding]:
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


def _about(
    check: str, host: str, uris: list[ReportUri], failing: Verdict, reference: str, subject: LintedPolicy
) -> Finding:
    """Return the finding on one host: may it get the reports, and does it take mail?"""
    domain, address = subject.domain, visible(uris[0].address, 100)
    if slashed := [uri.address for uri in uris if uri.address.startswith("/")]:
        evidence = f"the slashes belong to the address: reports go to {visible(slashed[0], 100)}"
        advice = "mailto: is followed by the address at once."
        return finding(check, domain, failing, evidence, "RFC 6068 section 2", advice, subject.line())
    found = standing(host, subject.discovery, subject.net)
    if found.consent is Consent.UNKNOWN:
        return finding(check, domain, Verdict.UNKNOWN, found.reason, reference, "Ask again later.")
    if found.consent is Consent.NOT_AGREED:
        advice = f"Whoever runs {host} publishes this; until then, or if they do not know you, name another address."
        fix = paste(DnsRecord(found.name, "TXT", "v=DMARC1"))
        return finding(check, domain, failing, found.reason, reference, advice, fix)
    if not found.allowed:
        return finding(check, domain, failing, found.reason, reference, f"Ask whoever runs {host}.")
    mail = mail_exchangers(host, net=subject.net)
    if mail.status in (Status.SERVFAIL, Status.TIMEOUT):
        evidence = f"{address}: whether {host} takes mail is not known: {mail.reason}"
        return finding(check, domain, Verdict.UNKNOWN, evidence, reference, "Ask again later.")
    if mail.null_mx or not mail.hosts:
        evidence = f"{address}: {host} takes no mail, so no report arrives"
        return finding(check, domain, failing, evidence, reference, "Name an address that exists.")
    return finding(check, domain, Verdict.PASS, f"{address}: {found.reason}", reference)
