"""What Exim's settings mean for logins, the smarthost and signing.

It reads what this project writes, ``exim -bP``, and Debian's own answers.
ACLs are programs: beyond the lines that ``configure`` writes there is no verdict on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailkit.results import Finding, Verdict, visible

__all__ = ["debian_settings", "judge_debian", "judge_exim", "read_exim", "read_macros"]

_LESSON = "09_mta"
_SETTING = re.compile(r"(?:hide\s+|hostlist\s+|domainlist\s+)?([a-z0-9_]{2,60})\s*=\s*(.*)", re.DOTALL)
_MACRO = re.compile(r"([A-Z][A-Za-z0-9_]{1,60})\s*=\s*(.*)")
_DEBIAN = re.compile(r"""(dc_[a-z_]{2,40}|CFILEMODE)=['"]?([^'"\n]*)['"]?""")
_MACROS = ("REMOTE_SMTP_SMARTHOST_HOSTS_REQUIRE_TLS", "REMOTE_SMTP_SMARTHOST_TLS_VERIFY_HOSTS")
_SECTIONS = ("acl", "routers", "transports", "retry", "rewrite", "authenticators", "local_scan")
# The RCPT ACLs that configure() writes, word for word: nothing may stand in front that lets more people through.
_OURS = re.compile(
    r"acl_check_rcpt: "
    r"(?:accept authenticated = \* control = submission/sender_retain control = dkim_disable_verify )?"
    r"accept hosts = \+relay_from_hosts control = dkim_disable_verify "
    r"(?:deny message = 550 5\.1\.3 [\w ]{1,60} local_parts = \S{1,40} : \S{1,40} : \S{1,40} )?"
    r"require message = 550 5\.7\.1 Relaying denied domains = \+local_domains "
    r"(?:require message = 550 5\.1\.1 no such mailbox verify = recipient )?accept acl_check_data:"
)
_LOOPBACK = "<; 127.0.0.1 ; ::1"
_ENDS = re.compile(r"[a-z0-9_]{1,60}:")


@dataclass(frozen=True)
class Exim:
    """Options of the main part, ACL text, and the options of each transport and authenticator by its name."""

    main: dict[str, str] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    acl: str = ""
    transports: dict[str, dict[str, str]] = field(default_factory=dict)
    authenticators: dict[str, dict[str, str]] = field(default_factory=dict)
    whole: bool = False  # has sections: not merely the output of exim -bP
    conditional: bool = False  # has .ifdef: both branches are read
    includes: bool = False  # has .include: what stands there is not read


def read_exim(text: str) -> Exim:
    """Return what *text*, a configuration file or the output of ``exim -bP``, sets."""
    exim: dict[str, dict[str, str]] = {"main": {}, "macros": {}}
    groups: dict[str, dict[str, dict[str, str]]] = {"transports": {}, "authenticators": {}}
    acl: list[str] = []
    section, current, whole, conditional, includes = "main", "", False, False, False
    for line in _joined(text):
        words = line.split()
        if words[0] == "begin" and len(words) == 2 and words[1] in _SECTIONS:
            section, current, whole = words[1], "", True
        elif line.startswith("."):
            conditional = conditional or words[0] in (".ifdef", ".ifndef")
            includes = includes or words[0].startswith(".include")
        elif section == "acl":
            acl.append(line)
        elif section in groups and _ENDS.fullmatch(line):
            current = line.removesuffix(":")
            groups[section][current] = {}
        elif section == "main" and (macro := _MACRO.fullmatch(line)):
            exim["macros"][macro[1]] = macro[2]
        elif section == "main" or (section in groups and current):
            options = exim["main"] if section == "main" else groups[section][current]
            if setting := _SETTING.fullmatch(line):
                options[setting[1]] = setting[2].strip()
            elif re.fullmatch(r"[a-z0-9_]{2,60}", line):
                options[line.removeprefix("no_")] = "false" if line.startswith("no_") else "true"
    return Exim(
        exim["main"],
        exim["macros"],
        " ".join(" ".join(acl).split()),
        groups["transports"],
        groups["authenticators"],
        whole,
        conditional,
        includes,
    )


def _joined(text: str) -> Iterator[str]:
    """Yield the logical lines: comments left out, a backslash at the end joins the next line on."""
    pending = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and not pending):
            continue
        if stripped.endswith("\\"):
            pending += stripped[:-1]
            continue
        if whole := (pending + stripped).strip():
            yield whole
        pending = ""
    if pending.strip():
        yield pending.strip()


def _finding(
    check: str, subject: str, verdict: Verdict, evidence: str, advice: str = "", fix: str = "", reference: str = ""
) -> Finding:
    return Finding(check, subject, verdict, visible(evidence, 600), advice, fix, reference, _LESSON)


def judge_exim(exim: Exim, subject: str) -> list[Finding]:
    """Return the findings on what was read of one Exim."""
    found = [_relaying(exim, subject), *_logins(exim, subject)]
    for name, options in exim.transports.items():
        if options.get("driver") == "smtp":
            found += _transport(name, options, f"{subject}, transport {visible(name, 80)}")
    if "allow_insecure_tainted_data" in exim.main:
        found.append(
            _finding(
                "a setting that is gone",
                subject,
                Verdict.FAIL,
                "allow_insecure_tainted_data",
                "Exim 4.96 and later do not start with it: use the data of a look-up, such as $local_part_data.",
                reference="Exim's ChangeLog, 4.96",
            )
        )
    if exim.main.get("smtp_enforce_sync") == "false":
        found.append(
            _finding(
                "commands sent ahead",
                subject,
                Verdict.WARN,
                "smtp_enforce_sync = false",
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
        if any(everybody in re.split(r"[\s;:<]+", networks) for everybody in ("*", "0.0.0.0/0")):
            return _finding(
                "open relay",
                subject,
                Verdict.FAIL,
                shown,
                "Everybody may relay: name your own networks.",
                f"hostlist relay_from_hosts = {_LOOPBACK}",
                reference,
            )
        if networks == _LOOPBACK and re.fullmatch(r"[a-z0-9.: -]*", domains):
            return _finding("open relay", subject, Verdict.PASS, shown, reference=reference)
        return _finding(
            "open relay",
            subject,
            Verdict.UNKNOWN,
            f"{shown}: whom these lists hold is for you to say",
            reference=reference,
        )
    if exim.whole and not exim.main.get("acl_smtp_rcpt"):
        return _finding(
            "open relay",
            subject,
            Verdict.PASS,
            "no acl_smtp_rcpt: every RCPT over the network is refused",
            reference=reference,
        )
    return _finding(
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
    check, reference = "AUTH before TLS", "RFC 4954 section 4"
    fix = "auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}"
    offered = exim.main.get("auth_advertise_hosts", "*")
    shown = f"auth_advertise_hosts = {offered}"
    if exim.whole and not servers:
        return
    if offered == "":
        yield _finding(check, subject, Verdict.PASS, f"{shown}: AUTH is not on offer", reference=reference)
    elif "tls_in_cipher" in offered:
        yield _finding(check, subject, Verdict.PASS, shown, reference=reference)
    elif not exim.whole or offered != "*":
        yield _finding(
            check,
            subject,
            Verdict.UNKNOWN,
            f"{shown}: what is on offer before TLS is not to be seen here",
            "Look from outside: mailkit.smtp_auth.capabilities(HOST, 587, net=net).",
            reference=reference,
        )
    elif all(
        re.search(r"tls_(in_)?cipher", options.get("server_advertise_condition", "")) for options in servers.values()
    ):
        yield _finding(check, subject, Verdict.PASS, "server_advertise_condition asks for TLS", reference=reference)
    elif any("server_advertise_condition" in options for options in servers.values()):
        yield _finding(
            check, subject, Verdict.UNKNOWN, "server_advertise_condition is not understood here", reference=reference
        )
    else:
        yield _finding(
            check,
            subject,
            Verdict.FAIL,
            shown,
            "A password can be said in clear text: offer AUTH inside TLS only.",
            fix,
            reference,
        )


def _transport(name: str, options: dict[str, str], subject: str) -> Iterator[Finding]:
    if options.get("dkim_private_key") and options.get("dkim_domain"):
        strict = options.get("dkim_strict", "")
        reference = "Exim's specification, DKIM and SPF"
        if strict in ("true", "1", "yes"):
            yield _finding(
                "a key that cannot be read", subject, Verdict.PASS, f"dkim_strict = {strict}", reference=reference
            )
        elif strict in ("", "false", "0", "no"):
            yield _finding(
                "a key that cannot be read",
                subject,
                Verdict.WARN,
                f"dkim_strict = {strict or '(default)'}",
                "Mail leaves unsigned then.",
                "dkim_strict = true",
                reference,
            )
        else:
            yield _finding(
                "a key that cannot be read", subject, Verdict.UNKNOWN, f"dkim_strict = {strict}", reference=reference
            )
    wants = {option: options.get(option, "") for option in ("hosts_require_auth", "hosts_try_auth")}
    if not any(wants.values()):
        return
    check, reference = "password to the smarthost", "Exim's specification, the smtp transport"
    needs = {
        option: options.get(option, "") for option in ("hosts_require_tls", "tls_verify_hosts", "hosts_require_auth")
    }
    shown = ", ".join(f"{option} = {value or '(default)'}" for option, value in needs.items())
    defaults = {"hosts_avoid_tls": "", "tls_verify_cert_hostnames": "*"}
    if other := [option for option, default in defaults.items() if options.get(option, default) != default]:
        yield _finding(
            check,
            subject,
            Verdict.UNKNOWN,
            f"{shown}; {other[0]} = {options[other[0]]}: which hosts that means is not to be seen here",
            reference=reference,
        )
    elif all(value == "*" for value in needs.values()):
        yield _finding(check, subject, Verdict.PASS, shown, reference=reference)
    elif any(value not in ("*", "") for value in needs.values()):
        yield _finding(
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
        yield _finding(check, subject, Verdict.WARN, shown, f"{missing}.", fix, reference)


def debian_settings(text: str) -> dict[str, str]:
    """Return the settings of Debian's update-exim4.conf.conf, {} for another file."""
    return {found[1]: found[2] for line in text.splitlines() if (found := _DEBIAN.fullmatch(line.strip()))}


