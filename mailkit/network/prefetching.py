"""Many jobs on one memory: what each will ask is asked beforehand, for hundreds of them at the same time.

The probes stay synchronous.  A job begins with the questions that it is known to ask; when it runs and needs one more,
it is stopped (:class:`Missing`), the question is asked, and the job is run again.  So nothing ever waits for one name.

Plain answers over UDP are read quickly (:mod:`mailkit.network.plain_answers`).  All others, such as failures, aliases
and answers that were cut off, are left to :meth:`Network.lookup`, which asks again in a thread: there is one judge.
Ten questions take 1.1 ms of processor time so, 4.5 ms with dnspython in threads and 0.6 ms with aiodns, which joins the
strings of a TXT record: where one ends is among what is judged (``benchmarks/bench_audit.py``).
"""

from __future__ import annotations

import ipaddress
import secrets
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.memory import Memory
from mailkit.network.place import Network
from mailkit.network.plain_answers import plain_answer, plain_query, question_of

__all__ = ["Missing", "Question", "run_all"]

Question = tuple[str, str]
Job = TypeVar("Job")
Result = TypeVar("Result")

_MOST_JOBS = 200  # under way at the same time
_FEWEST, _BEGINNING, _MOST_ON_THE_WAY = 32, 200, 800  # questions
_JUDGED = 100  # questions, answered or not: after so many it is judged whether the name server can follow
_SOCKETS = 8  # to each name server, chosen by chance: somebody who guesses has to guess the port too (RFC 5452)
_SHARES = (0.1, 0.12, 0.14, 0.18, 0.21, 0.25)  # of the time for one question: after each it is sent again
_BUFFER = 4_000_000  # octets that may wait to be read
_MOST_OCTETS = 65_535
_SLOW = 24  # threads for what is not plain
_TICK = 0.02  # seconds
_MOST_FOLLOWED = 100  # answers of one job
_MOST_RUNS = 40  # of one job; then it asks by itself
_ALONE = 30.0  # seconds for one that does


