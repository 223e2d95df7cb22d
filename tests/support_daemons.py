"""Postfix, Exim, Dovecot and their neighbours, each unpacked from its Debian packages and run on loopback.

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
from support_daemon_settings import DAEMONS, EXIM, POSTDROP, POSTFIX, Daemon
from support_neighbours import NEIGHBOURS
from support_servers import closed_port

from mailkit.lab.daemons import packages

__all__ = ["DAEMONS", "running", "unpacked"]

_USERS = {
    "passwd": f"postfix:x:{POSTFIX}:{POSTFIX}::/:/bin/false\nDebian-exim:x:{EXIM}:{EXIM}::/:/bin/false\n",
    "group": f"postfix:x:{POSTFIX}:\npostdrop:x:{POSTDROP}:\nDebian-exim:x:{EXIM}:\n",
}


def unpacked(daemon: str) -> Path:
    """The folder with the packages of *daemon*, unpacked once; skips where they were not fetched."""
    try:
        return packages.unpacked(daemon.removesuffix("-without-tls"))
    except packages.Missing as error:
        pytest.skip(str(error))


@contextmanager
def running(
    daemon: str, folder: Path, pem: bytes, host: str, settings: str = "", master: str = "", resolver: str = ""
) -> Iterator[Mapping[int, int]]:
    """Run *daemon* with key and certificates *pem*; yields real port -> loopback port.

    *settings* are more lines at the end of its first file, *master* of Postfix's second.  *resolver* is the name server
    that it asks, on port 53.
    """
    root = unpacked(daemon)
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("laying a folder over /usr takes root and unshare (apt-get install util-linux)")
    known = (DAEMONS | NEIGHBOURS)[daemon]
    over = ["passwd", "group"]
    if resolver:
        (folder / "resolv.conf").write_text(f"nameserver {resolver}\noptions trust-ad timeout:30 attempts:2\n")
        over.append("resolv.conf")
    for another in (True, False):  # now and then another program takes a port while a daemon starts
        ports = {port: closed_port() for port in known.ports}
        _write(known, folder, pem, host, ports, [settings, master])
        mounts = [f"mount -t overlay overlay -o lowerdir={root}/usr:/usr /usr"]
        mounts += [f"mount --bind {name} /etc/{name}" for name in over]
        process = _begun(" && ".join([*mounts, _filled(known.command, folder, host, ports)]), folder)
        try:
            if _listens(process, ports.values()):
                yield ports
                return
        finally:
            _end(process)
        said = "".join(p.read_text(errors="replace") for p in (folder / "said", folder / "log") if p.exists())
        if "mount:" in said or "unshare:" in said:
            pytest.skip(f"this machine does not let a test mount anything: {said.strip()[:200]}")
        if not another:
            raise RuntimeError(f"{daemon} does not come up, status {process.returncode}: {said}")


def _begun(script: str, folder: Path) -> subprocess.Popen[bytes]:
    with open(folder / "said", "wb") as said:
        return subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def _listens(process: subprocess.Popen[bytes], ports: Iterable[int]) -> bool:
    """Wait until all *ports* answer; False where the daemon ends first, or is silent for two minutes."""
    deadline = time.monotonic() + 120
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    return False
                time.sleep(0.05)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _write(known: Daemon, folder: Path, pem: bytes, host: str, ports: Mapping[int, int], more: Iterable[str]) -> None:
    # A parent folder of pytest's is closed to other users, and the daemons give up being root.
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    (folder / "server.pem").write_bytes(pem)
    for name, users in _USERS.items():
        (folder / name).write_text(Path("/etc", name).read_text() + users)
    added = iter(more)
    for name, text in known.files.items():
        (folder / name).write_text(_filled(text, folder, host, ports) + next(added, ""))
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, known.owner)
    for name, owner in known.folders.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        os.chown(folder / name, owner, 0)
    os.chown(folder / "server.pem", -1, known.group)
    (folder / "server.pem").chmod(0o640 if known.group else 0o600)


def _filled(text: str, folder: Path, host: str, ports: Mapping[int, int]) -> str:
    for port, here in ports.items():
        text = text.replace(f"{{{port}}}", str(here))
    return text.format(folder=folder, host=host)
