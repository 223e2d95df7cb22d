"""A record as its author meant it, when what is published is spoilt by slips that leave no doubt.

Nothing here is offered unseen: :mod:`mailkit.spf.trial` publishes it for itself and judges it first.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

__all__ = ["repaired"]

_VERSION = re.compile(r"(?:v\W{0,3})?s[pf][pf]\W?(?:1|2\.0(?:/[a-z,]{1,20})?)?[,;:.\s]*", re.IGNORECASE)
_HYPHENS = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63")
_TILDES = frozenset("\u02dc\u223c\u301c\u0303")
_QUOTES = frozenset("\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb")
_QUALIFIERS = frozenset("+-~?")
_ADDRESS_NAMES = frozenset({"ip", "ipv4", "ipv6", "ip4", "ip6", "a", "mx"})
_MECHANISMS = frozenset({"a", "mx", "ptr", "include", "exists", "ip4", "ip6"})


def repaired(text: str) -> str:
    """Return *text* as a record: ASCII hyphens and spaces, no quotation marks, no commas, mechanisms by their names.

    The terms that are there are kept, in their order.  Empty when there is nothing to keep.
    """
    plain = "".join(_plain(char) for char in unicodedata.normalize("NFKC", text))
    first = next((place for place, char in enumerate(plain) if char.isalnum()), len(plain))
    version = _VERSION.match(plain, first)
    if version is None:
        return ""
    return " ".join(["v=spf1", *(_term(word) for word in _words(plain[version.end() :]))])


def _plain(char: str) -> str:
    """Return the ASCII that was meant by *char*."""
    if char in _HYPHENS:
        return "-"
    if char in _TILDES:
        return "~"
    if char in _QUOTES or unicodedata.category(char) == "Cf":
        return ""
    return " " if char.isspace() or unicodedata.category(char) == "Cc" else char


def _words(text: str) -> list[str]:
    """Return the terms of *text*: parted by spaces, commas or semicolons, and not after ``include:`` or a qualifier."""
    words: list[str] = []
    for piece in text.replace(";", " ").split():
        # A comma inside a macro is one of its delimiters (section 7.1).
        for word in [piece.strip(",")] if "{" in piece else piece.split(","):
            if not word or word.lower() == "v=spf1":
                continue
            if words and (words[-1] in _QUALIFIERS or words[-1][-1] in ":="):
                words[-1] += word
            else:
                words.append(word)
    return words


def _term(word: str) -> str:
    """Return *word* with the mechanism's right name and sign."""
    qualifier, rest = (word[0], word[1:]) if word[0] in _QUALIFIERS else ("", word)
    sign = next((char for char in rest if char in ":="), "")
    name, _, value = rest.partition(sign) if sign else (rest, "", "")
    lower = name.lower()
    if lower in _ADDRESS_NAMES and (kind := _address_kind(value)):
        return f"{qualifier}{kind}:{value}"
    if kind := _address_kind(rest):
        return f"{qualifier}{kind}:{rest}"
    if sign == "=" and lower in _MECHANISMS:
        return f"{qualifier}{name}:{value}"
    if sign == ":" and lower in ("redirect", "exp"):
        return f"{name}={value}"
    return word.removesuffix(".") if lower == "all." else word


def _address_kind(text: str) -> str:
    """Return "ip4" or "ip6" when *text* is an address, with or without a prefix length."""
    try:
        return f"ip{ipaddress.ip_address(text[:60].partition('/')[0]).version}"
    except ValueError:
        return ""
