"""Reverse DNS of an address: its name, whether the name leads back, and whether it looks like a customer line.

RFC 1912 section 2.1 asks that names and addresses match; RFC 8601 section 3 (as ``iprev``) and the large
receivers' rules make of it a check on senders: forward-confirmed reverse DNS.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailkit.network import Network, Status
from mailkit.network.parallel import each
from mailkit.results import Record, Rows, Verdict, visible

__all__ = ["Reverse", "looks_generic", "reverse"]

_MOST_NAMES = 5  # PTR records followed; more than one or two is a mistake already
_MOST_ADDRESSES = 1000

# Words by which receivers know customer lines; a static customer line often bears them too.
_WORDS = re.compile(
    r"(^|[.\-_0-9])(dyn|dynamic|dynip|pool|dsl|adsl|vdsl|dhcp|ppp|pppoe|dial|dialup|cable|ftth|cust|customer|client|"
    r"broadband|res|home|vm|ec2|compute)([.\-_0-9]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reverse(Record):
    """The name that an address has in the DNS.

    ``confirmed`` says whether the name leads back to the address and ``generic`` whether it looks like one of a
    whole range; both are None where the DNS did not answer.
    """

    address: str
    name: str
    confirmed: bool | None
    generic: bool | None
    verdict: Verdict
    reason: str


def looks_generic(name: str, address: str) -> bool:
    """Return True when *name* spells *address* out, or bears a word that providers give to customer lines."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6:
        digits = ip.exploded.replace(":", "")
        return digits[16:] in re.sub(r"[^0-9a-f]", "", name.lower()) or bool(_WORDS.search(name))
    octets = str(ip).split(".")
    spelled = [r"[.\-_x]?".join(f"0{{0,2}}{octet}" for octet in order) for order in (octets, octets[::-1])]
    hexed = ip.packed.hex()
    return (
        any(re.search(rf"(?<!\d){s}(?!\d)", name) for s in spelled)
        or hexed in name.lower()
        or bool(_WORDS.search(name))
    )


def reverse(addresses: str | Iterable[str], *, net: Network) -> Rows[Reverse]:
    """Return the reverse DNS of each of *addresses*, judged as a receiver would.

    Raises ValueError for what is no IP address.
    """
    wanted = [addresses] if isinstance(addresses, str) else list(addresses)
    if not wanted or len(wanted) > _MOST_ADDRESSES:
        raise ValueError(f"addresses is a list of 1 to {_MOST_ADDRESSES} IP addresses")
    try:
        ips = [str(ipaddress.ip_address(address)) for address in wanted]
    except ValueError:
        raise ValueError(
            "addresses are IP addresses like '192.0.2.25'; look a host's up with net.addresses()"
        ) from None
    return Rows(Reverse, each(lambda ip: _judge(ip, net), ips), caption=net.caption)


def _judge(address: str, net: Network) -> Reverse:
    answer = net.lookup(ipaddress.ip_address(address).reverse_pointer, "PTR")
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return Reverse(address, "", None, None, Verdict.UNKNOWN, f"cannot tell: {answer.reason}")
    if not answer:
        reason = "no reverse name: ask whoever gave you the address for one"
        return Reverse(address, "", False, None, Verdict.FAIL, reason)
    names = [text.rstrip(".") for text in answer.records][:_MOST_NAMES]
    shown = visible(", ".join(names))
    forward = [_leads_to(name, address, net) for name in names]
    generic = all(looks_generic(name, address) for name in names)
    if True not in forward and None in forward:
        return Reverse(
            address, shown, None, generic, Verdict.UNKNOWN, "cannot tell: the name's address was not to be had"
        )
    if True not in forward:
        return Reverse(address, shown, False, generic, Verdict.FAIL, "the name does not lead back to the address")
    if generic:
        reason = "leads back, but looks like one of a provider's range; many receivers refuse such senders"
        return Reverse(address, shown, True, True, Verdict.WARN, reason)
    return Reverse(address, shown, True, False, Verdict.PASS, "the name leads back to the address")


def _leads_to(name: str, address: str, net: Network) -> bool | None:
    try:
        answer = net.lookup(name, "A" if "." in address else "AAAA")
    except ValueError:  # what stands in a PTR record need not be a name that can be asked for
        return False
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return None
    return ipaddress.ip_address(address) in {ipaddress.ip_address(text) for text in answer.records}
