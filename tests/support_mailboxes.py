"""The standard library's clients of IMAP and POP3, dialling through a practice internet."""

from __future__ import annotations

import imaplib
import poplib
import socket
import ssl

from mailkit.lab import Lab
from mailkit.network import Network

__all__ = ["PATIENCE", "imap", "pop3", "raw", "say_and_listen"]

PATIENCE = 300.0  # seconds: how busy this machine is must decide nothing


def _dial(net: Network, host: str, port: int) -> socket.socket:
    sock = net.dial(host, port)
    sock.settimeout(PATIENCE)
    return sock


class _IMAP(imaplib.IMAP4):
    net: Network

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return _dial(self.net, self.host, self.port)


class _IMAPS(imaplib.IMAP4_SSL, _IMAP):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self.ssl_context.wrap_socket(_IMAP._create_socket(self, timeout), server_hostname=self.host)


class _POP3(poplib.POP3):
    net: Network

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return _dial(self.net, self.host, self.port)


class _POP3S(poplib.POP3_SSL, _POP3):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self.context.wrap_socket(_POP3._create_socket(self, timeout), server_hostname=self.host)


def imap(lab: Lab, host: str, port: int, *, user: str = "", vantage: str | None = None) -> imaplib.IMAP4:
    """A client at *host*:*port*; with *user* inside verified TLS and logged in."""
    context = ssl.create_default_context(cafile=lab.ca_file)
    attributes = {"net": lab.network(vantage)}
    if port == 993:
        client: imaplib.IMAP4 = type("Client", (_IMAPS,), attributes)(host, port, ssl_context=context)
    else:
        client = type("Client", (_IMAP,), attributes)(host, port)
        if user:
            client.starttls(context)
    if user:
        client.login(user, lab.account(user).password)
    return client


def pop3(lab: Lab, host: str, port: int, *, user: str = "", vantage: str | None = None) -> poplib.POP3:
    """A client at *host*:*port*; with *user* inside verified TLS and logged in."""
    context = ssl.create_default_context(cafile=lab.ca_file)
    attributes = {"net": lab.network(vantage)}
    if port == 995:
        client: poplib.POP3 = type("Client", (_POP3S,), attributes)(host, port, context=context)
    else:
        client = type("Client", (_POP3,), attributes)(host, port)
        if user:
            client.stls(context)
    if user:
        client.user(user)
        client.pass_(lab.account(user).password)
    return client


class raw:
    """A connection on which a test says exactly what it likes."""

    def __init__(self, lab: Lab, host: str, port: int, *, greeted: bool = True) -> None:
        self.sock = _dial(lab.network(), host, port)
        if port in (993, 995):
            context = ssl.create_default_context(cafile=lab.ca_file)
            self.sock = context.wrap_socket(self.sock, server_hostname=host)
        self.file = self.sock.makefile("rb")
        self.greeting = self.line() if greeted else ""

    def __enter__(self) -> raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.sock.close()

    def line(self) -> str:
        """The next line; "" when the server has hung up."""
        try:
            return self.file.readline().decode("utf-8", "replace").rstrip("\r\n")
        except ConnectionError:
            return ""

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ask(self, line: str) -> str:
        """Say *line* and return the next line of the server."""
        self.say(line.encode() + b"\r\n")
        return self.line()

    def until(self, tag: str) -> list[str]:
        """The lines up to the one that begins with *tag*, or to the end."""
        lines = [self.line()]
        while lines[-1] and not lines[-1].startswith(tag):
            lines.append(self.line())
        return lines


def say_and_listen(lab: Lab, host: str, port: int, said: bytes) -> None:
    """Say what no client would, and listen until the server hangs up, whatever it answers."""
    with raw(lab, host, port) as client:
        try:
            client.say(said)
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has hung up already
        while client.line():
            pass
