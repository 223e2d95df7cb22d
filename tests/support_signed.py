"""A zone signed by hand, with NSEC3 records, and answers broken on purpose: what no honest server of the lab gives.

The keys of the practice internet are no secret, so whoever has the workbook can sign for any of its zones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from mailkit.lab.dns import zone_signing
from mailkit.lab.dns.authority import KEYS

Records = Mapping[str, Mapping[str, Sequence[str]]]
Answer = Callable[..., dns.message.Message | None]

_IN = dns.rdataclass.IN
FROM, UNTIL = "20200101000000", "20491231000000"


def zone_key(zone: dns.name.Name) -> dns.rdata.Rdata:
    """The DNSKEY record of *zone*."""
    return dns.dnssec.make_dnskey(zone_signing.zone_key(zone, KEYS).public_key(), "ECDSAP256SHA256", flags=257)


def signed(
    rrset: dns.rrset.RRset, signer: str | dns.name.Name, *, inception: str = FROM, expiration: str = UNTIL
) -> list[dns.rrset.RRset]:
    """*rrset* and its signature by the key of *signer*."""
    zone = dns.name.from_text(signer) if isinstance(signer, str) else signer
    private = zone_signing.zone_key(zone, KEYS)
    signature = dns.dnssec.sign(rrset, private, zone, zone_key(zone), inception=inception, expiration=expiration)
    return [rrset, dns.rrset.from_rdata(rrset.name, rrset.ttl, signature)]


@dataclass(frozen=True)
class HashedZone:
    """A zone that denies with NSEC3 records (RFC 5155 section 7.2); *delegations* are its unsigned children."""

    origin: str
    records: Records
    delegations: Collection[str] = ()
    iterations: int = 0
    salt: str = "-"
    opt_out: bool = False

    @cached_property
    def apex(self) -> dns.name.Name:
        return dns.name.from_text(self.origin)

    @cached_property
    def types(self) -> dict[dns.name.Name, list[str]]:
        """The types of each name that has an NSEC3 record, the empty ones between them too."""
        found = {dns.name.from_text(name): [*types] for name, types in self.records.items()}
        found.setdefault(self.apex, [])
        found[self.apex] += ["SOA", "NS", "DNSKEY", "NSEC3PARAM"]
        if not self.opt_out:
            found |= {dns.name.from_text(name): ["NS"] for name in self.delegations}
        for name in list(found):
            while name != self.apex:
                name = name.parent()
                found.setdefault(name, [])
        return found

    def hash(self, name: dns.name.Name) -> str:
        salt = None if self.salt == "-" else self.salt
        return dns.dnssec.nsec3_hash(name, salt, self.iterations, "SHA1")

    @cached_property
    def ring(self) -> list[tuple[str, dns.name.Name]]:
        return sorted((self.hash(name), name) for name in self.types)

    def nsec3(self, place: int) -> list[dns.rrset.RRset]:
        owner, name = self.ring[place]
        following = self.ring[(place + 1) % len(self.ring)][0]
        types = [*self.types[name]]
        if types and types != ["NS"]:
            types.append("RRSIG")
        text = f"1 {int(self.opt_out)} {self.iterations} {self.salt} {following} {' '.join(types)}"
        rrset = dns.rrset.from_text(f"{owner}.{self.origin}.", 60, "IN", "NSEC3", text)
        return signed(rrset, self.apex)

    def matching(self, name: dns.name.Name) -> list[dns.rrset.RRset]:
        return self.nsec3([n for _, n in self.ring].index(name))

    def covering(self, name: dns.name.Name) -> list[dns.rrset.RRset]:
        digest = self.hash(name)
        return self.nsec3(max((i for i, (owner, _) in enumerate(self.ring) if owner < digest), default=-1))

    def _rrset(self, name: dns.name.Name, owner: dns.name.Name, rdtype: str) -> dns.rrset.RRset | None:
        if owner == self.apex and rdtype == "SOA":
            values: Sequence[str] = ["ns.example. hostmaster.example. 1 1800 900 604800 60"]
        elif owner == self.apex and rdtype == "NS":
            values = ["ns.example."]
        elif owner == self.apex and rdtype == "DNSKEY":
            values = [zone_key(self.apex).to_text()]
        else:
            values = self.records.get(str(owner).rstrip("."), {}).get(rdtype, ())
        return dns.rrset.from_text(name, 60, "IN", rdtype, *values) if values else None

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The authoritative answer, with DNSSEC."""
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        name, rdtype = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        for child in self.delegations:
            cut = dns.name.from_text(child)
            if name.is_subdomain(cut) and (name != cut or rdtype != "DS"):
                return self._unsigned(response, cut, rdtype)
        closest = name
        while closest not in self.types and closest not in [dns.name.from_text(c) for c in self.delegations]:
            closest = closest.parent()
        wildcard = dns.name.Name((b"*", *closest.labels))
        owner = name if closest == name else wildcard
        if found := self._rrset(name, owner, rdtype):
            pair = signed(found if owner == name else dns.rrset.from_rdata_list(owner, 60, tuple(found)), self.apex)
            response.answer = [dns.rrset.from_rdata_list(name, 60, tuple(r)) for r in pair]
            response.authority = [] if owner == name else self.covering(_next_closer(name, closest))
            return response
        soa = self._rrset(self.apex, self.apex, "SOA")
        assert soa is not None
        proof = signed(soa, self.apex)
        if name in self.types:
            proof += self.matching(name)
        elif closest == name:  # a delegation left out
            proof += self.matching(name.parent()) + self.covering(name)
        else:
            proof += self.matching(closest) + self.covering(_next_closer(name, closest))
            proof += self.matching(wildcard) if wildcard in self.types else self.covering(wildcard)
            if wildcard not in self.types:
                response.set_rcode(dns.rcode.NXDOMAIN)
        response.authority = list({(r.name, r.rdtype, r.covers): r for r in proof}.values())
        return response

    def _unsigned(self, response: dns.message.Message, cut: dns.name.Name, rdtype: str) -> dns.message.Message:
        name = response.question[0].name
        values = self.records.get(f"insecure {str(name).rstrip('.')}", {}).get(rdtype, ("192.0.2.9",))
        if rdtype == "A":
            response.answer = [dns.rrset.from_text(name, 60, "IN", "A", *values)]
        else:
            soa = "ns.example. hostmaster.example. 1 1800 900 604800 60"
            response.authority = [dns.rrset.from_text(cut, 60, "IN", "SOA", soa)]
        return response


def _next_closer(name: dns.name.Name, closest: dns.name.Name) -> dns.name.Name:
    return dns.name.Name(name.labels[-(len(closest) + 1) :])


def instead(zone: HashedZone, below: Answer) -> Answer:
    """Answers *zone*'s questions from it and every other one, its DS too, as *below* does."""

    def answer(query: dns.message.Message, transport: str = "udp") -> dns.message.Message | None:
        name, rdtype = query.question[0].name, query.question[0].rdtype
        at_cut = name == zone.apex and rdtype == dns.rdatatype.DS
        if name.is_subdomain(zone.apex) and not at_cut:
            return zone.answer(query)
        return below(query, transport)

    return answer
