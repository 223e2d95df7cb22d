"""Asking the DNS one question, with an answer for everything the DNS can say.

An :class:`Answer` never hides the difference between "no such name" (NXDOMAIN), "no such type there" (NODATA,
RFC 2308 section 2.2), "the servers failed" (SERVFAIL) and "nobody answered" (TIMEOUT): SPF, DKIM and DMARC
each treat them differently.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdtypes.txtbase import TXTBase

from mailkit.results import Record, hidden

__all__ = ["Answer", "Nameserver", "Status", "ask", "parse_nameserver", "parse_question", "read", "system_nameservers"]

Nameserver = tuple[str, int]

_FIRST_WAIT = 2.0  # seconds for one server over UDP, at most, before the next is asked
_PAYLOAD = 1232  # octets over UDP, the size agreed on the DNS flag day of 2020


class Status(StrEnum):
    """What a lookup ended with."""

    NOERROR = "NOERROR"
    NODATA = "NODATA"
    NXDOMAIN = "NXDOMAIN"
    SERVFAIL = "SERVFAIL"
    TIMEOUT = "TIMEOUT"


@dataclass(frozen=True)
class Answer(Record):
    """What the DNS said to one question.

    ``records`` is the presentation text of each record and ``rdata`` the same as dnspython objects; ``ttl`` is
    in seconds; ``chain`` the aliases (CNAME) followed on the way; ``secure`` is True for an answer validated by
    DNSSEC, False for one that could not be, None where nobody trustworthy has tried.
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
    if not isinstance(name, str) or not isinstance(rdtype, str):
        raise TypeError("lookup takes a name and a record type as text: lookup('example.jp', 'TXT')")
    try:
        qname = dns.name.from_text(name)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"{name[:80]!r} is not a domain name: {error}") from None
    try:
        return qname, dns.rdatatype.from_text(rdtype)
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"{rdtype!r} is not a DNS record type; try 'A', 'MX' or 'TXT'") from None


def ask(query: dns.message.QueryMessage, servers: Sequence[Nameserver], timeout: float) -> dns.message.Message:
    """Return the first useful response to *query*, asking each of *servers* in turn within *timeout* seconds.

    UDP first, TCP when the response was truncated (RFC 7766 section 5).  A server that fails is passed over
    for the next; the last failure is returned or raised.  Raises OSError or dnspython's DNSException.
    """
    deadline = time.monotonic() + timeout
    failure: Exception = OSError("this machine has no DNS resolver configured")
    response: dns.message.Message | None = None
    for turn in range(2):  # one lost packet must not look like a dead server
        for host, port in servers:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            wait = min(left, _FIRST_WAIT, timeout / (len(servers) + 1)) if turn == 0 else left
            try:
                response = _ask_one(query, host, port, wait, deadline)
            except (OSError, dns.exception.DNSException, EOFError) as error:
                failure = error
                continue
            if response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return response
        if response is not None:
            return response
    raise failure


def _ask_one(
    query: dns.message.QueryMessage, host: str, port: int, wait: float, deadline: float
) -> dns.message.Message:
    try:
        return dns.query.udp(
            query, host, wait, port, ignore_unexpected=True, ignore_errors=True, raise_on_truncation=True
        )
    except dns.message.Truncated:
        left = max(deadline - time.monotonic(), 0.001)
        return dns.query.tcp(query, host, left, port)


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
    if result.answer is None:
        return Answer(
            name, rdtype, Status.NODATA, ttl=result.minimum_ttl, chain=chain, reason=f"the name has no {rdtype}"
        )
    # Servers shuffle the records of one name; sorted, the same question prints the same answer.
    rdata = tuple(sorted(result.answer))
    texts = tuple(r.to_text() for r in rdata)
    return Answer(name, rdtype, Status.NOERROR, texts, ttl=result.minimum_ttl, chain=chain, rdata=rdata)
