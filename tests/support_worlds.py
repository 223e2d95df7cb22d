"""A practice internet served by another process, and the environment in which a kernel takes it for the internet."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mailkit.network import Network

ROOT = Path(__file__).resolve().parent.parent
OTHER_WORLD = ROOT / "tests" / "worlds" / "other"
START_SECONDS = 60.0
# For a kernel in a test: nothing listens where it would find the real internet.
LOOPBACK_ONLY = {"MAILKIT_VIA": "socks5://127.0.0.1:1", "MAILKIT_NAMESERVERS": "127.0.0.1:1"}


def patient(net: Network, seconds: float = 30.0) -> Network:
    """The same network, from every place, for what will come however busy this machine is."""

    def more_patient(make: Callable[[], Network]) -> Network:
        return patient(make(), seconds)

    others = {name: partial(more_patient, make) for name, make in net.others.items()}
    return replace(net, timeout=seconds, others=others)


@dataclass(frozen=True)
class ServedWorld:
    """Where a served world can be reached: what ``python -m mailkit.lab --json`` prints."""

    socks_port: int
    dns_port: int
    ca_file: str
    trust_anchor: str
    domain: str
    vantages: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make ``mailkit.connect("internet")`` reach this world, from its first vantage point."""
        return {
            "MAILKIT_NAMESERVERS": f"127.0.0.1:{self.dns_port}",
            "MAILKIT_VIA": f"socks5://{self.vantages[0]}@127.0.0.1:{self.socks_port}",
            "MAILKIT_CA_FILE": self.ca_file,
            "MAILKIT_TRUST_ANCHOR": self.trust_anchor,
        }


@contextmanager
def served_world(world: Path | None = None) -> Iterator[ServedWorld]:
    """Serve *world* (a folder; None is the workbook's own) in another process until the block ends.

    Raises RuntimeError with what the process wrote on stderr when it does not come up.
    """
    command = [sys.executable, "-m", "mailkit.lab", "--json", *(["--world", str(world)] if world else [])]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8", cwd=ROOT
        )
        assert process.stdin is not None and process.stdout is not None
        # A process that prints nothing would hold readline() for ever; killing it ends the wait.
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            line = process.stdout.readline()
            watchdog.cancel()
            if not line:
                process.wait()
                errors.seek(0)
                raise RuntimeError(f"{' '.join(command)} did not come up:\n{errors.read()}")
            said = json.loads(line)
            yield ServedWorld(
                socks_port=said["socks_port"],
                dns_port=said["dns_port"],
                ca_file=said["ca_file"],
                trust_anchor=said["trust_anchor"],
                domain=said["domain"],
                vantages=tuple(said["vantages"]),
            )
        finally:
            watchdog.cancel()
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    """End *process*: closing its stdin asks it to stop, and one that does not listen is killed."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
