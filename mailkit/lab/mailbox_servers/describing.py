"""A message described as IMAP does it: its envelope and its structure (RFC 9051 section 7.5.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import Message
from email.utils import getaddresses
from typing import Any

from mailkit.lab.mail.mailboxes import header_of
from mailkit.lab.mailbox_servers.parts import DEEPEST, Part
from mailkit.lab.mailbox_servers.syntax import nstring

__all__ = ["envelope", "structure"]

_LISTS = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")
_LONGEST_LIST = 10_000  # characters of an address list that are looked at
_MOST_ADDRESSES = 100
_MOST_COMMENTS = 200  # of an address list that is read at all
_LONGEST = 1000  # octets of a parameter or a field that is quoted


def envelope(content: bytes) -> bytes:
    """Return the ENVELOPE of a message: date, subject, six lists of addresses, two identifiers."""
    fields = header_of(content)

    def one(name: str) -> bytes:
        value = fields.get(name)
        return nstring(None if value is None else _unfolded(str(value)))

    lists = {name: _addresses([str(v) for v in fields.get_all(name, [])]) for name in _LISTS}
    for name in ("Sender", "Reply-To"):
        lists[name] = lists[name] if lists[name] != b"NIL" else lists["From"]
    parts = [one("Date"), one("Subject"), *lists.values(), one("In-Reply-To"), one("Message-ID")]
    return b"(" + b" ".join(parts) + b")"


def _unfolded(value: str) -> bytes:
    return re.sub(r"\r?\n(?=[ \t])", "", value).encode("utf-8", "surrogateescape")


def _addresses(values: Sequence[str]) -> bytes:
    # Python's parser takes a comment within a comment as one call within another.
    sane = [value[:_LONGEST_LIST] for value in values[:10] if value.count("(") <= _MOST_COMMENTS]
    found = getaddresses(sane)[:_MOST_ADDRESSES]
    written = []
    for name, address in found:
        if not address:
            continue
        local, _, domain = address.rpartition("@")
        words = [_unfolded(name) if name else None, None, _unfolded(local or domain), _unfolded(domain)]
        written.append(b"(" + b" ".join(nstring(word) for word in words) + b")")
    return b"(" + b"".join(written) + b")" if written else b"NIL"


def structure(part: Part, *, extended: bool) -> bytes:
    """Return the BODYSTRUCTURE of *part*, or with *extended* False its BODY (RFC 9051 section 7.5.2)."""
    fields = part.fields
    main, _, sub = fields.get_content_type().upper().partition("/")
    if (main, sub) == ("MESSAGE", "RFC822") and part.depth >= DEEPEST:
        main, sub = "APPLICATION", "OCTET-STREAM"
    if main == "MULTIPART" and (children := part.children()):
        inner = b"".join(structure(child, extended=extended) for child in children)
        more = b" %s NIL NIL NIL" % _parameters(fields) if extended else b""
        return b"(%s %s%s)" % (inner, nstring(sub.encode()), more)
    if main == "MULTIPART":
        main, sub = "APPLICATION", "OCTET-STREAM"  # one that has no parts, or too many within each other
    encoding = _cut(fields.get("Content-Transfer-Encoding", "7BIT")) or b"7BIT"
    described = b" ".join(
        [
            nstring(main.encode("ascii", "replace")),
            nstring(sub.encode("ascii", "replace")),
            _parameters(fields),
            nstring(_cut(fields.get("Content-ID"))),
            nstring(_cut(fields.get("Content-Description"))),
            nstring(encoding.upper()),
            b"%d" % len(part.body),
        ]
    )
    inside = b""
    if (main, sub) == ("MESSAGE", "RFC822"):
        enclosed = Part.of(part.body, part.depth + 1)
        inside = b" %s %s" % (envelope(part.body), structure(enclosed, extended=extended))
    lines = b" %d" % part.body.count(b"\n") if main == "TEXT" or inside else b""
    return b"(%s%s%s%s)" % (described, inside, lines, b" NIL NIL NIL NIL" if extended else b"")


def _cut(value: object) -> bytes | None:
    return None if value is None else " ".join(str(value).split()).encode("utf-8", "replace")[:_LONGEST]


def _parameters(fields: Message[Any, Any]) -> bytes:
    found = [pair for pair in (fields.get_params(failobj=[]) or [])[1:20] if all(isinstance(w, str) for w in pair)]
    if not found:
        return b"NIL"
    words = [nstring(_cut(word) or b"") for name, value in found for word in (name.upper(), value)]
    return b"(" + b" ".join(words) + b")"
