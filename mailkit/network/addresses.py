"""What an IP address is to us: one that the internet routes, one of this machine, one from a textbook."""

from __future__ import annotations

import ipaddress

__all__ = ["is_address", "is_routed"]

# RFC 5737, RFC 3849, RFC 9637: nobody's on the internet, and the hosts' own in a practice internet.
_DOCUMENTATION = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
]


def is_address(text: str) -> bool:
    """Return whether *text* is an IP address and no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_routed(address: str) -> bool:
    """Return whether *address* can be somebody else's on the internet (RFC 6890).

    Loopback, private, link-local, multicast and other special addresses lead to one's own machine or network instead.
    Documentation addresses count as somebody else's: on the internet they lead nowhere, and every host of a practice
    internet has one.
    """
    ip = ipaddress.ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    documented = any(ip in network for network in _DOCUMENTATION if network.version == ip.version)
    return documented or (ip.is_global and not ip.is_multicast)
