"""Fetching one small file over HTTPS (RFC 9110, RFC 9112), as a client of mail policies has to: without redirects.

The connection is made like every other one here, so the file is seen from where the network looks, within a deadline
and a budget of octets.  What the answer means is read by the standard library's parser.
"""

from __future__ import annotations

import http.client
import io
import socket
from dataclasses import dataclass
from typing import Any, cast

from mailkit.conversation.attempts import FAILURES, Attempt, explain
from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.wire import Wire
from mailkit.network import Network
from mailkit.network.hosts import Why, look_up
from mailkit.results import Outcome, Record, Stage, hidden

__all__ = ["Fetched", "get"]

PORT = 443


@dataclass(frozen=True)
class Fetched(Record):
    """What a web server answered: ``status`` is its code, ``media_type`` without parameters and in lower case.

    ``body`` is what it sent; ``cut`` is True when there was more than was asked for.
    """

    status: int
    media_type: str
    body: bytes = hidden(b"")
    cut: bool = False


def get(host: str, path: str, *, net: Network, seconds: float, most: int) -> Fetched | Attempt:
    """Return what https://*host*/*path* answers within *seconds*, *most* octets of it; else how the attempt ended.

    A host that leads to no public address is not dialled: a domain's DNS must not steer us to a machine of our own.
    The certificate must stand for *host* and lead to an authority that *net* trusts.  The request says who asks
    (RFC 9110 section 10.1.5): some web servers turn away whoever does not.
    """
    if (found := look_up([host], net=net)[host]).why is Why.NOT_PUBLIC:
        return Attempt(Outcome.NOT_RUN, Stage.DNS, reason=found.reason)
    wire = Wire(net, host, PORT, timeout=seconds)
    stage = Stage.CONNECT
    with net.slot(host):
        try:
            wire.connect()
            stage = Stage.TLS
            wire.begin_tls(net.tls_context())
            stage = Stage.DATA
            fields = (f"Host: {host}", "User-Agent: mailkit", "Accept: text/plain", "Connection: close")
            wire.send("\r\n".join((f"GET {path} HTTP/1.1", *fields, "", "")).encode("ascii"))
            return _read(wire, most)
        except FAILURES as error:
            return explain(error, stage)
        finally:
            wire.close()


class _Arriving(io.RawIOBase):
    """What arrives on a wire, as the standard library's parser wants to read it."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._wire.receive(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class _Socket:
    """The one method of a socket that the parser calls."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Arriving(self._wire))


def _read(wire: Wire, most: int) -> Fetched:
    response = http.client.HTTPResponse(cast(socket.socket, _Socket(wire)), method="GET")
    try:
        response.begin()
        body = response.read(most + 1)
    except (http.client.HTTPException, ValueError) as error:
        if isinstance(error, ReplyError):
            raise
        raise ReplyError("the reply is not HTTP") from error
    if response.length and len(body) <= most:
        raise EOFError("the server hung up in the middle of the file")
    media_type = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    return Fetched(response.status, media_type, body[:most], len(body) > most)
