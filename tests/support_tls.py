"""Certificates of every kind and small TLS servers on loopback, for the tests of lesson 03."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from support_servers import tcp_server

from mailkit.network import Answer, Network, Status

__all__ = ["HOST", "Authority", "Loopback", "Pair", "key_of", "network", "serve", "serve_tls"]

HOST = "mx.test.example"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Loopback(Network):
    """A network in which every name is this machine."""

    def lookup(self, name: str, rdtype: str, *, timeout: float | None = None, dnssec: bool = False) -> Answer:
        if rdtype == "A":
            return Answer(name, rdtype, Status.NOERROR, ("127.0.0.1",))
        if rdtype == "AAAA":
            return Answer(name, rdtype, Status.NODATA)
        return super().lookup(name, rdtype, timeout=timeout, dnssec=dnssec)


def network(ca_file: Path | None = None, *, timeout: float = 2.0) -> Network:
    """A network on loopback that trusts *ca_file* and whose clock stands still."""
    return Loopback("test", "here", (), timeout=timeout, ca_file=str(ca_file) if ca_file else None, clock=lambda: NOW)


@dataclass(frozen=True)
class Pair:
    """A private key and the certificate for it."""

    key: Key
    certificate: x509.Certificate

    def pem(self, *more: Pair) -> bytes:
        """Key and certificate as PEM, and the certificates of *more* behind them."""
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        chain = b"".join(pair.certificate.public_bytes(serialization.Encoding.PEM) for pair in (self, *more))
        return self.key.private_bytes(*form) + chain


def key_of(kind: str) -> Key:
    """A new key: "ec", "ed25519", "rsa1024" or "rsa2048"."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


class Authority:
    """A certificate authority; a new one has the root *name* for itself."""

    def __init__(
        self, name: str = "Test Root", *, issuer: Authority | None = None, end: datetime = NOW + 1000 * DAY
    ) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = key_of("ec")
        signer = issuer or self
        builder = self._builder(self.name, signer, self.key, NOW - 100 * DAY, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = dict.fromkeys(
            ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"], False
        )
        builder = builder.add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, decipher_only=False, **usage),
            critical=True,
        )
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def pair(self) -> Pair:
        return Pair(self.key, self.certificate)

    def issue(
        self,
        *names: str,
        key: str = "ec",
        start: datetime = NOW - DAY,
        end: datetime = NOW + 90 * DAY,
        self_signed: bool = False,
        padding: int = 0,
        common_name: str = "server",
    ) -> Pair:
        """A certificate for *names*; *padding* octets make it as large as one likes."""
        own = key_of(key)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        signer = Authority.__new__(Authority) if self_signed else self
        if self_signed:
            signer.name, signer.key = subject, own  # type: ignore[assignment]
        builder = self._builder(subject, signer, own, start, end)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
        if padding:
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x" * padding)
            builder = builder.add_extension(extension, critical=False)
        unhashed = isinstance(signer.key, ed25519.Ed25519PrivateKey)
        return Pair(own, builder.sign(signer.key, None if unhashed else hashes.SHA256()))

    @staticmethod
    def _builder(
        subject: x509.Name, signer: Authority, key: Key, start: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(signer.name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(end)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
        return builder.add_extension(own, critical=False).add_extension(above, critical=False)

    def write(self, folder: Path) -> Path:
        """The certificate as a file of trusted authorities."""
        path = folder / "ca.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path


@dataclass
class Server:
    """A server on loopback: its port, and how many connections it has had."""

    port: int = 0
    connections: int = 0


@contextmanager
def serve(handle: Callable[[socket.socket], None]) -> Iterator[Server]:
    """Run *handle* on a thread of its own for each connection, and count them."""
    server = Server()

    def counted(sock: socket.socket) -> None:
        server.connections += 1
        sock.settimeout(20)
        handle(sock)

    with tcp_server(counted) as server.port:
        yield server


@contextmanager
def serve_tls(pem: bytes, folder: Path, *, tune: Callable[[ssl.SSLContext], None] | None = None) -> Iterator[Server]:
    """A server with TLS from the start, key and certificates from *pem*, putting up with weak ones."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if tune:
        tune(context)
    path = folder / "server.pem"
    path.write_bytes(pem)
    context.load_cert_chain(path)

    def handle(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            secure.sendall(b"220 ready\r\n")
            while secure.recv(4096):
                pass

    with serve(handle) as server:
        yield server
