"""The doors of a recorded daemon: each command gets the answer that it got when the run was recorded."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

from mailkit.lab.core import Lab
from mailkit.lab.listening import listening

__all__ = ["Answers", "doors"]

Answers = Mapping[str, list[str]]
"""State and command, such as "clear EHLO", or "greeting" -> the lines of the answer."""

_NOT_RECORDED = ["502 5.5.1 This is a recording, and knows no such command"]
_MOST = 1_000_000  # octets that one client may say


class _Visit:
    """One client at the door *port*, whose answers are *answers*."""

    def __init__(self, lab: Lab, host: str, answers: Answers, take: Callable[[bytes], str], client: str) -> None:
        self._lab, self._host, self._answers, self._take, self._client = lab, host, answers, take, client
        self._state, self._name = "clear", ""
        self._left = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, tls_at_once: bool) -> None:
        self._reader, self._writer = reader, writer
        if tls_at_once:
            await self._begin_tls()
        await self._say(self._answers["greeting"])
        while line := await self._line():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            verb = verb.upper()
            if verb in ("EHLO", "HELO"):
                self._name = rest
            answer = self._answer(verb, rest)
            await self._say(answer)
            if verb == "STARTTLS" and answer[0].startswith("220"):
                await self._begin_tls()
            if verb == "DATA" and answer[0].startswith("354"):
                await self._say([self._take(await self._message())])
            if verb == "QUIT":
                return

    def _answer(self, verb: str, rest: str) -> list[str]:
        if verb == "AUTH" and self._state == "tls" and self._knows(rest):
            self._state = "in"
        return self._answers.get(f"{self._state} {verb}", _NOT_RECORDED)

    def _knows(self, exchange: str) -> bool:
        """Return whether *exchange*, what stands behind AUTH, is a login of this world by PLAIN (RFC 4616)."""
        mechanism, _, response = exchange.partition(" ")
        with suppress(binascii.Error, ValueError):
            _, user, password = base64.b64decode(response, validate=True).decode().split("\0")
            account = self._lab.world.mailboxes.get(user)
            return mechanism.upper() == "PLAIN" and account is not None and account.password == password
        return False

    async def _line(self) -> bytes:
        while b"\n" not in self._left:
            more = await self._reader.read(4096)
            if not more or len(self._left) > _MOST:
                return b""
            self._left += more
        line, _, self._left = self._left.partition(b"\n")
        return line + b"\n"

    async def _message(self) -> bytes:
        lines = []
        while (line := await self._line()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    async def _say(self, lines: list[str]) -> None:
        text = "".join(f"{line}\r\n" for line in lines).replace("{client}", self._client).replace("{name}", self._name)
        self._writer.write(text.encode())
        await self._writer.drain()

    async def _begin_tls(self) -> None:
        self._left = b""  # what was said before is forgotten (RFC 3207 section 4.2)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._lab.world.ca_file.with_name(f"{self._host}.pem"))
        await self._writer.start_tls(context)
        self._state = "tls"


@contextmanager
def doors(
    lab: Lab, host: str, address: str, answers: Mapping[str, Answers], take: Callable[[bytes], str]
) -> Iterator[None]:
    """Open the doors *answers*, port -> what is answered there, at *address*; *take* answers a message."""

    def serving(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            client = lab.router.clients.get(writer.get_extra_info("peername")[1], "")
            visit = _Visit(lab, host, answers[str(port)], take, client)
            await visit.serve(reader, writer, tls_at_once=port == 465)

        return serve

    with ExitStack() as stack:
        for port in map(int, answers):
            lab.router.listeners[address, port] = stack.enter_context(listening(lab, serving(port)))  # type: ignore[arg-type]
            stack.callback(lab.router.listeners.pop, (address, port), None)
        yield
