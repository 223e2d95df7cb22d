"""What receivers wrote into a message, and which of it can be believed (RFC 8601 sections 5 and 7.1).

Anybody may put an Authentication-Results field into a message.  A receiver adds its own on top, above the Received
field in which it took the message; and it removes from incoming mail those that bear its name.  So a field counts here
that stands above that line.  One below it in the receiver's own name is unclear, since some filters put theirs there;
the rest came with the message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailkit.message import authentication_results
from mailkit.message.authentication_results import Result
from mailkit.message.fields import Field
from mailkit.message.lexical import Token, TokenKind, tokens
from mailkit.report.route import Route, organization
from mailkit.results import Record, Rows, hidden, visible

__all__ = ["Trust", "Written", "believed", "written"]

_MAX_FIELDS = 20
_MAX_CHARACTERS = 64 * 1024
_NAMES = {
    b"authentication-results": "Authentication-Results",
    b"received-spf": "Received-SPF",
    b"arc-authentication-results": "ARC-Authentication-Results",
}


class Trust(StrEnum):
    """Whether a field can be believed."""

    BELIEVED = "believed"
    UNCLEAR = "unclear"
    FORGEABLE = "forgeable"


@dataclass(frozen=True)
class Written(Record):
    """One field that says what a receiver found: who signs for it, whether that can be believed, and why."""

    field: str
    host: str
    trust: Trust
    why: str
    results: str
    parsed: tuple[Result, ...] = hidden(())


def written(fields: Sequence[Field], way: Route) -> Rows[Written]:
    """Return what the header *fields* say of results, from the top, twenty at most."""
    places = [place for place, field in enumerate(fields) if field.key in _NAMES]
    rows = [_one(fields, place, way) for place in places[:_MAX_FIELDS]]
    caption = "what receivers wrote into the message"
    if len(places) > _MAX_FIELDS:
        caption += f"; of {len(places):,} such fields the topmost {_MAX_FIELDS} were read"
    return Rows(Written, rows, caption=caption)


def believed(rows: Sequence[Written]) -> list[Result]:
    """Return the results that can be believed, from the top."""
    return [result for row in rows if row.trust is Trust.BELIEVED for result in row.parsed]


def _one(fields: Sequence[Field], place: int, way: Route) -> Written:
    name = _NAMES[fields[place].key]
    text = fields[place].value[:_MAX_CHARACTERS].replace(b"\r\n", b"").decode("utf-8", "replace").strip()
    if name == "Received-SPF":
        host, results = _received_spf(text)
    else:
        if name.startswith("ARC"):
            text = text.partition(";")[2]
        read = authentication_results.parse(text)
        host, results = read.authserv_id, read.results
    trust, why = _trust(fields, place, name, host, way)
    said = "; ".join(result.text for result in results) or "none"
    return Written(name, visible(host, 255), trust, why, visible(said, 1000), results)


def _trust(fields: Sequence[Field], place: int, name: str, host: str, way: Route) -> tuple[Trust, str]:
    if name.startswith("ARC"):
        return Trust.FORGEABLE, "what a host on the way says to have seen; it counts as far as one trusts that host"
    if way.border is None:
        return (
            Trust.UNCLEAR,
            "no Received field shows who received the message, so nobody can be said to have written it",
        )
    own = organization(host) == way.receiver if host else None
    if place < way.border:
        if own is None:
            return Trust.BELIEVED, "it names nobody, but stands above the line in which the receiver took the message"
        if own:
            return Trust.BELIEVED, "it stands above the line in which the receiver took the message, in its own name"
        return Trust.UNCLEAR, f"it stands where the receiver writes, but in the name of another than {way.receiver}"
    between = fields[way.border + 1 : place]
    if own and not any(field.key == b"received" for field in between):
        return Trust.UNCLEAR, (
            "it bears the receiver's name, but stands below the line in which the receiver took the message: "
            "believe it only if you know that this receiver writes there and removes what others wrote"
        )
    return Trust.FORGEABLE, "it stood in the message before the receiver took it: anybody may have written it"


def _received_spf(text: str) -> tuple[str, tuple[Result, ...]]:
    """Return who wrote a Received-SPF field (RFC 7208 section 9.1) and what it says, in the terms of RFC 8601."""
    elements = [token for token in tokens(text) if token.kind is not TokenKind.COMMENT][:200]
    if not elements:
        return "", ()
    pairs = dict(_pairs(elements[1:]))
    of = "smtp.helo" if pairs.get("identity") == "helo" else "smtp.mailfrom"
    named = pairs.get("helo", "") if of == "smtp.helo" else pairs.get("envelope-from", "")
    properties = [(of, named), ("smtp.client-ip", pairs.get("client-ip", ""))]
    try:
        result = Result("spf", elements[0].text.lower(), properties=tuple(pair for pair in properties if pair[1]))
    except ValueError:
        return pairs.get("receiver", ""), ()
    return pairs.get("receiver", ""), (result,)


def _pairs(elements: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of ``key=value`` in *elements*."""
    for position, element in enumerate(elements[:-1]):
        if element.text != "=" or element.kind is not TokenKind.SPECIAL or position == 0:
            continue
        value, following = elements[position + 1].text, position + 2
        while (
            following < len(elements)
            and elements[following].glued
            and elements[following].kind is not TokenKind.SPECIAL
        ):
            value += elements[following].text
            following += 1
        yield elements[position - 1].text.lower(), value
