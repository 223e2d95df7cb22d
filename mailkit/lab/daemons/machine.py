"""A machine of its own for a mail server: own network, processes, /usr, /etc, /var and /run, gone when it stops.

The programs find their files at the true paths and listen on the true ports, at an address that only this machine has.
Everybody else's addresses are at the far end of a cable, in a second network.  Linux gives both to root; to others
where its user namespaces are open to them, and then every program of the machine runs as this one user.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from mailkit.lab.daemons.packages import Missing

__all__ = ["Machine", "why_none"]

_T = TypeVar("_T")

_INSIDE = Path(__file__).with_name("inside.py")
_TOOLS = ("unshare", "mount", "ip", "hostname", "setpriv")
_PATIENCE = 120.0  # seconds for what takes a moment, unless this machine is very busy
# Account -> its number; where there is one user only, all of them are this user.
_ACCOUNTS = {
    "postfix": 990, "Debian-exim": 991, "dovecot": 992, "dovenull": 993, "opendkim": 994, "opendmarc": 995,
    "policyd-spf": 996, "hanako": 997,
}  # fmt: skip
_OWN_GROUPS = {"postdrop": 989}
# What the programs may look up in the true /etc; everything else there is none of their business.
_FROM_ETC = ("services", "protocols", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime",
             "host.conf", "gai.conf", "ssl/openssl.cnf", "python3", "gnutls")  # fmt: skip
_FOLDERS = ("etc", "run", "var/lib", "var/log", "var/mail", "var/spool", "var/tmp", "layer")
_LISTENING = "0A"  # in /proc/net/tcp (proc(5))
_MOUNTS = """\
mount -t tmpfs none {folder}/layer
mkdir {folder}/layer/upper {folder}/layer/work
mount -t overlay overlay -o {options}lowerdir={lower}/usr,upperdir={folder}/layer/upper,workdir={folder}/layer/work /usr
mount --bind {folder}/etc /etc
mount --bind {folder}/run /run
mount --bind {folder}/var /var
hostname {hostname}
ip link set lo up
ip address add {own}/32 dev lo
ip link add near type veth peer name far netns {far}
ip link set near up
ip route add default dev near
"""


def why_none(as_root: bool) -> str:
    """Return why no machine can be had here for programs that need to be root (*as_root*) or do not; "" if one can."""
    if sys.platform != "linux":
        return "a machine of its own takes Linux"
    if missing := [tool for tool in _TOOLS if not shutil.which(tool, path=_path())]:
        return f"{', '.join(missing)} is missing (apt-get install util-linux iproute2 hostname)"
    if as_root and os.geteuid() != 0:
        return "it takes root"
    return ""


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


class _Agent:
    """The program in one of the machine's two networks; see :mod:`mailkit.lab.daemons.inside`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lock = threading.Lock()
        control.settimeout(_PATIENCE)
        with self._lock:
            self.pid, _ = self._answer()

    def _answer(self) -> tuple[Any, list[int]]:
        data = b""
        descriptors: list[int] = []
        while not data.endswith(b"\n"):
            more, fds, _, _ = socket.recv_fds(self._control, 65536, 4)
            if not more:
                raise EOFError("the machine has ended")
            data, descriptors = data + more, descriptors + fds
        return json.loads(data), descriptors

    def _ask(self, *what: Any) -> tuple[Any, list[int]]:
        with self._lock:
            self._control.sendall(json.dumps(what).encode() + b"\n")
            answer, descriptors = self._answer()
        if isinstance(answer, dict):
            raise RuntimeError(f"{what[0]} {what[1]}: {answer['error']}")
        return answer, descriptors

    def run(self, argv: Sequence[str], given: str = "") -> tuple[int, str]:
        (status, said), _ = self._ask("run", list(argv), given)
        return status, said

    def start(self, argv: Sequence[str], descriptors: Sequence[int] = ()) -> int:
        number, _ = self._ask("start", list(argv), list(descriptors))
        return int(number)

    def socket(self, kind: str) -> socket.socket:
        _, (descriptor,) = self._ask("socket", kind)
        return socket.socket(fileno=descriptor)

    def close(self) -> None:
        self._control.close()


