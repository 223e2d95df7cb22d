"""A ClientHello written by hand, to learn which versions a server speaks whatever the local OpenSSL can speak.

The client names the highest version it takes, the server answers with the highest that both speak (RFC 5246
appendix E.1, RFC 8446 section 4.2.1).  Only the answer is read: nothing is negotiated and no key is agreed on.  Up to
TLS 1.2 the server's certificates follow in the clear, so they can be read as well.
"""

from __future__ import annotations

import os
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mailkit.conversation.alerts import alert_sentence
from mailkit.conversation.bounded import BoundedSocket, ReplyError
from mailkit.network.names import to_ascii

__all__ = ["VERSIONS", "Alert", "ServerHello", "say_hello"]

# The version numbers on the wire, oldest first.
VERSIONS = {"TLS 1.0": 0x0301, "TLS 1.1": 0x0302, "TLS 1.2": 0x0303, "TLS 1.3": 0x0304}
_NAMES = {number: name for name, number in VERSIONS.items()}

_WARNING, _CLOSE_NOTIFY = 1, 0  # RFC 5246 section 7.2
_ALERT, _HANDSHAKE = 21, 22  # record types, RFC 8446 section 5.1
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST, _HELLO_DONE = (
    1,
    2,
    11,
    13,
    14,
)  # handshake types, RFC 5246 section 7.4

# What a server may choose from: today's suites first, then everything that old servers are still met with.
_SUITES = bytes.fromhex(
    "1301 1302 1303"  # TLS 1.3
    "c02b c02f c02c c030 cca9 cca8 c009 c013 c00a c014 c023 c027 c024 c028"  # ECDHE
    "009e 009f ccaa 0033 0039 0067 006b 0032 0038 0016 c008 c012 c007 c011"  # DHE, 3DES, RC4
    "009c 009d 002f 0035 003c 003d 0041 0084 000a 0005 0004"  # RSA key transport
    "00ff"  # RFC 5746 section 3.3: secure renegotiation
)
_GROUPS = bytes.fromhex("001d 0017 0018 0019 0100 0101")
_SIGNATURES = bytes.fromhex("0403 0503 0603 0807 0808 0804 0805 0806 0809 080a 080b 0401 0501 0601 0203 0201")


class Alert(Exception):
    """The server refused the handshake; the text is our sentence on its alert."""


@dataclass(frozen=True)
class ServerHello:
    """What the server chose, and its certificates (DER, its own first) where they were asked for and in the clear.

    ``wants_certificate`` is True when it asked for one of the client, which it may do without insisting.
    """

    version: str
    cipher: str
    chain: tuple[bytes, ...] = ()
    wants_certificate: bool = False


def say_hello(sock: BoundedSocket, host: str, highest: str, *, certificates: bool = False) -> ServerHello:
    """Offer TLS up to *highest* (a key of :data:`VERSIONS`) on *sock* and return what the server chose.

    With *certificates* read on to the server's certificates, which TLS 1.3 does not show.  Raises :class:`Alert` when
    the server refuses, EOFError when it hangs up, ReplyError for what is not TLS, and OSError.
    """
    sock.sendall(_client_hello(host, VERSIONS[highest]))
    found: ServerHello | None = None
    try:
        for kind, body in _messages(sock):
            if kind == _SERVER_HELLO:
                found = ServerHello(*_server_hello(body))
                if not certificates or found.version == "TLS 1.3":
                    return found
            elif found is None:
                break
            elif kind == _CERTIFICATE:
                found = replace(found, chain=_chain(body))
            elif kind == _CERTIFICATE_REQUEST:
                found = replace(found, wants_certificate=True)
            elif kind == _HELLO_DONE:
                return found
    except (Alert, EOFError, OSError, ReplyError):
        if found is None or not found.chain:
            raise
        return found  # it broke off behind what was wanted
    raise ReplyError("the answer is not TLS")


def _block(data: bytes, size: int) -> bytes:
    """Return *data* with its length before it, in *size* octets."""
    return len(data).to_bytes(size, "big") + data


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack("!H", number) + _block(data, 2)


