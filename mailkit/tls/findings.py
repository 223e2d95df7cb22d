"""What lesson 03 has to say about a domain in a report: each door's encryption, versions and certificate.

A door for other servers (port 25) is judged by another measure than one for users.  A sender that found no TLS there
would deliver in the clear, and most senders check no certificate (RFC 3207 section 4.1, RFC 7435): what convinces
nobody still keeps eavesdroppers out.  A user's client must verify (RFC 8314 section 3), so there it is a fault.
"""

from __future__ import annotations

from mailkit.network import Network
from mailkit.results import Finding, Outcome, Stage, Verdict
from mailkit.tls.doors import scan_domain
from mailkit.tls.scanning import Scan

__all__ = ["findings", "judge"]

_LESSON = "03_tls"
_SOON = 14  # days before expiry at which somebody should look

_UNSEEN = {
    Outcome.TIMEOUT,
    Outcome.UNREACHABLE,
    Outcome.NOT_CONNECTED,
    Outcome.DNS_FAILURE,
    Outcome.REFUSED,
    Outcome.RESET,
}


def findings(domain: str, *, net: Network) -> list[Finding]:
    """Return what can be said about the TLS of every door of *domain* from the place of *net*."""
    rows = scan_domain(domain, net=net)
    if not rows:
        advice = "Neither MX nor SRV records nor the usual names lead to a server; lesson 01 says more about the MX."
        return [
            Finding(
                "TLS", domain, Verdict.UNKNOWN, "no door was found from here", advice, "", "RFC 8314 section 3", _LESSON
            )
        ]
    return [finding for row in rows for finding in judge(row)]


def judge(row: Scan) -> list[Finding]:
    """Return what a scan of one door means: port 25 by the measure of a relay, every other by that of users."""
    door = f"{row.host}:{row.port}"

    def finding(
        check: str, verdict: Verdict, evidence: str, advice: str = "", fix: str = "", reference: str = ""
    ) -> Finding:
        return Finding(check, door, verdict, evidence, advice, fix, reference, _LESSON)

    if row.outcome is not Outcome.OPEN:
        return [finding("TLS", *_without(row), reference=_references(row))]
    found = [
        finding("TLS", Verdict.PASS, f"{row.versions[-1]}, {row.cipher}", reference=_references(row)),
        finding("TLS versions", *_versions(row), reference="RFC 8996; RFC 9325 section 3.1.1"),
        finding("certificate", *_certificate(row), reference="RFC 9525 section 6; RFC 9325 section 4.5"),
    ]
    if row.forward_secrecy is False:
        advice = "Prefer suites with ECDHE: without them a key stolen later opens what was recorded today."
        found.append(
            finding("forward secrecy", Verdict.WARN, row.cipher, advice, reference="RFC 9325 sections 4.1 and 7.3")
        )
    return found


def _is_relay(row: Scan) -> bool:
    return row.port == 25


def _references(row: Scan) -> str:
    return "RFC 3207 section 4" if _is_relay(row) else "RFC 8314 section 3"


def _without(row: Scan) -> tuple[Verdict, str, str, str]:
    """Return verdict, evidence, advice and fix for a door where no TLS came about."""
    evidence = f"{row.outcome} ({row.stage}): {row.reason}"
    if row.outcome is Outcome.INTERCEPTED:
        return Verdict.UNKNOWN, evidence, "What was seen is not the domain's server: ask from elsewhere.", ""
    if row.outcome in _UNSEEN and row.stage in (Stage.DNS, Stage.PROXY, Stage.CONNECT, Stage.GREETING):
        if row.outcome is Outcome.REFUSED and not _is_relay(row):
            return Verdict.INFO, evidence, "Nothing listens there, or not for you.", ""
        if row.stage is Stage.GREETING:
            return Verdict.UNKNOWN, evidence, "It greets late: wait longer to see its TLS (scan takes a timeout).", ""
        where = " Port 25 does not leave from many places: ask from another network." if _is_relay(row) else ""
        return Verdict.UNKNOWN, evidence, f"It cannot be seen from here.{where}", ""
    if row.outcome is Outcome.REJECTED and row.stage is Stage.STARTTLS:
        advice = "Offer STARTTLS: without it every message and every login here travels readable."
        return (Verdict.WARN if _is_relay(row) else Verdict.FAIL), evidence, advice, _level(row)
    if row.outcome is Outcome.REJECTED:
        return Verdict.UNKNOWN, evidence, "The server does not want to talk to this address.", ""
    return (Verdict.WARN if _is_relay(row) else Verdict.FAIL), evidence, "Mend the server's TLS.", ""


def _level(row: Scan) -> str:
    return f"smtpd_tls_security_level = {'may' if _is_relay(row) else 'encrypt'}   # Postfix" if _is_smtp(row) else ""


def _is_smtp(row: Scan) -> bool:
    return row.port in (25, 465, 587, 2525)


def _versions(row: Scan) -> tuple[Verdict, str, str, str]:
    evidence = ", ".join(row.versions)
    parameter = "smtpd_tls_protocols" if _is_relay(row) else "smtpd_tls_mandatory_protocols"
    fix = f"{parameter} = >=TLSv1.2   # Postfix 3.6 or newer" if _is_smtp(row) else ""
    if row.versions[-1] < "TLS 1.2":
        advice = "Clients of today refuse these versions: move to TLS 1.2 and 1.3."
        return (Verdict.WARN if _is_relay(row) else Verdict.FAIL), evidence, advice, fix
    if row.versions[0] < "TLS 1.2":
        return Verdict.WARN, evidence, "Switch TLS 1.0 and 1.1 off; nobody should need them.", fix
    if "TLS 1.3" not in row.versions:
        return Verdict.INFO, evidence, "TLS 1.3 would be better; it comes with newer software.", ""
    return Verdict.PASS, evidence, "", ""


def _certificate(row: Scan) -> tuple[Verdict, str, str, str]:
    if row.name_ok is None:
        return Verdict.UNKNOWN, row.reason, "The certificate was not to be seen.", ""
    until = f"{row.key}, until {row.not_after:%Y-%m-%d}"
    if row.trusted is None and row.name_ok and (row.days_left or 0) >= 0:
        evidence = f"{row.reason} ({until})" if row.reason else until
        return Verdict.UNKNOWN, evidence, "Whether clients trust it could not be told.", ""
    if row.reason:
        if _is_relay(row):
            advice = "Most senders do not look, so mail arrives. It matters to those who verify (MTA-STS, DANE)."
            return Verdict.WARN, f"{row.reason} ({until})", advice, ""
        convinced = row.trusted and row.name_ok and (row.days_left or 0) >= 0
        advice = "Get a certificate for this very name from an authority that clients trust, and send its whole chain."
        return Verdict.WARN if convinced else Verdict.FAIL, f"{row.reason} ({until})", advice, ""
    if row.days_left is not None and row.days_left < _SOON:
        return Verdict.WARN, f"{until}: {row.days_left} days left", "Renew it now, and find out why nobody did.", ""
    return Verdict.PASS, f"{until}, for this name and trusted", "", ""
