"""``detect``: which sending services a domain seems to use, with the evidence for each guess.

The DNS shows what was set up, never what is used: a service that is gone leaves its records behind, and one whose names
hold a number nobody can guess stays unseen until somebody names a selector from a message that it sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailkit.dkim.names import ascii_name
from mailkit.network import Network
from mailkit.results import Record, Rows, Verdict, hidden
from mailkit.services.catalogue import SignKind, services
from mailkit.services.names import mail_domain
from mailkit.services.signs import Evidence, Ground, look, questions

__all__ = ["Guess", "State", "detect"]

_SECONDS = 30.0  # for all lookups together
_MOST_SELECTORS = 20
_OWN = (SignKind.KEY, SignKind.PATH)  # what lets a message carry the customer's name


class State(StrEnum):
    """How much of a service was found.

    ``set up``: a key of it, or a return path, leads to it.  ``leftover``: what there is leads nowhere any more.
    ``hint``: it is allowed or mentioned, and no key or return path of it was found.  ``unknown``: the DNS did not say.
    """

    SET_UP = "set up"
    LEFTOVER = "leftover"
    HINT = "hint"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Guess(Record):
    """One service that a domain seems to use, and why; the row ``(others)`` names what could not be asked."""

    service: str
    state: State
    evidence: tuple[str, ...]
    reason: str
    verdict: Verdict = Verdict.INFO
    found: tuple[Evidence, ...] = hidden(())


_REASONS = {
    State.SET_UP: "its records lead to it: it can send with this domain's name",
    State.LEFTOVER: "its records lead nowhere: it was used once, or the set-up was never finished",
    State.HINT: "it is allowed or mentioned, but no key or return path of it was found: left over, or under names "
    "that nobody can guess",
    State.UNKNOWN: "where its records lead could not be looked up",
}


def detect(domain: str, *, net: Network, selectors: Sequence[str] | None = None) -> Rows[Guess]:
    """Return the sending services that the DNS of *domain* points to, in the order of ``data/services.csv``.

    *selectors* are DKIM selectors known from messages: only by them are services found whose names hold a number.
    No row says that a service is not used.  Takes at most 30 seconds.  Raises ValueError or TypeError for what is no
    domain name or no selector.
    """
    if isinstance(selectors, str):
        raise TypeError(f"selectors is a list: selectors=[{selectors!r}]")
    named = tuple(ascii_name(selector, "selector") for selector in selectors or ())
    if len(named) > _MOST_SELECTORS:
        raise ValueError(f"at most {_MOST_SELECTORS} selectors are looked at")
    caption = net.caption
    net = net.remembering(_SECONDS)
    ground = Ground.of(mail_domain(domain), named, net)
    signs = [sign for service in services() for sign in service.signs]
    net.prefetch([question for sign in signs for question in questions(sign, ground)])
    found: dict[str, list[Evidence]] = {}
    unasked: list[str] = []
    for sign in signs:
        for each in look(sign, ground):
            if isinstance(each, str):
                unasked.append(each)
            elif each not in found.setdefault(sign.service, []):
                found[sign.service].append(each)
    shared = _shared_out(found).items()
    guesses = [_guess(name, tuple(evidence), ground.domain) for name, evidence in shared if evidence]
    return Rows(Guess, [*guesses, *_about_unasked(unasked)], caption=caption)


def _shared_out(found: dict[str, list[Evidence]]) -> dict[str, list[Evidence]]:
    """Return *found* with each sign given to one service: one may run on another, and show the other's hosts.

    It belongs to the one of them that a key speaks for, else to the first.
    """
    keyed = [name for name, some in found.items() if any(each.sign.kind is SignKind.KEY for each in some)]
    owners: dict[tuple[str, str], str] = {}
    for name in [*keyed, *found]:
        for each in found[name]:
            owners.setdefault((each.name, each.seen), name)
    return {name: [each for each in some if owners[each.name, each.seen] == name] for name, some in found.items()}


def _guess(service: str, found: tuple[Evidence, ...], domain: str) -> Guess:
    own = [each for each in found if each.sign.kind in _OWN or _lets_a_subdomain_send(each, domain)]
    if any(each.alive for each in own):
        state = State.SET_UP
    elif any(each.alive is None for each in own):
        state = State.UNKNOWN
    elif own or all(each.alive is False for each in found):
        state = State.LEFTOVER
    else:
        state = State.HINT
    texts = tuple(dict.fromkeys(each.text for each in found))
    return Guess(
        service, state, texts, _REASONS[state], Verdict.UNKNOWN if state is State.UNKNOWN else Verdict.INFO, found
    )


def _lets_a_subdomain_send(each: Evidence, domain: str) -> bool:
    """Return whether *each* is the SPF entry of a subdomain that such a service takes for its return path."""
    below = {f"{where}.{domain}" for where in each.sign.where if where != "@"}
    return each.sign.kind is SignKind.INCLUDE and each.name in below


def _about_unasked(names: list[str]) -> list[Guess]:
    if not names:
        return []
    asked = tuple(dict.fromkeys(names))
    reason = f"{len(asked)} names could not be looked up, so more services may be there"
    return [Guess("(others)", State.UNKNOWN, asked[:10], reason, Verdict.UNKNOWN)]
