"""The mail servers of the practice internet, on aiosmtpd: what they offer, whom they serve, what they stamp.

Port 25 takes mail for its own domains (RFC 5321), 587 and 2525 take submissions after STARTTLS and AUTH
(RFC 6409), 465 the same inside TLS from the first octet (RFC 8314 section 3.3).  A message is answered with 250
once it is queued; delivery is the queue's business.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import ssl
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.utils import format_datetime, getaddresses
from typing import Any

from aiosmtpd import smtp as aiosmtpd

from mailkit.lab.mail import auth
from mailkit.lab.mail.checks import CHECKS, Incoming
from mailkit.lab.mail.delivery import Item, Queue
from mailkit.lab.mail.signing import signatures
from mailkit.lab.mail.store import Clock, Store
from mailkit.lab.world import Host, World
from mailkit.network import Network

__all__ = ["Services", "Session", "serve"]

SUBMISSION_PORTS = frozenset({465, 587, 2525})

# aiosmtpd logs a traceback for every failed handshake; a notebook must not show it.
logging.getLogger("mail.log").addHandler(logging.NullHandler())
logging.getLogger("mail.log").propagate = False


@dataclass(frozen=True)
class Services:
    """What all mail servers of a world share."""

    world: World
    clock: Clock
    store: Store
    queue: Queue
    verification: Executor
    network_of: Callable[[str], Network]
    client_address: Callable[[int], str]


class Session(aiosmtpd.SMTP):
    """One connection to one mail server."""

    def __init__(self, host: Host, port: int, services: Services, tls: ssl.SSLContext) -> None:
        implicit = port == 465
        self.host, self.port, self.services = host, port, services
        self.client = ""
        # aiosmtpd shares this dictionary among all connections and lets it grow with each EHLO.
        self.command_size_limits = defaultdict(lambda: 2048)
        super().__init__(
            _Handler(),
            hostname=host.name,
            ident="ESMTP",
            enable_SMTPUTF8=True,
            tls_context=None if implicit else tls,
            timeout=1800,  # a learner reads for a while between two commands (RFC 5321 section 4.5.3.2.7: 5 minutes)
            loop=asyncio.get_running_loop(),
        )

    @property
    def is_submission(self) -> bool:
        """True where senders must log in."""
        return self.port in SUBMISSION_PORTS

    @property
    def encrypted(self) -> bool:
        """True inside TLS, whether from the start or after STARTTLS."""
        return self.port == 465 or (self.session is not None and self.session.ssl is not None)

    @property
    def may_log_in(self) -> bool:
        """True where AUTH is on offer: inside TLS, or anywhere on a server that makes this mistake."""
        return self.is_submission and (self.encrypted or self.host.auth_in_clear)

    @property
    def account(self) -> str:
        """Who has logged in, if anybody has."""
        return str(self.session.auth_data) if self.session is not None and self.session.authenticated else ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the client's public address; after STARTTLS aiosmtpd makes a new session, which would lose it."""
        if not self.client:
            self.client = self.services.client_address(transport.get_extra_info("peername")[1])
        super().connection_made(transport)

    async def _handle_client(self) -> None:
        await asyncio.sleep(self.host.greeting_delay)
        await super()._handle_client()

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
            self.services.store.note(self.host.name, "-", f"AUTH by {result.user}: {word}")
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
        account = self.services.world.mailboxes.get(user.lower())
        served = account is not None and account.user.rpartition("@")[2] in self.host.accounts
        return account.password if served and account is not None else None

    async def _say(self, line: bytes) -> bytes:
        await self.push(line)
        response: bytes = await self._reader.readline()
        if not response.endswith(b"\n"):
            raise ConnectionResetError("the client left in the middle of AUTH")
        return response.strip()


