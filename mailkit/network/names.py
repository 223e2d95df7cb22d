"""Domain names in one spelling: A-labels, lower case, without the final dot (RFC 5890 section 2.3.2.1).

Whatever compares two names, or asks the DNS about one that somebody typed, passes it through here first.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

import idna

__all__ = ["is_host_name", "same_name", "to_ascii"]

_MOST_OCTETS = 253  # of a name as text (RFC 1035 section 2.3.4 allows 255 on the wire)
_MOST_TYPED = 1000  # characters looked at: mapping Unicode takes time

# Underscores name services (RFC 8552), an asterisk a wildcard (RFC 4592).
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?|\*")
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def to_ascii(name: str) -> str:
    """Return the domain name *name* in A-labels, lower case, without a final dot.

    U-labels become A-labels by IDNA 2008 after the mapping of UTS 46, as in today's browsers.  Raises TypeError for
    what is no text, ValueError with a sentence for what is no domain name: an address, a URL, an e-mail address.
    """
    if not isinstance(name, str):
        raise TypeError(f"a domain name is text like 'example.jp', not {type(name).__name__}")
    return _in_ascii(name)


@lru_cache(maxsize=8192)  # one report spells the same few names dozens of times
def _in_ascii(name: str) -> str:
    shown = repr(name[:80])
    if not name.strip():
        raise ValueError("a domain name is text like 'example.jp', not an empty one")
    if "@" in name:
        raise ValueError(f"{shown} is an e-mail address; give the part after the @")
    if "/" in name:
        raise ValueError(f"{shown} is a URL; give its domain name alone")
    if _is_address(name):
        raise ValueError(f"{shown} is an address, not a domain name")
    if len(name) > _MOST_TYPED:
        raise ValueError(f"{shown} is no domain name: it is longer than {_MOST_OCTETS} octets")
    try:
        ascii_name = _mapped(name).removesuffix(".")
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"{shown} is no domain name: {str(error)[:120]}") from None
    if len(ascii_name) > _MOST_OCTETS:
        raise ValueError(f"{shown} is no domain name: it is longer than {_MOST_OCTETS} octets")
    if bad := [label for label in ascii_name.split(".") if not _LABEL.fullmatch(label)]:
        raise ValueError(f"{shown} is no domain name: {_what_is_wrong(bad[0])}")
    return ascii_name


def _mapped(name: str) -> str:
    if name.isascii():
        return name.lower()
    mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
    return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))


def _what_is_wrong(label: str) -> str:
    if not label:
        return "two dots stand side by side, or one stands in front"
    if len(label) > 63:
        return "the part between two dots has at most 63 octets"
    return f"{label[:63]!r} is not made of letters, digits and hyphens"


def same_name(a: str, b: str) -> bool:
    """Return whether *a* and *b* are one domain name in two spellings; False where one of them is none."""
    try:
        return to_ascii(a) == to_ascii(b)
    except (TypeError, ValueError):
        return False


def is_host_name(name: str) -> bool:
    """Return whether a host may be called *name*: letters, digits and hyphens (RFC 952, RFC 1123 section 2.1).

    This is what the target of an MX or SRV record has to be.  A final dot is allowed, an address is not: the last
    label of a name is never a number.
    """
    labels = name.removesuffix(".").lower().split(".")
    fits = len(name) <= _MOST_OCTETS + 1 and all(_HOST_LABEL.fullmatch(label) for label in labels)
    return fits and not labels[-1].isdigit()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip().strip("[]").removesuffix("."))
    except ValueError:
        return False
    return True
