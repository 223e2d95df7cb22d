"""How many domains a second the DNS part of a report does, beside checkdmarc, dnspython in threads and bare aiodns.

Run ``python benchmarks/bench_audit.py``.  One name server on loopback, a process of its own, answers each question
after 20 ms.  Each of 2,000 made-up domains takes ten questions: its own records, and an include and an exchanger that
it shares with others.  Everything runs in a process of its own, against the same server, in one run.  ``audit`` is the
whole: questions, all checks of the lessons that the DNS alone can answer, findings into SQLite.  The aim is 300 domains
a second, or better 600, under 300 MB that do not grow with the number of domains.  On a busy machine read the processor
time.  checkdmarc is optional, and left out, saying so, where it is not installed.  The server is a program of Python,
since Debian's nsd cannot wait before it answers; it takes a part of the same processors.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rrset

DOMAINS, FEW, QUESTIONS = 2000, 500, 10
DELAY = 0.020  # seconds
AIM, BETTER, MEMORY = 300, 600, 300
PROVIDERS = 20  # includes and exchangers that domains share
PEER_DOMAINS = 48  # for checkdmarc, which is slow
ZONE = "bench.test"
SOA = f"ns.{ZONE}. hostmaster.{ZONE}. 1 2 3 4 60"


def name(number: int) -> str:
    """Return a made-up domain."""
    return f"d{number}.{ZONE}"


def selectors() -> list[str]:
    """Return as many selectors as make ten questions of a domain."""
    from mailkit.report import CHECKS

    asked = 6 + ("06_dmarc" in CHECKS)  # TXT, SPF and MX; A and AAAA of its exchanger, A of its sender; DMARC
    return [f"s{number}" for number in range(QUESTIONS - asked)]


# The name server ----------------------------------------------------------------------------------------------------


def records(domain: str, key: str) -> Iterator[tuple[str, str, str]]:
    """Yield the records of one domain, with the DKIM record *key*: name, type and value."""
    provider = f"p{int(domain.split('.')[0][1:]) % PROVIDERS}.{ZONE}"
    yield domain, "MX", f"10 mx.{domain}."
    yield domain, "MX", f"20 mx.{provider}."
    yield domain, "TXT", f'"v=spf1 mx a:out.{domain} include:_spf.{provider} -all"'
    yield domain, "TXT", '"some-service-verification=0123456789abcdef"'
    yield f"_dmarc.{domain}", "TXT", '"v=DMARC1; p=reject; sp=reject"'
    yield f"out.{domain}", "A", "198.18.1.1"
    for kind, value in (("A", "198.18.2.2"), ("AAAA", "2001:db8::2")):
        yield f"mx.{domain}", kind, value
    for number in range(QUESTIONS):
        yield f"s{number}._domainkey.{domain}", "TXT", f'"{key[:250]}" "{key[250:]}"'


def shared() -> Iterator[tuple[str, str, str]]:
    """Yield the records that domains share."""
    for number in range(PROVIDERS):
        yield f"_spf.p{number}.{ZONE}", "TXT", '"v=spf1 ip4:198.18.16.0/20 ip6:2001:db8:1::/48 -all"'
        yield f"mx.p{number}.{ZONE}", "A", "198.18.3.3"
        yield f"mx.p{number}.{ZONE}", "AAAA", "2001:db8::3"


def answers(count: int, key: str) -> dict[bytes, bytes]:
    """Return the whole response to each question, without its first two octets."""
    sets: dict[tuple[str, str], list[str]] = {}
    for owner, kind, value in (r for part in [shared(), *(records(name(n), key) for n in range(count))] for r in part):
        sets.setdefault((owner, kind), []).append(value)
    found = {}
    for (owner, kind), values in sets.items():
        response = _empty(owner, kind)
        response.answer.append(dns.rrset.from_text(f"{owner}.", 300, "IN", kind, *values))
        wire = response.to_wire()
        found[_question(wire)] = wire[2:]
    return found


def _empty(owner: str, kind: str) -> dns.message.Message:
    return dns.message.make_response(dns.message.make_query(f"{owner}.", kind, use_edns=0), recursion_available=True)


def _question(message: bytes) -> bytes:
    end = message.index(b"\0", 12) + 5
    return message[12:end]


def serve(count: int) -> None:
    """Answer every question after 20 ms, in the order of coming, until killed."""
    from mailkit import dkim

    known = answers(count, dkim.generate().record)
    names = {question[:-4] for question in known}
    waiting: deque[tuple[float, bytes, Any]] = deque()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
    sock.bind(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)

    def answer(message: bytes) -> bytes:
        question = _question(message)
        plain = question[:-4].lower() + question[-4:]
        body = known.get(plain)
        if body is None:
            query = dns.message.from_wire(message)
            response = dns.message.make_response(query, recursion_available=True)
            exists = plain[:-4] in names or plain[:-4] == b"\0"
            response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
            response.authority.append(dns.rrset.from_text(f"{ZONE}.", 300, "IN", "SOA", SOA))
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


# What is measured ---------------------------------------------------------------------------------------------------


def network(port: int) -> Any:
    from mailkit.network import Network

    return Network("bench", "here", (("127.0.0.1", port),), timeout=5.0)


def audit(count: int, port: int, processes: int = 1) -> None:
    """The whole DNS part, findings into SQLite."""
    from mailkit import report

    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"store": Path(folder) / "x.sqlite", "selectors": selectors(), "progress": False}
        domains = [name(number) for number in range(count)]
        if processes == 1:
            report.collect(domains, net=network(port), dns_only=True, **options)
        else:
            with ProcessPoolExecutor(processes) as pool:
                report.collect(domains, net=network(port), dns_only=True, executor=pool, **options)


def questions_alone(count: int, port: int) -> None:
    """Only the questions, of which each answer is read."""
    from mailkit.network.memory import Memory
    from mailkit.network.prefetching import run_all

    net = replace(network(port), memory=Memory(20_000))
    for _ in run_all(range(count), first=asked, work=lambda number, net: None, net=net):
        pass


def asked(number: int) -> list[tuple[str, str]]:
    """Return ten questions about a domain."""
    domain = name(number)
    own = [(domain, "TXT"), (domain, "MX"), (domain, "SPF"), (f"_dmarc.{domain}", "TXT"), (f"out.{domain}", "A")]
    hosts = [(f"mx.{domain}", "A"), (f"mx.{domain}", "AAAA")]
    return [*own, *hosts, *((f"s{n}._domainkey.{domain}", "TXT") for n in range(QUESTIONS - 7))]


def threads(count: int, port: int) -> None:
    """The questions by dnspython in 64 threads."""
    net = network(port)
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda q: net.lookup(*q), [q for n in range(count) for q in asked(n)]))


def aiodns_alone(count: int, port: int) -> None:
    """The questions by aiodns, and nothing else."""
    import aiodns

    async def one(resolver: Any, few: asyncio.Semaphore, question: tuple[str, str]) -> None:
        async with few:
            with suppress(aiodns.error.DNSError):
                await resolver.query_dns(question[0], "TXT" if question[1] == "SPF" else question[1])

    async def run() -> None:
        resolver = aiodns.DNSResolver(nameservers=[f"127.0.0.1:{port}"], timeout=5, tries=1)
        few = asyncio.Semaphore(800)
        for start in range(0, count, 200):
            block = [q for n in range(start, min(start + 200, count)) for q in asked(n)]
            await asyncio.gather(*(one(resolver, few, q) for q in block))

    asyncio.run(run())


def checkdmarc_threads(count: int, port: int) -> None:
    """checkdmarc in 32 threads: SPF and DMARC of each domain."""
    import checkdmarc.dmarc
    import checkdmarc.spf
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port

    def one(number: int) -> None:
        for check in (checkdmarc.spf.check_spf, checkdmarc.dmarc.check_dmarc):
            check(name(number), resolver=resolver)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(one, range(count)))


MEASURED: dict[str, tuple[str, Callable[[int, int], None], int]] = {
    "few": (f"audit of {FEW} domains", audit, FEW),
    "audit": ("audit, one process", audit, DOMAINS),
    "two": ("audit, two processes", lambda count, port: audit(count, port, 2), DOMAINS),
    "questions": ("its questions alone", questions_alone, DOMAINS),
    "aiodns": ("aiodns, questions alone", aiodns_alone, DOMAINS),
    "threads": ("dnspython, 64 threads, questions alone", threads, FEW),
    "checkdmarc": ("checkdmarc, 32 threads, SPF and DMARC", checkdmarc_threads, PEER_DOMAINS),
}


def measure(what: str, port: int) -> None:
    """Run one of MEASURED here, and print its figures."""
    _, work, count = MEASURED[what]
    begun, before = time.perf_counter(), _processor()
    work(count, port)
    seconds, busy = time.perf_counter() - begun, _processor() - before
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(json.dumps({"count": count, "seconds": seconds, "busy": busy, "memory": memory}))


def _processor() -> float:
    return sum(os.times()[:4])


def where() -> str:
    """Return where the time of an audit goes, by the functions of one thread that take most of it themselves."""
    import cProfile
    import pstats

    port = os.environ["BENCH_PORT"]
    profile = cProfile.Profile()
    profile.runcall(audit, FEW, int(port))
    stats = pstats.Stats(profile)
    total = stats.total_tt  # type: ignore[attr-defined]
    lines = []
    for (file, _, function), (_, _, _, whole, _) in stats.stats.items():  # type: ignore[attr-defined]
        if (Path(file).parent.name, Path(file).stem, function) in PARTS:
            lines.append((whole / total, PARTS[Path(file).parent.name, Path(file).stem, function]))
    return "\n".join(f"  {share:4.0%}  {what}" for share, what in sorted(lines, reverse=True))


PARTS = {
    ("network", "prefetching", "_receive"): "receiving and reading answers, waiting included",
    ("network", "plain_answers", "plain_answer"): "  of it: reading them",
    ("network", "prefetching", "_send"): "sending questions",
    ("spf", "linting", "lint"): "checks of lesson 04",
    ("dkim", "findings", "findings"): "checks of lesson 05",
    ("dmarc", "linting", "findings"): "checks of lesson 06",
    ("op25b", "findings", "findings"): "checks of lesson 01",
    ("report", "store", "save"): "storing",
}


def main() -> None:
    """Start the server, measure one after the other, print the table and where the time goes."""
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        os.environ["BENCH_PORT"] = port = server.stdout.readline().strip()
        print(f"{'':40} domains/s   CPU ms a domain   MB")
        figures = {}
        for what, (title, _, _) in MEASURED.items():
            if what in ("checkdmarc", "aiodns") and not importlib.util.find_spec(what):
                print(f"{title:40} not installed: left out")
                continue
            line = [sys.executable, __file__, "--measure", what, "--port", port]
            found = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
            figures[what] = found
            speed, busy = found["count"] / found["seconds"], found["busy"] / found["count"] * 1000
            print(f"{title:40} {speed:9.0f}   {busy:15.2f}   {found['memory']:4.0f}", flush=True)
        best = max(DOMAINS / figures[what]["seconds"] for what in ("audit", "two"))
        memory, grown = figures["audit"]["memory"], figures["audit"]["memory"] - figures["few"]["memory"]
        print(f"audit: {best:.0f} domains/s, {'' if best >= AIM else 'not '}the aim of {AIM} (better: {BETTER})")
        print(f"memory: {memory:.0f} MB of {MEMORY}; {grown:+.0f} MB from {FEW} to {DOMAINS} domains")
        print(f"where the time of an audit of {FEW} domains goes, under the profiler:")
        print(where())
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the DNS part of a report.")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=MEASURED, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(DOMAINS)
    elif options.measure:
        measure(options.measure, options.port)
    else:
        main()
