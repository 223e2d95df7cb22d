"""Real firewalls: the same scan, run inside network namespaces that nftables filters (Linux with root only).

Two namespaces are joined by a cable: ``client``, where the scan runs, and ``far``, which routes and holds the
servers; whatever else is sent there, to a host that is down for instance, vanishes.  A filter in ``far`` stands
for a provider's or a company's; one on the output of ``client`` is local.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support_servers import patiently

ROOT = Path(__file__).resolve().parent.parent
SERVER, SECOND, DOWN, CLIENT, GATEWAY = "192.0.2.25", "192.0.2.26", "192.0.2.99", "192.0.2.2", "192.0.2.1"
PORTS = (25, 587)

_SERVE = f"""
import socketserver, sys, threading

class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        name = "interceptor" if self.server.server_address[1] == 2500 else "server"
        self.wfile.write(f"220 {{name}}.example ESMTP\\r\\n".encode())
        while line := self.rfile.readline():
            self.wfile.write(b"221 bye\\r\\n" if line[:4].upper() == b"QUIT" else b"250 ok\\r\\n")

socketserver.ThreadingTCPServer.daemon_threads = True
for host, port in [(h, p) for h in ("{SERVER}", "{SECOND}") for p in (25, 587)] + [("0.0.0.0", 2500)]:
    server = socketserver.ThreadingTCPServer((host, port), Mail)
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""

# What runs inside, once for each line of input: the scan, and the diagnosis with a DNS in memory.
_PROBE = f"""
import json, sys
import dns.rrset
from mailkit import op25b
from mailkit.network import Answer, Network, Status

HOSTS = {{"mx1.a.example": "{SERVER}", "mx2.a.example": "{SECOND}", "smtp.a.example": "{SERVER}"}}
RECORDS = {{
    ("", "NS"): ["ns.example."],
    ("a.example", "MX"): ["10 mx1.a.example.", "20 mx2.a.example."],
    ("_submission._tcp.a.example", "SRV"): ["0 0 587 smtp.a.example."],
    **{{(name, "A"): [address] for name, address in HOSTS.items()}},
}}

class InMemory(Network):
    def lookup(self, name, rdtype, *, timeout=None, dnssec=False):
        values = RECORDS.get((name.rstrip("."), rdtype), [])
        if not values:
            return Answer(name, rdtype, Status.NODATA)
        rdata = tuple(dns.rrset.from_text_list(name.rstrip(".") + ".", 60, "IN", rdtype, values))
        return Answer(name, rdtype, Status.NOERROR, tuple(r.to_text() for r in rdata), rdata=rdata)

print("ready", flush=True)
for line in sys.stdin:
    net = InMemory(name="internet", vantage="here", nameservers=(("127.0.0.1", 1),), timeout=float(line))
    rows = op25b.scan(["{SERVER}", "{DOWN}"], {PORTS}, net=net)
    finding = op25b.diagnose("a.example", net=net)
    print(json.dumps({{
        "rows": [[r.address, r.port, r.outcome, r.stage, r.banner, r.reason] for r in rows],
        "verdict": finding.verdict, "evidence": finding.evidence, "advice": finding.advice,
    }}), flush=True)
"""


def waited_for_a_server(seen: dict[str, object]) -> bool:
    """Whether a connection was made and given up: the server was slow, since none of those here is silent."""
    rows: list[list[str]] = seen["rows"]  # type: ignore[assignment]
    return any(row[2] == "timeout" and row[3] != "connect" for row in rows) or "greeting" in str(seen["evidence"])


