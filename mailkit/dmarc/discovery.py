"""``policy``: which DMARC record applies to a domain, and what it asks for (RFC 9989 section 4.10.1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mailkit.dmarc.asking import Node, ask
from mailkit.dmarc.public_suffix import OldWay, old_way
from mailkit.dmarc.records import DmarcRecord, Policy
from mailkit.dmarc.spoilt import spoiler
from mailkit.dmarc.tree_walk import Query, Walk, walk
from mailkit.network import Network, Status
from mailkit.network.health import trouble
from mailkit.network.names import to_ascii
from mailkit.results import Record, Rows, hidden

__all__ = ["TIMEOUT", "Discovery", "discover", "policy"]

TIMEOUT = 20.0  # seconds for all lookups of one discovery or evaluation


@dataclass(frozen=True)
class Discovery(Record):
    """The DMARC record that applies to a domain, and how it was found.

    ``status`` is "found", "none" (no DMARC) or "temperror" (the DNS did not say).  ``record`` is the text found at
    ``_dmarc.``\\ ``where``.  ``policy`` is what it asks for in the case of this domain: after sp, np and t.  ``exists``
    is whether the domain is there, where that matters (np), else None.  ``queries`` is the tree walk, ``old`` what a
    receiver of RFC 7489 finds, ``differences`` where the two part.
    """

    domain: str
    status: str
    record: str
    where: str
    policy: Policy | None
    organizational_domain: str
    reason: str
    exists: bool | None
    differences: tuple[str, ...]
    queries: Rows[Query] = hidden(None)
    old: OldWay = hidden(None)
    parsed: DmarcRecord | None = hidden(None)
    walk: Walk | None = hidden(None)

    @property
    def testing(self) -> bool:
        """True when the record says t=y."""
        return self.parsed is not None and self.parsed.testing


def policy(domain: str, *, net: Network) -> Discovery:
    """Return the DMARC record that applies to mail from *domain*, where it was found and by which queries.

    At most eight questions for the tree walk, 20 seconds for everything.  Raises ValueError for what is no domain
    name, TypeError for what is no text.
    """
    return discover(to_ascii(domain), net.remembering(TIMEOUT))


def discover(domain: str, net: Network) -> Discovery:
    """Return what :func:`policy` does for *domain*, given with A-labels, over a *net* that remembers."""
    path = walk(domain, net)
    found = _choose(path)
    exists: bool | None = None
    asked: Policy | None = None
    if found is not None and found.record is not None:
        status, exists, asked, reason = _judge(domain, found, found.record, net)
    else:
        status, reason = ("temperror" if path.failed else "none"), _why_none(path)
        # A resolver that lies shows no record anywhere: what it says is not "no DMARC".
        if wrong := trouble(net):
            status, reason = "temperror", f"{wrong}: whether there is a record is not known"
    old = old_way(domain, net)
    where = found.domain if found else ""
    text = found.record.text if found and found.record else ""
    organizational = path.organizational_domain
    return Discovery(
        domain=domain,
        status=status,
        record=text,
        where=where,
        policy=asked,
        organizational_domain=organizational,
        reason=reason,
        exists=exists,
        queries=path.queries,
        differences=_differences(status, where, organizational, asked, old),
        old=old,
        parsed=found.record if found else None,
        walk=path,
    )


def _choose(path: Walk) -> Node | None:
    """Return where the record that applies stands, None where there is none or it is not known.

    The domain's own comes first, then its organizational domain's, then the public suffix's; any other on the way is
    passed over.
    """
    first, last = path.nodes[0], path.nodes[-1]
    if first.record is not None:
        return first
    if path.failed:
        return None
    for place in path.nodes:
        if place.record is not None and place.domain == path.organizational_domain:
            return place
    return last if last.record is not None and last.record.psd == "y" else None


def _why_none(path: Walk) -> str:
    if failed := path.failed:
        answer = f" ({failed.node.answer.reason})" if failed.node else ""
        return f"{failed.name} was not answered{answer}: whether there is a record is not known"
    if any(len(place.texts) > 1 for place in path.nodes):
        return "several DMARC records at one name, which are all discarded, and no other"
    own = path.nodes[0]
    if own.almost:
        return f"what stands at {own.name} is no DMARC record ({spoiler(own.almost[0])}), nor is there one above it"
    return "no DMARC record at the domain or above it"


def _judge(domain: str, place: Node, record: DmarcRecord, net: Network) -> tuple[str, bool | None, Policy | None, str]:
    """Return status, whether the domain exists, the policy that applies, and why."""
    if not record.usable:
        reason = (
            f"the record of {place.domain} has no valid policy and no valid rua: no DMARC (RFC 9989 section 4.10.1)"
        )
        return "none", None, None, reason
    if record.invalid_policy:
        reason = f"the record of {place.domain} has no valid policy, but a rua: it counts as p=none"
        return "found", None, Policy.NONE, reason
    inherited = place.domain != domain
    exists: bool | None = None
    why = f"p of {place.domain}"
    if inherited:
        why = f"sp of {place.domain}" if record.sp else f"p of {place.domain}, which has no sp"
        existing = record.policy_for(subdomain=True, exists=True)
        if record.np is not None and record.np is not existing:
            exists, doubt = _existence(domain, net)
            if exists is None and not doubt:
                return "temperror", None, None, f"whether {domain} exists was not answered, and np differs from sp"
            why = f"np of {place.domain}: {domain} does not exist" if exists is False else f"{why}{doubt}"
    asked = record.policy_for(subdomain=inherited, exists=exists is not False)
    if record.testing and asked is not Policy.NONE:
        return "found", exists, asked.one_lower, f"{why}: {asked}, one level lower because of t=y"
    return "found", exists, asked, f"{why}: {asked}"


def _existence(domain: str, net: Network) -> tuple[bool | None, str]:
    """Return whether *domain* exists (RFC 9989 section 3.2.13): it does not when the DNS says NXDOMAIN.

    Where even a made-up name beside it is there, by a wildcard or by compact denial (RFC 9824), nobody can tell: None,
    with a sentence.  None without one when the DNS did not say.
    """
    answer = ask(domain, "A", net)
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return None, ""
    if answer.status is Status.NXDOMAIN:
        return False, ""
    if answer.status is Status.NODATA or answer.records:
        made_up = "no-such-name-" + hashlib.sha256(domain.encode()).hexdigest()[:12]
        beside = ask(f"{made_up}.{domain.partition('.')[2]}", "A", net)
        if beside.status in (Status.NODATA, Status.NOERROR):
            return None, (
                "; whether the name exists cannot be told, since the DNS there answers for every name (a wildcard or"
                " RFC 9824): receivers take it for one that exists"
            )
    return True, ""


def _differences(status: str, where: str, organizational: str, asked: Policy | None, old: OldWay) -> tuple[str, ...]:
    """Return in sentences where the tree walk and the old way part."""
    if "temperror" in (status, old.status):
        return ()
    found = []
    if (status, where) != (old.status, old.where):
        new_words = f"the record of {where}" if status == "found" else "no record"
        old_words = f"the record of {old.where}" if old.status == "found" else "no record"
        found.append(f"the tree walk finds {new_words}, the old way {old_words}")
    if organizational != old.organizational_domain:
        found.append(f"the organizational domain is {organizational}, the old way {old.organizational_domain}")
    if status == old.status == "found" and asked is not old.policy:
        found.append(f"the policy is {asked}, the old way {old.policy}")
    if old.status == "found" and old.sampled < 100:
        found.append(f"the old way applies it to {old.sampled} % of the failing mail (pct), the new way to all")
    return tuple(found)
