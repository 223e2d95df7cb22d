"""What lesson 07 has to say about a domain in a report: MTA-STS, TLS reports, and DANE of each mail server.

To have no policy is no fault: most domains have none, and their mail arrives.  A policy that is announced and does not
work is one.  What a provider's server lacks is the provider's to mend, and is said without blame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailkit.network import DnsRecord, Network, Security, paste
from mailkit.network.exchangers import Exchangers, inside, mail_exchangers
from mailkit.network.names import is_host_name, to_ascii
from mailkit.network.parallel import each
from mailkit.results import Finding, Outcome, Verdict, visible
from mailkit.tls import Scan
from mailkit.tls.domain_scan import scan_relays
from mailkit.transport_policy.dane import Dane, Means, dane
from mailkit.transport_policy.mta_sts import MtaSts, mta_sts
from mailkit.transport_policy.tls_rpt import TlsRpt, tls_rpt

__all__ = ["findings"]

_LESSON = "07_transport_policy"
_TIMEOUT = 60.0  # seconds for everything that one domain needs
_MOST_HOSTS = 20  # whose certificates and TLSA records are looked at
_MOST_NAMED = 5  # in one sentence
_SERIOUS = ("enforce", "testing")
_SHORT = 86_400  # seconds: a policy kept for less than a day protects hardly anybody
_UNPROTECTED = "Senders that have not kept an earlier policy deliver as if there were none."
_STS, _RPT, _DANE = "RFC 8461", "RFC 8460 section 3", "RFC 7672 section 2.2"


def findings(domain: str, *, net: Network) -> list[Finding]:
    """Return what can be said about the policies on TLS of *domain*; the whole takes at most 60 seconds.

    Raises ValueError for what is no domain name.
    """
    name = to_ascii(domain)
    net = net.remembering(_TIMEOUT)
    exchangers = mail_exchangers(name, net=net)
    every = [host for host in exchangers.hosts if is_host_name(host)]
    hosts = every[:_MOST_HOSTS]
    if not hosts:
        return [_without_host(name, exchangers)]
    policy, reports = mta_sts(name, net=net), tls_rpt(name, net=net)
    tlsa: list[Dane] = each(lambda host: dane(host, net=net), hosts)
    asked = [host for host, found in zip(hosts, tlsa) if _matters(policy, host) or found.means is Means.AUTHENTICATE]
    scans = dict(zip(asked, scan_relays(asked, net=net)))
    found = [_policy(name, policy, net), *_hosts(name, policy, every, scans)]
    holds_up = (policy.valid is True and policy.mode in _SERIOUS) or any(_may_hold_up(one) for one in tlsa)
    found += [_reports(name, reports, holds_up, net), *_not_looked_at(name, len(hosts), len(every))]
    return [*found, *(_of_host(name, host, one, scans, net) for host, one in zip(hosts, tlsa))]


def _finding(
    check: str, subject: str, verdict: Verdict, evidence: str, advice: str, reference: str, fix: str = ""
) -> Finding:
    return Finding(check, subject, verdict, evidence, advice, fix, reference, _LESSON)


def _without_host(name: str, exchangers: Exchangers) -> Finding:
    """Return what it means that there is no mail server to look at."""
    if exchangers.null_mx or exchangers.status in ("NODATA", "NXDOMAIN"):
        return _finding("MTA-STS", name, Verdict.INFO, "the domain takes no mail", "", _STS)
    if exchangers.hosts:
        evidence = f"the MX names no host: {', '.join(visible(host, 80) for host in exchangers.hosts[:3])}"
        advice = "Correct the MX first: it names a host, and nothing else. Then a policy can protect what goes there."
        return _finding("MTA-STS", name, Verdict.INFO, evidence, advice, "RFC 5321 section 5.1")
    evidence = f"the MX cannot be had: {exchangers.reason}"
    return _finding("MTA-STS", name, Verdict.UNKNOWN, evidence, "Ask again later.", _STS)


def _not_looked_at(name: str, looked_at: int, every: int) -> Iterable[Finding]:
    """Yield that there are more mail servers than are looked at."""
    if every > looked_at:
        evidence = f"of {every} mail servers the certificates and TLSA records of the first {looked_at} were looked at"
        advice = "Look at the others one by one: transport_policy.dane(host, net=net), tls.scan(host, 25, net=net)."
        yield _finding("other mail servers", name, Verdict.UNKNOWN, evidence, advice, f"{_STS} section 4; {_DANE}")


def _prepared(name: str) -> str:
    """Return how the records and the file for *name* are had."""
    return f'transport_policy.plan("{name}", net=net)'


# MTA-STS --------------------------------------------------------------------------------------------------------------


def _policy(name: str, policy: MtaSts, net: Network) -> Finding:
    if policy.valid is None:
        advice = "Ask again later, or from another place."
        return _finding("MTA-STS", name, Verdict.UNKNOWN, policy.reason, advice, f"{_STS} section 3.3")
    if not policy.announced:
        advice = f"Senders use TLS where it is offered, whoever answers. {_prepared(name)} prepares a policy."
        return _finding("MTA-STS", name, Verdict.INFO, policy.reason, advice, f"{_STS} section 3.1")
    if not policy.valid:
        broken = _finding("MTA-STS", name, Verdict.FAIL, policy.reason, _UNPROTECTED, f"{_STS} section 3")
        if not policy.id:
            return _with_record(broken, name, net)
        mend = f"Mend what the web server gives, and publish a new id after it. {_prepared(name)} prepares both."
        return replace(broken, advice=f"{_UNPROTECTED} {mend}")
    if policy.mode == "none":
        return _finding("MTA-STS", name, Verdict.INFO, "mode none: the policy is withdrawn", "", f"{_STS} section 8.3")
    if policy.max_age < _SHORT:
        advice = "Senders forget it within a day, and an attacker only has to wait: two weeks and more are usual."
        return _finding("MTA-STS", name, Verdict.WARN, policy.reason, advice, f"{_STS} section 3.2")
    if policy.mode == "testing":
        advice = "It stops nobody yet. When the reports show no failures, set mode enforce, and a new id."
        return _finding("MTA-STS", name, Verdict.INFO, policy.reason, advice, f"{_STS} section 5")
    return _finding("MTA-STS", name, Verdict.PASS, policy.reason, "", f"{_STS} section 5")


def _with_record(broken: Finding, name: str, net: Network) -> Finding:
    """Return *broken* with a record to paste, if with it the policy can be used: that is tried."""
    record = DnsRecord(f"_mta-sts.{name}", "TXT", f"v=STSv1; id={net.now():%Y%m%d%H%M%S}")
    if mta_sts(name, net=net.overlay([record])).valid is not True:
        return replace(broken, advice=f"{broken.advice} The record is wrong, and behind it is no policy to be had.")
    return replace(broken, advice=f"{broken.advice} Publish this record in place of what is there.", fix=paste(record))


def _matters(policy: MtaSts, host: str) -> bool:
    return policy.valid is True and policy.mode in _SERIOUS and policy.matches(host)


def _hosts(name: str, policy: MtaSts, hosts: list[str], scans: dict[str, Scan]) -> Iterable[Finding]:
    """Yield what MTA-STS makes of each mail server: whether the policy names it, and whether it can keep it."""
    if policy.valid is not True or policy.mode not in _SERIOUS:
        return
    bad = Verdict.FAIL if policy.mode == "enforce" else Verdict.WARN
    if missing := [host for host in hosts if not policy.matches(host)]:
        evidence = f"the policy ({_few(policy.mx)}) does not name {_few(missing)}"
        advice = "Senders that honour the policy do not deliver there: name every mail server, and publish a new id."
        yield _finding("MTA-STS hosts", name, bad, evidence, advice, f"{_STS} section 4.1")
    yield from (_certificate(host, scan, bad) for host, scan in scans.items() if policy.matches(host))


def _few(names: Sequence[str]) -> str:
    """Return *names*, and of many the first."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _certificate(host: str, seen: Scan, bad: Verdict) -> Finding:
    subject, reference = f"{host}:25", f"{_STS} section 4.2"
    if seen.outcome is Outcome.REJECTED and seen.offered is False:
        advice = "Senders that honour the policy do not deliver to it: offer STARTTLS."
        return _finding("MTA-STS certificate", subject, bad, "STARTTLS is not offered", advice, reference)
    if seen.outcome is not Outcome.OPEN or seen.trusted is None or seen.name_ok is None:
        evidence = f"the certificate was not seen: {seen.reason or seen.outcome}"
        return _finding(
            "MTA-STS certificate", subject, Verdict.UNKNOWN, evidence, "Look from another place.", reference
        )
    if not (seen.trusted and seen.name_ok and (seen.days_left or 0) >= 0):
        advice = "Senders that honour the policy do not deliver: it needs a certificate for this name that all trust."
        return _finding("MTA-STS certificate", subject, bad, seen.reason, advice, reference)
    return _finding("MTA-STS certificate", subject, Verdict.PASS, "for this name, and trusted", "", reference)


