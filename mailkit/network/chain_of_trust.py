"""The keys of each zone, trusted from the anchor down (RFC 4035 section 5), and where the chain ends.

A hostile zone can make validation expensive, with many keys and signatures that look alike (CVE-2023-50387,
"KeyTrap") or with hashes of hashes (CVE-2023-50868): everything is counted.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping, Sequence
from datetime import datetime

import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.RRSIG import RRSIG

from mailkit.network import exchange
from mailkit.network.denial import Proofs
from mailkit.network.exchange import Nameserver
from mailkit.network.nsec3 import Denial
from mailkit.network.security import Security
from mailkit.network.trust_anchors import Anchors

__all__ = ["Chain", "Heard", "NotSecureError", "TooMuchWorkError", "UnknownError"]

_IN = dns.rdataclass.IN
_CNAME, _DNSKEY, _DS = dns.rdatatype.CNAME, dns.rdatatype.DNSKEY, dns.rdatatype.DS

# What is computed here, and by BIND 9.18, of the registries of RFC 9904: SHA-1, SHA-256, SHA-384; RSA, ECDSA, EdDSA.
_DIGESTS = frozenset({1, 2, 4})
_ALGORITHMS = frozenset({5, 7, 8, 10, 13, 14, 15, 16})

# Responses of the name servers that several chains share: each validates them anew.
Heard = MutableMapping[tuple[tuple[Nameserver, ...], dns.name.Name, dns.rdatatype.RdataType], dns.message.Message]

_MOST_HEARD = 1_000
_MOST_QUESTIONS = 40
_MOST_KEYS = 16  # of a zone
_MOST_SIGNATURES = 8  # of an RRset
_MOST_ALIKE = 4  # keys with the same tag and algorithm: two are chance, more are made on purpose
_MOST_CHECKS = 100  # of a signature by a key, for one answer


class NotSecureError(Exception):
    """Unsigned, or signed and wrong."""


class UnknownError(Exception):
    """It cannot be told from here."""


class TooMuchWorkError(Exception):
    """It is made to keep a validator busy."""


class Chain:
    """The trusted keys of each zone, asked for once and validated from the trust anchor down."""

    def __init__(
        self, anchors: Anchors, nameservers: Sequence[Nameserver], now: datetime, timeout: float,
        heard: Heard | None = None,
    ) -> None:  # fmt: skip
        self._anchors = anchors
        self._nameservers = nameservers
        self._now = now.timestamp()
        self._deadline = time.monotonic() + timeout
        self._checks = 0
        self._heard: Heard = {} if heard is None else heard
        self._responses: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.message.Message] = {}
        self._keys: dict[dns.name.Name, dns.rrset.RRset | None] = {}

    # What is signed ---------------------------------------------------------------------------------------------------

    def verify(self, rrset: dns.rrset.RRset, section: Sequence[dns.rrset.RRset]) -> RRSIG:
        """Return the signature in *section* that holds for *rrset*.

        Raises NotSecureError, UnknownError or TooMuchWorkError.
        """
        signatures = [s for r in section if r.name == rrset.name and r.covers == rrset.rdtype for s in r]
        for signature in signatures[:_MOST_SIGNATURES]:
            if not isinstance(signature, RRSIG) or not rrset.name.is_subdomain(signature.signer):
                continue
            if rrset.rdtype == _DS and signature.signer == rrset.name:
                continue  # a zone cannot vouch for itself
            try:
                keys = self._keys_of(signature.signer)
            except NotSecureError:
                continue
            if self._holds(rrset, signature, tuple(keys)):
                return signature
        raise NotSecureError

    def proofs(self, response: dns.message.Message) -> Proofs:
        """Return what the verified NSEC and NSEC3 records of *response* prove.  Raises as :meth:`verify`."""
        return Proofs(response.authority, lambda rrset: self.verify(rrset, response.authority))

    def _keys_of(self, zone: dns.name.Name) -> dns.rrset.RRset:
        """Return the DNSKEY records of *zone* once they are trusted (RFC 4035 section 5.2)."""
        if zone not in self._keys:
            self._keys[zone] = None  # until it is known better: nothing is tried twice
            self._keys[zone] = self._validated_keys(zone)
        found = self._keys[zone]
        if found is None:
            raise NotSecureError
        return found

    def _validated_keys(self, zone: dns.name.Name) -> dns.rrset.RRset | None:
        trusted = self._anchors.get(zone) or self._delegation(zone)
        response = self._ask(zone, _DNSKEY)
        keys = response.get_rrset(response.answer, zone, _IN, _DNSKEY)
        if keys is None or len(keys) > _MOST_KEYS:
            return None
        entry = [key for key in keys if isinstance(key, DNSKEY) and any(_matches(zone, key, t) for t in trusted)]
        signatures = response.get_rrset(response.answer, zone, _IN, dns.rdatatype.RRSIG, _DNSKEY)
        for signature in [*(signatures or ())][:_MOST_SIGNATURES]:
            if signature.signer == zone and self._holds(keys, signature, entry):
                return keys
        return None

    def _delegation(self, zone: dns.name.Name) -> tuple[dns.rdata.Rdata, ...]:
        """Return the DS records by which the parent trusts *zone*.  Raises NotSecureError when there are none."""
        self._anchor(zone)
        response = self._ask(zone, _DS)
        found = response.get_rrset(response.answer, zone, _IN, _DS)
        if found is None:
            raise NotSecureError
        self.verify(found, response.answer)
        return tuple(found)[:_MOST_KEYS]

    def _holds(self, rrset: dns.rrset.RRset, signature: RRSIG, keys: Sequence[dns.rdata.Rdata]) -> bool:
        alike = [
            key
            for key in keys
            if isinstance(key, DNSKEY)
            and key.algorithm == signature.algorithm
            and dns.dnssec.key_id(key) == signature.key_tag
        ]
        for key in alike[:_MOST_ALIKE]:
            self._checks += 1
            if self._checks > _MOST_CHECKS:
                raise TooMuchWorkError
            self._left()
            if _is_made_by(key, rrset, signature, self._now):
                return True
        return False

    # What is not signed -----------------------------------------------------------------------------------------------

    def why_not_secure(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> Security:
        """Return INSECURE when a zone between the anchor and *name* is proven to be unsigned, else BOGUS.

        It is for an answer without a signature that holds: who takes signatures away must not be taken for a zone
        that has none (RFC 4035 section 5.2).  Raises UnknownError or TooMuchWorkError.
        """
        for depth in range(len(self._anchor(name)) + 1, len(name) + 1):
            ancestor = dns.name.Name(name.labels[-depth:])
            if rdtype == _DS and ancestor == name:
                break  # which lies in the zone above
            try:
                insecure, ends_here = self._cut(ancestor)
            except NotSecureError:
                break
            if insecure:
                return Security.INSECURE
            if ends_here:
                break
        return Security.BOGUS

    def _cut(self, name: dns.name.Name) -> tuple[bool, bool]:
        """Return whether an unsigned zone begins at *name*, and whether there is nothing at and below it."""
        response = self._ask(name, _DS)
        if found := response.get_rrset(response.answer, name, _IN, _DS):
            self.verify(found, response.answer)
            # Where all algorithms are unknown to a validator, the zone is to it as one without signatures.
            return not any(_is_supported(ds) for ds in found), False
        if alias := response.get_rrset(response.answer, name, _IN, _CNAME):
            self.verify(alias, response.answer)
            return False, False
        proofs = self.proofs(response)
        absent = response.rcode() == dns.rcode.NXDOMAIN
        denial = proofs.denies_name(name) if absent else proofs.denies_type(name, _DS)
        if denial is Denial.NOT_PROVEN:
            raise NotSecureError
        return denial is not Denial.PROVEN or proofs.is_delegation(name), absent

    # Asking -----------------------------------------------------------------------------------------------------------

    def _anchor(self, name: dns.name.Name) -> dns.name.Name:
        """Return the closest trust anchor above *name*."""
        above = [anchor for anchor in self._anchors if name.is_subdomain(anchor)]
        if not above:
            raise UnknownError
        return max(above, key=len)

    def _left(self) -> float:
        """Return how many seconds are left."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise UnknownError
        return left

    def _ask(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.message.Message:
        left = self._left()
        if (name, rdtype) not in self._responses:
            if len(self._responses) >= _MOST_QUESTIONS:
                raise UnknownError
            key = (tuple(self._nameservers), name, rdtype)
            response = self._heard.get(key)
            if response is None:
                response = self._ask_anew(name, rdtype, left)
                if len(self._heard) >= _MOST_HEARD:
                    self._heard.clear()
                self._heard[key] = response
            self._responses[name, rdtype] = response
        return self._responses[name, rdtype]

    def _ask_anew(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, left: float) -> dns.message.Message:
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232, want_dnssec=True)
        try:
            response = exchange.ask(query, self._nameservers, left)
        except (OSError, dns.exception.DNSException, EOFError, exchange.BadResponse):
            raise UnknownError from None
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise UnknownError
        return response


def _is_made_by(key: DNSKEY, rrset: dns.rrset.RRset, signature: RRSIG, now: float) -> bool:
    alone = dns.rrset.from_rdata(signature.signer, rrset.ttl, key)
    try:
        dns.dnssec.validate_rrsig(rrset, signature, {signature.signer: alone}, now=now)
    except Exception:  # besides ValidationFailure, all that a mangled key makes the cryptography raise
        return False
    return True


def _matches(zone: dns.name.Name, key: DNSKEY, trusted: dns.rdata.Rdata) -> bool:
    """Return whether *trusted*, a DS or a DNSKEY, stands for *key*."""
    if not isinstance(trusted, DS):
        return bool(key == trusted)
    try:
        return bool(trusted == dns.dnssec.make_ds(zone, key, trusted.digest_type, validating=True))
    except (dns.exception.DNSException, ValueError):
        return False  # a digest of an unknown or broken kind (RFC 9904)


def _is_supported(ds: dns.rdata.Rdata) -> bool:
    """Return whether algorithm and digest of *ds* can be validated here."""
    assert isinstance(ds, DS)
    return ds.digest_type in _DIGESTS and ds.algorithm in _ALGORITHMS
