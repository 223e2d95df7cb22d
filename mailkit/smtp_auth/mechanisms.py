"""What the mechanisms of SMTP AUTH put on the wire: base64 of texts, of a keyed hash, of a token.

SMTP sends every SASL message in base64 (RFC 4954 section 4), which hides nothing: it only keeps odd octets out of a
protocol made of lines.  Formats: PLAIN RFC 4616 section 2, LOGIN an expired draft, CRAM-MD5 RFC 2195 section 2,
OAUTHBEARER RFC 7628 section 3.1, XOAUTH2 the providers' own pages.
"""

from __future__ import annotations

import base64
import binascii

from mailkit.conversation.mechanisms import cram_md5

__all__ = ["cram_md5", "decode", "encode", "oauthbearer", "xoauth2"]


def encode(*parts: str) -> str:
    """Return *parts*, with a NUL between each two, in base64.

    ``encode("", user, password)`` is the response of PLAIN, ``encode(user)`` and ``encode(password)`` are those of
    LOGIN.
    """
    return base64.b64encode("\0".join(parts).encode()).decode("ascii")


def decode(text: str) -> tuple[str, ...]:
    """Return the parts that *text*, base64 from an AUTH exchange, is made of.

    A whole line will do: in ``AUTH PLAIN dGVz…`` or ``334 VXNl…`` the last word is taken.  Raises ValueError when
    it is not base64.
    """
    try:
        data = base64.b64decode(text.split()[-1], validate=True)
    except (IndexError, binascii.Error, ValueError):
        raise ValueError("this is not base64: pass the last word of the line, such as 'dGVzdAB0ZXN0ADEyMzQ='") from None
    return tuple(data.decode("utf-8", "replace").split("\0"))


def xoauth2(user: str, token: str) -> str:
    """Return the initial response of XOAUTH2 in base64: a provider's token in place of a password."""
    return encode(f"user={user}\x01auth=Bearer {token}\x01\x01")


def oauthbearer(user: str, token: str, *, host: str, port: int = 587) -> str:
    """Return the initial response of OAUTHBEARER in base64, which names the server it is meant for."""
    return encode(f"n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01")
