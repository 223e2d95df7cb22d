"""What lesson 02 has to say about a domain in a report: its submission servers, and where logins are on offer."""

from __future__ import annotations

from mailkit.network import Network, Status
from mailkit.results import Finding, Outcome, Rows, Verdict, visible
from mailkit.smtp_auth.ehlo import PLAINTEXT
from mailkit.smtp_auth.survey import Door, doors

__all__ = ["findings"]

_LESSON = "02_smtp_auth"
_WITHOUT_TLS = (
    "Offer AUTH inside TLS only: whoever is on the way reads a password that is said before TLS, and clients that take "
    "the first offer will say it. The line to paste is Postfix's; in Exim it is auth_advertise_hosts = "
    "${if eq{$tls_in_cipher}{}{}{*}}."
)
_SETTING = "smtpd_tls_auth_only = yes"
_OLD = {
    "DIGEST-MD5": "RFC 6331",
    "CRAM-MD5": "RFC 4954 section 4",
    "NTLM": "IANA registry of SASL mechanisms",
}


def findings(domain: str, *, net: Network) -> list[Finding]:
    """Return what can be said about logging in at the servers of *domain* from the place of *net*."""
    rows = doors(domain, net=net)
    submission = Rows(Door, [door for door in rows if door.part == "submission"])
    return [
        *_before_tls(domain, rows),
        *_submission(domain, submission, net),
        *_implicit_tls(submission),
        *_announced(domain, submission, net),
        *_on_relay(rows),
        *_old_mechanisms(domain, rows),
    ]


def _finding(
    check: str,
    subject: str,
    verdict: Verdict,
    evidence: str,
    advice: str = "",
    fix: str = "",
    *,
    reference: str,
) -> Finding:
    return Finding(check, subject, verdict, visible(evidence), advice, fix, reference, _LESSON)


def _words(mechanisms: str) -> set[str]:
    return set(mechanisms.split()) - {"–", "none"}


def _before_tls(domain: str, rows: Rows[Door]) -> list[Finding]:
    check, reference = "AUTH before TLS", "RFC 4954 section 4"
    seen = [door for door in rows if door.tls]
    clear = [door for door in seen if _words(door.auth_before_tls)]
    if not rows:
        return []
    if not seen:
        evidence, advice = "no door could be looked at from here", "Ask from another network."
        return [_finding(check, domain, Verdict.UNKNOWN, evidence, advice, reference=reference)]
    if not clear:
        evidence = f"not offered at any of the {len(seen)} doors looked at"
        return [_finding(check, domain, Verdict.PASS, evidence, reference=reference)]
    evidence = "; ".join(f"{door.name} offers {door.auth_before_tls}" for door in clear)
    plaintext = any(_words(door.auth_before_tls) & PLAINTEXT for door in clear)
    verdict = Verdict.FAIL if plaintext else Verdict.WARN
    return [_finding(check, domain, verdict, evidence, _WITHOUT_TLS, _SETTING, reference=reference)]


def _submission(domain: str, rows: Rows[Door], net: Network) -> list[Finding]:
    check, reference = "submission", "RFC 6409 section 4.3; RFC 8314 section 3.3"
    if not rows:
        answer = net.lookup(f"_submissions._tcp.{domain}", "SRV")
        silent = answer.status in (Status.TIMEOUT, Status.SERVFAIL)
        evidence = answer.reason if silent else "none found by SRV records or under the usual names"
        advice = (
            "" if silent else "Nothing to mend if its users hand in their mail elsewhere, at a provider for instance."
        )
        verdict = Verdict.UNKNOWN if silent else Verdict.INFO
        return [_finding(check, domain, verdict, evidence, advice, reference=reference)]
    ready = [door for door in rows if _words(door.auth_after_tls)]
    if ready:
        evidence = "; ".join(f"{door.name} offers {door.auth_after_tls} inside TLS" for door in ready)
        return [_finding(check, domain, Verdict.PASS, evidence, reference=reference)]
    seen = [door for door in rows if door.tls]
    if not seen:
        outcomes = ", ".join(f"{door.name} {door.outcome}" for door in rows)
        advice = "Ask from another network; servers of this name need not be for submission."
        return [_finding(check, domain, Verdict.UNKNOWN, outcomes, advice, reference=reference)]
    evidence = ", ".join(f"{door.name}: TLS {door.tls}" for door in seen)
    if all(door.tls == "none" for door in seen):
        advice = "Give it a certificate and switch TLS on: clear text is obsolete for submission."
        return [_finding(check, domain, Verdict.FAIL, evidence, advice, reference="RFC 8314 section 4.1")]
    advice = "Nobody can log in there. A submission server must support AUTH."
    return [_finding(check, domain, Verdict.WARN, evidence, advice, reference="RFC 6409 section 7")]


