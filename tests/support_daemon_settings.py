"""What Postfix, Exim and Dovecot need to run on loopback for a test: see ``support_daemons.running``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailkit.lab.daemons.packages import PACKAGES

__all__ = ["DAEMONS", "EXIM", "POSTFIX", "Daemon", "dovecot"]

POSTFIX, POSTDROP, EXIM = 990, 989, 991  # ids that the daemons' machine alone knows


@dataclass(frozen=True)
class Daemon:
    """A daemon: packages, real port -> protocol of STARTTLS ("" for TLS at once), files by name, shell command.

    In the texts ``{folder}`` and ``{host}`` are the test's own, and ``{21}`` is the loopback port behind port 21; more
    settings of a test's go to the end of the first file.  ``owner`` has the folder and its files, and may read the key
    as ``group`` may; ``folders`` are made for the daemon, each with its owner.
    """

    packages: tuple[str, ...]
    ports: Mapping[int, str]
    files: Mapping[str, str]
    command: str
    owner: str = "root"
    group: int = 0
    folders: Mapping[str, int] = field(default_factory=dict)


_POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
maillog_file = {folder}/log
maillog_file_prefixes = /
myhostname = {host}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
smtpd_tls_chain_files = {folder}/server.pem
smtpd_tls_security_level = may
"""
_POSTFIX_MASTER = """
127.0.0.1:{25} inet n - n - - smtpd
127.0.0.1:{587} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:{465} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "private",
           "public", "saved", "trace")  # fmt: skip

_EXIM = """
primary_hostname = {host}
local_interfaces = 127.0.0.1
daemon_smtp_ports = {25} : {587} : {465}
tls_on_connect_ports = {465}
tls_advertise_hosts = *
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.pem
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/spool/pid
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
"""

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
auth_mechanisms = plain
passdb {{
  driver = static
  args = password=nothing
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={folder}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def dovecot(packages: tuple[str, ...], **listeners: Mapping[int, str]) -> Daemon:
    """Dovecot with *listeners*: the login service -> real port -> protocol of STARTTLS, "" for TLS at once."""
    text = _DOVECOT + f"protocols = {' '.join(service.removeprefix('manage') for service in listeners)}\n"
    for service, doors in listeners.items():
        text += f"service {service}-login {{{{\n  chroot =\n"
        for port, protocol in doors.items():
            name, more = (protocol, "") if protocol else (f"{service}s", "    ssl = yes\n")
            text += f"  inet_listener {name} {{{{\n    port = {{{port}}}\n{more}  }}}}\n"
        text += "}}\n"
    ports = {port: protocol for doors in listeners.values() for port, protocol in doors.items()}
    command = "exec /usr/sbin/dovecot -F -c {folder}/dovecot.conf"
    return Daemon(packages, ports, {"dovecot.conf": text}, command)


DAEMONS = {
    "postfix": Daemon(
        PACKAGES["postfix"],
        {25: "smtp", 587: "smtp", 465: ""},
        {"main.cf": _POSTFIX_MAIN, "master.cf": _POSTFIX_MASTER},
        "MAIL_CONFIG={folder} exec /usr/lib/postfix/sbin/master -d -c {folder}",
        folders={"queue/pid": 0, "data": POSTFIX} | {f"queue/{name}": POSTFIX for name in _QUEUES},
    ),
    "exim": Daemon(
        PACKAGES["exim"],
        {25: "smtp", 587: "smtp", 465: ""},
        {"exim.conf": _EXIM},
        "exec /usr/sbin/exim4 -C {folder}/exim.conf -bdf",
        group=EXIM,
        folders={"spool": EXIM},
    ),
    "dovecot": dovecot(PACKAGES["dovecot"], imap={143: "imap", 993: ""}, pop3={110: "pop3", 995: ""}),
}
