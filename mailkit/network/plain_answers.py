"""Reading the plain answers quickly: most are a few records of the type asked for, or none and an SOA.

Taking a whole message apart costs 0.3 ms of processor time; of a plain answer only what is looked at is parsed here, a
few hundredths of that, and what many domains have in common is parsed once.  Everything else, be it an alias, a
referral, a failure or an oddity, is for :func:`mailkit.network.dns_lookup.read`, which gives the same :class:`Answer`
for a plain one.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.SPF import SPF
from dns.rdtypes.ANY.TXT import TXT

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.presentation import presented

__all__ = ["plain_answer", "plain_query", "question_of"]

_TYPES = {"A": 1, "AAAA": 28, "MX": 15, "SPF": 99, "TXT": 16}
_TEXTS = {16: TXT, 99: SPF}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_LONGEST = 253
_RECURSION_DESIRED, _ANSWER, _KIND, _CUT, _CODE = 0x0100, 0x8000, 0x7800, 0x0200, 0x000F
_NXDOMAIN = 3
_SOA, _IN, _OPT = 6, 1, 41
_SAME_NAME = b"\xc0\x0c"  # a pointer to the name in the question
_PAYLOAD = 1232  # octets over UDP, as everywhere here (DNS flag day of 2020)
_LONGEST_TTL = 0x7FFFFFFF  # RFC 2181 section 8
_EDNS = b"\x00" + struct.pack("!HHIH", _OPT, _PAYLOAD, 0, 0)
_MOST_KEPT = 4096  # records whose reading is remembered

_header, _record, _kind = struct.Struct("!HHHHHH"), struct.Struct("!HHIH"), struct.Struct("!HH")
_Read = tuple[dns.rdata.Rdata, str]  # a record, and how it is presented


@lru_cache(maxsize=_MOST_KEPT)
def question_of(name: str, rdtype: str) -> bytes | None:
    """Return the question section for *name*, *rdtype*; None for what is not plain enough to be asked here."""
    kind = _TYPES.get(rdtype.upper())
    if kind is None or len(name.removesuffix(".")) > _LONGEST or not _NAME.fullmatch(name):
        return None
    labels = name.lower().removesuffix(".").encode().split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\x00" + _kind.pack(kind, _IN)


def plain_query(number: int, question: bytes) -> bytes:
    """Return the query *number* with that question section, as a stub resolver sends it (RFC 1035, RFC 6891)."""
    return _header.pack(number, _RECURSION_DESIRED, 1, 0, 0, 1) + question + _EDNS


def plain_answer(name: str, rdtype: str, question: bytes, message: bytes) -> Answer | None:
    """Return what *message* answers to *question*, which is about *name*, *rdtype*; None when it is not a plain answer.

    Nothing behind the answers, or behind the SOA where there are none, is looked at.
    """
    try:
        return _read(name, rdtype.upper(), question, message)
    except (struct.error, IndexError, dns.exception.DNSException, ValueError):
        return None


def _read(name: str, rdtype: str, question: bytes, message: bytes) -> Answer | None:
    _, flags, questions, answers, authorities, _ = _header.unpack_from(message)
    code = flags & _CODE
    whole = flags & _ANSWER and not flags & (_KIND | _CUT) and questions == 1
    if not whole or code not in (0, _NXDOMAIN) or not _asks(message, question):
        return None
    at = 12 + len(question)
    if answers == 0:
        return _nothing(name, rdtype, code, question, message, at, authorities)
    if code:
        return None
    found: list[_Read] = []
    ttl = _LONGEST_TTL
    for _ in range(answers):
        at = _behind_owner(message, question, at)
        kind, klass, seconds, length = _record.unpack_from(message, at)
        at += 10
        if (kind, klass) != (_TYPES[rdtype], _IN) or seconds > _LONGEST_TTL or at + length > len(message):
            return None
        if rdtype == "MX":  # it holds a name, which may point to another place in the message
            found.append(_parsed(kind, message, at, length))
        else:
            found.append(_without_names(kind, message[at : at + length]))
        ttl = min(ttl, seconds)
        at += length
    if len(found) > 1:
        texts: dict[dns.rdata.Rdata, str] = {}
        for one, text in found:
            texts.setdefault(one, text)
        found = [(one, texts[one]) for one in sorted(texts)]
    rdata, records = zip(*found)
    return Answer(name, rdtype, Status.NOERROR, records, ttl=ttl, rdata=rdata)


def _parsed(kind: int, message: bytes, at: int, length: int) -> _Read:
    rdata = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.RdataType(kind), message, at, length)
    return rdata, presented(rdata)


@lru_cache(maxsize=_MOST_KEPT)
def _without_names(kind: int, octets: bytes) -> _Read:
    """Return the record with these *octets*: addresses and texts are often the same for many domains."""
    if kind not in _TEXTS:
        return _parsed(kind, octets, 0, len(octets))
    strings, at = [], 0
    while at < len(octets):
        end = at + 1 + octets[at]
        strings.append(octets[at + 1 : end])
        at = end
    if at > len(octets):
        raise ValueError("a string that ends behind its record")
    rdata = _TEXTS[kind](dns.rdataclass.IN, dns.rdatatype.RdataType(kind), strings)
    return rdata, presented(rdata)


def _asks(message: bytes, question: bytes) -> bool:
    """Return whether *message* repeats *question*; in names alone do capitals not matter (RFC 4343)."""
    repeated = message[12 : 12 + len(question)]
    return repeated == question or (repeated[:-4].lower() == question[:-4] and repeated[-4:] == question[-4:])


def _behind_owner(message: bytes, question: bytes, at: int) -> int:
    """Return where the name of a record at *at* ends; raises ValueError unless it is the name asked about."""
    if message[at : at + 2] == _SAME_NAME:
        return at + 2
    end = at + len(question) - 4
    if message[at:end].lower() != question[:-4]:
        raise ValueError("a record of another name")
    return end


def _nothing(
    name: str, rdtype: str, code: int, question: bytes, message: bytes, at: int, authorities: int
) -> Answer | None:
    """Return the answer that there is nothing, which one SOA and no other record must prove (RFC 2308 section 2)."""
    if authorities != 1:
        return None
    at = _behind_zone(message, question[:-4], at)
    kind, klass, seconds, length = _record.unpack_from(message, at)
    end = at + 10 + length
    if (kind, klass) != (_SOA, _IN) or end > len(message) or length < 22:
        return None
    minimum = int.from_bytes(message[end - 4 : end], "big")
    if max(seconds, minimum) > _LONGEST_TTL:
        return None
    status, reason = (Status.NXDOMAIN, "no such name") if code else (Status.NODATA, f"the name has no {rdtype}")
    return Answer(name, rdtype, status, ttl=min(seconds, minimum), reason=reason)


def _behind_zone(message: bytes, asked: bytes, at: int) -> int:
    """Return where the name of the zone at *at* ends, of which the name *asked* about is a part.

    Raises ValueError for another, and for one that is written in a way that has to be unravelled: labels of its own,
    then the root or a pointer into the question, are what name servers send.
    """
    begun = at
    while 0 < (size := message[at]) < 64:
        at += 1 + size
    if size == 0:
        zone, end = message[begun : at + 1], at + 1
    else:
        target = int.from_bytes(message[at : at + 2], "big") - 0xC000 - 12
        if not 0 <= target < len(asked):
            raise ValueError("a pointer to another place than the question")
        zone, end = message[begun:at] + asked[target:], at + 2
    start = len(asked) - len(zone)
    if start < 0 or asked[start:] != zone.lower() or not _begins_a_label(asked, start):
        raise ValueError("the name is not in that zone")
    return end


def _begins_a_label(name: bytes, place: int) -> bool:
    """Return whether a label of *name*, on the wire, begins at *place*."""
    at = 0
    while at < place:
        at += 1 + name[at]
    return at == place
