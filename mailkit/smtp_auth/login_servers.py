"""What can be said of every server that takes logins, whether mail is handed in there or read (lesson 08).

Where it stands and who answers for it, where TLS begins, and the ports beside one that is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mailkit.conversation import MailboxOffer, Offer
from mailkit.network.endpoints import Endpoint, Found, Purpose
from mailkit.results import Record, Sentence
from mailkit.smtp_auth.ehlo import PLAINTEXT

__all__ = ["NEITHER", "LoginServer", "beside", "each_once", "in_sentences", "told_apart", "where_tls_begins"]

NEITHER = "–"  # there is no before TLS, or no inside
_NO_LOGINS = ("", NEITHER, "none")
_SAYING = PLAINTEXT | {"USER"}  # USER and PASS are POP3's (RFC 1939 section 7)
_MOST_HOSTS = 3  # whose usual ports are tried: enough to see, few enough to be polite


class LoginServer(Record):
    """Base of the records on one port of one host; ``own`` says whether the host is the domain's own."""

    host: str
    port: int
    tls: str
    found: Found
    own: bool

    @property
    def name(self) -> str:
        """The server as ``host:port``."""
        return f"{self.host}:{self.port}"

    @property
    def answerable(self) -> bool:
        """True when the domain has to answer for it: the host is its own, and it announces this port."""
        return self.own and self.found is Found.ANNOUNCED

    @property
    def logins(self) -> tuple[str, str]:
        """The logins before TLS and inside it, in the words of the record."""
        raise NotImplementedError


def where_tls_begins(
    before: Offer | MailboxOffer | None, after: Offer | MailboxOffer | None, *, implicit_tls: bool
) -> str:
    """Return "from the start", "STARTTLS" or "none" by what was offered *before* and *after* TLS began.

    "" where neither was seen.
    """
    if before is None and after is None:
        return ""
    if implicit_tls:
        return "from the start"
    return "STARTTLS" if before is not None and before.starttls else "none"


def told_apart(logins: str) -> tuple[set[str], set[str]]:
    """Return which of *logins*, in the words of a record, say the password or a token as good, and which do not."""
    words = set(re.split("[, ]+", logins.replace("LOGIN command", "LOGIN"))) - set(_NO_LOGINS)
    return words & _SAYING, words - _SAYING


def beside(known: Iterable[Endpoint], ports: Mapping[int, tuple[Purpose, bool]], source: str) -> list[Endpoint]:
    """Return the usual *ports* of the hosts of *known* as guesses: port -> purpose, and whether TLS is implicit."""
    hosts = list({endpoint.host: endpoint for endpoint in known}.values())[:_MOST_HOSTS]
    return [
        replace(host, port=port, purpose=purpose, implicit_tls=implicit, found=Found.GUESSED, source=source)
        for host in hosts
        for port, (purpose, implicit) in ports.items()
    ]


def each_once(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Return *endpoints*, of several on one port of one host the first."""
    every: dict[tuple[str, int], Endpoint] = {}
    for endpoint in endpoints:
        every.setdefault((endpoint.host, endpoint.port), endpoint)
    return list(every.values())


def in_sentences(servers: Sequence[LoginServer], *, nothing: str, verb: str) -> Sentence:
    """Return what *servers* show: *nothing* for none, else how many were seen, and where logging in is *verb*."""
    if not servers:
        return Sentence(nothing)
    seen = [server for server in servers if server.tls]
    doors = "doors" if len(servers) > 1 else "door"
    said = [f"{len(seen)} of {len(servers)} {doors} could be looked at from here."]
    if not seen:
        return Sentence(said[0])
    clear = [server for server in seen if server.logins[0] not in _NO_LOGINS]
    inside = [server for server in seen if server.logins[1] not in _NO_LOGINS]
    said.append(f"Logging in is {verb} inside TLS at {_names(inside)}, and before TLS at {_names(clear)}.")
    if any(told_apart(server.logins[0])[0] for server in clear):
        said.append("Whoever logs in before TLS says the password to everybody on the way.")
    elif clear:
        said.append("No password is said there before TLS, but all that follows can be read on the way.")
    return Sentence(" ".join(said))


def _names(some: list[LoginServer]) -> str:
    return ", ".join(server.name for server in some) or "none of them"
