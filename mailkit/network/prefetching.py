"""Many jobs on one memory: what each will ask is asked beforehand, for hundreds of them at the same time.

The probes stay synchronous.  A job begins with the questions that it is known to ask; when it runs and needs one more,
it is stopped (:class:`Missing`), the question is asked, and the job is run again.  So nothing ever waits for one name.
What carries the questions is :mod:`mailkit.network.carrier`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from mailkit.network.carrier import Carrier, Question
from mailkit.network.dns_lookup import Answer
from mailkit.network.memory import Memory
from mailkit.network.place import Network

__all__ = ["Missing", "Question", "run_all"]

Job = TypeVar("Job")
Result = TypeVar("Result")

_MOST_JOBS = 200  # under way at the same time
_AT_ONCE = 8  # jobs that are run before the answers that came meanwhile are read
_TICK = 0.02  # seconds
_MOST_FOLLOWED = 100  # answers of one job
_MOST_RUNS = 40  # of one job; then it asks by itself
_ALONE = 30.0  # seconds for one that does


class Missing(BaseException):
    """A job needs answers that are not in the memory yet; it passes by every ``except Exception``."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.questions = tuple(questions)
        super().__init__(f"{len(self.questions)} answers are not here yet")


class _Eager(Memory):
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


def run_all(
    jobs: Iterable[Job | None],
    *,
    first: Callable[[Job], Iterable[Question]],
    following: Callable[[Answer], Iterable[Question]] = lambda answer: (),
    work: Callable[[Job, Network], Result],
    net: Network,
) -> Iterator[list[tuple[Job, Result]]]:
    """Yield *jobs* with what *work* returns for each, as they are done: those of one round together, often none.

    *first* are the questions that a job begins with, *following* those that an answer leads to: they need not be all,
    nor be needed.  *work* is given the job and *net* with its memory; it may be called several times and must do
    nothing but ask and judge.  200 jobs are under way at a time.  A job that is None says that there is none just
    now, but will be.  *net* must remember.
    """
    assert net.memory is not None, "run_all needs a network that remembers"
    crew: _Crew[Job] = _Crew(net, following)
    try:
        yield from crew.run(jobs, first, work)
    finally:
        crew.carrier.close()


class _Crew(Generic[Job]):
    """The jobs under way, and what each of them waits for."""

    def __init__(self, net: Network, following: Callable[[Answer], Iterable[Question]]) -> None:
        assert net.memory is not None
        self.net = net
        self.eager = replace(net, memory=_Eager(net.memory))
        self.following = following
        self.carrier = Carrier(net)
        self.waiting: dict[Question, list[_Task[Job]]] = {}
        self.ready: deque[_Task[Job]] = deque()

    def run(
        self,
        jobs: Iterable[Job | None],
        first: Callable[[Job], Iterable[Question]],
        work: Callable[[Job, Network], Result],
    ) -> Iterator[list[tuple[Job, Result]]]:
        coming = iter(jobs)
        under_way, more = 0, True
        while more or under_way:
            while more and under_way < _MOST_JOBS and not self.carrier.full:
                try:
                    job = next(coming)
                except StopIteration:
                    more = False
                    break
                if job is None:
                    break
                under_way += 1
                self._wait_for(_Task(job), first(job))
            for question, answer in self.carrier.exchange(0.0 if self.ready else _TICK):
                self._answered(question, answer)
            done = []
            for task in [self.ready.popleft() for _ in range(min(_AT_ONCE, len(self.ready)))]:
                try:
                    patient = task.runs > _MOST_RUNS
                    result = work(task.job, self.net.remembering(_ALONE) if patient else self.eager)
                except Missing as missing:
                    task.runs += 1
                    self._wait_for(task, missing.questions)
                else:
                    done.append((task.job, result))
            under_way -= len(done)
            yield done

    def _wait_for(self, task: _Task[Job], questions: Iterable[Question]) -> None:
        coming = list(questions)
        while coming:
            name, rdtype = coming.pop()
            question = (name.lower().removesuffix("."), rdtype.upper())
            if question in task.waits_for:
                continue
            known = self.net.recall(*question)
            if known is not None:
                coming += self._following(task, question, known)
                continue
            task.waits_for.add(question)
            if (others := self.waiting.get(question)) is None:
                self.waiting[question] = [task]
                self.carrier.ask(question)
            else:
                others.append(task)
        if not task.waits_for:
            self.ready.append(task)

    def _following(self, task: _Task[Job], question: Question, answer: Answer) -> Iterable[Question]:
        if question in task.followed or len(task.followed) >= _MOST_FOLLOWED:
            return ()
        task.followed.add(question)
        return self.following(answer)

    def _answered(self, question: Question, answer: Answer | None) -> None:
        for task in self.waiting.pop(question):
            task.waits_for.discard(question)
            self._wait_for(task, () if answer is None else self._following(task, question, answer))
