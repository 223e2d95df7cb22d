"""Text records in presentation format and back (RFC 1035 sections 3.3 and 5.1): most are printable, and read quickly.

dnspython goes through a text octet by octet, which keys make long.  What needs an escape is left to it.
"""

from __future__ import annotations

import re

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
from dns.rdtypes.ANY.SPF import SPF
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.txtbase import TXTBase

__all__ = ["parse_strings", "presented", "text_rdata"]

_PIECE = 255  # octets of one character string (RFC 1035 section 3.3)
_PLAIN = re.compile(rb"[ !#-\[\]-~]*")  # octets that need no escape
_PLAIN_STRINGS = re.compile(r'"[ !#-\[\]-~]{0,255}"(?:[ \t]+"[ !#-\[\]-~]{0,255}")*')
_STRING = re.compile(r'"([^"]*)"')


def presented(rdata: dns.rdata.Rdata) -> str:
    """Return *rdata* as it stands in a zone file."""
    if isinstance(rdata, TXTBase) and all(_PLAIN.fullmatch(string) for string in rdata.strings):
        return " ".join(f'"{string.decode("ascii")}"' for string in rdata.strings)
    return rdata.to_text()


def text_rdata(rdtype: dns.rdatatype.RdataType, text: str) -> TXTBase:
    """Return *text* as a record of *rdtype*, TXT or SPF, in strings of 255 octets; ValueError for what is no text."""
    octets = text.encode("utf-8", "surrogateescape")
    pieces = [octets[start : start + _PIECE] for start in range(0, len(octets), _PIECE)] or [b""]
    kind = {dns.rdatatype.TXT: TXT, dns.rdatatype.SPF: SPF}[rdtype]
    return kind(dns.rdataclass.IN, rdtype, pieces)


def parse_strings(text: str) -> bytes:
    """Return the octets of the quoted strings *text*, joined.

    Raises DNSException or ValueError for what is no value of a TXT record.
    """
    if _PLAIN_STRINGS.fullmatch(text):
        return "".join(_STRING.findall(text)).encode("ascii")
    read = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.TXT, text)
    assert isinstance(read, TXTBase)
    return b"".join(read.strings)
