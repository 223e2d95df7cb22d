"""Names that plans and searches ask about: the domain's own, and made-up ones that only a wildcard answers for."""

from __future__ import annotations

from mailkit.network import Answer, Network, to_ascii

__all__ = ["MADE_UP", "by_wildcard", "mail_domain"]

MADE_UP = "mailkit-made-up-name-4711"
_LONGEST = 200  # octets of a domain: names have 253 (RFC 1035 section 2.3.4), and selectors need some of them


def mail_domain(domain: str) -> str:
    """Return *domain* in A-labels; raises ValueError for what is none, or too long for any record below it."""
    name = to_ascii(domain)
    if len(name) > _LONGEST:
        raise ValueError(f"{name[:60]!r}… has {len(name)} octets: no key and no service could be published below it")
    return name


def by_wildcard(name: str, answer: Answer, net: Network) -> bool:
    """Return whether a made-up name beside *name* gets the same *answer*.

    Then a wildcard speaks (RFC 4592), and a record of the name's own takes its place there.
    """
    parent = name.partition(".")[2]
    if not parent or not (answer.rdata or answer.chain):
        return False
    beside = net.lookup(f"{MADE_UP}.{parent}", answer.rdtype)
    return (beside.chain, set(beside.records)) == (answer.chain, set(answer.records))
