"""Reverse DNS of an address: its name, whether the name leads back, and whether it looks like a customer line.

RFC 1912 section 2.1 asks that names and addresses match; RFC 8601 section 3 (as ``iprev``) and the large
receivers' rules make of it a check on senders: forward-confirmed reverse DNS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from mailkit.network import Network, Status
from mailkit.network.parallel import each
from mailkit.op25b.generic_names import looks_generic
from mailkit.results import Record, Rows, Verdict, visible

__all__ = ["Reverse", "reverse"]

_MOST_NAMES = 10  # PTR records followed, as receivers do (RFC 8601 section 3, RFC 7208 section 4.6.4)
_MOST_ADDRESSES = 1000


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
    if scoped := next((ip for ip in ips if "%" in ip), ""):
        raise ValueError(f"{visible(scoped, 80)!r} is an address of one link only: no reverse name leads to it")
    return Rows(Reverse, each(lambda ip: _judge(ip, net), ips), caption=net.caption)


def _judge(address: str, net: Network) -> Reverse:
    answer = net.lookup(ipaddress.ip_address(address).reverse_pointer, "PTR")
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return Reverse(address, "", None, None, Verdict.UNKNOWN, f"cannot tell: {answer.reason}")
    if not answer:
        reason = "no reverse name: ask whoever gave you the address for one"
        return Reverse(address, "", False, None, Verdict.FAIL, reason)
    names = [text.rstrip(".") for text in answer.records]
    followed = names[:_MOST_NAMES]
    shown = visible(", ".join(followed))
    forward = each(lambda name: _leads_to(name, address, net), followed)
    generic = all(looks_generic(name, address) for name in followed)
    if True in forward and generic:
        reason = "leads back, but looks like one of a provider's range; many receivers refuse such senders"
        return Reverse(address, shown, True, True, Verdict.WARN, reason)
    if True in forward:
        return Reverse(address, shown, True, False, Verdict.PASS, "the name leads back to the address")
    if None in forward:
        reason = "cannot tell: the name's address was not to be had"
        return Reverse(address, shown, None, generic, Verdict.UNKNOWN, reason)
    if len(names) > _MOST_NAMES:
        reason = f"cannot tell: of {len(names)} names the first {_MOST_NAMES} were followed, and none leads back"
        return Reverse(address, shown, None, generic, Verdict.UNKNOWN, reason)
    return Reverse(address, shown, False, generic, Verdict.FAIL, "the name does not lead back to the address")


def _leads_to(name: str, address: str, net: Network) -> bool | None:
    try:
        answer = net.lookup(name, "A" if "." in address else "AAAA")
    except ValueError:  # what stands in a PTR record need not be a name that can be asked for
        return False
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return None
    return ipaddress.ip_address(address) in {ipaddress.ip_address(text) for text in answer.records}
