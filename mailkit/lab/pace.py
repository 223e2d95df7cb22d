"""What a practice internet knows about its own silence: see :mod:`mailkit.network.pace`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailkit.lab.dns.resolver import CachingResolver
from mailkit.lab.router import Router
from mailkit.lab.world import Action
from mailkit.network.exchange import Nameserver

__all__ = ["LabPace"]


@dataclass(frozen=True)
class LabPace:
    """The :class:`mailkit.network.pace.Pace` of *who*, a vantage point or a host; *wait* waits for the servers.

    *nameservers* are those of this world.
    """

    who: str
    router: Router
    resolver: CachingResolver
    nameservers: frozenset[Nameserver]
    wait: Callable[[], None]

    def drops(self, address: str, port: int) -> bool:
        return self.router.decide(self.who, address, port).action is Action.DROP

    def serves(self, nameservers: tuple[Nameserver, ...]) -> bool:
        return self.nameservers.issuperset(nameservers)

    def is_mute(self, name: str = "") -> bool:
        point = self.router.world.vantage_points.get(self.who)
        if point is not None and point.dns == "silent":
            return True
        return self.resolver.is_silent(name) if name else self.resolver.is_silent_somewhere

    def catch_up(self) -> None:
        self.wait()
