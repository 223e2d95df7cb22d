"""The keys by which the DNS root, or a zone below it, is trusted to begin with (RFC 4033 section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset
import dns.zonefile

__all__ = ["Anchors", "read_trust_anchor"]

Anchors = Mapping[dns.name.Name, tuple[dns.rdata.Rdata, ...]]


def read_trust_anchor(path: str) -> Anchors:
    """Return the DNSKEY and DS records to start from, by zone.

    The file is what BIND and delv take (``trust-anchors { . static-key 257 3 8 "…"; };``) or records as unbound
    takes them (``. IN DS 20326 8 2 …``).  Raises ValueError when there is none in it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        rrsets = [*_bind_anchors(text)] if "{" in text else dns.zonefile.read_rrsets(text, rdclass=None, default_ttl=0)
    except (OSError, dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"trust_anchor: {path!r} cannot be read: {error}") from None
    anchors: dict[dns.name.Name, tuple[dns.rdata.Rdata, ...]] = {}
    for rrset in rrsets:
        if rrset.rdtype in (dns.rdatatype.DNSKEY, dns.rdatatype.DS):
            anchors[rrset.name] = (*anchors.get(rrset.name, ()), *rrset)
    if not anchors:
        raise ValueError(f"trust_anchor: {path!r} holds no DS or DNSKEY record")
    return anchors


def _bind_anchors(text: str) -> Iterator[dns.rrset.RRset]:
    # A key may hold what looks like a comment: quoted texts are matched first, and kept.
    text = re.sub(r'("[^"]*")|/\*.*?\*/|//[^\n]*|#[^\n]*', lambda found: found[1] or " ", text, flags=re.DOTALL)
    statement = r'"?([^\s"{;]+)"?\s+(?:static|initial)-(key|ds)\s+(\d+)\s+(\d+)\s+(\d+)\s+"([^"]*)"'
    for name, kind, first, second, third, material in re.findall(statement, text):
        rdtype = "DNSKEY" if kind == "key" else "DS"
        yield dns.rrset.from_text(name, 0, "IN", rdtype, f"{first} {second} {third} {''.join(material.split())}")
