"""One DNS question to one of several name servers, and a response that answers it: UDP first, TCP when it is cut off.

The whole exchange has one deadline, whatever arrives meanwhile: strangers' packets are passed over without reading.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Sequence

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from mailkit.network.deadline import Deadline
from mailkit.network.messages import read_message

__all__ = ["BadResponse", "Nameserver", "ask"]

Nameserver = tuple[str, int]

_FIRST_WAIT = 2.0  # seconds for one server over UDP, at most, before the next is asked; each round twice as long
_ROUNDS = 4  # where the time allows: packets get lost, and more of them the busier a name server is
_MOST_OCTETS = 65_535

_USEFUL = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
_NO_EDNS = (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS)


class BadResponse(Exception):
    """A name server answered, and its answer cannot be used; ``str()`` is our sentence on what is wrong with it."""


def ask(query: dns.message.QueryMessage, servers: Sequence[Nameserver], timeout: float) -> dns.message.Message:
    """Return the first useful response to *query*, asking each of *servers* in turn within *timeout* seconds.

    UDP first, TCP when the response was truncated (RFC 7766 section 5); without EDNS when a server does not
    understand that (RFC 6891 section 7).  A server that fails is passed over for the next; the last failure is
    returned or raised.  Raises BadResponse for an answer that cannot be used, else OSError (TimeoutError …).
    """
    deadline = Deadline(timeout)
    failure: Exception = OSError("this machine has no DNS resolver configured")
    response: dns.message.Message | None = None
    for turn in range(_ROUNDS):  # a few lost packets must not look like a dead server
        for server in servers:
            if deadline.over:
                break
            patience = min(_FIRST_WAIT * 2**turn, timeout / (len(servers) + 1))
            wait = patience if turn < _ROUNDS - 1 else timeout
            try:
                response = _ask_one(query, server, wait, deadline)
            except (OSError, EOFError, dns.exception.DNSException, BadResponse) as error:
                # That an answer was bad says more than that the next try found nobody.
                failure = failure if isinstance(failure, BadResponse) else error
                continue
            if response.rcode() in _USEFUL:
                return response
        if response is not None:
            return response
    raise failure


def _ask_one(
    query: dns.message.QueryMessage, server: Nameserver, wait: float, deadline: Deadline
) -> dns.message.Message:
    response = _exchange(query, server, wait, deadline)
    if response.rcode() in _NO_EDNS and query.edns >= 0:
        question = query.question[0]
        plain = dns.message.make_query(question.name, question.rdtype, use_edns=False)
        return _exchange(plain, server, wait, deadline)
    return response


def _exchange(
    query: dns.message.QueryMessage, server: Nameserver, wait: float, deadline: Deadline
) -> dns.message.Message:
    response = _over_udp(query, server, Deadline(deadline.at_most(wait)))
    if not response.flags & dns.flags.TC:
        return response
    try:
        return _over_tcp(query, server, deadline)
    except ConnectionRefusedError:
        why = "it refuses TCP"
    except TimeoutError:
        why = "it did not answer over TCP in time"
    except (OSError, EOFError, BadResponse):
        why = "it gave none over TCP that can be read"
    raise BadResponse(f"the name server's answer does not fit into UDP, and {why} (RFC 7766 section 5)")


def _over_udp(query: dns.message.QueryMessage, server: Nameserver, deadline: Deadline) -> dns.message.Message:
    """Return the response to *query*; a truncated one bears the flag TC and may be empty."""
    family = socket.AF_INET6 if ipaddress.ip_address(server[0]).version == 6 else socket.AF_INET
    wire = query.to_wire()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(deadline.left())
        sock.connect(server)  # from now on the system drops what others send, and tells of a closed port
        sock.send(wire)
        strange = False
        while True:
            try:
                sock.settimeout(deadline.left())
                received = sock.recv(_MOST_OCTETS)
            except TimeoutError:
                if strange:
                    raise BadResponse("the name server answered another question than was asked") from None
                raise
            except OSError as error:
                if error.errno == errno.EMSGSIZE:  # Windows says so of what is too long
                    continue
                raise
            if received[:2] != wire[:2]:
                continue
            response = _read(received)
            if query.is_response(response):
                return response
            strange = True


def _over_tcp(query: dns.message.QueryMessage, server: Nameserver, deadline: Deadline) -> dns.message.Message:
    """Return the response to *query*, which TCP carries with its length in front (RFC 1035 section 4.2.2)."""
    wire = query.to_wire()
    with socket.create_connection(server, deadline.left()) as sock:
        sock.settimeout(deadline.left())
        sock.sendall(struct.pack("!H", len(wire)) + wire)
        (length,) = struct.unpack("!H", _octets(sock, 2, deadline))
        response = _read(_octets(sock, length, deadline))
    if not query.is_response(response):
        raise BadResponse("the name server answered another question than was asked")
    return response


def _octets(sock: socket.socket, count: int, deadline: Deadline) -> bytes:
    came = b""
    while len(came) < count:
        sock.settimeout(deadline.left())
        piece = sock.recv(count - len(came))
        if not piece:
            raise EOFError("the name server hung up")
        came += piece
    return came


def _read(received: bytes) -> dns.message.Message:
    try:
        return read_message(received)
    except Exception as error:  # whatever a mangled message makes the parser raise
        raise BadResponse("the name server's answer is malformed: it cannot be read") from error
