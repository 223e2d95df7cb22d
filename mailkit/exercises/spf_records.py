"""Checking an SPF record that a learner wrote, by asking SPF about each sender as if it were published.

Nothing in the practice internet changes, so there is nothing that a rerun or a reset could take away.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from mailkit import lab, spf
from mailkit.exercises.core import CannotCheck, Checker
from mailkit.network import DnsRecord, Network
from mailkit.spf.full_walk import walk_fully
from mailkit.spf.resolver import Resolver
from mailkit.spf.tried_terms import TriedTerm

__all__ = ["record_for"]

_LONGEST = 2_000  # characters of a record that is tried


def record_for(
    domain: str, *, senders: Mapping[str, str], outsiders: Mapping[str, str], includes: Sequence[str]
) -> Checker:
    """Check a record for *domain*: *senders* pass, *outsiders* do not, and others' hosts are named by *includes*."""

    def check(answer: Any) -> str | None:
        if not isinstance(answer, str) or not re.match(r"v=spf1(?: |$)", answer.strip(), re.IGNORECASE):
            return "The answer is the text of one record, between quotes. It begins with `v=spf1`."
        record = answer.strip()
        if not record.isascii() or not record.isprintable():
            return "A record is one line of ASCII text (RFC 7208 section 3.1)."
        if len(record) > _LONGEST:
            return (
                "That is longer than it need be: RFC 7208 section 3.4 advises to stay below 450 octets, name included."
            )
        net = lab.start().network().overlay([DnsRecord(domain, "TXT", record)])
        for address, who in {**senders, **outsiders}.items():
            found = spf.check(address, domain, f"client.{domain}", net=net)
            if found.result == "temperror":
                raise CannotCheck(f"SPF could not be asked about `{address}` just now: {found.reason}. Check again.")
            if address in senders and found.result != "pass":
                return f"`{address}` ({who}) gets {found.result}: {found.reason}."
            # For an IPv6 client names without such addresses are void lookups, and more than two of them permerror.
            refused = ("fail", "softfail", "permerror") if ":" in address else ("fail", "softfail")
            if address in outsiders and found.result not in refused:
                return f"`{address}` ({who}) gets {found.result}: {found.reason}. It is no sender, so it should fail."
        own = list(_own_terms(domain, net))
        named = {entry.target.lower().rstrip(".") for entry in own if entry.kind in ("include", "redirect")}
        for name in includes:
            if name not in named:
                return (
                    f"Everyone passes today. But the addresses at `{name}` are another company's: when it moves, "
                    "only an include moves with it."
                )
        return next((wrong for entry in own if (wrong := _lets_in(entry, senders, includes))), None)

    return check


def _own_terms(domain: str, net: Network) -> Iterator[TriedTerm]:
    """Return the terms of the record of *domain* itself by which a client over IPv4 or IPv6 may pass."""
    for version in (4, 6):
        walk = walk_fully(domain, version, Resolver(net, time.monotonic() + 30))
        if walk.temporary or walk.failed:
            raise CannotCheck("The DNS did not answer all that the record asks. Check again.")
        yield from (e for e in walk.entries if e.parent is None and (e.verb == "pass" or e.kind == "redirect"))


def _lets_in(entry: TriedTerm, senders: Mapping[str, str], includes: Sequence[str]) -> str | None:
    """Say whom *entry*, a term of the answer, lets in who is none of *senders* nor behind *includes*."""
    term = f"`{entry.term}`"
    if entry.kind in ("include", "redirect"):
        known = entry.target.lower().rstrip(".") in includes
        return None if known else f"{term} lets in hosts of others that none of your senders needs."
    if entry.kind in ("exists", "ptr"):
        return f"Whom {term} lets in depends on names that others choose. Name your senders."
    addresses = [entry.target] if entry.kind in ("ip4", "ip6") else entry.seen
    for address in addresses:
        network = ipaddress.ip_network(f"{address}/{entry.prefix}", strict=False)
        for host in islice(network, len(senders) + 1):
            if str(host) not in senders:
                return f"{term} lets `{host}` in too, which is none of your senders."
    return None
