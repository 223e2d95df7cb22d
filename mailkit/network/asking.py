"""Looking names up from one place: within a deadline, from a memory, over an overlay, at a practice internet's pace.

:class:`mailkit.network.place.Network` is the place.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

import dns.message

from mailkit.network import dns_lookup
from mailkit.network.addresses import is_address
from mailkit.network.deadline import Deadline, time_left
from mailkit.network.dialling import LookupFailed, telling
from mailkit.network.dns_lookup import Answer, Status
from mailkit.network.exchange import Nameserver
from mailkit.network.memory import Memory
from mailkit.network.overlay import Overlay
from mailkit.network.pace import PATIENCE, Pace
from mailkit.network.parallel import each, meanwhile
from mailkit.network.security import Security

__all__ = ["Asking"]

_PRACTICE_ONLY = (".example", ".home.arpa")


class Asking:
    """What a network can be asked; its fields are those of :class:`mailkit.network.place.Network`."""

    nameservers: tuple[Nameserver, ...]
    timeout: float
    trust_anchor: str | None
    shows_credentials: bool
    memory: Memory | None
    deadline: Deadline | None
    pace: Pace | None
    _overlay: Overlay | None

    @property
    def _below(self) -> Asking:
        """The network under the overlay."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Return the time (UTC) that everything printed or judged uses."""
        raise NotImplementedError

    @property
    def own_world(self) -> bool:
        """True when the DNS is served by a program on this machine: a practice internet, where any address may live.

        Port 53 of loopback does not count: there the system's own stub resolver listens (systemd-resolved).
        """
        servers = self.nameservers
        return bool(servers) and all(ipaddress.ip_address(host).is_loopback and port != 53 for host, port in servers)

    def lookup(self, name: str, rdtype: str, *, timeout: float | None = None, dnssec: bool = False) -> Answer:
        """Ask the DNS for the *rdtype* records of *name*; what the DNS says, even TIMEOUT, is an answer.

        The questions go to the name servers directly, over UDP and TCP; a SOCKS proxy does not carry them.
        It ends within *timeout* seconds (default: the network's).  With *dnssec* the answer is validated, which may
        take as long again, and ``dnssec`` says with what result.  Raises ValueError for what is no domain name or
        record type.
        """
        seconds = self._seconds(timeout)
        if self._overlay is None and (known := self._at_hand(name, rdtype, seconds, dnssec)) is not None:
            return known
        dns_lookup.parse_question(name, rdtype)
        if self._overlay is not None:
            asking = partial(self._below.lookup, timeout=timeout, dnssec=dnssec)
            return self._overlay.lookup(name, rdtype, asking)
        if seconds <= 0:
            return Answer(name, rdtype, Status.TIMEOUT, reason="the time for the whole job was used up")
        seconds = self._patient(name, seconds)
        if self.memory is None:
            return self._ask(name, rdtype, seconds, dnssec)
        if reason := self.memory.gave_up(self.nameservers):
            return Answer(name, rdtype, Status.TIMEOUT, reason=reason)
        question = self._question(name, rdtype, dnssec=dnssec)
        answer = self.memory.answer(question, seconds, lambda: self._ask(name, rdtype, seconds, dnssec))
        if answer is None:
            return Answer(name, rdtype, Status.TIMEOUT, reason="no name server answered in time")
        return _as_asked(answer, name, rdtype)

    def _at_hand(self, name: str, rdtype: str, seconds: float, dnssec: bool) -> Answer | None:
        """Return the answer that is in the memory; what was asked before need not be parsed to know that it can be."""
        if self.memory is None or seconds <= 0 or not (isinstance(name, str) and isinstance(rdtype, str)):
            return None
        known = self.memory.known(self._question(name, rdtype, dnssec=dnssec), self._patient(name, seconds))
        return None if known is None else _as_asked(known, name, rdtype)

    def _ask(self, name: str, rdtype: str, seconds: float, dnssec: bool) -> Answer:
        answer = dns_lookup.resolve(
            name, rdtype, servers=self.nameservers, timeout=seconds, judge=self.validate if dnssec else None
        )
        return self._hinting(answer)

    def _hinting(self, answer: Answer) -> Answer:
        if answer.status is Status.NXDOMAIN and (hint := self._other_network(answer.name)):
            return replace(answer, reason=hint)
        return answer

    def validate(self, query: dns.message.Message, response: dns.message.Message) -> Security:
        """Return what :func:`mailkit.network.dnssec.judge` says of *response* to *query*, asked with DO set."""
        from mailkit.network import dnssec  # it needs cryptography, which is slow to import

        return dnssec.judge(
            query,
            response,
            nameservers=self.nameservers,
            trust_anchor=self.trust_anchor,
            now=self.now(),
            timeout=max(self._patient("", time_left(self.deadline, self.timeout)), 0.001),
            heard=self.memory.heard if self.memory is not None else None,
        )

    def _seconds(self, timeout: float | None) -> float:
        """Return how long one step may take, in seconds; 0 when the deadline of the whole job is over."""
        if timeout is not None and not isinstance(timeout, (int, float)):
            raise TypeError(f"timeout is a number of seconds, not {timeout!r}")
        return time_left(self.deadline, timeout or self.timeout)

    def _patient(self, name: str, seconds: float) -> float:
        """Return *seconds*, or more where the DNS of a practice internet will answer about *name* ("" is any name)."""
        if self.pace is None or not self.pace.serves(self.nameservers) or self.pace.is_mute(name):
            return seconds
        return time_left(self.deadline, max(seconds, PATIENCE))

    def _other_network(self, name: str) -> str:
        """Return a sentence when *name* lives in the other of the two networks."""
        reserved = f".{name.rstrip('.').lower()}".endswith(_PRACTICE_ONLY)
        if self.shows_credentials and not reserved:
            return f'{name} is not in the practice internet; for the real one set NETWORK = "internet"'
        if not self.shows_credentials and reserved and not self.own_world:
            return f'{name} exists only in a practice internet; for that set NETWORK = "lab"'
        return ""

    def addresses(self, host: str, *, timeout: float | None = None) -> tuple[str, ...]:
        """Return the addresses of *host*, IPv4 first; an address is returned as it is.  Raises LookupFailed."""
        if not isinstance(host, str):
            raise TypeError(f"a host is a name or an address as text, not {host!r}")
        if is_address(host):
            return (str(ipaddress.ip_address(host)),)
        later = meanwhile(lambda: self.lookup(host, "AAAA", timeout=timeout))
        first = self.lookup(host, "A", timeout=timeout)
        if first.status is Status.NXDOMAIN:
            raise LookupFailed(first)
        second = later.result()
        if not first and not second:
            raise LookupFailed(telling(first, second))
        return first.records + second.records

    # With a memory --------------------------------------------------------------------------------------------------

    def prefetch(self, questions: Iterable[tuple[str, str]]) -> None:
        """Ask all *questions* (name and record type) at the same time, for the memory; without one, do nothing.

        What is no domain name is passed over: it fails where it is asked for.
        """
        if self.memory is None:
            return

        unknown = [q for q in dict.fromkeys(questions) if self.recall(*q) is None and _can_be_asked(*q)]
        each(lambda question: self.lookup(*question), self.memory.missing(unknown))

    def recall(self, name: str, rdtype: str) -> Answer | None:
        """Return the answer to *name*, *rdtype* when it is in the memory, as it came from the network; else None."""
        if self.memory is None:
            return None
        known = self.memory.known(self._question(name, rdtype, dnssec=False), self.timeout)
        return None if known is None else _as_asked(known, name, rdtype)

    def remember(self, answer: Answer, waited: float) -> Answer:
        """Note *answer*, for which its asker was ready to wait *waited* seconds, and return it as it is remembered."""
        answer = self._hinting(answer)
        if self.memory is not None:
            self.memory.put(self._question(answer.name, answer.rdtype, dnssec=False), answer, waited)
        return answer

    def _question(self, name: str, rdtype: str, *, dnssec: bool) -> tuple[tuple[Nameserver, ...], str, str, bool]:
        return (self.nameservers, name.lower().removesuffix("."), rdtype.upper(), dnssec)


def _as_asked(answer: Answer, name: str, rdtype: str) -> Answer:
    """Return *answer* to the question as it was written this time."""
    same = (answer.name, answer.rdtype) == (name, rdtype)
    return answer if same else replace(answer, name=name, rdtype=rdtype)


def _can_be_asked(name: str, rdtype: str) -> bool:
    try:
        dns_lookup.parse_question(name, rdtype)
    except ValueError:
        return False
    return True
