"""Records to paste into a zone: one form for all lessons, and its way back (RFC 1035 sections 3.3.14 and 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from mailkit.network.names import to_ascii
from mailkit.network.presentation import parse_strings, presented, text_rdata
from mailkit.results import Record

__all__ = ["DnsRecord", "parse_paste", "paste"]

_MOST_OCTETS = 65_000  # of one record's text; the DNS allows 65,535 octets of RDATA
_MOST_TTL = 2**31 - 1  # RFC 2181 section 8
_MOST_LINES = 1000
_LINE = re.compile(r"(\S+)[ \t]+(?:(\d{1,10})[ \t]+)?(?:IN[ \t]+)?([A-Za-z][A-Za-z0-9-]*)[ \t]+(\S.*)", re.ASCII)


@dataclass(frozen=True)
class DnsRecord(Record):
    """One record as somebody publishes it.

    ``name`` is the owner, with or without a final dot; ``value`` is the text itself, unquoted and in one piece, where
    ``rdtype`` is TXT or SPF, and the presentation form of RFC 1035 for every other type (names in it are absolute).
    ``ttl`` is in seconds.  Raises ValueError for what is no name, no type, or no value of that type.
    """

    name: str
    rdtype: str
    value: str
    ttl: int = 3600

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", to_ascii(self.name))
        object.__setattr__(self, "rdtype", str(self.rdtype).upper())
        if not isinstance(self.ttl, int) or not 0 <= self.ttl <= _MOST_TTL:
            raise ValueError(f"a TTL is a whole number of seconds from 0 to {_MOST_TTL}, not {self.ttl!r}")
        if not isinstance(self.value, str) or len(self.value) > _MOST_OCTETS:
            raise ValueError(f"the value of a record is text of at most {_MOST_OCTETS} characters")
        if not self.is_text and not self.value.isprintable():
            raise ValueError(f"the value of a {self.rdtype[:20]} record is one line of printable characters")
        _ = self.rdata

    @property
    def is_text(self) -> bool:
        """True where the value is the text itself: TXT, and the obsolete SPF."""
        return self.rdtype in ("TXT", "SPF")

    @cached_property
    def rdata(self) -> dns.rdata.Rdata:
        """The value as dnspython has it."""
        try:
            rdtype = dns.rdatatype.from_text(self.rdtype)
            if self.is_text:
                return text_rdata(rdtype, self.value)
            return dns.rdata.from_text(dns.rdataclass.IN, rdtype, self.value, origin=dns.name.root, relativize=False)
        except (dns.exception.DNSException, ValueError, UnicodeError) as error:
            raise ValueError(
                f"{self.rdtype[:20]} record at {self.name}: {self.value[:60]!r} cannot be its value ({error})"
            ) from None

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file: name, TTL, class, type, value; long texts in pieces of 255 octets."""
        value = presented(self.rdata) if self.is_text else self.value
        return f"{self.name}. {self.ttl} IN {self.rdtype} {value}"


def paste(*records: DnsRecord) -> str:
    """Return *records* as the text that goes into ``Finding.fix``: one line of a zone file each."""
    return "\n".join(record.zone_line for record in records)


def parse_paste(text: str) -> tuple[DnsRecord, ...]:
    """Return the records of what :func:`paste` wrote; empty lines and comments (``;``) are passed over.

    Raises ValueError for a line that is no record of this form.
    """
    lines = [line.strip() for line in text.splitlines()[: _MOST_LINES + 1]]
    if len(lines) > _MOST_LINES:
        raise ValueError(f"that is more than {_MOST_LINES} lines")
    return tuple(_parsed(line) for line in lines if line and not line.startswith(";"))


def _parsed(line: str) -> DnsRecord:
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError(f"{line[:80]!r} is no record; write it as: kaisha.example. 3600 IN MX 10 mx.kaisha.example.")
    name, ttl, rdtype, value = found.groups()
    if rdtype.upper() in ("TXT", "SPF"):
        try:
            octets = parse_strings(value)
        except (dns.exception.DNSException, ValueError) as error:
            raise ValueError(f"{line[:80]!r}: its text is not quoted as in a zone file ({error})") from None
        value = octets.decode("utf-8", "surrogateescape")
    return DnsRecord(name, rdtype, value, 3600 if ttl is None else int(ttl))
