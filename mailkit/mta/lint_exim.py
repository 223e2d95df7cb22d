"""What Exim's settings mean for logins, the smarthost and signing.

ACLs are programs: beyond the lines that ``configure`` writes there is no verdict on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailkit.mta.exim_files import Exim, is_certain
from mailkit.mta.judgement import judged
from mailkit.mta.lint_versions import exim_versions
from mailkit.results import Finding, Verdict, visible

__all__ = ["judge_exim"]

# The RCPT ACLs that configure() writes, word for word: nothing may stand in front that lets more people through.
_OURS = re.compile(
    r"acl_check_rcpt: "
    r"(?:accept authenticated = \* control = submission/sender_retain control = dkim_disable_verify )?"
    r"accept hosts = \+relay_from_hosts control = dkim_disable_verify "
    r"(?:deny message = 550 5\.1\.3 [\w ]{1,60} local_parts = \S{1,40} : \S{1,40} : \S{1,40} )?"
    r"require message = 550 5\.7\.1 Relaying denied domains = \+local_domains "
    r"(?:require message = 550 5\.1\.1 no such mailbox verify = recipient )?accept acl_check_data:"
)
# Conditions that hold inside TLS alone, white space taken out: the usual one, and that of configure().
_YES, _NO = r"\{(?:\*|true|yes|1)\}", r"\{(?:|false|no|0)\}"
_INSIDE_TLS = re.compile(
    rf"\$\{{if(?:def:tls_(?:in_)?cipher(?:{_YES}(?:{_NO})?)?|eq\{{\$tls_(?:in_)?cipher\}}\{{\}}{_NO}{_YES})\}}"
    r"|\$\{ifand\{\{def:tls_in_cipher\}\{inlist\{\$received_port\}\{587:465\}\}\}\{\*\}\{\}\}"
)
_LOOPBACK = "<; 127.0.0.1 ; ::1"


def judge_exim(exim: Exim, subject: str) -> list[Finding]:
    """Return the findings on what was read of one Exim."""
    found = [_relaying(exim, subject), *_logins(exim, subject)]
    for name, options in exim.transports.items():
        if options.get("driver") == "smtp":
            found += _transport(exim, options, f"{subject}, transport {visible(name, 80)}")
    found += exim_versions(exim, subject)
    if exim.said(exim.main, "smtp_enforce_sync") in ("false", "no"):
        found.append(
            judged(
                "commands sent ahead",
                subject,
                Verdict.WARN,
                f"smtp_enforce_sync = {exim.main['smtp_enforce_sync']}",
                "Clients may talk before they are answered, which is what smugglers and bots do.",
                "smtp_enforce_sync = true",
                "Exim's specification, main configuration",
            )
        )
    return found


def _relaying(exim: Exim, subject: str) -> Finding:
    reference = "Exim's specification, access control lists"
    networks, domains = exim.main.get("relay_from_hosts", ""), exim.main.get("local_domains", "")
    shown = f"require domains = +local_domains; local_domains = {domains}, relay_from_hosts = {networks}"
    if (
        not exim.includes
        and not exim.macros
        and exim.main.get("acl_smtp_rcpt") == "acl_check_rcpt"
        and exim.acl.count("acl_check_rcpt:") == 1
        and _OURS.search(exim.acl)
    ):
        if is_certain(networks) and {"*", "0.0.0.0/0"} & set(re.split(r"[\s;:<]+", networks)):
            return judged(
                "open relay",
                subject,
                Verdict.FAIL,
                shown,
                "Everybody may relay: name your own networks.",
                f"hostlist relay_from_hosts = {_LOOPBACK}",
                reference,
            )
        if networks == _LOOPBACK and re.fullmatch(r"[a-z0-9.: -]*", domains):
            return judged("open relay", subject, Verdict.PASS, shown, reference=reference)
        return judged(
            "open relay",
            subject,
            Verdict.UNKNOWN,
            f"{shown}: whom these lists hold is for you to say",
            reference=reference,
        )
    if exim.whole and not exim.said(exim.main, "acl_smtp_rcpt"):
        return judged(
            "open relay",
            subject,
            Verdict.PASS,
            "no acl_smtp_rcpt: every RCPT over the network is refused",
            reference=reference,
        )
    return judged(
        "open relay",
        subject,
        Verdict.UNKNOWN,
        "an ACL is a program, and this one is not one of ours",
        "Ask it: exim -bh 192.0.2.99, then MAIL and a RCPT to a domain that is not yours.",
        reference=reference,
    )


def _logins(exim: Exim, subject: str) -> Iterator[Finding]:
    servers = {
        name: options
        for name, options in exim.authenticators.items()
        if any(option.startswith("server_") for option in options) and options.get("driver") == "plaintext"
    }
    conditions = [exim.said(options, "server_advertise_condition") for options in servers.values()]
    check, reference = "AUTH before TLS", "RFC 4954 section 4"
    fix = "auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}"
    offered = exim.said(exim.main, "auth_advertise_hosts", "*")
    shown = f"auth_advertise_hosts = {offered}"
    if exim.whole and not servers:
        return
    if offered == "":
        yield judged(check, subject, Verdict.PASS, f"{shown}: AUTH is not on offer", reference=reference)
    elif _INSIDE_TLS.fullmatch(re.sub(r"\s", "", offered)):
        yield judged(check, subject, Verdict.PASS, shown, reference=reference)
    elif not exim.whole or offered != "*":
        yield judged(
            check,
            subject,
            Verdict.UNKNOWN,
            f"{shown}: what is on offer before TLS is not to be seen here",
            "Look from outside: mailkit.smtp_auth.capabilities(HOST, 587, net=net).",
            reference=reference,
        )
    elif all(_INSIDE_TLS.fullmatch(re.sub(r"\s", "", condition)) for condition in conditions):
        yield judged(check, subject, Verdict.PASS, "server_advertise_condition asks for TLS", reference=reference)
    elif any(conditions):
        yield judged(
            check, subject, Verdict.UNKNOWN, "server_advertise_condition is not understood here", reference=reference
        )
    else:
        yield judged(
            check,
            subject,
            Verdict.FAIL,
            shown,
            "A password can be said in clear text: offer AUTH inside TLS only.",
            fix,
            reference,
        )


def _transport(exim: Exim, options: dict[str, str], subject: str) -> Iterator[Finding]:
    if options.get("dkim_private_key") and options.get("dkim_domain"):
        strict = exim.said(options, "dkim_strict")
        reference = "Exim's specification, DKIM and SPF"
        if strict in ("true", "1", "yes"):
            yield judged(
                "a key that cannot be read", subject, Verdict.PASS, f"dkim_strict = {strict}", reference=reference
            )
        elif strict in ("", "false", "0", "no"):
            yield judged(
                "a key that cannot be read",
                subject,
                Verdict.WARN,
                f"dkim_strict = {strict or '(default)'}",
                "Mail leaves unsigned then.",
                "dkim_strict = true",
                reference,
            )
        else:
            yield judged(
                "a key that cannot be read", subject, Verdict.UNKNOWN, f"dkim_strict = {strict}", reference=reference
            )
    wants = {option: options.get(option, "") for option in ("hosts_require_auth", "hosts_try_auth")}
    if not any(wants.values()):
        return
    check, reference = "password to the smarthost", "Exim's specification, the smtp transport"
    names = ("hosts_require_tls", "tls_verify_hosts", "hosts_require_auth")
    needs = {option: exim.said(options, option) for option in names}
    shown = ", ".join(f"{option} = {value or '(default)'}" for option, value in needs.items())
    defaults = {"hosts_avoid_tls": "", "tls_verify_cert_hostnames": "*"}
    told = {option: exim.said(options, option, default) for option, default in defaults.items()}
    if other := [option for option, default in defaults.items() if told[option] != default]:
        yield judged(
            check,
            subject,
            Verdict.UNKNOWN,
            f"{shown}; {other[0]} = {told[other[0]]}: which hosts that means is not to be seen here",
            reference=reference,
        )
    elif all(value == "*" for value in needs.values()):
        yield judged(check, subject, Verdict.PASS, shown, reference=reference)
    elif any(value not in ("*", "") for value in needs.values()):
        yield judged(
            check,
            subject,
            Verdict.UNKNOWN,
            f"{shown}: which hosts that means is not to be seen here",
            reference=reference,
        )
    else:
        fix = "\n".join(f"{option} = *" for option, value in needs.items() if value != "*")
        reasons = {
            "hosts_require_tls": "without it, mail and password may go in clear text",
            "tls_verify_hosts": "without it, any certificate will do",
            "hosts_require_auth": "hosts_try_auth goes on without a login when it fails",
        }
        missing = "; ".join(f"{option}: {reasons[option]}" for option, value in needs.items() if value != "*")
        yield judged(check, subject, Verdict.WARN, shown, f"{missing}.", fix, reference)
