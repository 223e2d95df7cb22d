"""Validating a DNS answer: a chain of DNSKEY and DS records from the trust anchor down (RFC 4033 to 4035).

The judgement is one's own: the name servers are asked for the records of the chain, but not believed.  What is not
followed is said to be unknown: proofs by NSEC3 (RFC 5155) and DNAME records.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zonefile
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.RRSIG import RRSIG

from mailkit.network import exchange, nsec
from mailkit.network.exchange import Nameserver

__all__ = ["judge", "read_trust_anchor"]

Anchors = Mapping[dns.name.Name, tuple[dns.rdata.Rdata, ...]]

_IN = dns.rdataclass.IN
_CNAME, _DNAME, _DNSKEY, _DS = dns.rdatatype.CNAME, dns.rdatatype.DNAME, dns.rdatatype.DNSKEY, dns.rdatatype.DS
_NSEC, _NSEC3 = dns.rdatatype.NSEC, dns.rdatatype.NSEC3

# A hostile zone can make validation expensive (CVE-2023-50387): everything is counted.
_MAX_QUESTIONS = 40
_MAX_KEYS = 16
_MAX_SIGNATURES = 8
_MAX_PROOFS = 6
_MAX_ALIASES = 16


class _NotSecureError(Exception):
    """Unsigned, or signed and wrong."""


class _UnknownError(Exception):
    """It cannot be told from here."""


def judge(
    query: dns.message.Message,
    response: dns.message.Message,
    *,
    nameservers: Sequence[Nameserver],
    trust_anchor: str | None,
    now: datetime,
    timeout: float,
) -> bool | None:
    """Return True when *response* to *query*, asked with DO set, is validated by DNSSEC at the time *now*.

    False says that it is not to be trusted: it is unsigned, or its zone is (an insecure delegation), or its
    signatures do not hold (bogus).  None says that nobody can tell from here: the chain could not be asked for
    within *timeout* seconds, or the proof is of a kind that is not followed.

    Without *trust_anchor* it is the resolver's word (the AD bit) when all name servers are on this machine
    (RFC 4035 section 4.9.3), else None.  Raises ValueError when the file of the trust anchor holds none.
    """
    if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    if trust_anchor is None:
        local = nameservers and all(ipaddress.ip_address(host).is_loopback for host, _ in nameservers)
        return bool(response.flags & dns.flags.AD) if local else None
    chain = _Chain(read_trust_anchor(trust_anchor), nameservers, now, timeout)
    try:
        _check(query, response, chain)
    except _NotSecureError:
        return False
    except _UnknownError:
        return None
    return True


def read_trust_anchor(path: str) -> Anchors:
    """Return the DNSKEY and DS records to start from, by zone.

    The file is what BIND and delv take (``trust-anchors { . static-key 257 3 8 "…"; };``) or records as unbound
    takes them (``. IN DS 20326 8 2 …``).  Raises ValueError when there is none in it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        rrsets = [*_bind_anchors(text)] if "{" in text else dns.zonefile.read_rrsets(text, rdclass=None, default_ttl=0)
    except (OSError, dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"trust_anchor: {path!r} cannot be read: {error}") from None
    anchors: dict[dns.name.Name, tuple[dns.rdata.Rdata, ...]] = {}
    for rrset in rrsets:
        if rrset.rdtype in (_DNSKEY, _DS):
            anchors[rrset.name] = (*anchors.get(rrset.name, ()), *rrset)
    if not anchors:
        raise ValueError(f"trust_anchor: {path!r} holds no DS or DNSKEY record")
    return anchors


def _bind_anchors(text: str) -> Iterator[dns.rrset.RRset]:
    # A key may hold what looks like a comment: quoted texts are matched first, and kept.
    text = re.sub(r'("[^"]*")|/\*.*?\*/|//[^\n]*|#[^\n]*', lambda found: found[1] or " ", text, flags=re.DOTALL)
    statement = r'"?([^\s"{;]+)"?\s+(?:static|initial)-(key|ds)\s+(\d+)\s+(\d+)\s+(\d+)\s+"([^"]*)"'
    for name, kind, first, second, third, material in re.findall(statement, text):
        rdtype = "DNSKEY" if kind == "key" else "DS"
        yield dns.rrset.from_text(name, 0, "IN", rdtype, f"{first} {second} {third} {''.join(material.split())}")


