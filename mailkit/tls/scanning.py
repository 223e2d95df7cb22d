"""What a server's TLS is like: versions, cipher, certificate, whom it convinces.

At most four connections to a port, one after the other.  The first shakes hands and judges nothing; the second shakes
hands once more and verifies, up to TLS 1.2 where the first reached 1.3, so that it answers for that version too; the
others are a hand-written ClientHello each, for the older versions.  Nothing is said inside but a goodbye.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailkit.conversation.attempts import ABOUT_TIME, FAILURES, distrust, explain
from mailkit.network import Network
from mailkit.results import Outcome, Record, Rows, Stage, hidden
from mailkit.tls.certificates import Certificate, covers, read, weaknesses
from mailkit.tls.handshakes import Handshake, shake, strict, tolerant
from mailkit.tls.hello import VERSIONS, Alert, ServerHello, say_hello
from mailkit.tls.upgrading import Connection, Refused, protocol_of

__all__ = ["Scan", "scan"]

_MOST_CONNECTIONS = 4
_GOODBYES = {"smtp": b"QUIT\r\n", "imap": b"a3 LOGOUT\r\n", "pop3": b"QUIT\r\n"}


@dataclass(frozen=True)
class Scan(Record):
    """What the TLS of one port is like.

    ``versions`` are those it speaks, oldest first, and ``cipher`` what it chose in the newest.  ``name_ok`` says
    whether the certificate is for this host, ``trusted`` whether an authority that the network trusts vouches for it
    today; both are None where no certificate was seen or nothing can be told.  ``days_left`` counts from ``net.now()``
    to ``not_after``.  ``chain`` holds all certificates, the server's own first.  ``reason`` says what is wrong.
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
    reason: str = ""
    chain: Rows[Certificate] = hidden(Rows(Certificate, ()))
    detail: str = hidden()


def scan(host: str, port: int, *, starttls: str | None = None, net: Network, timeout: float | None = None) -> Scan:
    """Return what the TLS of *host*:*port* is like, one record whatever happens.

    *starttls* is the protocol to ask for TLS in ("smtp", "imap", "pop3"), "none" for TLS from the first octet, None
    to go by the port.  *timeout* is the deadline of the whole in seconds (default: eight times the network's).
    Raises ValueError for arguments that make no sense.
    """
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535, not {port!r}")
    if not isinstance(host, str) or not host.strip():
        raise ValueError("host is the name of a server: scan('smtp.kaisha.example', 465, net=net)")
    name = host.strip().rstrip(".")
    return _Examination(net, name, port, protocol_of(port, starttls), timeout or 8 * net.timeout).result()


