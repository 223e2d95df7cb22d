"""A memory of what the DNS answered, for one job: each question is asked once, also by threads at the same time.

It knows no TTL: make one for each job (``net.remembering()``), not one for a day.  For a job on very many domains it
keeps the answers that were used last: those that domains share stay, those of one domain go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.silence import Silence

__all__ = ["Memory"]

_T = TypeVar("_T")

_AS_PATIENT = 0.9  # an asker with little more patience than the last one will hear nothing new


@dataclass(frozen=True)
class _Asked:
    """A question under way or answered, and how many seconds its asker was ready to wait."""

    answer: Future[Answer]
    patience: float


class Memory:
    """What was found out so far.  Safe to use from several threads.

    It holds *most* answers, those used last; None is no limit.
    """

    def __init__(self, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._asked: dict[Hashable, _Asked] = {}  # in the order of their last use
        self._most = most
        self._facts: dict[Hashable, Future[Any]] = {}
        self._given_up: dict[Hashable, str] = {}
        self.silence = Silence()
        self.heard: dict[Any, Any] = {}  # what validating an answer has asked of the zones above it

    def answer(self, question: Hashable, patience: float, ask: Callable[[], Answer]) -> Answer | None:
        """Return the answer to *question*, from memory or by calling *ask*; None when it did not come in time.

        *patience* is in seconds.  A TIMEOUT found with clearly less patience is no answer: it is asked again.
        """
        with self._lock:
            asked = self._asked.get(question)
            if asked is None or _gave_up_early(asked, patience):
                asked = _Asked(Future(), patience)
                mine = True
            else:
                mine = False
            self._keep(question, asked)
        if mine:
            _settle(asked.answer, ask)
        try:
            answer = asked.answer.result(patience)
        except TimeoutError:
            return None
        if answer.status is Status.TIMEOUT and asked.patience < patience * _AS_PATIENT:
            return self.answer(question, patience, ask)
        return answer

    def known(self, question: Hashable, patience: float) -> Answer | None:
        """Return the answer to *question* when it is in memory, as somebody with *patience* may have it; else None."""
        with self._lock:
            asked = self._asked.get(question)
            if asked is None or not asked.answer.done() or _gave_up_early(asked, patience):
                return None
            self._keep(question, asked)
            return asked.answer.result()

    def put(self, question: Hashable, answer: Answer, patience: float) -> None:
        """Note *answer*, which somebody with *patience* was given; one that is there or on its way stays."""
        with self._lock:
            asked = self._asked.get(question)
            if asked is None or _gave_up_early(asked, patience):
                asked = _Asked(Future(), patience)
                asked.answer.set_result(answer)
                self._keep(question, asked)

    def missing(self, questions: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
        """Return those of *questions*, which are not in memory, that are to be asked now: all of them."""
        return questions

    def _keep(self, question: Hashable, asked: _Asked) -> None:
        """Put *asked* last in the order of use, and let the oldest answers go where there are too many."""
        self._asked.pop(question, None)
        self._asked[question] = asked
        while self._most is not None and len(self._asked) > self._most:
            oldest = next(iter(self._asked))
            if not self._asked[oldest].answer.done():  # somebody waits for it, though not for long
                break
            del self._asked[oldest]

    def fact(self, key: Hashable, find_out: Callable[[], _T]) -> _T:
        """Return what *find_out* returns, calling it for each *key* once: those who ask meanwhile wait for it."""
        with self._lock:
            known = self._facts.get(key)
            if known is None:
                future: Future[Any] = Future()
                self._facts[key] = future
        if known is None:
            try:
                _settle(future, find_out)
            except BaseException:  # an interrupt, say: the next one who asks tries again
                with self._lock:
                    self._facts.pop(key, None)
                raise
            known = future
        found: _T = known.result()
        return found

    def give_up(self, servers: Hashable, reason: str) -> None:
        """Note that *servers* are silent: from now on nobody waits for them."""
        with self._lock:
            self._given_up[servers] = reason

    def gave_up(self, servers: Hashable) -> str:
        """Return why nobody waits for *servers* any more, "" while they are asked."""
        with self._lock:
            return self._given_up.get(servers, "")

    @property
    def questions(self) -> int:
        """How many different questions were asked so far."""
        with self._lock:
            return len(self._asked)


def _settle(future: Future[Any], work: Callable[[], Any]) -> None:
    """Put what *work* returns into *future*, or what it raises: nobody may wait for ever."""
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
        raise


def _gave_up_early(asked: _Asked, patience: float) -> bool:
    """Return whether somebody with *patience* may hear more than the one who asked."""
    if not asked.answer.done():
        return False
    if asked.answer.exception() is not None:  # that asker was interrupted
        return True
    return asked.answer.result().status is Status.TIMEOUT and asked.patience < patience * _AS_PATIENT
