"""What a server's TLS is like: versions, cipher, certificate, whom it convinces.

At most four connections to a port, one after the other.  The first shakes hands and judges nothing; the second shakes
hands once more and verifies, up to TLS 1.2 where the first reached 1.3, so that it answers for that version too; the
others are a hand-written ClientHello each, for the older versions.  Nothing is said inside but a goodbye.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailkit.conversation import FAILURES, Attempt, HandshakeFailed, explain
from mailkit.conversation.alerts import distrust
from mailkit.network import Network
from mailkit.results import Outcome, Record, Rows, Stage, hidden
from mailkit.tls.certificates import Certificate
from mailkit.tls.chains import look_at
from mailkit.tls.handshakes import Handshake, shake, strict, tolerant
from mailkit.tls.hello import VERSIONS, Alert, ServerHello, say_hello
from mailkit.tls.upgrading import Connection, Refused, farewell, protocol_of, spoken_at

__all__ = ["Scan", "scan"]

_MOST_CONNECTIONS = 4


@dataclass(frozen=True)
class Scan(Record):
    """What the TLS of one port is like.

    ``versions`` are those it speaks, oldest first, and ``cipher`` what it chose in the newest.  ``name_ok`` says
    whether the certificate is for this host, ``trusted`` whether an authority that the network trusts vouches for it
    today; both are None where no certificate was seen or nothing can be told.  ``days_left`` counts from ``net.now()``
    to ``not_after``.  ``chain`` holds all certificates, the server's own first.  ``offered`` says whether STARTTLS is
    on offer, where it was asked for and the answer tells.  ``finished`` says whether a client with today's usual
    settings got through a handshake, whatever it thought of the certificate; None where that was not seen.
    ``unasked`` says why older versions could not be asked for, ``reason`` what is wrong.
    """

    host: str
    port: int
    starttls: str
    outcome: Outcome
    stage: Stage
    versions: tuple[str, ...] = ()
    cipher: str = ""
    forward_secrecy: bool | None = None
    key: str = ""
    signature: str = ""
    names: tuple[str, ...] = ()
    name_ok: bool | None = None
    trusted: bool | None = None
    not_after: datetime | None = None
    days_left: int | None = None
    offered: bool | None = None
    finished: bool | None = None
    unasked: str = ""
    reason: str = ""
    chain: Rows[Certificate] = hidden(Rows(Certificate, ()))
    detail: str = hidden()


def scan(host: str, port: int, *, starttls: str | None = None, net: Network, timeout: float | None = None) -> Scan:
    """Return what the TLS of *host*:*port* is like, one record whatever happens.

    *starttls* is the protocol to ask for TLS in ("smtp", "imap", "pop3", "ftp", "nntp", "ldap", "sieve", "xmpp"),
    "none" for TLS from the first octet, None to go by the port.  *timeout* is the deadline of all connections
    together, in seconds (default: eight times the network's).  A network that remembers scans a port once: who asks
    again in the same job, without a deadline of his own, gets the same record.  Raises ValueError for arguments that
    make no sense.
    """
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535, not {port!r}")
    if not isinstance(host, str) or not host.strip():
        raise ValueError("host is the name of a server: scan('smtp.kaisha.example', 465, net=net)")
    name = host.strip().rstrip(".")
    protocol = protocol_of(port, starttls)

    def examine() -> Scan:
        return _Examination(net, name, port, protocol, timeout or 8 * net.timeout).result()

    if net.memory is None or timeout is not None:
        return examine()
    return net.memory.fact(("tls", net.vantage, name.lower(), port, protocol), examine)


@dataclass
class _Examination:
    """The connections to one port and what they have shown so far."""

    net: Network
    host: str
    port: int
    protocol: str
    seconds: float
    connections: int = 0
    spent: float = 0.0
    versions: set[str] = field(default_factory=set)
    trusted: bool | None = None
    distrust: str = ""
    finished: bool | None = None
    unasked: str = ""
    notes: list[str] = field(default_factory=list)

    def result(self) -> Scan:
        """Connect as often as it takes, and say what was seen."""
        blank = Scan(self.host, self.port, self.protocol, Outcome.NOT_RUN, Stage.CONNECT)
        connection = self._connection()
        try:
            seen: Handshake | ServerHello = self._shake(connection, tolerant())
        except (Refused, *FAILURES) as error:
            ended = _ended(error, connection)
            second = self._read_only(ended) if ended.outcome is Outcome.TLS_FAILURE else None
            if second is None:
                return replace(
                    blank,
                    outcome=ended.outcome,
                    stage=ended.stage,
                    offered=connection.offered(error),
                    reason="; ".join([ended.reason, *self.notes]),
                    detail=ended.detail,
                )
            seen = second
        self.versions.add(seen.version)
        if isinstance(seen, Handshake):
            self._verify(seen.version)
        self._ask_for_older()
        return self._described(blank, seen)

    # The connections ----------------------------------------------------------------------------------------------

    def _connection(self) -> Connection:
        self.connections += 1
        left = max(self.seconds - self.spent, 0.001)
        return Connection(self.net, self.host, self.port, self.protocol, min(2 * self.net.timeout, left))

    @contextmanager
    def _slot(self, connection: Connection) -> Iterator[None]:
        """Hold one of the network's slots until *connection* is closed, and count its time.

        Waiting for the slot is no fault of the server.
        """
        with self.net.slot(self.host):
            try:
                yield
            finally:
                self.spent += connection.wire.spent
                connection.close()

    def _shake(self, connection: Connection, context: ssl.SSLContext) -> Handshake:
        with self._slot(connection):
            wire = connection.open()
            seen = shake(wire, context)
            try:
                farewell(wire, spoken_at(self.port, self.protocol), implicit=not self.protocol)
            except HandshakeFailed as error:
                self._broke_off(error.reason)
            return seen

    def _broke_off(self, reason: str) -> None:
        """Note that a handshake did not come to a good end."""
        self.finished = False
        if reason not in self.notes:
            self.notes.append(reason)

    def _read_only(self, ended: Attempt) -> ServerHello | None:
        """Read what the server shows to a ClientHello, after a handshake that failed; None when it shows nothing."""
        try:
            seen = self._hello("TLS 1.3", certificates=True)
        except (Refused, Alert, *FAILURES):
            return None
        wants = "; it asks for a certificate of the client" if seen.wants_certificate else ""
        self._broke_off(f"a client of today cannot finish a handshake with it: {ended.reason}{wants}")
        return seen

    def _hello(self, highest: str, *, certificates: bool = False) -> ServerHello:
        connection = self._connection()
        with self._slot(connection):
            return say_hello(connection.open().plain, self.host, highest, certificates=certificates)

    def _verify(self, version: str) -> None:
        """Find out whether the certificate is trusted and, after TLS 1.3, whether TLS 1.2 is spoken."""
        if version == "TLS 1.3":
            if self._trust("TLS 1.2"):
                self.versions.add("TLS 1.2")
                return
            if self.notes:
                return
        self._trust(None)

    def _trust(self, highest: str | None) -> bool:
        """Shake hands and verify; False when the handshake failed for another reason than the certificate.

        Up to *highest* it may fail because the server wants more; without it a failure is one of every such client.
        """
        connection = self._connection()
        try:
            self._shake(connection, strict(self.net, highest))
        except HandshakeFailed as error:
            if error.certificate is not None:
                self.trusted, self.distrust = False, distrust(error.certificate)
            elif error.outcome is Outcome.TLS_FAILURE and highest is not None:
                return False
            else:
                self._broke_off(f"a client that verifies could not finish the handshake: {error.reason}")
                return False
        except (Refused, *FAILURES) as error:
            self.notes.append(f"asked again, it failed: {_ended(error, connection).reason}")
            return False
        else:
            self.trusted = True
        if self.finished is None:
            self.finished = True
        return True

    def _ask_for_older(self) -> None:
        """Ask for each version below the oldest one seen, as long as something is found and connections are left."""
        names = list(VERSIONS)
        while (place := names.index(min(self.versions))) > 0 and self.connections < _MOST_CONNECTIONS:
            connection = self._connection()
            try:
                with self._slot(connection):
                    sock = connection.open().plain
                    self.versions.add(say_hello(sock, self.host, names[place - 1]).version)
            except Alert:
                return  # no such version
            except (Refused, *FAILURES) as error:
                if connection.wire.stage is Stage.TLS and isinstance(error, (EOFError, ConnectionResetError)):
                    return  # some servers just hang up
                self.unasked = f"versions before {names[place]}: {_ended(error, connection).reason}"
                return

    # The conclusion -----------------------------------------------------------------------------------------------

    def _described(self, blank: Scan, seen: Handshake | ServerHello) -> Scan:
        found = replace(
            blank,
            outcome=Outcome.OPEN,
            stage=Stage.TLS,
            offered=True if self.protocol else None,
            versions=tuple(sorted(self.versions)),
            cipher=seen.cipher,
            forward_secrecy=seen.version == "TLS 1.3" or seen.cipher.startswith(("ECDHE-", "DHE-", "EDH-")),
            trusted=self.trusted,
            finished=self.finished,
            unasked=self.unasked,
        )
        shown = look_at(seen.chain, self.host, now=self.net.now(), distrust=self.distrust)
        reason = "; ".join([*shown.faults, *self.notes, *([self.unasked] if self.unasked else [])])
        if shown.own is None:
            return replace(found, reason=reason)
        return replace(
            found,
            key=shown.own.key,
            signature=shown.own.signature,
            names=shown.own.names,
            name_ok=shown.name_ok,
            not_after=shown.own.not_after,
            days_left=(shown.own.not_after - self.net.now()).days,
            reason=reason,
            chain=Rows(Certificate, [shown.own, *shown.others], caption=self.net.caption),
        )


def _ended(error: BaseException, connection: Connection) -> Attempt:
    if isinstance(error, Refused):
        return Attempt(Outcome.REJECTED, connection.wire.stage, reason=str(error))
    return explain(error, connection.wire.stage)
