"""A connection on its way into TLS: dialled, and with STARTTLS talked up to the point where TLS may begin.

Implicit TLS begins with the first octet (RFC 8314 section 3).  STARTTLS begins in the clear and asks for TLS with a
command: RFC 3207 for SMTP, RFC 9051 section 6.2.1 for IMAP, RFC 2595 section 4 for POP3.
"""

from __future__ import annotations

from mailkit.conversation import IMAP, POP3, SMTP, HandshakeFailed, Refused, ReplyError, Wire
from mailkit.network import Network
from mailkit.results import Stage

__all__ = ["PROTOCOLS", "Connection", "Refused", "farewell", "protocol_of", "spoken_at"]

PROTOCOLS = ("smtp", "imap", "pop3")

_STARTTLS_PORTS = {25: "smtp", 587: "smtp", 2525: "smtp", 143: "imap", 110: "pop3"}
_IMPLICIT_PORTS = {465: "smtp", 993: "imap", 995: "pop3"}
_LONGEST = 8192  # octets of a line; one with IMAP's capabilities may be long
_CONVERSATIONS: dict[str, type[SMTP | IMAP | POP3]] = {"smtp": SMTP, "imap": IMAP, "pop3": POP3}
_GOODBYES = {"smtp": b"QUIT\r\n", "imap": b"a3 LOGOUT\r\n", "pop3": b"QUIT\r\n"}


def protocol_of(port: int, starttls: str | None) -> str:
    """Return the protocol to say STARTTLS in, "" for implicit TLS; None for *starttls* goes by the port.

    Raises ValueError for another word than those of :data:`PROTOCOLS`, "" and "none".
    """
    if starttls is None:
        return _STARTTLS_PORTS.get(port, "")
    word = starttls.lower()
    if word not in (*PROTOCOLS, "", "none"):
        raise ValueError('starttls is "smtp", "imap" or "pop3"; "none" for TLS from the start, None to go by the port')
    return "" if word == "none" else word


def spoken_at(port: int, protocol: str) -> str:
    """Return what is spoken inside TLS: the *protocol* of STARTTLS, else what the port is for, "" if nobody knows."""
    return protocol or _IMPLICIT_PORTS.get(port, "")


class Connection:
    """One connection to *host*:*port*, which :meth:`open` brings to where TLS may begin.

    *protocol* is one of :data:`PROTOCOLS`, or "" for implicit TLS; *seconds* is the deadline of the whole connection.
    ``wire`` is the connection itself.
    """

    def __init__(self, net: Network, host: str, port: int, protocol: str, seconds: float) -> None:
        kind = _CONVERSATIONS.get(protocol)
        self._conversation = kind(net, host, port, timeout=seconds) if kind else None
        self.wire = self._conversation.wire if self._conversation else Wire(net, host, port, timeout=seconds)

    def open(self) -> Wire:
        """Return a connection on which the next octet is TLS.

        Raises OSError, ReplyError for what is not the protocol, NotOffered, and Rejected or Refused when the server
        will not.
        """
        if self._conversation is None:
            self.wire.connect()
        else:
            self._conversation.open()
            self._conversation.introduce()
            self._conversation.ask_for_tls()
            if self.wire.incoming.octets:
                # Whoever sent this sent it before TLS: a careless client would take it for the server's word inside.
                raise ReplyError("more came in the clear after the go-ahead for TLS: someone injects replies")
        self.wire.stage = Stage.TLS
        return self.wire

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()


def farewell(wire: Wire, protocol: str, *, greets: bool) -> None:
    """Say goodbye inside TLS and read what the server says: its greeting if it *greets* there, else its reply.

    In TLS 1.3 a server that wants a certificate of the client says so only then (RFC 8446 section 4.4.2.4), and
    HandshakeFailed is raised.  What else goes wrong does not matter any more.
    """
    if not protocol:
        return  # nobody knows what to say there
    try:
        if not greets:
            wire.send(_GOODBYES[protocol])
        wire.read_line(_LONGEST)
        if greets:
            wire.send(_GOODBYES[protocol])
    except HandshakeFailed:
        raise
    except (OSError, EOFError, ReplyError):
        pass
