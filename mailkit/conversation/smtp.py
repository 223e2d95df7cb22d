"""One SMTP conversation (RFC 5321): open, introduce, STARTTLS, log in, say, leave.

Every step either succeeds or raises, and :func:`mailkit.conversation.explain` turns what it raises into an outcome
and a sentence.  Whether TLS begins with the first octet is for the caller to say, not for the port.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.credentials import Credentials
from mailkit.conversation.mechanisms import MECHANISMS, ExchangeError, Turn, Unproved
from mailkit.conversation.replies import NotOffered, Offer, Rejected, Reply, offer_of, read_reply
from mailkit.conversation.wire import Line, Wire
from mailkit.network import Network
from mailkit.results import Stage, visible

__all__ = ["SMTP"]

_FAREWELL = 1.0  # seconds to wait for the reply to QUIT, at most
_LONGEST_AUTH = 512  # octets of an AUTH line with its end: RFC 4954 section 4
_REDACTED = "(redacted)"

# Codes by which a server says that it does not know EHLO, so that HELO may be tried (RFC 5321 section 3.2).
_UNKNOWN_COMMAND = (500, 501, 502, 503, 504)


class SMTP:
    """An SMTP conversation with *host*:*port* through *net*.

    ``stage`` is how far it got, ``banner`` what the server greeted with, ``reply`` its last reply, ``offer`` what its
    last answer to EHLO offered, ``mechanism`` how it logged in or tried to, ``lines`` all that was said.  *timeout*
    is the deadline of the whole conversation in seconds, *address* where to connect when it differs from *host*, the
    name to verify.  Methods raise Rejected (the server said no), NotOffered, HandshakeFailed, ReplyError, EOFError,
    or OSError from the network.
    """

    def __init__(self, net: Network, host: str, port: int, *, address: str = "", timeout: float | None = None) -> None:
        self.net, self.host, self.port = net, host, port
        self.wire = Wire(net, host, port, address=address, timeout=timeout)
        self.banner = ""
        self.reply: Reply | None = None
        self.offer = Offer()
        self.mechanism = ""
        self._in_login = False

    @property
    def stage(self) -> Stage:
        """How far the conversation got."""
        return self.wire.stage

    @stage.setter
    def stage(self, stage: Stage) -> None:
        self.wire.stage = stage

    @property
    def encrypted(self) -> bool:
        """True once the conversation runs inside TLS."""
        return self.wire.encrypted

    @property
    def lines(self) -> list[Line]:
        """All that was said so far, in order, without passwords."""
        return self.wire.lines

    # The steps of a conversation ----------------------------------------------------------------------------------

    def open(self, *, context: ssl.SSLContext | None = None) -> Reply:
        """Connect, with *context* inside TLS from the first octet, and return the greeting; raises unless it is 220."""
        self.connect(context=context)
        return self.greeted()

    def connect(self, *, context: ssl.SSLContext | None = None) -> None:
        """Connect only, with *context* inside TLS, and leave the greeting unread."""
        self.stage = Stage.CONNECT
        self.wire.connect()
        if context is not None:
            self.stage = Stage.TLS
            self.wire.begin_tls(context)

    def greeted(self) -> Reply:
        """Return the greeting; raises unless it is 220."""
        self.stage = Stage.GREETING
        greeting = self.read_reply()
        self.banner = visible(" / ".join(greeting.lines))
        return _expected(greeting, 220)

    def introduce(self) -> Reply:
        """Say EHLO, or HELO to a server that knows no EHLO (RFC 5321 section 3.2), and return the reply, a 250."""
        self.stage = Stage.EHLO
        self.offer = Offer()
        reply = self.say(f"EHLO {self.net.local_hostname}")
        if reply.code in _UNKNOWN_COMMAND:
            return _expected(self.say(f"HELO {self.net.local_hostname}"), 250)
        self.offer = offer_of(_expected(reply, 250))
        return reply

    def secure(self, context: ssl.SSLContext) -> None:
        """Upgrade with STARTTLS (RFC 3207) and introduce ourselves again; raises NotOffered when it is not offered."""
        self.ask_for_tls()
        self.begin_tls(context)
        self.introduce()

    def ask_for_tls(self) -> None:
        """Say STARTTLS; after this the next octet is TLS."""
        self.stage = Stage.STARTTLS
        if not self.offer.starttls:
            raise NotOffered("STARTTLS is not offered")
        _expected(self.say("STARTTLS"), 220)

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands, and forget what was learned before (RFC 3207 section 4.2)."""
        self.wire.begin_tls(context)
        self.offer = Offer()

    def enter(self, context: ssl.SSLContext, *, implicit_tls: bool) -> None:
        """Open and introduce ourselves inside TLS; raises NotOffered when there is none to be had."""
        self.open(context=context if implicit_tls else None)
        self.introduce()
        if not self.encrypted:
            self.secure(context)

    def login(self, account: Credentials, mechanisms: Iterable[str] = tuple(MECHANISMS)) -> str:
        """Log in with the first of *mechanisms* that the server offers and return its name (RFC 4954).

        Inside verified TLS, which is the caller's duty.  Raises NotOffered when the server offers none of them,
        ExchangeError for challenges that make no sense, Unproved when it cannot show that it knows the password.
        """
        self.stage = Stage.AUTH
        mechanism = self.mechanism = self._chosen(tuple(mechanisms))
        self.reply = None
        self.wire.mask.keep(account)
        exchange = MECHANISMS[mechanism](account)
        turn = next(exchange)
        reply, pending = self._begin(mechanism, turn)
        while reply.code == 334:
            try:
                if pending:
                    pending = False  # the challenge was an empty one, and the first response was kept back for it
                else:
                    turn = exchange.send(reply.challenge.reveal())
            except StopIteration:
                self.say("*")  # RFC 4954 section 4: how a client gives up
                raise ExchangeError(f"the server asks for more than {mechanism} has to say") from None
            except ExchangeError:
                self.say("*")
                raise
            reply = self._respond(turn)
        if _expected(reply, 235) and not turn.may_end:
            raise Unproved("the server says yes without proving that it knows the password")
        return mechanism

    def say(self, command: str) -> Reply:
        """Say *command* and return the reply to it, whatever it is; a response to a challenge is a command, too.

        What belongs to a login is not noted.  Raises ReplyError, EOFError or OSError.
        """
        verb, _, arguments = command.partition(" ")
        shown = None
        if verb.upper() == "AUTH":
            mechanism, _, initial = arguments.partition(" ")
            self.wire.mask.add_response(initial)
            shown = f"{verb} {visible(mechanism)}" + (f" {_REDACTED}" if initial else "")
        elif self._in_login and command != "*":
            self.wire.mask.add_response(command)
            shown = _REDACTED
        self.wire.send(memoryview(command.encode() + b"\r\n"), shown=shown)
        reply = self.read_reply()
        self._in_login = reply.code == 334 and shown is not None
        return reply

    def read_reply(self) -> Reply:
        """Return the next reply, whatever it is."""
        self.reply = read_reply(self.wire)
        return self.reply

    def leave(self) -> None:
        """Say QUIT if the server is still there, and hang up."""
        try:
            if self.wire.connected:
                last = self.reply
                self.wire.allow(_FAREWELL)
                self.say("QUIT")
                self.reply = last
        except (OSError, EOFError, ReplyError):
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Hang up."""
        self.wire.close()

    # The login ----------------------------------------------------------------------------------------------------

    def _chosen(self, wanted: tuple[str, ...]) -> str:
        for mechanism in wanted:
            if mechanism in self.offer.mechanisms:
                return mechanism
        where = "inside TLS" if self.encrypted else "here"
        if not self.offer.has("AUTH"):
            raise NotOffered(f"the server offers no AUTH {where}")
        offered = " ".join(self.offer.mechanisms) or "AUTH without a mechanism"
        what = f"{wanted[0]} is not" if len(wanted) == 1 else "none of the mechanisms known here is"
        raise NotOffered(f"{what} offered {where}, only {offered}")

    def _begin(self, mechanism: str, turn: Turn) -> tuple[Reply, bool]:
        """Say AUTH, with the first response if the line has room for it; return the reply, and whether it waits."""
        command = f"AUTH {mechanism}"
        if turn.response is None:
            return self.say(command), False
        # "=" stands for a response of no length (RFC 4954 section 4).
        if len(command) + 1 + _size(turn) + 2 > _LONGEST_AUTH:
            return self.say(command), True
        return self._secretly(command.encode() + b" ", turn, f"{command} {_REDACTED}"), False

    def _respond(self, turn: Turn) -> Reply:
        return self._secretly(b"", turn, _REDACTED)

    def _secretly(self, before: bytes, turn: Turn, shown: str) -> Reply:
        """Send a response such that neither the transcript nor a traceback shows it."""
        self.wire.mask.add(base64.b64encode(turn.response or b""))
        self.wire.send(memoryview(b"%s%s\r\n" % (before, base64.b64encode(turn.response or b""))), shown=shown)
        return self.read_reply()


def _size(turn: Turn) -> int:
    """Return how many octets the response has in base64."""
    return 4 * ((len(turn.response or b"") + 2) // 3) or 1


def _expected(reply: Reply, code: int) -> Reply:
    if reply.code != code:
        raise Rejected(reply)
    return reply
