"""A DNS in trouble: of a thousand domains some never get an answer, some fail, some have broken records."""

from __future__ import annotations

import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from select import select

import dns.message
import dns.rcode
import dns.rrset

from mailkit.network import Network

__all__ = ["TROUBLED", "Clock", "Servers", "kind_of", "served"]

SOA = "ns.test. hostmaster.test. 1 2 3 4 60"
TROUBLED = [f"d{n}.test" for n in range(1000)]
_THERE = {*TROUBLED, "mx.d3.test", ""}
_IDLE = 0.05  # seconds without a question, after which the clock goes on


def kind_of(name: str) -> str:
    """Return what is wrong with the domain that *name* is or belongs to: each with one in twenty, else "well"."""
    number = int("".join(c for c in name.removesuffix(".test").rpartition(".")[2] if c.isdigit()) or 7)
    return {0: "silent", 1: "fails", 2: "broken"}.get(number % 20, "well")


def troubled(query: bytes) -> bytes | None:
    """Return the answer to *query*, None for silence."""
    message = dns.message.from_wire(query)
    (question,) = message.question
    name, rdtype = question.name.to_text().lower().rstrip("."), question.rdtype.name
    answer = dns.message.make_response(message, recursion_available=True)
    kind = kind_of(name) if name.endswith(".test") and name != "ns.test" else "well"
    if kind == "silent":
        return None
    if kind == "fails":
        answer.set_rcode(dns.rcode.SERVFAIL)
        return answer.to_wire()
    known = {
        "TXT": '"v=spf1 ip4:192.0.2.1 ip4:999.1.1.1 -all"' if kind == "broken" else '"v=spf1 ip4:192.0.2.1 -all"',
        "MX": "10 mx.d3.test.",
    }
    at_the_domain = name in _THERE and name.startswith("d")
    values = known.get(rdtype) if at_the_domain else "192.0.2.25" if (name, rdtype) == ("mx.d3.test", "A") else None
    if values:
        answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", rdtype, values))
    else:
        answer.set_rcode(dns.rcode.NOERROR if name in _THERE else dns.rcode.NXDOMAIN)
        zone = "test." if name.endswith("test") else "."
        answer.authority.append(dns.rrset.from_text(zone, 60, "IN", "SOA", SOA))
    return answer.to_wire()


class Clock:
    """Takes the place of the module ``time``: stands still while questions come, so that only silence takes time."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


class Servers:
    """Two name servers, of which the second loses every third packet; ``asked`` holds who was asked what, in order."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.lock = threading.Lock()
        self.ports: tuple[int, ...] = ()
        self._packets = 0

    def net(self, timeout: float) -> Network:
        """The network with these two."""
        return Network("internet", "here", tuple(("127.0.0.1", port) for port in self.ports), timeout=timeout)

    def places(self) -> dict[str, list[int]]:
        """Return each question with its places in the order of all packets."""
        found: dict[str, list[int]] = defaultdict(list)
        for place, question in enumerate(self.asked):
            found[question].append(place)
        return found

    def serve(self, sockets: list[socket.socket], over: threading.Event) -> None:
        """Answer until *over*."""
        while not over.is_set():
            ready, _, _ = select(sockets, [], [], _IDLE)
            if not ready and self.clock is not None:
                self.clock.advance(1.0)
            for sock in ready:
                with suppress(OSError):  # the client has gone
                    query, client = sock.recvfrom(65_535)
                    if not self._loses(sock is sockets[1], query) and (answer := troubled(query)):
                        sock.sendto(answer, client)

    def _loses(self, bad: bool, query: bytes) -> bool:
        with self.lock:
            self.asked.append(dns.message.from_wire(query).question[0].to_text().lower())
            self._packets += bad
            return bad and self._packets % 3 == 0


@contextmanager
def served(clock: Clock | None = None) -> Iterator[Servers]:
    """Two servers that run until the end of the block; *clock* goes on whenever they have nothing to answer."""
    servers, over = Servers(clock), threading.Event()
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for sock in sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
            sock.bind(("127.0.0.1", 0))
        servers.ports = tuple(sock.getsockname()[1] for sock in sockets)
        thread = threading.Thread(target=servers.serve, args=(sockets, over), daemon=True)
        thread.start()
        try:
            yield servers
        finally:
            over.set()
            thread.join(10)
