"""One interface to two networks: looking up and dialling from a vantage point.

``Network`` is the same for the practice internet and the real one; what differs is only what it was given: name
servers, a SOCKS proxy to dial through, a CA file, a clock.  Nothing here patches a library, so several networks
live in one process.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import dns.exception
import dns.message

from mailkit import datasets
from mailkit.network import dns_lookup, ehlo_names, socks
from mailkit.network.dns_lookup import Answer, Nameserver, Status
from mailkit.network.socks import NotConnected, Proxy, ProxyError

__all__ = [
    "Answer",
    "LookupFailed",
    "Network",
    "NotConnected",
    "ProxyError",
    "Slots",
    "Status",
    "check_port",
    "internet",
]

# An address of RFC 5737 that every world leaves empty: who answers there answers for everyone.
NOBODY = "203.0.113.254"

_PRACTICE_ONLY = (".example", ".home.arpa")


class LookupFailed(OSError):
    """A name could not be turned into an address; ``answer`` is what the DNS said."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.name}: {answer.status} ({answer.reason})")
        self.answer = answer


class Slots:
    """At most so many connections to one host at a time, shared by all vantage points of a network."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._hosts: dict[str, threading.BoundedSemaphore] = {}

    def of(self, host: str) -> threading.BoundedSemaphore:
        with self._lock:
            return self._hosts.setdefault(host, threading.BoundedSemaphore(self.limit))


@dataclass(frozen=True)
class Network:
    """The internet as seen from one place.

    ``timeout`` is the deadline of one lookup or one connection, in seconds.  Only in the practice internet are
    ``shows_credentials`` (a clear-text password may be shown) and ``takes_test_mail`` (a probe may send) True.
    ``nobody`` is an address where no host lives, ``probe_domains`` are domains with well-known mail servers to test
    port 25 against.
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
        return self.others[vantage]()

    @property
    def caption(self) -> str:
        """Where and when: the line under every table."""
        place = "practice internet" if self.shows_credentials else self.name
        return f"{place}, seen from {self.vantage}, {self.now():%Y-%m-%d}"

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

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Hold one of the few connections that a polite probe keeps to *host* at a time."""
        with self._slots.of(host):
            yield

    def lookup(self, name: str, rdtype: str, *, timeout: float | None = None, dnssec: bool = False) -> Answer:
        """Ask the DNS for the *rdtype* records of *name*; what the DNS says, even TIMEOUT, is an answer.

        The questions go to the name servers directly, over UDP and TCP; a SOCKS proxy does not carry them.
        With *dnssec* the answer is validated and ``secure`` says with what result.  Raises ValueError for what
        is no domain name or record type.
        """
        qname, qtype = dns_lookup.parse_question(name, rdtype)
        query = dns.message.make_query(qname, qtype, use_edns=0, payload=1232, want_dnssec=dnssec)
        try:
            response = dns_lookup.ask(query, self.nameservers, self._seconds(timeout))
        except (OSError, dns.exception.DNSException, EOFError) as error:
            return Answer(
                name, rdtype, Status.TIMEOUT, reason=self._no_answer(), detail=f"{type(error).__name__}: {error}"
            )
        answer = dns_lookup.read(name, rdtype, response)
        if dnssec:
            answer = replace(answer, secure=self.validate(query, response))
        if answer.status is Status.NXDOMAIN and (hint := self._other_network(name)):
            answer = replace(answer, reason=hint)
        return answer

    def validate(self, query: dns.message.Message, response: dns.message.Message) -> bool | None:
        """Return what :func:`mailkit.network.dnssec.judge` says of *response* to *query*, asked with DO set."""
        from mailkit.network import dnssec  # it needs cryptography, which is slow to import

        return dnssec.judge(
            query,
            response,
            nameservers=self.nameservers,
            trust_anchor=self.trust_anchor,
            now=self.now(),
            timeout=self.timeout,
        )

    def _seconds(self, timeout: float | None) -> float:
        if timeout is not None and not isinstance(timeout, (int, float)):
            raise TypeError(f"timeout is a number of seconds, not {timeout!r}")
        return timeout or self.timeout

    def _no_answer(self) -> str:
        if not self.nameservers:
            return "this machine has no DNS resolver configured"
        return "no name server answered in time"

    def _other_network(self, name: str) -> str:
        """Return a sentence when *name* lives in the other of the two networks."""
        reserved = f".{name.rstrip('.').lower()}".endswith(_PRACTICE_ONLY)
        if self.shows_credentials and not reserved:
            return f'{name} is not in the practice internet; for the real one set NETWORK = "internet"'
        # Port 53 of loopback is the system's own stub resolver (systemd-resolved), any other a practice internet.
        local = all(ipaddress.ip_address(host).is_loopback and port != 53 for host, port in self.nameservers)
        if not self.shows_credentials and reserved and not local:
            return f'{name} exists only in a practice internet; for that set NETWORK = "lab"'
        return ""

    def addresses(self, host: str, *, timeout: float | None = None) -> tuple[str, ...]:
        """Return the addresses of *host*, IPv4 first; an address is returned as it is.  Raises LookupFailed."""
        if not isinstance(host, str):
            raise TypeError(f"a host is a name or an address as text, not {host!r}")
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        first = self.lookup(host, "A", timeout=timeout)
        if first.status is Status.TIMEOUT:
            raise LookupFailed(first)
        found = first.records + self.lookup(host, "AAAA", timeout=timeout).records
        if not found:
            raise LookupFailed(first)
        return found

    def dial(self, host: str, port: int, *, timeout: float | None = None) -> socket.socket:
        """Return a socket connected to *host*:*port*, trying each of its addresses within *timeout* seconds.

        Raises what a direct connection would (TimeoutError, ConnectionRefusedError, OSError with EHOSTUNREACH
        …), LookupFailed when the name has no address, ProxyError when the proxy is to blame, and NotConnected
        when the proxy does not say.
        """
        check_port(port)
        wait = self._seconds(timeout)
        deadline = time.monotonic() + wait
        failure: OSError = TimeoutError("timed out")
        addresses = self.addresses(host, timeout=wait)
        for turn, address in enumerate(addresses):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                # A silent address must leave time for the next one.
                return self._connect(address, port, left / (len(addresses) - turn))
            except OSError as error:
                failure = error
        raise failure

    def _connect(self, address: str, port: int, timeout: float) -> socket.socket:
        if self.proxy is not None:
            sock = socks.connect(self.proxy, address, port, timeout)
        else:
            sock = socket.create_connection((address, port), timeout)
        sock.settimeout(timeout)
        return sock


def check_port(port: int) -> None:
    """Raise ValueError for what is no TCP port."""
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535, not {port!r}")


def _environment(name: str) -> str | None:
    return os.environ.get(f"MAILKIT_{name}") or None


def internet(
    *,
    nameservers: Sequence[str] | None = None,
    via: str | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    trust_anchor: str | os.PathLike[str] | None = None,
    timeout: float = 5.0,
    vantages: Mapping[str, str] | None = None,
    probe_domains: Sequence[str] | None = None,
    ehlo_name: str | None = None,
) -> Network:
    """Return the real internet, seen from "here" and from each of *vantages*.

    *nameservers* are addresses with an optional port (default: this machine's), *via* and the values of
    *vantages* are SOCKS5 proxies such as ``socks5://127.0.0.1:1080`` (an ``ssh -D`` for instance), *ca_file*
    replaces the system's CAs, *trust_anchor* is a file with the root's DS or DNSKEY, *timeout* is in seconds,
    *probe_domains* are the mail domains to test port 25 with (default: some large ones), *ehlo_name* is what probes
    introduce themselves with (default: this machine's full name, else its address in brackets).
    The environment variables MAILKIT_NAMESERVERS (separated by commas), MAILKIT_VIA, MAILKIT_CA_FILE,
    MAILKIT_TRUST_ANCHOR and MAILKIT_EHLO_NAME give the defaults.  Raises ValueError for an argument that makes no
    sense.
    """
    if isinstance(nameservers, str):
        raise TypeError("nameservers is a list of addresses: nameservers=['192.0.2.53']")
    if not isinstance(timeout, (int, float)) or not 0 < timeout <= 3600:
        raise ValueError("timeout is a number of seconds greater than 0 (and at most 3600)")
    if vantages is not None and not isinstance(vantages, Mapping):
        raise TypeError("vantages names SOCKS5 proxies: vantages={'vps': 'socks5://127.0.0.1:1081'}")
    if isinstance(probe_domains, str):
        raise TypeError("probe_domains is a list of domains: probe_domains=['kaisha.example']")
    listed = nameservers or [s for s in (_environment("NAMESERVERS") or "").split(",") if s]
    servers = tuple(dns_lookup.parse_nameserver(s) for s in listed) or dns_lookup.system_nameservers()
    via = via or _environment("VIA")
    files = {
        "ca_file": ca_file or _environment("CA_FILE"),
        "trust_anchor": trust_anchor or _environment("TRUST_ANCHOR"),
    }
    for option, path in files.items():
        if path and not os.path.isfile(path):
            raise ValueError(f"{option}: there is no file {os.fspath(path)!r}")
    proxies = {"here": Proxy.parse(via) if via else None, **{k: Proxy.parse(v) for k, v in (vantages or {}).items()}}
    others: dict[str, Callable[[], Network]] = {}
    ehlo_name = ehlo_name or _environment("EHLO_NAME")
    ehlo_name = ehlo_names.check(ehlo_name) if ehlo_name else ehlo_names.own()
    here = Network(
        name="internet",
        vantage="here",
        nameservers=servers,
        proxy=proxies["here"],
        timeout=timeout,
        ca_file=os.fspath(files["ca_file"]) if files["ca_file"] else None,
        trust_anchor=os.fspath(files["trust_anchor"]) if files["trust_anchor"] else None,
        local_hostname=ehlo_name,
        probe_domains=tuple(datasets.load("probe_domains")["domain"] if probe_domains is None else probe_domains),
        others=others,
    )
    for name, proxy in proxies.items():
        others[name] = lambda name=name, proxy=proxy: replace(here, vantage=name, proxy=proxy)  # type: ignore[misc]
    return here
