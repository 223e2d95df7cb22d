"""Reading a DNS message whose TLSA records need not all be sound (RFC 6698 section 2.1).

A digest of the wrong length makes one record unusable and takes nothing from the others.  dnspython refuses the whole
message for it.  Here such a record stays in the answer as its octets (RFC 3597), so that DNSSEC still has all of what
was signed, and whoever reads TLSA records judges it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

__all__ = ["read_message"]

_HEADER = 12  # octets
_TLSA_FIELDS = 3  # octets: usage, selector, matching type


@dataclass(frozen=True)
class _Odd:
    """A TLSA record that dnspython does not take."""

    section: int
    name: dns.name.Name
    rdclass: dns.rdataclass.RdataClass
    ttl: int
    data: bytes


def read_message(wire: bytes) -> dns.message.Message:
    """Return the message in *wire*; one that was cut off (flag TC) as far as it can be read.

    Raises dns.exception.DNSException, or whatever else a mangled message makes dnspython raise.
    """
    message = dns.message.from_wire(wire, continue_on_error=True)
    if message.flags & dns.flags.TC or not message.errors:
        return message
    odd = list(_odd_records(wire))
    if len(odd) != len(message.errors):
        raise message.errors[0].exception
    for record in odd:
        rrset = message.find_rrset(
            message.sections[record.section], record.name, record.rdclass, dns.rdatatype.TLSA, create=True
        )
        rrset.add(dns.rdata.GenericRdata(record.rdclass, dns.rdatatype.TLSA, record.data), record.ttl)
    return message


def _odd_records(wire: bytes) -> Iterator[_Odd]:
    """Yield the TLSA records in *wire* that have all their fields and are no TLSA records to dnspython."""
    questions, *counts = struct.unpack_from("!HHHH", wire, 4)
    at = _HEADER
    for _ in range(questions):
        at += dns.name.from_wire(wire, at)[1] + 4
    for section, count in enumerate(counts, start=1):
        for _ in range(count):
            name, used = dns.name.from_wire(wire, at)
            rdtype, rdclass, ttl, length = struct.unpack_from("!HHIH", wire, at + used)
            begin = at + used + 10
            at = begin + length
            if rdtype == dns.rdatatype.TLSA and length >= _TLSA_FIELDS:
                try:
                    dns.rdata.from_wire(rdclass, rdtype, wire, begin, length)
                except dns.exception.FormError:
                    yield _Odd(section, name, dns.rdataclass.RdataClass(rdclass), ttl, wire[begin:at])
