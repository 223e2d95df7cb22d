"""Is port 25 open from here?  What was observed, what it is consistent with, and what nobody can tell from here.

One silent host is not a blocked port, and one place cannot prove OP25B: a company firewall, a security product
and a provider look alike from inside.  So several mail servers are asked on port 25 and, as a control, submission
servers on 587 and 465.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mailkit.clients import SMTP
from mailkit.conversation.attempts import FAILURES, OWN_MACHINE
from mailkit.network import Network
from mailkit.network.health import trouble
from mailkit.network.parallel import each
from mailkit.op25b.mail_hosts import mail_exchangers, submission_hosts
from mailkit.op25b.scanning import Reach, scan
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict

__all__ = ["diagnose", "diagnose_all", "public_address"]

_MOST_HOSTS = 8  # mail servers asked in all: enough to be sure, few enough to be polite
_LESSON = "01_op25b"
_SUBMISSION = (587, 465)


@dataclass(frozen=True)
class _Seen:
    """What the probes saw, counted."""

    relay: Counter[Outcome]
    control: Counter[Outcome]
    spoken: int  # servers that said something on port 25
    connected: int  # connections made to it, whatever was said then
    through: int  # and to the submission ports

    no_ipv6: bool  # from here no way leads to any IPv6 address: those are not counted

    @property
    def evidence(self) -> str:
        relay, control = (_count(c) for c in (self.relay, self.control))
        counted = (
            "mail server addresses (IPv4, since there is no IPv6 here)" if self.no_ipv6 else "mail server addresses"
        )
        return f"port 25 of {self.relay.total()} {counted}: {relay}; ports 587 and 465 as a control: {control}"


def _count(outcomes: Counter[Outcome]) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())) or "none found"


# A server that refuses us, or speaks another protocol, was reached all the same.
_SPOKEN = (Outcome.OPEN, Outcome.REJECTED, Outcome.PROTOCOL_ERROR)


def _seen(relay: list[Reach], control: list[Reach]) -> _Seen:
    over_ipv6 = [row for row in (*relay, *control) if ":" in row.address]
    no_ipv6 = bool(over_ipv6) and all(row.outcome is Outcome.UNREACHABLE for row in over_ipv6)
    if no_ipv6 and len(over_ipv6) < len(relay) + len(control):
        relay, control = ([row for row in rows if ":" not in row.address] for rows in (relay, control))
    return _Seen(
        no_ipv6=no_ipv6,
        relay=Counter(row.outcome for row in relay),
        control=Counter(row.outcome for row in control),
        spoken=sum(row.outcome in _SPOKEN for row in relay),
        connected=sum(row.connected and row.outcome is not Outcome.INTERCEPTED for row in relay),
        through=sum(row.connected and row.outcome is not Outcome.INTERCEPTED for row in control),
    )


def diagnose(targets: str | Iterable[str] | None = None, *, net: Network) -> Finding:
    """Return a finding on outgoing port 25 from the place of *net*.

    *targets* are mail domains to test with, besides the well-known ones that the network brings along.  The
    verdict is about this place only: ``pass`` when port 25 leaves, ``warn`` when it does not (which is usual and
    no fault), ``fail`` when somebody answers for everyone, ``unknown`` when nothing can be concluded.
    """
    domains = _domains(targets, net)
    if not domains:
        raise ValueError("name a mail domain to test with: diagnose(['kaisha.example'], net=net)")
    net = net.remembering()
    if explanation := trouble(net):
        return _finding(net, Verdict.UNKNOWN, explanation, _NO_DNS)
    exchangers = each(lambda domain: mail_exchangers(domain, net=net)[:2], domains)
    hosts = list(dict.fromkeys(host for some in exchangers for host in some))[:_MOST_HOSTS]
    if not hosts:
        return _finding(net, Verdict.UNKNOWN, "no mail server's name could be resolved", _NO_DNS)
    known = [domain for domain, some in zip(domains, exchangers) if some]
    doors = [host for some in each(lambda d: submission_hosts(d, net=net)[:1], known) for host in some]
    jobs: list[tuple[list[str], tuple[int, ...]]] = [(hosts, (25,)), (doors[:_MOST_HOSTS], _SUBMISSION)]
    relay, control = each(lambda job: list(scan(job[0], job[1], net=net)) if job[0] else [], jobs)
    seen = _seen(relay, control)
    verdict, advice = _conclude(seen, relay)
    return _finding(net, verdict, seen.evidence, advice)


def diagnose_all(targets: str | Iterable[str] | None = None, *, net: Network) -> Rows[Finding]:
    """Return :func:`diagnose` from each vantage point of *net*, all at the same time."""
    findings = each(lambda place: diagnose(targets, net=net.at(place)), net.vantages)
    return Rows(Finding, findings, caption=f"{len(findings)} places, {net.now():%Y-%m-%d}")


_NO_DNS = (
    "Nothing can be said about port 25: from here the DNS gives no mail server of these domains. Mend that first, or "
    "name other domains to test with."
)
_NO_PROXY = "Nothing can be said about port 25: the proxy that leads to this place does not work. Mend that first."
_NO_DOORS = (
    "Port 25 does not get through, but these domains have no submission server to compare with. Name more domains to "
    "test with."
)
_NOWHERE = frozenset({Outcome.UNREACHABLE, Outcome.DNS_FAILURE, Outcome.NOT_CONNECTED})
_NO_NETWORK = "Nothing gets out from here, on any port: there is no network, or a firewall that stops all of it."
_LOCAL_BLOCK = (
    "This machine itself holds port 25 back (its own firewall or security software), so nothing can be said about "
    "the network. Look there first."
)
_OPEN = "Port 25 leaves from here: mail can be handed directly to other servers' MX."
_INTERCEPTED = (
    "Somebody on the way answers for every address on port 25, as some providers and security products do. Mail sent "
    "this way does not reach the server it was meant for. Use submission (587 or 465), where TLS would show it."
)
_MUTE = (
    "Connections to port 25 are made, and then nobody says a word. Slow servers look like this, and so do proxies and "
    "filters that finish the handshake themselves and throw away what follows. Wait longer, or ask from another "
    "network."
)
_DROPPED = (
    "Connections to port 25 vanish while others pass. That is consistent with OP25B, and also with a cloud's policy, a "
    "company's firewall, a security product or this machine's own firewall: from one place they look alike. Ask from "
    "another network, and with another machine in this one. Send through a submission server on 587 or 465."
)
_REFUSED = (
    "Connections to port 25 are refused, by all servers alike, while other ports pass: a filter near you says no. "
    "Whose it is cannot be told from here, this machine's own firewall included. Send through a submission server on "
    "587 or 465."
)
_TURNED_BACK = (
    "Connections to port 25 come back as unreachable, for all servers alike, while other ports pass: a router or "
    "filter says so in an ICMP error. Whose it is cannot be told from here, this machine's own firewall included. Send "
    "through a submission server on 587 or 465."
)
_MIXED = (
    "No connection to port 25 gets through while other ports pass, and the attempts end in different ways: a filter is "
    "likely, this machine's own firewall included, and some of the servers may be down as well. Ask from another "
    "network. Send through a submission server on 587 or 465."
)
_ONE_HOST = (
    "Too few servers were asked to tell a blocked port from servers that are down. Name more domains to test with."
)
_NO_CONTROL = (
    "Port 25 does not get through, but neither does any other mail port, so a block of port 25 is not to be told from "
    "servers that are down or a network that lets out very little (ports 80 and 443 only, or a cloud that closes 465 "
    "and 587 as well)."
)


def _conclude(seen: _Seen, relay: list[Reach]) -> tuple[Verdict, str]:
    if seen.relay[Outcome.INTERCEPTED]:
        return Verdict.FAIL, _INTERCEPTED
    if seen.spoken:
        return Verdict.PASS, _OPEN
    if seen.connected:
        return Verdict.UNKNOWN, _MUTE
    if any(row.reason == OWN_MACHINE for row in relay):
        return Verdict.UNKNOWN, _LOCAL_BLOCK
    if set(seen.relay) | set(seen.control) <= {Outcome.DNS_FAILURE}:
        return Verdict.UNKNOWN, _NO_DNS
    if all(row.stage is Stage.PROXY for row in relay):
        return Verdict.UNKNOWN, _NO_PROXY
    if not seen.through and set(seen.control) <= {Outcome.DNS_FAILURE}:
        return Verdict.UNKNOWN, _NO_DOORS
    if not seen.through and set(seen.relay) | set(seen.control) <= _NOWHERE:
        return Verdict.UNKNOWN, _NO_NETWORK
    if not seen.through:
        return Verdict.UNKNOWN, _NO_CONTROL
    if len({row.host for row in relay if row.address}) < 2:
        return Verdict.UNKNOWN, _ONE_HOST
    return Verdict.WARN, _how_closed(set(seen.relay))


def _how_closed(outcomes: set[Outcome]) -> str:
    """Return what a port 25 looks like that no connection gets through, by how the attempts ended."""
    if outcomes <= {Outcome.TIMEOUT}:
        return _DROPPED
    if outcomes <= {Outcome.REFUSED, Outcome.RESET}:
        return _REFUSED
    if outcomes <= {Outcome.UNREACHABLE}:
        return _TURNED_BACK
    return _MIXED


def _finding(net: Network, verdict: Verdict, evidence: str, advice: str) -> Finding:
    return Finding(
        check="outgoing port 25",
        subject=f"from {net.vantage}",
        verdict=verdict,
        evidence=evidence,
        advice=advice,
        reference="RFC 5068 section 4.1",
        lesson=_LESSON,
    )


def _domains(named: str | Iterable[str] | None, net: Network) -> list[str]:
    return list(dict.fromkeys([*([named] if isinstance(named, str) else named or ()), *net.probe_domains]))


def public_address(domains: str | Iterable[str] | None = None, *, net: Network) -> str | None:
    """Return the address that servers see us come from, or None when none of them says.

    Many servers name the client's address in their reply to EHLO; the submission servers of *domains* (default:
    the network's well-known ones) are asked, since port 587 passes where 25 does not.
    """
    hosts = [host for some in each(lambda d: submission_hosts(d, net=net)[:1], _domains(domains, net)) for host in some]
    return next(filter(None, each(lambda host: _seen_by(host, net), hosts)), None)


def _seen_by(host: str, net: Network) -> str | None:
    smtp = SMTP(net, host, 587)
    with net.slot(host):
        try:
            smtp.open()
            smtp.introduce()
            smtp.leave()
        except FAILURES:
            smtp.close()
            return None
    greeting = next((line.text for line in smtp.lines if line.who == "S" and line.text.startswith("250")), "")
    # Some servers repeat the name that we gave, which may be an address in brackets as well: the last one is theirs.
    for candidate in reversed(re.findall(r"\[(?:IPv6:)?([0-9a-fA-F:.]+)\]", greeting)):
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        if not address.is_loopback and f"[{address}]" != net.local_hostname:
            return str(address)
    return None
