"""The files of Postfix, and of the filters beside it, for one job (postconf(5), master(5), Postfix's READMEs)."""

from __future__ import annotations

from mailkit.mta.description import Description
from mailkit.mta.filters import SIGNER_PORTS, opendkim_signing, receiving_filters
from mailkit.mta.settings import Configuration, Line, render

__all__ = ["postfix"]

_MAIN = "/etc/postfix/main.cf"
_MASTER = "/etc/postfix/master.cf"
_PASSWORDS = "/etc/postfix/sasl_passwd"
_ALIASES = "/etc/postfix/virtual"
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
        *_common(wanted),
        *{"submission": _submission, "smarthost": _smarthost, "receiving": _receiving}[wanted.job](wanted),
    ]
    if wanted.keys:
        main += _signing(wanted)
    master = _master(wanted)
    heading = f"Postfix {wanted.version}, {wanted.job} for {wanted.domain}."
    files = {_MAIN: render(main, heading), _MASTER: render(master, heading)}
    notes: list[str] = []
    secret: tuple[str, ...] = ()
    lines = [*main, *master]
    if wanted.job == "submission":
        files[_DOVECOT] = render(
            _dovecot(), "Dovecot 2.3 (2.4 loads no file of 2.3): the logins that Postfix asks about."
        )
        notes.append("Dovecot holds the accounts: install dovecot-core and give it its passdb.")
    if wanted.job == "smarthost":
        files[_PASSWORDS] = f"[{wanted.relay}]:{wanted.relay_port} {wanted.user}:{wanted.password}\n"
        secret = (_PASSWORDS,)
        notes.append(f"{_PASSWORDS} belongs to root, mode 0600; after a change: postfix reload.")
    if wanted.job == "receiving":
        files[_ALIASES] = (
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


def _set(name: str, value: str, why: str = "", sees: str = "") -> Line:
    return Line(_MAIN, f"{name} = {value}".rstrip(), why, sees)


def _common(wanted: Description) -> list[Line]:
    lines = [
        _set("compatibility_level", "3.6", "Defaults of Postfix 3.6; what has changed since is written out here."),
        _set("myhostname", wanted.hostname, "The name in the greeting and in EHLO; reverse DNS should give it.",
             f"the greeting says 220 {wanted.hostname}"),
        _set("mydomain", wanted.domain),
        _set("myorigin", "$mydomain"),
        _set("mynetworks", "127.0.0.0/8 [::1]/128", "Who may relay without a login: this machine alone."),
        _set("smtpd_relay_restrictions", "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
             "First who may relay, then the refusal: with the last word missing this is an open relay.",
             "a stranger's RCPT to another domain: 554 5.7.1 Relay access denied"),
        _set("smtpd_forbid_bare_newline", "normalize",
             "SMTP smuggling (CVE-2023-51764): a dot between bare line feeds ends no message. "
             "The default since 3.9; before, no.",
             "<LF>.<LF> inside DATA ends nothing: no second message comes in"),
        _set("smtpd_forbid_unauth_pipelining", "yes", "The default since 3.9; before, no.",
             "commands sent ahead of the answer: 550 5.5.0 Error: SMTP protocol synchronization"),
        _set("smtpd_data_restrictions", "reject_unauth_pipelining"),
        _set("disable_vrfy_command", "yes", "VRFY tells strangers who has an account here.",
             "VRFY: 502 5.5.1"),
        _set("alias_maps", "", "No table that has to be compiled first."),
        _set("biff", "no"),
        _set("recipient_delimiter", "+"),
    ]  # fmt: skip
    return lines


def _server_tls(wanted: Description) -> list[Line]:
    chain = f"{wanted.certificate_key}, {wanted.certificate}"
    return [
        _set("smtpd_tls_chain_files", chain, "The key first, then the certificate and what it was issued by."),
        _set("smtpd_tls_security_level", "may",
             "Port 25 offers TLS and must not demand it (RFC 3207 section 4).", "EHLO on 25 lists STARTTLS"),
        _set("smtpd_tls_auth_only", "yes", "No password in clear text (RFC 4954 section 4).",
             "AUTH stands in EHLO only after STARTTLS; said before: refused"),
        _set("smtpd_tls_mandatory_protocols", ">=TLSv1.2", "RFC 8997. The default still allows TLS 1.0.",
             "a TLS 1.1 handshake on 587 or 465 fails"),
        _set("smtpd_tls_loglevel", "1"),
    ]  # fmt: skip


def _submission(wanted: Description) -> list[Line]:
    return [
        _set("inet_interfaces", "all"),
        _set("mydestination", "", "Mail goes in here and out again: none stays."),
        _set("local_recipient_maps", ""),
        *_server_tls(wanted),
        _set("smtpd_sasl_type", "dovecot", "Dovecot knows the accounts."),
        _set("smtpd_sasl_path", "private/auth", "A socket below /var/spool/postfix."),
        _set("smtpd_sasl_security_options", "noanonymous"),
        _set("smtp_tls_security_level", "may",
             "Out to other people's MX: TLS where it is offered. The default from 3.11 on; before, none."),
        _set("smtp_tls_loglevel", "1"),
    ]  # fmt: skip


def _smarthost(wanted: Description) -> list[Line]:
    at_once = wanted.relay_port == 465
    lines = [
        _set("inet_interfaces", "loopback-only", "Takes mail of this machine only.",
             "nothing answers on port 25 from outside"),
        _set("mydestination", "", "Everything leaves by the smarthost."),
        _set("local_recipient_maps", ""),
        _set("relayhost", f"[{wanted.relay}]:{wanted.relay_port}",
             "The brackets mean: this host, not its MX. A port other than 25 is the answer to OP25B.",
             f"the log says relay={wanted.relay}[…]:{wanted.relay_port}"),
        _set("smtp_sasl_auth_enable", "yes", "", "the relay sees AUTH before MAIL"),
        _set("smtp_sasl_password_maps", f"texthash:{_PASSWORDS}",
             "texthash reads the file as it is: no postmap, and no hash: or lmdb: that comes and goes with versions."),
        _set("smtp_sasl_security_options", "noanonymous, noplaintext", "Without TLS no PLAIN and no LOGIN."),
        _set("smtp_sasl_tls_security_options", "noanonymous", "Within TLS they are fine."),
        _set("smtp_tls_security_level", "secure",
             "Verify the certificate's name before the password is said. With may, whoever sits between "
             "could take STARTTLS away.",
             "a certificate that does not verify: no AUTH, no MAIL; status=deferred (Server certificate not verified)"),
        _set("smtp_tls_secure_cert_match", "hostname", "The name is the smarthost's own."),
        _set("smtp_tls_CAfile", wanted.ca_file),
        _set("smtp_tls_mandatory_protocols", ">=TLSv1.2"),
        _set("smtp_tls_loglevel", "1"),
    ]  # fmt: skip
    if at_once:
        lines.append(_set("smtp_tls_wrappermode", "yes", "Port 465 speaks TLS from its first octet."))
    return lines


def _receiving(wanted: Description) -> list[Line]:
    return [
        _set("inet_interfaces", "all"),
        _set("mydestination", "$mydomain, $myhostname, localhost"),
        _set("local_recipient_maps", "proxy:unix:passwd.byname", "A stranger's name is refused at RCPT, not bounced.",
             "RCPT to an unknown name: 550 5.1.1"),
        _set("virtual_alias_maps", f"texthash:{_ALIASES}", "postmaster must be read (RFC 5321 section 4.5.1).",
             "RCPT to postmaster: 250"),
        *_server_tls(wanted),
        _set("smtpd_recipient_restrictions",
             "reject_unauth_destination, check_policy_service unix:private/policyd-spf",
             "SPF is asked after reject_unauth_destination: its answer must never permit a relay.",
             "Received-SPF at the top of delivered mail"),
        _set("policyd-spf_time_limit", "3600"),
        _set("smtpd_milters", "inet:127.0.0.1:8893, inet:127.0.0.1:8894",
             "OpenDKIM verifies, then OpenDMARC puts both results together.",
             "Authentication-Results with dkim= and dmarc="),
        _set("milter_default_action", "tempfail", "A verifier that is down: the sender is asked to come again.",
             "a verifier that is down: a 4xx reply, and the sender comes again"),
        _set("enable_original_recipient", "yes"),
    ]  # fmt: skip


def _signing(wanted: Description) -> list[Line]:
    milters = ", ".join(f"inet:127.0.0.1:{SIGNER_PORTS[algorithm]}" for algorithm, _, _ in wanted.keys)
    return [
        _set("smtpd_milters", milters, "The signers, one for each algorithm.", "DKIM-Signature in mail that went out"),
        _set("non_smtpd_milters", "$smtpd_milters", "Mail of this machine's own programs is signed too."),
        _set("milter_default_action", "tempfail",
             "With accept, mail leaves unsigned when the signer is down. The default from 3.11 on is shutdown.",
             "a signer that is down: a 4xx reply, as early as to STARTTLS, and nothing leaves"),
    ]  # fmt: skip


def _master(wanted: Description) -> list[Line]:
    def at(line: str, why: str = "", sees: str = "") -> Line:
        return Line(_MASTER, line, why, sees)

    lines = [at("smtp      inet  n       -       n       -       -       smtpd")]
    if wanted.job == "submission":
        lines += [
            at(
                "submission inet n      -       n       -       -       smtpd",
                "Port 587: STARTTLS, then AUTH, then mail.",
            ),
            at("  -o syslog_name=postfix/submission", "", "587: the log says postfix/submission/smtpd"),
            at("  -o smtpd_tls_security_level=encrypt", "", "587: MAIL or AUTH before STARTTLS gets 530 5.7.0"),
            *_login_options(wanted),
            at("465       inet  n       -       n       -       -       smtpd", "Port 465: TLS at once (RFC 8314)."),
            at("  -o syslog_name=postfix/submissions"),
            at("  -o smtpd_tls_wrappermode=yes", "", "465: the handshake comes before the greeting"),
            *_login_options(wanted),
        ]
    if wanted.job == "receiving":
        lines += [
            at("policyd-spf unix - n       n       -       0       spawn user=policyd-spf argv=/usr/bin/policyd-spf"),
        ]
    lines += [at(line) for line in _SERVICES.splitlines()]
    return lines


def _login_options(wanted: Description) -> list[Line]:
    options = [
        ("smtpd_sasl_auth_enable=yes", "after STARTTLS, EHLO lists AUTH"),
        ("smtpd_client_restrictions=", ""),
        ("smtpd_helo_restrictions=", ""),
        ("smtpd_sender_restrictions=", ""),
        ("smtpd_relay_restrictions=permit_sasl_authenticated,reject", ""),
        ("smtpd_recipient_restrictions=permit_sasl_authenticated,reject", ""),
        ("smtpd_delay_reject=no", ""),
        ("smtpd_sender_restrictions=permit_sasl_authenticated,reject", "MAIL before AUTH: refused at MAIL, not later"),
    ]
    del options[3]  # the last line sets it
    if wanted.numbers >= (3, 10):
        options.append(("smtpd_hide_client_session=yes", "the Received field keeps the client's address to itself"))
    return [Line(_MASTER, f"  -o {option}", "", sees) for option, sees in options]


def _dovecot() -> list[Line]:
    return [
        Line(_DOVECOT, line)
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
