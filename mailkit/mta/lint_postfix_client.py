"""What Postfix's settings mean for the way out through a smarthost (TLS_README, SASL_README)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailkit.mta.judgement import judged
from mailkit.mta.postfix_files import Postfix, Service
from mailkit.results import Finding, Verdict

__all__ = ["smarthost"]

_VERIFIED = ("verify", "secure", "fingerprint", "dane-only")
_PLAIN_RELAY = re.compile(r"[A-Za-z0-9.:\[\]-]{1,300}")


def smarthost(postfix: Postfix, subject: str) -> Iterator[Finding]:
    """Yield who gets the password, and whether OP25B stands in the way."""
    relays = postfix.words("relayhost")  # more than one since 3.5
    if not relays:
        return
    for relay in relays:
        yield from _port(relay, subject, alone=len(relays) == 1)
    # What master.cf says of the client that goes to other hosts counts before main.cf.
    client = next((one for one in postfix.services if (one.name, one.command) == ("smtp", "smtp")), None)
    check, reference = "password to the smarthost", "TLS_README, client TLS security levels"
    if postfix.word("smtp_sasl_auth_enable", client, "no") == "no":
        evidence = "smtp_sasl_auth_enable is not yes: no password is sent"
        yield judged(check, subject, Verdict.INFO, evidence, reference=reference)
        return
    level = _level(postfix, client)
    written = postfix.word("smtp_tls_security_level", client)
    by_old_names = f", by the old names {level}" if level != written else ""
    shown = f"relayhost = {', '.join(relays)}, smtp_tls_security_level = {written or '(default)'}{by_old_names}"
    fix = "smtp_tls_security_level = secure"
    if elsewhere := [name for name in ("smtp_tls_policy_maps", "smtp_tls_per_site") if postfix.value(name, client)]:
        evidence = f"{shown}; {elsewhere[0]} may say otherwise for the relay"
        yield judged(check, subject, Verdict.UNKNOWN, evidence, reference=reference)
    elif (way := postfix.value("default_transport", default="smtp")) != "smtp":
        evidence = f"{shown}; default_transport = {way}: which client takes the mail is not read here"
        yield judged(check, subject, Verdict.UNKNOWN, evidence, reference=reference)
    elif level == "verify" and not all(relay.startswith("[") for relay in relays):
        yield judged(
            check,
            subject,
            Verdict.WARN,
            shown,
            "Without brackets the name to verify comes from an MX record, which whoever stands in between can forge.",
            fix,
            reference,
        )
    elif level in _VERIFIED:
        yield judged(check, subject, Verdict.PASS, shown, reference=reference)
        yield from _on_request(postfix, client, subject)
    elif level in ("encrypt", "dane"):
        yield judged(
            check,
            subject,
            Verdict.WARN,
            shown,
            "The certificate need not verify: whoever stands in between gets the password.",
            fix,
            reference,
        )
    elif level in ("", "none", "may"):
        yield judged(
            check,
            subject,
            Verdict.FAIL,
            shown,
            "Whoever stands in between takes STARTTLS away, or answers with any certificate.",
            fix,
            reference,
        )
    else:
        yield judged(check, subject, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference)


def _port(relay: str, subject: str, *, alone: bool) -> Iterator[Finding]:
    """Yield whether OP25B stands between here and *relay*: host, host:port, [host] or [host]:port."""
    bracketed, _, port = relay.partition("]") if relay.startswith("[") else relay.partition(":")
    port = port.strip(":")
    if port not in ("", "25", "smtp") or "$" in relay:
        return
    closed = f"{bracketed}]" if relay.startswith("[") else bracketed
    yield judged(
        "OP25B",
        subject,
        Verdict.WARN,
        f"relayhost = {relay}: port 25",
        "Behind OP25B port 25 does not get out: use the relay's submission port.",
        f"relayhost = {closed}:587" if alone and _PLAIN_RELAY.fullmatch(relay) else "",
        "RFC 6409 section 3.1",
    )


def _level(postfix: Postfix, client: Service | None) -> str:
    """Return the level of TLS, also where the old words say it (postconf(5), smtp_enforce_tls)."""
    level = postfix.word("smtp_tls_security_level", client)
    if level:
        return level
    if postfix.word("smtp_enforce_tls", client, "no") == "yes":
        return "encrypt" if postfix.word("smtp_tls_enforce_peername", client, "yes") == "no" else "verify"
    return "may" if postfix.word("smtp_use_tls", client, "no") == "yes" else ""


def _on_request(postfix: Postfix, client: Service | None, subject: str) -> Iterator[Finding]:
    """Yield whether a message itself can ask for less (TLS-Required: no, RFC 8689 section 5)."""
    value = postfix.word("tls_required_enable", client)
    check, reference = "TLS given up on request", "RFC 8689 section 5; postconf(5), tls_required_enable"
    shown, fix = f"tls_required_enable = {value or '(default)'}", "tls_required_enable = no"
    if value == "no" or (postfix.version is not None and postfix.version < (3, 10)):
        evidence = shown if value else "before 3.10 no message can ask for it"
        yield judged(check, subject, Verdict.PASS, evidence, reference=reference)
    elif value not in ("", "yes"):
        yield judged(check, subject, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference)
    elif postfix.version is None:
        evidence = f"{shown}: yes since 3.10, not known before; the version is not known"
        yield judged(check, subject, Verdict.UNKNOWN, evidence, "From 3.10 on, write it out.", fix, reference)
    else:
        yield judged(
            check,
            subject,
            Verdict.WARN,
            shown,
            "A message with the field TLS-Required: no is sent without verifying the certificate, after the password.",
            fix,
            reference,
        )
