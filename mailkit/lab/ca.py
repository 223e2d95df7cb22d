"""The certificate authority of the practice internet: ``python -m mailkit.lab.ca FOLDER`` makes what is missing.

Keys and certificates are committed, so that serial numbers and fingerprints are the same on every machine.  They
are practice keys, plainly labelled and worthless.  Validity goes by the real clock, since OpenSSL uses no other:
2020 to 2049; the expired one ended in 2019.
"""

from __future__ import annotations

import sys
import zlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailkit.lab.world import CERTIFICATES, World
from mailkit.lab.world_file import load

__all__ = ["issue", "make"]

_LABEL = "# Practice key of the mailkit workbook: public, worthless, never to be used for anything real.\n"
_VALID = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC))
_EXPIRED = (datetime(2018, 1, 1, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC))


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return _LABEL.encode() + key.private_bytes(encoding, form, serialization.NoEncryption())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, valid: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(zlib.crc32(f"{issuer}/{subject}/{valid[0]:%Y}".encode()) + 1)
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )


def _authority(world: World) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Return the world's authority, made on first use."""
    key_file, title = world.ca_file.with_name("ca-key.pem"), f"Practice CA of {world.name}"
    if key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key, x509.load_pem_x509_certificate(world.ca_file.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(title, title, key, _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    world.ca_file.parent.mkdir(exist_ok=True)
    key_file.write_bytes(_pem_key(key))
    world.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key, certificate


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def issue(world: World, host: str, kind: str) -> bytes:
    """Return a new key and certificate for the name *host* as PEM.

    *kind* is "good", "expired", "wrong_name" (good, but for another name), "self_signed" or "common_name" (good, but
    the name stands in the subject's common name only); another is a ValueError.
    """
    signer, root = _authority(world)
    key = ec.generate_private_key(ec.SECP256R1())
    if kind not in CERTIFICATES:
        raise ValueError(f"{host}: there is no certificate of kind {kind!r}")
    name = f"other.{host}" if kind == "wrong_name" else host
    issuer = name if kind == "self_signed" else root.subject.rfc4514_string().removeprefix("CN=")
    builder = _builder(name, issuer, key, _EXPIRED if kind == "expired" else _VALID)
    if kind != "common_name":
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key if kind == "self_signed" else signer, hashes.SHA256())
    )
    return _pem_key(key) + certificate.public_bytes(serialization.Encoding.PEM)


def make(world: World) -> list[str]:
    """Write what *world* lacks of authority and server certificates; return the names of what was written."""
    _authority(world)
    made = []
    for host in world.hosts.values():
        path = world.ca_file.with_name(f"{host.name}.pem")
        if not path.exists():
            path.write_bytes(issue(world, host.name, host.certificate))
            made.append(path.name)
    return made


if __name__ == "__main__":
    print("\n".join(make(load(sys.argv[1] if len(sys.argv) > 1 else None))) or "nothing was missing")