class _Handler:
    """The decisions of a mail server, as aiosmtpd asks for them."""

    async def handle_EHLO(
        self, server: Session, session: Any, envelope: Any, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        offered = [line for line in replies[1:-1] if not line.startswith("250-AUTH")]
        if server.may_log_in:
            offered.append(f"250-AUTH {' '.join(server.host.mechanisms)}")
        # Like many servers it tells the client its address (the ehlo-greet of RFC 5321 section 4.1.1.1).
        greeting = f"250-{server.host.name} greets {name[:80]} [{server.client}]"
        # ENHANCEDSTATUSCODES (RFC 2034) and PIPELINING (RFC 2920): what this server does anyway.
        return [greeting, *offered, "250-ENHANCEDSTATUSCODES", "250 PIPELINING"]

    async def handle_MAIL(self, server: Session, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if server.is_submission and not server.may_log_in:
            return "530 5.7.0 Must issue a STARTTLS command first"
        if server.is_submission and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address not in ("", "<>") and (refusal := auth.not_owned(address, server.host, server.account)):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(self, server: Session, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        domain = address.rpartition("@")[2].lower()
        if domain in server.host.domains:
            if address.lower() not in server.services.world.mailboxes:
                return f"550 5.1.1 <{address}>: there is no such mailbox"
        elif not server.is_submission and not _relays_for(server.host, server.client):
            return f"554 5.7.1 <{address}>: Relay access denied"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Session, session: Any, envelope: Any) -> str:
        services, host = server.services, server.host
        authors = message_from_bytes(envelope.content, policy=policy.compat32).get_all("From", [])
        for _, author in getaddresses([str(field) for field in authors]):
            if refusal := auth.not_owned(author, server.host, server.account):
                return refusal
        queue_id = services.store.queue_id()
        incoming = Incoming(
            host=host,
            queue_id=queue_id,
            client=server.client,
            helo=session.host_name or "",
            sender="" if envelope.mail_from == "<>" else envelope.mail_from,  # what aiosmtpd makes of a null sender
            recipients=tuple(envelope.rcpt_tos),
            content=_mended(envelope.content, queue_id, server) if server.is_submission else envelope.content,
            protocol=f"ESMTP{'S' if server.encrypted else ''}{'A' if session.authenticated else ''}",
        )
        loop = asyncio.get_running_loop()
        header, refusal = await loop.run_in_executor(services.verification, _judge, incoming, server)
        if refusal:
            services.store.note(host.name, queue_id, f"refused: {refusal}")
            return refusal
        account = f", sasl_username={server.account}" if server.account else ""
        event = f"client=[{server.client}]{account}, from=<{incoming.sender}>, accepted"
        services.store.note(host.name, queue_id, event)
        services.queue.accept(
            Item(
                queue_id=queue_id,
                host=host.name,
                sender=incoming.sender,
                recipients=list(incoming.recipients),
                content=header + _without_claims(incoming.content, host.name),
                arrived=services.clock.now(),
            )
        )
        return f"250 2.0.0 Ok: queued as {queue_id}"


def _relays_for(host: Host, client: str) -> bool:
    ip = ipaddress.ip_address(client)
    return any(ip in ipaddress.ip_network(net) for net in host.relay_for)


def _mended(content: bytes, queue_id: str, server: Session) -> bytes:
    """Return a submitted message with the fields it must have (RFC 6409 section 8)."""
    head = message_from_bytes(content, policy=policy.compat32)
    added = ""
    if "Date" not in head:
        added += f"Date: {format_datetime(server.services.clock.now())}\r\n"
    if "Message-ID" not in head:
        added += f"Message-ID: <{queue_id}@{server.host.name}>\r\n"
    return added.encode() + content


def _without_claims(content: bytes, name: str) -> bytes:
    """Return *content* without Authentication-Results in our own name: they are forged (RFC 8601 section 5)."""
    claim = rb"(?im)^Authentication-Results:[ \t]*" + re.escape(name.encode()) + rb"\b[^\n]*\n(?:[ \t][^\n]*\n)*"
    head, separator, body = content.partition(b"\r\n\r\n")
    return re.sub(claim, b"", head + b"\r\n").removesuffix(b"\r\n") + separator + body


def _judge(incoming: Incoming, server: Session) -> tuple[bytes, str]:
    """Return the header fields that *server* stamps on a message, and its refusal, if it refuses.

    Runs on a verification thread, since the checks ask the DNS.
    """
    services = server.services
    net = services.network_of(incoming.host.name)
    reverse = net.lookup(ipaddress.ip_address(incoming.client).reverse_pointer, "PTR")
    name = reverse.records[0].rstrip(".") if reverse else "unknown"
    to = f" for <{incoming.recipients[0]}>" if len(incoming.recipients) == 1 else ""
    received = (
        f"Received: from {incoming.helo} ({name} [{incoming.client}])\r\n"
        f"\tby {incoming.host.name} with {incoming.protocol} id {incoming.queue_id}{to};\r\n"
        f"\t{format_datetime(services.clock.now())}\r\n"
    )
    if server.is_submission:
        keys, now = services.world.folder / "keys", services.clock.now()
        signed = signatures(incoming.content, incoming.host.signs, keys=keys, now=now)
        return received.encode("utf-8", "surrogateescape") + signed, ""
    stamped, refusal = _checked(incoming, net)
    return (stamped + received).encode("utf-8", "surrogateescape"), refusal


def _checked(incoming: Incoming, net: Network) -> tuple[str, str]:
    """Return the header fields that the checks of *incoming*'s host stamp on it, and the first refusal."""
    results: list[str] = []
    fields: list[str] = []
    for name in incoming.host.checks:
        found = CHECKS[name](incoming, net)
        if found.refusal:
            return "", found.refusal
        results += found.results
        fields += found.fields
    if results:
        fields.insert(0, f"Authentication-Results: {incoming.host.name};\r\n\t" + ";\r\n\t".join(results))
    return "".join(f"{field}\r\n" for field in fields), ""


async def serve(host: Host, port: int, services: Services, tls: ssl.SSLContext) -> asyncio.Server:
    """Return the listener, on an ephemeral loopback port, that plays *port* of *host*."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: Session(host, port, services, tls), "127.0.0.1", 0, ssl=tls if port == 465 else None
    )
