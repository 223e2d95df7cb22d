"""What lesson 01 has to say about a domain in a report: its MX, whether they can be reached, their reverse names."""

from __future__ import annotations

from dataclasses import replace

from mailkit.network import Network, Status
from mailkit.network.dns_lookup import Answer
from mailkit.op25b.diagnosis import diagnose
from mailkit.op25b.reverse_dns import reverse
from mailkit.op25b.scanning import Reach, scan
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict, visible

__all__ = ["findings"]

_LESSON = "01_op25b"
_MX = "RFC 5321 section 5.1"


def findings(domain: str, *, net: Network) -> list[Finding]:
    """Return what can be said about the mail exchangers of *domain* from the place of *net*."""
    answer = net.lookup(domain, "MX")
    found = [_about_mx(domain, answer)]
    hosts = [str(r.exchange).rstrip(".") for r in answer.rdata]  # type: ignore[attr-defined]
    hosts = [host for host in dict.fromkeys(hosts) if host]
    if not hosts:
        return found
    found += [_about_name(host, net.lookup(host, "A"), net) for host in hosts]
    reached = scan(hosts, (25,), net=net)
    place = diagnose([domain], net=net) if any(_unreached(row) for row in reached) else None
    # That port 25 does not leave from here says nothing about the domain.
    found += [replace(place, verdict=Verdict.INFO)] if place else []
    found += [_about_host(host, reached.where(host=host), place) for host in hosts]
    addresses = list(dict.fromkeys(row.address for row in reached if row.address))
    return found + [
        Finding(
            check="reverse DNS",
            subject=row.address,
            # An MX need not be a sender, so a missing name is not yet a fault of the domain.
            verdict=Verdict.WARN if row.verdict is Verdict.FAIL else row.verdict,
            evidence=f"{row.name}: {row.reason}" if row.name else row.reason,
            advice="" if row.verdict is Verdict.PASS else _REVERSE,
            reference="RFC 1912 section 2.1; RFC 8601 section 3",
            lesson=_LESSON,
        )
        for row in (reverse(addresses, net=net) if addresses else ())
    ]


_REVERSE = (
    "If mail leaves from this address too, ask whoever assigned it for a reverse name that is the server's own and "
    "that leads back to it. Large receivers refuse senders without one."
)


def _about_mx(domain: str, answer: Answer) -> Finding:
    def finding(verdict: Verdict, evidence: str, advice: str = "", fix: str = "", reference: str = _MX) -> Finding:
        return Finding("MX", domain, verdict, evidence, advice, fix, reference, _LESSON)

    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return finding(Verdict.UNKNOWN, answer.reason, "Ask again later, or through another resolver.")
    if answer.status is Status.NXDOMAIN:
        return finding(Verdict.FAIL, f"the domain does not exist ({answer.reason})", "Check the spelling.")
    if answer.status is Status.NODATA:
        advice = (
            "Mail then goes to the address of the domain itself, which often is a web server. Name the mail server, or "
            "say with a null MX that the domain takes no mail."
        )
        return finding(Verdict.WARN, "no MX record", advice, f"{domain}. IN MX 0 .", f"{_MX}; RFC 7505")
    names = [str(r.exchange) for r in answer.rdata]  # type: ignore[attr-defined]
    if names == ["."]:
        return finding(Verdict.PASS, "null MX: the domain takes no mail", reference="RFC 7505")
    if "." in names:
        advice = "A null MX must stand alone (RFC 7505 section 3): delete it or the others."
        return finding(Verdict.FAIL, f"null MX beside {len(names) - 1} others", advice, reference="RFC 7505 section 3")
    return finding(Verdict.PASS, visible(", ".join(answer.records)))


def _about_name(host: str, answer: Answer, net: Network) -> Finding:
    def finding(verdict: Verdict, evidence: str, advice: str = "") -> Finding:
        reference = "RFC 2181 section 10.3; RFC 5321 section 5.1"
        return Finding("MX name", host, verdict, evidence, advice, "", reference, _LESSON)

    if answer.chain:
        advice = "Let the MX record name the host itself; some servers refuse to send to an alias."
        return finding(Verdict.FAIL, f"is an alias (CNAME) of {answer.chain[-1]}", advice)
    if answer:
        return finding(Verdict.PASS, ", ".join(answer.records))
    other = net.lookup(host, "AAAA")
    if other:
        return finding(Verdict.WARN, ", ".join(other.records), "Only IPv6: many senders still have IPv4 only.")
    if Status.TIMEOUT in (answer.status, other.status) or Status.SERVFAIL in (answer.status, other.status):
        return finding(Verdict.UNKNOWN, answer.reason, "Ask again later, or through another resolver.")
    return finding(Verdict.FAIL, f"has no address: {answer.reason}", "Give the host an address or drop it from the MX.")


def _unreached(row: Reach) -> bool:
    return row.outcome is not Outcome.OPEN and row.stage in (Stage.CONNECT, Stage.PROXY)


def _about_host(host: str, rows: Rows[Reach], place: Finding | None) -> Finding:
    """Return a finding on whether *host* takes mail; *place* is what is known about port 25 from here, if asked."""

    def finding(verdict: Verdict, evidence: str, advice: str = "") -> Finding:
        return Finding("MX reachable", host, verdict, evidence, advice, "", "RFC 5321 section 3.1", _LESSON)

    seen = ", ".join(dict.fromkeys(f"{row.address or host} {row.outcome}" for row in rows))
    outcomes = {row.outcome for row in rows}
    if outcomes == {Outcome.OPEN}:
        return finding(Verdict.PASS, seen)
    if Outcome.INTERCEPTED in outcomes or (place and place.verdict is Verdict.FAIL):
        return finding(
            Verdict.UNKNOWN, seen, "Somebody on the way answers for everyone on port 25: ask from elsewhere."
        )
    if outcomes == {Outcome.DNS_FAILURE}:
        return finding(Verdict.UNKNOWN, seen, "The host's name has no address from here.")
    if any(row.outcome is Outcome.TIMEOUT and row.stage is Stage.GREETING for row in rows):
        return finding(Verdict.UNKNOWN, seen, "It accepts the connection but greets late; wait longer to be sure.")
    if place and place.verdict is not Verdict.PASS:
        advice = "Port 25 does not get through from this place, so it cannot be seen. Ask from another network."
        return finding(Verdict.UNKNOWN, seen, advice)
    if Outcome.OPEN in outcomes:
        return finding(
            Verdict.WARN, seen, "Some of its addresses do not answer from here; IPv6 is the usual one to forget."
        )
    if Outcome.REJECTED in outcomes:
        return finding(Verdict.WARN, seen, "It answers, but does not want to talk to this address.")
    return finding(
        Verdict.WARN, seen, "Port 25 leaves from here, yet this host does not answer: is it up, and listening?"
    )