class Machine:
    """A machine named *hostname* at the address *own*; *others* are the addresses at the far end of its cable.

    Its /usr has the packages unpacked in *roots* laid over the true one.  ``folder`` holds its /etc, /var and /run.
    Runs until :meth:`stop`.  Raises Missing where this machine does not let a process make another.
    """

    def __init__(self, hostname: str, own: str, others: Sequence[str], roots: Sequence[Path]) -> None:
        self.own = own
        self.single = os.geteuid() != 0
        self.folder = Path(tempfile.mkdtemp(prefix="mailkit-mta-"))
        self.folder.chmod(0o755)
        self.said = self.folder / "said"
        self._agents: list[_Agent] = []
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._lay_out(hostname, own)
            self._boot(hostname, own, others, roots)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _lay_out(self, hostname: str, own: str) -> None:
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "var/run").symlink_to("/run")
        (self.folder / "var/tmp").chmod(0o1777)
        (self.folder / "var/mail").chmod(0o1777)
        etc = self.folder / "etc"
        for name in _FROM_ETC:
            source = Path("/etc", name)
            (etc / name).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, etc / name, symlinks=True)
            elif source.exists():
                shutil.copy(source, etc / name)
        numbers = {name: self.number(name) for name in _ACCOUNTS}
        group = os.getegid() if self.single else None
        users = "".join(f"{name}:x:{n}:{group or n}::/:/bin/false\n" for name, n in numbers.items())
        groups = "".join(f"{name}:x:{group or n}:\n" for name, n in (numbers | _OWN_GROUPS).items())
        (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\n" + users + _rest("/etc/passwd"))
        (etc / "group").write_text("root:x:0:\n" + groups + _rest("/etc/group"))
        # The name server shares this machine's processors, and may be slow: that must decide nothing (resolv.conf(5)).
        (etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:2\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{own} {hostname}\n")
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")

    def _boot(self, hostname: str, own: str, others: Sequence[str], roots: Sequence[Path]) -> None:
        near, near_end = socket.socketpair()
        far, far_end = socket.socketpair()
        user = ["--user", "--map-current-user", "--keep-caps"] if self.single else []
        python = [sys.executable, "-I", "-S", str(_INSIDE)]
        with near_end, far_end, open(self.said, "wb") as said:
            self._process = subprocess.Popen(
                ["unshare", *user, "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc",
                 *python, str(near_end.fileno())],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=os.environ | {"PATH": _path(), "LC_ALL": "C"},
                pass_fds=[near_end.fileno(), far_end.fileno()],
            )  # fmt: skip
            far_number = far_end.fileno()
        try:
            self.near = _Agent(near)
            self._agents.append(self.near)
            self.near.start(["unshare", "--net", *python, str(far_number)], [far_number])
            self.far = _Agent(far)
            self._agents.append(self.far)
        except (OSError, EOFError):
            for sock in (near, far):
                sock.close()
            raise Missing(f"this machine lets nobody make another: {self._last_words()}") from None
        script = _MOUNTS.format(
            lower="".join(f"{root}/usr:" for root in roots),
            options="userxattr," if self.single else "",
            folder=self.folder, hostname=hostname, own=own, far=self.far.pid,
        )  # fmt: skip
        there = ["link set far up", "link set lo up", f"route add {own} dev far"]
        there[2:2] = [f"address add {address}/32 dev far" for address in others]
        for agent, argv, given in (
            (self.near, ["sh", "-e", "-s"], script),
            (self.far, ["ip", "-batch", "-"], "\n".join(there) + "\n"),
        ):
            status, words = agent.run(argv, given)
            if status:
                raise Missing(f"this machine lets nobody make another: {words.strip()[:300]}")

    def _last_words(self) -> str:
        return self.said.read_text(errors="replace").strip()[-300:]

    def number(self, account: str) -> int:
        """Return the user number of *account* on this machine."""
        return os.geteuid() if self.single else _ACCOUNTS[account]

    def own_to(self, account: str, *paths: str, mode: int | None = None) -> None:
        """Give the files and folders *paths*, made where they are missing as folders, to *account*."""
        for path in paths:
            place = self.folder / path.lstrip("/")
            if not place.exists():
                place.mkdir(parents=True)
            if not self.single:
                os.chown(place, _ACCOUNTS[account], _ACCOUNTS[account])
            if mode is not None:
                place.chmod(mode)

    def run(self, *argv: str, check: bool = True, given: str = "") -> str:
        """Run a command to its end and return what it said, both streams together.

        Raises RuntimeError when it failed, unless *check* is False.
        """
        status, said = self.near.run(self._as_user(argv), given)
        if check and status:
            raise RuntimeError(f"{argv} ended with {status}: {said}")
        return said

    def start(self, *argv: str) -> int:
        """Start a daemon that stays in the foreground, and return its process number there."""
        return self.near.start(self._as_user(argv))

    def _as_user(self, argv: Sequence[str]) -> list[str]:
        # What the user may do in a network of their own must not make a program think that it is root.
        drop = ["setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--"] if self.single else []
        return [*drop, *argv]

    def wait_for(self, *ports: int) -> None:
        """Return when something listens on every one of *ports*.  Raises RuntimeError when nothing ever does.

        Nothing is connected to, so that no log speaks of it.
        """

        def all_listen() -> bool:
            said = self.near.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"])[1]
            columns = [line.split() for line in said.splitlines()]
            return set(ports) <= {int(one[1].rpartition(":")[2], 16) for one in columns if one[3:4] == [_LISTENING]}

        self.until(all_listen, f"something that listens on {', '.join(map(str, ports))}")

    def until(self, true: Callable[[], _T], what: str) -> _T:
        """Return the first value of *true* that is one.  Raises RuntimeError that says *what* there never was."""
        deadline = time.monotonic() + _PATIENCE
        while not (value := true()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"there never was {what}: {self._last_words()}")
            time.sleep(0.02)
        return value

    def stop(self) -> None:
        """End every process of the machine and take its files away."""
        for agent in self._agents:
            agent.close()
        self._agents.clear()
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_PATIENCE)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _rest(path: str) -> str:
    """Return the lines of the true *path* for the accounts that are not the machine's own."""
    own = {"root", *_ACCOUNTS, *_OWN_GROUPS}
    lines = Path(path).read_text(errors="replace").splitlines()
    return "".join(f"{line}\n" for line in lines if line.split(":")[0] not in own)
