"""Asking and dialling from a place: one interface to the practice internet and to the real one."""

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.place import LookupFailed, Network, Slots, check_port, internet
from mailkit.network.socks import NotConnected, ProxyError

__all__ = [
    "Answer",
    "LookupFailed",
    "Network",
    "NotConnected",
    "ProxyError",
    "Slots",
    "Status",
    "check_port",
    "internet",
]


def __dir__() -> list[str]:
    return sorted(__all__)