@dataclass
class _Examination:
    """The connections to one port and what they have shown so far."""

    net: Network
    host: str
    port: int
    protocol: str
    seconds: float
    connections: int = 0
    versions: set[str] = field(default_factory=set)
    trusted: bool | None = None
    distrust: str = ""
    notes: list[str] = field(default_factory=list)

    def result(self) -> Scan:
        """Connect as often as it takes, and say what was seen."""
        self._deadline = time.monotonic() + self.seconds
        blank = Scan(self.host, self.port, self.protocol, Outcome.NOT_RUN, Stage.CONNECT)
        connection = self._connection()
        try:
            seen: Handshake | ServerHello = self._shake(connection, tolerant())
        except Refused as error:
            return replace(blank, outcome=Outcome.REJECTED, stage=connection.stage, reason=str(error))
        except FAILURES as error:
            ended = explain(error, connection.stage)
            if ended.outcome is not Outcome.TLS_FAILURE:
                return replace(
                    blank, outcome=ended.outcome, stage=ended.stage, reason=ended.reason, detail=ended.detail
                )
            try:
                seen = self._hello("TLS 1.3", certificates=True)
            except (Refused, Alert, *FAILURES) as second:
                reason = f"the server refuses the handshake ({second})" if isinstance(second, Alert) else ended.reason
                return replace(blank, outcome=Outcome.TLS_FAILURE, stage=Stage.TLS, reason=reason, detail=ended.detail)
            self.notes.append("this machine's OpenSSL cannot finish a handshake with it")
        self.versions.add(seen.version)
        if isinstance(seen, Handshake):
            self._verify(seen.version)
        self._ask_for_older()
        return self._described(blank, seen)

    # The connections ----------------------------------------------------------------------------------------------

    def _connection(self) -> Connection:
        self.connections += 1
        left = max(self._deadline - time.monotonic(), 0.001)
        return Connection(self.net, self.host, self.port, self.protocol, min(2 * self.net.timeout, left))

    def _shake(self, connection: Connection, context: ssl.SSLContext) -> Handshake:
        try:
            with self.net.slot(self.host):
                secure, seen = shake(connection.open(), self.host, context)
                connection.sock = secure
                try:
                    if self.protocol:
                        secure.sendall(_GOODBYES[self.protocol])
                except OSError:
                    pass  # it hung up first; what there was to see has been seen
                return seen
        finally:
            connection.close()

    def _hello(self, highest: str, *, certificates: bool = False) -> ServerHello:
        connection = self._connection()
        try:
            with self.net.slot(self.host):
                return say_hello(connection.open(), self.host, highest, certificates=certificates)
        finally:
            connection.close()

    def _verify(self, version: str) -> None:
        """Find out whether the certificate is trusted and, after TLS 1.3, whether TLS 1.2 is spoken."""
        if version == "TLS 1.3":
            if self._trust("TLS 1.2"):
                self.versions.add("TLS 1.2")
                return
            if self.notes:
                return
        if not self._trust(None) and not self.notes:
            self.notes.append("a client that verifies could not finish the handshake")

    def _trust(self, highest: str | None) -> bool:
        """Shake hands and verify; False when the handshake failed for another reason than the certificate."""
        connection = self._connection()
        try:
            self._shake(connection, strict(self.net, highest))
        except ssl.SSLCertVerificationError as error:
            self.trusted = False
            self.distrust = distrust(error)
            return True
        except ssl.SSLError:
            return False
        except (Refused, *FAILURES) as error:
            self.notes.append(f"asked again, it failed: {explain(error, connection.stage).reason}")
            return False
        self.trusted = True
        return True

    def _ask_for_older(self) -> None:
        """Ask for each version below the oldest one seen, as long as something is found and connections are left."""
        names = list(VERSIONS)
        while (place := names.index(min(self.versions))) > 0 and self.connections < _MOST_CONNECTIONS:
            try:
                self.versions.add(self._hello(names[place - 1]).version)
            except (Alert, EOFError, ConnectionResetError, Refused):
                return  # no such version: servers say so by an alert, or just hang up
            except FAILURES as error:
                self.notes.append(f"versions before {names[place]}: {explain(error, Stage.TLS).reason}")
                return

    # The conclusion -----------------------------------------------------------------------------------------------

    def _described(self, blank: Scan, seen: Handshake | ServerHello) -> Scan:
        found = replace(
            blank,
            outcome=Outcome.OPEN,
            stage=Stage.TLS,
            versions=tuple(sorted(self.versions)),
            cipher=seen.cipher,
            forward_secrecy=seen.version == "TLS 1.3" or seen.cipher.startswith(("ECDHE-", "DHE-", "EDH-")),
            trusted=self.trusted,
        )
        try:
            chain = Rows(Certificate, [read(der) for der in seen.chain], caption=self.net.caption)
        except ValueError as error:
            return replace(found, reason="; ".join([str(error), *self.notes]))
        if not chain:
            return replace(found, reason="; ".join(["no certificate was seen", *self.notes]))
        own, now = chain[0], self.net.now()
        name_ok = covers(own.names, self.host)
        faults = [] if name_ok else [_wrong_name(own)]
        if own.not_after < now:
            faults.append(f"its certificate expired on {own.not_after:%Y-%m-%d}")
        if own.not_before > now:
            faults.append(f"its certificate is not valid before {own.not_before:%Y-%m-%d}")
        about_time = self.distrust in ABOUT_TIME
        if self.distrust and not (about_time and not own.not_before <= now <= own.not_after):
            faults.append(f"its certificate {self.distrust}")
        return replace(
            found,
            key=own.key,
            signature=own.signature,
            names=own.names,
            name_ok=name_ok,
            not_after=own.not_after,
            days_left=(own.not_after - now).days,
            reason="; ".join([*faults, *weaknesses(own), *self.notes]),
            chain=chain,
        )


def _wrong_name(own: Certificate) -> str:
    if not own.names:
        return "its certificate names no host (no subjectAltName)"
    more = f" and {len(own.names) - 1} more" if len(own.names) > 1 else ""
    return f"its certificate is for {own.names[0]}{more}, not for this host"
