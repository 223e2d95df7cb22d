"""What Postfix's settings mean for one of its listeners: logins, milters, smuggling, sockets."""

from __future__ import annotations

from collections.abc import Iterator

from mailkit.mta.judgement import judged
from mailkit.mta.postfix_files import Postfix, Service
from mailkit.results import Finding, Verdict, visible

__all__ = ["chroot", "logins", "milters", "pipelining", "smuggling"]


def logins(postfix: Postfix, server: Service | None, name: str) -> Iterator[Finding]:
    """Yield whether a password can be said in clear text."""
    if postfix.word("smtpd_sasl_auth_enable", server, "no") != "yes":
        return
    level = postfix.word("smtpd_tls_security_level", server)
    if not level and postfix.word("smtpd_enforce_tls", server, "no") == "yes":
        level = "encrypt"  # its old name
    only = postfix.word("smtpd_tls_auth_only", server, "no")
    wrapped = postfix.word("smtpd_tls_wrappermode", server, "no")
    options = postfix.words("smtpd_sasl_security_options", server, "noanonymous")
    shown = (
        f"smtpd_tls_security_level = {level or '(default)'}, smtpd_tls_auth_only = {only}, "
        f"smtpd_tls_wrappermode = {wrapped}"
    )
    reference = "RFC 4954 section 4"
    if level == "encrypt" or only == "yes" or wrapped == "yes":
        yield judged("AUTH before TLS", name, Verdict.PASS, shown, reference=reference)
    elif "noplaintext" in options:
        yield judged(
            "AUTH before TLS",
            name,
            Verdict.PASS,
            "smtpd_sasl_security_options has noplaintext: PLAIN and LOGIN are not on offer without TLS",
            reference=reference,
        )
    elif "$" in level + only + wrapped + "".join(options):
        yield judged("AUTH before TLS", name, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference)
    else:
        yield judged(
            "AUTH before TLS",
            name,
            Verdict.FAIL,
            shown,
            "A password can be said in clear text: offer AUTH inside TLS only.",
            "smtpd_tls_auth_only = yes",
            reference,
        )


def milters(postfix: Postfix, server: Service | None, name: str) -> Iterator[Finding]:
    """Yield what happens while a milter is down."""
    if not postfix.words("smtpd_milters", server):
        return
    action = postfix.value("milter_default_action", server)
    shown = f"milter_default_action = {action or '(default)'}"
    reference = "postconf(5), milter_default_action"
    if "{" in postfix.value("smtpd_milters", server):
        evidence = "smtpd_milters has settings of its own for a milter, which are not read here"
        yield judged("a milter that is down", name, Verdict.UNKNOWN, evidence, reference=reference)
    elif action == "accept":
        yield judged(
            "a milter that is down",
            name,
            Verdict.WARN,
            shown,
            "If one of the milters signs, mail leaves "
            "unsigned while it is down; if one checks, mail comes in unchecked.",
            "milter_default_action = tempfail",
            reference,
        )
    elif action in ("tempfail", "reject", "quarantine", "shutdown"):
        yield judged("a milter that is down", name, Verdict.PASS, shown, reference=reference)
    elif not action:
        yield judged(
            "a milter that is down",
            name,
            Verdict.PASS,
            f"{shown}: tempfail before 3.11, shutdown since and in late patches of 3.10",
            reference=reference,
        )
    else:
        yield judged(
            "a milter that is down", name, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference
        )


def smuggling(postfix: Postfix, server: Service | None, name: str) -> Finding:
    """Return whether a second message can be hidden in the first."""
    value = postfix.word("smtpd_forbid_bare_newline", server)
    check, reference = "SMTP smuggling", "CVE-2023-51764; postconf(5), smtpd_forbid_bare_newline"
    fix = "smtpd_forbid_bare_newline = normalize"
    shown = f"smtpd_forbid_bare_newline = {value or '(default)'}"
    if value in ("normalize", "reject", "yes"):
        return judged(check, name, Verdict.PASS, shown, reference=reference)
    if value == "no" or (not value and postfix.version and postfix.version < (3, 9)):
        default = "" if value else ": no before 3.9"
        return judged(
            check,
            name,
            Verdict.FAIL,
            f"{shown}{default}",
            "Whoever writes through a careless relay can hide "
            "a second message inside the first, and it passes that relay's SPF.",
            fix,
            reference,
        )
    if value == "note":
        return judged(check, name, Verdict.WARN, shown, "It is only logged.", fix, reference)
    if value:
        return judged(check, name, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference)
    if postfix.version:
        return judged(check, name, Verdict.PASS, f"{shown}: normalize since 3.9", reference=reference)
    return judged(
        check,
        name,
        Verdict.UNKNOWN,
        f"{shown}: normalize since 3.9, no before; the version is not known",
        "Write it out, then it holds for every version.",
        fix,
        reference,
    )


def pipelining(postfix: Postfix, server: Service | None, name: str) -> Finding:
    """Return whether commands may be sent ahead of the answers."""
    value = postfix.word("smtpd_forbid_unauth_pipelining", server)
    check, reference = "commands sent ahead", "RFC 2920 section 3.1; postconf(5), smtpd_forbid_unauth_pipelining"
    shown = f"smtpd_forbid_unauth_pipelining = {value or '(default)'}"
    fix = "smtpd_forbid_unauth_pipelining = yes"
    if value not in ("", "yes", "no"):
        return judged(check, name, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference)
    if not value and postfix.version is None:
        evidence = f"{shown}: yes since 3.9, no before; the version is not known"
        return judged(check, name, Verdict.UNKNOWN, evidence, "Write it out.", fix, reference)
    if value == "yes" or (not value and postfix.version and postfix.version >= (3, 9)):
        return judged(check, name, Verdict.PASS, shown if value else f"{shown}: yes since 3.9", reference=reference)
    return judged(
        check,
        name,
        Verdict.WARN,
        shown if value else f"{shown}: no before 3.9",
        "Clients may talk before they are answered, which is what smugglers and bots do.",
        fix,
        reference,
    )


def chroot(postfix: Postfix, server: Service | None, name: str) -> Iterator[Finding]:
    """Yield the sockets that a chroot hides."""
    if server is None or server.chroot != "y":
        return
    queue = postfix.value("queue_directory", server, "/var/spool/postfix")
    places = [
        word.removeprefix("unix:") for word in postfix.words("smtpd_milters", server) if word.startswith("unix:/")
    ]
    if postfix.word("smtpd_sasl_auth_enable", server, "no") == "yes":
        places += [word for word in postfix.words("smtpd_sasl_path", server) if word.startswith("/")]
    for place in places:
        yield judged(
            "a socket and the chroot",
            name,
            Verdict.WARN,
            f"chroot is y, and the socket is {place}",
            f"The service looks for it below {visible(queue, 120)}. Put the socket there, or set the chroot "
            "column to n.",
            reference="master(5); MILTER_README",
        )
