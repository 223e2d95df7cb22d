"""What lesson 08 has to say about a domain in a report: where its users read mail, and what protects their passwords.

The domain answers for hosts of its own that it announces; a guessed door and a provider's are described and not
blamed.  The certificates of these doors are judged by lesson 03.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.mailboxes.servers import PURPOSES, MailboxServer, look
from mailkit.mailboxes.settings import SettingsSource, settings
from mailkit.network import Network
from mailkit.network.endpoints import LeftOut, Why, discover
from mailkit.network.records import DnsRecord, paste
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict, visible
from mailkit.smtp_auth.login_servers import told_apart
from mailkit.tls import scan

__all__ = ["findings", "judge"]

_LESSON = "08_mailboxes"
_CLEAR = (
    "Let nobody log in before TLS: whoever is on the way reads the password, which is the one for sending too. What to "
    "paste is Dovecot's (2.3; in 2.4 auth_allow_cleartext = no takes the place of disable_plaintext_auth = yes)."
)
_UNSAID = (
    "Let nobody log in before TLS: the password is not said there, but whoever is on the way reads all that follows, "
    "and may change it. What to paste is Dovecot's."
)
# The first leaves mechanisms that do not say the password: https://doc.dovecot.org/2.3/configuration_manual/
# dovecot_ssl_configuration/.  The second closes all, but POP3 still lists USER without the first.
_NO_PASSWORD, _NO_LOGIN = "disable_plaintext_auth = yes", "ssl = required"
_IMPLICIT = {"imap": 993, "pop3": 995}
_SERVICES = {993: ("_imaps", 0), 995: ("_pop3s", 10)}


def findings(domain: str, *, net: Network) -> list[Finding]:
    """Return what can be said about reading mail at the servers of *domain* from the place of *net*."""
    net = net.remembering()
    discovered = discover(domain, net=net, purposes=PURPOSES)
    rows = look(domain, discovered, net=net)
    found = judge(domain, rows, discovered.left_out)
    if rows and not any(door.found_by.startswith("SRV") for door in rows):
        found += _offered(domain, rows, net)
    return [*found, *_ways(domain, settings(domain, net=net))]


def judge(domain: str, rows: Rows[MailboxServer], left_out: Rows[LeftOut]) -> list[Finding]:
    """Return what the doors of *domain* mean, and what its DNS names that could not be looked at."""
    if not rows:
        return [_none(domain, left_out)]
    if all(_refused(door) and not door.answerable for door in rows):
        return [_elsewhere(domain, rows)]
    return [*_before_tls(domain, rows), *_reading(domain, rows), *_implicit(rows), *_announced(domain, rows, left_out)]


def _finding(
    check: str, subject: str, verdict: Verdict, evidence: str, advice: str = "", fix: str = "", *, reference: str
) -> Finding:
    return Finding(check, subject, verdict, visible(evidence, 1000), advice, fix, reference, _LESSON)


def _weighed(door: MailboxServer, verdict: Verdict, advice: str) -> tuple[Verdict, str]:
    """Return verdict and advice on a fault of *door*: no blame where the domain does not answer for it."""
    if door.answerable:
        return verdict, advice
    if door.own:
        return Verdict.INFO, f"The domain does not announce it. If its users need it: {advice}"
    return Verdict.INFO, "The server is a provider's, not the domain's own: whoever runs it has to mend this."


def _none(domain: str, left_out: Rows[LeftOut]) -> Finding:
    check, reference = "reading mail", "RFC 6186 section 3"
    if unknown := [left for left in left_out if left.why is Why.UNKNOWN]:
        return _finding(check, domain, Verdict.UNKNOWN, unknown[0].reason, "Ask again later.", reference=reference)
    if broken := [left for left in left_out if left.why is not Why.NOT_OFFERED]:
        evidence = "; ".join(f"{left.name}: {left.reason}" for left in broken)
        advice = "What its SRV records name cannot be dialled: correct the records or take them away."
        return _finding(check, domain, Verdict.WARN, evidence, advice, reference=reference)
    evidence = left_out[0].reason if left_out else "no server found by SRV records or under the usual names"
    advice = "Nothing to mend if its users read their mail elsewhere, at a provider or on the web."
    return _finding(check, domain, Verdict.INFO, evidence, advice, reference=reference)


def _elsewhere(domain: str, rows: Rows[MailboxServer]) -> Finding:
    """Return what it means that nobody listens where nobody was announced."""
    evidence = f"refused at {', '.join(door.name for door in rows)}"
    advice = "Nothing to mend if its users read their mail elsewhere, at a provider or on the web."
    return _finding("reading mail", domain, Verdict.INFO, evidence, advice, reference="RFC 6186 section 3")


def _before_tls(domain: str, rows: Rows[MailboxServer]) -> Iterator[Finding]:
    check, reference = "login before TLS", "RFC 8314 section 4.1; RFC 9051 section 6.2.3"
    seen = [door for door in rows if door.tls]
    if not seen:
        evidence = "; ".join(f"{door.name} {door.outcome}: {door.reason}" for door in rows)
        yield _finding(check, domain, Verdict.UNKNOWN, evidence, "Ask from another network.", reference=reference)
        return
    clear = [door for door in seen if door.login_before_tls not in ("–", "none")]
    for door in clear:
        saying, others = told_apart(door.login_before_tls)
        bad, advice = (Verdict.FAIL, _CLEAR) if saying else (Verdict.WARN, _UNSAID)
        if door.own and any(other.host == door.host and other.answerable for other in rows):
            # A client that follows the announced name tries the usual ports too.
            verdict = bad
            fix = "\n".join([_NO_PASSWORD] * bool(saying) + [_NO_LOGIN] * bool(others))
        else:
            (verdict, advice), fix = _weighed(door, bad, advice), ""
        yield _finding(check, door.name, verdict, f"offers {door.login_before_tls}", advice, fix, reference=reference)
    if not clear:
        evidence = f"not possible at any of the {len(seen)} doors looked at"
        yield _finding(check, domain, Verdict.PASS, evidence, reference=reference)


def _reading(domain: str, rows: Rows[MailboxServer]) -> Iterator[Finding]:
    check, reference = "reading mail", "RFC 8314 sections 3.1 and 3.2"
    ready = [door for door in rows if door.login_inside_tls not in ("", "–", "none")]
    if ready:
        evidence = ", ".join(f"{door.name} ({door.tls})" for door in ready)
        yield _finding(check, domain, Verdict.PASS, evidence, reference=reference)
    for door in rows:
        if door.tls == "none":
            verdict, advice = _weighed(door, Verdict.FAIL, "Give it a certificate and switch TLS on.")
            yield _finding(check, door.name, verdict, "no TLS", advice, reference="RFC 8314 section 4.1")
        elif door.answerable and _refused(door):
            advice = "Let it listen there, or take the SRV record away."
            evidence = "announced, and refused"
            yield _finding(check, door.name, Verdict.WARN, evidence, advice, reference="RFC 6186 section 3")
        elif door.answerable and not door.login_inside_tls:
            evidence = f"{door.outcome} ({door.stage}): {door.reason}"
            advice = "What it offers its users was not seen: ask again, and from another network."
            yield _finding(check, door.name, Verdict.UNKNOWN, evidence, advice, reference=reference)


def _refused(door: MailboxServer) -> bool:
    return door.outcome is Outcome.REFUSED and door.stage is Stage.CONNECT


def _implicit(rows: Rows[MailboxServer]) -> Iterator[Finding]:
    """Yield a finding for each of the domain's own hosts with STARTTLS that has no port of implicit TLS beside it."""
    check = "TLS from the first octet"
    for door in rows:
        if door.tls != "STARTTLS" or not door.own:
            continue
        port = _IMPLICIT[door.protocol]
        beside = next((other for other in rows if (other.host, other.port) == (door.host, port)), None)
        reference = f"RFC 8314 section {'3.2' if door.protocol == 'imap' else '3.1'}"
        if beside is None or _refused(beside):
            advice = f"Listen on {port} too, with TLS from the first octet: there is no STARTTLS to strip there."
            verdict, advice = _weighed(door, Verdict.WARN, advice)
            yield _finding(check, door.name, verdict, f"no port {port}", advice, reference=reference)


