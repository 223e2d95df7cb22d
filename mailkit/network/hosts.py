"""The hosts that a domain's records name: their addresses, or why they are not to be dialled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mailkit.network.addresses import is_address
from mailkit.network.dialling import telling
from mailkit.network.dns_lookup import Status
from mailkit.network.names import to_ascii
from mailkit.network.place import Network
from mailkit.results import visible

__all__ = ["MOST_ADDRESSES", "Host", "Why", "look_up"]

MOST_ADDRESSES = 8  # of one host


class Why(StrEnum):
    """Why something that the DNS names is left out, or cut."""

    NO_ADDRESS = "no address"
    NO_NAME = "no host name"
    NO_PORT = "no port"
    NOT_OFFERED = "not offered"
    NOT_PUBLIC = "not public"
    TOO_MANY = "too many"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Host:
    """A host with the addresses to dial, IPv4 first.

    Where ``why`` is set, ``reason`` says it in a sentence: without ``addresses`` the host is left out; with them,
    they were too many and these are the first.  ``alias_of`` is the name that an alias (CNAME) leads to.
    """

    name: str
    addresses: tuple[str, ...] = ()
    why: Why | None = None
    reason: str = ""
    alias_of: str = ""


def look_up(names: Iterable[str], *, net: Network) -> dict[str, Host]:
    """Return each of *names* as a :class:`Host`, looked up at the same time; what is no name is a host without address.

    A host with an address that is not public, be it one of several, is left out: whoever dials it by name could reach
    a machine of one's own (:meth:`Network.reaches`).
    """
    asked = list(dict.fromkeys(names))
    net = net.remembering()
    net.prefetch((name, rdtype) for name in asked if not _fault(name) for rdtype in ("A", "AAAA"))
    return {name: _host(name, net) for name in asked}


def _fault(name: str) -> str:
    if is_address(name):
        return "an address stands where a host name belongs (RFC 5321 section 5.1, RFC 2782)"
    try:
        to_ascii(name)
    except ValueError:
        return "this is no host name"
    return ""


def _host(name: str, net: Network) -> Host:
    if fault := _fault(name):
        return Host(visible(name), why=Why.NO_NAME, reason=fault)
    host = to_ascii(name)
    ipv4, ipv6 = (net.lookup(name, rdtype) for rdtype in ("A", "AAAA"))
    alias = (ipv4.chain or ipv6.chain or ("",))[-1]
    found = ipv4.records + ipv6.records
    if not found:
        said = telling(ipv4, ipv6)
        unknown = said.status in (Status.TIMEOUT, Status.SERVFAIL)
        reason = said.reason if unknown else f"it has no address: {said.reason}"
        return Host(host, why=Why.UNKNOWN if unknown else Why.NO_ADDRESS, reason=reason, alias_of=alias)
    if own := [address for address in found if not net.reaches(address)]:
        reason = f"it leads to {', '.join(own[:3])}, which is no public address (RFC 6890)"
        return Host(host, why=Why.NOT_PUBLIC, reason=reason, alias_of=alias)
    if len(found) > MOST_ADDRESSES:
        reason = f"it has {len(found)} addresses; the first {MOST_ADDRESSES} are looked at"
        return Host(host, found[:MOST_ADDRESSES], Why.TOO_MANY, reason, alias)
    return Host(host, found, alias_of=alias)
