"""All zones of one world, root included, answering as one authority for the whole DNS would (RFC 1034, RFC 1035).

Zones are standard master files.  A file is parsed at the first question that concerns it and signed at the first
one that asks for DNSSEC: starting a world costs next to nothing, and the few milliseconds a zone takes are spent
only on the zones somebody looks at.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import dns.btreezone
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.SPF
import dns.rdtypes.ANY.TXT
import dns.zone

from mailkit.datasets import DATA
from mailkit.lab.dns.zone_lookup import ZoneAnswer, look_up, respond
from mailkit.lab.dns.zone_signing import TRUST_ANCHOR, sign
from mailkit.network.dns_lookup import parse_question

__all__ = ["KEYS", "Authority"]

KEYS = DATA / "lab" / "keys"
"""The folder of the committed practice keys."""

_IN = dns.rdataclass.IN
_CNAME, _DS, _NS, _SOA = dns.rdatatype.CNAME, dns.rdatatype.DS, dns.rdatatype.NS, dns.rdatatype.SOA
_ORIGIN = re.compile(r"^\$ORIGIN[ \t]+(\S+)", re.MULTILINE)

# What signing a zone makes; a published one would contradict it.
_MADE_BY_SIGNING = frozenset(
    {
        dns.rdatatype.DNSKEY,
        dns.rdatatype.RRSIG,
        dns.rdatatype.NSEC,
        dns.rdatatype.NSEC3,
        dns.rdatatype.NSEC3PARAM,
    }
)
_TEXTS = {dns.rdatatype.TXT: dns.rdtypes.ANY.TXT.TXT, dns.rdatatype.SPF: dns.rdtypes.ANY.SPF.SPF}
_SIGNED_TYPES = _MADE_BY_SIGNING | {_DS}


@dataclass
class _Entry:
    """One zone: its master file, what it holds now, and that signed; None until somebody asks."""

    file: Path
    text: str
    plain: dns.btreezone.Zone | None = None
    signed: dns.btreezone.Zone | None = None


class Authority:
    """The DNS of one world, from the master files ``*.zone`` in *folder*; ``root.zone`` must be among them.

    A parent delegates to each zone below it that is in the world; its file need not say so.  Every zone is signed
    with the practice keys in *keys_dir*, and trusted by its parent, but for those named in *unsigned*.  Raises
    ValueError for a folder that holds no such world.  Safe to use from several threads.
    """

    def __init__(self, folder: Path, *, keys_dir: Path = KEYS, unsigned: Iterable[str] = ()) -> None:
        self.trust_anchor = keys_dir / TRUST_ANCHOR
        self._keys_dir = keys_dir
        self._lock = threading.RLock()
        self._entries: dict[dns.name.Name, _Entry] = {}
        for file in sorted(folder.glob("*.zone")):
            text = file.read_text(encoding="utf-8")
            if not (found := _ORIGIN.search(text)):
                raise ValueError(f"{file.name} has no $ORIGIN line to say which zone it is")
            self._entries[_origin(found[1], file.name)] = _Entry(file, text)
        if dns.name.root not in self._entries:
            raise ValueError(f"{folder} holds no zone of the root: there must be a root.zone with '$ORIGIN .'")
        self._unsigned = frozenset(_origin(name, "unsigned") for name in unsigned)
        self._changed: set[dns.name.Name] = set()
        self.changes = 0  # how often anything was published, withdrawn or reset

    @property
    def zones(self) -> tuple[str, ...]:
        """The names of the zones, the root as ".", parents before children."""
        return tuple(str(origin).rstrip(".") or "." for origin in sorted(self._entries))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the name servers of the root live, which serve all of this world, as the root zone has it."""
        root = self._plain(dns.name.root)
        hosts = [r.target for r in root.get_rdataset(dns.name.root, _NS) or ()]
        found = [root.get_rdataset(host, rdtype) or () for host in hosts for rdtype in ("A", "AAAA")]
        return tuple(r.address for some in found for r in some)

    def check(self) -> None:
        """Parse every zone now.  Raises ValueError for a master file with an error in it."""
        with self._lock:
            for origin in self._entries:
                self._plain(origin)

    def resolve(self, query: dns.message.Message) -> dns.message.Message:
        """Return the authoritative response to *query*, aliases followed across zones."""
        response = respond(query, self.step)
        response.flags |= dns.flags.AA
        return response

    def step(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, dnssec: bool = False) -> ZoneAnswer:
        """Return what the closest enclosing zone says to the question, without following an alias."""
        with self._lock:
            origin = self._origin_for(name, rdtype)
            signing = (dnssec or rdtype in _SIGNED_TYPES) and origin not in self._unsigned
            zone = self._signed(origin) if signing else self._plain(origin)
            return replace(look_up(zone, name, rdtype), secure=self._secure(origin))

    def ttl_of(self, name: str, rdtype: str) -> int:
        """Return for how many seconds a cache may still hold what is now said to this question.

        That is the TTL of the records or, where there are none, the negative TTL (RFC 2308 section 5).
        """
        return self.step(*parse_question(name, rdtype)).ttl

    def publish(self, name: str, rdtype: str, *values: str, ttl: int = 300) -> None:
        """Replace the *rdtype* records of *name* with *values*, for *ttl* seconds.

        Names are absolute with or without their last dot, also inside the values.  A value is presentation text;
        for TXT it may also be the plain text, of any length, which is split into strings of 255 octets.  A DS
        goes to the parent zone, in the place of the right one: a way to break the chain of trust.  Raises
        ValueError when the name lies in no zone of this world, or the value is not one of that type.
        """
        qname, qtype = parse_question(name, rdtype)
        if not values:
            raise ValueError("publish needs at least one value; to remove records there is withdraw(name, rdtype)")
        if not isinstance(ttl, int) or not 0 <= ttl < 2**31:
            raise ValueError(f"ttl is a whole number of seconds from 0 to 2147483647, not {ttl!r}")
        if dns.rdatatype.is_metatype(qtype) or qtype in _MADE_BY_SIGNING:
            raise ValueError(f"{rdtype} records cannot be published; the zone's signatures are made when asked for")
        if qtype in (_SOA, _CNAME) and len(values) > 1:
            section = "RFC 1034 section 3.6.2; RFC 2181 section 10.1" if qtype == _CNAME else "RFC 1035 section 5.2"
            raise ValueError(f"a name has one {rdtype} record only ({section})")
        records = dns.rdataset.from_rdata_list(ttl, [_rdata(qtype, value) for value in values])
        with self._lock:
            origin = self._home(qname, qtype)
            zone = self._plain(origin)
            others = {r.rdtype for r in zone.get_node(qname) or ()} - {qtype}
            if others and (qtype == _CNAME or _CNAME in others):
                raise ValueError(f"{name}: a CNAME stands alone, with no other records (RFC 1034 section 3.6.2)")
            with zone.writer() as txn:
                txn.replace(qname, records)
            self._touch(origin)

    def withdraw(self, name: str, rdtype: str) -> None:
        """Remove the *rdtype* records of *name*; nothing happens when there are none.

        Raises ValueError when the name lies in no zone of this world, or the zone cannot be without them.
        """
        qname, qtype = parse_question(name, rdtype)
        with self._lock:
            origin = self._home(qname, qtype)
            if qname == origin and qtype in (_SOA, _NS):
                raise ValueError(f"a zone cannot be without its {rdtype} records; publish others in their place")
            with self._plain(origin).writer() as txn:
                txn.delete(qname, qtype)
            self._touch(origin)

    def reset(self) -> None:
        """Go back to the zones as their files have them."""
        with self._lock:
            for origin in self._changed:
                self._entries[origin].plain = self._entries[origin].signed = None
            self._changed.clear()
            self.changes += 1

    def _touch(self, origin: dns.name.Name) -> None:
        self._entries[origin].signed = None
        self._changed.add(origin)
        self.changes += 1

    def _enclosing(self, name: dns.name.Name) -> dns.name.Name:
        while name not in self._entries:
            name = name.parent()
        return name

    def _origin_for(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.name.Name:
        """Return the zone to ask; a DS lies on the parent's side of the cut (RFC 4035 section 3.1.4.1)."""
        if rdtype == _DS and name in self._entries and name != dns.name.root:
            return self._enclosing(name.parent())
        return self._enclosing(name)

    def _home(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.name.Name:
        """Return the zone where *name* may be changed: any but the root, where only a DS is."""
        if self._enclosing(name) == dns.name.root:
            raise ValueError(
                f"no zone of this world holds {str(name).rstrip('.')!r}; there are {', '.join(self.zones)}"
            )
        return self._origin_for(name, rdtype)

    def _children(self, origin: dns.name.Name) -> list[dns.name.Name]:
        return [n for n in self._entries if n != dns.name.root and self._enclosing(n.parent()) == origin]

    def _plain(self, origin: dns.name.Name) -> dns.btreezone.Zone:
        entry = self._entries[origin]
        if entry.plain is None:
            entry.plain = _parse(entry)
            with entry.plain.writer() as txn:
                own = txn.get(origin, _NS)  # one set of name servers serves the whole world
                for child in self._children(origin):
                    if not txn.get(child, _NS):
                        txn.add(child, own)
        return entry.plain

    def _signed(self, origin: dns.name.Name) -> dns.btreezone.Zone:
        entry = self._entries[origin]
        if entry.signed is None:
            trusted = [child for child in self._children(origin) if child not in self._unsigned]
            entry.signed = sign(self._plain(origin), trusted, self._keys_dir)
        return entry.signed

    def _secure(self, origin: dns.name.Name) -> bool:
        """Return whether the zone's signatures hold up to the root; a DS put there by hand does not count."""
        while origin not in self._unsigned:
            if origin == dns.name.root:
                return True
            parent = self._enclosing(origin.parent())
            if self._plain(parent).get_rdataset(origin, _DS):
                return False
            origin = parent
        return False


def _origin(text: str, where: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text)
    except dns.exception.DNSException as error:
        raise ValueError(f"{where}: {text!r} is no domain name: {error}") from None


def _parse(entry: _Entry) -> dns.btreezone.Zone:
    try:
        zone = dns.zone.from_text(entry.text, zone_factory=dns.btreezone.Zone, relativize=False)
    except (dns.exception.DNSException, KeyError) as error:
        raise ValueError(f"{entry.file.name}: {error}") from error
    assert isinstance(zone, dns.btreezone.Zone)
    return zone


def _rdata(rdtype: dns.rdatatype.RdataType, value: str) -> dns.rdata.Rdata:
    """Return *value* as a record of that type.  Raises ValueError."""
    name = dns.rdatatype.to_text(rdtype)
    if not isinstance(value, str):
        raise TypeError(f"a value is presentation text, not {type(value).__name__}")
    try:
        if rdtype in _TEXTS and not value.startswith('"'):
            octets = value.encode()
            return _TEXTS[rdtype](_IN, rdtype, [octets[i : i + 255] for i in range(0, len(octets) or 1, 255)])
        return dns.rdata.from_text(_IN, rdtype, value, origin=dns.name.root, relativize=False)
    except (dns.exception.DNSException, UnicodeError, ValueError) as error:
        raise ValueError(f"{value[:80]!r} is not the text of a {name} record: {error}") from None
