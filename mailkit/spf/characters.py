"""Characters that spoil a record: named as an administrator knows them.

A record begins with ``v=spf1`` and a space, and is ASCII (RFC 7208 sections 3.1 and 4.5).  What word processors, web
forms and chat programs make of it looks the same on the screen: a byte-order mark before it, a dash for the hyphen.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["described", "is_attempt", "readable", "spoiler", "strangers"]

_VERSION = "v=spf1 "
_HEAD = 60  # characters after the first letter in which a version is looked for
_ATTEMPT = re.compile(r"v\W{0,3}s[pf][pf]|spf\W?[12]", re.IGNORECASE)
_WORDS = {
    " ": "a space",
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a line break",
    '"': "a quotation mark",
    "'": "an apostrophe",
    ",": "a comma",
    ";": "a semicolon",
    ":": "a colon",
    ".": "a dot",
}
_NAMES = {"\ufeff": "byte-order mark"}  # Unicode's own name for it tells nobody what it is


def readable(octets: bytes) -> str:
    """Return *octets* of a TXT record as whoever typed them reads them: UTF-8, else the old Windows encoding."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "backslashreplace")


def described(char: str) -> str:
    """Return what *char* is called: ``a comma``, ``– (U+2013, en dash)``, ``U+200B (zero width space, invisible)``."""
    if char in _WORDS:
        return _WORDS[char]
    if char.isascii() and char.isprintable():
        return f"“{char}”"
    code = f"U+{ord(char):04X}"
    name = _NAMES.get(char) or unicodedata.name(char, "control character").lower()
    if unicodedata.category(char)[0] in "CZ":
        return f"{code} ({name}, invisible)"
    return f"{char} ({code}, {name})"


def strangers(text: str) -> list[str]:
    """Return each character of *text* that is not printable ASCII, once, in their order."""
    return list(dict.fromkeys(char for char in text if not (char.isascii() and char.isprintable())))


def is_attempt(text: str) -> bool:
    """Return whether *text*, which is no SPF record, was meant as one."""
    first = next((place for place, char in enumerate(text) if char.isalnum()), len(text))
    head = unicodedata.normalize("NFKC", text[first : first + _HEAD])
    return _ATTEMPT.match("".join(char for char in head if unicodedata.category(char) != "Cf")) is not None


def spoiler(text: str) -> str:
    """Return what keeps *text* from being an SPF record: the first character that is not as in ``v=spf1`` and space."""
    for place, expected in enumerate(_VERSION):
        char = text[place : place + 1]
        if char.lower() == expected:
            continue
        if not char:
            break
        if place == 0:
            return f"it begins with {described(char)}, not with v=spf1"
        if expected == " ":
            return f"v=spf1 is followed by {described(char)}, not by a space"
        return f"{described(char)} stands where v=spf1 has {described(expected)}"
    return "it does not begin with v=spf1 and a space"
