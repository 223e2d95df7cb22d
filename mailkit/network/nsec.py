"""What signed NSEC records prove not to be there (RFC 4035 section 5.4, RFC 6840 section 4.1).

An NSEC record names its owner, the next name of the zone in canonical order, and the types the owner has.  These
functions take NSEC RRsets whose signatures have been verified, all of them of one response.
"""

from __future__ import annotations

from collections.abc import Sequence

import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.NSEC import NSEC

__all__ = ["has_type", "is_delegation", "proves_no_closer_name", "proves_no_name", "proves_no_type"]

Windows = Sequence[tuple[int, bytes]]

_CNAME, _DNAME, _DS = dns.rdatatype.CNAME, dns.rdatatype.DNAME, dns.rdatatype.DS
_NS, _SOA = dns.rdatatype.NS, dns.rdatatype.SOA


def proves_no_name(proofs: Sequence[dns.rrset.RRset], name: dns.name.Name) -> bool:
    """Return whether there is neither *name* nor a wildcard that would stand in for it."""
    covering = _covering(proofs, name)
    if covering is None or _next(covering).is_subdomain(name):
        return False  # a name below *name* exists, so *name* does: an empty non-terminal
    return _covering(proofs, _wildcard(covering, name)) is not None


def proves_no_type(proofs: Sequence[dns.rrset.RRset], name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> bool:
    """Return whether *name* is there, but no *rdtype* record (and no alias) of it."""
    for proof in proofs:
        if proof.name == name:
            return _lacks(proof, rdtype)
    covering = _covering(proofs, name)
    if covering is None:
        return False
    if _next(covering).is_subdomain(name):
        return True
    wildcard = _wildcard(covering, name)
    return any(proof.name == wildcard and _lacks(proof, rdtype) for proof in proofs)


def proves_no_closer_name(proofs: Sequence[dns.rrset.RRset], name: dns.name.Name, labels: int) -> bool:
    """Return whether the wildcard with *labels* labels after its asterisk rightly stands in for *name*."""
    next_closer = dns.name.Name(name.labels[-(labels + 2) :])
    covering = _covering(proofs, next_closer)
    return covering is not None and not _next(covering).is_subdomain(next_closer)


def is_delegation(proofs: Sequence[dns.rrset.RRset], name: dns.name.Name) -> bool:
    """Return whether *name* has name servers of its own, as its parent says."""
    return any(proof.name == name and _has(proof, _NS) and not _has(proof, _SOA) for proof in proofs)


def has_type(windows: Windows, rdtype: dns.rdatatype.RdataType) -> bool:
    """Return whether *rdtype* is in the type bit maps *windows* (RFC 4034 section 4.1.2)."""
    window, place = divmod(rdtype, 256)
    octet, bit = divmod(place, 8)
    return any(w == window and len(bits) > octet and bits[octet] & (0x80 >> bit) for w, bits in windows)


def _record(proof: dns.rrset.RRset) -> NSEC:
    record = proof[0]
    assert isinstance(record, NSEC)
    return record


def _next(proof: dns.rrset.RRset) -> dns.name.Name:
    following = _record(proof).next
    assert isinstance(following, dns.name.Name)
    return following


def _has(proof: dns.rrset.RRset, rdtype: dns.rdatatype.RdataType) -> bool:
    return has_type(_record(proof).windows, rdtype)


def _lacks(proof: dns.rrset.RRset, rdtype: dns.rdatatype.RdataType) -> bool:
    """Return whether the owner has no such type, as the right side of a zone cut says it."""
    if _has(proof, rdtype) or _has(proof, _CNAME):
        return False
    at_apex = _has(proof, _SOA)
    if rdtype == _DS:  # of a DS, which is the parent's, the child's own NSEC says nothing
        return not at_apex or proof.name == dns.name.root
    return at_apex or not _has(proof, _NS)  # of what the child has, the parent's says nothing


def _covering(proofs: Sequence[dns.rrset.RRset], name: dns.name.Name) -> dns.rrset.RRset | None:
    """Return the record in whose gap *name* would lie."""
    for proof in proofs:
        owner, following = proof.name, _next(proof)
        last = following <= owner  # the last name of the zone points back to the first, its apex
        inside = owner < name and (name.is_subdomain(following) if last else name < following)
        cut = _has(proof, _DNAME) or (_has(proof, _NS) and not _has(proof, _SOA))
        if inside and not (cut and name.is_subdomain(owner)):
            return proof
    return None


def _wildcard(covering: dns.rrset.RRset, name: dns.name.Name) -> dns.name.Name:
    """Return the wildcard at the closest encloser of *name*, which the two ends of the gap betray."""
    common = max(name.fullcompare(end)[2] for end in (covering.name, _next(covering)))
    return dns.name.Name((b"*", *name.labels[-common:]))
