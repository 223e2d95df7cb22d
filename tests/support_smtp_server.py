"""A scripted SMTP server on loopback: it says what a test wants it to say, however wrong, inside TLS if asked."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields

from support_servers import HOST as LOOPBACK
from support_servers import tcp_server

from mailkit.lab.world import PRACTICE
from mailkit.network import Network

CERTIFICATES = PRACTICE / "certificates"

# The name that the server's certificate bears, which the practice internet's authority signed.
HOST = "smtp.kaisha.example"


class Conversation:
    """One connection, as the script of a test sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")
        self.heard: list[str] = []

    def say(self, text: str | bytes) -> None:
        """Send *text* as it is, or as a line if it is a str."""
        self.sock.sendall(text if isinstance(text, bytes) else f"{text}\r\n".encode())

    def hear(self) -> str:
        """Wait for a line from the client; raises EOFError when there is none."""
        line = self.file.readline()
        if not line:
            raise EOFError
        self.heard.append(line.decode("utf-8", "replace").strip())
        return self.heard[-1]

    def ehlo(self, *keywords: str) -> None:
        """Greet, wait for EHLO and offer *keywords*."""
        self.say("220 ready")
        self.offer(*keywords)

    def offer(self, *keywords: str) -> None:
        """Wait for EHLO and offer *keywords*."""
        self.hear()
        self.say("\r\n".join([*(f"250-{line}" for line in (HOST, *keywords)), "250 OK"]))

    def starttls(self) -> None:
        """Wait for STARTTLS and switch to TLS."""
        self.hear()
        self.say("220 go ahead")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / f"{HOST}.pem")
        self.file.close()
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")


Script = Callable[[Conversation], None]


class _Redirected(Network):
    """A network on which every host and port is the scripted server."""

    def dial(self, host: str, port: int, *, timeout: float | None = None) -> socket.socket:
        return socket.create_connection((LOOPBACK, int(self.name.partition(":")[2])), timeout)


@contextmanager
def scripted(script: Script, base: Network) -> Iterator[Network]:
    """Serve *script* to every connection; yields *base* with every door of it leading there."""

    def behave(sock: socket.socket) -> None:
        conversation = Conversation(sock)
        try:
            script(conversation)
        except EOFError:
            pass  # the client left, which many tests want
        finally:
            conversation.file.close()
            conversation.sock.close()

    values = {field.name: getattr(base, field.name) for field in fields(Network)}
    with tcp_server(behave) as port:
        yield _Redirected(**values | {"name": f"scripted:{port}"})
