"""What lesson 03 has to say about a domain in a report: each door's encryption, versions and certificate.

A door for other servers (port 25) is judged by another measure than one for users.  A sender that found no TLS there
would deliver in the clear, and most senders check no certificate (RFC 3207 section 4.1, RFC 7435): what convinces
nobody still keeps eavesdroppers out.  A user's client must verify (RFC 8314 section 5.3), so there it is a fault.

What was not seen is unknown, in the server's own words.  A door that was found under a usual name only, and one that
is a provider's, is described and not blamed.
"""

from __future__ import annotations

from dataclasses import replace

from mailkit.network import Network
from mailkit.network.endpoints import LeftOut, Purpose, Why, discover
from mailkit.network.parallel import each
from mailkit.results import Finding, Outcome, Rows, Verdict
from mailkit.tls.domain_scan import ScannedEndpoint, scan_endpoints
from mailkit.tls.injection import Injection, inject
from mailkit.tls.scanning import Scan
from mailkit.tls.unseen import Judgement, is_relay, is_smtp, without_tls

__all__ = ["findings", "judge"]

_LESSON = "03_tls"
_SOON = 14  # days before expiry at which somebody should look
_SELF_SIGNED = "self-signed"  # of the words of mailkit.conversation.alerts
_BLAME = (Verdict.WARN, Verdict.FAIL)
_READING = (Purpose.IMAP, Purpose.POP3)
_FAULTS = (Why.NO_ADDRESS, Why.NO_NAME, Why.NO_PORT, Why.NOT_PUBLIC)


def findings(domain: str, *, net: Network) -> list[Finding]:
    """Return what can be said about the TLS of every door of *domain* from the place of *net*."""
    net = net.remembering()
    discovered = discover(domain, net=net)
    found = scan_endpoints(domain, discovered.endpoints, net=net)
    astray = [_astray(left) for left in discovered.left_out if left.purpose in _READING and left.why in _FAULTS]
    if not found:
        return astray or [_no_door(domain, discovered.left_out)]
    judged = [finding for door in found for finding in _of_door(door)]
    theirs = [door for door in found if not door.own and any(f.verdict in _BLAME for f in judge(door.scan))]
    return [*judged, *astray, *([_of_providers(domain, theirs)] if theirs else []), *_injections(found, net)]


def _no_door(domain: str, left_out: Rows[LeftOut]) -> Finding:
    """Return the finding about a domain without any server to look at."""
    unknown = next((left.reason for left in left_out if left.why is Why.UNKNOWN), "")
    if unknown:
        verdict, evidence, advice = Verdict.UNKNOWN, f"no door was found from here: {unknown}", "Ask again later."
    else:
        verdict, evidence = Verdict.INFO, "the domain names no server that can be asked"
        advice = "Nothing to mend here if it takes no mail and has no users; lesson 01 says more about the MX."
    return Finding("TLS", domain, verdict, evidence, advice, "", "RFC 8314 section 3", _LESSON)


def _astray(left: LeftOut) -> Finding:
    """Return the finding about an SRV record for reading mail that leads nowhere (lesson 02 has those for sending)."""
    advice = "Correct the record or take it away: whoever follows it gets nowhere."
    evidence = f"{left.source}: {left.reason}"
    verdict = Verdict.FAIL if left.why is Why.NO_ADDRESS else Verdict.WARN
    return Finding("SRV record", left.name, verdict, evidence, advice, "", "RFC 6186 section 3", _LESSON)


def _of_door(door: ScannedEndpoint) -> list[Finding]:
    """Return the findings of one door; what a provider has to mend is left for one finding about all its doors."""
    found = judge(door.scan, announced=door.announced)
    return found if door.own else [finding for finding in found if finding.verdict not in _BLAME and not finding.fix]


