"""The lines of Postfix's main.cf, job by job (postconf(5), TLS_README, SASL_README, MILTER_README)."""

from __future__ import annotations

from mailkit.mta.description import Description
from mailkit.mta.filters import SIGNER_PORTS
from mailkit.mta.settings import ConfigLine, Probe

__all__ = ["ALIASES", "MAIN", "PASSWORDS", "common", "receiving", "signing", "smarthost", "submission"]

MAIN = "/etc/postfix/main.cf"
PASSWORDS = "/etc/postfix/sasl_passwd"
ALIASES = "/etc/postfix/virtual"


def _set(name: str, value: str, why: str = "", sees: str = "", probe: Probe = Probe.NONE) -> ConfigLine:
    return ConfigLine(MAIN, f"{name} = {value}".rstrip(), why, sees, probe)


def common(wanted: Description) -> list[ConfigLine]:
    """Return what every job has: names, who may relay, what is refused at the door."""
    # 3.11 says at each start that a lower level is in use, and older ones do not know it.
    level = "3.11" if wanted.numbers >= (3, 11) else "3.6"
    lines = [
        _set("compatibility_level", level, f"The defaults of Postfix {level}; what has changed since, or matters, is "
             "written out here."),
        _set("myhostname", wanted.hostname, "The name in the greeting and in EHLO; reverse DNS should give it.",
             f"the greeting says 220 {wanted.hostname}", Probe.SCAN),
        _set("mydomain", wanted.domain),
        _set("myorigin", "$mydomain"),
        _set("mynetworks", "127.0.0.0/8 [::1]/128", "Who may relay without a login: this machine alone."),
        _set("smtpd_relay_restrictions", "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
             "First who may relay, then the refusal: with the last word missing this is an open relay.",
             "a stranger's RCPT to another domain: 554 5.7.1", Probe.CONVERSE),
        _set("smtpd_forbid_bare_newline", "normalize",
             "SMTP smuggling (CVE-2023-51764): a dot between bare line feeds ends no message. "
             "The default since 3.9; before, no.",
             "<LF>.<LF> inside DATA ends nothing: no second message comes in"),
        _set("smtpd_forbid_unauth_pipelining", "yes", "The default since 3.9; before, no.",
             "MAIL sent along with EHLO: 554 5.5.0 Error: SMTP protocol synchronization"),
        _set("smtpd_data_restrictions", "reject_unauth_pipelining"),
        _set("disable_vrfy_command", "yes", "VRFY tells strangers who has an account here.",
             "VRFY: 502 5.5.1", Probe.CONVERSE),
        _set("alias_maps", "", "No table that has to be compiled first."),
        _set("biff", "no"),
        _set("recipient_delimiter", "+"),
    ]  # fmt: skip
    return lines


def _server_tls(wanted: Description) -> list[ConfigLine]:
    chain = f"{wanted.certificate_key}, {wanted.certificate}"
    return [
        _set("smtpd_tls_chain_files", chain, "The key first, then the certificate and what it was issued by."),
        _set("smtpd_tls_security_level", "may",
             "Port 25 offers TLS and must not demand it (RFC 3207 section 4).", "EHLO on 25 lists STARTTLS",
             Probe.CAPABILITIES),
        _set("smtpd_tls_auth_only", "yes", "No password in clear text (RFC 4954 section 4).",
             "AUTH stands in EHLO only after STARTTLS; said before: refused", Probe.CAPABILITIES),
        _set("smtpd_tls_mandatory_protocols", ">=TLSv1.2", "RFC 8997. The default still allows TLS 1.0.",
             "a TLS 1.1 handshake on 587 or 465 fails", Probe.TLS),
        _set("smtpd_tls_loglevel", "1"),
    ]  # fmt: skip


def submission(wanted: Description) -> list[ConfigLine]:
    """Return the lines of a server that takes its own users' mail and delivers it."""
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


