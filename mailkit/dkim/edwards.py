"""Ed25519 keys with which a signature can be made up: the eight points of small order (RFC 8032 section 5.1).

Times eight such a point is the neutral element, so the equation that a verifier checks holds for many messages
whatever the secret: anybody can sign.  OpenSSL verifies with them all the same.
"""

from __future__ import annotations

__all__ = ["has_small_order"]

_P = 2**255 - 19
# y of the points of order 8; those of order 1, 2 and 4 have 1, -1 and 0.
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL = {1, _P - 1, 0, _Y8, _P - _Y8}


def has_small_order(key: bytes) -> bool:
    """Return whether the 32 octets *key* encode a point of small order, in any of its spellings."""
    y = int.from_bytes(key, "little") & (2**255 - 1)  # the highest bit is the sign of x
    return y % _P in _SMALL
