"""The Sender Rewriting Scheme: how a forwarder sends on under a sender of its own, and finds the way back for a bounce.

After Meng Weng Wong's paper of 2003 and Shevek's ``Mail::SRS``, whose addresses these are, octet for octet::

    SRS0=HHHH=TT=kaisha.example=hanako@forward.example
    SRS1=HHHH=forward.example==HHHH=TT=kaisha.example=hanako@second.example

HHHH is the beginning of an HMAC, so that nobody can send through the forwarder by making such an address up; TT is the
day, so that an address that has become known is of use for some weeks only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime

__all__ = ["is_rewritten", "reverse", "rewrite"]

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_DAY = 86400  # seconds
_MOST_DAYS = 21
_HASH = 4  # characters
_SRS0 = re.compile(r"SRS0[=+-]([^=]+)=([A-Z2-7]{2})=([^=]+)=(.+)", re.IGNORECASE)
_SRS1 = re.compile(r"SRS1[=+-]([^=]+)=([^=]+)=([=+-].+)", re.IGNORECASE)


def is_rewritten(address: str) -> bool:
    """Return whether *address* is, or claims to be, one that SRS made."""
    return address[:4].upper() in ("SRS0", "SRS1") and address[4:5] in ("=", "+", "-")


def rewrite(sender: str, domain: str, *, secret: bytes, now: datetime) -> str:
    """Return the envelope sender under which *domain* sends on a message of *sender*.

    The null sender of a bounce and a sender of *domain* stay as they are.  A second forwarder keeps the first one's
    address whole and adds itself once (SRS1), so that addresses do not grow with each.
    """
    user, at, host = sender.rpartition("@")
    if not at or host.lower() == domain.lower():
        return sender
    if match := _SRS1.fullmatch(user):
        first, rest = match[2], match[3]
    elif is_rewritten(user):  # SRS0
        first, rest = host, user[4:]
    else:
        day = _day(now)
        return f"SRS0={_hash(secret, day, host, user)}={day}={host}={user}@{domain}"
    return f"SRS1={_hash(secret, first, rest)}={first}={rest}@{domain}"


def reverse(address: str, *, secret: bytes, now: datetime) -> str:
    """Return where mail to *address*, which :func:`rewrite` made, goes.  Raises ValueError, which says what is wrong.

    The hash is compared without regard to case, since some servers on the way do not keep it.
    """
    user = address.rpartition("@")[0]
    if match := _SRS1.fullmatch(user):
        given, first, rest = match.groups()
        if not _same(given, _hash(secret, first, rest)):
            raise ValueError("its hash is wrong")
        return f"SRS0{rest}@{first}"
    if match := _SRS0.fullmatch(user):
        given, day, host, name = match.groups()
        if not _same(given, _hash(secret, day, host, name)):
            raise ValueError("its hash is wrong")
        if (_number(_day(now)) - _number(day)) % 1024 > _MOST_DAYS:
            raise ValueError(f"it was made more than {_MOST_DAYS} days ago")
        return f"{name}@{host}"
    raise ValueError("it is not of the form SRS0=HHHH=TT=domain=name")


def _day(now: datetime) -> str:
    """Return the day of *now* in two digits of base 32; they begin anew every 1024 days."""
    days = int(now.timestamp()) // _DAY
    return _DIGITS[days >> 5 & 31] + _DIGITS[days & 31]


def _number(day: str) -> int:
    return _DIGITS.index(day[0].upper()) * 32 + _DIGITS.index(day[1].upper())


def _hash(secret: bytes, *parts: str) -> str:
    octets = hmac.new(secret, "".join(parts).lower().encode(), hashlib.sha1).digest()
    return base64.b64encode(octets).decode()[:_HASH]


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.lower().encode(), expected.lower().encode())
