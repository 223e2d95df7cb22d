"""What the DNS says at ``_dmarc.NAME``: the TXT records there that are DMARC records (RFC 9989 sections 4.5, 4.10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mailkit.dmarc.records import DmarcRecord, is_policy_record, parse_record
from mailkit.dmarc.spoilt import looks_like_one
from mailkit.network import Answer, Network, Status
from mailkit.results import visible
from mailkit.spf.characters import readable

__all__ = ["Node", "ask", "node"]

_LONGEST_NAME = 253  # characters of a domain name without its final dot (RFC 1035 section 2.3.4)


def ask(name: str, rdtype: str, net: Network) -> Answer:
    """Return what *net* says of *name*; a name that is too long to exist does not exist, and nobody is asked."""
    if len(name) > _LONGEST_NAME:
        return Answer(name, rdtype, Status.NXDOMAIN, reason="the name is too long to exist")
    return net.lookup(name, rdtype)


@dataclass(frozen=True)
class Node:
    """What is published at ``_dmarc.DOMAIN``.

    ``record`` is the record when there is exactly one, ``texts`` are all that are DMARC records, ``almost`` those that
    only look like one, as they were typed: nothing in them is escaped.  ``failed`` is True when the DNS did not say.
    """

    domain: str
    answer: Answer
    record: DmarcRecord | None
    texts: tuple[str, ...]
    almost: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name asked about."""
        return f"_dmarc.{self.domain}"

    @property
    def failed(self) -> bool:
        """True when the DNS failed or was silent: whether there is a record is not known."""
        return self.answer.status in (Status.SERVFAIL, Status.TIMEOUT)


def node(domain: str, net: Network) -> Node:
    """Return what is published for *domain*, given with A-labels."""
    return _read(domain, ask(f"_dmarc.{domain}", "TXT", net))


@lru_cache(maxsize=1024)  # every way up the tree comes by the same few names
def _read(domain: str, answer: Answer) -> Node:
    everything = [readable(octets) for octets in answer.texts]
    texts = [text for text in everything if is_policy_record(text)]
    almost = tuple(text for text in everything if not is_policy_record(text) and looks_like_one(text))
    record = parse_record(texts[0]) if len(texts) == 1 else None
    return Node(domain, answer, record, tuple(visible(text, 4000) for text in texts), almost)
