"""Preflight, the last section of lesson 00: what this machine and its network allow, ending in one verdict.

The practice internet needs nothing but loopback, so ``NETWORK = "lab"`` nearly always works.  What the real
internet needs is looked at one by one, and what cannot be known from here is ``unknown``.
"""

from mailkit.start_here.preflight.checking import PROBED_PORTS, examine
from mailkit.start_here.preflight.machine import Machine, this_machine
from mailkit.start_here.preflight.verdict import verdict

__all__ = ["PROBED_PORTS", "Machine", "examine", "this_machine", "verdict"]


def __dir__() -> list[str]:
    return sorted(__all__)