def _implicit_tls(rows: Rows[Door]) -> list[Finding]:
    """A finding for each submission host on 465, beside 587: during the transition servers should have both."""
    check, reference = "submission on 465", "RFC 8314 section 3.3"
    found = []
    for host in dict.fromkeys(door.host for door in rows if door.port == 587 and _words(door.auth_after_tls)):
        door = next((door for door in rows.where(host=host) if door.port == 465), None)
        if door is None or door.outcome is Outcome.REFUSED:
            advice = "Listen on 465 too, with TLS from the first octet: there is no STARTTLS to strip there."
            found.append(_finding(check, host, Verdict.WARN, "587 only", advice, reference=reference))
        elif door.tls:
            found.append(_finding(check, host, Verdict.PASS, "587 and 465", reference=reference))
        else:
            evidence = f"{door.outcome}: {door.reason}"
            found.append(_finding(check, host, Verdict.UNKNOWN, evidence, "Ask from elsewhere.", reference=reference))
    return found


def _announced(domain: str, rows: Rows[Door], net: Network) -> list[Finding]:
    """A finding on the SRV records by which mail clients find the submission server."""
    check, reference = "SRV record for submission", "RFC 6186 section 3.1; RFC 8314 section 5.1"
    named = [door for door in rows if door.found_by.startswith("SRV")]
    if named:
        evidence = ", ".join(f"{door.found_by.removeprefix('SRV ')} {door.name}" for door in named)
        return [_finding(check, domain, Verdict.PASS, evidence, reference=reference)]
    advice = "Name the server in the DNS, so that mail clients find it without being told."
    found = []
    for service, port, priority in (("_submissions", 465, 0), ("_submission", 587, 10)):
        door = next((door for door in rows.where(port=port) if _words(door.auth_after_tls)), None)
        if door:
            name = f"{service}._tcp.{domain}"
            fix = f"{name}. IN SRV {priority} 0 {port} {door.host}."
            found.append(_finding(check, name, Verdict.INFO, "none", advice, fix, reference=reference))
    return found


def _on_relay(rows: Rows[Door]) -> list[Finding]:
    found = []
    for door in rows:
        if door.part == "relay" and _words(door.auth_after_tls):
            advice = "Users belong on 587 and 465; on 25 a login mostly invites strangers to guess passwords."
            evidence = f"offers {door.auth_after_tls} inside TLS"
            found.append(
                _finding("AUTH on port 25", door.name, Verdict.INFO, evidence, advice, reference="RFC 6409 section 3.1")
            )
    return found


def _old_mechanisms(domain: str, rows: Rows[Door]) -> list[Finding]:
    offered = (
        set().union(*(_words(f"{door.auth_before_tls} {door.auth_after_tls}") for door in rows)) if rows else set()
    )
    old = [mechanism for mechanism in _OLD if mechanism in offered]
    if not old:
        return []
    advice = "Switch them off once no client needs them: the server must keep what is as good as the passwords."
    reference = "; ".join(_OLD[mechanism] for mechanism in old)
    return [_finding("old mechanisms", domain, Verdict.INFO, ", ".join(old), advice, reference=reference)]
