"""A message as DKIM sees it: header fields, body, and their canonical forms (RFC 6376 section 3.4).

The canonical forms are dkimpy's.  Its message parser is not used, because it raises on malformed input.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dkim.canonicalization import CanonicalizationPolicy

__all__ = ["MAX_OCTETS", "Field", "MalformedMessage", "Message", "canonical_body", "canonical_field", "parse", "select"]

MAX_OCTETS = 32 * 1024 * 1024  # larger messages are not read at all
_MAX_HEADER_OCTETS = 1024 * 1024

_LINE_END = re.compile(rb"\r?\n")
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+[ \t]*):")
_WHITE_RUN = re.compile(rb"[ \t]{2,}")


class MalformedMessage(ValueError):
    """The octets are no internet message; the text is a sentence that says where it goes wrong."""


@dataclass(frozen=True)
class Field:
    """One header field as it stands: ``name`` before the colon, ``value`` after it up to and with the last CRLF."""

    name: bytes
    value: bytes

    @property
    def key(self) -> bytes:
        """The name to compare by: in lower case, without the white space of the obsolete syntax."""
        return self.name.strip().lower()


@dataclass(frozen=True)
class Message:
    """Header fields from top to bottom, and the body with every line end as CRLF."""

    fields: tuple[Field, ...]
    body: bytes


def parse(message: bytes) -> Message:
    """Return the header fields and the body of *message* (RFC 5322 section 2.1).

    A bare LF counts as a line end, since messages are kept in files that way.  Raises MalformedMessage when a
    header line is neither a field nor the continuation of one.
    """
    if not isinstance(message, (bytes, bytearray)):
        raise TypeError("the message is given as bytes, as it went over the wire")
    lines = bytes(message)
    if lines.count(b"\n") != lines.count(b"\r\n"):
        lines = _LINE_END.sub(b"\r\n", lines)
    if lines.startswith(b"\r\n"):
        return Message((), lines[2:])
    head, _, body = lines.partition(b"\r\n\r\n")
    if len(head) > _MAX_HEADER_OCTETS:
        raise MalformedMessage(f"the header is larger than {_MAX_HEADER_OCTETS >> 20} MiB")
    found: list[tuple[bytes, list[bytes]]] = []
    for number, line in enumerate(head.removesuffix(b"\r\n").split(b"\r\n"), start=1):
        if line[:1] in (b" ", b"\t") and found:
            found[-1][1].append(line)
        elif match := _FIELD.match(line):
            found.append((match[1], [line[match.end() :]]))
        elif line and not (number == 1 and line.startswith(b"From ")):  # the separator line of an mbox file
            raise MalformedMessage(f"line {number} of the header is neither a field (Name: value) nor goes on with one")
    return Message(tuple(Field(name, b"\r\n".join(parts) + b"\r\n") for name, parts in found), body)


def select(fields: Sequence[Field], names: Iterable[bytes]) -> list[int]:
    """Return the positions in *fields* that the list *names* (an h= tag, in lower case) covers, in its order.

    Each further mention of a name takes the next field of that name upwards; a mention with no field left
    covers the absence of one more (RFC 6376 section 5.4.2).
    """
    left: dict[bytes, list[int]] = defaultdict(list)
    for position, field in enumerate(fields):
        left[field.key].append(position)
    return [left[name].pop() for name in names if left.get(name)]


def canonical_field(field: Field, algorithm: str) -> bytes:
    """Return *field* as it is hashed, by the header *algorithm* "simple" or "relaxed" (sections 3.4.1 and 3.4.2)."""
    policy = CanonicalizationPolicy.from_c_value(algorithm.encode())
    [(name, value)] = policy.canonicalize_headers([(field.name, field.value)])
    return bytes(name + b":" + value)


def canonical_body(body: bytes, algorithm: str) -> bytes:
    """Return *body* as it is hashed, by the body *algorithm* "simple" or "relaxed" (sections 3.4.3 and 3.4.4)."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    if algorithm == "relaxed":
        # The same result, but dkimpy's own pattern needs time in the square of the longest run of white space.
        body = _WHITE_RUN.sub(b" ", body)
    return bytes(CanonicalizationPolicy.from_c_value(b"simple/" + algorithm.encode()).canonicalize_body(body))
