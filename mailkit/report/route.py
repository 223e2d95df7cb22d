"""The way of a received message, and the one line of it that can be relied on: who handed it to the receiver?

Received fields grow from below to above (RFC 5321 section 4.4).  The receiver's own servers wrote the topmost ones;
everything below the line in which its border server took the message was there before, and anybody may have written
it.  That line is looked for from the top: as long as a server of the receiver took the message from another one of its
own, the line below is the receiver's as well.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailkit.dmarc.public_suffix import registered_domain
from mailkit.message import received
from mailkit.message.fields import Field
from mailkit.message.received import Hop
from mailkit.network import LookupFailed, Network
from mailkit.network.addresses import is_routed
from mailkit.network.names import is_host_name, to_ascii
from mailkit.results import Record, Rows, hidden

__all__ = ["Route", "organization", "route_of"]

_MAX_CONFIRMED = 8  # hops whose server is looked up
_LOGGED_IN = re.compile(r"(ESMTP|LMTP|UTF8SMTP|UTF8LMTP)S?A\b", re.IGNORECASE)  # RFC 3848, RFC 6531 section 4.3


@dataclass(frozen=True)
class Route(Record):
    """How a message came.

    ``receiver`` is the organization that took it, ``address`` the host that handed it over and ``helo`` what that host
    called itself, "" where they are not known; ``found`` says how.  ``hops`` are all servers, the first one on top;
    the last ``own`` of them are the receiver's own word.  ``border`` is the place, among the header fields, of the line
    in which the receiver took the message.
    """

    receiver: str
    address: str
    helo: str
    found: str
    own: int
    hops: Rows[Hop] = hidden(None)
    border: int | None = hidden(None)
    total: int = hidden(0)


def organization(host: str) -> str:
    """Return the registered name that *host* belongs to, "" for what is no name of two labels or more."""
    try:
        name = to_ascii(host.split(" ")[0])
    except ValueError:
        return ""
    return registered_domain(name) if "." in name and is_host_name(name) and not _is_address(name) else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def route_of(fields: Sequence[Field], net: Network) -> Route:
    """Return the way that the header *fields*, from top to bottom, tell of."""
    places = [place for place, field in enumerate(fields) if field.key == b"received"]
    lines = b"".join(b"Received:" + fields[place].value for place in places[:150])
    hops = received.chain(lines)
    newest = list(zip(reversed(hops), places))
    if not newest:
        found = "there is no Received field: the message was not received by a server, or the copy is not whole"
        return Route("", "", "", found, 0, hops, None, 0)
    receiver = next((name for hop, _ in newest if (name := organization(hop.by))), "")
    own = 0  # lines that the receiver wrote
    inside: list[tuple[Hop, int]] = []  # those in which it took the message from a server of its own
    for hop, place in newest:
        name = organization(hop.by)
        if name and name != receiver:
            break
        own += 1
        if _LOGGED_IN.search(hop.protocol):
            break
        if hop.client and is_routed(hop.client):
            if len(inside) < _MAX_CONFIRMED and _is_own(hop, receiver, net):
                inside.append((hop, place))
                continue
            return _at(hop, place, receiver, own, hops, len(places))
        if not hop.client and hop.helo and organization(hop.helo) not in ("", receiver):
            found = f"{hop.by or 'the receiver'} took it from {hop.helo}, but wrote down no address"
            return Route(receiver, "", hop.helo, found, own, hops, place, len(places))
    if inside:  # sent and received within one organization
        hop, place = inside[-1]
        return _at(hop, place, receiver, own, hops, len(places))
    found = "no line of the receiver's says from which outside address it took the message"
    if own and _LOGGED_IN.search(newest[own - 1][0].protocol):
        found = "its sender handed it in with a login, and no other server took it after that: SPF is not asked there"
    return Route(receiver, "", "", found, own, hops, newest[own - 1][1] if own else None, len(places))


def _at(hop: Hop, place: int, receiver: str, own: int, hops: Rows[Hop], total: int) -> Route:
    below = total - own
    found = f"{hop.by.split(' ')[0] or 'a server'} of the receiver {receiver or '(unnamed)'} took it from there"
    if below > 0:
        lines = "the Received field below" if below == 1 else f"the {below} Received fields below"
        found += f"; {lines}: anybody may have written {'it' if below == 1 else 'them'}"
    return Route(receiver, hop.client, hop.helo, found, own, hops, place, total)


def _is_own(hop: Hop, receiver: str, net: Network) -> bool:
    """Return whether the receiver took it from a server of its own: by its name *and* that name's address.

    Everybody may greet with the receiver's name, and name its hosts in the reverse DNS.
    """
    if not receiver or organization(hop.helo) != receiver:
        return False
    try:
        return hop.client in net.addresses(to_ascii(hop.helo.split(" ")[0]))
    except (LookupFailed, ValueError):
        return False
