"""The neighbours of mail that begin TLS by a command: vsftpd, INN's nnrpd, slapd, Dovecot's ManageSieve, Prosody.

What each needs to run on loopback: its Debian packages, its listeners, its settings and its command, for
``support_daemons.running``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

__all__ = ["NEIGHBOURS", "Neighbour"]


@dataclass(frozen=True)
class Neighbour:
    """A daemon: packages, real port -> protocol of STARTTLS ("" for TLS at once), files by name, shell command.

    In the texts ``{folder}`` and ``{host}`` are the test's own, and ``{21}`` is the loopback port behind port 21.
    """

    packages: tuple[str, ...]
    ports: Mapping[int, str]
    files: Mapping[str, str]
    command: str
    owner: str = "root"  # of the folder and of the file with the key


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

_SIEVE = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = sieve
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
passdb {{
  driver = static
  args = password=nothing
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={folder}
}}
service managesieve-login {{
  chroot =
  inet_listener sieve {{
    port = {4190}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
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
    "vsftpd": Neighbour(
        ("vsftpd",), {21: "ftp"}, {"vsftpd.conf": _VSFTPD}, "exec /usr/sbin/vsftpd {folder}/vsftpd.conf"
    ),
    "nnrpd": Neighbour(
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
    "slapd": Neighbour(
        ("slapd",),
        {389: "ldap", 636: ""},
        {"slapd.conf": _SLAPD},
        "exec /usr/sbin/slapd -d 0 -f {folder}/slapd.conf -h 'ldap://127.0.0.1:{389} ldaps://127.0.0.1:{636}'",
    ),
    "managesieve": Neighbour(
        ("dovecot-core", "dovecot-managesieved", "dovecot-sieve"),
        {4190: "sieve"},
        {"dovecot.conf": _SIEVE},
        "exec /usr/sbin/dovecot -F -c {folder}/dovecot.conf",
    ),
    "prosody": Neighbour(
        ("prosody",),
        {5222: "xmpp", 5223: ""},
        {"prosody.cfg.lua": _PROSODY},
        "exec /usr/bin/prosody -F --config {folder}/prosody.cfg.lua",
    ),
}


def _without_tls(neighbour: Neighbour) -> Neighbour:
    """The daemon with every line about TLS taken out of its settings."""
    files = {
        name: "\n".join(line for line in text.splitlines() if not re.search("tls|ssl|rsa_", line, re.IGNORECASE))
        for name, text in neighbour.files.items()
    }
    if "dovecot.conf" in files:
        files["dovecot.conf"] += "\nssl = no\n"  # its default is yes
    ports = {port: protocol for port, protocol in neighbour.ports.items() if protocol}
    return replace(
        neighbour, files=files, ports=ports, command=neighbour.command.replace(" ldaps://127.0.0.1:{636}", "")
    )


NEIGHBOURS |= {f"{name}-without-tls": _without_tls(neighbour) for name, neighbour in NEIGHBOURS.items()}
