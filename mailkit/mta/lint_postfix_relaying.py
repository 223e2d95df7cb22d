"""Whom Postfix lets send to anywhere: the order of its restrictions, and mynetworks (postconf(5)).

There is no verdict where a table would have to be read, or a word is not known.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from mailkit.mta.judgement import judged
from mailkit.mta.postfix_files import Postfix, Service
from mailkit.results import Finding, Verdict

__all__ = ["networks", "relaying"]

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


def relaying(postfix: Postfix, server: Service | None, name: str) -> Finding:
    """Return whether strangers may send to anywhere."""
    lists = {
        setting: postfix.words(setting, server, default)
        for setting, default in (("smtpd_relay_restrictions", _RELAY_DEFAULT), ("smtpd_recipient_restrictions", ""))
    }
    states = {setting: _guarded(words) for setting, words in lists.items()}
    shown = "; ".join(f"{setting} = {', '.join(words)}" for setting, words in lists.items() if words)
    reference = "postconf(5), smtpd_relay_restrictions"
    if guarded := [setting for setting, state in states.items() if state == "guarded"]:
        setting = min(guarded, key=lambda one: "permit_mynetworks" in lists[one])
        let_in = list(networks(postfix, name)) if "permit_mynetworks" in lists[setting] else []
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
        "open relay",
        name,
        Verdict.FAIL,
        f"nothing refuses other destinations: {shown or 'both are empty'}",
        "Anybody may relay to anywhere, and others will find it within hours.",
        "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
        reference,
    )


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
    """Return "guarded", "open", or "before X" / "unknown X" where X stands in front of the refusal."""
    in_front = ""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "warn_if_reject":
            skip = True  # what follows refuses nobody
        elif word in _GUARDS:
            return in_front or "guarded"
        elif word == "permit":
            return in_front or "open"
        elif word in _WITH_ARGUMENT:
            skip = True
        elif word.startswith("check_"):
            in_front = in_front or f"before {word}"
            skip = True
        elif word not in _HARMLESS:
            in_front = f"unknown {word}"
    return in_front if in_front.startswith("unknown ") else "open"


def networks(postfix: Postfix, subject: str) -> Iterator[Finding]:
    """Yield what mynetworks lets in."""
    words = postfix.words("mynetworks")
    check, reference = "mynetworks", "postconf(5), mynetworks"
    for word in words:
        try:
            network = ipaddress.ip_network(word.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            yield judged(
                check,
                subject,
                Verdict.UNKNOWN,
                f"{word}, which is not an address: what it holds is not read here",
                reference=reference,
            )
            continue
        if network.prefixlen == 0:
            yield judged(
                check,
                subject,
                Verdict.FAIL,
                word,
                "Everybody may relay: name your own networks.",
                "mynetworks = 127.0.0.0/8 [::1]/128",
                reference,
            )
        elif network.num_addresses > 2**16 and network.version == 4 and not network.is_private:
            yield judged(
                check,
                subject,
                Verdict.WARN,
                word,
                f"{network.num_addresses} public addresses may relay without a login.",
                reference=reference,
            )