def _of_providers(domain: str, theirs: list[ScannedEndpoint]) -> Finding:
    """Return the one finding about servers that are not the domain's own."""
    said = [
        f"{finding.subject}: {finding.check}, {finding.evidence}"
        for door in theirs
        for finding in judge(door.scan)
        if finding.verdict in _BLAME
    ]
    advice = (
        "These servers are not the domain's own: whoever runs them has to mend this, so tell them or choose others."
    )
    evidence = "; ".join(dict.fromkeys(said))
    return Finding("TLS at a provider", domain, Verdict.INFO, evidence, advice, "", "RFC 8314 section 4", _LESSON)


def _injections(found: list[ScannedEndpoint], net: Network) -> list[Finding]:
    """Return a finding for each of the domain's own servers that carries commands over into TLS."""
    asked = [
        door
        for door in found
        if door.own
        and door.announced
        and door.endpoint.purpose in (Purpose.RELAY, Purpose.SUBMISSION)
        and door.scan.outcome is Outcome.OPEN
        and door.scan.starttls
    ]
    tried: list[Injection] = each(lambda door: inject(door.scan.host, door.scan.port, net=net), asked)
    advice = "Update the mail server: a man in the middle can put commands of his own into its users' conversations."
    return [
        Finding(
            "command injection", f"{seen.host}:{seen.port}", Verdict.FAIL, seen.reason, advice, "",
            "RFC 3207 section 4.2; CVE-2011-0411", _LESSON,
        )
        for seen in tried
        if seen.vulnerable
    ]  # fmt: skip


def judge(row: Scan, *, announced: bool = True) -> list[Finding]:
    """Return what a scan of one door means: port 25 by the measure of a relay, every other by that of users.

    A door that is not *announced* by the domain is a guess, about which nothing worse than ``info`` is said.
    """
    door = f"{row.host}:{row.port}"

    def finding(check: str, judgement: Judgement, reference: str) -> Finding:
        verdict, evidence, advice, fix = judgement
        return Finding(check, door, verdict, evidence, advice, fix, reference, _LESSON)

    if row.outcome is not Outcome.OPEN:
        found = [finding("TLS", without_tls(row, announced=announced), _references(row))]
    else:
        found = [
            finding("TLS", _finished(row), _references(row)),
            finding("TLS versions", _versions(row), _references_of_versions(row)),
            finding("certificate", _certificate(row), "RFC 9525 section 6; RFC 9325 section 4.5"),
        ]
        if row.forward_secrecy is False:
            found.append(finding("forward secrecy", _recorded(row), "RFC 9325 section 4.1; RFC 10015"))
        if row.cipher.startswith(("DHE-", "EDH-")):
            found.append(finding("key exchange", _finite_field(row), "RFC 10015; RFC 9325 section 4.1"))
    return found if announced else [_guessed(one) for one in found]


def _guessed(found: Finding) -> Finding:
    """Return a finding about a door that was found under a usual name: it may be nobody's mail server."""
    if found.verdict not in _BLAME:
        return found
    advice = f"Found under a usual name, which the domain does not announce. If its users need it: {found.advice}"
    return replace(found, verdict=Verdict.INFO, advice=advice, fix="")


def _references(row: Scan) -> str:
    return "RFC 3207 section 4" if is_relay(row) else "RFC 8314 section 3"


def _references_of_versions(row: Scan) -> str:
    return "RFC 8996; RFC 9325 section 5.2" if is_relay(row) else "RFC 8996; RFC 8997; RFC 9325 section 3.1.1"


def _recorded(row: Scan) -> Judgement:
    advice = "Prefer suites with ECDHE: without them a key stolen later opens what was recorded today."
    return Verdict.WARN, row.cipher, advice, ""


def _finite_field(row: Scan) -> Judgement:
    """Judge a key exchange over a finite field: forbidden in TLS 1.2, and on port 25 still better than clear text."""
    advice = "Offer suites with ECDHE, then take those with DHE away: TLS 1.2 must not use it any more."
    return (Verdict.INFO if is_relay(row) else Verdict.WARN), row.cipher, advice, ""


