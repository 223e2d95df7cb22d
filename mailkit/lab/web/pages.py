"""A web server for MTA-STS policies (RFC 8461 section 3.3): one file at each name, well served or badly.

What is served stands in the world's ``policies.toml``; the certificate is made for the name that a client asks for.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mailkit.lab.world import CERTIFICATES, World
from mailkit.network.names import to_ascii

__all__ = ["Page", "Pages", "WebSession", "choose_by_name"]

PATH = "/.well-known/mta-sts.txt"

_LONGEST_REQUEST = 8192
_PATIENCE = 30.0  # seconds that a client may take to say what it wants
_PHRASES = {200: "OK", 301: "Moved Permanently", 302: "Found", 404: "Not Found", 503: "Service Unavailable"}


@dataclass(frozen=True)
class Page:
    """The file at ``path`` of one name, and how it is served; ``certificate`` is of one of the lab's kinds.

    Lines end as the text has them.  Raises ValueError for another status or certificate than there are.
    """

    text: str
    status: int = 200
    media_type: str = "text/plain"
    location: str = ""
    certificate: str = "good"
    path: str = PATH

    def __post_init__(self) -> None:
        if self.status not in _PHRASES:
            raise ValueError(f"status is one of {', '.join(map(str, _PHRASES))}, not {self.status!r}")
        if self.certificate not in CERTIFICATES:
            raise ValueError(f"certificate is one of {', '.join(CERTIFICATES)}, not {self.certificate!r}")
        for value in (self.text, self.media_type, self.location, self.path):
            if not isinstance(value, str):
                raise ValueError(f"a page is made of text, not {value!r}")
        if not (self.media_type + self.location).isprintable():
            raise ValueError("media_type and location are one line of printable characters")

    @property
    def octets(self) -> bytes:
        """The whole response."""
        body = self.text.encode()
        head = [f"HTTP/1.1 {self.status} {_PHRASES[self.status]}", f"Content-Type: {self.media_type}"]
        head += [f"Location: {self.location}"] if self.location else []
        head += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        return "\r\n".join(head).encode() + body


class Pages:
    """The policies of a world by the name of their host, from ``policies.toml`` in *folder*.

    Raises ValueError for a file that is not understood.  Safe to use from several threads.
    """

    def __init__(self, folder: Path) -> None:
        self._first = _load(folder / "policies.toml")
        self._lock = threading.Lock()
        self._pages = dict(self._first)

    def get(self, name: str) -> Page | None:
        """Return what *name* serves, None for nothing."""
        with self._lock:
            return self._pages.get(name.lower())

    def publish(self, name: str, page: Page) -> None:
        """Serve *page* at *name* from now on.  Raises ValueError for what is no name."""
        host = to_ascii(name)
        with self._lock:
            self._pages[host] = page

    def reset(self) -> None:
        """Serve what was served in the beginning."""
        with self._lock:
            self._pages = dict(self._first)


def _load(file: Path) -> Mapping[str, Page]:
    if not file.exists():
        return {}
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        return {to_ascii(name): Page(**table) for name, table in tables.items()}
    except (ValueError, TypeError) as error:
        raise ValueError(f"policies.toml is not understood: {error}") from error


def choose_by_name(context: ssl.SSLContext, pages: Pages, world: World) -> None:
    """Let *context* show the certificate of the name that a client asks for, of the kind that its page has."""

    @lru_cache(maxsize=64)
    def made(name: str, kind: str) -> ssl.SSLContext:
        from mailkit.lab import ca  # it needs cryptography, which is slow to import

        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "server.pem")
            file.write_bytes(ca.issue(world, name, kind))
            own.load_cert_chain(file)
        return own

    def chosen(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        page = pages.get(name or "")
        if name and page:
            connection.context = made(name.lower(), page.certificate)

    context.sni_callback = chosen


class WebSession(asyncio.Protocol):
    """One connection to a web server of the practice internet: one request, one response."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._request = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen, for a while."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Answer once the request is complete."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        self._request += data
        if b"\r\n\r\n" in self._request or len(self._request) > _LONGEST_REQUEST:
            self._transport.write(self._response())
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        if self._timer:
            self._timer.cancel()

    def _response(self) -> bytes:
        line, *fields = self._request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        words = line.split()
        hosts = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("host:")]
        page = self._pages.get(hosts[0].partition(":")[0]) if len(hosts) == 1 else None
        if page is None or len(words) != 3 or words[0] not in ("GET", "HEAD") or words[1] != page.path:
            page = Page("nothing here\r\n", status=404)
        octets = page.octets
        return octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if words[:1] == ["HEAD"] else octets
