"""One interface to two networks: looking up and dialling from a vantage point.

``Network`` is the same for the practice internet and the real one; what differs is only what it was given: name
servers, a SOCKS proxy to dial through, a CA file, a clock.  Nothing here patches a library, so several networks
live in one process.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from mailkit.network.addresses import is_address, is_routed
from mailkit.network.asking import Asking
from mailkit.network.deadline import Deadline, time_left
from mailkit.network.dialling import LookupFailed, check_port, first_of, telling, within
from mailkit.network.dns_lookup import Status
from mailkit.network.exchange import Nameserver
from mailkit.network.memory import Memory
from mailkit.network.overlay import Overlay
from mailkit.network.pace import PATIENCE, Pace
from mailkit.network.parallel import meanwhile
from mailkit.network.records import DnsRecord
from mailkit.network.slots import Slots
from mailkit.network.socks import Proxy

__all__ = ["Network"]

# An address of RFC 5737 that every world leaves empty: who answers there answers for everyone.
NOBODY = "203.0.113.254"

_LATE = 0.25  # of the time to dial: so long an IPv6 address may be waited for when an IPv4 address is there
_QUEUE = 300.0  # seconds to wait for a slot, at most


@dataclass(frozen=True)
class Network(Asking):
    """The internet as seen from one place.

    ``timeout`` is the deadline of one lookup or one connection, in seconds.  Only in the practice internet are
    ``shows_credentials`` (a clear-text password may be shown) and ``takes_test_mail`` (a probe may send) True.
    ``nobody`` is an address where no host lives, ``probe_domains`` are domains with well-known mail servers to test
    port 25 against.  ``memory`` and ``deadline`` are those of :meth:`remembering`.  ``pace`` is that of a practice
    internet: what will answer there is waited for, however busy this machine is, so that only silence is a timeout.
    """

    name: str
    vantage: str
    nameservers: tuple[Nameserver, ...]
    proxy: Proxy | None = None
    timeout: float = 5.0
    ca_file: str | None = None
    trust_anchor: str | None = None
    local_hostname: str = "localhost"
    nobody: str = NOBODY
    probe_domains: tuple[str, ...] = ()
    shows_credentials: bool = False
    takes_test_mail: bool = False
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False, compare=False)
    others: Mapping[str, Callable[[], Network]] = field(default_factory=dict, repr=False, compare=False)
    memory: Memory | None = field(default=None, repr=False, compare=False)
    deadline: Deadline | None = field(default=None, repr=False, compare=False)
    pace: Pace | None = field(default=None, repr=False, compare=False)
    _overlay: Overlay | None = field(default=None, repr=False, compare=False)
    _slots: Slots = field(default_factory=lambda: Slots(2), repr=False, compare=False)

    @property
    def vantages(self) -> tuple[str, ...]:
        """The names that :meth:`at` takes."""
        return tuple(self.others) or (self.vantage,)

    def at(self, vantage: str) -> Network:
        """Return the same network seen from *vantage*; raises ValueError, listing the places, for another name."""
        if vantage == self.vantage:
            return self
        if vantage not in self.others:
            raise ValueError(f"no vantage point {vantage!r}; this network has {', '.join(self.vantages)}")
        return replace(self.others[vantage](), memory=self.memory, deadline=self.deadline, _overlay=self._overlay)

    @property
    def caption(self) -> str:
        """Where and when: the line under every table."""
        place = "practice internet" if self.shows_credentials else self.name
        return f"{place}, seen from {self.vantage}, {self.now().date()}"

    def now(self) -> datetime:
        """Return the time (UTC) that everything printed or judged uses."""
        return self.clock()

    def tls_context(self) -> ssl.SSLContext:
        """Return a context that verifies certificates and names against this network's CAs.

        A name in the certificate's common name never counts, only one in its subjectAltName (RFC 9525 section 2).
        """
        context = ssl.create_default_context(cafile=self.ca_file)
        context.hostname_checks_common_name = False
        return context

    # For one job ---------------------------------------------------------------------------------------------------

    def remembering(self, seconds: float | None = None) -> Network:
        """Return this network for one job: it asks the DNS each question once, whichever thread asks.

        With *seconds*, all its lookups and dials together end by then.  A network that remembers already keeps its
        memory, and the earlier of the two deadlines.  What it remembers knows no TTL, so make one for each job.
        """
        if seconds is None:
            return self if self.memory is not None else replace(self, memory=Memory())
        return replace(self, memory=self.memory or Memory(), deadline=Deadline(time_left(self.deadline, seconds)))

    def overlay(self, records: Iterable[DnsRecord], withdrawn: Iterable[tuple[str, str]] = ()) -> Network:
        """Return the same network with *records* published in it, and *withdrawn* (name and type) taken away.

        The records of one name and type replace what is there.  It is for trying what is offered to paste.
        """
        return replace(self, _overlay=Overlay.of(records, withdrawn).over(self._overlay))

    @cached_property
    def _below(self) -> Network:
        """The network under the overlay."""
        return replace(self, _overlay=None)

    # Dialling ------------------------------------------------------------------------------------------------------

    def reaches(self, address: str) -> bool:
        """Return whether *address*, found in the DNS of a domain, may be dialled: it is somebody's on the internet.

        See :func:`mailkit.network.addresses.is_routed`; in a world of one's own every address may be somebody's.
        """
        return self.own_world or is_routed(address)

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Keep to the few connections at a time that a polite probe allows itself to one address.

        A connection dialled inside this block, by the same thread, waits until a slot of its address is free, and
        holds it until the block ends: hang up inside the block, also where something failed.  When *host* is an
        address, its slot is taken at once, if one becomes free; if none does, it is dialling that raises TimeoutError.
        """
        with self._slots.block():
            if is_address(host):
                with suppress(TimeoutError):
                    self._slots.take(host, time_left(self.deadline, _QUEUE))
            yield

    def dial(self, host: str, port: int, *, timeout: float | None = None) -> socket.socket:
        """Return a socket connected to *host*:*port*, trying each of its addresses within *timeout* seconds.

        Waiting for a slot (:meth:`slot`) comes on top.  Raises what a direct connection would (TimeoutError,
        ConnectionRefusedError, OSError with EHOSTUNREACH …), LookupFailed when the name has no address, ProxyError
        when the proxy is to blame, and NotConnected when the proxy does not say.
        """
        check_port(port)
        if not isinstance(host, str):
            raise TypeError(f"a host is a name or an address as text, not {host!r}")
        wait = self._seconds(timeout)
        deadline = Deadline(max(wait, 0))
        if is_address(host):
            return self._first((str(ipaddress.ip_address(host)),), port, deadline)
        if self.pace is not None:  # looking up took as long as it took: that was no silence
            return self._first(self.addresses(host, timeout=wait or timeout), port, Deadline(max(wait, 0)))
        later = meanwhile(lambda: self.lookup(host, "AAAA", timeout=wait))
        first = self.lookup(host, "A", timeout=wait)
        if first.status is Status.NXDOMAIN:
            raise LookupFailed(first)
        second = within(later, deadline, wait * _LATE if first else wait)
        if not first and not second:
            raise LookupFailed(telling(first, second))
        if second is not None:
            return self._first(first.records + second.records, port, deadline)
        try:
            return self._first(first.records, port, deadline, spare=1)
        except OSError:
            second = within(later, deadline, wait)  # only now are the IPv6 addresses missed
            if not second:
                raise
        return self._first(second.records, port, deadline)

    def _first(self, addresses: tuple[str, ...], port: int, deadline: Deadline, spare: int = 0) -> socket.socket:
        queue = time_left(self.deadline, _QUEUE)
        return first_of(
            addresses,
            port,
            deadline,
            proxy=self.proxy,
            slots=self._slots,
            queue=queue,
            spare=spare,
            silence=self.memory.silence if self.memory else None,
            place=self.vantage,
            pace=self.pace,
            patience=time_left(self.deadline, PATIENCE),
        )
