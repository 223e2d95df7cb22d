"""The neighbours of mail that begin TLS by a command: vsftpd, INN's nnrpd, slapd, Dovecot's ManageSieve, Prosody."""

from __future__ import annotations

import re
from dataclasses import replace

from support_daemon_settings import Daemon, dovecot

__all__ = ["NEIGHBOURS"]

_VSFTPD = """
listen=YES
background=NO
listen_address=127.0.0.1
listen_port={21}
anonymous_enable=NO
local_enable=YES
run_as_launching_user=NO
nopriv_user=nobody
secure_chroot_dir={folder}
pam_service_name=vsftpd
ssl_enable=YES
ssl_tlsv1=YES
require_ssl_reuse=NO
rsa_cert_file={folder}/server.pem
rsa_private_key_file={folder}/server.pem
"""

_NNRPD = """
mta: /bin/true
organization: practice
domain: test.example
nnrpdloadlimit: 0
pathhost: {host}
pathnews: /usr/lib/news
pathdb: {folder}
pathetc: {folder}
pathrun: {folder}
pathlog: {folder}
pathspool: {folder}
hismethod: hisv6
enableoverview: true
ovmethod: tradindexed
pathoverview: {folder}
tlscertfile: {folder}/server.pem
tlskeyfile: {folder}/server.pem
runasuser: nobody
runasgroup: nogroup
"""
_READERS = 'auth "all" {{ default: "<all>" }}\naccess "all" {{ users: "*" newsgroups: "*" }}\n'
_STORAGE = "method trash {{\n  newsgroups: *\n  class: 0\n}}\n"

_SLAPD = """
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
modulepath /usr/lib/ldap
moduleload back_null
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.pem
TLSCACertificateFile {folder}/server.pem
database null
suffix ""
"""

_PROSODY = """
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {5222} }}
c2s_direct_tls_ports = {{ {5223} }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
modules_enabled = {{ "tls", "saslauth" }}
modules_disabled = {{ "s2s", "offline" }}
c2s_require_encryption = true
log = {{ info = "{folder}/log" }}
ssl = {{ certificate = "{folder}/server.pem", key = "{folder}/server.pem", protocol = "tlsv1_2+" }}
VirtualHost "{host}"
"""

NEIGHBOURS = {
    "vsftpd": Daemon(("vsftpd",), {21: "ftp"}, {"vsftpd.conf": _VSFTPD}, "exec /usr/sbin/vsftpd {folder}/vsftpd.conf"),
    "nnrpd": Daemon(
        ("inn2", "inn2-inews"),
        {119: "nntp"},
        {
            "inn.conf": _NNRPD,
            "readers.conf": _READERS,
            "storage.conf": _STORAGE,
            "inn-secrets.conf": "",
            "active": "",
            "group.index": "",
        },
        "INNCONF={folder}/inn.conf LD_LIBRARY_PATH=/usr/lib/news"
        " exec /usr/lib/news/bin/nnrpd -f -D -b 127.0.0.1 -p {119}",
        owner="nobody",
    ),
    "slapd": Daemon(
        ("slapd",),
        {389: "ldap", 636: ""},
        {"slapd.conf": _SLAPD},
        "exec /usr/sbin/slapd -d 0 -f {folder}/slapd.conf -h 'ldap://127.0.0.1:{389} ldaps://127.0.0.1:{636}'",
    ),
    "managesieve": dovecot(("dovecot-core", "dovecot-managesieved", "dovecot-sieve"), managesieve={4190: "sieve"}),
    "prosody": Daemon(
        ("prosody",),
        {5222: "xmpp", 5223: ""},
        {"prosody.cfg.lua": _PROSODY},
        "exec /usr/bin/prosody -F --config {folder}/prosody.cfg.lua",
    ),
}


def _without_tls(daemon: Daemon) -> Daemon:
    """The daemon with every line about TLS taken out of its settings."""
    files = {
        name: "\n".join(line for line in text.splitlines() if not re.search("tls|ssl|rsa_", line, re.IGNORECASE))
        for name, text in daemon.files.items()
    }
    if "dovecot.conf" in files:
        files["dovecot.conf"] += "\nssl = no\n"  # its default is yes
    ports = {port: protocol for port, protocol in daemon.ports.items() if protocol}
    return replace(daemon, files=files, ports=ports, command=daemon.command.replace(" ldaps://127.0.0.1:{636}", ""))


NEIGHBOURS |= {f"{name}-without-tls": _without_tls(daemon) for name, daemon in NEIGHBOURS.items()}
