"""XMPP up to the go-ahead for TLS: a stream is opened, its features are read, and STARTTLS asked for (RFC 6120).

A stream is one long XML document that never needs to end (section 4), and hostile ones make the most of it.  So it is
parsed tag by tag, a bounded number of tags, and a document type, which XMPP forbids (section 11.1), ends it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.mailbox import Refused
from mailkit.conversation.upgrade import Upgrade
from mailkit.network import Network
from mailkit.results import visible

__all__ = ["STREAM_END", "XMPP", "stream_header"]

_STREAMS = "http://etherx.jabber.org/streams"
_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
_MOST_TAGS = 500  # of one stream
_MOST_SPACE = 100  # octets of it before the stream
_LONGEST = 16 * 1024  # octets up to the end of a tag
_NOT_XMPP = "the reply is not XMPP"

STREAM_END = b"</stream:stream>"


def stream_header(host: str) -> bytes:
    """Return what opens a client's stream to *host* (RFC 6120 section 4.2)."""
    return (
        f"<?xml version='1.0'?><stream:stream to={quoteattr(host)} version='1.0' xml:lang='en' "
        f"xmlns='jabber:client' xmlns:stream='{_STREAMS}'>"
    ).encode()


class XMPP(Upgrade):
    """XMPP up to STARTTLS; see :class:`mailkit.conversation.upgrade.Upgrade`.

    The stream is opened to the name of the server.  A server that knows only a domain of another name refuses it.
    """

    def __init__(self, net: Network, host: str, port: int, *, timeout: float | None = None) -> None:
        super().__init__(net, host, port, timeout=timeout)
        self._stream = _Stream()
        self._offered = False

    def greeted(self) -> None:
        """Open a stream to the server and take its own (section 4.2)."""
        self.wire.send(stream_header(self.wire.host))
        for _ in range(_MOST_SPACE):
            first = self.wire.receive(1)
            if not first:
                raise EOFError("the server closed the connection")
            if not first.isspace():
                break
        if first != b"<":
            raise ReplyError(_NOT_XMPP)
        self._stream.feed(first + self.wire.read_through(b">", _LONGEST))
        self._read_until(lambda: self._stream.opened)

    def look(self) -> None:
        """Take the stream's features (section 4.3.2)."""
        features = self._next()
        if features.name != f"{_STREAMS} features":
            raise ReplyError(f"{_NOT_XMPP} of today: the stream does not begin with its features")
        self._offered = f"{_TLS} starttls" in features.inside

    def request(self) -> None:
        """Ask for TLS and take ``<proceed/>`` (section 5.4.2)."""
        self.need(self._offered, "STARTTLS")
        self.wire.send(f"<starttls xmlns='{_TLS}'/>".encode())
        answer = self._next()
        if answer.name == f"{_TLS} failure":
            raise Refused("the server answers <failure/>")
        if answer.name != f"{_TLS} proceed":
            raise ReplyError("the reply to STARTTLS is neither a go-ahead nor a refusal")

    def _next(self) -> _Element:
        """Return the next whole element of the stream; raises Refused for a stream error (section 4.9)."""
        self._read_until(lambda: bool(self._stream.elements))
        element = self._stream.elements.pop(0)
        if element.name == f"{_STREAMS} error":
            names = [name.removeprefix(f"{_ERRORS} ") for name in element.inside if name.startswith(f"{_ERRORS} ")]
            why = " ".join(name for name in names if name != "text") or "no reason given"
            raise Refused(visible(f"the server ends the stream: {why}", 200))
        return element

    def _read_until(self, arrived: Callable[[], bool]) -> None:
        """Read tag by tag, so that nothing behind the last one is taken for a part of it."""
        while not arrived():
            self._stream.feed(self.wire.read_through(b">", _LONGEST))


@dataclass
class _Element:
    """An element right below the stream: its name and the names of what stands in it, each after its namespace."""

    name: str
    inside: list[str] = field(default_factory=list)


class _Stream:
    """The server's stream as far as it has come; ``elements`` are those that are whole and were not taken yet."""

    def __init__(self) -> None:
        self.opened = False
        self.elements: list[_Element] = []
        self._open: list[str] = []
        self._current = _Element("")
        self._tags = 0
        self._parser = expat.ParserCreate("UTF-8", " ")  # section 11.6: UTF-8, whatever the document says
        if hasattr(self._parser, "SetReparseDeferralEnabled"):
            self._parser.SetReparseDeferralEnabled(False)  # or a tag that came in pieces is told of only with the next
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, octets: bytes) -> None:
        """Parse *octets*, which end with a tag.  Raises ReplyError."""
        self._tags += 1
        if self._tags > _MOST_TAGS:
            raise ReplyError("the stream never ends")
        try:
            self._parser.Parse(octets, False)
        except expat.ExpatError as error:
            raise ReplyError(f"{_NOT_XMPP}: no well-formed XML") from error

    def _begin(self, name: str, _attributes: dict[str, str]) -> None:
        if not self._open:
            if name != f"{_STREAMS} stream":
                raise ReplyError(_NOT_XMPP)
            self.opened = True
        elif len(self._open) == 1:
            self._current = _Element(name)
        else:
            self._current.inside.append(name)
        self._open.append(name)

    def _end(self, _name: str) -> None:
        self._open.pop()
        if not self._open:
            raise Refused("the server ends the stream")
        if len(self._open) == 1:
            self.elements.append(self._current)

    def _doctype(self, *_: object) -> None:
        raise ReplyError(f"{_NOT_XMPP}: it declares a document type")
