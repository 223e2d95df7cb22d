"""Postfix, Exim and Dovecot, each unpacked from its Debian package and run on loopback beside the others.

Their packages conflict with each other, so none is installed: each is unpacked into a folder of its own, and a mount
namespace lays that folder over /usr for one daemon.  That takes root on a Debian machine; elsewhere a test skips.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from support_neighbours import NEIGHBOURS
from support_servers import closed_port

from mailkit.lab.daemons import packages

__all__ = ["DAEMONS", "running", "unpacked"]

# Daemon -> its listeners: the port that the real world uses for it -> protocol of STARTTLS, "" for TLS at once.
DAEMONS: dict[str, dict[int, str]] = {
    "postfix": {25: "smtp", 587: "smtp", 465: ""},
    "exim": {25: "smtp", 587: "smtp", 465: ""},
    "dovecot": {143: "imap", 993: "", 110: "pop3", 995: ""},
}
_USERS = {"passwd": "postfix:x:990:990::/:/bin/false\nDebian-exim:x:991:991::/:/bin/false\n"}
_USERS["group"] = "postfix:x:990:\npostdrop:x:989:\nDebian-exim:x:991:\n"

_POSTFIX = """
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
smtpd_relay_restrictions = reject
"""
_POSTFIX_MASTER = """
127.0.0.1:{25} inet n - n - - smtpd
127.0.0.1:{587} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:{465} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
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
protocols = imap pop3
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
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {143}
  }}
  inet_listener imaps {{
    port = {993}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {110}
  }}
  inet_listener pop3s {{
    port = {995}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
_COMMANDS = {
    "postfix": "MAIL_CONFIG={folder} exec /usr/lib/postfix/sbin/master -d -c {folder}",
    "exim": "exec /usr/sbin/exim4 -C {folder}/exim.conf -bdf",
    "dovecot": "exec /usr/sbin/dovecot -F -c {folder}/dovecot.conf",
}


def unpacked(daemon: str) -> Path:
    """The folder with the packages of *daemon*, unpacked once; skips where they were not fetched."""
    try:
        return packages.unpacked(daemon.removesuffix("-without-tls"))
    except packages.Missing as error:
        pytest.skip(str(error))


@contextmanager
def running(
    daemon: str, root: Path, folder: Path, pem: bytes, host: str, settings: str = ""
) -> Iterator[Mapping[int, int]]:
    """Run *daemon* out of *root* with key and certificates *pem*; yields real port -> loopback port.

    *settings* are more lines for the file of Dovecot.
    """
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("laying a folder over /usr takes root and unshare (apt-get install util-linux)")
    protocols = NEIGHBOURS[daemon].ports if daemon in NEIGHBOURS else DAEMONS[daemon]
    ports = {protocol: closed_port() for protocol in protocols}
    _write(daemon, folder, pem, host, ports, settings)
    command = _filled(NEIGHBOURS[daemon].command if daemon in NEIGHBOURS else _COMMANDS[daemon], folder, host, ports)
    script = (
        f"mount -t overlay overlay -o lowerdir={root}/usr:/usr /usr && mount --bind passwd /etc/passwd"
        f" && mount --bind group /etc/group && {command}"
    )
    with open(folder / "said", "wb") as said:
        process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        _wait_for(process, ports.values(), folder, daemon)
        yield ports
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _write(daemon: str, folder: Path, pem: bytes, host: str, ports: Mapping[int, int], settings: str) -> None:
    # A parent folder of pytest's is closed to other users, and the daemons give up being root.
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    (folder / "server.pem").write_bytes(pem)
    for name, users in _USERS.items():
        (folder / name).write_text(Path("/etc", name).read_text() + users)

    def fill(text: str) -> str:
        return _filled(text, folder, host, ports)

    if daemon in NEIGHBOURS:
        for name, text in NEIGHBOURS[daemon].files.items():
            (folder / name).write_text(fill(text))
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, NEIGHBOURS[daemon].owner)
        (folder / "server.pem").chmod(0o600)
    elif daemon == "postfix":
        (folder / "main.cf").write_text(fill(_POSTFIX))
        (folder / "master.cf").write_text(fill(_POSTFIX_MASTER))
        for name in ("active", "incoming", "maildrop", "private", "public", "pid"):
            (folder / "queue" / name).mkdir(parents=True)
            os.chown(folder / "queue" / name, 0 if name == "pid" else 990, 0)
        (folder / "data").mkdir()
        os.chown(folder / "data", 990, 990)
    elif daemon == "exim":
        (folder / "exim.conf").write_text(fill(_EXIM))
        (folder / "spool").mkdir()
        os.chown(folder / "spool", 991, 991)
        os.chown(folder / "server.pem", 0, 991)
        (folder / "server.pem").chmod(0o640)
    else:
        (folder / "dovecot.conf").write_text(fill(_DOVECOT) + settings)


def _filled(text: str, folder: Path, host: str, ports: Mapping[int, int]) -> str:
    for port, here in ports.items():
        text = text.replace(f"{{{port}}}", str(here))
    return text.format(folder=folder, host=host)


def _wait_for(process: subprocess.Popen[bytes], ports: Iterable[int], folder: Path, daemon: str) -> None:
    deadline = time.monotonic() + 120
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    said = "".join(
                        p.read_text(errors="replace") for p in (folder / "said", folder / "log") if p.exists()
                    )
                    if "mount:" in said or "unshare:" in said:
                        pytest.skip(f"this machine does not let a test mount anything: {said.strip()[:200]}")
                    raise RuntimeError(f"{daemon} does not come up: {said}") from None
                time.sleep(0.05)
