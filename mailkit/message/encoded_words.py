"""What a field says to a reader: its encoded words (RFC 2047) read, as far as they can be."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.header import decode_header, make_header

__all__ = ["decoded_words"]

_LONGEST = 10_000  # characters of a field that are read


def decoded_words(text: str, limit: int = _LONGEST) -> str:
    """Return at most *limit* characters of a field's *text* with its encoded words as what they say.

    A field that cannot be read so stays as it is.
    """
    try:
        return str(make_header(decode_header(text[:limit])))
    except (HeaderParseError, LookupError, ValueError):
        return text[:limit]
