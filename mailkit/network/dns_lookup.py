"""Asking the DNS one question, with an answer for everything the DNS can say.

An :class:`Answer` never hides the difference between "no such name" (NXDOMAIN), "no such type there" (NODATA,
RFC 2308 section 2.2), "the servers failed" (SERVFAIL) and "nobody answered" (TIMEOUT): SPF, DKIM and DMARC
each treat them differently.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdtypes.txtbase import TXTBase

from mailkit.network.deadline import Deadline
from mailkit.network.exchange import BadResponse, Nameserver, ask
from mailkit.network.names import to_ascii
from mailkit.network.presentation import presented
from mailkit.network.security import Security, worst
from mailkit.results import Record, hidden

__all__ = ["Answer", "Status", "parse_nameserver", "parse_question", "read", "resolve", "system_nameservers"]

Judge = Callable[[dns.message.Message, dns.message.Message], Security]

_MOST_QUESTIONS = 8  # for one lookup, when every answer is an alias alone
_PAYLOAD = 1232  # octets over UDP, the size agreed on the DNS flag day of 2020


class Status(StrEnum):
    """What a lookup ended with."""

    NOERROR = "NOERROR"
    NODATA = "NODATA"
    NXDOMAIN = "NXDOMAIN"
    SERVFAIL = "SERVFAIL"
    TIMEOUT = "TIMEOUT"


@dataclass(frozen=True, slots=True)
class Answer(Record):
    """What the DNS said to one question.

    ``records`` is the presentation text of each record and ``rdata`` the same as dnspython objects; ``ttl`` is
    in seconds; ``chain`` the aliases (CNAME) followed on the way; ``secure`` is True for an answer validated by
    DNSSEC, False for one that could not be, None where nobody trustworthy has tried; ``dnssec`` says which of the
    four it is: secure, insecure (proven to be unsigned), bogus (forged or broken) or unknown; None when not asked.
    """

    name: str
    rdtype: str
    status: Status
    records: tuple[str, ...] = ()
    ttl: int | None = None
    secure: bool | None = None
    chain: tuple[str, ...] = ()
    reason: str = ""
    rdata: tuple[dns.rdata.Rdata, ...] = hidden(())
    detail: str = hidden()
    dnssec: Security | None = hidden(None)

    def __bool__(self) -> bool:
        """True when there are records to read."""
        return self.status is Status.NOERROR

    @property
    def texts(self) -> tuple[bytes, ...]:
        """Each TXT record as one octet string, its pieces joined without a space (RFC 7208 section 3.3)."""
        return tuple(b"".join(r.strings) for r in self.rdata if isinstance(r, TXTBase))


def parse_nameserver(text: str) -> Nameserver:
    """Return (address, port) for ``192.0.2.53``, ``127.0.0.1:5353``, ``::1`` or ``[::1]:5353``.  Raises ValueError."""
    if not isinstance(text, str):
        raise TypeError(f"a nameserver is a text like '192.0.2.53' or '127.0.0.1:5353', not {text!r}")
    host, port = text.strip(), "53"
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        port = (rest.removeprefix(":") or "53") if bracket else ""
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        ipaddress.ip_address(host)
        if not 0 < int(port) < 65536:
            raise ValueError
    except ValueError:
        raise ValueError(f"a nameserver is an IP address like '192.0.2.53' or '127.0.0.1:5353', not {text!r}") from None
    return host, int(port)


def system_nameservers() -> tuple[Nameserver, ...]:
    """Return the resolvers this machine is configured with; none when it has no such configuration."""
    try:
        resolver = dns.resolver.Resolver()
    except dns.exception.DNSException:
        return ()
    return tuple((str(address), resolver.port) for address in resolver.nameservers)


def parse_question(name: str, rdtype: str) -> tuple[dns.name.Name, dns.rdatatype.RdataType]:
    """Return *name* and *rdtype* as dnspython has them; raises ValueError with what is wrong in them."""
    if isinstance(name, str) and isinstance(rdtype, str):
        return _parsed(name, rdtype)
    raise TypeError("lookup takes a name and a record type as text: lookup('example.jp', 'TXT')")


@lru_cache(maxsize=8192)
def _parsed(name: str, rdtype: str) -> tuple[dns.name.Name, dns.rdatatype.RdataType]:
    try:
        qname = dns.name.from_text(name if name.isascii() else to_ascii(name))
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{name[:80]!r} is not a domain name: {error}") from None
    try:
        return qname, dns.rdatatype.from_text(rdtype)
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"{rdtype!r} is not a DNS record type; try 'A', 'MX' or 'TXT'") from None


def resolve(
    name: str, rdtype: str, *, servers: Sequence[Nameserver], timeout: float, judge: Judge | None = None
) -> Answer:
    """Return the answer of *servers* to *name*, *rdtype* within *timeout* seconds, following aliases to their end.

    A server that answers with the alias alone is asked again about its target (RFC 1034 section 5.3.3).  With *judge*
    each response is asked for with its signatures (DO) and judged; ``dnssec`` is the worst that was heard.  Raises
    ValueError for what is no question.
    """
    qname, qtype = parse_question(name, rdtype)
    deadline = Deadline(timeout)
    chain: tuple[str, ...] = ()
    heard: list[Security] = []
    for _ in range(_MOST_QUESTIONS):
        query = dns.message.make_query(qname, qtype, use_edns=0, payload=_PAYLOAD, want_dnssec=judge is not None)
        try:
            response = ask(query, servers, deadline.left())
        except BadResponse as error:
            return Answer(name, rdtype, Status.SERVFAIL, chain=chain, reason=str(error), detail=repr(error.__cause__))
        except (OSError, dns.exception.DNSException, EOFError) as error:
            detail = f"{type(error).__name__}: {error}"
            return Answer(name, rdtype, Status.TIMEOUT, chain=chain, reason=_no_answer(servers), detail=detail)
        answer = read(name, rdtype, response)
        heard += [judge(query, response)] if judge else []
        chain += answer.chain
        if not _stops_at_alias(answer, response):
            dnssec = worst(heard) if heard else None
            return replace(answer, chain=chain, secure=dnssec.trusted if dnssec else None, dnssec=dnssec)
        qname = dns.name.from_text(chain[-1])
    reason = "the aliases (CNAME) lead in a circle, or are too many"
    return Answer(name, rdtype, Status.SERVFAIL, chain=chain, reason=reason)


def _no_answer(servers: Sequence[Nameserver]) -> str:
    return "no name server answered in time" if servers else "this machine has no DNS resolver configured"


def _stops_at_alias(answer: Answer, response: dns.message.Message) -> bool:
    """Return whether *response* ends with an alias and says nothing about its target, not even that there is none."""
    said = any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority)  # RFC 2308 section 2.2
    return answer.status is Status.NODATA and bool(answer.chain) and not said


def read(name: str, rdtype: str, response: dns.message.Message) -> Answer:
    """Return *response* as an :class:`Answer` to the question *name*, *rdtype*."""
    code = response.rcode()
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        reason = f"the name server answered {dns.rcode.to_text(code)}"
        return Answer(name, rdtype, Status.SERVFAIL, reason=reason)
    if not isinstance(response, dns.message.QueryMessage):
        return Answer(name, rdtype, Status.SERVFAIL, reason="the name server's answer is not one to a question")
    try:
        result = response.resolve_chaining()
    except dns.exception.DNSException as error:
        reason = "the aliases (CNAME) lead in a circle, or the answer does not fit the question"
        return Answer(name, rdtype, Status.SERVFAIL, reason=reason, detail=str(error))
    chain = tuple(str(rrset[0].target).rstrip(".") for rrset in result.cnames)
    if code == dns.rcode.NXDOMAIN:
        return Answer(name, rdtype, Status.NXDOMAIN, ttl=result.minimum_ttl, chain=chain, reason="no such name")
    if result.answer is None and _refers(response):
        reason = "the name server only refers to others: it is none that resolves names"
        return Answer(name, rdtype, Status.SERVFAIL, chain=chain, reason=reason)
    if result.answer is None:
        return Answer(
            name, rdtype, Status.NODATA, ttl=result.minimum_ttl, chain=chain, reason=f"the name has no {rdtype}"
        )
    # Servers shuffle the records of one name; sorted, the same question prints the same answer.
    rdata = tuple(sorted(result.answer))
    texts = tuple(presented(r) for r in rdata)
    return Answer(name, rdtype, Status.NOERROR, texts, ttl=result.minimum_ttl, chain=chain, rdata=rdata)


def _refers(response: dns.message.Message) -> bool:
    """Return whether an empty *response* is a referral: name servers, and no SOA (RFC 2308 section 2.2)."""
    types = {rrset.rdtype for rrset in response.authority}
    return not response.answer and dns.rdatatype.NS in types and dns.rdatatype.SOA not in types
