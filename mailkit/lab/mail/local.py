"""The addresses of a host's own domains: which there are, beside those of mailboxes."""

from __future__ import annotations

from datetime import datetime

from mailkit.lab.mail import srs
from mailkit.lab.world import World

__all__ = ["owner", "secret", "unknown"]


def secret(address: str) -> bytes:
    """Return what the domain of *address* makes its SRS addresses with; in the practice internet it is no secret."""
    return f"practice secret of {address.rpartition('@')[2].lower()}".encode()


def owner(address: str, world: World) -> str:
    """Return who gets the bounces to *address*, which is in lower case; "" when no list of *world* sends from it."""
    return next((each.owner for each in world.lists.values() if each.bounces == address), "")


def unknown(address: str, world: World, now: datetime) -> str:
    """Return why nobody has *address*, "" when somebody does."""
    known = address.lower()
    if known in world.mailboxes or known in world.lists or owner(known, world):
        return ""
    forwarder = known.rpartition("@")[2]
    if srs.is_rewritten(known) and any(each.endswith(f"@{forwarder}") for each in world.rewriting):
        try:
            srs.reverse(address, secret=secret(address), now=now)
        except ValueError as error:
            return f"this address leads nowhere: {error}"
        return ""
    return "there is no such mailbox"
