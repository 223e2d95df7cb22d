"""A connection on its way into TLS: dialled, and with STARTTLS talked up to the point where TLS may begin.

Implicit TLS begins with the first octet (RFC 8314 section 3).  STARTTLS begins in the clear and asks for TLS with a
command: RFC 3207 for SMTP, RFC 9051 section 6.2.1 for IMAP, RFC 2595 section 4 for POP3, RFC 4217 for FTP, RFC 4642
for NNTP, RFC 4511 section 4.14 for LDAP, RFC 5804 section 2.2 for ManageSieve, RFC 6120 section 5 for XMPP.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.conversation import (
    FTP,
    IMAP,
    LDAP,
    NNTP,
    POP3,
    SMTP,
    XMPP,
    HandshakeFailed,
    ManageSieve,
    NotOffered,
    Refused,
    ReplyError,
    Upgrade,
    Wire,
)
from mailkit.conversation.ldap import UNBIND
from mailkit.conversation.xmpp import STREAM_END, stream_header
from mailkit.network import Network
from mailkit.results import Stage

__all__ = ["PROTOCOLS", "Connection", "Refused", "farewell", "protocol_of", "spoken_at"]

_LONGEST = 8192  # octets read of what is said inside TLS


@dataclass(frozen=True)
class _Protocol:
    """How a protocol comes to TLS: its conversation, its ports of STARTTLS and of implicit TLS, and its goodbye.

    ``speaks_first`` and ``greets_again`` say whether the server begins inside implicit TLS, and after STARTTLS.
    ``announced`` says whether a server that offers TLS says so before it is asked.
    """

    conversation: type[SMTP | IMAP | POP3 | Upgrade]
    ports: tuple[int, ...]
    implicit: int | None
    goodbye: bytes
    speaks_first: bool = True
    greets_again: bool = False
    announced: bool = True


PROTOCOLS = {
    "smtp": _Protocol(SMTP, (25, 587, 2525), 465, b"QUIT\r\n"),
    "imap": _Protocol(IMAP, (143,), 993, b"a3 LOGOUT\r\n"),
    "pop3": _Protocol(POP3, (110,), 995, b"QUIT\r\n"),
    "ftp": _Protocol(FTP, (21,), 990, b"QUIT\r\n", announced=False),
    "nntp": _Protocol(NNTP, (119,), 563, b"QUIT\r\n"),
    "ldap": _Protocol(LDAP, (389,), 636, UNBIND, speaks_first=False, announced=False),
    "sieve": _Protocol(ManageSieve, (4190,), None, b"LOGOUT\r\n", greets_again=True),
    "xmpp": _Protocol(XMPP, (5222,), 5223, STREAM_END, speaks_first=False),
}
"""The protocols in which STARTTLS can be said, by the word for it."""


def protocol_of(port: int, starttls: str | None) -> str:
    """Return the protocol to say STARTTLS in, "" for implicit TLS; None for *starttls* goes by the port.

    Raises ValueError for another word than those of :data:`PROTOCOLS`, "" and "none".
    """
    if starttls is None:
        return next((name for name, protocol in PROTOCOLS.items() if port in protocol.ports), "")
    word = starttls.lower()
    if word not in (*PROTOCOLS, "", "none"):
        known = ", ".join(f'"{name}"' for name in PROTOCOLS)
        raise ValueError(f'starttls is one of {known}; "none" for TLS from the start, None to go by the port')
    return "" if word == "none" else word


def spoken_at(port: int, protocol: str) -> str:
    """Return what is spoken inside TLS: the *protocol* of STARTTLS, else what the port is for, "" if nobody knows."""
    return protocol or next((name for name, known in PROTOCOLS.items() if port == known.implicit), "")


class Connection:
    """One connection to *host*:*port*, which :meth:`open` brings to where TLS may begin.

    *protocol* is one of :data:`PROTOCOLS`, or "" for implicit TLS; *seconds* is the deadline of the whole connection.
    ``wire`` is the connection itself.
    """

    def __init__(self, net: Network, host: str, port: int, protocol: str, seconds: float) -> None:
        self._protocol = PROTOCOLS.get(protocol)
        kind = self._protocol.conversation if self._protocol else None
        self._conversation = kind(net, host, port, timeout=seconds) if kind else None
        self.wire = self._conversation.wire if self._conversation else Wire(net, host, port, timeout=seconds)

    def open(self) -> Wire:
        """Return a connection on which the next octet is TLS.

        Raises OSError, ReplyError for what is not the protocol, NotOffered, and Rejected or Refused when the server
        will not.
        """
        if self._conversation is None:
            self.wire.connect()
        else:
            self._conversation.open()
            self._conversation.introduce()
            self._conversation.ask_for_tls()
            if self.wire.incoming.octets:
                # Whoever sent this sent it before TLS: a careless client would take it for the server's word inside.
                raise ReplyError("more came in the clear after the go-ahead for TLS: someone injects replies")
        self.wire.stage = Stage.TLS
        return self.wire

    def offered(self, error: BaseException) -> bool | None:
        """Return whether STARTTLS is on offer, after *error* ended the way into TLS; None where nobody can tell."""
        if self._protocol is None or self.wire.stage not in (Stage.STARTTLS, Stage.TLS):
            return None
        if isinstance(error, NotOffered):
            return False
        return True if self._protocol.announced or self.wire.stage is Stage.TLS else None

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()


def farewell(wire: Wire, protocol: str, *, implicit: bool) -> None:
    """Say goodbye inside TLS, *implicit* or after STARTTLS, and read what the server says there.

    In TLS 1.3 a server that wants a certificate of the client says so only then (RFC 8446 section 4.4.2.4), and
    HandshakeFailed is raised.  What else goes wrong does not matter any more.
    """
    if not protocol:
        return  # nobody knows what to say there
    known = PROTOCOLS[protocol]
    goodbye = stream_header(wire.host) + known.goodbye if protocol == "xmpp" else known.goodbye
    greets = known.speaks_first if implicit else known.greets_again
    try:
        if not greets:
            wire.send(goodbye, shown="(goodbye)")
        wire.receive(_LONGEST)
        if greets:
            wire.send(goodbye, shown="(goodbye)")
    except HandshakeFailed:
        raise
    except (OSError, EOFError, ReplyError):
        pass
