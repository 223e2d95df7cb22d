"""Validating a DNS answer: a chain of DNSKEY and DS records from the trust anchor down (RFC 4033 to 4035, RFC 5155).

The judgement is one's own: the name servers are asked for the records of the chain, but not believed.  What is not
followed is said to be unknown: DNAME records.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from mailkit.network.chain_of_trust import Chain, Heard, NotSecureError, TooMuchWorkError, UnknownError
from mailkit.network.denial import is_expanded
from mailkit.network.exchange import Nameserver
from mailkit.network.nsec3 import Denial
from mailkit.network.security import Security, worst
from mailkit.network.trust_anchors import read_trust_anchor

__all__ = ["judge", "read_trust_anchor"]

_IN = dns.rdataclass.IN
_CNAME, _DNAME = dns.rdatatype.CNAME, dns.rdatatype.DNAME
_MOST_ALIASES = 16


def judge(
    query: dns.message.Message,
    response: dns.message.Message,
    *,
    nameservers: Sequence[Nameserver],
    trust_anchor: str | None,
    now: datetime,
    timeout: float,
    heard: Heard | None = None,
) -> Security:
    """Return what DNSSEC says, at the time *now*, of *response* to *query*, asked with DO set.

    INSECURE is proven: a zone on the way is not signed, or so that nobody can tell (opt-out, an algorithm that nobody
    knows, too many iterations of NSEC3).  BOGUS is what should be signed and is not, or not rightly.  UNKNOWN says
    that the chain could not be asked for within *timeout* seconds, or is of a kind that is not followed.  *heard*
    keeps what was asked of the zones above, for the next answer of the same job.

    Without *trust_anchor* it is the resolver's word (the AD bit) when all name servers are on this machine
    (RFC 4035 section 4.9.3), else UNKNOWN.  Raises ValueError when the file of the trust anchor holds none.
    """
    if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Security.UNKNOWN
    if trust_anchor is None:
        if not nameservers or not all(ipaddress.ip_address(host).is_loopback for host, _ in nameservers):
            return Security.UNKNOWN
        return Security.SECURE if response.flags & dns.flags.AD else Security.INSECURE
    chain = Chain(read_trust_anchor(trust_anchor), nameservers, now, timeout, heard)
    return worst(_steps(query, response, chain))


def _steps(query: dns.message.Message, response: dns.message.Message, chain: Chain) -> list[Security]:
    """Follow *response* from the name asked to the records or to their absence, and judge each step."""
    name, rdtype = query.question[0].name, query.question[0].rdtype
    if rdtype in (dns.rdatatype.ANY, dns.rdatatype.RRSIG) or any(r.rdtype == _DNAME for r in response.answer):
        return [Security.UNKNOWN]
    heard: list[Security] = []
    for _ in range(_MOST_ALIASES):
        heard.append(_step(name, rdtype, response, chain))
        found = response.get_rrset(response.answer, name, _IN, rdtype)
        alias = response.get_rrset(response.answer, name, _IN, _CNAME)
        if found or not alias:
            return heard
        name = alias[0].target
    return [*heard, Security.UNKNOWN]


def _step(
    name: dns.name.Name, rdtype: dns.rdatatype.RdataType, response: dns.message.Message, chain: Chain
) -> Security:
    """Judge what *response* says of *name*: its records, an alias, or that there is nothing."""
    try:
        try:
            return _proven(name, rdtype, response, chain)
        except NotSecureError:
            return chain.why_not_secure(name, rdtype)
    except UnknownError:
        return Security.UNKNOWN
    except TooMuchWorkError:
        return Security.BOGUS


def _proven(
    name: dns.name.Name, rdtype: dns.rdatatype.RdataType, response: dns.message.Message, chain: Chain
) -> Security:
    found = response.get_rrset(response.answer, name, _IN, rdtype)
    rrset = found or response.get_rrset(response.answer, name, _IN, _CNAME)
    if rrset is None:
        proofs = chain.proofs(response)
        absent = response.rcode() == dns.rcode.NXDOMAIN
        return _denied(proofs.denies_name(name) if absent else proofs.denies_type(name, rdtype))
    signature = chain.verify(rrset, response.answer)
    if is_expanded(name, signature):
        return _denied(chain.proofs(response).denies_closer_name(name, signature.labels))
    return Security.SECURE


def _denied(denial: Denial) -> Security:
    if denial is Denial.NOT_PROVEN:
        raise NotSecureError
    return Security.SECURE if denial is Denial.PROVEN else Security.INSECURE
