"""Where a domain takes its mail: MX records, the domain itself without any, nowhere with a null MX (RFC 5321 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from dns.rdtypes.ANY.MX import MX

from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.names import same_name, to_ascii
from mailkit.network.place import Network
from mailkit.results import Record, hidden

__all__ = ["Exchangers", "inside", "mail_exchangers"]


@dataclass(frozen=True)
class Exchangers(Record):
    """What the DNS says about where mail for *domain* goes.

    ``status`` is that of the MX question, or of the address in its place where that cannot be had.  ``hosts`` are the
    names in the MX records, best first, each once, in lower case without the final dot: what stands there need not be
    a host's name.  ``implicit`` says that there are no MX records and the domain's own address takes their place;
    ``null_mx`` that the domain takes no mail (RFC 7505).
    """

    domain: str
    status: Status
    hosts: tuple[str, ...]
    implicit: bool = False
    null_mx: bool = False
    reason: str = ""
    answer: Answer | None = hidden(None)

    @property
    def null_beside_others(self) -> bool:
        """True when a null MX does not stand alone, as RFC 7505 section 3 demands."""
        rdata = self.answer.rdata if self.answer else ()
        return not self.null_mx and any(isinstance(r, MX) and not str(r.exchange).rstrip(".") for r in rdata)


def mail_exchangers(domain: str, *, net: Network) -> Exchangers:
    """Return the mail exchangers of *domain*; hosts of equal preference stand in the order of their names.

    Raises ValueError for what is no domain name.
    """
    answer = net.lookup(domain, "MX")
    if answer.status is Status.NODATA:
        return _without_mx(domain, answer, net)
    records = [text for r, text in zip(answer.rdata, answer.records) if isinstance(r, MX)]
    ranked = sorted((int(preference), _plain(host)) for preference, host in (text.split(" ", 1) for text in records))
    named = tuple(dict.fromkeys(host for _, host in ranked if host))
    null = answer.status is Status.NOERROR and not named
    return Exchangers(domain, answer.status, named, null_mx=null, reason=answer.reason, answer=answer)


def _without_mx(domain: str, answer: Answer, net: Network) -> Exchangers:
    """Return what the address of *domain* says in the place of MX records, the *answer* on which is that there is none.

    Where it cannot be asked for, neither can where the mail goes.
    """
    status, reason = answer.status, answer.reason
    for rdtype in ("A", "AAAA"):
        address = net.lookup(domain, rdtype)
        if address:
            return Exchangers(domain, answer.status, (_plain(domain),), True, reason=answer.reason, answer=answer)
        if address.status in (Status.SERVFAIL, Status.TIMEOUT):
            status, reason = address.status, f"no MX, and the address cannot be asked for: {address.reason}"
    return Exchangers(domain, status, (), reason=reason, answer=answer)


def _plain(name: str) -> str:
    try:
        return to_ascii(name)
    except ValueError:  # "." of a null MX, or no name at all
        return name.removesuffix(".").lower()


def inside(host: str, domain: str) -> bool:
    """Return whether *host* is the domain's own: the domain itself, or a name below it.

    A host with another name, be it of the same company, is somebody else's as far as the DNS shows: a password goes
    there only when its user says so (RFC 6186 section 6).
    """
    try:
        return same_name(host, domain) or to_ascii(host).endswith(f".{to_ascii(domain)}")
    except ValueError:
        return False
