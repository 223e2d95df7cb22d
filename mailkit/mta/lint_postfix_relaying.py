"""Whom Postfix lets send to anywhere: the order of its restrictions, and mynetworks (postconf(5)).

There is no verdict where a table would have to be read, or a word is not known.  Where no working refusal is left,
Postfix lets nobody relay: its smtpd stops, which a test shows on Postfix itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from mailkit.mta.judgement import judged
from mailkit.mta.postfix_files import Postfix, Service
from mailkit.results import Finding, Verdict

__all__ = ["networks", "relaying"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LISTS = ("smtpd_relay_restrictions", "smtpd_recipient_restrictions")

# The last one is gone since 3.9, and since then whatever names it refuses everything.
_GUARDS = {"reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "check_relay_domains"}
# Conditions that let nobody through whom the guard would stop, or that only refuse.
_HARMLESS = {
    "permit_mynetworks",
    "permit_sasl_authenticated",
    "permit_auth_destination",
    "reject_unauth_pipelining",
    "reject_non_fqdn_recipient",
    "reject_non_fqdn_sender",
    "reject_non_fqdn_helo_hostname",
    "reject_invalid_helo_hostname",
    "reject_unknown_recipient_domain",
    "reject_unknown_sender_domain",
    "reject_unknown_client_hostname",
    "reject_unknown_helo_hostname",
    "reject_unlisted_recipient",
    "reject_unlisted_sender",
    "reject_unverified_recipient",
    "reject_unverified_sender",
    "reject_sender_login_mismatch",
    "reject_authenticated_sender_login_mismatch",
    "reject_plaintext_session",
}
_WITH_ARGUMENT = ("reject_rbl_client", "reject_rhsbl_sender", "reject_rhsbl_client", "reject_rhsbl_helo")
_RELAY_DEFAULT = "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"
_OWN_PREFIX = {4: 16, 6: 32}  # shorter prefixes hold more than one network of one's own
_FIX = "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"


def relaying(postfix: Postfix, server: Service | None, name: str) -> Finding:
    """Return whether strangers may send to anywhere."""
    lists = _restrictions(postfix, server)
    states = {setting: _guarded(words) for setting, words in lists.items()}
    shown = "; ".join(f"{setting} = {', '.join(words)}" for setting, words in lists.items() if words)
    if not lists[_LISTS[0]] and not postfix.is_set(_LISTS[0], server):
        shown = "; ".join(filter(None, [f"{_LISTS[0]} is empty below compatibility_level 1", shown]))
    reference = "postconf(5), smtpd_relay_restrictions"
    if guarded := [setting for setting, state in states.items() if state == "guarded"]:
        spared = {one: "permit_mynetworks" in map(str.lower, lists[one]) for one in guarded}
        setting = min(guarded, key=spared.__getitem__)
        let_in = list(networks(postfix, server, name)) if spared[setting] else []
        return _behind_the_guard(name, f"{setting} refuses other destinations: {shown}", let_in, reference)
    if before := [state for state in states.values() if state.startswith("before ")]:
        return judged(
            "open relay",
            name,
            Verdict.WARN,
            f"{before[0].removeprefix('before ')} stands before the refusal: {shown}",
            "An OK from that table or service lets a stranger relay: put it behind reject_unauth_destination.",
            reference=reference,
        )
    if odd := [state for state in states.values() if state.startswith("unknown ")]:
        return judged(
            "open relay",
            name,
            Verdict.UNKNOWN,
            f"{odd[0].removeprefix('unknown ')} is not understood here: {shown}",
            "Ask from outside: RCPT to a domain that is not yours must be refused.",
            reference=reference,
        )
    return judged(
        "no working refusal",
        name,
        Verdict.FAIL,
        f"nothing refuses other destinations: {shown or 'both lists are empty'}",
        "Postfix answers nobody like this: smtpd stops with fatal: specify at least one working instance of "
        "reject_unauth_destination.",
        _FIX,
        reference,
    )


def _restrictions(postfix: Postfix, server: Service | None) -> dict[str, list[str]]:
    """Return the two lists that decide on a recipient."""
    level = postfix.level(server)
    # Where the level is not understood, nothing that hangs on it is.
    default = "$compatibility_level" if level is None else _RELAY_DEFAULT if level >= (1,) else ""
    defaults = dict(zip(_LISTS, (default, ""), strict=True))
    return {name: postfix.words(name, server, defaults[name]) for name in _LISTS}


def _behind_the_guard(name: str, evidence: str, let_in: list[Finding], reference: str) -> Finding:
    """Return whether strangers may send where the refusal stands, but not for those that mynetworks lets in."""
    for verdict, advice in (
        (Verdict.FAIL, "The refusal spares mynetworks, and everybody is in it: name your own networks."),
        (Verdict.UNKNOWN, "The refusal spares mynetworks, and whom that holds is not read here."),
        (Verdict.WARN, "The refusal spares mynetworks, which holds more than networks of your own."),
    ):
        if words := [finding.evidence for finding in let_in if finding.verdict is verdict]:
            shown = f"{evidence}; mynetworks holds {', '.join(words)}"
            return judged("open relay", name, verdict, shown, advice, reference=reference)
    advice = "Strangers may send to your own domains only."
    return judged("open relay", name, Verdict.PASS, evidence, advice, reference=reference)


def _guarded(words: list[str]) -> str:
    """Return "guarded", "open" (no refusal), or "before X" / "unknown X" where X stands in front of the refusal."""
    in_front = ""
    skip = False
    for written in words:
        word = written.lower()  # as Postfix reads them
        if skip:
            skip = False
        elif word == "warn_if_reject":
            skip = True  # what follows refuses nobody
        elif word in _GUARDS:
            return in_front or "guarded"
        elif word == "permit":
            break  # what follows is ignored
        elif word in _WITH_ARGUMENT:
            skip = True
        elif word.startswith("check_"):
            in_front = in_front or f"before {written}"
            skip = True
        elif word not in _HARMLESS:
            in_front = f"unknown {written}"
    return in_front if in_front.startswith("unknown ") else "open"


def networks(postfix: Postfix, server: Service | None, subject: str) -> Iterator[Finding]:
    """Yield what mynetworks lets in."""
    if not postfix.is_set("mynetworks", server):
        yield from _by_style(postfix, server, subject)
        return
    read: list[_Network] = []
    for word in postfix.words("mynetworks", server):
        try:
            read.append(ipaddress.ip_network(word.replace("[", "").replace("]", ""), strict=False))
        except ValueError:
            evidence = f"{word}, which is not an address: what it holds is not read here"
            yield _let_in(subject, Verdict.UNKNOWN, evidence)
    whole = {one.version for version in (4, 6) for one in _merged(read, version) if one.prefixlen == 0}
    if whole:
        all_of_it = [one for one in read if one.version in whole]
        shown = [one for one in all_of_it if one.prefixlen == 0] or all_of_it
        advice = "Everybody is in it: name your own networks."
        fix = "mynetworks = 127.0.0.0/8 [::1]/128"
        yield _let_in(subject, Verdict.FAIL, ", ".join(map(str, shown)), advice, fix)
    for network in read:
        if network.version in whole:
            continue
        if network.prefixlen < _OWN_PREFIX[network.version] and not network.is_private:
            advice = "So many public addresses are more than a network of your own."
            yield _let_in(subject, Verdict.WARN, str(network), advice)


def _merged(read: list[_Network], version: int) -> Iterator[_Network]:
    """Yield the networks of one IP version, those that lie side by side put together."""
    if version == 4:
        yield from ipaddress.collapse_addresses(one for one in read if isinstance(one, ipaddress.IPv4Network))
    else:
        yield from ipaddress.collapse_addresses(one for one in read if isinstance(one, ipaddress.IPv6Network))


def _by_style(postfix: Postfix, server: Service | None, subject: str) -> Iterator[Finding]:
    """Yield whom mynetworks holds where nobody wrote it: mynetworks_style says."""
    level = postfix.level(server)
    default = "$compatibility_level" if level is None else "host" if level >= (2,) else "subnet"
    style = postfix.word("mynetworks_style", server, default)
    shown = f"mynetworks is not set, mynetworks_style = {style}"
    if style == "class":
        advice = "The whole class A, B or C network of this machine is in it, most of it not yours."
        yield _let_in(subject, Verdict.WARN, shown, advice, "mynetworks_style = host")
    elif style == "subnet":
        advice = "The neighbours in this machine's subnet are in it: fine at home, not in a rented rack."
        yield _let_in(subject, Verdict.INFO, shown, advice, "mynetworks_style = host")
    elif style != "host":
        yield _let_in(subject, Verdict.UNKNOWN, f"{shown}: not understood here")


def _let_in(subject: str, verdict: Verdict, evidence: str, advice: str = "", fix: str = "") -> Finding:
    return judged("mynetworks", subject, verdict, evidence, advice, fix, "postconf(5), mynetworks")
