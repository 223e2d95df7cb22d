"""The practice internet: a whole little mail world with real protocols on loopback.

:func:`start` gives the one that ``mailkit.connect("lab")`` speaks to; ``Lab(folder)`` makes another.  Only
documentation addresses and reserved names are used (RFC 5737, RFC 3849, RFC 2606).
"""

from __future__ import annotations

import os
import threading

from mailkit.lab.core import Lab

__all__ = ["Lab", "start"]

_lock = threading.Lock()
_running: list[Lab] = []


def start() -> Lab:
    """Return this process's practice internet, started on first use."""
    with _lock:
        # After a fork the child has the object but not its thread: it needs a practice internet of its own.
        if not _running or _running[0].pid != os.getpid():
            _running[:] = [Lab().start()]
        return _running[0]