def _announced(domain: str, rows: Rows[MailboxServer], left_out: Rows[LeftOut]) -> Iterator[Finding]:
    check, reference = "SRV record for reading", "RFC 6186 section 3; RFC 8314 section 5.1"
    for left in left_out:
        if left.source.startswith("SRV") and left.why not in (Why.NOT_OFFERED, Why.UNKNOWN, Why.TOO_MANY):
            advice = "Correct the record or take it away: whoever follows it gets nowhere."
            verdict = Verdict.FAIL if left.why is Why.NO_ADDRESS else Verdict.WARN
            evidence = f"{left.source}: {left.reason}"
            yield _finding(check, left.name, verdict, evidence, advice, reference=reference)
    if named := [door for door in rows if door.found_by.startswith("SRV")]:
        evidence = ", ".join(f"{door.found_by.removeprefix('SRV ')} {door.name}" for door in named)
        yield _finding(check, domain, Verdict.PASS, evidence, reference=reference)


def _offered(domain: str, rows: Rows[MailboxServer], net: Network) -> Iterator[Finding]:
    """Offer the records that would announce the domain's own servers, where they are fit to be announced."""
    clear = {door.host for door in rows if door.login_before_tls not in ("", "–", "none")}
    for port, (service, priority) in _SERVICES.items():
        door = next((d for d in rows if d.port == port and d.own and d.login_inside_tls not in ("", "–", "none")), None)
        if door is None or door.host in clear:
            continue
        shown = scan(door.host, door.port, starttls="none", net=net)
        if not (shown.trusted and shown.name_ok and shown.finished):
            continue  # its certificate would keep a client away; lesson 03 says so
        record = DnsRecord(f"{service}._tcp.{domain}", "SRV", f"{priority} 0 {port} {door.host}.")
        advice = "Announce the server, for the programs that look in the DNS; most mail clients go by autoconfig files."
        yield _finding(
            "SRV record for reading",
            record.name,
            Verdict.INFO,
            "none",
            advice,
            paste(record),
            reference="RFC 6186 section 3; RFC 8314 section 5.1",
        )


