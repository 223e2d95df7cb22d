"""The record as it is published: found in TXT records, joined from its pieces (RFC 7208 sections 3 and 4.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import dns.rdatatype

from mailkit.network import Answer, Network, Status, to_ascii
from mailkit.results import Record, hidden
from mailkit.spf.characters import is_attempt, readable
from mailkit.spf.trace import shown

__all__ = ["Published", "published", "record"]

_VERSION = re.compile(rb"v=spf1(?: |$)", re.IGNORECASE)  # section 4.5: ended by a space or the end of the record


@dataclass(frozen=True)
class Published(Record):
    """What *domain* publishes for SPF.

    ``text`` is the record when there is exactly one, ``pieces`` the strings it came in (each at most 255 octets) and
    ``ttl`` its time to live in seconds.  ``status`` is what the DNS said to the TXT question, ``records`` holds every
    v=spf1 record, ``almost`` the TXT records that look like a failed attempt at one (``typed`` and ``attempts`` have
    the text unescaped).
    """

    domain: str
    status: Status
    text: str
    pieces: tuple[str, ...]
    ttl: int | None
    records: tuple[str, ...]
    almost: tuple[str, ...]
    reason: str = ""
    typed: str = hidden()
    attempts: tuple[str, ...] = hidden(())
    answer: Answer | None = hidden(None)


def _text(octets: bytes) -> str:
    """Return *octets* as whoever typed them reads them; what cannot be seen is escaped."""
    return shown(readable(octets), 70_000)


def published(domain: str, answer: Answer) -> Published:
    """Return what *answer*, to the TXT question about *domain*, holds of SPF."""
    found: list[tuple[bytes, ...]] = []
    almost: list[str] = []
    rdatas: tuple[Any, ...] = answer.rdata
    for rdata in rdatas:
        if rdata.rdtype != dns.rdatatype.TXT:
            continue
        strings: tuple[bytes, ...] = rdata.strings
        joined = b"".join(strings)
        if _VERSION.match(joined):
            found.append(strings)
        elif is_attempt(text := readable(joined)):
            almost.append(text)
    records = tuple(_text(b"".join(strings)) for strings in found)
    one = found[0] if len(found) == 1 else ()
    return Published(
        domain=domain,
        status=answer.status,
        text=records[0] if one else "",
        pieces=tuple(_text(piece) for piece in one),
        ttl=answer.ttl if found else None,
        records=records,
        almost=tuple(shown(text, 70_000) for text in almost),
        typed=readable(b"".join(one)),
        attempts=tuple(almost),
        reason=answer.reason,
        answer=answer,
    )


def record(domain: str, *, net: Network) -> Published:
    """Return the SPF record of *domain* as it is published; raises ValueError for what is no domain name.

    The record is as found, not judged; what cannot be printed is escaped.
    """
    name = to_ascii(domain)
    return published(name, net.lookup(name, "TXT"))
