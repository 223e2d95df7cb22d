"""A message as octets: its header fields from top to bottom, and its body (RFC 5322 section 2)."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["MAX_OCTETS", "Field", "MalformedMessage", "Message", "parse", "select"]

MAX_OCTETS = 32 * 1024 * 1024  # larger messages are not read at all
_MAX_HEADER_OCTETS = 1024 * 1024

_LINE_END = re.compile(rb"\r?\n")
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+[ \t]*):")


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
    if _has_bare_line_feeds(lines):
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


def _has_bare_line_feeds(octets: bytes) -> bool:
    """Return whether an LF without a CR before it is in *octets*; most messages have none, so it must cost little."""
    decoder = io.IncrementalNewlineDecoder(None, translate=False)
    decoder.decode(octets.decode("latin-1"), final=True)
    met = decoder.newlines  # a text when all line ends are alike, a tuple of texts otherwise
    return met == "\n" or (isinstance(met, tuple) and "\n" in met)


def select(fields: Sequence[Field], names: Iterable[bytes]) -> list[int]:
    """Return the positions in *fields* that the list *names* (an h= tag, in lower case) covers, in its order.

    Each further mention of a name takes the next field of that name upwards; a mention with no field left
    covers the absence of one more (RFC 6376 section 5.4.2).
    """
    left: dict[bytes, list[int]] = defaultdict(list)
    for position, field in enumerate(fields):
        left[field.key].append(position)
    return [left[name].pop() for name in names if left.get(name)]
