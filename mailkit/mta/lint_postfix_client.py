"""What Postfix's settings mean for the way out through a smarthost (TLS_README, SASL_README)."""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.mta.judgement import judged
from mailkit.mta.postfix_files import Postfix
from mailkit.results import Finding, Verdict

__all__ = ["smarthost"]

_VERIFIED = ("verify", "secure", "fingerprint", "dane-only")


def smarthost(postfix: Postfix, subject: str) -> Iterator[Finding]:
    """Yield who gets the password, and whether OP25B stands in the way."""
    relay = postfix.value("relayhost")
    if not relay:
        return
    check, reference = "password to the smarthost", "TLS_README, client TLS security levels"
    host, _, port = relay.partition("]")
    if not port.strip(":") and ":" not in host.strip("[") and not port:
        port = relay.partition(":")[2]
    if port.strip(":") in ("", "25", "smtp"):
        yield judged(
            "OP25B",
            subject,
            Verdict.WARN,
            f"relayhost = {relay}: port 25",
            "Behind OP25B port 25 does not get out: use the relay's submission port.",
            f"relayhost = {relay.rstrip(':')}:587" if not port.strip(":") else "",
            "RFC 6409 section 3.1",
        )
    if postfix.value("smtp_sasl_auth_enable", default="no") != "yes":
        yield judged(
            check, subject, Verdict.INFO, "smtp_sasl_auth_enable is not yes: no password is sent", reference=reference
        )
        return
    level = postfix.value("smtp_tls_security_level")
    shown = f"relayhost = {relay}, smtp_tls_security_level = {level or '(default)'}"
    fix = "smtp_tls_security_level = secure"
    if postfix.value("smtp_tls_policy_maps") or "$" in level:
        yield judged(
            check,
            subject,
            Verdict.UNKNOWN,
            f"{shown}; smtp_tls_policy_maps may say otherwise for the relay",
            reference=reference,
        )
    elif level == "verify" and not relay.startswith("["):
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
        yield from _on_request(postfix, subject)
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


def _on_request(postfix: Postfix, subject: str) -> Iterator[Finding]:
    """Yield whether a message itself can ask for less (TLS-Required: no, RFC 8689 section 5)."""
    value = postfix.value("tls_required_enable")
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
