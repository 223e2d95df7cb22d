"""What signed NSEC3 records prove not to be there (RFC 5155 section 8).

An NSEC3 record names its owner and the next one by their hashes, so that nobody can walk through the zone.  What lies
between two hashes does not exist, unless the record bears the flag Opt-Out: then there may be unsigned delegations.
These functions take NSEC3 RRsets whose signatures have been verified, all of them of one zone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import dns.name
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.NSEC3 import NSEC3

from mailkit.network.nsec import has_type

__all__ = ["MOST_ITERATIONS", "Denial", "Hashes"]

# Each iteration costs the validator, and buys the zone nothing (RFC 9276 section 3.1): above this number a zone counts
# as one that is not signed (section 3.2).  BIND 9.18 draws the line at the same place.
MOST_ITERATIONS = 150

_CNAME, _DNAME, _DS = dns.rdatatype.CNAME, dns.rdatatype.DNAME, dns.rdatatype.DS
_NS, _SOA = dns.rdatatype.NS, dns.rdatatype.SOA
_SHA1, _OPT_OUT = 1, 1
_BASE32_HEX = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


class Denial(StrEnum):
    """What the records say to the claim that something is not there."""

    PROVEN = "proven"
    OPT_OUT = "opt-out"  # nothing signed is there; something unsigned may be (section 6)
    TOO_COSTLY = "too costly"  # nobody has hashed so often to find out (RFC 9276 section 3.2)
    NOT_PROVEN = "not proven"


@dataclass(frozen=True)
class _Record:
    owner: bytes
    record: NSEC3

    def covers(self, digest: bytes) -> bool:
        """Return whether *digest* lies between the two hashes; the last record points back to the first."""
        if self.owner < self.record.next:
            return self.owner < digest < self.record.next
        return digest > self.owner or digest < self.record.next

    def has(self, rdtype: dns.rdatatype.RdataType) -> bool:
        return has_type(self.record.windows, rdtype)


class Hashes:
    """The NSEC3 records of *zone* among *proofs*, and what they prove of a name below it."""

    def __init__(self, zone: dns.name.Name, proofs: Sequence[dns.rrset.RRset]) -> None:
        self.zone = zone
        found = [(proof.name, record) for proof in proofs for record in proof if isinstance(record, NSEC3)]
        # Unknown hashes and flags are passed over (section 8.2), and all the others must be made alike.
        read = [_Record(owner, r) for name, r in found if (owner := _owner(name, zone, r)) is not None]
        first = read[0].record if read else None
        self._records = [r for r in read if first and _made(r.record) == _made(first)]
        self._iterations, self._salt = _made(first) if first else (0, b"")
        self._digests: dict[dns.name.Name, bytes] = {}

    @property
    def too_costly(self) -> bool:
        """True when the zone asks for more iterations than a validator has to make (RFC 9276 section 3.2)."""
        return self._iterations > MOST_ITERATIONS

    def denies_name(self, name: dns.name.Name) -> Denial:
        """Return whether there is neither *name* nor a wildcard that would stand in for it (section 8.4)."""
        closest, denial = self._closest(name)
        if closest is None or not self._covering(dns.name.Name((b"*", *closest.labels))):
            return Denial.NOT_PROVEN
        return denial

    def denies_type(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> Denial:
        """Return whether *name* has no *rdtype* record and no alias (sections 8.5 to 8.7)."""
        if own := self._matching(name):
            return Denial.PROVEN if _lacks(own, rdtype, name) else Denial.NOT_PROVEN
        closest, denial = self._closest(name)
        if closest is None:
            return Denial.NOT_PROVEN
        wildcard = self._matching(dns.name.Name((b"*", *closest.labels)))
        if wildcard and _lacks(wildcard, rdtype, name):
            return denial
        # Where a delegation is not signed, its DS is absent and so is its NSEC3 record (section 8.6).
        return Denial.OPT_OUT if rdtype == _DS and denial is Denial.OPT_OUT else Denial.NOT_PROVEN

    def denies_closer_name(self, name: dns.name.Name, labels: int) -> Denial:
        """Return whether the wildcard with *labels* labels after its asterisk rightly stands in for *name* (8.8)."""
        covering = self._covering(dns.name.Name(name.labels[-(labels + 2) :]))
        return _judged(covering) if covering else Denial.NOT_PROVEN

    def is_delegation(self, name: dns.name.Name) -> bool:
        """Return whether *name* has name servers of its own, as its parent says."""
        own = self._matching(name)
        return own is not None and own.has(_NS) and not own.has(_SOA)

    def _closest(self, name: dns.name.Name) -> tuple[dns.name.Name | None, Denial]:
        """Return the closest name above *name* that exists, and whether the one below it does not (section 8.3)."""
        below = name
        while below != self.zone and below.is_subdomain(self.zone):
            candidate = below.parent()
            if own := self._matching(candidate):
                covering = self._covering(below)
                cut = own.has(_DNAME) or (own.has(_NS) and not own.has(_SOA))
                if covering is None or cut:
                    return None, Denial.NOT_PROVEN
                return candidate, _judged(covering)
            below = candidate
        return None, Denial.NOT_PROVEN

    def _matching(self, name: dns.name.Name) -> _Record | None:
        digest = self._digest(name)
        return next((record for record in self._records if record.owner == digest), None)

    def _covering(self, name: dns.name.Name) -> _Record | None:
        digest = self._digest(name)
        return next((record for record in self._records if record.covers(digest)), None)

    def _digest(self, name: dns.name.Name) -> bytes:
        """Return the hash of *name* (section 5)."""
        if name not in self._digests:
            wire = name.canonicalize().to_wire()
            assert wire is not None  # it is when written to no file
            digest = hashlib.sha1(wire + self._salt, usedforsecurity=False).digest()
            for _ in range(self._iterations):
                digest = hashlib.sha1(digest + self._salt, usedforsecurity=False).digest()
            self._digests[name] = digest
        return self._digests[name]


def _made(record: NSEC3) -> tuple[int, bytes]:
    return record.iterations, record.salt


def _judged(covering: _Record) -> Denial:
    return Denial.OPT_OUT if covering.record.flags & _OPT_OUT else Denial.PROVEN


def _owner(name: dns.name.Name, zone: dns.name.Name, record: NSEC3) -> bytes | None:
    """Return the hash that *name* is; None for a record that cannot be used."""
    if record.algorithm != _SHA1 or record.flags & ~_OPT_OUT or name == zone or name.parent() != zone:
        return None
    try:
        return base64.b32decode(name.labels[0].upper().translate(_BASE32_HEX))
    except (binascii.Error, ValueError):
        return None


def _lacks(own: _Record, rdtype: dns.rdatatype.RdataType, name: dns.name.Name) -> bool:
    """Return whether the owner has no such type, as the right side of a zone cut says it (RFC 6840 section 4.1)."""
    if own.has(rdtype) or own.has(_CNAME):
        return False
    if rdtype == _DS:
        return not own.has(_SOA) or name == dns.name.root
    return own.has(_SOA) or not own.has(_NS)
