"""A connection on its way into TLS: dialled, and with STARTTLS talked up to the point where TLS may begin.

Implicit TLS begins with the first octet (RFC 8314 section 3).  STARTTLS begins in the clear and asks for TLS with a
command: RFC 3207 for SMTP, RFC 9051 section 6.2.1 for IMAP, RFC 2595 section 4 for POP3.
"""

from __future__ import annotations

from mailkit.conversation import SMTP, HandshakeFailed, NotOffered, ReplyError, Wire
from mailkit.network import Network
from mailkit.results import Stage, visible

__all__ = ["PROTOCOLS", "Connection", "Refused", "farewell", "protocol_of", "spoken_at"]

PROTOCOLS = ("smtp", "imap", "pop3")

_STARTTLS_PORTS = {25: "smtp", 587: "smtp", 2525: "smtp", 143: "imap", 110: "pop3"}
_IMPLICIT_PORTS = {465: "smtp", 993: "imap", 995: "pop3"}
_LONGEST = 8192  # octets of a line; one with IMAP's capabilities may be long
_MOST_LINES = 128  # of one answer
_GOODBYES = {"smtp": b"QUIT\r\n", "imap": b"a3 LOGOUT\r\n", "pop3": b"QUIT\r\n"}


class Refused(Exception):
    """An IMAP or POP3 server answered, and the answer was no; the text is what it said."""


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
        self._protocol = protocol
        self._smtp = SMTP(net, host, port, timeout=seconds) if protocol == "smtp" else None
        self.wire = self._smtp.wire if self._smtp else Wire(net, host, port, timeout=seconds)

    def open(self) -> Wire:
        """Return a connection on which the next octet is TLS.

        Raises OSError, ReplyError for what is not the protocol, Rejected, NotOffered and :class:`Refused` when the
        server will not.
        """
        self.wire.connect()
        if self._protocol:
            self.wire.stage = Stage.GREETING
            {"smtp": self._by_smtp, "imap": self._by_imap, "pop3": self._by_pop3}[self._protocol]()
            if self.wire.incoming.octets:
                # Whoever sent this sent it before TLS: a careless client would take it for the server's word inside.
                raise ReplyError("more came in the clear after the go-ahead for TLS: someone injects replies")
        self.wire.stage = Stage.TLS
        return self.wire

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()

    # The three dialogues ------------------------------------------------------------------------------------------

    def _by_smtp(self) -> None:
        assert self._smtp is not None
        self._smtp.greeted()
        self._smtp.introduce()
        self._smtp.ask_for_tls()

    def _by_imap(self) -> None:
        self._expect(self._line(), "* OK")
        self.wire.stage = Stage.EHLO
        offered = " ".join(self._ask("a1 CAPABILITY", "a1 ")).upper()
        self.wire.stage = Stage.STARTTLS
        if "STARTTLS" not in offered.split():
            raise NotOffered("STARTTLS is not offered")
        self._expect(self._ask("a2 STARTTLS", "a2 ")[-1], "a2 OK")

    def _by_pop3(self) -> None:
        self._expect(self._line(), "+OK")
        self.wire.stage = Stage.EHLO
        self.wire.send(b"CAPA\r\n")
        offered = [self._line()]
        while offered[0].startswith("+OK") and offered[-1] != ".":
            offered.append(self._next(offered))
        self.wire.stage = Stage.STARTTLS
        if "STLS" not in [line.strip().upper() for line in offered]:
            raise NotOffered("STARTTLS (STLS) is not offered")
        self.wire.send(b"STLS\r\n")
        self._expect(self._line(), "+OK")

    def _ask(self, command: str, tag: str) -> list[str]:
        """Send an IMAP command and return the lines up to the one that begins with *tag*."""
        self.wire.send(command.encode() + b"\r\n")
        lines = [self._line()]
        while not lines[-1].startswith(tag):
            lines.append(self._next(lines))
        return lines

    def _next(self, lines: list[str]) -> str:
        if len(lines) == _MOST_LINES:
            raise ReplyError("the answer never ends")
        return self._line()

    def _line(self) -> str:
        return self.wire.read_line(_LONGEST).decode("utf-8", "replace")

    def _expect(self, line: str, beginning: str) -> None:
        if not line.upper().startswith(beginning.upper()):
            raise Refused(visible(line, 200))


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