@dataclass
class Scene:
    """The two namespaces and the tools that arrange them."""

    ip: str
    nft: str
    client: str
    far: str
    prober: subprocess.Popen[str] | None = None

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=check, timeout=300)

    def inside(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.ip, "netns", "exec", name, *command)

    def start(self, name: str, script: str) -> subprocess.Popen[str]:
        """Run *script* in the namespace *name* until its input ends; returns when it has said "ready"."""
        process = subprocess.Popen(
            [self.ip, "netns", "exec", name, sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    def filter(self, name: str, rules: str) -> None:
        """Load *rules*, the chains of an nftables table, in the namespace *name*."""
        self.inside(name, self.nft, f"table inet test {{ {rules}\n }}")

    def clear(self) -> None:
        """Take every filter away and connect the cable."""
        for name in (self.client, self.far):
            self.inside(name, self.nft, "flush ruleset")
        self.inside(self.client, self.ip, "link", "set", "cable", "up")
        self.inside(self.client, self.ip, "route", "replace", "default", "via", GATEWAY)

    def probe(self) -> dict[str, object]:
        """Return what the scan and the diagnosis see from the client's place: filters are silent, and no server is."""
        return patiently(self._probe, early=waited_for_a_server)

    def _probe(self, seconds: float) -> dict[str, object]:
        assert self.prober is not None and self.prober.stdin is not None and self.prober.stdout is not None
        print(seconds, file=self.prober.stdin, flush=True)
        seen: dict[str, object] = json.loads(self.prober.stdout.readline())
        return seen


@pytest.fixture(scope="module")
def scene(peer: Callable[[str, str], str]) -> Iterator[Scene]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("real firewalls need Linux and root")
    made = Scene(peer("ip", "iproute2"), peer("nft", "nftables"), f"mk-client-{os.getpid()}", f"mk-far-{os.getpid()}")
    try:
        made.run(made.ip, "netns", "add", made.client)
        made.run(made.ip, "netns", "add", made.far)
        made.run(
            *(made.ip, "link", "add", "cable", "netns", made.client, "type", "veth"),
            *("peer", "name", "cable", "netns", made.far),
        )
        made.inside(made.far, made.nft, "list", "ruleset")
    except subprocess.CalledProcessError as error:
        _remove(made)
        pytest.skip(f"no network namespace or nftables may be used here: {error.stderr.strip()}")
    server = None
    try:
        for name, addresses in ((made.client, [CLIENT]), (made.far, [GATEWAY])):
            made.inside(name, made.ip, "link", "set", "lo", "up")
            # The kernel sends one ICMP error a second to a host; the tests want them all.
            made.inside(name, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit")
            for address in addresses:
                made.inside(name, made.ip, "address", "add", f"{address}/30", "dev", "cable")
            made.inside(name, made.ip, "link", "set", "cable", "up")
        for address in (SERVER, SECOND):
            made.inside(made.far, made.ip, "address", "add", f"{address}/32", "dev", "lo")
        server = made.start(made.far, _SERVE)
        made.prober = made.start(made.client, _PROBE)
        made.clear()
        yield made
    finally:
        for process in (server, made.prober):
            if process is not None:
                process.communicate("", timeout=120)
        _remove(made)


def _remove(scene: Scene) -> None:
    for name in (scene.client, scene.far):
        scene.run(scene.ip, "netns", "delete", name, check=False)


ON_THE_WAY = "chain f {{ type filter hook input priority 0; tcp dport 25 {action}\n }}"
OUTPUT = "chain o {{ type filter hook output priority 0; tcp dport 25 {action}\n }}"
REDIRECT = "chain r { type nat hook prerouting priority -100; tcp dport 25 redirect to :2500\n }"


@pytest.fixture
def quiet(scene: Scene) -> Iterator[Scene]:
    scene.clear()
    yield scene
    scene.clear()


def on_port(seen: dict[str, object], port: int, address: str = SERVER) -> tuple[str, str]:
    """Return outcome and stage of the probe of *address*:*port*."""
    rows: list[list[str]] = seen["rows"]  # type: ignore[assignment]
    (row,) = (row for row in rows if row[0] == address and row[1] == port)
    return row[2], row[3]


def assert_blames_nobody(seen: dict[str, object]) -> None:
    """Assert that the diagnosis names no culprit that it cannot see."""
    advice = str(seen["advice"])
    assert "your provider blocks" not in advice.lower()
    assert "is the provider" not in advice.lower()
    if "OP25B" in advice:
        assert "consistent with" in advice and "own firewall" in advice and "look alike" in advice


def test_an_open_way(quiet: Scene) -> None:
    seen = quiet.probe()
    assert on_port(seen, 25) == ("open", "ehlo")
    assert on_port(seen, 587) == ("open", "ehlo")
    assert seen["verdict"] == "pass"


def test_a_filter_that_drops(quiet: Scene) -> None:
    quiet.filter(quiet.far, ON_THE_WAY.format(action="drop"))
    seen = quiet.probe()
    assert on_port(seen, 25) == ("timeout", "connect")
    assert on_port(seen, 587) == ("open", "ehlo")
    assert seen["verdict"] == "warn"
    assert_blames_nobody(seen)


def test_a_filter_that_resets(quiet: Scene) -> None:
    quiet.filter(quiet.far, ON_THE_WAY.format(action="reject with tcp reset"))
    seen = quiet.probe()
    assert on_port(seen, 25) == ("refused", "connect")
    assert on_port(seen, 587) == ("open", "ehlo")
    assert seen["verdict"] == "warn"
    assert_blames_nobody(seen)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("port-unreachable", "refused"),
        ("host-unreachable", "unreachable"),
        ("net-unreachable", "unreachable"),
        ("admin-prohibited", "unreachable"),
    ],
)
def test_a_filter_that_answers_with_icmp(quiet: Scene, kind: str, outcome: str) -> None:
    quiet.filter(quiet.far, ON_THE_WAY.format(action=f"reject with icmp type {kind}"))
    seen = quiet.probe()
    assert on_port(seen, 25) == (outcome, "connect")
    assert on_port(seen, 587) == ("open", "ehlo")
    assert seen["verdict"] == "warn"
    assert_blames_nobody(seen)


def test_a_filter_that_redirects(quiet: Scene) -> None:
    quiet.filter(quiet.far, REDIRECT)
    seen = quiet.probe()
    assert on_port(seen, 25) == ("intercepted", "ehlo")
    assert on_port(seen, 25, DOWN) == ("intercepted", "ehlo")
    assert on_port(seen, 587) == ("open", "ehlo")
    assert seen["verdict"] == "fail"


def test_a_host_that_is_down_is_no_blocked_port(quiet: Scene) -> None:
    seen = quiet.probe()
    assert on_port(seen, 25, DOWN) in (("timeout", "connect"), ("unreachable", "connect"))
    assert on_port(seen, 587, DOWN) == on_port(seen, 25, DOWN)
    assert seen["verdict"] == "pass"


def test_no_way_out(quiet: Scene) -> None:
    quiet.inside(quiet.client, quiet.ip, "route", "delete", "default")
    seen = quiet.probe()
    assert on_port(seen, 25) == ("unreachable", "connect")
    assert on_port(seen, 587) == ("unreachable", "connect")
    assert seen["verdict"] == "unknown"
    assert "no network" in str(seen["advice"])


def test_a_cable_that_is_out(quiet: Scene) -> None:
    quiet.inside(quiet.client, quiet.ip, "link", "set", "cable", "down")
    seen = quiet.probe()
    assert on_port(seen, 25) == ("unreachable", "connect")
    assert seen["verdict"] == "unknown"


@pytest.mark.parametrize(
    "action",
    [
        "drop",
        "reject",
        "reject with tcp reset",
        "reject with icmp type port-unreachable",
        "reject with icmp type admin-prohibited",
    ],
)
def test_a_local_firewall_is_not_blamed_on_the_provider(quiet: Scene, action: str) -> None:
    quiet.filter(quiet.client, OUTPUT.format(action=action))
    seen = quiet.probe()
    assert on_port(seen, 25)[0] in ("timeout", "refused", "unreachable")
    assert on_port(seen, 25)[1] == "connect"
    assert on_port(seen, 587) == ("open", "ehlo")
    assert seen["verdict"] in ("warn", "unknown")
    assert "own firewall" in str(seen["advice"])
    assert_blames_nobody(seen)


def test_a_route_that_forbids_is_known_to_be_local(quiet: Scene) -> None:
    quiet.inside(quiet.client, quiet.ip, "route", "replace", "prohibit", "default")
    seen = quiet.probe()
    assert on_port(seen, 25) == ("unreachable", "connect")
    assert seen["verdict"] == "unknown"
    assert "This machine itself" in str(seen["advice"])


def test_everything_dropped_tells_nothing_about_port_25(quiet: Scene) -> None:
    quiet.filter(quiet.far, "chain f { type filter hook input priority 0; meta l4proto tcp drop\n }")
    seen = quiet.probe()
    assert on_port(seen, 25) == on_port(seen, 587) == ("timeout", "connect")
    assert seen["verdict"] == "unknown"
    assert_blames_nobody(seen)