def _client_hello(host: str, highest: int) -> bytes:
    extensions = b""
    if name := _server_name(host):
        extensions += _extension(0, _block(b"\0" + _block(name, 2), 2))
    extensions += _extension(10, _block(_GROUPS, 2)) + _extension(11, _block(b"\0", 1))
    if highest >= VERSIONS["TLS 1.2"]:
        extensions += _extension(13, _block(_SIGNATURES, 2))
    if highest >= VERSIONS["TLS 1.3"]:
        offered = b"".join(struct.pack("!H", number) for number in sorted(_NAMES, reverse=True))
        extensions += _extension(43, _block(offered, 1))
        # Any 32 octets are an X25519 public key (RFC 7748 section 5), and no secret is ever computed from these.
        extensions += _extension(51, _block(b"\x00\x1d" + _block(os.urandom(32), 2), 2))
    legacy = min(highest, VERSIONS["TLS 1.2"])
    body = struct.pack("!H", legacy) + os.urandom(32) + _block(os.urandom(32), 1)
    body += _block(_SUITES, 2) + _block(b"\0", 1) + _block(extensions, 2)
    message = bytes([_CLIENT_HELLO]) + _block(body, 3)
    return bytes([_HANDSHAKE]) + b"\x03\x01" + _block(message, 2)


def _server_name(host: str) -> bytes:
    """Return *host* as the server_name extension has it (RFC 6066 section 3): nothing for an address or for no name."""
    try:
        return to_ascii(host).encode()
    except ValueError:
        return b""


def _messages(sock: BoundedSocket) -> Iterator[tuple[int, bytes]]:
    """Yield (type, body) of each handshake message; the socket's budget bounds their size."""
    pending = b""
    while True:
        kind, version, size = struct.unpack("!BHH", _exactly(sock, 5))
        if kind not in (_ALERT, _HANDSHAKE) or version >> 8 != 3 or not 0 < size <= 1 << 14:
            raise ReplyError("the answer is not TLS")
        data = _exactly(sock, size)
        if kind == _ALERT:
            if data[0] == _WARNING and data[-1] != _CLOSE_NOTIFY:
                continue  # it says something, and goes on (RFC 5246 section 7.2)
            raise Alert(alert_sentence(data[-1]))
        pending += data
        while len(pending) >= 4 and len(pending) >= 4 + int.from_bytes(pending[1:4], "big"):
            end = 4 + int.from_bytes(pending[1:4], "big")
            yield pending[0], pending[4:end]
            pending = pending[end:]


def _exactly(sock: BoundedSocket, size: int) -> bytes:
    buffer, got = bytearray(size), 0
    while got < size:
        more = sock.recv_into(memoryview(buffer)[got:])
        if not more:
            raise EOFError("the server closed the connection")
        got += more
    return bytes(buffer)


def _server_hello(body: bytes) -> tuple[str, str]:
    """Return version and cipher suite; RFC 8446 section 4.1.3, which keeps the shape of RFC 5246 section 7.4.1.3."""
    try:
        (version,) = struct.unpack_from("!H", body, 0)
        after = 35 + body[34]  # behind the random and the session id
        (suite,) = struct.unpack_from("!H", body, after)
        place = after + 5  # behind suite, compression and the length of the extensions
        while place + 4 <= len(body):
            number, size = struct.unpack_from("!HH", body, place)
            if number == 43:
                (version,) = struct.unpack_from("!H", body, place + 4)
            place += 4 + size
    except (struct.error, IndexError):
        raise ReplyError("the ServerHello is malformed") from None
    if version not in _NAMES:
        raise ReplyError("the server chose a version that is none of TLS 1.0 to 1.3")
    return _NAMES[version], _suite_name(suite)


def _suite_name(suite: int) -> str:
    """Return OpenSSL's name of a cipher suite where it has one, else the number."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    return next((c["name"] for c in context.get_ciphers() if c["id"] & 0xFFFF == suite), f"0x{suite:04X}")


def _chain(body: bytes) -> tuple[bytes, ...]:
    """Return the certificates of a Certificate message (RFC 5246 section 7.4.2)."""
    found, place = [], 3
    while place + 3 <= len(body):
        size = int.from_bytes(body[place : place + 3], "big")
        found.append(body[place + 3 : place + 3 + size])
        place += 3 + size
    return tuple(found)
