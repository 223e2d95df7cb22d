"""Which doors were silent, so that one job does not wait twice for the same one, nor at length where nothing answers.

A connection that is dropped costs its whole timeout.  Several checks dial the same port of the same address, and on
a dead network every one of them is silent: without a memory the waiting adds up to most of a minute.
"""

from __future__ import annotations

import threading

__all__ = ["Silence"]

_ENOUGH = 4  # silent doors, and not one that answered: then the way out is closed, and not each of these servers
_SHORT = 1.0  # seconds for each further door there
_AS_PATIENT = 0.9  # who waits little longer than the last one will hear nothing new


class Silence:
    """What did not answer so far, by the place one dials from.  Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silent: dict[tuple[str, str, int], float] = {}  # how long somebody waited there
        self._answered: set[str] = set()

    def patience(self, place: str, address: str, port: int, wanted: float) -> float:
        """Return how many of the *wanted* seconds to wait for *address*:*port* from *place*; 0 is not at all."""
        with self._lock:
            waited = self._silent.get((place, address, port), 0.0)
            if waited >= wanted * _AS_PATIENT:
                return 0.0
            silent = sum(1 for where, _, _ in self._silent if where == place)
            hopeless = silent >= _ENOUGH and place not in self._answered
        return min(wanted, _SHORT) if hopeless else wanted

    def heard(self, place: str) -> None:
        """Note that something answered at *place*, be it with a refusal."""
        with self._lock:
            self._answered.add(place)

    def nothing(self, place: str, address: str, port: int, waited: float) -> None:
        """Note that nothing came back from *address*:*port* within *waited* seconds."""
        with self._lock:
            self._silent[place, address, port] = max(waited, self._silent.get((place, address, port), 0.0))
