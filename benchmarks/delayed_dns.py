"""The name server that ``bench_audit.py`` asks: Debian's nsd behind a delay of 20 ms, or a stand-in that waits as long.

nsd is taken from the path, or from its package unpacked in ``build/debian``.  It cannot wait, so a forwarder of Python
stands before it, which takes about as much of the processors as the stand-in does.
"""

from __future__ import annotations

import base64
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from threading import Thread
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["DELAY", "PROVIDERS", "ZONE", "name", "served"]

DELAY = 0.020  # seconds
PROVIDERS = 20  # includes and exchangers that domains share
KEYS = 3  # selectors of a domain
ZONE = "bench.test"
SOA = f"ns.{ZONE}. hostmaster.{ZONE}. 1 2 3 4 60"
BUFFER = 8_000_000  # octets that may wait to be read

Records = dict[tuple[str, str], list[str]]


def name(number: int) -> str:
    """Return a made-up domain."""
    return f"d{number}.{ZONE}"


def records(domains: int) -> Records:
    """Return the values of each name and type: what the *domains* have of their own, and what they share."""
    found: Records = defaultdict(list)
    found[ZONE, "NS"] = [f"ns.{ZONE}."]
    chance = random.Random(4711)
    for owner, kind, value in _shared():
        found[owner, kind].append(value)
    for number in range(domains):
        for owner, kind, value in _own(name(number), number % PROVIDERS, chance):
            found[owner, kind].append(value)
    return found


def _own(domain: str, provider: int, chance: random.Random) -> Iterator[tuple[str, str, str]]:
    yield domain, "MX", f"10 mx.{domain}."
    yield domain, "MX", f"20 mx.p{provider}.{ZONE}."
    yield domain, "TXT", f'"v=spf1 mx a:out.{domain} include:_spf.p{provider}.{ZONE} -all"'
    yield domain, "TXT", f'"some-service-verification={chance.getrandbits(128):032x}"'
    yield f"_dmarc.{domain}", "TXT", '"v=DMARC1; p=reject; sp=reject"'
    for host in ("out", "mx"):
        yield f"{host}.{domain}", "A", f"198.18.{chance.randrange(64)}.{chance.randrange(256)}"
    yield f"mx.{domain}", "AAAA", f"2001:db8::{chance.getrandbits(16):x}"
    for number in range(KEYS):
        # No two of these numbers make a key, but all of them look like one: that is enough to be read and judged.
        public = RSAPublicNumbers(65_537, chance.getrandbits(2046) | 1 << 2047 | 1).public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key = f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
        yield f"s{number}._domainkey.{domain}", "TXT", f'"{key[:250]}" "{key[250:]}"'


def _shared() -> Iterator[tuple[str, str, str]]:
    for number in range(PROVIDERS):
        yield f"_spf.p{number}.{ZONE}", "TXT", '"v=spf1 ip4:198.18.128.0/20 ip6:2001:db8:1::/48 -all"'
        yield f"mx.p{number}.{ZONE}", "A", f"198.18.129.{number}"
        yield f"mx.p{number}.{ZONE}", "AAAA", f"2001:db8:2::{number}"


@contextmanager
def served(domains: int) -> Iterator[tuple[int, str]]:
    """Run the name server for that many *domains* in processes of its own; yields its port, and what it is."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = _nsd(folder)
        line = [sys.executable, __file__, str(domains), str(program or "")]
        process = stack.enter_context(subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        stack.callback(process.terminate)
        assert process.stdout is not None
        yield int(process.stdout.readline()), "nsd behind a delay" if program else "a stand-in, for want of nsd"


def _nsd(folder: Path) -> Path | None:
    if found := shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin"):
        return Path(found)
    for package in Path(__file__).parent.parent.glob("build/debian/nsd_*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)
        return folder / "usr/sbin/nsd"
    return None


CONFIGURATION = """
server:
    ip-address: 127.0.0.1@{port}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/pid"
    xfrdfile: "{folder}/xfrd"
    xfrdir: "{folder}"
    zonelistfile: "{folder}/zones"
    logfile: "{folder}/log"
    rrl-ratelimit: 0
    minimal-responses: yes
remote-control:
    control-enable: no
zone:
    name: "."
    zonefile: "zone"
