"""DKIM at the submission servers: what their users hand in is signed (RFC 6376 section 5, RFC 8463 for two at once).

A host of ``world.toml`` names the keys it ``signs`` with by where they are published, ``SELECTOR._domainkey.DOMAIN``;
the private half of each lies under that name in ``keys/``.  It signs whatever its users send, whoever the From line
says wrote it: a signature says who answers for a message, and no more.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mailkit import dkim

__all__ = ["signatures"]


def signatures(message: bytes, names: tuple[str, ...], *, keys: Path, now: datetime) -> bytes:
    """Return the DKIM-Signature fields to put on top of *message*, one for each key of *names*.

    *keys* is the folder of the private keys.  A message that cannot be signed, for want of a From line for instance,
    gets none and goes out unsigned.
    """
    fields = b""
    for name in names:
        selector, _, domain = name.partition("._domainkey.")
        private = (keys / f"{name}.pem").read_bytes()
        try:
            signed = dkim.sign(message, domain=domain, selector=selector, key=private, now=now)
        except ValueError:
            return b""
        fields += signed.removesuffix(message)
    return fields
