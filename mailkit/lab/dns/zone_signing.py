"""Signing a zone of the practice internet with its committed practice keys (RFC 4033 to 4035, RFC 6605).

Each zone has a key of its own.  The root's is committed; every other one is made from a committed one and the zone's
name, so that any zone can be signed without looking at its children.  Everything that needs ``cryptography`` is
imported when the first zone is signed, not before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import dns.btreezone
import dns.name
import dns.rdataset
import dns.rdatatype

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["TRUST_ANCHOR", "sign", "write_keys", "zone_key"]

TRUST_ANCHOR = "trust-anchor.key"
"""The file, in the folder of the keys, by which validators trust the root."""

_ALGORITHM = "ECDSAP256SHA256"
_INCEPTION, _EXPIRATION = "20200101000000", "20491231235959"
_MOST = 2**255
"""What the number that is a private key may be at most, and less than the order of P-256 (FIPS 186-5)."""
_LABEL = "practice key, worthless by design"


def sign(zone: dns.btreezone.Zone, signed_children: Collection[dns.name.Name], keys: Path) -> dns.btreezone.Zone:
    """Return a signed copy of *zone*: DNSKEY, RRSIG and NSEC records (RFC 4035 section 2) added.

    Each of *signed_children* gets its DS record, unless the zone has one for it already.  *keys* is the folder of
    the practice keys.
    """
    import dns.dnssec
    import dns.dnssectypes

    origin = zone.origin
    assert origin is not None
    signed = dns.btreezone.Zone(origin, relativize=False)
    with zone.reader() as before, signed.writer() as after:
        for name, rdataset in before.iterate_rdatasets():
            after.add(name, rdataset)
        for child in signed_children:
            delegation = before.get(child, dns.rdatatype.NS)
            if delegation and not before.get(child, dns.rdatatype.DS):
                child_key = dns.dnssec.make_dnskey(zone_key(child, keys).public_key(), _ALGORITHM, flags=257)
                ds = dns.dnssec.make_ds(child, child_key, dns.dnssectypes.DSDigest.SHA256)
                after.add(child, dns.rdataset.from_rdata(delegation.ttl, ds))
        private = zone_key(origin, keys)
        own_key = dns.dnssec.make_dnskey(private.public_key(), _ALGORITHM, flags=257)
        dns.dnssec.sign_zone(
            signed, after, keys=[(private, own_key)], inception=_INCEPTION, expiration=_EXPIRATION, deterministic=True
        )
    return signed


def write_keys(folder: Path) -> None:
    """Make new practice keys in *folder*, with the trust anchor that ``delv -a`` and mailkit.network.dnssec read."""
    import dns.dnssec
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder.mkdir(parents=True, exist_ok=True)
    for root in (True, False):
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _key_file(folder, root).write_text(f"# {_LABEL}\n{pem.decode()}", encoding="ascii", newline="\n")
    _committed_key.cache_clear()
    zone_key.cache_clear()
    key = dns.dnssec.make_dnskey(_committed_key(folder, root=True).public_key(), _ALGORITHM, flags=257)
    flags, protocol, algorithm, material = key.to_text(chunksize=0).split()
    number = dns.dnssec.algorithm_from_text(algorithm)
    (folder / TRUST_ANCHOR).write_text(
        f"# The root key of the practice internet ({_LABEL}).\n"
        f'trust-anchors {{\n    . static-key {flags} {protocol} {number} "{material}";\n}};\n',
        encoding="ascii",
        newline="\n",
    )


def _key_file(folder: Path, root: bool) -> Path:
    return folder / ("dnssec-root.pem" if root else "dnssec.pem")


@lru_cache(maxsize=256)
def zone_key(zone: dns.name.Name, folder: Path) -> EllipticCurvePrivateKey:
    """Return the key that signs *zone*: the same one each time, whatever the other zones are."""
    from cryptography.hazmat.primitives.asymmetric import ec

    key = _committed_key(folder, root=zone == dns.name.root)
    if zone == dns.name.root:
        return key
    seed = key.private_numbers().private_value.to_bytes(32, "big") + zone.canonicalize().to_digestable()
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(seed).digest(), "big") % _MOST + 1, ec.SECP256R1())


@lru_cache(maxsize=8)
def _committed_key(folder: Path, root: bool) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(_key_file(folder, root).read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{_key_file(folder, root).name} is not an ECDSA key")
    return key
