"""May reports on a domain be sent to another?  Only where that one agrees (RFC 9990 section 4, RFC 9991 section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailkit.dmarc.asking import ask
from mailkit.dmarc.discovery import TIMEOUT, Discovery
from mailkit.dmarc.records import is_policy_record, parse_record
from mailkit.dmarc.tree_walk import walk
from mailkit.network import Network, Status
from mailkit.results import Record
from mailkit.spf.characters import readable

__all__ = ["Consent", "Standing", "destinations", "standing"]

_LONGEST_NAME = 253
_MOST = 10  # addresses of one record that are looked at


class Consent(StrEnum):
    """How a host that is to receive reports stands to the domain they are about."""

    OWN = "own"  # of the same organization: it need not agree
    AGREED = "agreed"
    NOT_AGREED = "not agreed"
    TOO_LONG = "too long"  # the name to agree at cannot exist
    ELSEWHERE = "elsewhere"  # it names another host instead, which is not allowed
    UNKNOWN = "unknown"  # the DNS did not say


@dataclass(frozen=True)
class Standing(Record):
    """What was found: ``name`` is where consent is published, ``instead`` the addresses it names in place of ours."""

    consent: Consent
    name: str
    reason: str
    instead: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """True where reports may be sent."""
        return self.consent in (Consent.OWN, Consent.AGREED)


def standing(host: str, discovery: Discovery, net: Network) -> Standing:
    """Return whether *host* may get reports on the domain whose record is *discovery*."""
    place = discovery.where
    name = f"{place}._report._dmarc.{host}"
    theirs, ours = walk(host, net).organizational_domain, discovery.organizational_domain
    if not theirs or not ours:
        reason = f"whether {host} is of the same organization was not answered by the DNS"
        return Standing(Consent.UNKNOWN, name, reason)
    if theirs == ours:
        return Standing(Consent.OWN, name, f"{host} is of the same organization")
    if len(name) > _LONGEST_NAME:
        reason = f"{host} cannot agree to take reports on {place}: the name to publish it at is too long"
        return Standing(Consent.TOO_LONG, name, reason)
    answer = ask(name, "TXT", net)
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        reason = f"whether {host} has agreed to take reports on {place} is not known: {answer.reason}"
        return Standing(Consent.UNKNOWN, name, reason)
    texts = [readable(octets) for octets in answer.texts]
    agreed = [parse_record(text) for text in texts if is_policy_record(text)]
    if not agreed:
        reason = f"{host} has not agreed to take reports on {place} ({name} has no v=DMARC1): none are sent there"
        return Standing(Consent.NOT_AGREED, name, reason)
    instead = [uri for record in agreed for uri in record.rua if uri.scheme == "mailto"]
    if others := sorted({uri.host for uri in instead} - {host}):
        reason = f"{host} sends the reports on to {', '.join(others[:3])}, which is not allowed: none are sent"
        return Standing(Consent.ELSEWHERE, name, reason)
    reason = f"{host} has agreed to take reports on {place}"
    return Standing(Consent.AGREED, name, reason, tuple(uri.address for uri in instead))


def destinations(published: Discovery, *, net: Network) -> tuple[str, ...]:
    """Return the mail addresses that aggregate reports under the policy *published* may be sent to, in their order.

    An address elsewhere counts only where its host has agreed; what it names instead takes its place.
    """
    if published.parsed is None or published.status != "found":
        return ()
    net = net.remembering(TIMEOUT)
    found: list[str] = []
    for uri in published.parsed.rua[:_MOST]:
        if uri.scheme == "mailto" and (judged := standing(uri.host, published, net)).allowed:
            found += judged.instead or (uri.address,)
    return tuple(dict.fromkeys(found))
