"""What a receiving mail server checks before it accepts a message: a list that lessons add to.

A check takes the :class:`Incoming` message and the server's network and returns the header fields to stamp on the
message (each ending in CRLF) and a refusal, the SMTP reply to give instead of 250; both may be empty.  A host of
``world.toml`` names the checks that it runs, by the names of these functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailkit.lab.world import Host
from mailkit.network import Network

__all__ = ["CHECKS", "Check", "Incoming"]


@dataclass(frozen=True)
class Incoming:
    """A message at the door of *host*: who brings it, what the envelope says, and what it contains."""

    host: Host
    queue_id: str
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    protocol: str


Check = Callable[[Incoming, Network], tuple[str, str]]

CHECKS: list[Check] = []
