"""What lesson 02 has to say about a domain in a report: its submission servers, and where logins are on offer.

The domain answers for hosts of its own that it announces.  A door that was found under a usual name is a guess, and
one of another name is a provider's: both are described and not blamed.  What was not seen is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailkit.network import Network
from mailkit.network.endpoints import LeftOut, Purpose, Why, discover
from mailkit.network.records import DnsRecord, paste
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict, visible
from mailkit.smtp_auth.announcing import only_fit
from mailkit.smtp_auth.ehlo import PLAINTEXT
from mailkit.smtp_auth.servers import SmtpServer, look

__all__ = ["findings", "judge"]

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
_BLAME = (Verdict.WARN, Verdict.FAIL)
_SRV = "SRV record for submission"


def findings(domain: str, *, net: Network) -> list[Finding]:
    """Return what can be said about logging in at the servers of *domain* from the place of *net*."""
    net = net.remembering()
    discovered = discover(domain, net=net, purposes=(Purpose.RELAY, Purpose.SUBMISSION))
    rows = look(domain, discovered, net=net)
    found = judge(domain, rows, discovered.left_out)
    return [only_fit(finding, rows, net=net) if finding.check == _SRV and finding.fix else finding for finding in found]


def judge(domain: str, rows: Rows[SmtpServer], left_out: Rows[LeftOut]) -> list[Finding]:
    """Return what the doors of *domain* mean, and what its DNS names that could not be looked at."""
    submission = Rows(SmtpServer, [door for door in rows if door.part == "submission"])
    return [
        *_before_tls(domain, rows),
        *_submission(domain, submission, left_out),
        *_implicit_tls(submission),
        *_announced(domain, submission, left_out),
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
    return Finding(check, subject, verdict, visible(evidence, 1000), advice, fix, reference, _LESSON)


def _weighed(verdict: Verdict, doors: Iterable[SmtpServer], advice: str, fix: str = "") -> tuple[Verdict, str, str]:
    """Return verdict, advice and fix on a fault of *doors*: no blame where the domain answers for none of them."""
    if verdict not in _BLAME or any(door.answerable for door in doors):
        return verdict, advice, fix
    if any(door.own for door in doors):
        return Verdict.INFO, f"The domain does not announce it. If its users need it: {advice}", ""
    return Verdict.INFO, "The server is a provider's, not the domain's own: whoever runs it has to mend this.", ""


def _words(mechanisms: str) -> set[str]:
    return set(mechanisms.split()) - {"–", "none"}


def _unseen(doors: Iterable[SmtpServer]) -> str:
    """Return why *doors* were not seen to the end, in the servers' own words where they spoke."""
    return "; ".join(f"{door.name} {door.outcome}: {door.reason}" for door in doors)


def _before_tls(domain: str, rows: Rows[SmtpServer]) -> list[Finding]:
    check, reference = "AUTH before TLS", "RFC 4954 section 4"
    seen = [door for door in rows if door.tls]
    if not rows:
        return []
    if not seen:
        evidence = f"no door could be looked at from here ({_unseen(rows)})"
        return [_finding(check, domain, Verdict.UNKNOWN, evidence, "Ask from another network.", reference=reference)]
    # Those for which the domain answers come first: their finding must not be softened by the others.
    groups = [[door for door in seen if door.answerable], [door for door in seen if not door.answerable]]
    found = []
    for group in groups:
        if clear := [door for door in group if _words(door.auth_before_tls)]:
            evidence = "; ".join(f"{door.name} offers {door.auth_before_tls}" for door in clear)
            plaintext = any(_words(door.auth_before_tls) & PLAINTEXT for door in clear)
            verdict, advice, fix = _weighed(Verdict.FAIL if plaintext else Verdict.WARN, clear, _WITHOUT_TLS, _SETTING)
            found.append(_finding(check, domain, verdict, evidence, advice, fix, reference=reference))
    if found:
        return found
    looked_at = f"any of the {len(seen)} doors" if len(seen) > 1 else "the one door"
    evidence = f"not offered at {looked_at} looked at"
    return [_finding(check, domain, Verdict.PASS, evidence, reference=reference)]