# TLS-RPT --------------------------------------------------------------------------------------------------------------


def _may_hold_up(found: Dane) -> bool:
    """Return whether DANE may make senders hold mail back from a server, as far as it is known."""
    return found.means in (Means.AUTHENTICATE, Means.ENCRYPT) or found.dnssec is Security.BOGUS


def _reports(name: str, reports: TlsRpt, holds_up: bool, net: Network) -> Finding:
    if reports.valid is None:
        return _finding("TLS-RPT", name, Verdict.UNKNOWN, reports.reason, "Ask again later.", _RPT)
    if reports.valid:
        return _finding("TLS-RPT", name, Verdict.PASS, reports.reason, "", _RPT)
    record = DnsRecord(f"_smtp._tls.{name}", "TXT", f"v=TLSRPTv1; rua=mailto:postmaster@{name}")
    fix = paste(record) if tls_rpt(name, net=net.overlay([record])).valid else ""
    if reports.record:
        advice = "Senders cannot use it, so nobody reports. Publish this record, with the address of who reads reports."
        return _finding("TLS-RPT", name, Verdict.WARN, reports.reason, advice, _RPT, fix)
    if holds_up:
        advice = "Mail that a policy holds up waits at the senders, and nobody here sees it: have it reported."
        return _finding("TLS-RPT", name, Verdict.WARN, reports.reason, advice, _RPT, fix)
    advice = "Reports show how TLS goes with this domain, before there is any policy and after."
    return _finding("TLS-RPT", name, Verdict.INFO, reports.reason, advice, _RPT, fix)


