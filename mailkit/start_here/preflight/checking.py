"""The findings of the preflight: one sentence a fact, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mailkit.conversation.attempts import OWN_MACHINE
from mailkit.network import Network, to_ascii
from mailkit.network.health import ResolverState
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict
from mailkit.start_here.preflight.machine import LESSON, Machine, findings, this_machine
from mailkit.start_here.preflight.port_attempts import DNS, PROBED_PORTS, PortAttempts, ask_dns, connected, try_ports

__all__ = ["NO_NETWORK", "OWN_WORLD", "PROBED_PORTS", "examine"]

NO_NETWORK = "no way leads out: there is no network"
OWN_WORLD = "it serves a world of its own, such as a practice internet: the well-known mail domains are not in it"
_KNOWS_NOBODY = "it answers, but does not know the mail servers of well-known domains"

_MOST_DOMAINS = 2  # well-known ones

_PURPOSE = {
    25: "relay: server to server",
    465: "submission, TLS from the start",
    587: "submission",
    80: "web",
    443: "web, TLS",
}


def examine(
    *, net: Network | None = None, machine: Machine | None = None, domains: Sequence[str] = ()
) -> Rows[Finding]:
    """Return what this machine and, with *net*, the network there allow: one finding a fact.

    *machine* defaults to :func:`this_machine`.  With *net* there are up to 16 short connections, at most two to an
    address at a time, and a few questions to the DNS; it takes about three times the network's timeout at worst.  The
    servers are those of two well-known domains; the first of *domains* is tried as well, which a network of your own
    needs, where no well-known domain lives.  Raises ValueError when there is no domain to test with, or one is none.
    """
    if isinstance(domains, str):
        raise TypeError("domains is a list of domains: domains=['kaisha.example']")
    tried = [*map(to_ascii, domains[:1]), *(net.probe_domains[:_MOST_DOMAINS] if net else ())]
    if net is not None and not tried:
        raise ValueError("the network has no probe_domains: name some mail domains to test with")
    rows = findings(machine or this_machine())
    if net is None:
        return Rows(Finding, rows, caption="this machine; no network was asked")
    net = net.remembering()
    dns = ask_dns(net, tried)
    ways = try_ports(net, tried if dns.knows_domains else ())
    rows += [_dns(dns), _way_out(ways, dns), *(_port(port, ways) for port in PROBED_PORTS), _ipv6(ways)]
    return Rows(Finding, rows, caption=net.caption)


def _finding(check: str, verdict: Verdict, evidence: str, advice: str = "", reference: str = "") -> Finding:
    return Finding(check, "this network", verdict, evidence, advice, reference=reference, lesson=LESSON)


_OWN_RESOLVER = 'or name a resolver you may use: mailkit.connect("internet", nameservers=["…"])'


def _dns(dns: DNS) -> Finding:
    if dns.knows_domains:
        return _finding("DNS", Verdict.PASS, "known names are found, and made-up names are not")
    if dns.resolver is ResolverState.WORKS and dns.own_world:
        advice = "Name a mail domain of it: preflight.examine(net=net, domains=[DOMAIN])."
        return _finding("DNS", Verdict.INFO, OWN_WORLD, advice)
    told = {
        None: ("this machine has no resolver configured", f"Connect this machine to a network, {_OWN_RESOLVER}."),
        ResolverState.SILENT: ("no name server answered", f"Mend the connection, {_OWN_RESOLVER}."),
        ResolverState.FAILS: ("it fails at every question", f"Ask whoever runs it, {_OWN_RESOLVER}."),
        ResolverState.DENIES: (
            _KNOWS_NOBODY,
            f"It may serve names of the inside only: ask whoever runs it, {_OWN_RESOLVER}.",
        ),
        ResolverState.WORKS: (
            _KNOWS_NOBODY,
            f"It may serve names of the inside only: ask whoever runs it, {_OWN_RESOLVER}.",
        ),
        ResolverState.INVENTS: (
            "it answers everything: a name made up a moment ago has an address",
            f"Nothing it says can be believed here: log in to the network if it asks for that, {_OWN_RESOLVER}.",
        ),
    }
    evidence, advice = told[dns.resolver]
    reference = "RFC 6761 section 6.4" if dns.resolver is ResolverState.INVENTS else ""
    return _finding("DNS", Verdict.FAIL, evidence, advice, reference)


def _way_out(ways: PortAttempts, dns: DNS) -> Finding:
    if ways.intercepted:
        ports = ", ".join(map(str, ways.intercepted))
        evidence = f"an address where nobody lives answers on port {ports}: somebody on the way answers for everyone"
        advice = "Log in to the network if it asks for that; otherwise believe no answer on these ports without TLS."
        word = Verdict.WARN if any(map(ways.leaves, PROBED_PORTS)) else Verdict.FAIL
        return _finding("way out", word, evidence, advice)
    if any(map(connected, ways.all_attempts)):
        return _finding("way out", Verdict.PASS, "servers outside can be reached")
    if all(attempt.stage is Stage.PROXY for attempt in ways.all_attempts):
        advice = "Start the SOCKS proxy that via= or MAILKIT_VIA names, or leave it out."
        return _finding("way out", Verdict.UNKNOWN, "the SOCKS proxy to go through does not work", advice)
    dialled = any(ways.servers.values())
    # That nobody's address is unreachable says nothing where names are found.
    if all(attempt.outcome is Outcome.UNREACHABLE for attempt in ways.all_attempts) and (dialled or dns.silent):
        return _finding("way out", Verdict.FAIL, NO_NETWORK, "Connect to one, or work offline.")
    if not dialled and dns.resolver is ResolverState.WORKS:
        evidence = "no server to dial was known: the domains to test with have none here"
        return _finding("way out", Verdict.UNKNOWN, evidence, "Name a mail domain that this network knows.")
    if not dialled:
        evidence = "without the DNS there was no server to dial"
        return _finding("way out", Verdict.UNKNOWN, evidence, "Mend the DNS first.")
    advice = "Ask from another network. A firewall that lets nothing out looks like this."
    return _finding("way out", Verdict.FAIL, "none of the servers could be reached, on no port", advice)


def _port(port: int, ways: PortAttempts) -> Finding:
    attempts, what = ways.servers[port], f"port {port}"
    if port in ways.intercepted:
        evidence = f"{_PURPOSE[port]}; an address where nobody lives answers"
        return _finding(what, Verdict.FAIL, evidence, "Whoever answers here is not the server that was dialled.")
    seen = Counter(attempt.outcome for attempt in attempts)
    evidence = f"{_PURPOSE[port]}; {', '.join(f'{n} {outcome}' for outcome, n in sorted(seen.items())) or 'not tried'}"
    if ways.leaves(port):
        return _finding(what, Verdict.PASS, evidence)
    if not attempts:
        return _finding(what, Verdict.UNKNOWN, evidence, "There was no server to dial.")
    if all(attempt.stage is Stage.PROXY for attempt in attempts):
        return _finding(what, Verdict.UNKNOWN, evidence, "The SOCKS proxy failed; nothing is known about the port.")
    if any(attempt.reason == OWN_MACHINE for attempt in attempts):
        return _finding(what, Verdict.WARN, evidence, "This machine's own firewall or security software holds it back.")
    if not any(map(connected, ways.all_attempts)):
        return _finding(what, Verdict.UNKNOWN, evidence, "Nothing gets out, so nothing is known about this port.")
    if port == 25:
        advice = "Usual for homes, offices and clouds, and no fault: lesson 01 is about it."
        return _finding(what, Verdict.WARN, evidence, advice, "RFC 5068 section 4.1")
    advice = "Lessons that ask real servers on this port will say unknown."
    return _finding(what, Verdict.WARN, evidence, advice, "RFC 5068 section 4.1" if port in (465, 587) else "")


def _ipv6(ways: PortAttempts) -> Finding:
    if ways.ipv6 is None:
        return _finding("IPv6", Verdict.UNKNOWN, "no IPv6 address was found to try")
    if connected(ways.ipv6):
        if 443 in ways.intercepted:
            return _finding("IPv6", Verdict.UNKNOWN, "somebody on the way answers for everyone")
        return _finding("IPv6", Verdict.PASS, "a server was reached over IPv6")
    if ways.ipv6.outcome is Outcome.UNREACHABLE:
        evidence = "the DNS gives IPv6 addresses, and no route leads to them from here"
        advice = "Harmless: mail goes over IPv4. Rows with an IPv6 address will read unreachable, and the line is why."
        return _finding("IPv6", Verdict.INFO, evidence, advice)
    if ways.ipv6.stage is Stage.PROXY or not ways.leaves(443):
        return _finding(
            "IPv6", Verdict.UNKNOWN, f"{ways.ipv6.outcome}, and over IPv4 the same port does not leave either"
        )
    evidence = f"{ways.ipv6.outcome} over IPv6, while the same port leaves over IPv4"
    advice = "IPv6 leads nowhere, and programs wait before they fall back to IPv4: have it mended or switched off."
    return _finding("IPv6", Verdict.WARN, evidence, advice)