def _ways(domain: str, ways: Rows[SettingsSource]) -> Iterator[Finding]:
    """Yield what the files say that mail programs go by; that there is none is no fault."""
    check, reference = "settings for mail programs", "no RFC: Mozilla autoconfig, Microsoft autodiscover"
    found = [way for way in ways if way.found and way.way != "SRV records"]
    if found:
        evidence = "; ".join(f"{way.way} at {way.place}: {way.reason}" for way in found)
        yield _finding(check, domain, Verdict.INFO, evidence, reference=reference)
    else:
        asked = [way for way in ways if way.way != "SRV records"]
        doubts = [f"{way.place}: {way.reason}" for way in asked if way.found is None]
        useless = [f"{way.place}: {way.reason}" for way in asked if way.useless]
        evidence = "; ".join(["neither autoconfig nor autodiscover was found", *useless, *doubts])
        advice = (
            "For users with mail programs: serve an autoconfig file. Without one Thunderbird looks in a database of "
            "large providers and then guesses, TLS included; in others users type."
        )
        if len(doubts) == len(asked):
            advice = "Ask again later, or from another network; whoever runs the web server knows whether one is meant."
            yield _finding(check, domain, Verdict.UNKNOWN, "; ".join(doubts), advice, reference=reference)
        else:
            yield _finding(check, domain, Verdict.INFO, evidence, advice, reference=reference)
    for way in ways:
        for server in way.servers:
            if server.tls == "none":
                evidence = f"{way.place} names {server.host}:{server.port} without TLS"
                advice = "Name a port with TLS: programs do as the file says."
                yield _finding(check, domain, Verdict.FAIL, evidence, advice, reference="RFC 8314 section 4.1")
