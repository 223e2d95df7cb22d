"""Making a key pair and the record to publish (RFC 6376 section 3.6.1, RFC 8301 section 3, RFC 8463 section 4)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailkit.dkim.names import ascii_name, record_name
from mailkit.network.records import DnsRecord
from mailkit.results import Record

__all__ = ["KeyPair", "WebForm", "generate"]


@dataclass(frozen=True)
class WebForm(Record):
    """The record as the web form of a DNS provider asks for it.

    Most forms want ``host``, and add the zone themselves; ``full_name`` is for those that do not.
    """

    type: str
    host: str
    full_name: str
    value: str


@dataclass(frozen=True)
class KeyPair(Record):
    """A new key pair.  ``record`` is the TXT value to publish; ``private_key`` is PEM text and is never displayed."""

    algorithm: str
    bits: int
    record: str
    private_key: str = field(repr=False, metadata={"shown": False})

    @property
    def strings(self) -> tuple[str, ...]:
        """The record in pieces of at most 255 octets, the most one string of a TXT record holds (RFC 1035 §3.3)."""
        return tuple(self.record[start : start + 255] for start in range(0, len(self.record), 255))

    def zone_line(self, selector: str, domain: str, ttl: int = 3600) -> str:
        """Return the line for a zone file, with the full name and *ttl* in seconds.  Raises ValueError."""
        return DnsRecord(record_name(selector, domain), "TXT", self.record, ttl).zone_line

    def web_form(self, selector: str, domain: str) -> WebForm:
        """Return what to type into a web form for the zone *domain*: one piece, no quotes.  Raises ValueError."""
        full_name = record_name(selector, domain)
        return WebForm("TXT", full_name.removesuffix(f".{ascii_name(domain, 'domain')}"), full_name, self.record)


def generate(algorithm: str = "rsa-sha256", bits: int = 2048) -> KeyPair:
    """Return a new key pair for *algorithm*, "rsa-sha256" or "ed25519-sha256".

    *bits* is the size of an RSA key, 1024 to 4096; an Ed25519 key always has 256.  Raises ValueError or TypeError
    with a sentence for anything else.
    """
    if algorithm == "rsa-sha1":
        raise ValueError("rsa-sha1 must no longer be used (RFC 8301 section 3.1): pass 'rsa-sha256'")
    if algorithm == "ed25519-sha256":
        private = ed25519.Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return _key_pair(algorithm, 256, "ed25519", public, private)
    if algorithm != "rsa-sha256":
        raise ValueError(f"algorithm is 'rsa-sha256' or 'ed25519-sha256', not {algorithm!r}")
    if not isinstance(bits, int) or isinstance(bits, bool):
        raise TypeError("bits is a number such as 2048")
    if bits < 1024:
        raise ValueError(f"an RSA key of {bits} bits is never accepted (RFC 8301 section 3.2): pass bits=2048")
    if bits > 4096:
        raise ValueError("verifiers need not know RSA keys above 4096 bits (RFC 8301 section 3.2): pass bits=2048")
    rsa_key = rsa.generate_private_key(65537, bits)
    public = rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _key_pair(algorithm, bits, "rsa", public, rsa_key)


def _key_pair(
    algorithm: str, bits: int, key_type: str, public: bytes, private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
) -> KeyPair:
    record = f"v=DKIM1; k={key_type}; p={base64.b64encode(public).decode()}"
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return KeyPair(algorithm, bits, record, pem)
