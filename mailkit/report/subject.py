"""What a report is about: one domain, how it was written, and the one network that all its checks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailkit.dkim.names import ascii_name
from mailkit.network import Network
from mailkit.network.names import to_ascii

__all__ = ["Subject", "domain_name", "named"]

_LONGEST = 200  # octets of a domain: names have 253 (RFC 1035 section 2.3.4), and selectors need some of them


@dataclass(frozen=True)
class Subject:
    """What every check is given.

    ``domain`` is in A-labels, ``written`` as the user wrote it.  ``net`` remembers the answers of the DNS, so that what
    one check asked costs the next nothing, and has one deadline for all of them.  ``selectors`` are the DKIM
    selectors that the user named, None when none were.  With ``dns_only`` no server but the DNS is asked.
    """

    domain: str
    written: str
    net: Network
    selectors: tuple[str, ...] | None = None
    dns_only: bool = False


def domain_name(written: object) -> str:
    """Return the mail domain *written* in A-labels; raises ValueError with a sentence for what is none."""
    if not isinstance(written, str):
        raise ValueError(f"{written!r} is no domain name; write it as text, such as 'kaisha.example'")
    name = to_ascii(written.strip())
    if "." not in name:
        raise ValueError(f"{name!r} is not a mail domain; give the whole of it, such as 'kaisha.example'")
    if len(name) > _LONGEST:
        raise ValueError(f"{name[:60]!r}… has {len(name)} octets: no key and no service could be published below it")
    return name


def named(selectors: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return *selectors* as a tuple, None where none are named.

    Raises TypeError for a single text, whose letters would be taken for selectors, and TypeError or ValueError for
    what cannot be a selector.
    """
    if isinstance(selectors, str):
        raise TypeError(f"selectors is a list: selectors=[{selectors!r}]")
    return tuple(ascii_name(selector, "selector") for selector in selectors or ()) or None