class Missing(BaseException):
    """A job needs answers that are not in the memory yet; it passes by every ``except Exception``."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.questions = tuple(questions)
        super().__init__(f"{len(self.questions)} answers are not here yet")


class _Known(Memory):
    """The same memory for a job that must not wait: what is not in it raises :class:`Missing`."""

    def __init__(self, memory: Memory) -> None:
        self.__dict__ = memory.__dict__  # one memory with two faces

    def answer(self, question: Hashable, patience: float, ask: Callable[[], Answer]) -> Answer | None:
        known = self.known(question, patience)
        if known is None:
            assert isinstance(question, tuple)
            _, name, rdtype, dnssec = question
            if dnssec:  # a validation asks much more than this one question
                return super().answer(question, patience, ask)
            raise Missing([(name, rdtype)])
        return known

    def missing(self, questions: Iterable[Question]) -> Iterable[Question]:
        if unknown := tuple(questions):
            raise Missing(unknown)
        return ()


@dataclass
class _Task(Generic[Job]):
    job: Job
    waits_for: set[Question] = field(default_factory=set)
    followed: set[Question] = field(default_factory=set)
    runs: int = 0


@dataclass
class _Flight:
    question: Question
    section: bytes
    waiting: list[_Task[Any]]
    tries: int = 0
    numbers: list[tuple[int, int]] = field(default_factory=list)  # of each try: the socket's, and the message's


def run_all(
    jobs: Iterable[Job],
    *,
    first: Callable[[Job], Iterable[Question]],
    following: Callable[[Answer], Iterable[Question]] = lambda answer: (),
    work: Callable[[Job, Network], Result],
    net: Network,
) -> Iterator[tuple[Job, Result]]:
    """Yield each of *jobs* with what *work* returns for it, in the order in which they are done.

    *first* are the questions that a job begins with, *following* those that an answer leads to: they need not be all,
    nor be needed.  *work* is given the job and *net* with its memory; it may be called several times and must do
    nothing but ask and judge.  200 jobs are under way at a time.  *net* must remember.
    """
    crew = _Crew(net, following)
    try:
        yield from crew.run(jobs, first, work)
    finally:
        crew.close()


class _Crew:
    """The sockets, what is on the way through them, and who waits for it."""

    def __init__(self, net: Network, following: Callable[[Answer], Iterable[Question]]) -> None:
        self.following = following
        assert net.memory is not None, "run_all needs a network that remembers"
        self.net = net
        self.eager = replace(net, memory=_Known(net.memory))
        self.selector = selectors.DefaultSelector()
        self.sockets = [s for server in net.nameservers for s in self._open(server)]
        self.flights: dict[Question, _Flight] = {}
        self.by_number: dict[tuple[int, int], _Flight] = {}
        self.queue: deque[_Flight] = deque()
        self.on_the_way: set[Question] = set()
        self.late: list[deque[tuple[float, _Flight]]] = [deque() for _ in _SHARES]
        self.slow = ThreadPoolExecutor(_SLOW, thread_name_prefix="mailkit")
        self.answered: SimpleQueue[Question] = SimpleQueue()
        self.room = float(_BEGINNING)  # for questions on the way
        self.heard = self.missed = 0
        self.ready: deque[_Task[Any]] = deque()

    def _open(self, server: tuple[str, int]) -> Iterator[socket.socket]:
        family = socket.AF_INET6 if ipaddress.ip_address(server[0]).version == 6 else socket.AF_INET
        for _ in range(_SOCKETS):
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            with suppress(OSError):  # a server that cannot be reached is silent
                sock.connect(server)
            self.selector.register(sock, selectors.EVENT_READ)
            yield sock

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        self.selector.close()
        self.slow.shutdown(wait=False, cancel_futures=True)

    def run(
        self,
        jobs: Iterable[Job],
        first: Callable[[Job], Iterable[Question]],
        work: Callable[[Job, Network], Result],
    ) -> Iterator[tuple[Job, Result]]:
        coming = iter(jobs)
        under_way, more = 0, True
        while more or under_way:
            while more and under_way < _MOST_JOBS and len(self.queue) < self.room:
                try:
                    job = next(coming)
                except StopIteration:
                    more = False
                    break
                under_way += 1
                self._wait_for(_Task(job), first(job))
            self._receive(0.0 if self.ready else _TICK)  # first: what came while a job was run is not late
            self._send()
            if self.ready:
                task = self.ready.popleft()
                try:
                    patient = task.runs > _MOST_RUNS
                    result = work(task.job, self.net.remembering(_ALONE) if patient else self.eager)
                except Missing as missing:
                    task.runs += 1
                    self._wait_for(task, missing.questions)
                    continue
                under_way -= 1
                yield task.job, result

    def _wait_for(self, task: _Task[Any], questions: Iterable[Question]) -> None:
        coming = list(questions)
        while coming:
            name, rdtype = coming.pop()
            question = (name.lower().removesuffix("."), rdtype.upper())
            if question in task.waits_for:
                continue
            known = self.net.recall(*question)
            if known is None:
                task.waits_for.add(question)
                self._ask(question, task)
            else:
                coming += self._following(task, question, known)
        if not task.waits_for:
            self.ready.append(task)

    def _ask(self, question: Question, task: _Task[Any]) -> None:
        if flight := self.flights.get(question):
            flight.waiting.append(task)
            return
        section = question_of(*question)
        flight = self.flights[question] = _Flight(question, section or b"", [task])
        if section is None or not self.sockets:
            self._ask_slowly(flight)
        else:
            self.queue.append(flight)

    def _following(self, task: _Task[Any], question: Question, answer: Answer) -> Iterable[Question]:
        if question in task.followed or len(task.followed) >= _MOST_FOLLOWED:
            return ()
        task.followed.add(question)
        return self.following(answer)

    def _send(self) -> None:
        """Send what is due: again what was not answered, and new questions as long as few are on the way."""
        now = time.monotonic()
        for level in self.late:
            while level and level[0][0] <= now:
                _, flight = level.popleft()
                if flight.question in self.on_the_way and self.flights.get(flight.question) is flight:
                    self.on_the_way.discard(flight.question)
                    self._adapt(heard=False)
                    self._again(flight)
        while self.queue and len(self.on_the_way) < self.room:
            self._send_one(self.queue.popleft())

    def _adapt(self, *, heard: bool) -> None:
        """Have fewer questions on the way when most are not answered in time, so that no name server is flooded."""
        self.heard, self.missed = self.heard + heard, self.missed + (not heard)
        if self.heard + self.missed >= _JUDGED:
            factor = 1.2 if self.heard > self.missed else 0.7
            self.room = min(max(self.room * factor, _FEWEST), _MOST_ON_THE_WAY)
            self.heard = self.missed = 0

    def _again(self, flight: _Flight) -> None:
        if flight.tries < len(_SHARES):
            self.queue.appendleft(flight)
            return
        self._land(flight)
        name, rdtype = flight.question
        reason = "no name server answered in time"
        self.net.remember(Answer(name, rdtype, Status.TIMEOUT, reason=reason), self.net.timeout)
        self._answered(flight.question)

    def _send_one(self, flight: _Flight) -> None:
        servers = len(self.sockets) // _SOCKETS
        place = (flight.tries % servers) * _SOCKETS + secrets.randbelow(_SOCKETS)
        number = (place, secrets.randbelow(65_536))
        while number in self.by_number:
            number = (place, secrets.randbelow(65_536))
        flight.numbers.append(number)
        self.by_number[number] = flight
        self.on_the_way.add(flight.question)
        wait = _SHARES[flight.tries] * self.net.timeout
        self.late[flight.tries].append((time.monotonic() + wait, flight))
        flight.tries += 1
        with suppress(OSError):  # it is sent again as one that was lost
            self.sockets[place].send(plain_query(number[1], flight.section))

    def _receive(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            place = self.sockets.index(sock)
            while True:
                try:
                    message = sock.recv(_MOST_OCTETS)
                except BlockingIOError:
                    break
                except OSError:  # nobody listens there: as silent as one that does not answer
                    continue
                self._take(place, message)
        while not self.answered.empty():
            self._answered(self.answered.get())

    def _take(self, place: int, message: bytes) -> None:
        flight = self.by_number.get((place, int.from_bytes(message[:2], "big"))) if len(message) >= 12 else None
        if flight is None or message[12 : 12 + len(flight.section) - 4].lower() != flight.section[:-4]:
            return  # a stranger's, or one that comes too late
        self._land(flight)
        self._adapt(heard=True)
        answer = plain_answer(*flight.question, flight.section, message)
        if answer is None:
            self._ask_slowly(flight)
            return
        self.net.remember(answer, self.net.timeout)
        self._answered(flight.question)

    def _land(self, flight: _Flight) -> None:
        """Take *flight* from the way: an answer to an earlier try counts, and later ones are for nobody."""
        for number in flight.numbers:
            del self.by_number[number]
        flight.numbers.clear()
        if flight.question in self.on_the_way:
            self.on_the_way.remove(flight.question)
        elif flight in self.queue:  # about to be sent again
            self.queue.remove(flight)

    def _ask_slowly(self, flight: _Flight) -> None:
        def ask() -> None:
            try:
                self.net.lookup(*flight.question)
            finally:
                self.answered.put(flight.question)

        self.slow.submit(ask)

    def _answered(self, question: Question) -> None:
        known = self.net.recall(*question)
        for task in self.flights.pop(question).waiting:
            task.waits_for.discard(question)
            self._wait_for(task, () if known is None else self._following(task, question, known))
