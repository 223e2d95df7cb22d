"""A connection on its way into TLS: dialled, and with STARTTLS talked up to the point where TLS may begin.

Implicit TLS begins with the first octet (RFC 8314 section 3).  STARTTLS begins in the clear and asks for TLS with a
command: RFC 3207 for SMTP, RFC 9051 section 6.2.1 for IMAP, RFC 2595 section 4 for POP3.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mailkit.conversation.bounded import BoundedSocket, ReplyError
from mailkit.network import Network
from mailkit.results import Stage, visible

__all__ = ["PROTOCOLS", "Connection", "Refused", "protocol_of"]

PROTOCOLS = ("smtp", "imap", "pop3")

_STARTTLS_PORTS = {25: "smtp", 587: "smtp", 2525: "smtp", 143: "imap", 110: "pop3"}
_MAX_LINE = 8192  # octets; an IMAP capability line may be long
_MAX_LINES = 128  # lines of one answer


class Refused(Exception):
    """The server answered, and the answer was no; the text is our own sentence."""


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


class Connection:
    """One connection to *host*:*port*, which :meth:`open` brings to where TLS may begin.

    *protocol* is one of :data:`PROTOCOLS`, or "" for implicit TLS; *seconds* is the deadline of the whole connection.
    ``stage`` is how far it got.
    """

    def __init__(self, net: Network, host: str, port: int, protocol: str, seconds: float) -> None:
        self._net, self._host, self._port, self._protocol = net, host, port, protocol
        self._deadline = time.monotonic() + seconds
        self._unread = b""
        self.stage = Stage.CONNECT
        self.sock: BoundedSocket | None = None

    def open(self) -> BoundedSocket:
        """Return a socket on which the next octet is TLS.

        Raises OSError, ReplyError for what is not the protocol, and :class:`Refused` when the server will not.
        """
        left = max(self._deadline - time.monotonic(), 0.001)
        plain = self._net.dial(self._host, self._port, timeout=min(self._net.timeout, left))
        self.sock = BoundedSocket(fileno=plain.detach())
        self.sock.deadline = self._deadline
        if self._protocol:
            self.stage = Stage.GREETING
            {"smtp": self._smtp, "imap": self._imap, "pop3": self._pop3}[self._protocol]()
            if self._unread:
                # Whoever sent this sent it before TLS: a careless client would take it for the server's word inside.
                raise ReplyError("more came in the clear after the go-ahead for TLS: someone injects replies")
        self.stage = Stage.TLS
        return self.sock

    def close(self) -> None:
        """Close the connection."""
        if self.sock is not None:
            self.sock.close()

    # The three dialogues ------------------------------------------------------------------------------------------

    def _smtp(self) -> None:
        self._expect(self._smtp_reply(), "220")
        self.stage = Stage.EHLO
        offered = self._ask(f"EHLO {self._net.local_hostname}", self._smtp_reply)
        self.stage = Stage.STARTTLS
        # RFC 5321 section 4.1.1.1: each further line of the reply is a keyword.
        if not any(line[4:].split()[:1] == ["STARTTLS"] for line in map(str.upper, offered)):
            raise Refused("STARTTLS is not offered")
        self._expect(self._ask("STARTTLS", self._smtp_reply), "220")

    def _imap(self) -> None:
        self._expect([self._line()], "* OK")
        self.stage = Stage.EHLO
        offered = " ".join(self._ask("a1 CAPABILITY", lambda: self._lines_to("a1 "))).upper()
        self.stage = Stage.STARTTLS
        if "STARTTLS" not in offered.split():
            raise Refused("STARTTLS is not offered")
        self._expect(self._ask("a2 STARTTLS", lambda: self._lines_to("a2 "))[-1:], "a2 OK")

    def _pop3(self) -> None:
        self._expect([self._line()], "+OK")
        self.stage = Stage.EHLO
        offered = self._ask("CAPA", self._pop3_list)
        self.stage = Stage.STARTTLS
        if "STLS" not in [line.strip().upper() for line in offered]:
            raise Refused("STARTTLS (STLS) is not offered")
        self._expect(self._ask("STLS", lambda: [self._line()]), "+OK")

    def _ask(self, command: str, answer: Callable[[], list[str]]) -> list[str]:
        assert self.sock is not None
        self.sock.sendall(command.encode("ascii") + b"\r\n")
        return answer()

    def _expect(self, lines: list[str], beginning: str) -> None:
        if not lines[-1].upper().startswith(beginning.upper()):
            raise Refused(visible(lines[-1], 200))

    def _smtp_reply(self) -> list[str]:
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            if len(lines) == _MAX_LINES:
                raise ReplyError("the reply never ends")
            lines.append(self._line())
            if not lines[-1][:3].isdigit():
                raise ReplyError("the reply is not SMTP")
        return lines

    def _lines_to(self, tag: str) -> list[str]:
        lines = [self._line()]
        while not lines[-1].startswith(tag) and len(lines) < _MAX_LINES:
            lines.append(self._line())
        return lines

    def _pop3_list(self) -> list[str]:
        lines = [self._line()]
        while lines[0].startswith("+OK") and lines[-1] != "." and len(lines) < _MAX_LINES:
            lines.append(self._line())
        return lines

    def _line(self) -> str:
        """Return the next line without its end; what came after it in the same packet waits in ``_unread``."""
        assert self.sock is not None
        buffer = bytearray(4096)
        while b"\n" not in self._unread:
            if len(self._unread) > _MAX_LINE:
                raise ReplyError("a line never ends")
            got = self.sock.recv_into(buffer)
            if not got:
                raise EOFError("the server closed the connection")
            self._unread += bytes(buffer[:got])
        line, _, self._unread = self._unread.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")
