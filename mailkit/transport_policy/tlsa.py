"""TLSA records: what they say, which of them count for mail, and whether a certificate chain holds against them.

RFC 6698 has the fields, RFC 7671 how to use them, RFC 7672 section 3.1 what of that applies to SMTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from dns.rdata import Rdata

from mailkit.results import Record, hidden
from mailkit.tls import covers, read_certificate

__all__ = ["Held", "Tlsa", "holds", "value_for"]

_USAGES = {0: "PKIX-TA", 1: "PKIX-EE", 2: "DANE-TA", 3: "DANE-EE"}  # RFC 7218 section 2.1
_SELECTORS = {0: "the whole certificate", 1: "its public key"}
_DIGESTS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: lambda octets: hashlib.sha256(octets).digest(),
    2: lambda octets: hashlib.sha512(octets).digest(),
}
_LENGTHS = {1: 32, 2: 64}
_LONGEST_CHAIN = 10
_BROKEN = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion, x509.DuplicateExtension)


@dataclass(frozen=True)
class Tlsa(Record):
    """One TLSA record.  ``counts`` says whether a mail server may be known by it, ``meaning`` what it says."""

    usage: int
    selector: int
    matching: int
    data: bytes = hidden(b"")
    text: str = ""

    @classmethod
    def of(cls, record: Rdata) -> Tlsa:
        """Return the record as dnspython has it: a TLSA record, or its octets where the digest's length is wrong."""
        octets = record.to_wire() or b""
        usage, selector, matching, data = octets[0], octets[1], octets[2], octets[3:]
        return cls(usage, selector, matching, data, f"{usage} {selector} {matching} {data.hex()}")

    @property
    def unusable(self) -> str:
        """Return why no sender can use this record, "" for one that counts (RFC 7672 sections 3.1.3 and 2.1)."""
        if self.usage in (0, 1):
            return f"usage {self.usage} ({_USAGES[self.usage]}) does not count between mail servers"
        if self.usage not in _USAGES:
            return f"usage {self.usage} is unknown"
        if self.selector not in _SELECTORS:
            return f"selector {self.selector} is unknown"
        if self.matching not in _DIGESTS:
            return f"matching type {self.matching} is unknown"
        expected = _LENGTHS.get(self.matching, len(self.data))
        if len(self.data) != expected:
            return f"its digest has {len(self.data)} octets, not {expected}"
        if not self.data:
            return "it is empty"
        return self._unread if self.matching == 0 else ""

    @property
    def _unread(self) -> str:
        """Return what the record claims to hold as a whole and does not, "" where it does."""
        try:
            if self.selector == 0:
                x509.load_der_x509_certificate(self.data)
            else:
                load_der_public_key(self.data)
        except _BROKEN:
            return "it holds no certificate" if self.selector == 0 else "it holds no public key"
        return ""

    @property
    def counts(self) -> bool:
        """True when a sender can know a mail server by this record."""
        return not self.unusable

    @property
    def meaning(self) -> str:
        """What the record says, in words."""
        if self.unusable:
            return self.unusable
        whose = "the server's own" if self.usage == 3 else "an authority's above the server's"
        how = {0: "", 1: " by its SHA-256", 2: " by its SHA-512"}[self.matching]
        return f"{_USAGES[self.usage]}: {whose} certificate, {_SELECTORS[self.selector]}{how}"

    def fits(self, der: bytes) -> bool:
        """Return whether the certificate *der* is the one that the record means."""
        try:
            selected = der if self.selector == 0 else _public_key(der)
        except _BROKEN:
            return False
        return self.counts and _DIGESTS[self.matching](selected) == self.data


@dataclass(frozen=True)
class Held(Record):
    """Whether a chain holds: ``record`` is the one by which it does, ``reason`` why it does not."""

    ok: bool
    record: str = ""
    reason: str = ""


def holds(chain: Sequence[bytes], records: Iterable[Tlsa], *, names: Sequence[str], now: datetime) -> Held:
    """Return whether the certificates *chain* (DER, the server's own first) hold against *records* at the time *now*.

    With usage 3 the server's own must be the one meant; neither its names nor its dates matter (RFC 7672 section
    3.1.1).  With usage 2 one above it must be, all between must be signed and in time, and the server's own must stand
    for one of *names* (section 3.1.2).
    """
    usable = [record for record in records if record.counts]
    if not usable:
        return Held(False, reason="there is no record that counts")
    if not chain:
        return Held(False, reason="the server showed no certificate")
    reasons = []
    for record in usable:
        if record.usage == 3:
            problem = "" if record.fits(chain[0]) else "the server's own certificate is not the one in the DNS"
        else:
            problem = _below(chain[:_LONGEST_CHAIN], record, names, now)
        if not problem:
            return Held(True, record.text)
        reasons.append(problem)
    return Held(False, reason="; ".join(dict.fromkeys(reasons)))


def _below(chain: Sequence[bytes], record: Tlsa, names: Sequence[str], now: datetime) -> str:
    """Return why the first of *chain* is not below the authority that *record* means, "" when it is."""
    anchors = [der for der in chain[1:] if record.fits(der)]
    if record.selector == 0 and record.matching == 0:
        anchors.append(record.data)  # the record itself holds the certificate, which the server need not send
    if not anchors:
        return "the authority in the DNS is not among the certificates that the server sends"
    try:
        own = read_certificate(chain[0])
        pool = [x509.load_der_x509_certificate(der) for der in dict.fromkeys((*chain[1:], *anchors))]
        current = x509.load_der_x509_certificate(chain[0])
    except _BROKEN:
        return "a certificate in the chain cannot be read"
    if not any(covers(own.names, name) for name in names):
        return f"the server's certificate is for {', '.join(own.names[:3]) or 'no host'}, not for {names[0]}"
    trusted = set(anchors)
    for depth in range(_LONGEST_CHAIN):
        if not current.not_valid_before_utc <= now <= current.not_valid_after_utc:
            return "a certificate in the chain has expired, or is not valid yet"
        if depth and current.public_bytes(Encoding.DER) in trusted:
            return ""
        issuer = next((above for above in pool if _signed_by(current, above)), None)
        if issuer is None or issuer == current:
            return "the chain does not lead to the authority in the DNS"
        current = issuer
    return "the chain is too long"


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether *issuer*, which must be an authority, has signed *certificate*."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (*_BROKEN, x509.ExtensionNotFound):
        return False
    return constraints.ca


def _public_key(der: bytes) -> bytes:
    key = x509.load_der_x509_certificate(der).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def value_for(der: bytes, *, usage: int = 3) -> str:
    """Return the value of a TLSA record for the certificate *der*, with selector 1 and SHA-256 (RFC 7671 section 5.1).

    *usage* is 3 for a server's own certificate, 2 for an authority's.  Raises ValueError for another, and for what is
    no certificate.
    """
    if usage not in (2, 3):
        raise ValueError(f"usage is 3 for a server's own certificate or 2 for an authority's, not {usage!r}")
    try:
        return f"{usage} 1 1 {hashlib.sha256(_public_key(der)).hexdigest()}"
    except _BROKEN as error:
        raise ValueError("that is no certificate (pass its DER octets)") from error
