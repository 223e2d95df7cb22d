"""Small servers on loopback that behave as a test tells them to, and a network that reaches nothing else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mailkit.network import Network, internet
from mailkit.network.exchange import Nameserver

HOST = "127.0.0.1"
_ESTABLISHED = 1  # the state in tcp_info
_KEPT: list[socket.socket] = []  # what keeps the closed ports closed

PATIENCE = 60.0  # seconds for what will answer: how busy this machine is must decide nothing

Behaviour = Callable[[socket.socket], None]
_T = TypeVar("_T")


@contextmanager
def tcp_server(behave: Behaviour, host: str = HOST) -> Iterator[int]:
    """Call ``behave(connection)`` in a thread of its own for every connection; yields the port.

    At the end every connection is shut down, which ends whatever a behaviour is still doing.
    """
    listener = socket.create_server((host, 0))
    connections: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            behave(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def closed_port() -> int:
    """Return a port of loopback that refuses, over TCP and over UDP, for as long as these tests run.

    No other program is given its number meanwhile.  A server that a test starts may still listen there, if it sets
    SO_REUSEADDR, as every mail server does.
    """
    tcp, udp = one_number()
    udp.connect(udp.getsockname())  # what comes from anywhere else is refused
    _KEPT.extend((tcp, udp))
    return int(tcp.getsockname()[1])


def one_number() -> tuple[socket.socket, socket.socket]:
    """Return a TCP and a UDP socket at one number of loopback; the first does not listen yet, so that it refuses."""
    for _ in range(50):
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((HOST, 0))
        try:
            udp.bind(tcp.getsockname())
            return tcp, udp
        except OSError:  # another program has this number over UDP
            tcp.close()
            udp.close()
    raise OSError("no number is free over both TCP and UDP")


def is_held(connection: socket.socket) -> bool:
    """Return whether the client at the other end of *connection*, on loopback, has not hung up yet.

    What a client closes is at the other end at once, there and by Linux's tcp_info, even where nobody reads.
    """
    if connection.fileno() < 0:
        return False
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED


def wait_for_end(connection: socket.socket) -> None:
    """Take what comes until the other side has gone."""
    while connection.recv(65536):
        pass


def patiently(attempt: Callable[[float], _T], *, early: Callable[[_T], bool], seconds: float = 0.4) -> _T:
    """Return what *attempt* gives when it waits *seconds*; four times as much each time that it ended too *early*.

    For what has to happen before something else may expire: however slow this machine is, it has a minute for that,
    and on a fast one nobody waits for long.  What ends early even then is returned as it is.
    """
    while early(found := attempt(seconds)) and seconds < PATIENCE:
        seconds *= 4
    return found


@dataclass(frozen=True)
class Steady:
    """The pace of a world whose silence a test knows: who is not *mute* has a minute to answer, however busy it is."""

    mute: Callable[[str], bool] = lambda name: False

    def drops(self, address: str, port: int) -> bool:
        return False

    def serves(self, nameservers: tuple[Nameserver, ...]) -> bool:
        return True

    def is_mute(self, name: str = "") -> bool:
        return self.mute(name)

    def catch_up(self) -> None:
        """Nobody here knows when the servers have done what they can."""


def loopback_network(timeout: float = PATIENCE, **options: Any) -> Network:
    """Return the real network's code with loopback as all its world: nobody lives at 127.0.0.9."""
    given = {"nameservers": [f"{HOST}:{closed_port()}"], "timeout": timeout, **options}
    return replace(internet(**given), nobody="127.0.0.9")


def smtp(
    replies: Mapping[str, bytes] | None = None,
    *,
    greeting: bytes = b"220 fake.example ESMTP\r\n",
    tls: ssl.SSLContext | None = None,
    heard: list[str] | None = None,
) -> Behaviour:
    """Return a mail server that takes everything, but for what *replies* says to a verb.

    With *tls* it offers STARTTLS; *heard* is filled with the commands it was given.
    """
    offered = b"250-STARTTLS\r\n" if tls else b""
    said = {
        "EHLO": b"250-fake.example\r\n" + offered + b"250 AUTH PLAIN LOGIN\r\n",
        "STARTTLS": b"220 go ahead\r\n",
        "AUTH": b"235 welcome\r\n",
        "DATA": b"354 go ahead\r\n",
        "QUIT": b"221 bye\r\n",
    } | dict(replies or {})

    def behave(connection: socket.socket) -> None:
        connection.sendall(greeting)
        lines = connection.makefile("rb")
        while line := lines.readline():
            command = line.decode("utf-8", "replace").strip()
            if heard is not None:
                heard.append(command)
            verb = command.partition(" ")[0].upper()
            connection.sendall(said.get(verb, b"250 ok\r\n"))
            if verb == "STARTTLS" and tls and said[verb].startswith(b"220"):
                connection = tls.wrap_socket(connection, server_side=True)
                lines = connection.makefile("rb")
            elif verb == "DATA" and said[verb].startswith(b"354"):
                while lines.readline() not in (b".\r\n", b""):
                    pass
                connection.sendall(said.get(".", b"250 queued\r\n"))
            elif verb == "QUIT":
                return

    return behave


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return the context of a server that shows *certificate*, a PEM file with the key in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
