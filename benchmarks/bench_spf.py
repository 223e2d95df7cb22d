"""How long ``spf.check`` takes beside plain pyspf, on the same DNS in memory.

The domain's record makes eight lookups in a tree of five records; the client matches none of it, so all is evaluated.
Run as ``python benchmarks/bench_spf.py``; the aim is a ratio of at most 1.3.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import dns.rrset
import spf as pyspf

from mailkit import spf
from mailkit.network import Answer, Network, Status

TARGET = 1.3
ROUNDS, CHECKS = 40, 50

ZONE: dict[tuple[str, str], list[str]] = {
    ("kaisha.example", "TXT"): [
        '"v=spf1 a mx ip4:192.0.2.0/26 include:_spf.sender.example include:_spf.bigmail.example '
        'exists:%{ir}.ok.%{d2} ~all"'
    ],
    ("kaisha.example", "A"): ["192.0.2.80"],
    ("kaisha.example", "MX"): ["10 mx1.kaisha.example.", "20 mx2.kaisha.example."],
    ("mx1.kaisha.example", "A"): ["192.0.2.25"],
    ("mx2.kaisha.example", "A"): ["198.51.100.25"],
    ("_spf.sender.example", "TXT"): [
        '"v=spf1 ip4:198.51.100.0/27 ip4:198.51.100.64/27 ip4:198.51.100.128/27 ip6:2001:db8:1::/48 '
        'a:out.sender.example ~all"'
    ],
    ("out.sender.example", "A"): ["198.51.100.40", "198.51.100.41"],
    ("_spf.bigmail.example", "TXT"): [
        '"v=spf1 include:_netblocks.bigmail.example include:_netblocks2.bigmail.example ~all"'
    ],
    ("_netblocks.bigmail.example", "TXT"): ['"v=spf1 ip4:192.0.2.128/27 ip4:192.0.2.160/27 ip4:192.0.2.192/27 ~all"'],
    ("_netblocks2.bigmail.example", "TXT"): ['"v=spf1 ip6:2001:db8:2::/48 ip6:2001:db8:3::/48 ~all"'],
}
CASE = ("203.0.113.7", "aiko@kaisha.example", "mail.elsewhere.example")


def _answers() -> dict[tuple[str, str], Answer]:
    answers = {}
    for (name, rdtype), values in ZONE.items():
        rdata = tuple(dns.rrset.from_text_list(f"{name}.", 300, "IN", rdtype, values))
        answers[name, rdtype] = Answer(name, rdtype, Status.NOERROR, tuple(values), ttl=300, rdata=rdata)
    return answers


ANSWERS = _answers()


class MemoryNetwork(Network):
    """A network whose DNS is a dict."""

    def lookup(self, name: str, rdtype: str, *, timeout: float | None = None, dnssec: bool = False) -> Answer:
        return ANSWERS.get((name, rdtype)) or Answer(name, rdtype, Status.NXDOMAIN, reason="no such name")


class PlainQuery(pyspf.query):  # type: ignore[misc]
    """pyspf as it is, its DNS from the same dict; its own cache, counting and CNAME code are kept."""

    def dns(self, name: str, qtype: str, cnames: Any = None, ignore_void: bool = False) -> list[Any]:
        name = name.removesuffix(".").lower()
        result = self.cache.get((name, qtype), [])
        if result:
            return result  # type: ignore[no-any-return]
        for rdata in ANSWERS[name, qtype].rdata if (name, qtype) in ANSWERS else ():
            if qtype in ("A", "AAAA"):
                value = rdata.address
            elif qtype == "MX":
                value = (rdata.preference, rdata.exchange.to_text(True))
            else:
                value = rdata.strings
            self.cache.setdefault((name, qtype), []).append(value)
        result = self.cache.get((name, qtype), [])
        if not result and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > pyspf.MAX_VOID_LOOKUPS:
                raise pyspf.PermError("Void lookup limit exceeded")
        return result  # type: ignore[no-any-return]


NET = MemoryNetwork(name="memory", vantage="here", nameservers=())


def ours() -> str:
    """One check by mailkit, its trace and header included."""
    return spf.check(*CASE, net=NET).result


def plain() -> str:
    """One check by pyspf."""
    ip, sender, helo = CASE
    return str(PlainQuery(i=ip, s=sender, h=helo).check()[0])


def _seconds(work: Callable[[], str]) -> float:
    started = time.thread_time()  # CPU time: what else the machine does is not counted
    for _ in range(CHECKS):
        work()
    return (time.thread_time() - started) / CHECKS


def measure() -> tuple[float, float]:
    """Return the median seconds of one check, (mailkit, pyspf); the two take turns."""
    if (ours(), plain()) != ("softfail", "softfail"):
        raise RuntimeError("the two must agree before their times can be compared")
    gc.disable()
    try:
        times = [(_seconds(ours), _seconds(plain)) for _ in range(ROUNDS)]
    finally:
        gc.enable()
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def main() -> None:
    """Print both times and their ratio."""
    mine, theirs = measure()
    ratio = mine / theirs
    print(f"spf.check      {mine * 1e6:8.0f} µs")
    print(f"plain pyspf    {theirs * 1e6:8.0f} µs")
    print(f"ratio          {ratio:8.2f}    (aim: at most {TARGET}: {'met' if ratio <= TARGET else 'MISSED'})")


if __name__ == "__main__":
    main()
