"""Whether a domain's mail exchangers take connections from here, and what that does and does not say about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailkit.conversation.attempts import OWN_MACHINE
from mailkit.network import Network
from mailkit.network.exchangers import inside
from mailkit.network.health import Egress, EgressState, egress
from mailkit.op25b.reverse_dns import reverse
from mailkit.op25b.scanning import Reach
from mailkit.results import Finding, Outcome, Rows, Stage, Verdict, visible

__all__ = ["LESSON", "about_hosts", "about_reverse_names"]

LESSON = "01_op25b"

_MOST_REVERSED = 40  # addresses whose reverse names are looked up
_ELSEWHERE = "Ask from another network."
_OF_PLACE = (Stage.DNS, Stage.PROXY, Stage.CONNECT)


@dataclass(frozen=True)
class _Judged:
    """What one row says of its host: PASS, WARN, or UNKNOWN where it says nothing of it; and why, in a sentence."""

    row: Reach
    verdict: Verdict
    advice: str = ""

    @property
    def seen(self) -> str:
        told = self.row.outcome in (Outcome.REJECTED, Outcome.PROTOCOL_ERROR, Outcome.NOT_RUN)
        words = f" ({self.row.reason})" if told else ""
        return f"{self.row.address or self.row.host} {self.row.outcome}{words}"


def about_hosts(reached: Rows[Reach], domain: str, net: Network) -> list[Finding]:
    """Return a finding on each host of *reached*, after what is wrong with this place where something hides them."""
    rows = [row for row in reached if row.outcome is not Outcome.DNS_FAILURE]
    hidden = any(row.outcome is not Outcome.OPEN and row.stage in _OF_PLACE for row in rows)
    intercepted = any(row.outcome is Outcome.INTERCEPTED for row in rows)
    here = egress(net) if hidden or intercepted else Egress(EgressState.OPEN, EgressState.OPEN)
    judged = [_judge(row, here, rows) for row in rows]
    hosts = dict.fromkeys(row.host for row in rows)
    found = [_about_host(host, [j for j in judged if j.row.host == host], domain) for host in hosts]
    return [*_about_place(here, judged, net), *found]


def _about_place(here: Egress, judged: list[_Judged], net: Network) -> list[Finding]:
    """Return what is wrong with this place: once, and saying nothing about the domain."""
    rows = [j.row for j in judged if j.verdict is Verdict.UNKNOWN]
    unseen = [row for row in rows if row.stage in _OF_PLACE or row.outcome is Outcome.INTERCEPTED]
    said = []
    if here.about_port25 and any(":" not in row.address or here.ipv6 is EgressState.OPEN for row in unseen):
        said.append(here.about_port25)
    if here.about_ipv6 and any(":" in row.address for row in unseen):
        said.append(here.about_ipv6)
    if not said:
        return []
    evidence, advice = "; ".join(dict.fromkeys(said)), "It says nothing about the domain. " + _ELSEWHERE
    reference = "RFC 5068 section 4.1"
    return [Finding("seen from here", f"from {net.vantage}", Verdict.INFO, evidence, advice, "", reference, LESSON)]


def _judge(row: Reach, here: Egress, rows: Iterable[Reach]) -> _Judged:
    if row.outcome is Outcome.OPEN:
        return _Judged(row, Verdict.PASS)
    if row.outcome is Outcome.INTERCEPTED:
        return _Judged(row, Verdict.UNKNOWN, f"Somebody on the way answers for everyone on port 25. {_ELSEWHERE}")
    if row.outcome is Outcome.NOT_RUN:
        return _Judged(row, Verdict.UNKNOWN)
    if row.stage is Stage.PROXY or row.outcome is Outcome.NOT_CONNECTED:
        return _Judged(row, Verdict.UNKNOWN, "The proxy on the way here does not say what became of it.")
    if row.stage is Stage.CONNECT:
        return _not_connected(row, here, rows)
    return _Judged(row, *_CONNECTED.get(row.outcome, (Verdict.UNKNOWN, _UNCLEAR)))


_UNCLEAR = "It takes the connection, and what it says then does not tell whether it takes mail."
# What a server that took the connection did then: in none of these is port 25 closed.
_CONNECTED = {
    Outcome.REJECTED: (
        Verdict.UNKNOWN,
        "It answers, and refuses this address in its own words, as many do for addresses on a blocklist. "
        "Ask from an address that sends mail.",
    ),
    Outcome.TIMEOUT: (
        Verdict.UNKNOWN,
        "It takes the connection and then says nothing in time, which a slow server and a filter on the way both do. "
        "Clients wait five minutes for the greeting (RFC 5321 section 4.5.3.2.1): try it with more patience.",
    ),
    Outcome.RESET: (
        Verdict.UNKNOWN,
        "It takes the connection and hangs up, as servers do with addresses that they do not like. "
        "Ask from an address that sends mail.",
    ),
    Outcome.PROTOCOL_ERROR: (
        Verdict.WARN,
        "Something answers on port 25 that is no mail server: find out what listens there.",
    ),
}


def _not_connected(row: Reach, here: Egress, rows: Iterable[Reach]) -> _Judged:
    """Judge a connection that was not made: it may be the host's fault only where the way out is known to be open."""
    if row.reason == OWN_MACHINE:
        return _Judged(row, Verdict.UNKNOWN, "This machine's own firewall or security software holds port 25 back.")
    spoke = [r for r in rows if r.outcome in (Outcome.OPEN, Outcome.REJECTED, Outcome.PROTOCOL_ERROR)]
    port25_open = here.port25 is EgressState.OPEN or (here.port25 is not EgressState.INTERCEPTED and bool(spoke))
    if not port25_open:
        return _Judged(row, Verdict.UNKNOWN, f"It cannot be seen from here: {here.about_port25}. {_ELSEWHERE}")
    over_ipv6 = ":" in row.address
    if over_ipv6 and here.ipv6 is not EgressState.OPEN and not any(":" in r.address for r in spoke):
        return _Judged(row, Verdict.UNKNOWN, f"It cannot be seen from here: {here.about_ipv6}. {_ELSEWHERE}")
    if row.outcome is Outcome.REFUSED:
        return _Judged(row, Verdict.WARN, "Port 25 leaves from here, and this host refuses it: does the server run?")
    if row.outcome in (Outcome.TIMEOUT, Outcome.RESET):
        return _Judged(
            row,
            Verdict.WARN,
            "Port 25 leaves from here, yet nothing comes back: is the host up, and its firewall open?",
        )
    return _Judged(row, Verdict.UNKNOWN, f"No way leads there from here. {_ELSEWHERE}")


