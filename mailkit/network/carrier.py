"""What carries hundreds of questions to the name servers at the same time, and their answers back.

Plain answers over UDP are read quickly (:mod:`mailkit.network.plain_answers`).  All others, such as failures, aliases
and answers that were cut off, are left to :meth:`Network.lookup`, which asks again in a thread: there is one judge.
Not aiodns, which is no quicker and joins the strings of a TXT record: where one ends is among what is judged
(``benchmarks/bench_audit.py`` measures both).
"""

from __future__ import annotations

import ipaddress
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.place import Network
from mailkit.network.plain_answers import plain_answer, plain_query, question_of

__all__ = ["Answered", "Carrier", "Question"]

Question = tuple[str, str]  # a name in lower case without its final dot, and a type
Answered = tuple[Question, Answer | None]  # None: it cannot be asked

_FEWEST, _BEGINNING, _MOST_ON_THE_WAY = 32, 200, 800  # questions
_JUDGED = 100  # questions, answered or not: after so many it is judged whether the name server can follow
_SOCKETS = 8  # to each name server, chosen by chance: somebody who guesses has to guess the port too (RFC 5452)
_SHARES = (0.1, 0.12, 0.14, 0.18, 0.21, 0.25)  # of the time for one question: after each it is sent again
_BUFFER = 4_000_000  # octets that may wait to be read
_MOST_OCTETS = 65_535
_SLOW = 24  # threads for what is not plain


@dataclass(eq=False)
class _Flight:
    question: Question
    section: bytes
    tries: int = 0
    on_the_way: bool = False
    numbers: list[int] = field(default_factory=list)  # of each try: the socket's, and behind it the message's


class Carrier:
    """Asks what :meth:`ask` is told, and notes each answer in the memory of *net*."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._selector = selectors.DefaultSelector()
        self._sockets = [s for server in net.nameservers for s in self._open(server)]
        for place, sock in enumerate(self._sockets):
            self._selector.register(sock, selectors.EVENT_READ, place)
        self._by_number: dict[int, _Flight] = {}
        self._queue: deque[_Flight] = deque()
        self._on_the_way = 0
        self._late: list[deque[tuple[float, int, _Flight]]] = [deque() for _ in _SHARES]
        self._slow = ThreadPoolExecutor(_SLOW, thread_name_prefix="mailkit")
        self._slow_answers: SimpleQueue[Answered] = SimpleQueue()
        self._room = float(_BEGINNING)  # for questions on the way
        self._heard = self._missed = 0

    def _open(self, server: tuple[str, int]) -> Iterator[socket.socket]:
        family = socket.AF_INET6 if ipaddress.ip_address(server[0]).version == 6 else socket.AF_INET
        for _ in range(_SOCKETS):
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            with suppress(OSError):  # a server that cannot be reached is silent
                sock.connect(server)
            yield sock

    def close(self) -> None:
        """Give up all that is on the way."""
        for sock in self._sockets:
            sock.close()
        self._selector.close()
        self._slow.shutdown(wait=False, cancel_futures=True)

    @property
    def full(self) -> bool:
        """True while so many questions wait to be sent that no more are needed."""
        return len(self._queue) >= self._room

    def ask(self, question: Question) -> None:
        """Ask *question*, once there is room for it.  One that is being asked must not be given again."""
        section = question_of(*question)
        if section is None or not self._sockets:
            self._ask_slowly(question)
        else:
            self._queue.append(_Flight(question, section))

    def exchange(self, seconds: float) -> list[Answered]:
        """Send what is due, wait at most *seconds* for answers, and return those that are there."""
        found = self._receive(seconds)  # before judging what is late: what came meanwhile is not
        now = time.monotonic()
        for level in self._late:
            while level and level[0][0] <= now:
                _, tries, flight = level.popleft()
                if flight.on_the_way and flight.tries == tries:
                    self._leaves_the_way(flight)
                    self._adapt(heard=False)
                    if given_up := self._again(flight):
                        found.append(given_up)
        while self._queue and self._on_the_way < self._room:
            self._send(self._queue.popleft(), now)
        return found

    def _adapt(self, *, heard: bool) -> None:
        """Have fewer questions on the way when most are not answered in time, so that no name server is flooded."""
        self._heard, self._missed = self._heard + heard, self._missed + (not heard)
        if self._heard + self._missed >= _JUDGED:
            factor = 1.2 if self._heard > self._missed else 0.7
            self._room = min(max(self._room * factor, _FEWEST), _MOST_ON_THE_WAY)
            self._heard = self._missed = 0

    def _again(self, flight: _Flight) -> Answered | None:
        """Send *flight* once more, or return that there is no answer."""
        if flight.tries < len(_SHARES):
            self._queue.appendleft(flight)
            return None
        self._land(flight)
        name, rdtype = flight.question
        silence = Answer(name, rdtype, Status.TIMEOUT, reason="no name server answered in time")
        return flight.question, self._net.remember(silence, self._net.timeout)

    def _send(self, flight: _Flight, now: float) -> None:
        servers = len(self._sockets) // _SOCKETS
        while True:
            chance = int.from_bytes(os.urandom(3), "big")
            place = (flight.tries % servers) * _SOCKETS + (chance >> 16) % _SOCKETS
            number = place << 16 | (chance & 0xFFFF)
            if number not in self._by_number:
                break
        flight.numbers.append(number)
        self._by_number[number] = flight
        flight.on_the_way = True
        self._on_the_way += 1
        wait = _SHARES[flight.tries] * self._net.timeout
        flight.tries += 1
        self._late[flight.tries - 1].append((now + wait, flight.tries, flight))
        with suppress(OSError):  # it is sent again as one that was lost
            self._sockets[place].send(plain_query(number & 0xFFFF, flight.section))

    def _receive(self, seconds: float) -> list[Answered]:
        found = []
        for key, _ in self._selector.select(seconds):
            sock, place = self._sockets[key.data], key.data
            while True:
                try:
                    message = sock.recv(_MOST_OCTETS)
                except BlockingIOError:
                    break
                except OSError:  # nobody listens there: as silent as one that does not answer
                    continue
                if answered := self._take(place, message):
                    found.append(answered)
        while not self._slow_answers.empty():
            found.append(self._slow_answers.get())
        return found

    def _take(self, place: int, message: bytes) -> Answered | None:
        flight = self._by_number.get(place << 16 | int.from_bytes(message[:2], "big")) if len(message) >= 12 else None
        if flight is None or message[12 : 12 + len(flight.section) - 4].lower() != flight.section[:-4]:
            return None  # a stranger's, or one that comes too late
        self._land(flight)
        self._adapt(heard=True)
        answer = plain_answer(*flight.question, flight.section, message)
        if answer is None:
            self._ask_slowly(flight.question)
            return None
        return flight.question, self._net.remember(answer, self._net.timeout)

    def _land(self, flight: _Flight) -> None:
        """Take *flight* from the way: an answer to an earlier try counts, and later ones are for nobody."""
        for number in flight.numbers:
            del self._by_number[number]
        flight.numbers.clear()
        if flight.on_the_way:
            self._leaves_the_way(flight)
        elif flight in self._queue:  # about to be sent again
            self._queue.remove(flight)

    def _leaves_the_way(self, flight: _Flight) -> None:
        flight.on_the_way = False
        self._on_the_way -= 1

    def _ask_slowly(self, question: Question) -> None:
        def ask() -> None:
            answer = None
            try:
                answer = self._net.lookup(*question)
            finally:  # whatever happens, somebody waits
                self._slow_answers.put((question, answer))

        self._slow.submit(ask)
