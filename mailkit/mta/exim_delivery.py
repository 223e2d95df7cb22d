"""Exim's routers, transports, retry rule and authenticators: where mail goes, and as whom (Exim's specification)."""

from __future__ import annotations

from mailkit.mta.description import Description
from mailkit.mta.exim_lines import ACCOUNTS, PASSWORDS, at
from mailkit.mta.settings import ConfigLine, Probe

__all__ = ["RETRY", "authenticators", "routers", "transports"]


def routers(wanted: Description) -> list[ConfigLine]:
    """Return the routers: by DNS, to the smarthost, or into a mailbox."""
    lines = [at("begin routers")]
    if wanted.job == "smarthost":
        return [*lines, at(
            "smarthost:\n"
            "  driver = manualroute\n"
            "  domains = ! +local_domains\n"
            f"  route_data = {wanted.relay}\n"
            "  transport = smarthost_smtp\n"
            "  host_find_failed = defer\n"
            "  no_more",
            "Everything leaves by the smarthost.",
            f"the log says H={wanted.relay} […]:{wanted.relay_port}", Probe.LOG)]  # fmt: skip
    if wanted.job == "submission":
        return [*lines, at(
            "dnslookup:\n"
            "  driver = dnslookup\n"
            "  domains = ! +local_domains\n"
            "  transport = remote_smtp\n"
            "  ignore_target_hosts = <; 0.0.0.0 ; 127.0.0.0/8 ; ::1\n"
            "  no_more")]  # fmt: skip
    return [
        *lines,
        at(
            "postmaster:\n"
            "  driver = redirect\n"
            "  domains = +local_domains\n"
            "  local_parts = postmaster : abuse : root\n"
            f"  data = {wanted.postmaster}@{wanted.domain}",
            "postmaster must be read (RFC 5321 section 4.5.1); to root Exim delivers nothing.",
            "RCPT to postmaster: accepted", Probe.CONVERSE),
        at(
            "localuser:\n"
            "  driver = accept\n"
            "  domains = +local_domains\n"
            "  check_local_user\n"
            "  transport = local_delivery\n"
            "  cannot_route_message = no such mailbox"),
    ]  # fmt: skip


def transports(wanted: Description) -> list[ConfigLine]:
    """Return the transports, which say TLS, log in and sign."""
    lines = [at("begin transports")]
    if wanted.job == "receiving":
        return [*lines, at(
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
        lines.append(at("remote_smtp:\n  driver = smtp"))
    else:
        lines.append(at("smarthost_smtp:\n  driver = smtp\n  multi_domain"))
        lines.append(at(f"  port = {wanted.relay_port}", "A port other than 25 is the answer to OP25B."))
        if wanted.relay_port == 465:
            lines.append(at("  protocol = smtps", "Port 465 speaks TLS from its first octet."))
        lines += [
            at("  hosts_require_tls = *", "Without TLS the message waits.", "no STARTTLS at the relay: deferred",
                Probe.LOG),
            at("  tls_verify_hosts = *", "The certificate must verify before the password is said.",
                "a certificate that does not verify: no AUTH, no MAIL; deferred", Probe.LOG),
            at("  tls_verify_cert_hostnames = *"),
            at(f"  tls_verify_certificates = {wanted.ca_file}"),
            at("  hosts_require_auth = *", "Debian's default is hosts_try_auth, which goes on without a login.",
                "a relay that refuses the login: deferred, and no mail", Probe.LOG),
        ]  # fmt: skip
    if wanted.keys:
        selectors = " : ".join(selector for _, selector, _ in wanted.keys)
        chosen = wanted.key
        if wanted.ed25519_selector:
            chosen = (
                f"${{if eq{{$dkim_selector}}{{{wanted.ed25519_selector}}}{{{wanted.ed25519_key}}}{{{wanted.key}}}}}"
            )
        lines += [
            at(f"  dkim_domain = {wanted.domain}", "", f"d={wanted.domain} in the signature", Probe.DKIM),
            at(f"  dkim_selector = {selectors}", "", "one DKIM-Signature for each selector", Probe.DKIM),
            at(f"  dkim_private_key = {chosen}"),
            at("  dkim_canon = relaxed"),
            at("  dkim_sign_headers = _DKIM_OVERSIGN_HEADERS", "No second From can be added (RFC 6376 section 8.15)."),
            at("  dkim_strict = true", "With the default, mail leaves unsigned when the key cannot be read.",
                "a key that cannot be read: deferred, and nothing leaves", Probe.LOG),
        ]  # fmt: skip
    return lines


RETRY = [
    at("begin retry"),
    at("* * F,2h,15m; G,16h,1h,1.5; F,4d,6h", "Every 15 minutes for 2 hours, then ever less often, for 4 days."),
]


def authenticators(wanted: Description) -> list[ConfigLine]:
    """Return the authenticators: of users who come, or of this machine at its smarthost."""
    lines = [at("begin authenticators")]
    if wanted.job == "submission":
        check = (
            "${{if and{{{{def:{name}}}{{crypteq{{{password}}}{{${{lookup{{{name}}}lsearch{{" + ACCOUNTS + "}}"
            "{{$value}}{{*}}}}}}}}}}{{true}}{{false}}}}"
        )
        return [
            *lines,
            at(
                "plain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n  server_set_id = $auth2\n"
                f"  server_condition = {check.format(name='$auth2', password='$auth3')}".replace("def:$", "def:"),
                "", "after STARTTLS, EHLO lists AUTH PLAIN LOGIN", Probe.CAPABILITIES),
            at(
                "login:\n  driver = plaintext\n  public_name = LOGIN\n  server_prompts = Username:: : Password::\n"
                "  server_set_id = $auth1\n"
                f"  server_condition = {check.format(name='$auth1', password='$auth2')}".replace("def:$", "def:")),
        ]  # fmt: skip
    if wanted.job == "smarthost":
        # Not $host: where the relay's name is an alias (CNAME), that is the name behind it.
        line = f"${{lookup{{{wanted.relay}}}lsearch{{{PASSWORDS}}}{{$value}}fail}}"
        user, password = f"${{extract{{1}}{{:}}{{{line}}}}}", f"${{sg{{{line}}}{{\\N^[^:]+:\\N}}{{}}}}"
        return [
            *lines,
            at(
                "plain:\n  driver = plaintext\n  public_name = PLAIN\n"
                f"  client_send = <; ${{if def:tls_out_cipher{{^{user}^{password}}}fail}}",
                "The password stands in a file that is looked up, never in this one."),
            at(
                "login:\n  driver = plaintext\n  public_name = LOGIN\n"
                f"  client_send = <; ${{if def:tls_out_cipher{{}}fail}} ; {user} ; {password}",
                "For a relay that offers no PLAIN."),
        ]  # fmt: skip
    return lines
