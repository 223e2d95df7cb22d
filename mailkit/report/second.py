"""The DNS part in two processes: the second takes some more domains whenever it has room, and its findings come back.

It is a Python of its own, told over a pipe what to do.  No module of the caller's is imported there, so it works from a
notebook and from a script alike, on every system.  Where it cannot be started, or ends before its time, this process
does its work as well.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from mailkit.network import Network
from mailkit.report.checks import Check, select
from mailkit.report.many import Found, Numbered, dns_part
from mailkit.report.workers import packed

__all__ = ["in_two", "main"]

ENOUGH = 300  # domains: for fewer, starting it takes longer than it saves
_PIECE = 20  # domains that are handed over together
_AHEAD = 2  # pieces that are asked for before they are needed
_START = "from mailkit.report.second import main; main()"

Piece = tuple[Numbered, ...]


def in_two(entries: Iterable[Numbered], *, net: Network, checks: Mapping[str, Check]) -> Iterator[list[Found]]:
    """Yield what :func:`mailkit.report.many.dns_part` does, from two processes where that is of use.

    It is for at least 300 domains, two processors, and a network that can be sent to another process.  A practice
    internet lives in this one, so a second would only take its turn away.
    """
    waiting = deque(entries)
    work = _packed(net, checks) if len(waiting) >= ENOUGH and _processors() > 1 and net.pace is None else None
    if work is None:
        yield from dns_part(waiting, net=net, checks=checks)
        return
    with closing(_Second(work, waiting)) as second:
        for found in dns_part(_own(waiting, second), net=packed(net), checks=checks):
            yield found + second.round()


def _packed(net: Network, checks: Mapping[str, Check]) -> bytes | None:
    """Return what the second process has to know, None where it cannot be sent."""
    try:
        return pickle.dumps((packed(net), tuple(checks)))
    except (pickle.PicklingError, AttributeError, TypeError):  # a network of somebody's own making
        return None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _own(waiting: deque[Numbered], second: _Second) -> Iterator[Numbered | None]:
    """Yield what this process does itself; None while it has to wait for what the second may leave undone."""
    while waiting or second.given:
        yield waiting.popleft() if waiting else None


class _Second:
    """The other process, seen from this one; ``given`` is what it has not done yet."""

    def __init__(self, work: bytes, waiting: deque[Numbered]) -> None:
        self.given: dict[int, Numbered] = {}
        self._waiting = waiting
        self._said: SimpleQueue[Any] = SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        # -P: what lies in the folder one happens to be in is not imported.
        line = [sys.executable, "-P", "-c", _START]
        places = os.pathsep.join(place or os.getcwd() for place in sys.path)
        with suppress(OSError):
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": places},
            )
            Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
            self._tell(work)

    def close(self) -> None:
        """End it, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            with suppress(OSError):  # what was not told yet
                self._process.communicate()

    def _listen(self, stream: BinaryIO) -> None:
        with suppress(EOFError, OSError, pickle.UnpicklingError, ValueError):
            while True:
                self._said.put(pickle.load(stream))
        self._said.put(_GONE)

    def _tell(self, octets: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):  # it has ended: that is heard from its other side
                self._process.stdin.write(octets)
                self._process.stdin.flush()

    def round(self) -> list[Found]:
        """Hand over what it has asked for, and return what it has found since the last time."""
        found: list[Found] = []
        while not self._said.empty():
            said = self._said.get()
            if said == _MORE:
                piece = tuple(self._waiting.popleft() for _ in range(min(_PIECE, len(self._waiting))))
                self.given.update((numbered[0], numbered) for numbered in piece)
                self._tell(pickle.dumps(piece))
            elif said == _GONE:
                self._waiting.extend(self.given.values())
                self.given.clear()
            else:
                found += said
                for position, _ in said:
                    del self.given[position]
        return found


# What it says besides findings.
_MORE, _GONE = "more", "gone"


# In the second process ----------------------------------------------------------------------------------------------


def main() -> None:
    """Do what is told over standard input, say over standard output what was found, until a piece holds nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the first process, which ends this one
    told, said = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr

    def say(what: Any) -> None:
        pickle.dump(what, said)
        said.flush()

    net, lessons = pickle.load(told)
    pieces: SimpleQueue[Piece] = SimpleQueue()
    Thread(target=_hear, args=(told, pieces), daemon=True).start()
    gc.freeze()  # the modules stay: looking through them for what can go is a tenth of the time
    for found in dns_part(_coming(pieces, say), net=net, checks=select(lessons, dns_only=True)):
        if found:
            say(found)


def _hear(told: BinaryIO, pieces: SimpleQueue[Piece]) -> None:
    with suppress(EOFError, OSError):
        while True:
            pieces.put(pickle.load(told))
    os._exit(1)  # the first process is no more, and nobody would hear


def _coming(pieces: SimpleQueue[Piece], say: Callable[[str], None]) -> Iterator[Numbered | None]:
    """Yield the domains of one piece after the other, None while the next one is on its way."""
    for _ in range(_AHEAD):
        say(_MORE)
    while True:
        try:
            piece = pieces.get_nowait()
        except Empty:
            yield None
            continue
        if not piece:
            return
        say(_MORE)
        yield from piece
