"""Where the key of a selector is published: ``SELECTOR._domainkey.DOMAIN`` (RFC 6376 section 3.6.2.1)."""

from __future__ import annotations

from functools import lru_cache

from mailkit.network.names import to_ascii

__all__ = ["ascii_name", "record_name"]

_ascii = lru_cache(maxsize=512)(to_ascii)  # who signs and who verifies meets the same few names again and again


def ascii_name(text: str, what: str) -> str:
    """Return *text*, a domain or a selector, in lower case and as A-labels (RFC 8616 section 5).

    *what* names it in the error.  Raises TypeError or ValueError when it cannot be part of a domain name.
    """
    if not isinstance(text, str):
        raise TypeError(f"{what} is text like 'example.jp', not {type(text).__name__}")
    try:
        name = _ascii(text)
    except ValueError:
        name = "*"
    if "*" in name:  # a wildcard is published, never asked for
        raise ValueError(f"{text[:80]!r} cannot be a {what}: use letters, digits and hyphens, with dots between")
    return name


def record_name(selector: str, domain: str) -> str:
    """Return the name of the TXT record that holds the key, without a final dot.  Raises ValueError."""
    name = f"{ascii_name(selector, 'selector')}._domainkey.{ascii_name(domain, 'domain')}"
    if len(name) > 253:
        raise ValueError(f"selector and domain make a name of {len(name)} characters; the DNS allows 253")
    return name
