"""Threads for what the servers of a practice internet must not do on its event loop, since it takes a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["Workers"]

_T = TypeVar("_T")


class Workers:
    """Up to *most* threads.  ``at_work`` counts the jobs whose outcome has not reached the event loop yet."""

    def __init__(self, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self.at_work = 0

    async def run(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Return what *work* returns for *arguments*, or raise what it raises."""
        self.at_work += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self.at_work -= 1

    def close(self) -> None:
        """Wait for what is going on, and begin nothing more."""
        self._pool.shutdown(cancel_futures=True)
