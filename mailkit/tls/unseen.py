"""What it means that no TLS came about at a door: one sentence for each way in which a scan can end early.

Only two of them are faults that can be seen from outside: STARTTLS is not there or refused, and what answers does not
get through a handshake.  In all the others the server's TLS was not seen, so it is unknown.
"""

from __future__ import annotations

from mailkit.results import Outcome, Stage, Verdict
from mailkit.tls.scanning import Scan

__all__ = ["Judgement", "is_relay", "is_smtp", "without_tls"]

# Verdict, evidence, advice, and what to paste.
Judgement = tuple[Verdict, str, str, str]

_NOT_REACHED = (Stage.DNS, Stage.PROXY, Stage.CONNECT)
_BEFORE_TLS = (Stage.GREETING, Stage.EHLO, Stage.STARTTLS)


def is_relay(row: Scan) -> bool:
    """True for port 25, where other servers knock."""
    return row.port == 25


def is_smtp(row: Scan) -> bool:
    """True where SMTP is spoken, by port or by what was asked."""
    return row.starttls == "smtp" or row.port in (25, 465, 587, 2525)


def without_tls(row: Scan, *, announced: bool) -> Judgement:
    """Return the judgement on a scan whose outcome is not ``open``; *announced* says that the domain names the door."""
    evidence = f"{row.outcome} ({row.stage}): {row.reason}"
    if row.outcome is Outcome.INTERCEPTED:
        return Verdict.UNKNOWN, evidence, "What was seen is not the domain's server: ask from elsewhere.", ""
    if row.stage in _NOT_REACHED:
        return _not_reached(row, evidence, announced)
    if row.stage in _BEFORE_TLS:
        return _before_tls(row, evidence)
    return _in_handshake(row, evidence)


def _not_reached(row: Scan, evidence: str, announced: bool) -> Judgement:
    if is_relay(row):
        advice = "It cannot be seen from here. Port 25 does not leave from many places: ask from another network."
        return Verdict.UNKNOWN, evidence, advice, ""
    if row.outcome is Outcome.REFUSED and not announced:
        return Verdict.INFO, evidence, "Nothing listens there, or not for you; the domain does not announce it.", ""
    if row.outcome is Outcome.REFUSED:
        return Verdict.WARN, evidence, "The domain announces this port, and nothing listens there, or not for you.", ""
    return Verdict.UNKNOWN, evidence, "It cannot be seen from here.", ""


def _before_tls(row: Scan, evidence: str) -> Judgement:
    if row.stage is Stage.STARTTLS and row.outcome is Outcome.REJECTED:
        return _without_starttls(row, evidence)
    if row.outcome is Outcome.REJECTED:
        return Verdict.UNKNOWN, evidence, "The server does not talk to this address, so its TLS was not seen.", ""
    if row.outcome is Outcome.PROTOCOL_ERROR and row.stage is Stage.STARTTLS:
        advice = "Somebody between here and the server may have a hand in it: ask from elsewhere."
        return Verdict.UNKNOWN, evidence, advice, ""
    if row.outcome is Outcome.PROTOCOL_ERROR:
        advice = "Something other than the mail server that belongs there answers, or a filter in its place."
        return Verdict.UNKNOWN, evidence, advice, ""
    if row.outcome is Outcome.TIMEOUT and row.stage is Stage.GREETING:
        advice = (
            "Its TLS was not seen. It may greet late (scan takes a timeout), or wait for TLS from the first octet: "
            "then this port and 465 are mixed up (RFC 8314 section 3)."
        )
        return Verdict.UNKNOWN, evidence, advice, ""
    return Verdict.UNKNOWN, evidence, "It did not keep up the conversation, so its TLS was not seen: ask again.", ""


def _without_starttls(row: Scan, evidence: str) -> Judgement:
    verdict = Verdict.WARN if is_relay(row) else Verdict.FAIL
    if row.offered is False:
        level = "may" if is_relay(row) else "encrypt"
        fix = f"smtpd_tls_security_level = {level}   # Postfix" if is_smtp(row) else ""
        return verdict, evidence, "Offer STARTTLS: without it every message and every login here travels readable.", fix
    if " 421 " in f" {row.reason} ":
        return Verdict.UNKNOWN, evidence, "It closed the conversation, so its TLS was not seen: ask again later.", ""
    advice = (
        "It offers STARTTLS and cannot begin it just now: its log says why, often a certificate or key it cannot read."
    )
    return verdict, evidence, advice, ""


def _in_handshake(row: Scan, evidence: str) -> Judgement:
    if row.outcome is Outcome.TLS_FAILURE:
        advice = (
            "No client gets into TLS there: its log says why. Where it answers in the clear, STARTTLS and TLS from the "
            "first octet are mixed up (RFC 8314 section 3)."
        )
        return (Verdict.WARN if is_relay(row) else Verdict.FAIL), evidence, advice, ""
    if row.outcome is Outcome.TIMEOUT:
        advice = (
            "Its hello was not seen. When small packets pass and large ones do not (a path MTU black hole), it looks "
            "like this: ask from another network."
        )
        return Verdict.UNKNOWN, evidence, advice, ""
    return (
        Verdict.UNKNOWN,
        evidence,
        "Its TLS was not seen: ask from elsewhere; if it is the same there, see its log.",
        "",
    )
