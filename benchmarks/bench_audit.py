"""How many domains a second the DNS part of a report does, beside checkdmarc, dnspython in threads and bare aiodns.

Run ``python benchmarks/bench_audit.py``.  One name server on loopback, in processes of its own, answers each question
after 20 ms (``delayed_dns.py``).  Each of 2,000 made-up domains takes ten questions: its own records, and an include
and an exchanger that it shares with others.  Everything is measured in a process of its own, against the same server,
in one run, once what it needs is imported.  ``audit`` is the whole: questions, all checks of the lessons that the DNS
alone can answer, findings into SQLite.  The aim is 300 domains a second, or better 600, under 300 MB that do not grow
with the number of domains.

On a busy machine read the processor time: the domains a second that two free processors would do follow from it.
checkdmarc and aiodns are left out, saying so, where they are not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import importlib
import importlib.util
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from delayed_dns import KEYS, name, served

DOMAINS, MANY, FEW = 2000, 10_000, 500
QUESTIONS = 10  # of a domain, besides what domains share
AIM, BETTER, MEMORY = 300, 600, 300
PEER_DOMAINS = 48  # for checkdmarc, which is slow


def network(port: int) -> Any:
    from mailkit.network import Network

    return Network("bench", "here", (("127.0.0.1", port),), timeout=5.0)


def audit(count: int, port: int) -> None:
    """The whole DNS part, findings into SQLite."""
    from mailkit import report

    with tempfile.TemporaryDirectory() as folder:
        report.collect(
            [name(number) for number in range(count)],
            net=network(port),
            dns_only=True,
            selectors=[f"s{number}" for number in range(KEYS)],
            store=Path(folder) / "findings.sqlite",
            progress=False,
        )


def in_one(count: int, port: int) -> None:
    """The same in one process."""
    from mailkit.report import second

    second.ENOUGH = count + 1
    audit(count, port)


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


# What is measured: how it is called, how many domains, and what it imports.
MEASURED: dict[str, tuple[str, Callable[[int, int], None], int, str]] = {
    "one": ("audit, one process", in_one, DOMAINS, "mailkit.report"),
    "two": ("audit, as it is: two processes", audit, DOMAINS, "mailkit.report"),
    "many": (f"audit of {MANY:,} domains", audit, MANY, "mailkit.report"),
    "questions": ("its questions alone", questions_alone, DOMAINS, "mailkit.report"),
    "aiodns": ("aiodns, questions alone", aiodns_alone, DOMAINS, "aiodns"),
    "threads": ("dnspython, 64 threads, questions alone", threads, FEW, "mailkit.report"),
    "checkdmarc": ("checkdmarc, 32 threads, SPF and DMARC", checkdmarc_threads, PEER_DOMAINS, "checkdmarc"),
}


def measure(what: str, port: int) -> None:
    """Run one of MEASURED here, and print its figures."""
    _, work, count, needed = MEASURED[what]
    importlib.import_module(needed)
    begun, before = time.perf_counter(), _processor()
    work(count, port)
    seconds, busy = time.perf_counter() - begun, _processor() - before
    memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(json.dumps({"count": count, "seconds": seconds, "busy": busy, "memory": memory}))


def _processor() -> float:
    return sum(os.times()[:4])


def where(port: int) -> str:
    """Return where the time of an audit in one process goes, under the profiler."""
    profile = cProfile.Profile()
    profile.runcall(in_one, FEW, port)
    stats = pstats.Stats(profile)
    total = stats.total_tt  # type: ignore[attr-defined]
    lines = []
    for (file, _, function), (_, _, _, whole, _) in stats.stats.items():  # type: ignore[attr-defined]
        part = (Path(file).parent.name, Path(file).stem, function)
        if part in PARTS:
            lines.append((whole / total, PARTS[part]))
    return "\n".join(f"  {share:4.0%}  {what}" for share, what in sorted(lines, reverse=True))


PARTS = {
    ("network", "carrier", "exchange"): "sending questions, and receiving answers, waiting included",
    ("network", "plain_answers", "plain_answer"): "  of it: reading them",
    ("network", "prefetching", "_wait_for"): "finding out what a domain waits for",
    ("spf", "linting", "lint"): "checks of lesson 04",
    ("dkim", "findings", "findings"): "checks of lesson 05",
    ("dmarc", "linting", "findings"): "checks of lesson 06",
    ("op25b", "findings", "findings"): "checks of lesson 01",
    ("report", "store", "save"): "storing",
}


def main() -> None:
    """Start the server, measure one after the other, print the table and where the time goes."""
    with served(MANY) as (port, server):
        print(f"name server: {server}; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        print(f"{'':40} domains/s   CPU ms a domain   MB", flush=True)
        figures = {}
        for what, (title, _, _, needed) in MEASURED.items():
            if not importlib.util.find_spec(needed.partition(".")[0]):
                print(f"{title:40} not installed: left out")
                continue
            line = [sys.executable, __file__, "--measure", what, "--port", str(port)]
            found = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
            figures[what] = found
            speed, busy = found["count"] / found["seconds"], found["busy"] / found["count"] * 1000
            print(f"{title:40} {speed:9.0f}   {busy:15.2f}   {found['memory']:4.0f}", flush=True)
        _concluded(figures)
        print(f"where the time of an audit of {FEW} domains goes, in one process under the profiler:")
        print(where(port))


def _concluded(figures: dict[str, dict[str, float]]) -> None:
    two, many = figures["two"], figures["many"]
    speed = two["count"] / two["seconds"]
    reached = f"the aim of {AIM}" + (f" and the better one of {BETTER}" if speed >= BETTER else "")
    print(f"audit: {speed:.0f} domains/s, {reached if speed >= AIM else f'not the aim of {AIM} (better: {BETTER})'}")
    print(f"  by its processor time two processors that are free do {2 * two['count'] / two['busy']:.0f} domains/s")
    for peer in ("aiodns", "threads", "checkdmarc"):
        if other := figures.get(peer):
            print(f"  {speed / (other['count'] / other['seconds']):.2f} times as many as {MEASURED[peer][0]}")
    grown = many["memory"] - two["memory"]
    print(f"memory: {many['memory']:.0f} MB of {MEMORY}; {grown:+.0f} MB from {DOMAINS:,} to {MANY:,} domains")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the DNS part of a report.")
    parser.add_argument("--measure", choices=MEASURED, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.port)
    else:
        main()