def _about_host(host: str, judged: list[_Judged], domain: str) -> Finding:
    verdicts = {j.verdict for j in judged}
    evidence = visible(", ".join(j.seen for j in judged), 1000)
    if Verdict.WARN in verdicts:
        verdict = Verdict.WARN
    elif Verdict.PASS in verdicts:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.UNKNOWN
    advice = list(dict.fromkeys(j.advice for j in judged if j.verdict is verdict and j.advice))
    if verdict is Verdict.WARN and Verdict.PASS in verdicts:
        advice.insert(0, "Some of its addresses take mail, and some do not; senders try them all in turn.")
    if verdict is Verdict.WARN and not inside(host, domain):
        advice.append("The host is the provider's: tell them.")
    return Finding("MX reachable", host, verdict, evidence, " ".join(advice), "", "RFC 5321 section 3.1", LESSON)


_REVERSE = (
    "If mail leaves from this address too, ask whoever assigned it for a reverse name that is the server's own and "
    "that leads back to it. Large receivers refuse senders without one."
)
_REVERSE_RFC = "RFC 1912 section 2.1; RFC 8601 section 3"


def about_reverse_names(reached: Rows[Reach], domain: str, net: Network) -> list[Finding]:
    """Return what the reverse names of the addresses say; a provider's are the provider's, said once."""
    owner = {row.address: row.host for row in reached if row.address}
    addresses = list(owner)[:_MOST_REVERSED]
    if not addresses:
        return []
    found, theirs = [], []
    for row in reverse(addresses, net=net):
        seen = f"{row.name}: {row.reason}" if row.name else row.reason
        if row.verdict is Verdict.PASS or inside(owner[row.address], domain):
            # An MX need not be a sender, so a missing name is not yet a fault of the domain.
            verdict = Verdict.WARN if row.verdict is Verdict.FAIL else row.verdict
            advice = "" if verdict is Verdict.PASS else _REVERSE
            found.append(Finding("reverse DNS", row.address, verdict, seen, advice, "", _REVERSE_RFC, LESSON))
        else:
            theirs.append(f"{row.address} {seen}")
    if theirs:
        advice = (
            "These hosts are the provider's, and so are their reverse names; your own mail need not leave from them."
        )
        evidence = visible("; ".join(theirs), 1000)
        found.append(Finding("reverse DNS", domain, Verdict.INFO, evidence, advice, "", _REVERSE_RFC, LESSON))
    if left := len(owner) - len(addresses):
        evidence = f"the names of {left} of {len(owner)} addresses are not looked up"
        found.append(Finding("reverse DNS", domain, Verdict.UNKNOWN, evidence, "", "", _REVERSE_RFC, LESSON))
    return found
