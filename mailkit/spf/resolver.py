"""The DNS as one SPF check sees it: every answer kept, and one deadline for all questions together.

RFC 7208 section 4.6.4 asks for a limit on the time of a whole check (at least 20 seconds), so the questions of one
check share a deadline, measured on the monotonic clock.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TypeGuard

import dns.name
import dns.rdata
from dns.rdtypes.txtbase import TXTBase

from mailkit.network import Answer, DnsRecord, Network, Status, to_ascii
from mailkit.results import visible
from mailkit.spf.characters import is_attempt, readable

_NAME = re.compile(r"[\x00-\x2d\x2f-\x7f]{1,63}(?:\.[\x00-\x2d\x2f-\x7f]{1,63})*")

__all__ = ["Resolver", "domain_name", "is_name", "raw_name"]

_SPECIAL = re.compile(r'([\\"@$;()])')  # what would mean something else in presentation format (RFC 1035 section 5.1)


def is_name(name: str) -> bool:
    """Return whether the DNS can be asked about *name*: labels of 1 to 63 octets, at most 253 in all, in ASCII."""
    return len(name) <= 253 and _NAME.fullmatch(name) is not None


def domain_name(domain: str) -> str:
    """Return *domain* as it is asked about: in A-labels, lower case, no final dot.

    Raises ValueError for what is no domain name, TypeError for what is no text.
    """
    if not isinstance(domain, str):
        raise TypeError(f"domain is a name as text, such as 'example.jp', not {type(domain).__name__}")
    try:
        name = to_ascii(domain.strip())
    except ValueError as error:
        raise ValueError(f"{visible(domain, 80)!r} is no domain name to ask about SPF: {error}") from None
    if "." not in name:
        raise ValueError(f"{name!r} is no domain name of two labels or more; write it as 'example.jp'")
    return name


def raw_name(name: dns.name.Name) -> str:
    """Return *name* without escapes and without the final dot, as macros and mechanisms write names."""
    return ".".join(label.decode("latin-1") for label in name.labels if label)


def _is_text(rdata: dns.rdata.Rdata) -> TypeGuard[TXTBase]:
    return isinstance(rdata, TXTBase)


def _meant_as_spf(rdata: dns.rdata.Rdata) -> bool:
    """Return whether a TXT record is an SPF record or was meant as one."""
    if not _is_text(rdata):
        return False
    text = readable(b"".join(rdata.strings))
    return text.lower().startswith("v=spf1") or is_attempt(text)


@dataclass
class Resolver:
    """Looks names up over *net* until *deadline* (``time.monotonic()``), each question once."""

    net: Network
    deadline: float
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)

    @property
    def expired(self) -> bool:
        """True once the time for the whole check has passed."""
        return time.monotonic() >= self.deadline

    def publishing(self, name: str, record: str) -> Resolver:
        """Return the same DNS as it would be if *record* took the place of all SPF records at *name*, old and almost.

        What has been asked is not asked again, and the deadline is the same.
        """
        others = [rdata for rdata in self.lookup(name, "TXT").rdata if not _meant_as_spf(rdata)]
        texts = [b"".join(rdata.strings).decode("utf-8", "surrogateescape") for rdata in others if _is_text(rdata)]
        overlay = self.net.overlay(DnsRecord(name, "TXT", text) for text in (*texts, record))
        known = {key: answer for key, answer in self.answers.items() if key != (name.lower(), "TXT")}
        return Resolver(overlay, self.deadline, known)

    @property
    def failed(self) -> list[str]:
        """The questions that got no answer, in words; those about the obsolete type SPF do not matter."""
        if self.expired:
            return ["all within the time allowed"]
        failed = [key for key, answer in self.answers.items() if answer.status in (Status.SERVFAIL, Status.TIMEOUT)]
        return [f"{rdtype} of {name}" for name, rdtype in failed if rdtype != "SPF"]

    def lookup(self, name: str, rdtype: str) -> Answer:
        """Return the answer about the raw name *name*: NXDOMAIN for what is none, TIMEOUT after the deadline."""
        key = (name.lower(), rdtype)
        answer = self.answers.get(key)
        if answer is None:
            if not is_name(name):
                return Answer(name, rdtype, Status.NXDOMAIN, reason="that is no name the DNS could be asked about")
            left = self.deadline - time.monotonic()
            if left <= 0:
                return Answer(name, rdtype, Status.TIMEOUT, reason="the time allowed for the whole check has passed")
            text = _SPECIAL.sub(r"\\\1", name)
            answer = self.answers[key] = self.net.lookup(text, rdtype, timeout=min(self.net.timeout, left))
        return answer
