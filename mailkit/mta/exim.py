"""The file of Exim 4 for one job (Exim's specification; the chapters are named where a line rests on one)."""

from __future__ import annotations

from mailkit.mta.description import Description
from mailkit.mta.settings import Configuration, Line, render

__all__ = ["exim"]

_FILE = "/etc/exim4/exim4.conf"
_ACCOUNTS = "/etc/exim4/passwd"
_PASSWORDS = "/etc/exim4/passwd.client"


def exim(wanted: Description) -> Configuration:
    """Return the files of Exim for the job that *wanted* describes."""
    lines = [*_main(wanted), *_acl(wanted), *_routers(wanted), *_transports(wanted), *_RETRY, *_authenticators(wanted)]
    files = {_FILE: render(lines, f"Exim {wanted.version}, {wanted.job} for {wanted.domain}.")}
    notes: list[str] = []
    secret: tuple[str, ...] = ()
    if wanted.job == "submission":
        notes.append(f"{_ACCOUNTS} holds one line for each account, name:hash of the password (mkpasswd "
                     "-m sha512crypt); root:Debian-exim, mode 0640.")  # fmt: skip
    if wanted.job == "smarthost":
        files[_PASSWORDS] = f"{wanted.relay}: {wanted.user}:{wanted.password}\n"
        secret = (_PASSWORDS,)
        notes.append(f"{_PASSWORDS} belongs to root:Debian-exim, mode 0640.")
    if wanted.job == "receiving":
        notes.append("SPF takes a build with libspf2: Debian's exim4-daemon-heavy has it, exim4-daemon-light has not, "
                     "and then no SPF result is recorded.")  # fmt: skip
        notes.append("DMARC is not written: no Debian build of 4.96 has it, so it could not be tried. With Postfix, "
                     "OpenDMARC does it.")  # fmt: skip
    if wanted.keys:
        notes.append("The keys must be readable for Debian-exim: root:Debian-exim, mode 0640.")
    if wanted.numbers == (4, 100):
        notes.append("Run 4.100.1 or a patched package: 4.100 can be smuggled to after a refusal in the data phase.")
    return Configuration(wanted, tuple(notes), secret, files, tuple(lines))


def _at(line: str, why: str = "", sees: str = "") -> Line:
    return Line(_FILE, line, why, sees)


def _main(wanted: Description) -> list[Line]:
    lines = [
        _at(f"primary_hostname = {wanted.hostname}", "The name in the greeting and in EHLO.",
            f"the greeting says 220 {wanted.hostname}"),
        _at(f"qualify_domain = {wanted.domain}"),
        _at(f"domainlist local_domains = {wanted.domain} : {wanted.hostname}" if wanted.job == "receiving"
            else "domainlist local_domains ="),
        _at("hostlist relay_from_hosts = <; 127.0.0.1 ; ::1", "Who may relay without a login: this machine alone."),
        _at("keep_environment ="),
        _at("never_users = root"),
        _at("host_lookup = *"),
        _at("rfc1413_query_timeout = 0s", "No question to the client's ident port: firewalls let it time out."),
        _at("log_selector = +smtp_protocol_error +smtp_syntax_error +tls_certificate_verified +tls_peerdn"),
        _at("acl_smtp_mail = acl_check_mail"),
        _at("acl_smtp_rcpt = acl_check_rcpt"),
        _at("acl_smtp_data = acl_check_data"),
        _at("chunking_advertise_hosts =", "No BDAT: 4.97 to 4.99.2 with GnuTLS could be crashed by it "
            "(EXIM-Security-2026-05-01.1).", "EHLO does not list CHUNKING"),
        _at("pipelining_advertise_hosts = *"),
        _at(
            "smtp_accept_queue_per_connection = 0",
            "The default, 10, leaves the eleventh message of one connection for the next queue run.",
        ),
        _at("smtp_enforce_sync = true", "The default, kept in view.",
            "commands sent ahead of the answer: 554 SMTP synchronization error"),
    ]  # fmt: skip
    if wanted.job == "smarthost":
        lines.append(_at("local_interfaces = <; 127.0.0.1 ; ::1", "Takes mail of this machine only.",
                         "nothing answers on port 25 from outside"))  # fmt: skip
        lines.append(_at("tls_advertise_hosts ="))
        lines.append(_at("daemon_smtp_ports = 25"))
        return lines
    lines += [
        _at("tls_advertise_hosts = *", "", "EHLO on 25 lists STARTTLS"),
        _at(f"tls_certificate = {wanted.certificate}"),
        _at(f"tls_privatekey = {wanted.certificate_key}"),
        _at(".ifdef _HAVE_GNUTLS", "Debian's Exim is built with GnuTLS, others with OpenSSL: each has its own words."),
        _at("tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", "", "a TLS 1.1 handshake fails"),
        _at(".endif"),
        _at(".ifdef _HAVE_OPENSSL"),
        _at("openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1"),
        _at(".endif"),
    ]
    if wanted.job == "receiving":
        return [*lines, _at("daemon_smtp_ports = 25"), _at("auth_advertise_hosts =", "", "no AUTH on port 25")]
    return [
        *lines,
        _at("daemon_smtp_ports = 25 : 587 : 465"),
        _at("tls_on_connect_ports = 465", "It opens no port: that is daemon_smtp_ports.",
            "465: the handshake comes before the greeting"),
        _at("auth_advertise_hosts = ${if and{{def:tls_in_cipher}{inlist{$received_port}{587:465}}}{*}{}}",
            "No password in clear text (RFC 4954 section 4), and no login on 25.",
            "AUTH stands in EHLO only after STARTTLS; said before: 503"),
    ]  # fmt: skip