def smarthost(wanted: Description) -> list[ConfigLine]:
    """Return the lines of a machine that hands everything to a relay."""
    at_once = wanted.relay_port == 465
    lines = [
        _set("inet_interfaces", "loopback-only", "Takes mail of this machine only.",
             "nothing answers on port 25 from outside", Probe.SCAN),
        _set("mydestination", "", "Everything leaves by the smarthost."),
        _set("local_recipient_maps", ""),
        _set("relayhost", f"[{wanted.relay}]:{wanted.relay_port}",
             "The brackets mean: this host, not its MX. A port other than 25 is the answer to OP25B.",
             f"the log says relay={wanted.relay}[…]:{wanted.relay_port}", Probe.LOG),
        _set("smtp_sasl_auth_enable", "yes", "", "the relay sees AUTH before MAIL"),
        _set("smtp_sasl_password_maps", f"texthash:{PASSWORDS}",
             "texthash reads the file as it is: no postmap, and no hash: or lmdb: that comes and goes with versions."),
        _set("smtp_sasl_security_options", "noanonymous, noplaintext", "Without TLS no PLAIN and no LOGIN."),
        _set("smtp_sasl_tls_security_options", "noanonymous", "Within TLS they are fine."),
        _set("smtp_tls_security_level", "secure",
             "Verify the certificate's name before the password is said. With may, whoever sits between "
             "could take STARTTLS away.",
             "a certificate that does not verify: no AUTH, no MAIL; status=deferred (Server certificate not verified)",
             Probe.LOG),
        _set("smtp_tls_secure_cert_match", "hostname", "The name is the smarthost's own."),
        _set("smtp_tls_CAfile", wanted.ca_file),
        _set("smtp_tls_mandatory_protocols", ">=TLSv1.2"),
        _set("smtp_tls_loglevel", "1"),
    ]  # fmt: skip
    if wanted.numbers >= (3, 10):
        lines.append(_set("tls_required_enable", "no",
                          "From 3.10 on a message may ask for less: with the field TLS-Required: no (RFC 8689) no "
                          "certificate is verified, and whoever stands in between gets the password.",
                          "a message with TLS-Required: no waits like every other", Probe.LOG))  # fmt: skip
    if at_once:
        lines.append(_set("smtp_tls_wrappermode", "yes", "Port 465 speaks TLS from its first octet."))
    return lines


def receiving(wanted: Description) -> list[ConfigLine]:
    """Return the lines of a domain's MX."""
    return [
        _set("inet_interfaces", "all"),
        _set("mydestination", "$mydomain, $myhostname, localhost"),
        _set("local_recipient_maps", "proxy:unix:passwd.byname", "A stranger's name is refused at RCPT, not bounced.",
             "RCPT to an unknown name: 550 5.1.1", Probe.CONVERSE),
        _set("virtual_alias_maps", f"texthash:{ALIASES}", "postmaster must be read (RFC 5321 section 4.5.1).",
             "RCPT to postmaster: 250", Probe.CONVERSE),
        *_server_tls(wanted),
        _set("smtpd_recipient_restrictions",
             "reject_unauth_destination, check_policy_service unix:private/policyd-spf",
             "SPF is asked after reject_unauth_destination: its answer must never permit a relay.",
             "Received-SPF at the top of delivered mail", Probe.MESSAGE),
        _set("policyd-spf_time_limit", "3600"),
        _set("smtpd_milters", "inet:127.0.0.1:8893, inet:127.0.0.1:8894",
             "OpenDKIM verifies, then OpenDMARC puts both results together.",
             "Authentication-Results with dkim= and dmarc=", Probe.MESSAGE),
        _set("milter_default_action", "tempfail", "A verifier that is down: the sender is asked to come again.",
             "a verifier that is down: a 4xx reply, and the sender comes again", Probe.LOG),
        _set("enable_original_recipient", "yes"),
    ]  # fmt: skip


def signing(wanted: Description) -> list[ConfigLine]:
    """Return the lines that have mail signed."""
    milters = ", ".join(f"inet:127.0.0.1:{SIGNER_PORTS[algorithm]}" for algorithm, _, _ in wanted.keys)
    return [
        _set("smtpd_milters", milters, "The signers, one for each algorithm.", "DKIM-Signature in mail that went out",
             Probe.DKIM),
        _set("non_smtpd_milters", "$smtpd_milters", "Mail of this machine's own programs is signed too."),
        _set("milter_default_action", "tempfail",
             "With accept, mail leaves unsigned when the signer is down. The default from 3.11 on is shutdown.",
             "a signer that is down: a 4xx reply, and nothing leaves; even to STARTTLS", Probe.CONVERSE),
    ]  # fmt: skip
