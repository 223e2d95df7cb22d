"""An event loop in a thread of its own: where all servers of a practice internet run."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from mailkit.lab.faults import Faults

__all__ = ["LoopThread"]

_T = TypeVar("_T")

_PATIENCE = 300.0  # seconds for work on the loop; none of it takes more than a moment, on a machine that is not busy


class LoopThread:
    """A running event loop; errors that nobody was waiting for are noted in *faults*."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        # The selector loop is the one that every platform has; Windows would default to another.
        self._loop = asyncio.SelectorEventLoop(selectors.DefaultSelector())
        self._loop.set_exception_handler(self._note)
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run *work* on the loop and return what it returns, or raise what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def close(self) -> None:
        """Cancel what still runs and stop."""
        self.run(self._cancel_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    async def _cancel_tasks(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # A client that breaks off in the middle is no news, and a notebook must not show a traceback for it.
        self._faults.note(str(context.get("message")), context.get("exception"))
