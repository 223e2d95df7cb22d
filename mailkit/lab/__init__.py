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


def _forget() -> None:
    """After a fork: another thread may have held the lock, and the practice internet's own thread is not there."""
    global _lock
    _lock = threading.Lock()
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def start() -> Lab:
    """Return this process's practice internet, started on first use."""
    with _lock:
        if not _running:
            _running.append(Lab().start())
        return _running[0]


def __dir__() -> list[str]:
    return sorted(__all__)
