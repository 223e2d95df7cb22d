"""What conversations with a mailbox server have in common, in IMAP and in POP3: what is offered, and a no.

``imap`` and ``pop3`` speak; here is what both say to the rest of the code in the same words.
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.credentials import Credentials
from mailkit.conversation.replies import NotOffered
from mailkit.conversation.wire import Line, Wire
from mailkit.network import Network
from mailkit.results import Record, Stage, visible

__all__ = ["Mailbox", "MailboxOffer", "Refused"]

LONGEST = 8192  # octets of a line; one with IMAP's capabilities may be long
_MOST_WORDS = 100
_MOST_LINES = 2000  # of one answer; the octet budget ends most of them sooner
_FAREWELL = 1.0  # seconds to wait for the reply to a goodbye, at most


class Refused(Exception):
    """A server of another protocol than SMTP answered, and the answer was no; the text is what it said."""


@dataclass(frozen=True)
class MailboxOffer(Record):
    """The capabilities of a mailbox server at one moment: its ``words``, and what they mean for a login.

    ``mechanisms`` are those of SASL (RFC 4422).  ``password_command`` says whether the plain command of the protocol
    (LOGIN in IMAP, USER and PASS in POP3) may be used, ``left_out`` counts words behind the hundredth.
    """

    words: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    starttls: bool = False
    password_command: bool = False
    left_out: int = 0

    def __str__(self) -> str:
        return ", ".join(self.words) or "nothing"

    @property
    def logins(self) -> bool:
        """True when a user can log in."""
        return bool(self.mechanisms) or self.password_command


def listed(words: list[str]) -> tuple[tuple[str, ...], int]:
    """Return *words* as they may be shown, each once, and how many were left out."""
    every = tuple(dict.fromkeys(visible(word.upper(), 120) for word in words))
    return every[:_MOST_WORDS], max(len(every) - _MOST_WORDS, 0)


class Mailbox(ABC):
    """A conversation with *host*:*port* through *net*; ``stage`` is how far it got, ``lines`` what was said.

    *timeout* is the deadline of the whole conversation in seconds, *address* where to connect when it differs from
    *host*, the name to verify.  Methods raise Refused (the server said no), NotOffered, HandshakeFailed, ReplyError,
    EOFError, or OSError from the network.
    """

    def __init__(self, net: Network, host: str, port: int, *, address: str = "", timeout: float | None = None) -> None:
        self.wire = Wire(net, host, port, address=address, timeout=timeout)
        self.banner = ""
        self.offer = MailboxOffer()

    @property
    def stage(self) -> Stage:
        """How far the conversation got."""
        return self.wire.stage

    @property
    def lines(self) -> list[Line]:
        """All that was said so far, in order, without passwords."""
        return self.wire.lines

    def open(self, *, context: ssl.SSLContext | None = None) -> None:
        """Connect, with *context* inside TLS from the first octet, and take the greeting."""
        self.wire.stage = Stage.CONNECT
        self.wire.connect()
        if context is not None:
            self.wire.stage = Stage.TLS
            self.wire.begin_tls(context)
        self.wire.stage = Stage.GREETING
        self.greeted()

    def secure(self, context: ssl.SSLContext) -> None:
        """Upgrade to TLS and ask for the capabilities again: what was said before counts no more."""
        self.ask_for_tls()
        self.begin_tls(context)

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands after :meth:`ask_for_tls`, and introduce ourselves."""
        self.expect_silence()
        self.wire.begin_tls(context)
        self.offer = MailboxOffer()
        self.introduce()

    def expect_silence(self) -> None:
        """Raise ReplyError when more was said in the clear than the go-ahead: it would pass for said inside TLS."""
        if self.wire.incoming.octets:
            raise ReplyError("more came in the clear after the go-ahead for TLS: someone injects replies")

    def enter(self, context: ssl.SSLContext, *, implicit_tls: bool) -> None:
        """Open and introduce ourselves inside TLS; raises NotOffered when there is none to be had."""
        self.open(context=context if implicit_tls else None)
        self.introduce()
        if not implicit_tls:
            self.secure(context)

    @abstractmethod
    def greeted(self) -> None:
        """Take the greeting.  Raises ReplyError when it is none of this protocol, Refused when it sends us away."""

    @abstractmethod
    def introduce(self) -> None:
        """Ask for the capabilities and keep them in ``offer``."""

    @abstractmethod
    def ask_for_tls(self) -> None:
        """Ask for TLS; after this the next octet is TLS.  Raises NotOffered."""

    @abstractmethod
    def say(self, command: str) -> list[str]:
        """Say *command* and return the lines of the answer, whatever it is."""

    @abstractmethod
    def login(self, account: Credentials) -> None:
        """Log in, inside verified TLS, which is the caller's duty.  Raises NotOffered and Refused."""

    @abstractmethod
    def goodbye(self) -> None:
        """Say goodbye and take the answer."""

    def leave(self) -> None:
        """Say goodbye if the server is still there, and hang up."""
        try:
            if self.wire.connected:
                self.wire.allow(_FAREWELL)
                self.goodbye()
        except (OSError, EOFError, ReplyError, Refused):
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Hang up."""
        self.wire.close()

    # For the protocols -----------------------------------------------------------------------------------------------

    def line(self) -> str:
        """Return the next line of the server."""
        return self.wire.read_line(LONGEST).decode("utf-8", "replace")

    def greeting(self, beginnings: tuple[str, ...], protocol: str) -> str:
        """Return which of *beginnings* the first line has, and keep the rest of it as ``banner``.

        Raises ReplyError when it has none: what answers does not speak *protocol*.
        """
        line = self.line()
        said = next((word for word in beginnings if f"{line.upper()} ".startswith(f"{word} ")), "")
        self.banner = visible(line[len(said) :].strip(), 400)
        if not said:
            raise ReplyError(f"what answers is not {protocol}: {visible(line, 200) or 'an empty line'}")
        return said

    def room_for(self, lines: list[str]) -> None:
        """Raise ReplyError when an answer has too many *lines*."""
        if len(lines) >= _MOST_LINES:
            raise ReplyError("the answer never ends")

    def expect(self, line: str, beginning: str) -> None:
        """Raise Refused unless *line* begins with *beginning*."""
        if not line.upper().startswith(beginning.upper()):
            raise Refused(visible(line, 200))

    def need(self, offered: bool, what: str) -> None:
        """Raise NotOffered unless *what* is *offered*."""
        if not offered:
            raise NotOffered(f"{what} is not offered")
