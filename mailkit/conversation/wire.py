"""One connection to a mail server, whatever its protocol: lines to and fro, one deadline, TLS, and a transcript.

SMTP, IMAP and POP3 all speak in lines (RFC 5321 section 2.3.8, RFC 9051 section 2.2, RFC 1939 section 3), and all can
begin TLS in the middle (RFC 3207, RFC 9051 section 6.2.1, RFC 2595 section 4).  What is common to them is here.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass

from mailkit.conversation.bounded import BoundedSocket, ReplyError
from mailkit.conversation.credentials import Mask
from mailkit.conversation.encryption import HandshakeFailed, TLSSocket, begin_tls
from mailkit.network import Network, check_port
from mailkit.results import Outcome, Record, Stage, visible

__all__ = ["Incoming", "Line", "Wire"]

_MAX_NOTED = 400  # lines of ours kept of one conversation


@dataclass(frozen=True)
class Line(Record):
    """One line of a conversation: who said it ("C" or "S"), what, and whether it travelled encrypted."""

    who: str
    text: str
    encrypted: bool = False


class Incoming:
    """What has arrived and was not read yet.  Its repr shows nothing: a server may echo a password."""

    def __init__(self) -> None:
        self.octets = b""

    def add(self, octets: bytes) -> bool:
        """Take *octets*; False when there are none, since the other side is done."""
        self.octets += octets
        return bool(octets)

    def line(self, longest: int) -> bytes | None:
        """Return the next line with its end, None while it is not complete, its beginning when it is too long."""
        end = self.octets.find(b"\n", 0, longest + 2)
        if end < 0:
            return self.octets if len(self.octets) > longest + 1 else None
        line, self.octets = self.octets[: end + 1], self.octets[end + 1 :]
        return line


class Wire:
    """A connection to *host*:*port* of *net*, to be opened by :meth:`connect`.

    *address* is where to connect when it differs from *host*, the name that a certificate must bear.  *timeout* is
    the deadline of the whole conversation in seconds (default: twice the network's).  ``stage`` is how far it got,
    ``lines`` what was said; ``mask`` knows what must not be seen in it.  Raises ValueError for what is no port.
    """

    def __init__(self, net: Network, host: str, port: int, *, address: str = "", timeout: float | None = None) -> None:
        check_port(port)
        self.net, self.host, self.port = net, host, port
        self.stage = Stage.CONNECT
        self.lines: list[Line] = []
        self.mask = Mask()
        self.incoming = Incoming()
        self._address = address or host
        self._allowed = timeout or 2 * net.timeout
        self._since: float | None = None
        self._sock: BoundedSocket | None = None
        self._inside: TLSSocket | None = None

    @property
    def connected(self) -> bool:
        """True between :meth:`connect` and :meth:`close`."""
        return self._sock is not None

    @property
    def encrypted(self) -> bool:
        """True once the conversation runs inside TLS."""
        return self._inside is not None

    @property
    def secure(self) -> ssl.SSLObject:
        """OpenSSL's side of it, to ask for version, cipher and certificates.  Raises ValueError outside TLS."""
        if self._inside is None:
            raise ValueError("there is no TLS on this connection")
        return self._inside.tls

    def connect(self) -> None:
        """Dial; the deadline counts from the connection on, since dialling may wait for one of the network's slots.

        Raises what :meth:`mailkit.network.Network.dial` raises.
        """
        plain = self.net.dial(self._address, self.port, timeout=min(self.net.timeout, self._allowed))
        self._since = time.monotonic()
        whole = self.net.deadline  # of the job that this conversation is a part of
        seconds = self._allowed if whole is None else 0.0 if whole.over else whole.at_most(self._allowed)
        self._sock = BoundedSocket(fileno=plain.detach())
        self._sock.deadline = self._since + seconds
        self._sock.catch_up = self.net.pace.catch_up if self.net.pace else None

    @property
    def spent(self) -> float:
        """How many seconds ago the connection was made; 0 when it was not."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def allow(self, seconds: float, *, longer: bool = False) -> None:
        """Let what follows take *seconds* from now at most; with *longer*, even if the deadline was nearer."""
        if self._sock is not None:
            deadline = time.monotonic() + seconds
            self._sock.deadline = deadline if longer else min(deadline, self._sock.deadline)

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands.  What was read ahead is forgotten: it was said before TLS (RFC 3207 section 4.2).

        Raises HandshakeFailed or ReplyError.
        """
        said_on, self.incoming = self.incoming.octets, Incoming()
        try:
            self._inside = begin_tls(self.plain, context, self.host)
        except HandshakeFailed as error:
            if said_on:
                reason = "what answers does not speak TLS here: it went on in the clear"
                raise HandshakeFailed(Outcome.TLS_FAILURE, reason, str(error)) from error
            raise

    @property
    def plain(self) -> BoundedSocket:
        """The socket itself, below TLS.  Raises EOFError when there is no connection."""
        if self._sock is None:
            raise EOFError("not connected")
        return self._sock

    def close(self) -> None:
        """Hang up."""
        if self._sock is not None:
            self._sock.close()
        self._sock = None

    # Lines ------------------------------------------------------------------------------------------------------------

    def send(self, data: bytes | memoryview, *, shown: str | None = None) -> None:
        """Send *data*, whole lines with their ends, and note them; *shown* is what the transcript has instead.

        What is secret comes as a memoryview and with *shown*: no traceback prints what is in a memoryview.
        """
        if shown is not None:
            self._note("C", shown)
        else:
            room = max(_MAX_NOTED - len(self.lines), 0)
            for line in bytes(data).removesuffix(b"\r\n").split(b"\r\n", room)[:room]:
                self._note("C", visible(line.decode("utf-8", "replace")))
        sock = self.plain
        (self._inside or sock).sendall(data)

    def read_line(self, longest: int) -> bytes:
        """Return the next line without its end, as it came, and note it without what ``mask`` knows.

        Raises ReplyError for a line of more than *longest* octets, EOFError when the server hung up, and OSError.
        """
        while (line := self.incoming.line(longest)) is None:
            if not self.incoming.add((self._inside or self.plain).receive()):
                where = " in the middle of a line" if self.incoming.octets else ""
                if where:
                    self._note_reply(self.mask(self.incoming.octets, cut=True))
                raise EOFError(f"the server closed the connection{where}")
        complete = line.endswith(b"\n")
        self._note_reply(self.mask(line.rstrip(b"\r\n"), cut=not complete))
        if not complete:
            raise ReplyError(f"a line of the reply is too long: more than {longest:,} octets")
        return line.rstrip(b"\r\n")

    def receive(self, most: int) -> bytes:
        """Return what comes next, *most* octets of it, without noting it; nothing when the server hung up.

        For what is no line: a file, a literal.  Raises OSError, and ReplyError for a server that sends without end.
        """
        if not self.incoming.octets:
            self.incoming.add((self._inside or self.plain).receive())
        came, self.incoming.octets = self.incoming.octets[:most], self.incoming.octets[most:]
        return came

    def read_through(self, mark: bytes, longest: int) -> bytes:
        """Return what comes up to *mark* and with it, without noting it: for what is no line.

        Raises ReplyError where *mark* is not among *longest* octets, EOFError when the server hung up, and OSError.
        """
        while (end := self.incoming.octets.find(mark, 0, longest)) < 0:
            if len(self.incoming.octets) >= longest:
                raise ReplyError(f"a part of the reply is too long: more than {longest:,} octets")
            if not self.incoming.add((self._inside or self.plain).receive()):
                raise EOFError("the server closed the connection")
        return self.receive(end + len(mark))

    def _note_reply(self, line: bytes) -> None:
        self._note("S", visible(line.decode("utf-8", "replace")))

    def _note(self, who: str, text: str) -> None:
        self.lines.append(Line(who, text, self.encrypted))
