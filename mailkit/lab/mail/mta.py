"""One connection to a mail server of the practice internet, on aiosmtpd: its commands, TLS and AUTH.

Port 25 takes mail for its own domains (RFC 5321), 587 and 2525 take submissions after STARTTLS and AUTH
(RFC 6409), 465 the same inside TLS from the first octet (RFC 8314 section 3.3).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import defaultdict
from typing import Any

from aiosmtpd import smtp as aiosmtpd

from mailkit.lab.mail import auth
from mailkit.lab.mail.decisions import NOT_HTTP, OWN_FAULT, Decisions
from mailkit.lab.mail.services import MAKE_ROOM, TOO_MANY, Services
from mailkit.lab.world import Host

__all__ = ["Session"]

_IDLE = 1800  # seconds; a learner reads for a while between two commands (RFC 5321 section 4.5.3.2.7: 5 minutes)

# aiosmtpd logs a traceback for every failed handshake; a notebook must not show it.
logging.getLogger("mail.log").addHandler(logging.NullHandler())
logging.getLogger("mail.log").propagate = False


class Session(aiosmtpd.SMTP):
    """One connection to one mail server; in *submission* senders must log in."""

    def __init__(
        self, host: Host, services: Services, tls: ssl.SSLContext, *, submission: bool, implicit_tls: bool
    ) -> None:
        self.host, self.services = host, services
        self.is_submission, self.implicit_tls = submission, implicit_tls
        self.client = ""
        self.last_heard = time.monotonic()
        # aiosmtpd shares this dictionary among all connections and lets it grow with each EHLO.
        self.command_size_limits = defaultdict(lambda: 2048)
        super().__init__(
            Decisions(),
            hostname=host.name,
            ident="ESMTP",
            enable_SMTPUTF8=True,
            tls_context=None if implicit_tls else tls,
            timeout=_IDLE,
            loop=asyncio.get_running_loop(),
        )

    @property
    def encrypted(self) -> bool:
        """True inside TLS, whether from the start or after STARTTLS."""
        return self.implicit_tls or (self.session is not None and self.session.ssl is not None)

    @property
    def may_log_in(self) -> bool:
        """True where AUTH is on offer: inside TLS, or anywhere on a server that makes this mistake."""
        return self.is_submission and (self.encrypted or self.host.auth_in_clear)

    @property
    def account(self) -> str:
        """Who has logged in, if anybody has."""
        return str(self.session.auth_data) if self.session is not None and self.session.authenticated else ""

    # The connection ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the client's public address; after STARTTLS aiosmtpd makes a new session, which would lose it."""
        if not self.client:
            self.client = self.services.client_address(transport.get_extra_info("peername")[1])
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take what the client says."""
        self.last_heard = time.monotonic()
        super().data_received(data)

    def make_room(self) -> None:
        """Tell the client to come back later, and close."""
        if self.transport is not None:
            self._writer.write(f"{MAKE_ROOM}\r\n".encode())
            self.transport.close()

    async def _handle_client(self) -> None:
        connections = self.services.connections
        try:
            if not await connections.enter(self):
                await self.push(TOO_MANY)
                self._writer.close()
                return
            self.last_heard = time.monotonic()
            await asyncio.sleep(self.host.greeting_delay)
            await super()._handle_client()
        except OSError:
            pass  # the client has gone
        finally:
            connections.leave(self)

    async def handle_exception(self, error: Exception) -> str:
        """Answer where something in this server went wrong: the client may try again, and learns no more than that."""
        if not isinstance(error, aiosmtpd.TLSSetupException):  # that is the client's doing
            self.services.faults.note(f"{self.host.name}: a conversation", error)
        return OWN_FAULT

    async def smtp_EHLO(self, hostname: str) -> None:
        """Answer EHLO in one write: scanners such as sslscan read a reply once and take what came for all of it."""
        lines: list[str] = []
        say, self.push = self.push, _collected(lines)  # type: ignore[method-assign]
        try:
            await super().smtp_EHLO(hostname)
        finally:
            self.push = say  # type: ignore[method-assign]
        await self.push("\r\n".join(lines))

    async def smtp_GET(self, arg: str) -> None:
        """Hang up on a client that speaks HTTP: a web page made a browser send this, as Postfix knows too."""
        await self.push(NOT_HTTP)
        assert self.transport is not None
        self.transport.close()

    smtp_POST = smtp_PUT = smtp_HEAD = smtp_OPTIONS = smtp_DELETE = smtp_PATCH = smtp_CONNECT = smtp_GET

    # AUTH --------------------------------------------------------------------------------------------------------

    async def smtp_AUTH(self, arg: str) -> None:
        """Answer AUTH (RFC 4954 section 4); aiosmtpd's own knows fewer mechanisms and answers some errors twice."""
        if refusal := self._auth_refusal():
            await self.push(refusal)
            return
        try:
            result = await auth.answer(
                arg or "",
                offered=self.host.mechanisms,
                hostname=self.host.name,
                password_of=self._password_of,
                say=self._say,
            )
        except ValueError:  # the stream's own limit of a line
            await self.push("500 5.5.6 Authentication exchange line is too long")
            return
        if result.user:
            word = "ok" if result.good else "failed"
            self.services.log.note(self.host.name, "-", f"AUTH by {result.user}: {word}")
        assert self.session is not None
        self.session.authenticated = result.good
        self.session.auth_data = result.user  # type: ignore[assignment]  # declared None, meant for anything
        await self.push(result.reply)

    def _auth_refusal(self) -> str:
        assert self.session is not None and self.envelope is not None
        if not self.is_submission:
            return "503 5.5.1 Authentication is not enabled here"
        if not self.session.extended_smtp:
            return "503 5.5.1 Send EHLO first"
        if self.session.authenticated:
            return "503 5.5.1 Already authenticated"
        if self.envelope.mail_from is not None:
            return "503 5.5.1 AUTH is not permitted during a mail transaction"
        if not self.may_log_in:
            return "538 5.7.11 Encryption required for requested authentication mechanism"
        if self.host.accounts_down:
            return "454 4.7.0 Temporary authentication failure: the list of accounts cannot be read"
        return ""

    def _password_of(self, user: str) -> str | None:
        return auth.password_of(user, self.host, self.services.world)

    async def _say(self, line: bytes) -> bytes:
        await self.push(line)
        response: bytes = await self._reader.readline()
        if not response.endswith(b"\n"):
            raise ConnectionResetError("the client left in the middle of AUTH")
        return response.strip()


def _collected(lines: list[str]) -> Any:
    async def push(status: str) -> None:
        lines.append(status)

    return push
