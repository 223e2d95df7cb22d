"""How fast the practice internet comes up and serves, and what it costs: each figure beside its target.

Run as ``python benchmarks/bench_lab.py``.  Starts are measured in fresh processes, as a kernel sees them: with pandas
imported and nothing else.  Peers: a bare aiosmtpd with STARTTLS and AUTH that takes the message twice, as submission
and relay do, and dnspython asking the same DNS.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import dns.message
import dns.query
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult

from mailkit import op25b
from mailkit.clients import send
from mailkit.lab import Lab

START_TARGET, MEMORY_TARGET, IMPORT_TARGET = 0.3, 60.0, 0.3  # seconds, MB, seconds
SURVEY_SLACK, MESSAGE_TARGET, RATIO_TARGET = 0.5, 0.050, 4.0  # seconds, seconds, times the peer's processor time
PROCESSES, MESSAGES, LOOKUPS = 5, 60, 300

SENDER, RECIPIENT = "hanako@kaisha.example", "alice@bigmail.example"
MESSAGE = f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: bench\r\n\r\nHello.\r\n".encode()

_MEMORY = """
def memory():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
"""

# What a fresh process does: print seconds, or megabytes.
IMPORT = """
import time, pandas
begun = time.perf_counter()
import mailkit
print(time.perf_counter() - begun)
"""
MODULES = """
import time, pandas
begun = time.perf_counter()
import mailkit.op25b, mailkit.lab
print(time.perf_counter() - begun)
"""
START = """
import time, pandas, mailkit.op25b, mailkit.lab
begun = time.perf_counter()
mailkit.connect("lab")
print(time.perf_counter() - begun)
"""
START_WITH_IMPORTS = """
import time, pandas
begun = time.perf_counter()
import mailkit
mailkit.connect("lab")
print(time.perf_counter() - begun)
"""
MEMORY = f"""
import pandas
{_MEMORY}
before = memory()
import mailkit
mailkit.connect("lab")
print(memory() - before)
"""
MEMORY_IN_USE = f"""
import pandas
{_MEMORY}
before = memory()
import mailkit
net = mailkit.connect("lab")
mailkit.op25b.scan_from_vantages("mx.kaisha.example", net=net)
mailkit.op25b.diagnose(net=net)
print(memory() - before)
"""


def in_fresh_processes(script: str) -> float:
    """Return the median of what *script* prints in processes of its own."""
    run = [sys.executable, "-c", script]
    return statistics.median(
        float(subprocess.run(run, capture_output=True, text=True, check=True).stdout) for _ in range(PROCESSES)
    )


def median_time(work: Callable[[], object], times: int) -> float:
    """Return the median seconds that *work* takes."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def scan_time(lab: Lab) -> float:
    """Return how long it takes to see six ports from five places, of which two drop some of them."""
    places = list(lab.world.vantage_points)[:5]
    ports = (25, 80, 465, 587, 993, 2525)
    begun = time.perf_counter()
    rows = op25b.scan_from_vantages("mx.kaisha.example", ports, net=lab.network(), vantages=places)
    taken = time.perf_counter() - begun
    assert len(rows) == 30
    return taken


def through_the_lab(lab: Lab) -> None:
    """Submit one message over TLS with a login, have it relayed over TLS, and wait for the mailbox."""
    sent = send(
        "smtp.kaisha.example",
        587,
        MESSAGE,
        sender=SENDER,
        recipients=[RECIPIENT],
        net=lab.network(),
        credentials=lab.account(SENDER),
    )
    assert sent.outcome == "open", sent
    lab.settle()


def free_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class BareServer:
    """aiosmtpd as it comes: it wants STARTTLS and a login, and throws the message away."""

    def __init__(self, lab: Lab) -> None:
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(lab.world.ca_file.with_name("smtp.kaisha.example.pem"))
        self._ca_file = lab.ca_file
        self._controller = Controller(
            Sink(),
            hostname="127.0.0.1",
            port=free_port(),  # aiosmtpd's controller wants to be told
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=lambda *_: AuthResult(success=True),
        )

    def __enter__(self) -> BareServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def take(self) -> None:
        """Hand it the message, with the standard library's client."""
        context = ssl.create_default_context(cafile=self._ca_file)
        context.check_hostname = False
        with smtplib.SMTP("127.0.0.1", self._controller.port, local_hostname="client.example") as client:
            client.starttls(context=context)
            client.login("user", "password")
            client.sendmail(SENDER, [RECIPIENT], MESSAGE)


def processor_times(*works: Callable[[], object]) -> list[float]:
    """Return the median seconds of processor time that each of *works* takes, done in turn."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(MESSAGES):
        for work, times in zip(works, taken):
            begun = time.process_time()
            work()
            times.append(time.process_time() - begun)
    return [statistics.median(times) for times in taken]


def show(what: str, measured: float, unit: str, target: float | None = None) -> bool:
    """Print one line; return whether the target was met (true where there is none)."""
    shown = f"{measured:8.3f} {unit:2}" if unit == "s" else f"{measured:8.1f} {unit:2}"
    if target is None:
        print(f"  {what:58} {shown}")
        return True
    met = measured <= target
    print(f"  {what:58} {shown}   target {target:g} {unit}   {'met' if met else 'MISSED'}")
    return met


def main() -> None:
    """Measure and print."""
    print("practice internet")
    met = [
        show("import mailkit, beyond pandas", in_fresh_processes(IMPORT), "s", IMPORT_TARGET),
        show("import of the lab and lesson 01, beyond pandas", in_fresh_processes(MODULES), "s"),
        show("lab up, modules imported", in_fresh_processes(START), "s", START_TARGET),
        show("lab up in a kernel that has only pandas", in_fresh_processes(START_WITH_IMPORTS), "s", START_TARGET),
    ]
    if sys.platform == "linux":
        met += [
            show("memory added by the lab and its modules", in_fresh_processes(MEMORY), "MB", MEMORY_TARGET),
            show("the same after a scan and a diagnosis", in_fresh_processes(MEMORY_IN_USE), "MB", MEMORY_TARGET),
        ]
    with Lab() as lab:
        net = lab.network()
        target = net.timeout + SURVEY_SLACK
        met.append(show("scan: 5 places, 6 ports, 1 host", scan_time(lab), "s", target))
        through_the_lab(lab)
        taken = median_time(lambda: through_the_lab(lab), MESSAGES)
        met.append(show("submission, relay, mailbox: median of a message", taken, "s", MESSAGE_TARGET))
        with BareServer(lab) as bare:
            bare.take()
            # On a machine that has other work too, the rest of the time is waiting for a turn.
            ours, theirs = processor_times(lambda: through_the_lab(lab), lambda: (bare.take(), bare.take()))
        show("  of which processor time, client and both servers", ours, "s")
        show("  peer: a bare aiosmtpd with STARTTLS and AUTH, twice", theirs, "s")
        met.append(show("  ours is so many times the peer's", ours / theirs, "x", RATIO_TARGET))
        query = dns.message.make_query("kaisha.example", "MX")
        ours = median_time(lambda: net.lookup("kaisha.example", "MX"), LOOKUPS)
        theirs = median_time(lambda: dns.query.udp(query, "127.0.0.1", 1, lab.dns_port), LOOKUPS)
        show("one lookup through the network", ours * 1000, "ms")
        show("  peer: the same question by dnspython alone", theirs * 1000, "ms")
    print("every target met" if all(met) else "a target was missed")


if __name__ == "__main__":
    main()
