"""What the verified NSEC and NSEC3 records of one response deny, whichever of the two a zone uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dns.name
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.RRSIG import RRSIG

from mailkit.network import nsec
from mailkit.network.nsec3 import Denial, Hashes

__all__ = ["Proofs", "is_expanded"]

_MOST_PROOFS = 8  # of one response; a proof takes three records at most (RFC 5155 section 7.2)
_NSEC, _NSEC3 = dns.rdatatype.NSEC, dns.rdatatype.NSEC3


class Proofs:
    """The records of *section* that prove something, once *verify* has found their signatures good.

    ``verify(rrset)`` returns the signature that holds, and raises where none does.
    """

    def __init__(self, section: Iterable[dns.rrset.RRset], verify: Callable[[dns.rrset.RRset], RRSIG]) -> None:
        self._nsec: list[dns.rrset.RRset] = []
        hashed: dict[dns.name.Name, list[dns.rrset.RRset]] = {}
        for rrset in [r for r in section if r.rdtype in (_NSEC, _NSEC3)][:_MOST_PROOFS]:
            signature = verify(rrset)
            if is_expanded(rrset.name, signature):
                continue  # one that a wildcard stands for proves nothing
            if rrset.rdtype == _NSEC3:
                hashed.setdefault(signature.signer, []).append(rrset)
            elif rrset[0].next.is_subdomain(signature.signer):  # nor does one that points out of its zone
                self._nsec.append(rrset)
        self._hashes = [Hashes(zone, proofs) for zone, proofs in hashed.items()]

    def denies_name(self, name: dns.name.Name) -> Denial:
        """Return whether there is neither *name* nor a wildcard that would stand in for it."""
        if nsec.proves_no_name(self._nsec, name):
            return Denial.PROVEN
        return self._by_hashes(name, lambda hashes: hashes.denies_name(name))

    def denies_type(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> Denial:
        """Return whether *name* is there, but no *rdtype* record (and no alias) of it."""
        if nsec.proves_no_type(self._nsec, name, rdtype):
            return Denial.PROVEN
        return self._by_hashes(name, lambda hashes: hashes.denies_type(name, rdtype))

    def denies_closer_name(self, name: dns.name.Name, labels: int) -> Denial:
        """Return whether the wildcard with *labels* labels after its asterisk rightly stands in for *name*."""
        if nsec.proves_no_closer_name(self._nsec, name, labels):
            return Denial.PROVEN
        return self._by_hashes(name, lambda hashes: hashes.denies_closer_name(name, labels))

    def is_delegation(self, name: dns.name.Name) -> bool:
        """Return whether *name* has name servers of its own, as the zone above it says."""
        return nsec.is_delegation(self._nsec, name) or any(hashes.is_delegation(name) for hashes in self._hashes)

    def _by_hashes(self, name: dns.name.Name, denies: Callable[[Hashes], Denial]) -> Denial:
        around = [hashes for hashes in self._hashes if name.is_subdomain(hashes.zone)]
        if not around:
            return Denial.NOT_PROVEN
        closest = max(around, key=lambda hashes: len(hashes.zone))
        return Denial.TOO_COSTLY if closest.too_costly else denies(closest)


def is_expanded(name: dns.name.Name, signature: RRSIG) -> bool:
    """Return whether the record of *name* was made from a wildcard (RFC 4035 section 5.3.2)."""
    return bool(signature.labels < len(name.labels) - 1 - name.is_wild())
