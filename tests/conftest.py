"""What the tests share: where the project lies, and the Debian tools that protocol tests talk to."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support_spf_dns import DnsServer
from xdist.scheduler import LoadScopeScheduling

from mailkit.lab import Lab

# Lesson 09 is run again and again: from recordings, but where a test asks for the daemons themselves.
os.environ.setdefault("MAILKIT_DAEMONS", "recorded")
# Files whose tests take long and share little.
ONE_BY_ONE = {"test_browser", "test_notebooks", "test_other_world"}


def pytest_configure() -> None:
    """Let what the tests start be interrupted: a shell makes its background jobs, and all they start, ignore SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many processes as processors: the tests wait for sockets and for kernels half of the time."""
    return 2 * (os.cpu_count() or 1)


class ByFile(LoadScopeScheduling):
    """Gives a process a whole file, whose fixtures its tests share, but the tests of notebooks one by one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if Path(file).stem in ONE_BY_ONE else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Share the tests out by file; xdist's own marks for groups have no effect in pytest 9.2."""
    return ByFile(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call octets and long texts by the argument's name: they may differ each time (keys, the time in a gzip file).

    The processes that share the tests must call each test alike.
    """
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 120) else None


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    """A practice internet for the tests of one file; most of them want it as it begins: :func:`lab`."""
    with Lab() as practice:
        yield practice


@pytest.fixture
def lab(running: Lab) -> Lab:
    """A practice internet as it begins, which has noted no fault of its own."""
    running.reset()
    running._faults._lines.clear()
    return running


@pytest.fixture(scope="module")
def dns_server() -> Iterator[DnsServer]:
    """A name server for the tests of one file; most of them want it empty: :func:`dns`."""
    with DnsServer() as server:
        yield server


@pytest.fixture
def dns(dns_server: DnsServer) -> DnsServer:
    """A name server that knows nothing yet."""
    dns_server.clear()
    return dns_server


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def peer() -> Callable[[str, str], str]:
    """``peer("dig", "bind9-dnsutils")`` is the path of that tool; without it the test skips, naming the package."""
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

    def find(name: str, package: str) -> str:
        path = shutil.which(name, path=folders)
        if path is None:
            pytest.skip(f"{name} is missing: apt-get install {package}")
        return path

    return find
