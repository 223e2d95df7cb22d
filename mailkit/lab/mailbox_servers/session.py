"""One connection to a server that mail is read from: lines, TLS, time, and who is logged in; IMAP and POP3 alike.

A client may be hostile: lines and literals are bounded, a connection that stays silent ends, one that only guesses
passwords or sends nonsense is closed, and what was said in the clear after STARTTLS is never taken for something said
inside TLS (RFC 9051 section 6.2.1, the fault of CVE-2011-0411).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable

from mailkit.lab.mail import auth
from mailkit.lab.mail.services import Services
from mailkit.lab.world import Host

__all__ = ["LONGEST_LINE", "Closed", "Session", "TooLong"]

LONGEST_LINE = 64 * 1024  # octets; RFC 7162 section 4 asks for 8192
_IDLE = 1800.0  # seconds: "at least 30 minutes" (RFC 9051 section 5.4)
_MOST_BUFFERED = 256 * 1024  # octets that wait to be read
_PIECE = 256 * 1024  # octets written at once
_MOST_MISTAKES = 50  # commands that make no sense, or failed logins, of one connection


class Closed(Exception):
    """The client has gone, or is to go."""


class TooLong(Exception):
    """The client sends a line that is longer than any it could need."""


class Session(asyncio.Protocol):
    """One connection; a subclass says in :meth:`converse` what is spoken on it.

    *tls* gives the host's context; with *implicit_tls* the connection is inside TLS from the first octet.
    """

    too_many = b""  # what a client hears that finds no room
    make_room_words = b""

    def __init__(
        self, host: Host, services: Services, tls: Callable[[], ssl.SSLContext], *, implicit_tls: bool
    ) -> None:
        self.host, self.services = host, services
        self.encrypted = implicit_tls
        self.client = ""
        self.account = ""
        self.last_heard = time.monotonic()
        self._tls = tls
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._arrived = bytearray()
        self._changed = asyncio.Event()  # something arrived, or the client has gone
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._ended = False
        self._mistakes = 0

    async def converse(self) -> None:
        """Greet the client and answer it until one of the two leaves."""
        raise NotImplementedError

    # What asyncio calls ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the conversation."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.client = self.services.client_address(transport.get_extra_info("peername")[1])
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Keep what the client says; one that sends faster than it is answered waits."""
        self.last_heard = time.monotonic()
        self._arrived += data
        self._changed.set()
        if len(self._arrived) > _MOST_BUFFERED and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Note that the client has said all it will; in the clear it may still listen."""
        self._ended = True
        self._changed.set()
        return not self.encrypted

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the client has gone."""
        self._ended = True
        self._changed.set()
        self._may_write.set()

    def pause_writing(self) -> None:
        """Wait: the client does not read."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Go on: the client reads again."""
        self._may_write.set()

    def make_room(self) -> None:
        """Tell the client to come back later, and close."""
        if self._transport is not None:
            self.write(self.make_room_words)
            self._transport.close()

    async def _serve(self) -> None:
        connections = self.services.connections
        try:
            if not await connections.enter(self):
                self.write(self.too_many)
                return
            self.last_heard = time.monotonic()
            await asyncio.sleep(self.host.greeting_delay)
            await self.converse()
        except (Closed, OSError, TimeoutError):
            pass  # the client has gone, is silent, or failed to shake hands
        except Exception as error:
            self.services.faults.note(f"{self.host.name}: a mailbox conversation", error)
        finally:
            connections.leave(self)
            if self._transport is not None:
                self._transport.close()

    # Reading and writing ---------------------------------------------------------------------------------------------

    async def read_line(self) -> bytes:
        """Return the next line without its end.  Raises Closed, TooLong, and TimeoutError after half an hour."""
        while (end := self._arrived.find(b"\n", 0, LONGEST_LINE + 2)) < 0:
            if len(self._arrived) > LONGEST_LINE:
                raise TooLong
            await self._more()
        line = bytes(self._arrived[:end]).removesuffix(b"\r")
        self._consume(end + 1)
        return line

    async def read_octets(self, count: int) -> bytes:
        """Return the next *count* octets."""
        taken = bytearray()
        while len(taken) < count:
            if not self._arrived:
                await self._more()
            piece = self._arrived[: count - len(taken)]
            taken += piece
            self._consume(len(piece))
        return bytes(taken)

    async def _more(self) -> None:
        if self._ended:
            raise Closed
        self._changed.clear()
        async with asyncio.timeout(_IDLE):
            await self._changed.wait()

    def _consume(self, count: int) -> None:
        del self._arrived[:count]
        if len(self._arrived) <= _MOST_BUFFERED and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send *data*, which is small."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def send(self, data: bytes) -> None:
        """Send *data*, however large, as fast as the client reads it.  Raises Closed when it has gone."""
        for start in range(0, len(data), _PIECE):
            self.write(data[start : start + _PIECE])
            async with asyncio.timeout(_IDLE):
                await self._may_write.wait()
            if self._transport is None or self._transport.is_closing():
                raise Closed
        await asyncio.sleep(0)  # others have a turn

    # TLS and logins --------------------------------------------------------------------------------------------------

    @property
    def said_ahead(self) -> bool:
        """True when the client has said more than the command that is being answered."""
        return bool(self._arrived)

    def forget_what_was_said(self) -> None:
        """Drop what has arrived and was not read."""
        self._consume(len(self._arrived))

    async def begin_tls(self) -> None:
        """Shake hands; the go-ahead has been written.  Raises OSError when it fails."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        inside = await loop.start_tls(self._transport, self, self._tls(), server_side=True)
        if inside is None:
            raise Closed
        self._transport, self.encrypted = inside, True

    @property
    def may_log_in(self) -> bool:
        """True where logins are on offer: inside TLS, or anywhere on a server that makes this mistake."""
        return self.encrypted or self.host.auth_in_clear

    def password_of(self, user: str) -> str | None:
        """Return the password of the account *user*, the same as for handing mail in; None when there is none."""
        return auth.password_of(user, self.host, self.services.world)

    async def authenticate(self, arguments: str, say: Callable[[bytes], Awaitable[bytes]]) -> auth.Result:
        """Carry out AUTHENTICATE or AUTH with a mechanism (RFC 4422); *say* sends a challenge in base64."""

        async def ask(line: bytes) -> bytes:
            return (await say(line.removeprefix(b"334 "))).strip()

        result = await auth.answer(
            arguments, offered=self.host.mechanisms, hostname=self.host.name, password_of=self.password_of, say=ask
        )
        self.logged_in(result.user, good=result.good)
        return result

    def logged_in(self, user: str, *, good: bool) -> None:
        """Note a login of *user*, and whether it succeeded."""
        if user:
            word = "ok" if good else "failed"
            self.services.log.note(self.host.name, "-", f"{self.protocol} login by {user}: {word}")
        if good:
            self.account = user.lower()

    @property
    def protocol(self) -> str:
        """The name of what is spoken, for the log."""
        return type(self).__name__

    def mistaken(self) -> None:
        """Count a command that made no sense or a login that failed.  Raises Closed when there were too many."""
        self._mistakes += 1
        if self._mistakes >= _MOST_MISTAKES:
            raise Closed
