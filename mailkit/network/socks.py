"""A SOCKS5 client (RFC 1928, RFC 1929) that tells a failing proxy from a failing target.

Written by hand because the usual libraries hide which of the two failed, and the probes are about just that.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import time
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

__all__ = ["NotConnected", "Proxy", "ProxyError", "connect"]


class ProxyError(OSError):
    """The proxy itself failed; nothing is known about the target."""


class NotConnected(OSError):
    """The proxy ended the attempt without saying why: refused and unreachable look alike here."""


@dataclass(frozen=True)
class Proxy:
    """Where the SOCKS5 server listens and how to log in to it (RFC 1929); no user means no login."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Return the proxy that *url* names: ``socks5://[user[:password]@]host[:port]``.  Raises ValueError."""
        if not isinstance(url, str):
            raise TypeError("a proxy is a text like 'socks5://127.0.0.1:1080'")
        try:
            parts = urlsplit(url)
            port = parts.port or 1080
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in ("socks5", "socks5h") or not parts.hostname or not port:
            raise ValueError("a proxy must look like 'socks5://127.0.0.1:1080' (with user@ before the host if needed)")
        return cls(parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""))


# RFC 1928 section 6, as the error that a direct connection would have raised.
_REPLIES = {
    0x03: errno.ENETUNREACH,
    0x04: errno.EHOSTUNREACH,
    0x05: errno.ECONNREFUSED,
    0x06: errno.EHOSTUNREACH,  # "TTL expired" is a kind of unreachable
}


def connect(proxy: Proxy, address: str, port: int, timeout: float, login: float = 0.0) -> socket.socket:
    """Return a socket connected to *address*:*port* through *proxy*, within *timeout* seconds in all.

    With *login*, logging in may take that many seconds, and *timeout* counts from then on.

    Raises ProxyError when the proxy fails, NotConnected when it will not say what failed, and otherwise the
    OSError that a direct connection would raise (ConnectionRefusedError, EHOSTUNREACH, TimeoutError).
    """
    deadline = time.monotonic() + (login or timeout)
    try:
        sock = socket.create_connection((proxy.host, proxy.port), timeout=login or timeout)
    except OSError as error:
        raise ProxyError(f"cannot reach the proxy: {error}") from error
    try:
        _log_in(sock, proxy, deadline)
        _request(sock, address, port, time.monotonic() + timeout if login else deadline)
    except BaseException:
        sock.close()
        raise
    return sock


def _log_in(sock: socket.socket, proxy: Proxy, deadline: float) -> None:
    try:
        sock.sendall(b"\x05\x02\x00\x02" if proxy.user else b"\x05\x01\x00")
        version, method = _receive(sock, 2, deadline)
        if version != 5 or method not in ((0, 2) if proxy.user else (0,)):
            raise ProxyError("the proxy is no SOCKS5 server, or it asks for a login it was not given")
        if method == 2:
            user, password = proxy.user.encode()[:255], (proxy.password or "x").encode()[:255]
            sock.sendall(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
            if _receive(sock, 2, deadline)[1] != 0:
                raise ProxyError("the proxy refused the login")
    except ProxyError:
        raise
    except OSError as error:
        raise ProxyError(f"the proxy failed during its handshake: {error}") from error


def _request(sock: socket.socket, address: str, port: int, deadline: float) -> None:
    ip = ipaddress.ip_address(address)
    kind = 0x01 if ip.version == 4 else 0x04
    try:
        sock.sendall(b"\x05\x01\x00" + bytes([kind]) + ip.packed + struct.pack("!H", port))
        (version,) = _receive(sock, 1, deadline)
    except TimeoutError:
        raise  # the proxy is still trying: silence on the way to the target
    except OSError as error:
        # OpenSSH's -D closes without a reply for a refused and for an unreachable target alike.
        raise NotConnected("the proxy ended the connection without a reply") from error
    try:
        code, _, bound = _receive(sock, 3, deadline)
        if version != 5 or (not code and bound not in (1, 3, 4)):
            raise ProxyError("the proxy's reply is not SOCKS5")
    except ProxyError:
        raise
    except OSError as error:
        raise ProxyError(f"the proxy's reply broke off: {error}") from error
    if code:
        if number := _REPLIES.get(code):
            raise OSError(number, os.strerror(number))
        raise NotConnected(f"the proxy answered with its code {code}")
    try:
        length = {1: 4, 4: 16}.get(bound) or _receive(sock, 1, deadline)[0]
        _receive(sock, length + 2, deadline)
    except OSError as error:
        raise ProxyError(f"the proxy's reply broke off: {error}") from error


def _receive(sock: socket.socket, size: int, deadline: float) -> bytes:
    data = b""
    while len(data) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        sock.settimeout(left)
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionResetError(errno.ECONNRESET, "connection closed")
        data += more
    return data
