"""The way a message came: its Received fields, each written by one server on top of those before (RFC 5321 4.4).

Only what one's own servers wrote can be trusted; anybody may put fields below them.  Every field is taken as it is,
in linear time, and what it does not say is "".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mailkit.message.lexical import Token, TokenKind, tokens
from mailkit.results import Record, Rows, visible

__all__ = ["Hop", "chain", "count", "parse"]

_MAX_HOPS = 100  # RFC 5321 section 6.3: servers give up at about that many
_MAX_CHARACTERS = 4096  # of a field that is read
_CLAUSES = ("from", "by", "via", "with", "id", "for")
_BRACKETED = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\]", re.IGNORECASE)


@dataclass(frozen=True)
class Hop(Record):
    """One server on the way.

    ``helo`` is what the client called itself, ``client`` the address that the server saw, ``protocol`` the word after
    "with" (RFC 3848: an S in it means TLS, an A a login).  ``delay`` is the time in seconds until the next server
    took the message; it is None for the last, and where one of both gives no time, and below 0 where their clocks
    disagree.
    """

    number: int
    helo: str
    client: str
    by: str
    protocol: str
    queue_id: str
    recipient: str
    time: datetime | None = None
    delay: float | None = None


def fields(message: bytes) -> Iterator[str]:
    """Yield the values of the Received fields of *message*, topmost first, each cut after 4,096 characters."""
    held: bytes | None = None
    for match in re.finditer(rb"([^\r\n]*)(\r\n|\r|\n|\Z)", message):
        line = match[1]
        if line[:1] in (b" ", b"\t"):
            if held is not None and len(held) < _MAX_CHARACTERS:
                held += line
            continue
        if held is not None:
            yield held[:_MAX_CHARACTERS].decode("utf-8", "replace")
            held = None
        if not line:
            return
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"received":
            held = value


def count(message: bytes) -> int:
    """Return how many servers *message* has passed: a large number is a loop (RFC 5321 section 6.3)."""
    return sum(1 for _ in fields(message))


def chain(message: bytes) -> Rows[Hop]:
    """Return the way of *message*, from the first server to the last, at most the latest 100 of them."""
    newest_first = [value for _, value in zip(range(_MAX_HOPS), fields(message))]
    hops = [parse(value, number) for number, value in enumerate(reversed(newest_first), start=1)]
    return Rows(
        Hop,
        [replace(hop, delay=_between(hop, later)) for hop, later in zip(hops, [*hops[1:], None])],
        caption="the way of the message, the first server on top",
    )


def _between(hop: Hop, later: Hop | None) -> float | None:
    if later is None or hop.time is None or later.time is None:
        return None
    return (later.time - hop.time).total_seconds()


def parse(value: str, number: int = 1) -> Hop:
    """Return what the value of one Received field says, as hop *number*."""
    before, _, date = value[:_MAX_CHARACTERS].rpartition(";")
    if not before:
        before, date = date, ""
    said: dict[str, str] = {}
    comments: dict[str, str] = {}
    clause = ""
    for token in tokens(before, specials=";"):
        word = token.text.lower()
        if token.kind is TokenKind.COMMENT:
            comments[clause] = comments.get(clause, "") + f" ({token.text})"
        elif token.kind is TokenKind.WORD and word in _CLAUSES and word not in said and not token.glued:
            clause = word
            said[clause] = ""
        elif clause:
            said[clause] = _joined(said[clause], token)
    return Hop(
        number=number,
        helo=visible(said.get("from", ""), 255),
        client=_address(comments.get("from", "")) or _address(said.get("from", "")),
        by=visible(said.get("by", ""), 255),
        protocol=visible(said.get("with", ""), 80),
        queue_id=visible(said.get("id", ""), 120),
        recipient=visible(said.get("for", "").strip("<>"), 320),
        time=_time(date),
    )


def _joined(text: str, token: Token) -> str:
    return text + ("" if token.glued or not text else " ") + token.text


def _address(text: str) -> str:
    """Return the address in brackets that *text* holds, "" when there is none."""
    for match in _BRACKETED.finditer(text):
        try:
            return str(ipaddress.ip_address(match[1]))
        except ValueError:
            continue
    return ""


def _time(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text.strip()[:120])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
