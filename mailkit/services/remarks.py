"""What whoever decides about a plan should know besides its records: alignment, policy, and what nobody could tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailkit import dmarc
from mailkit.dmarc.records import Policy
from mailkit.network import Network, Status
from mailkit.network.exchangers import mail_exchangers
from mailkit.network.wildcards import by_wildcard
from mailkit.services.catalogue import Confidence
from mailkit.services.tickets import Action, DnsChange

__all__ = ["remarks"]

_MARK = "._domainkey."


def remarks(owner: str, zone: str, changes: Sequence[DnsChange], net: Network) -> Iterator[str]:
    """Yield the sentences that belong under a plan of *changes* for *owner*."""
    if any(change.action is Action.WAITS for change in changes):
        yield "What stands in {braces} is given out by the service's panel; its lines are comments until then."
    if any(change.confidence in (Confidence.THIRD_PARTY, Confidence.UNCONFIRMED) for change in changes):
        yield "Some of these records are known from third parties only: compare them with the panel."
    if zone == owner and net.lookup(owner, "SOA").status is Status.NXDOMAIN:
        yield f"The DNS knows no {owner}: check how it is spelled, or have it delegated first."
    lost = [t for t in ("A", "AAAA", "MX", "TXT") if zone != owner and by_wildcard(owner, net.lookup(owner, t), net)]
    if lost:
        yield (
            f"A wildcard answers for {owner} ({', '.join(lost)}), and no longer does once a name below it is published "
            "(RFC 4592 section 2.2): give it these records of its own first."
        )
    if mail_exchangers(owner, net=net).null_mx:
        yield "The domain takes no mail (null MX), so receivers may refuse mail from it (RFC 7505 section 4.2)."
    yield from _about_dmarc(owner, changes, net)


def _about_dmarc(owner: str, changes: Sequence[DnsChange], net: Network) -> Iterator[str]:
    found = dmarc.policy(owner, net=net)
    if found.status == "none" and all(change.part != "dmarc" for change in changes):
        yield f"DMARC: {found.reason}. Large receivers ask bulk senders for a record that counts (RFC 9989)."
    if found.status != "found" or found.parsed is None:
        return
    for path in dict.fromkeys(change.name for change in changes if _is_return_path(change, owner)):
        if found.parsed.aspf == "s" and path != owner:
            yield (
                f"The DMARC record wants strict alignment (aspf=s): SPF for {path} does not align with a From line of "
                f"{owner} (RFC 9989 section 4.4)."
            )
    for signer in dict.fromkeys(change.name.partition(_MARK)[2] for change in changes if _MARK in change.name):
        if found.parsed.adkim == "s" and signer != owner:
            yield (
                f"The DMARC record wants strict alignment (adkim=s): a signature of {signer} does not align with a "
                f"From line of {owner}; send as {signer}, or relax it."
            )
    if found.policy in (Policy.QUARANTINE, Policy.REJECT):
        yield f"DMARC says {found.policy} for what does not align: publish and verify before the first message."


def _is_return_path(change: DnsChange, owner: str) -> bool:
    return change.part.startswith("return path") or (change.part == "spf" and change.name != owner)
