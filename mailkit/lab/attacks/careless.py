"""Careless software, for the practice internet only: mail clients that trust too much, and a server that listens too
early.  DELIBERATELY VULNERABLE: each does something that a sound one must not do, and the comments say what.

The clients log in as ``victim``, whose password is no secret; they take no other account.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.policy
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.utils import format_datetime

from mailkit.clients import SMTP, Line
from mailkit.conversation.attempts import FAILURES, explain
from mailkit.conversation.encryption import HandshakeFailed, unverified_context
from mailkit.conversation.handing_over import hand_over
from mailkit.conversation.wire import Incoming
from mailkit.lab.attacks.attackers import VICTIM, attack
from mailkit.lab.core import Lab
from mailkit.lab.listening import listening
from mailkit.results import Outcome, Record, Rows, Stage, hidden

__all__ = ["SETTINGS", "BufferingClient", "ClientTrial", "deaf_server", "greet_inside", "submit", "trials"]

# What mail clients call them, roughly: "STARTTLS, if available", "STARTTLS, accept all certificates", "STARTTLS", and
# "SSL/TLS" (RFC 8314's implicit TLS, on port 465).
SETTINGS = ("opportunistic", "encrypt", "verify", "implicit")
_SERVER, _COLLEAGUE = "smtp.kaisha.example", "hanako@kaisha.example"
_ATTACKS = ("watch", "strip", "self_signed", "expired", "wrong_name")


@dataclass(frozen=True)
class ClientTrial(Record):
    """One client setting against one man in the middle: was the message sent, and did the password leak?"""

    attack: str
    setting: str
    sent: bool
    leaked: bool
    outcome: Outcome
    stage: Stage
    reason: str
    dialogue: Rows[Line] = hidden(Rows(Line, ()))
    overheard: Rows[Line] = hidden(Rows(Line, ()))


def submit(lab: Lab, setting: str, *, vantage: str = "hotel") -> ClientTrial:
    """Let the victim send a message from *vantage* with a client set to *setting*; nobody attacks.

    Raises ValueError for another setting than those of :data:`SETTINGS`.
    """
    if setting not in SETTINGS:
        raise ValueError(f"no setting {setting!r}; there are {', '.join(SETTINGS)}")
    net = lab.network(vantage)
    implicit = setting == "implicit"
    smtp = SMTP(net, _SERVER, 465 if implicit else 587, timeout=8 * net.timeout)
    ended = None
    try:
        smtp.open(context=net.tls_context() if implicit else None)
        smtp.introduce()
        if not implicit and (setting != "opportunistic" or smtp.offer.starttls):  # careless: "if available"
            # Careless: only "verify" asks whose certificate it is.
            smtp.secure(net.tls_context() if setting == "verify" else unverified_context())
        smtp.login(lab.account(VICTIM), ("PLAIN",))  # careless: it does not ask whether anybody can read along
        hand_over(smtp, _message(lab), sender=VICTIM, recipients=[_COLLEAGUE])
        smtp.leave()
    except FAILURES as error:
        ended = explain(error, smtp.stage)
        if isinstance(error, HandshakeFailed) and error.certificate:
            ended = replace(ended, reason=f"the client hangs up: {ended.reason}")
        smtp.close()
    dialogue = Rows(Line, smtp.lines, caption=net.caption)
    if ended:
        return ClientTrial("none", setting, False, False, ended.outcome, ended.stage, ended.reason, dialogue)
    return ClientTrial("none", setting, True, False, Outcome.OPEN, Stage.DATA, "", dialogue)


def _message(lab: Lab) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = VICTIM, _COLLEAGUE, "Greetings from the hotel"
    message["Date"], message["Message-ID"] = format_datetime(lab.clock.now()), "<greetings@hotel.example>"
    message.set_content("All is well here.")
    return message.as_bytes(policy=email.policy.SMTP)


def trials(lab: Lab, *, vantage: str = "hotel") -> Rows[ClientTrial]:
    """Try every client setting against every attack on the way from *vantage*."""
    found = [_against(lab, kind, setting, vantage) for kind in _ATTACKS for setting in SETTINGS]
    return Rows(ClientTrial, found, caption=lab.network(vantage).caption)


def _against(lab: Lab, kind: str, setting: str, vantage: str) -> ClientTrial:
    with attack(lab, kind, vantage=vantage) as attacker:
        trial = submit(lab, setting, vantage=vantage)
        leaked = any(catch.user == VICTIM for catch in attacker.caught)
        return replace(trial, attack=kind, leaked=leaked, overheard=attacker.overheard)


class BufferingClient(SMTP):
    """An SMTP client that keeps what it read ahead when TLS begins.  DELIBERATELY VULNERABLE to injected replies.

    RFC 3207 section 4.2 makes a client discard what it learned before TLS; the sound one drops its buffer.
    """

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands, and take what was said before for what the server says inside."""
        left_over = Incoming()
        left_over.add(self.wire.incoming.octets)
        super().begin_tls(context)
        self.wire.incoming = left_over


def greet_inside(lab: Lab, client: type[SMTP], *, vantage: str = "hotel") -> Rows[Line]:
    """Begin TLS with the company's submission server as *client* does, greet inside, and return what was said.

    Where that fails, what was said until then.
    """
    net = lab.network(vantage)
    smtp = client(net, _SERVER, 587)
    with contextlib.suppress(*FAILURES):
        smtp.open()
        smtp.introduce()
        smtp.secure(net.tls_context())
    smtp.close()
    return Rows(Line, smtp.lines, caption=net.caption)


@contextlib.contextmanager
def deaf_server(lab: Lab, host: str = "old.mistakes.example") -> Iterator[None]:
    """Run a mail server on port 25 of *host* that carries a command over into TLS.  DELIBERATELY VULNERABLE.

    It reads whole packets and keeps what follows STARTTLS in its buffer (CVE-2011-0411); a sound one drops that.
    """
    address = lab.network().addresses(host)[0]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab.world.ca_file.with_name("mx.mistakes.example.pem"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _converse(reader, writer, context)

    with listening(lab, serve) as port:
        lab.router.listeners[address, 25] = port
        try:
            yield
        finally:
            del lab.router.listeners[address, 25]


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
    buffer, encrypted = b"", False
    writer.write(b"220 old.mistakes.example ESMTP\r\n")
    while True:
        while b"\n" not in buffer:
            packet = await reader.read(4096)
            if not packet:
                return
            buffer += packet
        line, _, buffer = buffer.partition(b"\n")
        verb = line.strip().upper().split(b" ")[0]
        if verb == b"STARTTLS" and not encrypted:
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # what follows is for TLS to read
            writer.write(b"220 2.0.0 Ready to start TLS\r\n")
            await writer.drain()
            await writer.start_tls(context, ssl_handshake_timeout=10)
            encrypted = True  # careless: buffer still holds what came behind STARTTLS, in the clear
        elif verb == b"EHLO":
            writer.write(b"250-old.mistakes.example\r\n" + (b"250 SIZE\r\n" if encrypted else b"250 STARTTLS\r\n"))
        elif verb == b"QUIT":
            writer.write(b"221 2.0.0 Bye\r\n")
            await writer.drain()
            return
        else:
            writer.write(b"250 2.0.0 Ok\r\n" if verb == b"NOOP" else b"502 5.5.2 Not here\r\n")
        await writer.drain()
