"""A report's work in other processes: what they need of a network, and what they keep between two pieces of work.

A :class:`Network` holds a clock, locks and a memory, which cannot be sent.  Its copy in another process has the same
name servers, proxy and files, and stands at the time of the beginning: one run, one date.  Its slots are its own, so
two processes may keep twice as many connections to one server: give mail servers to threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from mailkit.network import Network
from mailkit.network.memory import Memory
from mailkit.report.checks import select
from mailkit.report.many import MOST_ANSWERS, Found, Numbered, dns_part
from mailkit.report.single import one

__all__ = ["Work", "can_share", "packed"]


@dataclass(frozen=True)
class _Stopped:
    """A clock that stands at one moment, the same in every process."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class Work:
    """Some domains to be audited; calling it does so, wherever it was sent."""

    net: Network
    entries: tuple[Numbered, ...]
    lessons: tuple[str, ...]
    dns_only: bool

    def __call__(self) -> list[Found]:
        checks = select(self.lessons, dns_only=self.dns_only)
        if self.dns_only:
            done = dns_part(self.entries, net=self.net, checks=checks, memory=_memory(self.net))
            return [found for some in done for found in some]
        return [(position, one(entry, net=self.net, checks=checks)) for position, entry in self.entries]


@lru_cache(maxsize=1)
def _memory(net: Network) -> Memory:
    """Return the memory of this process for *net*: what domains share is asked once, whatever piece they come in."""
    return Memory(MOST_ANSWERS)


def packed(net: Network) -> Network:
    """Return *net* such that it can be sent to another process."""
    return replace(net, clock=_Stopped(net.now()), others={}, memory=None, deadline=None, pace=None)


def can_share(executor: object) -> bool:
    """Return whether what is given to *executor* stays in this process, so that slots and memory are one."""
    return isinstance(executor, ThreadPoolExecutor)
