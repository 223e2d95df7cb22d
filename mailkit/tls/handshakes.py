"""One finished handshake with the local OpenSSL, verified or not, and what it tells."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from mailkit.conversation import Wire, unverified_context
from mailkit.conversation.encryption import shown_chain
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
    return Handshake(_NAMES.get(version, version), cipher[0] if cipher else "", shown_chain(wire.secure))
