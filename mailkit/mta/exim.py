"""The file of Exim 4 for one job (Exim's specification; the chapters are named where a line rests on one)."""

from __future__ import annotations

from mailkit.mta.description import Description
from mailkit.mta.exim_acl import acls
from mailkit.mta.exim_delivery import RETRY, authenticators, routers, transports
from mailkit.mta.exim_lines import ACCOUNTS, FILE, PASSWORDS, at
from mailkit.mta.settings import SUFFIXES, ConfigLine, Configuration, Probe, render

__all__ = ["exim"]


def exim(wanted: Description) -> Configuration:
    """Return the files of Exim for the job that *wanted* describes."""
    lines = [*_main(wanted), *acls(wanted), *routers(wanted), *transports(wanted), *RETRY, *authenticators(wanted)]
    files = {FILE: render(lines, f"Exim {wanted.version}, {wanted.job} for {wanted.domain}.")}
    notes: list[str] = []
    secret: tuple[str, ...] = ()
    if wanted.job == "submission":
        notes.append(f"{ACCOUNTS} holds one line for each account, name:hash of the password (mkpasswd "
                     "-m sha512crypt); root:Debian-exim, mode 0640.")  # fmt: skip
    if wanted.job == "smarthost":
        files[PASSWORDS] = f"{wanted.relay}: {wanted.user}:{wanted.password}\n"
        secret = (PASSWORDS,)
        notes.append(f"{PASSWORDS} belongs to root:Debian-exim, mode 0640.")
    if wanted.job == "receiving":
        notes += [
            "SPF takes a build with libspf2: Debian's exim4-daemon-heavy has it; exim4-daemon-light and Ubuntu's heavy "
            "one have not, and then no SPF result is recorded (exim -bV lists what a build supports).",
            "DMARC takes a build with SUPPORT_DMARC, which the packages of Debian and Ubuntu have not: then no DMARC "
            "result is recorded. With it, a failure under p=none is written dmarc=none. With Postfix, OpenDMARC does "
            "it.",
        ]
    if wanted.keys:
        notes.append("The keys must be readable for Debian-exim: root:Debian-exim, mode 0640.")
    notes.append("Run 4.100.1 or a package with its fixes: every Exim before can be smuggled to after a refusal in the "
                 "data phase (EXIM-Security-2026-09-12.4).")  # fmt: skip
    return Configuration(wanted, tuple(notes), secret, files, tuple(lines))


def _main(wanted: Description) -> list[ConfigLine]:
    lines = [
        at(f"primary_hostname = {wanted.hostname}", "The name in the greeting and in EHLO.",
            f"the greeting says 220 {wanted.hostname}", Probe.SCAN),
        at(f"qualify_domain = {wanted.domain}"),
        at(f"domainlist local_domains = {wanted.domain} : {wanted.hostname}" if wanted.job == "receiving"
            else "domainlist local_domains ="),
        at("hostlist relay_from_hosts = <; 127.0.0.1 ; ::1", "Who may relay without a login: this machine alone."),
        at("keep_environment ="),
        at("never_users = root"),
        at("host_lookup = *"),
        at("rfc1413_query_timeout = 0s", "No question to the client's ident port: firewalls let it time out."),
        at("log_selector = +smtp_protocol_error +smtp_syntax_error +tls_certificate_verified +tls_peerdn"),
        at("acl_smtp_mail = acl_check_mail"),
        at("acl_smtp_rcpt = acl_check_rcpt"),
        at("acl_smtp_data = acl_check_data"),
        at("chunking_advertise_hosts =", "No BDAT: 4.97 to 4.99.2 with GnuTLS could be crashed by it "
            "(EXIM-Security-2026-05-01.1).", "EHLO does not list CHUNKING", Probe.CAPABILITIES),
        at("pipelining_advertise_hosts = *"),
        at(
            "smtp_accept_queue_per_connection = 0",
            "The default, 10, leaves the eleventh message of one connection for the next queue run.",
        ),
        at(".ifdef _OPT_MAIN_PIPELINING_CONNECT_ADVERTISE_HOSTS"),
        at("pipelining_connect_advertise_hosts =", "By default whoever likes may talk before the greeting (4.94 and "
            "later, where it was built in)."),
        at(".endif"),
        at("smtp_enforce_sync = true", "The default, kept in view.",
            "who talks before the greeting: 554 SMTP synchronization error"),
    ]  # fmt: skip
    if wanted.job == "smarthost":
        lines.append(at("local_interfaces = <; 127.0.0.1 ; ::1", "Takes mail of this machine only.",
                         "nothing answers on port 25 from outside", Probe.SCAN))  # fmt: skip
        lines.append(at("tls_advertise_hosts ="))
        lines.append(at("daemon_smtp_ports = 25"))
        return lines
    lines += [
        at("tls_advertise_hosts = *", "", "EHLO on 25 lists STARTTLS", Probe.CAPABILITIES),
        at(f"tls_certificate = {wanted.certificate}"),
        at(f"tls_privatekey = {wanted.certificate_key}"),
        at(".ifdef _HAVE_GNUTLS", "Debian's Exim is built with GnuTLS, others with OpenSSL: each has its own words."),
        at(
            "tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
            "",
            "a TLS 1.1 handshake fails",
            Probe.TLS,
        ),
        at(".endif"),
        at(".ifdef _HAVE_OPENSSL"),
        at("openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1"),
        at(".endif"),
    ]
    if wanted.job == "receiving":
        lines += [
            at(".ifdef _OPT_MAIN_DMARC_TLD_FILE", "Only a build with DMARC by libopendmarc knows this setting."),
            at(f"dmarc_tld_file = {SUFFIXES}"),
            at(".endif"),
        ]
        return [
            *lines,
            at("daemon_smtp_ports = 25"),
            at("auth_advertise_hosts =", "", "no AUTH on port 25", Probe.CAPABILITIES),
        ]
    return [
        *lines,
        at("daemon_smtp_ports = 25 : 587 : 465"),
        at("tls_on_connect_ports = 465", "It opens no port: that is daemon_smtp_ports.",
            "465: the handshake comes before the greeting", Probe.SCAN),
        at("auth_advertise_hosts = ${if and{{def:tls_in_cipher}{inlist{$received_port}{587:465}}}{*}{}}",
            "No password in clear text (RFC 4954 section 4), and no login on 25.",
            "AUTH stands in EHLO only after STARTTLS; said before: 503", Probe.CAPABILITIES),
    ]  # fmt: skip
