"""What the mail servers of the practice internet have heard from the DNS, kept from one message to the next.

They all ask one resolver.  An answer of its holds for as long as it can give no other: until the clock moves, somebody
publishes, or a fault comes or goes.  Till then nobody has to ask again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from mailkit.network import Answer, Status
from mailkit.network.memory import Memory

__all__ = ["Heard"]

_LASTING = (Status.NOERROR, Status.NODATA, Status.NXDOMAIN)  # a failure may be over when the next message comes


class Heard:
    """The answers that were given since *edition()* changed last.  Safe to use from several threads."""

    def __init__(self, edition: Callable[[], Hashable]) -> None:
        self._edition = edition
        self._lock = threading.Lock()
        self._of: Hashable = None
        self._answers: dict[Hashable, Answer] = {}

    def memory(self) -> Memory:
        """Return a memory for one message: what others made a server ask is in it already."""
        edition = self._edition()
        with self._lock:
            if edition != self._of:
                self._of, self._answers = edition, {}
            return _Shared(self._answers)


class _Shared(Memory):
    """A memory of its own, but for the *answers*: those come from everybody's, too, and go there."""

    def __init__(self, answers: dict[Hashable, Answer]) -> None:
        super().__init__()
        self._answers = answers

    def known(self, question: Hashable, patience: float) -> Answer | None:
        own = super().known(question, patience)
        return self._answers.get(question) if own is None else own

    def answer(self, question: Hashable, patience: float, ask: Callable[[], Answer]) -> Answer | None:
        if (heard := self.known(question, patience)) is not None:
            return heard
        answer = super().answer(question, patience, ask)
        if answer is not None and answer.status in _LASTING:
            self._answers[question] = answer
        return answer