def judge_debian(settings: dict[str, str], macros: dict[str, str], subject: str) -> list[Finding]:
    """Return the findings on Debian's own questions and answers (README.Debian of exim4-config)."""
    found = []
    reference = "Debian, exim4-config, README.Debian"
    kind = settings.get("dc_eximconfig_configtype", "")
    if "0.0.0.0/0" in settings.get("dc_relay_nets", "") or "::/0" in settings.get("dc_relay_nets", ""):
        found.append(
            _finding(
                "open relay",
                subject,
                Verdict.FAIL,
                f"dc_relay_nets = {settings['dc_relay_nets']}",
                "Everybody may relay: name your own networks.",
                "dc_relay_nets=''",
                reference,
            )
        )
    if kind not in ("smarthost", "satellite"):
        found.append(
            _finding(
                "password to the smarthost",
                subject,
                Verdict.INFO,
                f"dc_eximconfig_configtype = {kind}: no smarthost",
                reference=reference,
            )
        )
        return found
    relay = settings.get("dc_smarthost", "")
    if relay and not re.search(r"::\d+", relay):
        found.append(
            _finding(
                "OP25B",
                subject,
                Verdict.WARN,
                f"dc_smarthost = {relay}: port 25",
                "Behind OP25B port 25 does not get out: write the port behind two colons.",
                f"dc_smarthost='{relay}::587'" if re.fullmatch(r"[A-Za-z0-9.-]{1,253}", relay) else "",
                "RFC 6409 section 3.1",
            )
        )
    missing = [name for name in _MACROS if macros.get(name) != "*"]
    found.append(
        _finding(
            "password to the smarthost",
            subject,
            Verdict.WARN if missing else Verdict.INFO,
            f"dc_smarthost = {relay}; " + (f"not set to *: {', '.join(missing)}" if missing else "TLS must verify"),
            "Debian's transport has hosts_try_auth, which goes on without a login when it fails; no macro changes that."
            + (" The macros go into exim4.conf.localmacros; then run update-exim4.conf." if missing else ""),
            "\n".join(f"{name} = *" for name in missing),
            reference,
        )
    )
    return found


def read_macros(text: str) -> dict[str, str]:
    """Return the macros that *text*, such as Debian's exim4.conf.localmacros, defines; the last one counts."""
    return {found[1]: found[2].strip() for line in _joined(text) if (found := _MACRO.fullmatch(line))}
