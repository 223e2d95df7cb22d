"""Reading a certificate (RFC 5280): for which names, until when, with which key, signed how.

Names go by RFC 9525: only subjectAltName counts, a wildcard stands for one whole label at the left, and an
internationalised name is compared in its A-label form.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from mailkit.network.names import to_ascii
from mailkit.results import Record, hidden, visible

__all__ = ["Certificate", "covers", "read_certificate", "weaknesses"]

_MOST_NAMES = 200

# What reading a hostile certificate may raise: version 5, the same extension twice, names of kinds nobody knows …
_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

# RFC 8017 appendix A.2.4, RFC 5758 section 3.2, RFC 8410 section 3: as OpenSSL prints them.
_SIGNATURES = {
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "ED25519",
    "1.3.101.113": "ED448",
}


@dataclass(frozen=True)
class Certificate(Record):
    """One certificate: ``names`` are its DNS names and addresses, times are UTC, ``der`` is the whole of it."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str
    signature: str
    der: bytes = hidden(b"")

    @property
    def self_issued(self) -> bool:
        """True when subject and issuer are the same: nobody else vouches for it."""
        return self.subject == self.issuer


def read_certificate(der: bytes) -> Certificate:
    """Return the certificate *der*.  Raises ValueError for what is none."""
    try:
        found = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=visible(found.subject.rfc4514_string(), 200),
            issuer=visible(found.issuer.rfc4514_string(), 200),
            names=_names(found),
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            key=_key(found),
            signature=_SIGNATURES.get(found.signature_algorithm_oid.dotted_string, "unknown"),
            der=der,
        )
    except _UNREADABLE as error:
        raise ValueError("the certificate cannot be read") from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = [*extension.get_values_for_type(x509.DNSName), *extension.get_values_for_type(x509.IPAddress)]
    return tuple(visible(str(name), 253) for name in names[:_MOST_NAMES])


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "unknown"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    return "Ed448" if isinstance(key, ed448.Ed448PublicKey) else "unknown"


def covers(names: Iterable[str], host: str) -> bool:
    """Return True when one of *names*, as a certificate bears them, stands for *host* (RFC 9525 section 6).

    *host* is a name, an internationalised one too, or an IP address.  A dot at the end of *host* does not matter; one
    in a certificate makes it no name at all (RFC 5280 section 4.2.1.6), and no client accepts it.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return str(address) in names
    try:
        wanted = to_ascii(host)
    except ValueError:
        return False
    return any(_matches(name.lower(), wanted) for name in names)


def _matches(pattern: str, name: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == name  # a star anywhere else is no wildcard: section 6.3
    first, _, rest = name.partition(".")
    return bool(first) and pattern[2:] == rest and "." in rest


def weaknesses(certificate: Certificate) -> list[str]:
    """Return what is too weak about *certificate* today (RFC 9325 section 4.5), in words."""
    found = []
    kind, _, bits = certificate.key.partition(" ")
    least = {"RSA": 2048, "EC": 224}.get(kind, 0)
    if bits.isdigit() and int(bits) < least:
        found.append(f"its {kind} key has {bits} bits, fewer than {least}")
    if not certificate.self_issued and any(old in certificate.signature.lower() for old in ("sha1", "md5")):
        found.append(f"it is signed with {certificate.signature}, which can be forged")
    return found
