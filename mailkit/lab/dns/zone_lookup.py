"""What one zone says to one question, and how the answers of several zones become one response.

The algorithm is that of RFC 1034 section 4.3.2, with wildcards as RFC 4592 and negative answers as RFC 2308 have
them; NSEC records prove what is not there (RFC 4035 section 3.1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import dns.btreezone
import dns.flags
import dns.message
import dns.name
import dns.node
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

__all__ = ["PAYLOAD", "ZoneAnswer", "look_up", "respond"]

PAYLOAD = 1232
"""Octets of an answer over UDP, the size agreed on the DNS flag day of 2020."""

_MAX_ALIASES = 16
_IN = dns.rdataclass.IN
_CNAME, _DS, _NSEC = dns.rdatatype.CNAME, dns.rdatatype.DS, dns.rdatatype.NSEC
_RRSIG, _SOA = dns.rdatatype.RRSIG, dns.rdatatype.SOA

RRsets = tuple[dns.rrset.RRset, ...]


@dataclass(frozen=True)
class ZoneAnswer:
    """What one zone says to one question; an alias (CNAME) leads to the next step.

    ``secure`` is True when the zone is signed and so are all above it, up to the root.  Nobody may change the
    RRsets, since caches and responses share them.
    """

    rcode: dns.rcode.Rcode
    answer: RRsets = ()
    authority: RRsets = ()
    alias: dns.name.Name | None = None
    secure: bool = False

    @property
    def ttl(self) -> int:
        """For how many seconds a cache may keep this; not at all when the zone said nothing."""
        return min((rrset.ttl for rrset in (*self.answer, *self.authority)), default=0)

    def aged(self, seconds: int) -> ZoneAnswer:
        """Return the same with every TTL counted down by *seconds*."""
        return self._with_ttls(lambda ttl: max(0, ttl - seconds)) if seconds else self

    def at_most(self, seconds: int) -> ZoneAnswer:
        """Return the same with no TTL above *seconds*."""
        return self._with_ttls(lambda ttl: min(ttl, seconds)) if self.ttl > seconds else self

    def _with_ttls(self, changed: Callable[[int], int]) -> ZoneAnswer:
        answer, authority = (
            tuple(dns.rrset.from_rdata_list(r.name, changed(r.ttl), tuple(r)) for r in section)
            for section in (self.answer, self.authority)
        )
        return replace(self, answer=answer, authority=authority)


def look_up(zone: dns.btreezone.Zone, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> ZoneAnswer:
    """Return what *zone*, the closest one that encloses *name*, says to the question.

    A signed zone gives its signatures and proofs along.  A delegation whose zone is not in this world is one that
    nobody answers for: SERVFAIL.
    """
    with zone.reader() as txn:
        version = txn.version
    assert isinstance(version, dns.btreezone.ImmutableVersion)
    bounds = version.bounds(name)
    if bounds.is_delegation and not (bounds.is_equal and rdtype == _DS):
        return ZoneAnswer(dns.rcode.SERVFAIL)
    owner = name
    proof: RRsets = ()
    if not bounds.is_equal:
        proof = _covering(version, name)
        if bounds.closest_encloser == name:  # an empty non-terminal: the name exists, without records
            return ZoneAnswer(dns.rcode.NOERROR, authority=_soa(version) + proof)
        owner = dns.name.Name((b"*", *bounds.closest_encloser.labels))
        if owner not in version.nodes:
            proof = _distinct(proof + _covering(version, owner))
            return ZoneAnswer(dns.rcode.NXDOMAIN, authority=_soa(version) + proof)
    node = version.nodes[owner]
    if answer := _rrsets(node, name, rdtype):
        return ZoneAnswer(dns.rcode.NOERROR, answer, proof)
    if alias := _rrsets(node, name, _CNAME):
        return ZoneAnswer(dns.rcode.NOERROR, alias, proof, alias=alias[0][0].target)
    proof = _distinct(_rrsets(node, owner, _NSEC) + proof)
    return ZoneAnswer(dns.rcode.NOERROR, authority=_soa(version) + proof)


def _rrsets(node: dns.node.Node, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> RRsets:
    """Return the *rdtype* records of *node* as those of *name*, and their signatures; nothing when there are none."""
    found = [r for r in node.rdatasets if r.rdtype == rdtype]
    found += [r for r in node.rdatasets if r.rdtype == _RRSIG and r.covers == rdtype] if found else []
    return tuple(dns.rrset.from_rdata_list(name, rdataset.ttl, tuple(rdataset)) for rdataset in found)


def _soa(version: dns.btreezone.ImmutableVersion) -> RRsets:
    """Return the SOA with the TTL that a negative answer has (RFC 2308 section 3)."""
    origin = version.origin
    assert origin is not None
    found = _rrsets(version.nodes[origin], origin, _SOA)
    ttl = min(found[0].ttl, found[0][0].minimum)
    return tuple(dns.rrset.from_rdata_list(origin, ttl, tuple(rrset)) for rrset in found)


def _covering(version: dns.btreezone.ImmutableVersion, name: dns.name.Name) -> RRsets:
    """Return the NSEC record that shows there is no *name*; nothing from a zone that is not signed."""
    left = version.bounds(name).left
    cut, below = version.delegations.get_delegation(left)
    owner = cut if cut is not None and below else left  # glue has no NSEC, its delegation has
    return _rrsets(version.nodes[owner], owner, _NSEC)


def _distinct(rrsets: Iterable[dns.rrset.RRset]) -> RRsets:
    return tuple({(rrset.name, rrset.rdtype, rrset.covers): rrset for rrset in rrsets}.values())


def respond(
    query: dns.message.Message, ask: Callable[[dns.name.Name, dns.rdatatype.RdataType, bool], ZoneAnswer]
) -> dns.message.Message:
    """Return the response to *query*, whatever is in it, following aliases from one *ask* to the next.

    ``ask(name, rdtype, dnssec)`` says what the zone of *name* says.  AD is set where the client wants to know
    (RFC 6840 section 5.7) and every step was secure.  Aliases in a circle, or too many, are a SERVFAIL.
    """
    response = dns.message.make_response(query, our_payload=PAYLOAD)
    response.flags |= query.flags & dns.flags.CD
    if refusal := _refusal(query):
        response.set_rcode(refusal)
        return response
    name, rdtype = query.question[0].name, query.question[0].rdtype
    if rdtype == dns.rdatatype.ANY:  # RFC 8482 section 4.2
        response.answer.append(dns.rrset.from_text(name, 3600, _IN, "HINFO", '"RFC8482" ""'))
        return response
    dnssec = bool(query.ednsflags & dns.flags.DO)
    steps: list[ZoneAnswer] = []
    seen: set[dns.name.Name] = set()
    while True:
        seen.add(name)
        steps.append(step := ask(name, rdtype, dnssec))
        if step.alias is None:
            break
        name = step.alias
        if name in seen or len(seen) > _MAX_ALIASES:
            step = ZoneAnswer(dns.rcode.SERVFAIL)
            break
    response.set_rcode(step.rcode)
    if step.rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        response.answer.extend(_shown((r for s in steps for r in s.answer), dnssec, rdtype))
        response.authority.extend(_shown(_distinct(r for s in steps for r in s.authority), dnssec, rdtype))
        if (dnssec or query.flags & dns.flags.AD) and all(s.secure for s in steps):
            response.flags |= dns.flags.AD
    return response


def _refusal(query: dns.message.Message) -> dns.rcode.Rcode | None:
    """Return with which code a question is turned down that no zone need be asked."""
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if query.edns > 0:
        return dns.rcode.BADVERS
    if len(query.question) != 1:
        return dns.rcode.FORMERR
    rdtype = query.question[0].rdtype
    if query.question[0].rdclass != _IN or (dns.rdatatype.is_metatype(rdtype) and rdtype != dns.rdatatype.ANY):
        return dns.rcode.REFUSED  # zone transfers too: they are not for learners to ask a resolver
    return None


def _shown(rrsets: Iterable[dns.rrset.RRset], dnssec: bool, rdtype: dns.rdatatype.RdataType) -> RRsets:
    """Leave out signatures and proofs for a client that did not ask for them (RFC 4035 section 3.2.1)."""
    return tuple(r for r in rrsets if dnssec or r.rdtype not in (_RRSIG, _NSEC) or r.rdtype == rdtype)
