"""What Postfix's settings mean for relaying, logins, signing and smuggling.

There is no verdict where a table would have to be read, or a word is not known.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from mailkit.mta.postfix_files import Postfix, Service
from mailkit.results import Finding, Verdict, visible

__all__ = ["judge_postfix"]

_LESSON = "09_mta"
_GUARDS = {"reject_unauth_destination", "defer_unauth_destination", "reject", "defer"}
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
_OLD = {
    "smtpd_use_tls": "smtpd_tls_security_level = may",
    "smtpd_enforce_tls": "smtpd_tls_security_level = encrypt",
    "smtp_use_tls": "smtp_tls_security_level = may",
    "smtp_enforce_tls": "smtp_tls_security_level = encrypt",
    "smtp_tls_per_site": "smtp_tls_policy_maps",
}
_VERIFIED = ("verify", "secure", "fingerprint", "dane-only")


def judge_postfix(postfix: Postfix, subject: str) -> list[Finding]:
    """Return the findings on what was read of one Postfix."""
    # master.cf was not read: what main.cf says holds for a plain listener.
    listed = [one for one in postfix.services if one.command == "smtpd" and one.kind in ("inet", "pass")]
    servers: list[Service | None] = [*listed] or [None]
    found = [finding for server in servers for finding in _server(postfix, server, subject)]
    found += [*_networks(postfix, subject), *_smarthost(postfix, subject), *_names(postfix, subject)]
    return list(dict.fromkeys(found))


def _finding(
    check: str, subject: str, verdict: Verdict, evidence: str, advice: str = "", fix: str = "", reference: str = ""
) -> Finding:
    return Finding(check, subject, verdict, visible(evidence, 600), advice, fix, reference, _LESSON)


def _server(postfix: Postfix, server: Service | None, subject: str) -> Iterator[Finding]:
    name = f"{subject}, service {visible(server.name, 80)}" if server else subject
    yield _relaying(postfix, server, name)
    yield from _logins(postfix, server, name)
    yield from _milters(postfix, server, name)
    yield _smuggling(postfix, server, name)
    yield from _chroot(postfix, server, name)


def _relaying(postfix: Postfix, server: Service | None, name: str) -> Finding:
    lists = {
        setting: postfix.words(setting, server, default)
        for setting, default in (("smtpd_relay_restrictions", _RELAY_DEFAULT), ("smtpd_recipient_restrictions", ""))
    }
    states = {setting: _guarded(words) for setting, words in lists.items()}
    shown = "; ".join(f"{setting} = {', '.join(words)}" for setting, words in lists.items() if words)
    reference = "postconf(5), smtpd_relay_restrictions"
    if "guarded" in states.values():
        setting = next(setting for setting, state in states.items() if state == "guarded")
        advice = "Strangers may send to your own domains only."
        return _finding(
            "open relay",
            name,
            Verdict.PASS,
            f"{setting} refuses other destinations: {shown}",
            advice,
            reference=reference,
        )
    if before := [state for state in states.values() if state.startswith("before ")]:
        return _finding(
            "open relay",
            name,
            Verdict.WARN,
            f"{before[0].removeprefix('before ')} stands before the refusal: {shown}",
            "An OK from that table or service lets a stranger relay: put it behind reject_unauth_destination.",
            reference=reference,
        )
    if odd := [state for state in states.values() if state.startswith("unknown ")]:
        return _finding(
            "open relay",
            name,
            Verdict.UNKNOWN,
            f"{odd[0].removeprefix('unknown ')} is not understood here: {shown}",
            "Ask from outside: RCPT to a domain that is not yours must be refused.",
            reference=reference,
        )
    return _finding(
        "open relay",
        name,
        Verdict.FAIL,
        f"nothing refuses other destinations: {shown or 'both are empty'}",
        "Anybody may relay to anywhere, and others will find it within hours.",
        "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
        reference,
    )


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


def _logins(postfix: Postfix, server: Service | None, name: str) -> Iterator[Finding]:
    if postfix.value("smtpd_sasl_auth_enable", server, "no") != "yes":
        return
    level = postfix.value("smtpd_tls_security_level", server)
    only = postfix.value("smtpd_tls_auth_only", server, "no")
    wrapped = postfix.value("smtpd_tls_wrappermode", server, "no")
    options = postfix.words("smtpd_sasl_security_options", server, "noanonymous")
    shown = f"smtpd_tls_security_level = {level}, smtpd_tls_auth_only = {only}, smtpd_tls_wrappermode = {wrapped}"
    reference = "RFC 4954 section 4"
    if "$" in level + only + wrapped:
        yield _finding("AUTH before TLS", name, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference)
    elif level == "encrypt" or only == "yes" or wrapped == "yes":
        yield _finding("AUTH before TLS", name, Verdict.PASS, shown, reference=reference)
    elif "noplaintext" in options:
        yield _finding(
            "AUTH before TLS",
            name,
            Verdict.PASS,
            "smtpd_sasl_security_options has noplaintext: PLAIN and LOGIN are not on offer without TLS",
            reference=reference,
        )
    else:
        yield _finding(
            "AUTH before TLS",
            name,
            Verdict.FAIL,
            shown,
            "A password can be said in clear text: offer AUTH inside TLS only.",
            "smtpd_tls_auth_only = yes",
            reference,
        )


def _milters(postfix: Postfix, server: Service | None, name: str) -> Iterator[Finding]:
    if not postfix.words("smtpd_milters", server):
        return
    action = postfix.value("milter_default_action", server)
    shown = f"milter_default_action = {action or '(default)'}"
    reference = "postconf(5), milter_default_action"
    if "{" in postfix.value("smtpd_milters", server):
        evidence = "smtpd_milters has settings of its own for a milter, which are not read here"
        yield _finding("a milter that is down", name, Verdict.UNKNOWN, evidence, reference=reference)
    elif action == "accept":
        yield _finding(
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
        yield _finding("a milter that is down", name, Verdict.PASS, shown, reference=reference)
    elif not action:
        yield _finding(
            "a milter that is down",
            name,
            Verdict.PASS,
            f"{shown}: tempfail before 3.11, shutdown since",
            reference=reference,
        )
    else:
        yield _finding(
            "a milter that is down", name, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference
        )


def _smuggling(postfix: Postfix, server: Service | None, name: str) -> Finding:
    value = postfix.value("smtpd_forbid_bare_newline", server)
    check, reference = "SMTP smuggling", "CVE-2023-51764; postconf(5), smtpd_forbid_bare_newline"
    fix = "smtpd_forbid_bare_newline = normalize"
    shown = f"smtpd_forbid_bare_newline = {value or '(default)'}"
    if value in ("normalize", "reject", "yes"):
        return _finding(check, name, Verdict.PASS, shown, reference=reference)
    if value == "no" or (not value and postfix.version and postfix.version < (3, 9)):
        default = "" if value else ": no before 3.9"
        return _finding(
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
        return _finding(check, name, Verdict.WARN, shown, "It is only logged.", fix, reference)
    if value:
        return _finding(check, name, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference)
    if postfix.version:
        return _finding(check, name, Verdict.PASS, f"{shown}: normalize since 3.9", reference=reference)
    return _finding(
        check,
        name,
        Verdict.UNKNOWN,
        f"{shown}: normalize since 3.9, no before; the version is not known",
        "Write it out, then it holds for every version.",
        fix,
        reference,
    )


def _chroot(postfix: Postfix, server: Service | None, name: str) -> Iterator[Finding]:
    if server is None or server.chroot != "y":
        return
    queue = postfix.value("queue_directory", server, "/var/spool/postfix")
    places = [
        word.removeprefix("unix:") for word in postfix.words("smtpd_milters", server) if word.startswith("unix:/")
    ]
    if postfix.value("smtpd_sasl_auth_enable", server, "no") == "yes":
        places += [word for word in postfix.words("smtpd_sasl_path", server) if word.startswith("/")]
    for place in places:
        yield _finding(
            "a socket and the chroot",
            name,
            Verdict.WARN,
            f"chroot is y, and the socket is {place}",
            f"The service looks for it below {visible(queue, 120)}. Put the socket there, or set the chroot "
            "column to n.",
            reference="master(5); MILTER_README",
        )


def _networks(postfix: Postfix, subject: str) -> Iterator[Finding]:
    words = postfix.words("mynetworks")
    check, reference = "mynetworks", "postconf(5), mynetworks"
    for word in words:
        try:
            network = ipaddress.ip_network(word.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            yield _finding(
                check,
                subject,
                Verdict.UNKNOWN,
                f"{word} is not an address: what it holds is not read here",
                reference=reference,
            )
            continue
        if network.prefixlen == 0:
            yield _finding(
                check,
                subject,
                Verdict.FAIL,
                word,
                "Everybody may relay: name your own networks.",
                "mynetworks = 127.0.0.0/8 [::1]/128",
                reference,
            )
        elif network.num_addresses > 2**16 and network.version == 4 and not network.is_private:
            yield _finding(
                check,
                subject,
                Verdict.WARN,
                word,
                f"{network.num_addresses} public addresses may relay without a login.",
                reference=reference,
            )


def _smarthost(postfix: Postfix, subject: str) -> Iterator[Finding]:
    relay = postfix.value("relayhost")
    if not relay:
        return
    check, reference = "password to the smarthost", "TLS_README, client TLS security levels"
    host, _, port = relay.partition("]")
    if not port.strip(":") and ":" not in host.strip("[") and not port:
        port = relay.partition(":")[2]
    if port.strip(":") in ("", "25", "smtp"):
        yield _finding(
            "OP25B",
            subject,
            Verdict.WARN,
            f"relayhost = {relay}: port 25",
            "Behind OP25B port 25 does not get out: use the relay's submission port.",
            f"relayhost = {relay.rstrip(':')}:587" if not port.strip(":") else "",
            "RFC 6409 section 3.1",
        )
    if postfix.value("smtp_sasl_auth_enable", default="no") != "yes":
        yield _finding(
            check, subject, Verdict.INFO, "smtp_sasl_auth_enable is not yes: no password is sent", reference=reference
        )
        return
    level = postfix.value("smtp_tls_security_level")
    shown = f"relayhost = {relay}, smtp_tls_security_level = {level or '(default)'}"
    fix = "smtp_tls_security_level = secure"
    if postfix.value("smtp_tls_policy_maps") or "$" in level:
        yield _finding(
            check,
            subject,
            Verdict.UNKNOWN,
            f"{shown}; smtp_tls_policy_maps may say otherwise for the relay",
            reference=reference,
        )
    elif level == "verify" and not relay.startswith("["):
        yield _finding(
            check,
            subject,
            Verdict.WARN,
            shown,
            "Without brackets the name to verify comes from an MX record, which whoever stands in between can forge.",
            fix,
            reference,
        )
    elif level in _VERIFIED:
        yield _finding(check, subject, Verdict.PASS, shown, reference=reference)
    elif level in ("encrypt", "dane"):
        yield _finding(
            check,
            subject,
            Verdict.WARN,
            shown,
            "The certificate need not verify: whoever stands in between gets the password.",
            fix,
            reference,
        )
    elif level in ("", "none", "may"):
        yield _finding(
            check,
            subject,
            Verdict.FAIL,
            shown,
            "Whoever stands in between takes STARTTLS away, or answers with any certificate.",
            fix,
            reference,
        )
    else:
        yield _finding(check, subject, Verdict.UNKNOWN, f"{shown}: not understood here", reference=reference)


def _names(postfix: Postfix, subject: str) -> Iterator[Finding]:
    for old, new in _OLD.items():
        if old in postfix.main or any(old in service.options for service in postfix.services):
            yield _finding(
                "a deprecated name",
                subject,
                Verdict.WARN,
                old,
                f"Postfix 3.11 warns of it: write {new}.",
                reference="RELEASE_NOTES-3.11",
            )
    for name in postfix.twice:
        yield _finding(
            "set twice",
            subject,
            Verdict.WARN,
            f"{name} = {postfix.main[name]}",
            "The last one counts: take the other out.",
            reference="postconf(5)",
        )
