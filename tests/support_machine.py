"""A machine of one's own for a mail server: its own network, processes, /usr, /etc, /var and /run, thrown away after.

The packages are unpacked, never installed (see support_daemons).  The programs find their files at the true paths and
listen on the true ports, on documentation addresses that only this machine has.  That takes root on Linux; elsewhere
a test skips and says so.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

__all__ = ["ADDRESSES", "Machine", "machine"]

T = TypeVar("T")
_NEW_NETWORK = 0x40000000
ADDRESSES = {"server": "192.0.2.80", "stranger": "192.0.2.99", "receiver": "192.0.2.25", "relay": "198.51.100.5"}
_USERS = """\
postfix:x:990:990::/var/spool/postfix:/bin/false
Debian-exim:x:991:991::/var/spool/exim4:/bin/false
dovecot:x:992:992::/:/bin/false
dovenull:x:993:993::/:/bin/false
opendkim:x:994:994::/:/bin/false
opendmarc:x:995:995::/:/bin/false
policyd-spf:x:996:996::/:/bin/false
hanako:x:997:997::/:/bin/false
"""
_GROUPS = (
    "".join(f"{line.split(':')[0]}:x:{line.split(':')[2]}:\n" for line in _USERS.splitlines()) + "postdrop:x:989:\n"
)
_SCRIPT = """\
set -e
mount -t tmpfs none {folder}/own
for part in etc usr; do mkdir -p {folder}/own/$part.upper {folder}/own/$part.work; done
mount -t overlay overlay -o lowerdir={roots},upperdir={folder}/own/usr.upper,workdir={folder}/own/usr.work /usr
mount -t overlay overlay -o lowerdir=/etc,upperdir={folder}/own/etc.upper,workdir={folder}/own/etc.work /etc
for part in /run /var/spool /var/lib /var/log /var/mail; do mkdir -p $part; mount -t tmpfs none $part; done
cp {folder}/etc/* /etc/
chmod 1777 /var/mail
ip link set lo up
for address in {own}; do ip address add $address/32 dev lo; done
unshare -n sleep infinity &
until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add near type veth peer name far netns $!
there="nsenter -t $! -n ip"
ip link set near up
$there link set far up
$there link set lo up
for address in {others}; do $there address add $address/32 dev far; ip route add $address dev near; done
for address in {own}; do $there route add $address dev far; done
echo ready
exec cat
"""


class Machine:
    """A running machine; :func:`machine` makes one."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid = pid
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def root(self) -> Path:
        """The machine's files, as this process reaches them."""
        return Path(f"/proc/{self.pid}/root")

    def command(self, *argv: str) -> list[str]:
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-p", "--", *argv]

    def run(self, *argv: str, check: bool = True, given: str | None = None) -> str:
        """Run a command to its end and return what it said, both streams together."""
        done = subprocess.run(
            self.command(*argv), input=given or "", capture_output=True, text=True, errors="replace", timeout=120
        )
        if check and done.returncode:
            raise RuntimeError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start a daemon that stays in the foreground; it ends with the machine."""
        with open(self.folder / "said", "ab") as said:
            process = subprocess.Popen(self.command(*argv), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self._started.append(process)
        return process

    @property
    def outside(self) -> int:
        """The process that holds the network of everybody else: the machine sees their addresses through a cable."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])

    def inside(self, function: Callable[[], T], *, outside: bool = False) -> T:
        """Return what *function* returns on a thread whose sockets, and whose threads' sockets, are the machine's.

        *outside*: they are those of everybody else.
        """
        pid = self.outside if outside else self.pid
        came: list[Any] = []

        def enter() -> None:
            try:
                with open(f"/proc/{pid}/ns/net") as namespace:
                    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NETWORK):
                        raise OSError(ctypes.get_errno(), "setns")
                came.extend((True, function()))
            except BaseException as error:
                came.extend((False, error))

        thread = threading.Thread(target=enter, daemon=True)
        thread.start()
        thread.join(120)
        if not came:
            raise TimeoutError("no answer from inside the machine within two minutes")
        if not came[0]:
            raise came[1]
        result: T = came[1]
        return result

    def wait_for(self, address: str, *ports: int) -> None:
        """Wait until something listens on every port."""
        deadline = time.monotonic() + 60
        for port in ports:
            while True:
                try:
                    self.inside(partial(_connect, address, port))
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        said = (self.folder / "said").read_text(errors="replace")
                        raise RuntimeError(f"nothing listens on {port}: {said[-3000:]}") from None
                    time.sleep(0.05)

    def until(self, true: Callable[[], Any], what: str) -> Any:
        """Return the first value of *true* that is one, asked again and again for a minute."""
        deadline = time.monotonic() + 60
        while not (value := true()):
            if time.monotonic() > deadline:
                raise AssertionError(f"within a minute: not {what}")
            time.sleep(0.1)
        return value

    def publish(self, records: Mapping[tuple[str, str], Sequence[str]]) -> None:
        """Answer questions on 127.0.0.1:53 out of *records*, (name, type) -> values; every other name has nothing.

        An alias, of the type CNAME, comes with what its target has, as every resolver answers.
        """

        def listen() -> socket.socket:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 53))
            return sock

        sock = self.inside(listen)

        def serve() -> None:
            while True:
                try:
                    wire, peer = sock.recvfrom(4096)
                    query = dns.message.from_wire(wire)
                except OSError:
                    return
                except Exception:
                    continue
                reply = dns.message.make_response(query, recursion_available=True)
                question = query.question[0]
                owner = question.name
                name = owner.to_text().rstrip(".").lower()
                if alias := records.get((name, "CNAME")):
                    reply.answer.append(dns.rrset.from_text(owner, 300, "IN", "CNAME", *alias))
                    owner = dns.name.from_text(alias[0])
                    name = owner.to_text().rstrip(".").lower()
                values = records.get((name, dns.rdatatype.to_text(question.rdtype)))
                if values:
                    reply.answer.append(dns.rrset.from_text(owner, 300, "IN", question.rdtype, *values))
                elif not any(known == name or known.endswith(f".{name}") for known, _ in records):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                sock.sendto(reply.to_wire(), peer)

        threading.Thread(target=serve, daemon=True).start()


def _connect(address: str, port: int) -> None:
    socket.create_connection((address, port), timeout=5).close()


@contextmanager
def machine(folder: Path, *roots: Path) -> Iterator[Machine]:
    """Run a machine whose /usr has the packages unpacked in *roots*; *folder* is empty and the test's own."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("a machine of its own takes root and unshare, nsenter and ip (apt-get install util-linux iproute2)")
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    for name in ("own", "etc"):
        (folder / name).mkdir()
    (folder / "said").touch()
    (folder / "etc" / "passwd").write_text(Path("/etc/passwd").read_text() + _USERS)
    (folder / "etc" / "group").write_text(Path("/etc/group").read_text() + _GROUPS)
    (folder / "etc" / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:2\n")
    (folder / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    (folder / "etc" / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")
    script = _SCRIPT.format(
        folder=folder,
        roots=":".join([*(f"{root}/usr" for root in roots), "/usr"]),
        own=" ".join(list(ADDRESSES.values())[:1]),
        others=" ".join(list(ADDRESSES.values())[1:]),
    )
    process = subprocess.Popen(
        ["unshare", "-nmp", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout and process.stdin
    try:
        said = b""
        while not said.endswith(b"ready\n"):
            line = process.stdout.readline()
            said += line
            if not line:
                pytest.skip(
                    f"this machine does not let a test make one of its own: {said.decode(errors='replace')[:300]}"
                )
        pid = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        yield Machine(pid, folder)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        process.stdin.close()
        process.stdout.close()
