"""One finished handshake with the local OpenSSL, verified or not, and what it tells."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from mailkit.conversation import Wire, unverified_context
from mailkit.network import Network

__all__ = ["Handshake", "shake", "strict", "tolerant"]

_NAMES = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


@dataclass(frozen=True)
class Handshake:
    """What was agreed on: version, cipher suite, and the server's certificates (DER, its own first)."""

    version: str
    cipher: str
    chain: tuple[bytes, ...]


def tolerant() -> ssl.SSLContext:
    """Return a context that looks and judges nothing: old versions, old ciphers and any certificate will do."""
    context = unverified_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    # At security level 0 OpenSSL puts up with short keys and with TLS 1.0, if it was built with that at all.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def strict(net: Network, highest: str | None = None) -> ssl.SSLContext:
    """Return a context that trusts the CAs of *net* only, up to the version *highest* if one is given.

    It asks who vouches for the certificate; for which name it stands is judged apart, to tell the two faults from
    each other.
    """
    context = net.tls_context()
    context.check_hostname = False
    if highest == "TLS 1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def shake(wire: Wire, context: ssl.SSLContext) -> Handshake:
    """Shake hands on *wire* and return what was agreed on.  Raises HandshakeFailed or ReplyError."""
    wire.begin_tls(context)
    version, cipher = wire.secure.version() or "", wire.secure.cipher()
    return Handshake(_NAMES.get(version, version), cipher[0] if cipher else "", _chain(wire.secure))


def _chain(secure: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the certificates that the server sent.

    Python offers the whole chain from 3.13 on; before, the same method hides in the object underneath.  Without it
    there is the server's own certificate, which is the one that matters most.
    """
    inner: Any = secure if hasattr(secure, "get_unverified_chain") else getattr(secure, "_sslobj", None)
    try:
        found = inner.get_unverified_chain() or []
        return tuple(c if isinstance(c, bytes) else ssl.PEM_cert_to_DER_cert(c.public_bytes()) for c in found)
    except (AttributeError, ValueError):
        own = secure.getpeercert(binary_form=True)
        return (own,) if own else ()