def _acl(wanted: Description) -> list[Line]:
    lines = [_at("begin acl"), _at("acl_check_mail:")]
    if wanted.job == "submission":
        lines += [
            _at("  deny condition = ${if inlist{$received_port}{587:465}}\n"
                "       !authenticated = *\n"
                "       message = 530 5.7.0 Authentication required",
                "", "587: MAIL before AUTH gets 530 5.7.0"),
        ]  # fmt: skip
    if wanted.job == "receiving":
        lines += [
            _at(".ifdef _HAVE_SPF", "A build without SPF skips this and records no SPF result."),
            _at("  warn spf = pass : fail : softfail : neutral : none : permerror : temperror\n"
                "       add_header = :at_start:$spf_received",
                "Recorded, not refused: refusing on SPF fail alone would come before DKIM could speak for a forwarded "
                "message (RFC 9989 section 7.1).", "Received-SPF at the top of delivered mail"),
            _at(".endif"),
        ]  # fmt: skip
    lines += [_at("  accept"), _at("acl_check_rcpt:")]
    lines += [
        _at("  accept authenticated = *\n"
            "         control = submission/sender_retain\n"
            "         control = dkim_disable_verify"),
    ] if wanted.job == "submission" else []  # fmt: skip
    lines += [
        _at("  accept hosts = +relay_from_hosts\n         control = dkim_disable_verify"),
        _at("  deny message = 550 5.1.3 no such form of an address\n"
            "       local_parts = ^[./|] : ^.*[@%!/|`#&?\\$] : ^.*/\\\\.\\\\./",
            "From strangers no characters that routes, files and shells read as more than a name."),
        _at("  require message = 550 5.7.1 Relaying denied\n          domains = +local_domains",
            "message stands before the condition, else its text is not used.",
            "a stranger's RCPT to another domain: 550 5.7.1 Relaying denied"),
    ]  # fmt: skip
    if wanted.job == "receiving":
        lines.append(_at("  require message = 550 5.1.1 no such mailbox\n          verify = recipient",
                         "A stranger's name is refused at RCPT, not bounced.",
                         "RCPT to an unknown name: 550 5.1.1"))  # fmt: skip
    lines += [_at("  accept"), _at("acl_check_data:")]
    if wanted.job == "receiving":
        lines += [
            _at("  warn remove_header = Authentication-Results\n"
                "       add_header = :at_start:${authresults{$primary_hostname}}",
                "Results that a stranger wrote are taken out (RFC 8601 section 5), ours stand on top.",
                "Authentication-Results with spf= and dkim="),
        ]  # fmt: skip
    return [*lines, _at("  accept")]


def _routers(wanted: Description) -> list[Line]:
    lines = [_at("begin routers")]
    if wanted.job == "smarthost":
        return [*lines, _at(
            "smarthost:\n"
            "  driver = manualroute\n"
            "  domains = ! +local_domains\n"
            f"  route_data = {wanted.relay}\n"
            "  transport = smarthost_smtp\n"
            "  host_find_failed = defer\n"
            "  no_more",
            "Everything leaves by the smarthost.",
            f"the log says H={wanted.relay} […]:{wanted.relay_port}")]  # fmt: skip
    if wanted.job == "submission":
        return [*lines, _at(
            "dnslookup:\n"
            "  driver = dnslookup\n"
            "  domains = ! +local_domains\n"
            "  transport = remote_smtp\n"
            "  ignore_target_hosts = <; 0.0.0.0 ; 127.0.0.0/8 ; ::1\n"
            "  no_more")]  # fmt: skip
    return [
        *lines,
        _at(
            "postmaster:\n"
            "  driver = redirect\n"
            "  domains = +local_domains\n"
            "  local_parts = postmaster : abuse\n"
            f"  data = {wanted.postmaster}@{wanted.domain}",
            "postmaster must be read (RFC 5321 section 4.5.1).", "RCPT to postmaster: accepted"),
        _at(
            "localuser:\n"
            "  driver = accept\n"
            "  domains = +local_domains\n"
            "  check_local_user\n"
            "  transport = local_delivery\n"
            "  cannot_route_message = no such mailbox"),
    ]  # fmt: skip


