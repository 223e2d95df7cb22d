"""Connecting to the first of several addresses that answers, directly or through a proxy."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import Future

from mailkit.network import socks
from mailkit.network.deadline import Deadline
from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.pace import Pace
from mailkit.network.silence import Silence
from mailkit.network.slots import Slots
from mailkit.network.socks import Proxy

__all__ = ["LookupFailed", "check_port", "first_of", "telling", "within"]


class LookupFailed(OSError):
    """A name could not be turned into an address; ``answer`` is what the DNS said."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.name}: {answer.status} ({answer.reason})")
        self.answer = answer


def check_port(port: int) -> None:
    """Raise ValueError for what is no TCP port."""
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535, not {port!r}")


def first_of(
    addresses: Sequence[str],
    port: int,
    deadline: Deadline,
    *,
    proxy: Proxy | None,
    slots: Slots,
    queue: float,
    spare: int = 0,
    silence: Silence | None = None,
    place: str = "",
    pace: Pace | None = None,
    patience: float = 0.0,
) -> socket.socket:
    """Return a socket connected to the first of *addresses* that takes the connection, before *deadline*.

    Each address has its share of the time, and *spare* shares are kept for addresses not known yet.  Waiting for one
    of the *slots*, at most *queue* seconds, does not count.  What *silence* knows to be silent from *place* is not
    waited for again.  With *pace*, that of a practice internet, an address that answers has *patience* seconds instead,
    which do not count.  Raises what the last attempt raised.
    """
    failure: OSError = TimeoutError("timed out")
    for turn, address in enumerate(addresses):
        with deadline.paused():
            taken = slots.take(address, queue)
        try:
            # A silent address must leave time for the next one.
            share = deadline.left() / (len(addresses) + spare - turn)
            if pace is None or pace.drops(address, port):
                wait = silence.patience(place, address, port, share) if silence else share
                return _connect(
                    address, port, wait, share, proxy, silence or Silence(), place, patience if pace else 0.0
                )
            with deadline.paused():
                return _connect(address, port, max(share, patience), share, proxy, silence or Silence(), place)
        except OSError as error:
            failure = error
        if taken:
            slots.give_back(address)
        if deadline.over:
            break
    raise failure


def _connect(
    address: str,
    port: int,
    wait: float,
    timeout: float,
    proxy: Proxy | None,
    silence: Silence,
    place: str,
    login: float = 0.0,
) -> socket.socket:
    if not wait:
        raise TimeoutError("timed out")
    try:
        if proxy is not None:
            sock = socks.connect(proxy, address, port, wait, login)
        else:
            sock = socket.create_connection((address, port), wait)
    except TimeoutError:
        silence.nothing(place, address, port, wait)
        raise
    except ConnectionError:  # refused or reset: something is there
        silence.heard(place)
        raise
    silence.heard(place)
    sock.settimeout(timeout)
    return sock


def within(later: Future[Answer], deadline: Deadline, seconds: float) -> Answer | None:
    """Return what *later* brings within *seconds* and before *deadline*, else None."""
    try:
        return later.result(deadline.at_most(seconds))
    except TimeoutError:
        return None


def telling(first: Answer, second: Answer | None) -> Answer:
    """Return which of two answers without an address says more about why; None is one that never came."""
    if second is None:
        return Answer(first.name, "AAAA", Status.TIMEOUT, reason="no name server answered in time")
    failed = (Status.TIMEOUT, Status.SERVFAIL)
    return second if second.status in failed and first.status not in failed else first
