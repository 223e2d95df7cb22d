"""A conversation in another protocol than SMTP, IMAP and POP3, as far as the place where TLS may begin.

Mail's neighbours ask for TLS in their own words: ``line_upgrades`` in those that speak in lines, ``ldap`` in BER,
``xmpp`` in XML.  Nothing else is said, so nobody logs in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.replies import NotOffered
from mailkit.conversation.wire import Wire
from mailkit.network import Network
from mailkit.results import Stage

__all__ = ["Upgrade"]

_LONGEST = 8192  # octets of a line; a list of capabilities may be long
_MOST_LINES = 500  # of one answer; the octet budget ends most of them sooner


class Upgrade(ABC):
    """A conversation with *host*:*port* through *net* that gets as far as the go-ahead for TLS.

    *timeout* is the deadline of the whole conversation in seconds.  ``wire.stage`` is how far it got.  Methods raise
    NotOffered, Refused (the server said no), ReplyError for what is not the protocol, EOFError, or OSError from the
    network.
    """

    def __init__(self, net: Network, host: str, port: int, *, timeout: float | None = None) -> None:
        self.wire = Wire(net, host, port, timeout=timeout)

    def open(self) -> None:
        """Connect, and take the greeting if there is one."""
        self.wire.stage = Stage.CONNECT
        self.wire.connect()
        self.wire.stage = Stage.GREETING
        self.greeted()

    def introduce(self) -> None:
        """Find out whether TLS is on offer, where the protocol says so beforehand."""
        self.wire.stage = Stage.EHLO
        self.look()

    def ask_for_tls(self) -> None:
        """Ask for TLS; after this the next octet is TLS."""
        self.wire.stage = Stage.STARTTLS
        self.request()

    @abstractmethod
    def greeted(self) -> None:
        """Take the greeting."""

    @abstractmethod
    def look(self) -> None:
        """Ask what the server offers."""

    @abstractmethod
    def request(self) -> None:
        """Say the command that asks for TLS, and take the go-ahead."""

    # For the protocols -----------------------------------------------------------------------------------------------

    def line(self) -> str:
        """Return the next line of the server."""
        return self.wire.read_line(_LONGEST).decode("utf-8", "replace")

    def room_for(self, lines: list[str]) -> None:
        """Raise ReplyError when an answer has too many *lines*."""
        if len(lines) >= _MOST_LINES:
            raise ReplyError("the answer never ends")

    def need(self, offered: bool, what: str) -> None:
        """Raise NotOffered unless *what* is *offered*."""
        if not offered:
            raise NotOffered(f"{what} is not offered")
