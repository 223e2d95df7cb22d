"""Whether a reverse name looks like one of a whole range: it spells the address out, or numbers a customer line.

Receivers refuse such senders by lists of patterns (``fqrdns.pcre`` for Postfix, SpamAssassin's RDNS rules).  A word
such as "home" or "cable" alone is no sign: it may be the organisation's own name.
"""

from __future__ import annotations

import ipaddress
import re

__all__ = ["looks_generic"]

_LONGEST = 255  # characters of a name that are looked at

# Words by which receivers know customer lines; a static customer line often bears them too.
_WORDS = frozenset(
    re.findall(
        "[a-z]+",
        "dyn dynamic dynip pool dsl adsl vdsl dhcp ppp pppoe dial dialup cable ftth cust customer client broadband res "
        "home vm ec compute",
    )
)
_TOKEN = re.compile(r"[a-z]+|[0-9]+")
# What people call their own servers, numbered or not.
_SERVER = re.compile(r"(?:mx|smtp|mail|mta|relay|out|send|ns|www)[a-z-]{0,20}[0-9]{0,4}")
# Below these, the organisation's own label is the third from the end (co.jp, com.au, ne.jp …).
_SECOND_LEVEL = frozenset(("ac", "ad", "co", "com", "ed", "edu", "go", "gov", "gr", "lg", "ne", "net", "or", "org"))


def looks_generic(name: str, address: str) -> bool:
    """Return True when *name* spells *address* out, or numbers a line beside a word for customer lines."""
    name = name[:_LONGEST].rstrip(".").lower()
    return _spells(name, ipaddress.ip_address(address)) or _numbers_a_line(name)


def _spells(name: str, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if ip.version == 6:
        digits = ip.exploded.replace(":", "")
        return digits[16:] in re.sub(r"[^0-9a-f]", "", name)
    octets = str(ip).split(".")
    spelled = [r"[.\-_x]?".join(f"0{{0,2}}{octet}" for octet in order) for order in (octets, octets[::-1])]
    return any(re.search(rf"(?<!\d){s}(?!\d)", name) for s in spelled) or ip.packed.hex() in name


def _numbers_a_line(name: str) -> bool:
    labels = name.split(".")
    own = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    host = labels[:-own]
    if not host or _SERVER.fullmatch(host[0]):
        return False
    tokens = [_TOKEN.findall(label) for label in host]
    words = any(token in _WORDS for label in tokens for token in label)
    numbered = any(token.isdigit() for label in tokens for token in label)
    return words and (numbered or bool(_WORDS & set(tokens[0])))
