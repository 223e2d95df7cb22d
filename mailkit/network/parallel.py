"""Doing many slow things at once, such that an interrupt in the notebook returns at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

__all__ = ["each", "meanwhile"]

_WORKERS = 48

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``function(item)`` for every item, in the order of *items*, computed on several threads.

    Raises what the first failing call raised.  On KeyboardInterrupt it does not wait for the threads: their
    sockets have deadlines of their own.
    """
    work = list(items)
    if not work:
        return []
    pool = ThreadPoolExecutor(min(_WORKERS, len(work)), thread_name_prefix="mailkit")
    try:
        futures = [pool.submit(function, item) for item in work]
        while wait(futures, timeout=0.5).not_done:
            pass  # short waits, since on Windows a long one cannot be interrupted
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def meanwhile(function: Callable[[], Result]) -> Future[Result]:
    """Start *function* on a thread of its own, which holds nothing up, and return its result to come."""
    future: Future[Result] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="mailkit", daemon=True).start()
    return future