def _finished(row: Scan) -> Judgement:
    """Judge whether a client of today gets through a handshake, whatever it thinks of the certificate."""
    if row.finished:
        return Verdict.PASS, f"{row.versions[-1]}, {row.cipher}", "", ""
    if row.finished is None:
        return Verdict.UNKNOWN, row.reason or "no second handshake", "Ask again later: one handshake is not enough.", ""
    advice = "Clients of today do not get through a handshake with it; what it chose and showed was read all the same."
    return (Verdict.WARN if is_relay(row) else Verdict.FAIL), row.reason, advice, ""


def _versions(row: Scan) -> Judgement:
    evidence = ", ".join(row.versions)
    if row.versions[-1] < "TLS 1.2":
        advice = "Clients of today refuse these versions: move to TLS 1.2 and 1.3."
        return (Verdict.WARN if is_relay(row) else Verdict.FAIL), evidence, advice, ""
    if row.versions[0] < "TLS 1.2" and is_relay(row):
        # RFC 9325 section 5.2: its advice is not for opportunistic TLS.
        advice = (
            "No need to hurry: a sender that finds no version in common may deliver in the clear, which is worse. "
            "Switch TLS 1.0 and 1.1 off when your log shows no sender that needs them."
        )
        return Verdict.INFO, evidence, advice, ""
    if row.versions[0] < "TLS 1.2":
        fix = "smtpd_tls_mandatory_protocols = >=TLSv1.2   # Postfix 3.6 or newer" if is_smtp(row) else ""
        return Verdict.WARN, evidence, "Switch TLS 1.0 and 1.1 off; nobody should need them.", fix
    if row.unasked:
        return Verdict.UNKNOWN, f"{evidence}; {row.unasked}", "Ask again later: it may speak older ones, too.", ""
    if "TLS 1.3" not in row.versions:
        return Verdict.INFO, evidence, "TLS 1.3 would be better; it comes with newer software.", ""
    return Verdict.PASS, evidence, "", ""


def _certificate(row: Scan) -> Judgement:
    if row.name_ok is None:
        return Verdict.UNKNOWN, row.reason, "The certificate was not to be seen.", ""
    until = f"{row.key}, until {row.not_after:%Y-%m-%d}"
    in_time = (row.days_left or 0) >= 0
    if row.trusted is None and row.name_ok and in_time:
        evidence = f"{row.reason} ({until})" if row.reason else until
        return Verdict.UNKNOWN, evidence, "Whether clients trust it could not be told.", ""
    if row.reason and is_relay(row):
        advice = "Most senders do not look, so mail arrives. It matters to those who verify (MTA-STS, DANE)."
        return Verdict.WARN, f"{row.reason} ({until})", advice, ""
    if row.reason and row.trusted and row.name_ok and in_time:
        return Verdict.WARN, f"{row.reason} ({until})", "Clients take it today; mend what is named all the same.", ""
    if row.reason and row.name_ok and in_time and _SELF_SIGNED in row.reason:
        advice = "Nobody but itself vouches for it: get a certificate from an authority that clients trust."
        return Verdict.FAIL, f"{row.reason} ({until})", advice, ""
    if row.reason and row.name_ok and in_time:
        advice = (
            "The server's own certificate bears the right name and is in time, so look above it: send the whole chain, "
            "with intermediate certificates that are valid, of an authority that clients trust."
        )
        return Verdict.FAIL, f"{row.reason} ({until})", advice, ""
    if row.reason and not row.names:
        advice = "Get a certificate that bears this name as subjectAltName; clients look nowhere else (RFC 9525)."
        return Verdict.FAIL, f"{row.reason} ({until})", advice, ""
    if row.reason:
        advice = "Get a certificate for this very name from an authority that clients trust, and send its whole chain."
        return Verdict.FAIL, f"{row.reason} ({until})", advice, ""
    if row.days_left is not None and row.days_left < _SOON:
        return Verdict.WARN, f"{until}: {row.days_left} days left", "Renew it now, and find out why nobody did.", ""
    return Verdict.PASS, f"{until}, for this name and trusted", "", ""
