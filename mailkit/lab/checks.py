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
from mailkit.op25b import reverse
from mailkit.results import Verdict

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


def reverse_dns(incoming: Incoming, net: Network) -> tuple[str, str]:
    """Refuse clients whose reverse DNS is missing, does not lead back (RFC 7372 section 3.3) or looks generic.

    The last is IP25B, inbound port 25 blocking: the receiver's half of what OP25B does at the sender's provider.
    """
    found = reverse(incoming.client, net=net)[0]
    if found.verdict is Verdict.UNKNOWN:
        return "", "451 4.7.25 Reverse DNS cannot be checked now, try again later"
    if not found.confirmed:
        return "", f"550 5.7.25 [{incoming.client}] {found.reason}"
    if found.generic:
        return "", f"550 5.7.1 [{incoming.client}] {found.name} looks like a customer line; send through your provider"
    return "", ""


CHECKS: list[Check] = [reverse_dns]
