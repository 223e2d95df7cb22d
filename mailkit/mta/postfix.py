"""The files of Postfix, and of the filters beside it, for one job (postconf(5), master(5), Postfix's READMEs)."""

from __future__ import annotations

from mailkit.mta.description import Description
from mailkit.mta.filters import opendkim_signing, receiving_filters
from mailkit.mta.postfix_main import ALIASES, MAIN, PASSWORDS, common, receiving, signing, smarthost, submission
from mailkit.mta.settings import ConfigLine, Configuration, Probe, render

__all__ = ["postfix"]

_MASTER = "/etc/postfix/master.cf"
_DOVECOT = "/etc/dovecot/conf.d/99-postfix.conf"

# The services every Postfix since 3.4 has, without the listeners.  No chroot: the paths in the files are the true ones.
_SERVICES = """\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


def postfix(wanted: Description) -> Configuration:
    """Return the files of Postfix for the job that *wanted* describes."""
    main = [
        *common(wanted),
        *{"submission": submission, "smarthost": smarthost, "receiving": receiving}[wanted.job](wanted),
    ]
    if wanted.keys:
        main += signing(wanted)
    master = _master(wanted)
    heading = f"Postfix {wanted.version}, {wanted.job} for {wanted.domain}."
    files = {MAIN: render(main, heading), _MASTER: render(master, heading)}
    notes: list[str] = []
    secret: tuple[str, ...] = ()
    lines = [*main, *master]
    if wanted.job == "submission":
        files[_DOVECOT] = render(_dovecot(), "The logins that Postfix asks about; Dovecot 2.3 and 2.4 read this alike.")
        notes.append("Dovecot holds the accounts: install dovecot-core and give it its passdb.")
    if wanted.job == "smarthost":
        files[PASSWORDS] = f"[{wanted.relay}]:{wanted.relay_port} {wanted.user}:{wanted.password}\n"
        secret = (PASSWORDS,)
        notes.append(f"{PASSWORDS} belongs to root, mode 0600; after a change: postfix reload.")
    if wanted.job == "receiving":
        files[ALIASES] = (
            f"postmaster@{wanted.domain} {wanted.postmaster}@{wanted.domain}\n"
            f"abuse@{wanted.domain} {wanted.postmaster}@{wanted.domain}\n"
        )
        filters, more = receiving_filters(wanted)
        files |= {path: render(some, f"Beside Postfix {wanted.version}.") for path, some in filters.items()}
        lines += [line for some in filters.values() for line in some]
        notes += more
    for path, some in opendkim_signing(wanted).items():
        files[path] = render(some, f"OpenDKIM signs for {wanted.domain}.") if path.endswith(".conf") else some[0].line
        lines += [line for line in some if path.endswith(".conf")]
    if wanted.keys:
        notes.append("One OpenDKIM signs with one algorithm: start one for each file (opendkim -x FILE).")
    return Configuration(wanted, tuple(notes), secret, files, tuple(lines))


def _master(wanted: Description) -> list[ConfigLine]:
    def at(line: str, why: str = "", sees: str = "", probe: Probe = Probe.NONE) -> ConfigLine:
        return ConfigLine(_MASTER, line, why, sees, probe)

    lines = [at("smtp      inet  n       -       n       -       -       smtpd")]
    if wanted.job == "submission":
        lines += [
            at(
                "submission inet n      -       n       -       -       smtpd",
                "Port 587: STARTTLS, then AUTH, then mail.",
            ),
            at("  -o syslog_name=postfix/submission", "", "587: the log says postfix/submission/smtpd"),
            at(
                "  -o smtpd_tls_security_level=encrypt",
                "",
                "587: MAIL or AUTH before STARTTLS gets 530 5.7.0",
                Probe.CONVERSE,
            ),
            *_login_options(wanted, "587: after STARTTLS, EHLO lists AUTH"),
            at("465       inet  n       -       n       -       -       smtpd", "Port 465: TLS at once (RFC 8314)."),
            at("  -o syslog_name=postfix/submissions"),
            at("  -o smtpd_tls_wrappermode=yes", "", "465: the handshake comes before the greeting", Probe.SCAN),
            *_login_options(wanted, "465: EHLO lists AUTH"),
        ]
    if wanted.job == "receiving":
        lines += [
            at("policyd-spf unix - n       n       -       0       spawn user=policyd-spf argv=/usr/bin/policyd-spf"),
        ]
    lines += [at(line) for line in _SERVICES.splitlines()]
    return lines


def _login_options(wanted: Description, offer: str) -> list[ConfigLine]:
    options = [
        ("smtpd_sasl_auth_enable=yes", offer, Probe.CAPABILITIES),
        ("smtpd_client_restrictions=", "", Probe.NONE),
        ("smtpd_helo_restrictions=", "", Probe.NONE),
        ("smtpd_relay_restrictions=permit_sasl_authenticated,reject", "", Probe.NONE),
        ("smtpd_recipient_restrictions=permit_sasl_authenticated,reject", "", Probe.NONE),
        ("smtpd_delay_reject=no", "", Probe.NONE),
        ("smtpd_sender_restrictions=permit_sasl_authenticated,reject", "MAIL before AUTH: refused at MAIL, not later",
         Probe.CONVERSE),
    ]  # fmt: skip
    if wanted.numbers >= (3, 10):
        options.append(("smtpd_hide_client_session=yes",
                        "the Received field keeps the client's address to itself", Probe.MESSAGE))  # fmt: skip
    return [ConfigLine(_MASTER, f"  -o {option}", "", sees, probe) for option, sees, probe in options]


def _dovecot() -> list[ConfigLine]:
    return [
        ConfigLine(_DOVECOT, line)
        for line in (
            "auth_mechanisms = plain login",
            "service auth {",
            "  unix_listener /var/spool/postfix/private/auth {",
            "    mode = 0660",
            "    user = postfix",
            "    group = postfix",
            "  }",
            "}",
        )
    ]
