"""What a receiving mail server checks before it accepts a message: a table that lessons add to.

A check takes the :class:`Incoming` message and the server's network and returns what it found (:class:`Checked`).
A host of ``world.toml`` names the checks that it runs.  The code that judges here is the lessons' own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mailkit import dkim, op25b, spf
from mailkit.lab.world import Host
from mailkit.network import Network
from mailkit.results import Verdict
from mailkit.results.display import visible

__all__ = ["CHECKS", "Check", "Checked", "Incoming"]


@dataclass(frozen=True)
class Incoming:
    """A message at the door of *host*: who brings it, what the envelope says, and what it contains."""

    host: Host
    queue_id: str
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    protocol: str


@dataclass(frozen=True)
class Checked:
    """What a check found.

    ``results`` go into Authentication-Results (the ``resinfo`` of RFC 8601 section 2.2), ``fields`` are further
    header fields to stamp on the message, ``refusal`` is the SMTP reply to give instead of 250; each may be empty.
    """

    results: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    refusal: str = ""


Check = Callable[[Incoming, Network], Checked]


def _reverse_dns(incoming: Incoming, net: Network) -> Checked:
    """Refuse clients whose reverse DNS is missing, does not lead back (RFC 7372 section 3.3) or looks generic.

    The last is IP25B, inbound port 25 blocking: the receiver's half of what OP25B does at the sender's provider.
    """
    found = op25b.reverse(incoming.client, net=net)[0]
    if found.verdict is Verdict.UNKNOWN:
        return Checked(refusal="451 4.7.25 Reverse DNS cannot be checked now, try again later")
    if not found.confirmed:
        return Checked(refusal=f"550 5.7.25 [{incoming.client}] {found.reason}")
    if found.generic:
        words = "looks like a customer line; send through your provider"
        return Checked(refusal=f"550 5.7.1 [{incoming.client}] {found.name} {words}")
    return Checked(results=(f"iprev=pass policy.iprev={incoming.client}",))


def _spf(incoming: Incoming, net: Network) -> Checked:
    """Evaluate SPF for the envelope (RFC 7208) and say so; refuse nobody, since DKIM may still vouch for it."""
    found = spf.check(incoming.client, incoming.sender, incoming.helo, net=net)
    identity = "smtp.mailfrom" if incoming.sender else "smtp.helo"
    return Checked((f"spf={found.result} {identity}={_value(found.domain)}",), (_folded(found.received_spf),))


def _value(text: str) -> str:
    """Return what a client said as a value of Authentication-Results: quoted where it could pass for more than one."""
    if re.fullmatch(r"[A-Za-z0-9._-]+", text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", visible(text, 253)) + '"'


def _folded(field: str) -> str:
    """Return a Received-SPF field on several lines, broken where it has a space already (RFC 5322 section 2.2.3)."""
    return field.replace(") client-ip=", ")\r\n client-ip=").replace("; ", ";\r\n ")


def _dkim(incoming: Incoming, net: Network) -> Checked:
    """Verify every DKIM signature (RFC 6376)."""
    rows = dkim.verify(incoming.content, net=net)
    return Checked(
        tuple(
            f"dkim={row.result}" + (f" header.d={row.domain} header.s={row.selector}" if row.domain else "")
            for row in rows
        )
    )


CHECKS: Mapping[str, Check] = {"reverse_dns": _reverse_dns, "spf": _spf, "dkim": _dkim}