# DANE -----------------------------------------------------------------------------------------------------------------


def _of_host(name: str, host: str, found: Dane, scans: dict[str, Scan], net: Network) -> Finding:
    judged = _dane(name, host, found, scans.get(host), net)
    if inside(host, name) or judged.verdict not in (Verdict.WARN, Verdict.FAIL):
        return judged
    advice = "This server is not the domain's own: whoever runs it has to mend this, so tell them."
    return replace(judged, verdict=Verdict.INFO, advice=advice, fix="")


def _dane(name: str, host: str, found: Dane, seen: Scan | None, net: Network) -> Finding:
    subject = f"{host}:25"
    if found.means is Means.DELAY and found.dnssec is Security.BOGUS:
        advice = "Senders that validate hold the mail back: mend the signatures, or take the DS record away."
        return _finding("DANE", subject, Verdict.FAIL, found.reason, advice, _DANE)
    if found.means is Means.DELAY:
        advice = "Ask again, and from another place: where nobody gets an answer, senders that honour DANE wait."
        return _finding("DANE", subject, Verdict.UNKNOWN, found.reason, advice, _DANE)
    if found.means is Means.UNKNOWN:
        advice = "Ask a resolver that passes DNSSEC on, and give mailkit a trust anchor: connect(…, trust_anchor=…)."
        return _finding("DANE", subject, Verdict.UNKNOWN, found.reason, advice, _DANE)
    if found.means is Means.ENCRYPT:
        advice = f"Senders use TLS with any certificate. Publish a record of usage 3: {_prepared(name)} prepares it."
        return _finding("DANE", subject, Verdict.WARN, found.reason, advice, "RFC 7672 section 3.1.3")
    if found.means is Means.OPPORTUNISTIC:
        return _finding("DANE", subject, Verdict.INFO, found.reason, "", _DANE)
    if seen is None or seen.outcome is not Outcome.OPEN or not seen.chain:
        evidence = f"{found.reason}; its certificate was not seen ({seen.reason if seen else 'not asked'})"
        return _finding("DANE", subject, Verdict.UNKNOWN, evidence, "Look from another place.", _DANE)
    held = found.holds([certificate.der for certificate in seen.chain], now=net.now(), names=[name])
    if not held.ok:
        advice = (
            "Senders that honour DANE do not deliver: publish a record for the certificate that the server shows. "
            f"{_prepared(name)} prepares it."
        )
        return _finding("DANE", subject, Verdict.FAIL, held.reason, advice, "RFC 7672 section 8.2")
    if net.lookup(name, "MX", dnssec=True).dnssec is not Security.SECURE:
        evidence = "the server's records hold, but the domain's MX is not signed: who forges that leads mail elsewhere"
        advice = "Sign the domain's own zone, too."
        return _finding("DANE", subject, Verdict.INFO, evidence, advice, "RFC 7672 section 2.2.1")
    return _finding("DANE", subject, Verdict.PASS, f"the certificate holds against {held.record[:40]}…", "", _DANE)
