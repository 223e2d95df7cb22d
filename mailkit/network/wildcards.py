"""Telling what stands at a name from what a wildcard answers for every name (RFC 4592)."""

from __future__ import annotations

from mailkit.network.dns_lookup import Answer
from mailkit.network.place import Network

__all__ = ["MADE_UP", "by_wildcard"]

MADE_UP = "mailkit-made-up-name-4711"
"""A label that nobody publishes: only a wildcard answers for it."""


def by_wildcard(name: str, answer: Answer, net: Network) -> bool:
    """Return whether a made-up name beside *name* gets the same *answer*.

    Then a wildcard speaks, and a record of the name's own takes its place there.
    """
    parent = name.partition(".")[2]
    if not parent or not (answer.rdata or answer.chain):
        return False
    beside = net.lookup(f"{MADE_UP}.{parent}", answer.rdtype)
    return (beside.chain, set(beside.records)) == (answer.chain, set(answer.records))
