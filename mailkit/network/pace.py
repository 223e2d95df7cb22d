"""How a practice internet keeps the speed of this machine out of what is found in it.

Its servers share the machine with whoever asks them.  When that machine is busy, a second is over before a server that
is there has had its turn, and "nothing came back" would be wrong.  A practice internet knows where it is silent on
purpose: only there is the time to wait short, and before a conversation is given up, its servers get their turn.
"""

from __future__ import annotations

from typing import Protocol

from mailkit.network.exchange import Nameserver

__all__ = ["PATIENCE", "Pace"]

PATIENCE = 60.0  # seconds for what will answer; it decides nothing unless a server has broken down


class Pace(Protocol):
    """What a practice internet says about waiting for it, as seen from one place.  Safe to use from several threads."""

    def drops(self, address: str, port: int) -> bool:
        """Return whether every packet to *address*:*port* vanishes on the way."""

    def serves(self, nameservers: tuple[Nameserver, ...]) -> bool:
        """Return whether the practice internet itself answers at *nameservers*: of others it knows nothing."""

    def is_mute(self, name: str = "") -> bool:
        """Return whether the DNS says nothing when asked about *name*; without one, about any name at all."""

    def catch_up(self) -> None:
        """Return when the servers have nothing left to do: who has not answered by then is silent."""