def _submission(domain: str, rows: Rows[SmtpServer], left_out: Rows[LeftOut]) -> list[Finding]:
    check, reference = "submission", "RFC 6409 section 4.3; RFC 8314 section 3.3"
    if not rows:
        return [_no_submission(domain, left_out)]
    ready = [door for door in rows if _words(door.auth_after_tls)]
    found = []
    if ready:
        evidence = "; ".join(f"{door.name} offers {door.auth_after_tls} inside TLS" for door in ready)
        found.append(_finding(check, domain, Verdict.PASS, evidence, reference=reference))
    for door in rows:
        found += _of_door(door)
    if found:
        return found
    if all(_refused(door) for door in rows):
        evidence = f"refused at {', '.join(door.name for door in rows)}"
        advice = "Nothing to mend if its users hand in their mail elsewhere, at a provider for instance."
        return [_finding(check, domain, Verdict.INFO, evidence, advice, reference=reference)]
    unseen = [door for door in rows if not _refused(door)]
    advice = "Ask from another network; servers of this name need not be for submission."
    return [_finding(check, domain, Verdict.UNKNOWN, _unseen(unseen), advice, reference=reference)]


def _refused(door: SmtpServer) -> bool:
    return door.outcome is Outcome.REFUSED and door.stage is Stage.CONNECT


def _no_submission(domain: str, left_out: Rows[LeftOut]) -> Finding:
    check, reference = "submission", "RFC 6409 section 4.3; RFC 8314 section 3.3"
    submission = [left for left in left_out if left.purpose is Purpose.SUBMISSION]
    if unknown := [left for left in submission if left.why is Why.UNKNOWN]:
        return _finding(check, domain, Verdict.UNKNOWN, unknown[0].reason, "Ask again later.", reference=reference)
    if any(left.why is not Why.NOT_OFFERED for left in submission):
        evidence, advice = "what its SRV records name cannot be dialled", "See the finding on its SRV records."
        return _finding(check, domain, Verdict.UNKNOWN, evidence, advice, reference=reference)
    evidence = submission[0].reason if submission else "none found by SRV records or under the usual names"
    advice = "Nothing to mend if its users hand in their mail elsewhere, at a provider for instance."
    return _finding(check, domain, Verdict.INFO, evidence, advice, reference=reference)


def _of_door(door: SmtpServer) -> list[Finding]:
    """Return what is wrong with one door of submission as such; nothing for a sound one and for one not seen."""
    if door.port == 2525 and not door.answerable:
        return []  # no standard gives it to mail
    if _refused(door) and door.answerable:
        evidence, advice = "announced, and refused", "Let it listen there, or take the SRV record away."
        return [_of(door, Verdict.WARN, evidence, advice, reference="RFC 6186 section 3.1")]
    if door.tls == "none":
        advice = "Give it a certificate and switch TLS on: clear text is obsolete for submission."
        return [_of(door, Verdict.FAIL, "no TLS", advice, reference="RFC 8314 section 4.1")]
    if door.tls and door.auth_after_tls == "none":
        advice = "Nobody can log in there. A submission server must support AUTH."
        evidence = f"TLS {door.tls}, and no AUTH inside it"
        return [_of(door, Verdict.WARN, evidence, advice, reference="RFC 6409 section 7")]
    if door.answerable and not _words(door.auth_after_tls) and not _refused(door):
        advice = "What it offers its users was not seen: ask again, and from another network."
        evidence = f"{door.outcome} ({door.stage}): {door.reason}"
        return [_of(door, Verdict.UNKNOWN, evidence, advice, reference="RFC 6409 section 4.3")]
    return []


def _of(door: SmtpServer, verdict: Verdict, evidence: str, advice: str, *, reference: str) -> Finding:
    verdict, advice, _ = _weighed(verdict, [door], advice)
    return _finding("submission", door.name, verdict, evidence, advice, reference=reference)