def _transports(wanted: Description) -> list[Line]:
    lines = [_at("begin transports")]
    if wanted.job == "receiving":
        return [*lines, _at(
            "local_delivery:\n"
            "  driver = appendfile\n"
            "  file = /var/mail/$local_part_data\n"
            "  delivery_date_add\n"
            "  envelope_to_add\n"
            "  return_path_add\n"
            "  group = mail\n"
            "  mode = 0660",
            "$local_part_data is from the list of accounts; $local_part is what the client said.")]  # fmt: skip
    if wanted.job == "submission":
        lines.append(_at("remote_smtp:\n  driver = smtp"))
    else:
        lines.append(_at("smarthost_smtp:\n  driver = smtp\n  multi_domain"))
        lines.append(_at(f"  port = {wanted.relay_port}", "A port other than 25 is the answer to OP25B."))
        if wanted.relay_port == 465:
            lines.append(_at("  protocol = smtps", "Port 465 speaks TLS from its first octet."))
        lines += [
            _at("  hosts_require_tls = *", "Without TLS the message waits.", "no STARTTLS at the relay: deferred"),
            _at("  tls_verify_hosts = *", "The certificate must verify before the password is said.",
                "a certificate that does not verify: no AUTH, no MAIL; deferred"),
            _at("  tls_verify_cert_hostnames = *"),
            _at(f"  tls_verify_certificates = {wanted.ca_file}"),
            _at("  hosts_require_auth = *", "Debian's default is hosts_try_auth, which goes on without a login.",
                "the relay sees AUTH before MAIL"),
        ]  # fmt: skip
    if wanted.keys:
        selectors = " : ".join(selector for _, selector, _ in wanted.keys)
        chosen = wanted.key
        if wanted.ed25519_selector:
            chosen = (
                f"${{if eq{{$dkim_selector}}{{{wanted.ed25519_selector}}}{{{wanted.ed25519_key}}}{{{wanted.key}}}}}"
            )
        lines += [
            _at(f"  dkim_domain = {wanted.domain}", "", f"d={wanted.domain} in the signature"),
            _at(f"  dkim_selector = {selectors}", "", "one DKIM-Signature for each selector"),
            _at(f"  dkim_private_key = {chosen}"),
            _at("  dkim_canon = relaxed"),
            _at("  dkim_sign_headers = _DKIM_OVERSIGN_HEADERS", "No second From can be added (RFC 6376 section 8.15)."),
            _at("  dkim_strict = true", "With the default, mail leaves unsigned when the key cannot be read.",
                "a key that cannot be read: deferred, and nothing leaves"),
        ]  # fmt: skip
    return lines


_RETRY = [
    _at("begin retry"),
    _at("* * F,2h,15m; G,16h,1h,1.5; F,4d,6h", "Every 15 minutes for 2 hours, then ever less often, for 4 days."),
]


def _authenticators(wanted: Description) -> list[Line]:
    lines = [_at("begin authenticators")]
    if wanted.job == "submission":
        check = (
            "${{if and{{{{def:{name}}}{{crypteq{{{password}}}{{${{lookup{{{name}}}lsearch{{" + _ACCOUNTS + "}}"
            "{{$value}}{{*}}}}}}}}}}{{true}}{{false}}}}"
        )
        return [
            *lines,
            _at(
                "plain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n  server_set_id = $auth2\n"
                f"  server_condition = {check.format(name='$auth2', password='$auth3')}".replace("def:$", "def:"),
                "", "after STARTTLS, EHLO lists AUTH PLAIN LOGIN"),
            _at(
                "login:\n  driver = plaintext\n  public_name = LOGIN\n  server_prompts = Username:: : Password::\n"
                "  server_set_id = $auth1\n"
                f"  server_condition = {check.format(name='$auth1', password='$auth2')}".replace("def:$", "def:")),
        ]  # fmt: skip
    if wanted.job == "smarthost":
        line = f"${{lookup{{$host}}lsearch{{{_PASSWORDS}}}{{$value}}fail}}"
        return [*lines, _at(
            "plain:\n  driver = plaintext\n  public_name = PLAIN\n"
            "  client_send = <; ${if def:tls_out_cipher"
            f"{{^${{extract{{1}}{{:}}{{{line}}}}}^${{sg{{{line}}}{{\\N^[^:]+:\\N}}{{}}}}}}fail}}",
            "The password stands in a file that is looked up, never in this one.")]  # fmt: skip
    return lines
