"""A memory of what the DNS answered, for one job: each question is asked once, also by threads at the same time.

It knows no TTL: make one for each job (``net.remembering()``), not one for a day.  For a job on very many domains it
keeps the answers that were used last: those that domains share stay, those of one domain go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.silence import Silence

__all__ = ["Memory"]

_T = TypeVar("_T")

_AS_PATIENT = 0.9  # an asker with little more patience than the last one will hear nothing new


class _Asked(NamedTuple):
    """A question under way, and how many seconds its asker is ready to wait."""

    answer: Future[Answer]
    patience: float


class _Known(NamedTuple):
    """An answer, and how many seconds its asker was ready to wait."""

    answer: Answer
    patience: float

    def serves(self, patience: float) -> bool:
        """Return whether somebody with *patience* would hear no more than this."""
        return self.answer.status is not Status.TIMEOUT or self.patience >= patience * _AS_PATIENT


class Memory:
    """What was found out so far.  Safe to use from several threads.

    It holds *most* answers, those used last; None is no limit.
    """

    def __init__(self, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, _Known] = {}  # with a limit, in the order of their last use
        self._under_way: dict[Hashable, _Asked] = {}
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
            if (known := self._recalled(question, patience)) is not None:
                return known
            asked = self._under_way.get(question)
            mine = asked is None
            if asked is None:
                asked = self._under_way[question] = _Asked(Future(), patience)
        if mine:
            return self._ask(question, asked, ask)
        try:
            answer = asked.answer.result(patience)
        except TimeoutError:
            return None
        if not _Known(answer, asked.patience).serves(patience):
            return self.answer(question, patience, ask)
        return answer

    def _ask(self, question: Hashable, asked: _Asked, ask: Callable[[], Answer]) -> Answer:
        """Call *ask* for all who wait for *asked*: none waits for ever, and after an interrupt the next one asks."""
        try:
            answer = ask()
        except BaseException as error:
            with self._lock:
                del self._under_way[question]
            asked.answer.set_exception(error)
            raise
        with self._lock:
            del self._under_way[question]
            self._keep(question, _Known(answer, asked.patience))
        asked.answer.set_result(answer)
        return answer

    def known(self, question: Hashable, patience: float) -> Answer | None:
        """Return the answer to *question* when it is in memory, as somebody with *patience* may have it; else None."""
        with self._lock:
            return self._recalled(question, patience)

    def put(self, question: Hashable, answer: Answer, patience: float) -> None:
        """Note *answer*, which somebody with *patience* was given; one that is there or on its way stays."""
        with self._lock:
            if question not in self._under_way and self._recalled(question, patience) is None:
                self._keep(question, _Known(answer, patience))

    def missing(self, questions: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
        """Return those of *questions*, which are not in memory, that are to be asked now: all of them."""
        return questions

    def _recalled(self, question: Hashable, patience: float) -> Answer | None:
        known = self._known.get(question)
        if known is None or not known.serves(patience):
            return None
        if self._most is not None:
            self._known[question] = self._known.pop(question)
        return known.answer

    def _keep(self, question: Hashable, known: _Known) -> None:
        """Put *known* last in the order of use, and let the oldest answer go where there are too many."""
        self._known.pop(question, None)
        self._known[question] = known
        if self._most is not None and len(self._known) > self._most:
            del self._known[next(iter(self._known))]

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
            return len(self._known) + len(self._under_way)


def _settle(future: Future[Any], work: Callable[[], Any]) -> None:
    """Put what *work* returns into *future*, or what it raises: nobody may wait for ever."""
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
        raise
