"""The domain that plans and searches ask about."""

from __future__ import annotations

from mailkit.network import to_ascii

__all__ = ["mail_domain"]

_LONGEST = 200  # octets of a domain: names have 253 (RFC 1035 section 2.3.4), and selectors need some of them


def mail_domain(domain: str) -> str:
    """Return *domain* in A-labels; raises ValueError for what is none, or too long for any record below it."""
    name = to_ascii(domain)
    if len(name) > _LONGEST:
        raise ValueError(f"{name[:60]!r}… has {len(name)} octets: no key and no service could be published below it")
    return name