class _Chain:
    """The trusted keys of each zone, asked for once and validated from the trust anchor down."""

    def __init__(self, anchors: Anchors, nameservers: Sequence[Nameserver], now: datetime, timeout: float) -> None:
        self._anchors = anchors
        self._nameservers = nameservers
        self._now = now.timestamp()
        self._deadline = time.monotonic() + timeout
        self._questions = 0
        self._keys: dict[dns.name.Name, dns.rrset.RRset] = {}

    def verify(self, rrset: dns.rrset.RRset, section: list[dns.rrset.RRset]) -> RRSIG:
        """Return the signature in *section* that holds for *rrset*.  Raises _NotSecureError or _UnknownError."""
        signatures = [s for r in section if r.name == rrset.name and r.covers == rrset.rdtype for s in r]
        for signature in signatures[:_MAX_SIGNATURES]:
            if not isinstance(signature, RRSIG) or not rrset.name.is_subdomain(signature.signer):
                continue
            if rrset.rdtype == _DS and signature.signer == rrset.name:
                continue  # a zone cannot vouch for itself
            self._check_time()
            try:
                keys = self.keys(signature.signer)
            except _NotSecureError:
                continue
            if _holds(rrset, signature, keys, self._now):
                return signature
        raise _NotSecureError

    def keys(self, zone: dns.name.Name) -> dns.rrset.RRset:
        """Return the DNSKEY records of *zone* once they are trusted (RFC 4035 section 5.2)."""
        if zone not in self._keys:
            trusted = self._anchors.get(zone) or self._delegation(zone)
            response = self._ask(zone, _DNSKEY)
            keys = response.get_rrset(response.answer, zone, _IN, _DNSKEY)
            if keys is None or len(keys) > _MAX_KEYS:
                raise _NotSecureError
            entry = [key for key in keys if isinstance(key, DNSKEY) and any(_matches(zone, key, t) for t in trusted)]
            if not entry:
                raise _NotSecureError
            signatures = response.get_rrset(response.answer, zone, _IN, dns.rdatatype.RRSIG, _DNSKEY)
            trusted_keys = dns.rrset.from_rdata_list(zone, keys.ttl, entry)
            for signature in [*(signatures or ())][:_MAX_SIGNATURES]:
                if signature.signer == zone and _holds(keys, signature, trusted_keys, self._now):
                    self._keys[zone] = keys
                    return keys
            raise _NotSecureError
        return self._keys[zone]

    def _delegation(self, zone: dns.name.Name) -> tuple[dns.rdata.Rdata, ...]:
        """Return the DS records by which the parent trusts *zone*; without them the delegation is insecure."""
        if not any(zone.is_subdomain(anchor) for anchor in self._anchors):
            raise _UnknownError
        response = self._ask(zone, _DS)
        found = response.get_rrset(response.answer, zone, _IN, _DS)
        if found is None:
            raise _NotSecureError
        self.verify(found, response.answer)
        return tuple(found)[:_MAX_KEYS]

    def _check_time(self) -> float:
        """Return how many seconds are left."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _UnknownError
        return left

    def _ask(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.message.Message:
        left = self._check_time()
        self._questions += 1
        if self._questions > _MAX_QUESTIONS:
            raise _UnknownError
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232, want_dnssec=True)
        try:
            response = exchange.ask(query, self._nameservers, left)
        except (OSError, dns.exception.DNSException, EOFError, exchange.BadResponse):
            raise _UnknownError from None
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise _UnknownError
        return response


def _holds(rrset: dns.rrset.RRset, signature: RRSIG, keys: dns.rrset.RRset, now: float) -> bool:
    try:
        dns.dnssec.validate_rrsig(rrset, signature, {signature.signer: keys}, now=now)
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


def _check(query: dns.message.Message, response: dns.message.Message, chain: _Chain) -> None:
    """Follow *response* from the name asked to the records or to their proven absence."""
    name, rdtype = query.question[0].name, query.question[0].rdtype
    if rdtype in (dns.rdatatype.ANY, dns.rdatatype.RRSIG) or any(r.rdtype == _DNAME for r in response.answer):
        raise _UnknownError
    for _ in range(_MAX_ALIASES):
        found = response.get_rrset(response.answer, name, _IN, rdtype)
        rrset = found or response.get_rrset(response.answer, name, _IN, _CNAME)
        if rrset is None:
            proofs = _proofs(response, chain)
            absent = response.rcode() == dns.rcode.NXDOMAIN
            if not (nsec.proves_no_name(proofs, name) if absent else nsec.proves_no_type(proofs, name, rdtype)):
                raise _NotSecureError
            return
        signature = chain.verify(rrset, response.answer)
        if _is_expanded(name, signature):
            proofs = _proofs(response, chain)
            if not nsec.proves_no_closer_name(proofs, name, signature.labels):
                raise _NotSecureError
        if found:
            return
        name = rrset[0].target
    raise _UnknownError


def _proofs(response: dns.message.Message, chain: _Chain) -> list[dns.rrset.RRset]:
    """Return the verified NSEC records of *response*.  Raises _NotSecureError or _UnknownError."""
    found = [r for r in response.authority if r.rdtype == _NSEC]
    if not found and any(r.rdtype == _NSEC3 for r in response.authority):
        raise _UnknownError
    proofs = []
    for rrset in found[:_MAX_PROOFS]:
        signature = chain.verify(rrset, response.authority)
        # One that a wildcard stands for, or that points out of its zone, proves nothing.
        if not _is_expanded(rrset.name, signature) and rrset[0].next.is_subdomain(signature.signer):
            proofs.append(rrset)
    return proofs


def _is_expanded(name: dns.name.Name, signature: RRSIG) -> bool:
    """Return whether the record of *name* was made from a wildcard (RFC 4035 section 5.3.2)."""
    return bool(signature.labels < len(name.labels) - 1 - name.is_wild())
