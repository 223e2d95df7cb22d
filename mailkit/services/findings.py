"""What lesson 10 has to say about a domain in a report: the services that it has set up, and what they left behind."""

from __future__ import annotations

from collections.abc import Sequence

from mailkit.network import Network, paste
from mailkit.results import Finding, Verdict, visible
from mailkit.services.catalogue import SignKind
from mailkit.services.detecting import Guess, State, detect
from mailkit.services.planning import plan
from mailkit.services.signs import Evidence
from mailkit.services.tickets import LESSON, Action

__all__ = ["findings"]

_CHECK = "sending services"
_NAMES = "RFC 6376 section 3.6.2.1"  # a key is found by its exact name only
_UNSEEN = (
    "Services whose names hold a number or a token are found only by a selector from a message that they sent: "
    "report.audit(…, selectors=[…])."
)
_GONE = (
    "If you no longer use this service, delete the record: whoever gets hold of the name that it leads to can send and "
    "receive mail under yours. If you do, finish the set-up in its panel."
)
_USELESS = (
    "By what is known of this service, the return path holds its own name, or an alias of yours, and SPF is asked for "
    "that one (RFC 7208 section 2.4): for DMARC this entry does nothing. It costs one of ten lookups and lets all its "
    "customers pass SPF for your domain. Before you delete it: NTT docomo asks SPF for the From line's domain too."
)
# Services that ask for no entry in the domain's own SPF record, by data/services.csv.
_WITHOUT_ENTRY = ("Brevo", "SMTP2GO", "SendGrid", "Postmark", "Mailchimp Transactional")


def findings(domain: str, *, net: Network, selectors: Sequence[str] | None = None) -> list[Finding]:
    """Return what can be said about the sending services of *domain*.

    What a service's records lead to is the service's; what is missing, or was left behind, is the domain's.  Raises
    ValueError or TypeError for what cannot be a domain or a selector.
    """
    net = net.remembering()
    guesses = detect(domain, net=net, selectors=selectors)
    known = [guess for guess in guesses if guess.state in (State.SET_UP, State.HINT)]
    found = [_overview(domain, known)]
    for guess in guesses:
        if guess.service == "(others)" or guess.state is State.UNKNOWN:
            found.append(_unknown(domain, guess))
        found += [_left_behind(domain, each) for each in guess.found if _dangles(each)]
        found += _without_next_key(domain, guess, net)
        found += _useless(domain, guess)
    return found


def _finding(
    subject: str, verdict: Verdict, evidence: str, advice: str = "", fix: str = "", reference: str = _NAMES
) -> Finding:
    return Finding(_CHECK, subject, verdict, visible(evidence, 600), advice, fix, reference, LESSON)


def _overview(domain: str, known: list[Guess]) -> Finding:
    said = "; ".join(f"{guess.service} ({guess.state}): {', '.join(guess.evidence[:3])}" for guess in known)
    return _finding(domain, Verdict.INFO, said or "none of the services in data/services.csv was seen", _UNSEEN)


def _unknown(domain: str, guess: Guess) -> Finding:
    evidence = f"{guess.service}: {guess.reason}: {', '.join(guess.evidence[:3])}"
    return _finding(domain, Verdict.UNKNOWN, evidence, "Ask again later.")


def _dangles(each: Evidence) -> bool:
    """Return whether *each* is a return path that leads nowhere; keys that do are lesson 05's to report."""
    return each.sign.kind is SignKind.PATH and each.alive is False


def _left_behind(domain: str, each: Evidence) -> Finding:
    return _finding(
        each.name, Verdict.WARN, f"{each.sign.service}: {each.text}", _GONE, reference="RFC 1034 section 3.6.2"
    )


def _without_next_key(domain: str, guess: Guess, net: Network) -> list[Finding]:
    """A service with two selectors changes its keys by turns: with one alias of two, mail is unsigned at each turn."""
    selectors = {each.name for each in guess.found if each.sign.kind is SignKind.KEY}
    if guess.state is not State.SET_UP or not selectors:
        return []
    changes = [change for change in plan(guess.service, domain, net=net).changes if change.part.startswith("dkim ")]
    missing = [change for change in changes if change.action is Action.ADD and change.record]
    if not missing or len(missing) == len(changes):
        return []
    return [
        _finding(
            change.name,
            Verdict.WARN,
            f"{guess.service} signs with two selectors by turns, and one of them has no record",
            "Publish it too: the service changes its keys without asking, and then signs with this one.",
            paste(change.record) if change.record else "",
            "RFC 6376 section 3.1",
        )
        for change in missing
    ]


def _useless(domain: str, guess: Guess) -> list[Finding]:
    entries = [
        each for each in guess.found if each.sign.kind is SignKind.INCLUDE and each.name == domain and each.alive
    ]
    if not entries or guess.service not in _WITHOUT_ENTRY or guess.state is not State.SET_UP:
        return []
    return [
        _finding(
            domain, Verdict.INFO, f"{guess.service}: {entries[0].text}", _USELESS, reference="RFC 9989 section 4.4"
        )
    ]
