"""Facts of this machine that need no network: versions, loopback, and what its environment and routes give away.

Of the environment only the *names* of variables are kept: the values hold host names, and proxies' passwords.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mailkit.results import Finding, Verdict

__all__ = ["LESSON", "ON_BINDER", "Machine", "findings", "this_machine"]

LESSON = "00_start_here"
ON_BINDER = "BINDER_ variables are set: this notebook runs at a Binder"

_PACKAGES = ("jupyterlab", "dnspython", "dkimpy", "pyspf", "pandas", "matplotlib", "aiosmtpd", "cryptography")
_ROUTES = Path("/proc/net/route")  # Linux only
_LOOPBACK_SECONDS = 1.0

# HTTP_PROXY and the like are a convention of curl and others, in capitals or small letters.
_PROXY_VARIABLES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY"})
# How Linux and the usual VPN programs name the interface of a tunnel.
_TUNNELS = ("tun", "tap", "utun", "wg", "tailscale", "zt", "ipsec", "vpn", "nordlynx")
_WHOLE_INTERNET = {("00000000", "00000000"), ("00000000", "00000080"), ("00000080", "00000080")}


@dataclass(frozen=True)
class Machine:
    """What is known of a machine.

    ``packages`` maps a package to its version, "" where it is missing; ``variables`` are the names of the
    environment variables that are set; ``routes`` is the text of ``/proc/net/route``, None where there is no such
    file; ``loopback`` tells whether programs here can talk to each other over 127.0.0.1.
    """

    python: tuple[int, int, int]
    packages: Mapping[str, str]
    variables: frozenset[str]
    routes: str | None
    loopback: bool


def this_machine(*, environment: Mapping[str, str] | None = None, routes: Path = _ROUTES) -> Machine:
    """Return the facts of this machine; *environment* (default: that of this process) and *routes* can be given."""
    given = os.environ if environment is None else environment
    return Machine(
        python=sys.version_info[:3],
        packages={name: _version(name) for name in _PACKAGES},
        variables=frozenset(name for name, value in given.items() if value.strip()),
        routes=_text(routes),
        loopback=_loopback_works(),
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None


def _loopback_works() -> bool:
    """Send one octet from this process to itself over 127.0.0.1."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(_LOOPBACK_SECONDS)
            with socket.create_connection(server.getsockname(), timeout=_LOOPBACK_SECONDS) as client:
                other, _ = server.accept()
                with other:
                    other.settimeout(_LOOPBACK_SECONDS)
                    client.sendall(b"?")
                    return other.recv(1) == b"?"
    except OSError:
        return False


def findings(machine: Machine) -> list[Finding]:
    """Return one finding a fact of *machine*; none of them shows a value of the environment or an address."""
    return [_python(machine), _packages(machine), _loopback(machine), _hosted(machine), _proxy(machine), _vpn(machine)]


def _finding(check: str, verdict: Verdict, evidence: str, advice: str = "") -> Finding:
    return Finding(check, "this machine", verdict, evidence, advice, lesson=LESSON)


def _python(machine: Machine) -> Finding:
    evidence = "Python " + ".".join(map(str, machine.python))
    if machine.python >= (3, 11):
        return _finding("Python", Verdict.PASS, evidence)
    return _finding(
        "Python", Verdict.FAIL, evidence, "The workbook needs Python 3.11 or newer: install it, then make lab."
    )


def _packages(machine: Machine) -> Finding:
    missing = [name for name, version in machine.packages.items() if not version]
    if missing:
        return _finding("packages", Verdict.FAIL, f"missing: {', '.join(missing)}", "Run make lab: it installs them.")
    return _finding(
        "packages", Verdict.PASS, ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    )


def _loopback(machine: Machine) -> Finding:
    if machine.loopback:
        return _finding("loopback", Verdict.PASS, "programs here can talk to each other over 127.0.0.1")
    advice = "The practice internet needs this: have the security software on this machine allow Python on 127.0.0.1."
    return _finding("loopback", Verdict.FAIL, "a connection from this machine to itself does not work", advice)


def _hosted(machine: Machine) -> Finding:
    if any(name.startswith("BINDER_") for name in machine.variables):
        advice = 'A Binder lets out ports 80 and 443 only, so no mail port is open: stay with NETWORK = "lab".'
        return _finding("hosted notebook", Verdict.WARN, ON_BINDER, advice)
    if any(name.startswith("JUPYTERHUB_") for name in machine.variables):
        evidence = "JUPYTERHUB_ variables are set: this notebook runs on a server that others share"
        advice = "Whatever is seen of the internet is seen from that server, not from where you sit."
        return _finding("hosted notebook", Verdict.INFO, evidence, advice)
    return _finding("hosted notebook", Verdict.PASS, "no sign of a Binder or a JupyterHub")


def _proxy(machine: Machine) -> Finding:
    found = sorted(name for name in machine.variables if name.upper() in _PROXY_VARIABLES)
    if not found:
        return _finding("web proxy", Verdict.PASS, "no proxy variable is set")
    evidence = f"set, values not shown: {', '.join(found)}"
    advice = (
        "Such a proxy carries web pages, not mail, and networks that have one often close the mail ports; the workbook "
        "does not use it. If the notebook's own page does not load, set NO_PROXY=127.0.0.1,localhost."
    )
    return _finding("web proxy", Verdict.WARN, evidence, advice)


def _vpn(machine: Machine) -> Finding:
    if machine.routes is None:
        evidence = "this system does not show its routes in a file, so a VPN cannot be told from here"
        return _finding("VPN", Verdict.UNKNOWN, evidence, "If one is on: what you see is seen from its far end.")
    lines = [line.split() for line in machine.routes.splitlines()[1:]]
    leaving = {fields[0] for fields in lines if len(fields) > 7 and (fields[1], fields[7]) in _WHOLE_INTERNET}
    tunnel = next((kind for kind in _TUNNELS if any(name.startswith(kind) for name in leaving)), "")
    if tunnel:
        advice = (
            "What you see of the internet is seen from the far end of the tunnel: switch it off to see your own line."
        )
        return _finding("VPN", Verdict.WARN, f"the way out is a tunnel (an interface of the kind {tunnel})", advice)
    evidence = "no tunnel in the table of IPv4 routes; other kinds of VPN do not show there"
    return _finding("VPN", Verdict.UNKNOWN, evidence, "If one is on: what you see is seen from its far end.")