def _implicit_tls(rows: Rows[SmtpServer]) -> list[Finding]:
    """A finding for each of the domain's own hosts on 465, beside 587: during the transition servers have both."""
    check, reference = "submission on 465", "RFC 8314 section 3.3"
    found = []
    for host in dict.fromkeys(door.host for door in rows if door.port == 587 and _words(door.auth_after_tls)):
        beside = next(door for door in rows.where(host=host) if door.port == 587)
        door = next((door for door in rows.where(host=host) if door.port == 465), None)
        if not beside.own:
            continue  # how a provider takes mail in is the provider's
        if door is None or _refused(door):
            advice = "Listen on 465 too, with TLS from the first octet: there is no STARTTLS to strip there."
            verdict, advice, _ = _weighed(Verdict.WARN, [beside], advice)
            found.append(_finding(check, host, verdict, "587 only", advice, reference=reference))
        elif door.tls:
            found.append(_finding(check, host, Verdict.PASS, "587 and 465", reference=reference))
        else:
            evidence = f"{door.outcome}: {door.reason}"
            found.append(_finding(check, host, Verdict.UNKNOWN, evidence, "Ask from elsewhere.", reference=reference))
    return found


def _announced(domain: str, rows: Rows[SmtpServer], left_out: Rows[LeftOut]) -> list[Finding]:
    """A finding on the SRV records that announce where mail is handed in."""
    check, reference = _SRV, "RFC 6186 section 3.1; RFC 8314 section 5.1"
    broken = [
        left
        for left in left_out
        if left.purpose is Purpose.SUBMISSION and left.why not in (Why.NOT_OFFERED, Why.UNKNOWN, Why.TOO_MANY)
    ]
    found = [
        _finding(
            check,
            left.name,
            Verdict.FAIL if left.why is Why.NO_ADDRESS else Verdict.WARN,
            f"{left.source}: {left.reason}",
            "Correct the record or take it away: whoever follows it gets nowhere.",
            reference=reference,
        )
        for left in broken
        if left.source.startswith("SRV")
    ]
    named = [door for door in rows if door.found_by.startswith("SRV")]
    if named:
        evidence = ", ".join(f"{door.found_by.removeprefix('SRV ')} {door.name}" for door in named)
        return [*found, _finding(check, domain, Verdict.PASS, evidence, reference=reference)]
    if found or any(left.why is Why.UNKNOWN for left in left_out):
        return found
    return [*_offered(domain, rows, check, reference)]


def _offered(domain: str, rows: Rows[SmtpServer], check: str, reference: str) -> Iterable[Finding]:
    """Offer the records that would announce the domain's own servers, found under a usual name."""
    # Few mail programs read SRV records; most go by autoconfiguration of their makers' kind.
    advice = (
        "Announce the server in the DNS, for the programs that look there; most mail clients go by autoconfig files."
    )
    for service, port, priority in (("_submissions", 465, 0), ("_submission", 587, 10)):
        door = next((door for door in rows.where(port=port) if door.own and _words(door.auth_after_tls)), None)
        if door:
            record = DnsRecord(f"{service}._tcp.{domain}", "SRV", f"{priority} 0 {port} {door.host}.")
            yield _finding(check, record.name, Verdict.INFO, "none", advice, paste(record), reference=reference)


def _on_relay(rows: Rows[SmtpServer]) -> list[Finding]:
    found = []
    for door in rows:
        if door.part == "relay" and door.own and _words(door.auth_after_tls):
            advice = "Users belong on 587 and 465; on 25 a login mostly invites strangers to guess passwords."
            evidence = f"offers {door.auth_after_tls} inside TLS"
            found.append(
                _finding("AUTH on port 25", door.name, Verdict.INFO, evidence, advice, reference="RFC 6409 section 3.1")
            )
    return found


def _old_mechanisms(domain: str, rows: Rows[SmtpServer]) -> list[Finding]:
    offered = {word for door in rows if door.own for word in _words(f"{door.auth_before_tls} {door.auth_after_tls}")}
    old = [mechanism for mechanism in _OLD if mechanism in offered]
    if not old:
        return []
    advice = "Switch them off once no client needs them: the server must keep what is as good as the passwords."
    reference = "; ".join(_OLD[mechanism] for mechanism in old)
    return [_finding("old mechanisms", domain, Verdict.INFO, ", ".join(old), advice, reference=reference)]
