"""Asking and dialling from a place: one interface to the practice internet and to the real one."""

from mailkit.network.deadline import Deadline
from mailkit.network.dialling import LookupFailed, check_port
from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.names import is_host_name, same_name, to_ascii
from mailkit.network.place import Network
from mailkit.network.records import DnsRecord, parse_paste, paste
from mailkit.network.security import Security
from mailkit.network.settings import internet
from mailkit.network.slots import Slots
from mailkit.network.socks import NotConnected, ProxyError

__all__ = [
    "Answer",
    "Deadline",
    "DnsRecord",
    "LookupFailed",
    "Network",
    "NotConnected",
    "ProxyError",
    "Security",
    "Slots",
    "Status",
    "check_port",
    "internet",
    "is_host_name",
    "parse_paste",
    "paste",
    "same_name",
    "to_ascii",
]


def __dir__() -> list[str]:
    return sorted(__all__)
