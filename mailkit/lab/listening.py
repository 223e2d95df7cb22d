"""A listener on the event loop of a practice internet, for servers that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from mailkit.lab.core import Lab

__all__ = ["listening"]

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def listening(lab: Lab, serve: Serve) -> Iterator[int]:
    """Run *serve* for each connection to a loopback port, which is yielded; in the end cut what is still going on."""
    tasks: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks weakly

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (OSError, EOFError, ValueError, LookupError):
            pass  # one side hung up or refused the handshake: that was that
        except asyncio.CancelledError:
            writer.transport.abort()  # all is over
        finally:
            tasks.discard(task)
            writer.close()

    async def stop(server: asyncio.Server) -> None:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = lab.run(asyncio.start_server(connected, "127.0.0.1", 0))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        lab.run(stop(server))