"""


def run_nsd(program: str, domains: int, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start nsd with all records in a zone of the root; return it and its port."""
    with closing(_udp()) as sock:
        port = sock.getsockname()[1]
    lines = [f". 300 IN SOA {SOA}", f". 300 IN NS ns.{ZONE}."]
    lines += [
        f"{owner}. 300 IN {kind} {value}"
        for (owner, kind), values in records(domains).items()
        if owner != ZONE
        for value in values
    ]
    (folder / "zone").write_text("\n".join(lines) + "\n")
    (folder / "nsd.conf").write_text(CONFIGURATION.format(port=port, folder=folder))
    process = subprocess.Popen([program, "-d", "-c", str(folder / "nsd.conf")])
    query = dns.message.make_query(name(0) + ".", "TXT").to_wire()
    with closing(_udp()) as sock:
        sock.settimeout(0.2)
        for _ in range(300):
            sock.sendto(query, ("127.0.0.1", port))
            try:
                if dns.message.from_wire(sock.recv(4096)).answer:
                    return process, port
            except OSError:
                time.sleep(0.1)
    raise SystemExit(f"nsd does not answer: {(folder / 'log').read_text()[-1000:]}")


def _udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.bind(("127.0.0.1", 0))
    return sock


def forward(sock: socket.socket, port: int) -> None:
    """Hand each question on to the name server at *port* at once, and its answer back 20 ms later, without end."""
    server = _udp()
    server.connect(("127.0.0.1", port))
    selector = DefaultSelector()
    for one in (sock, server):
        one.setblocking(False)
        selector.register(one, EVENT_READ)
    clients: dict[bytes, tuple[bytes, Any]] = {}
    waiting: deque[tuple[float, bytes, Any]] = deque()
    number = 0
    while True:
        selector.select(max(waiting[0][0] - time.monotonic(), 0.0001) if waiting else None)
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, message, client = waiting.popleft()
            sock.sendto(message, client)
        try:
            while True:
                message, client = sock.recvfrom(4096)
                number = (number + 1) % 65_536
                own = number.to_bytes(2, "big")
                clients[own] = message[:2], client
                server.send(own + message[2:])
        except BlockingIOError:
            pass
        try:
            while True:
                message = server.recv(4096)
                theirs, client = clients.pop(message[:2])
                waiting.append((now + DELAY, theirs + message[2:], client))
        except BlockingIOError:
            pass


def stand_in(sock: socket.socket, domains: int) -> None:
    """Answer every question after 20 ms, in the order of coming, without end."""
    known: dict[bytes, bytes] = {}
    for (owner, kind), values in records(domains).items():
        response = _empty(owner, kind)
        response.answer.append(dns.rrset.from_text(f"{owner}.", 300, "IN", kind, *values))
        wire = response.to_wire()
        known[_question(wire)] = wire[2:]
    names = {question[:-4] for question in known}
    waiting: deque[tuple[float, bytes, Any]] = deque()

    def answer(message: bytes) -> bytes:
        question = _question(message)
        plain = question[:-4].lower() + question[-4:]
        body = known.get(plain)
        if body is None:
            response = dns.message.make_response(dns.message.from_wire(message), recursion_available=True)
            exists = plain[:-4] in names or plain[:-4] == b"\0"
            response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
            response.authority.append(dns.rrset.from_text(".", 300, "IN", "SOA", SOA))
            known[plain] = body = response.to_wire()[2:]
        return message[:2] + body

    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, message, client = waiting.popleft()
            sock.sendto(answer(message), client)
        sock.settimeout(max(waiting[0][0] - now, 0.0001) if waiting else None)
        try:
            message, client = sock.recvfrom(4096)
        except TimeoutError:
            continue
        waiting.append((time.monotonic() + DELAY, message, client))


def _empty(owner: str, kind: str) -> dns.message.Message:
    return dns.message.make_response(dns.message.make_query(f"{owner}.", kind, use_edns=0), recursion_available=True)


def _question(message: bytes) -> bytes:
    end = message.index(b"\0", 12) + 5
    return message[12:end]


def _end_with_the_other() -> None:
    """End this process when the one that started it does, be it killed."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main(domains: int, program: str) -> None:
    """Serve until terminated."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # by way of the clauses below that end nsd
    Thread(target=_end_with_the_other, daemon=True).start()
    sock = _udp()
    if not program:
        print(sock.getsockname()[1], flush=True)
        stand_in(sock, domains)
    with tempfile.TemporaryDirectory() as folder:
        process, port = run_nsd(program, domains, Path(folder))
        try:
            print(sock.getsockname()[1], flush=True)
            forward(sock, port)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it comes twice, and nsd has to end before its folder goes
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
