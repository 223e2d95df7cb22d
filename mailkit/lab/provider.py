"""What a customer may ask of a cloud provider here, and what the provider checks first.

As at Amazon EC2 the reverse name of an address is the customer's own to set, once the name leads to the address
(Amazon EC2 user guide, "Use reverse DNS for email applications").
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from mailkit.lab.world import World
from mailkit.network import to_ascii

__all__ = ["refusal", "reverse_name"]


def reverse_name(address: str) -> str:
    """Return the name under which the reverse name of *address* is published.  Raises ValueError for no address."""
    return ipaddress.ip_address(address).reverse_pointer


def refusal(address: str, name: str, world: World, addresses_of: Callable[[str], tuple[str, ...]]) -> str:
    """Return why the provider does not give *address* the reverse name *name*, "" when it does.

    *addresses_of* returns what a name leads to.  Raises ValueError for what is no address or no name.
    """
    ip = str(ipaddress.ip_address(address))
    rented = [p for p in world.vantage_points.values() if any(rule.until_lifted for rule in p.rules)]
    if ip not in {point.address for point in rented}:
        return f"{ip} is not an address that a provider here rents out."
    host = to_ascii(name)
    leads_to = addresses_of(host)
    if ip not in leads_to:
        where = f"it leads to {', '.join(leads_to)}" if leads_to else "it has no address"
        return f"{host} does not lead to {ip}: {where}. Publish its A record first."
    return ""
