"""The grammar of IMAP (RFC 9051 section 9): what a command's line is made of, and how an answer is written.

An item of a command is an :class:`Atom` (a word), octets (a quoted string or a literal), or a list of items.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TypeAlias

__all__ = [
    "Atom",
    "Item",
    "Misspelt",
    "day",
    "flag_list",
    "internal_date",
    "literal_at_end",
    "moment",
    "nstring",
    "numbers",
    "parse",
    "quoted",
    "ranges",
    "text",
]

_DEEPEST = 20  # parentheses within each other
_MOST_RANGES = 1000  # of one set of numbers
_LITERAL = re.compile(rb"\{([0-9]{1,10})(\+?)\}\Z")
_RANGE = re.compile(r"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?")
_SPECIAL = b'(){ \r\n\0"'
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_QUOTABLE = re.compile(rb"[\x20-\x7e]*\Z")


class Misspelt(ValueError):
    """A command is not what the grammar allows; the text says in what."""


class Atom(str):
    """A word of a command that is no string."""

    __slots__ = ()


Item: TypeAlias = "Atom | bytes | list[Item]"


def literal_at_end(line: bytes) -> tuple[int, bool] | None:
    """Return how many octets the literal has that *line* announces, and whether the client waits; None without one."""
    found = _LITERAL.search(line)
    return (int(found[1]), not found[2]) if found else None


def parse(lines: Sequence[bytes], literals: Sequence[bytes]) -> list[Item]:
    """Return the items of a command: *lines* without their ends, and the *literals* between them.

    Raises Misspelt.
    """
    stack: list[list[Item]] = [[]]
    for number, line in enumerate(lines):
        is_last = number == len(lines) - 1
        _line(line if is_last else _LITERAL.sub(b"", line), stack)
        if not is_last:
            stack[-1].append(literals[number])
    if len(stack) > 1:
        raise Misspelt("a parenthesis is not closed")
    return stack[0]


def _line(line: bytes, stack: list[list[Item]]) -> None:
    at = 0
    while at < len(line):
        octet = line[at : at + 1]
        if octet == b" ":
            at += 1
        elif octet == b"(":
            if len(stack) > _DEEPEST:
                raise Misspelt("parentheses too deep")
            stack.append([])
            at += 1
        elif octet == b")":
            if len(stack) == 1:
                raise Misspelt("a parenthesis is closed that was not opened")
            inner = stack.pop()
            stack[-1].append(inner)
            at += 1
        elif octet == b'"':
            value, at = _quoted(line, at + 1)
            stack[-1].append(value)
        else:
            end = _end_of_atom(line, at)
            if end == at:
                raise Misspelt("an octet that belongs into a string")
            stack[-1].append(Atom(line[at:end].decode("utf-8", "replace")))
            at = end


def _quoted(line: bytes, at: int) -> tuple[bytes, int]:
    value = bytearray()
    while at < len(line):
        if line[at] == 0x22:  # "
            return bytes(value), at + 1
        if line[at] == 0x5C:  # a backslash, before a quote or a backslash
            at += 1
        value += line[at : at + 1]
        at += 1
    raise Misspelt("a quoted string is not closed")


def _end_of_atom(line: bytes, at: int) -> int:
    while at < len(line) and line[at] not in _SPECIAL:
        if line[at] == 0x5B:  # [: the section of a body, with a list of field names in it perhaps
            at = line.find(b"]", at)
            if at < 0:
                raise Misspelt("a bracket is not closed")
        at += 1
    return at


def text(item: Item) -> str:
    """Return an argument that may be a word or a string as a text.  Raises Misspelt for a list."""
    if isinstance(item, list):
        raise Misspelt("a list where a word or a string belongs")
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def numbers(spelt: str, known: Sequence[int]) -> list[int]:
    """Return which of the *known* numbers, in ascending order, the set *spelt* ("2,4:7,9:*") means.

    Raises Misspelt.
    """
    parts = spelt.split(",")
    if len(parts) > _MOST_RANGES:
        raise Misspelt("a set of numbers with too many parts")
    if not all(_RANGE.fullmatch(part) for part in parts):
        raise Misspelt("that is no set of numbers")
    last = known[-1] if known else 0
    ends = [[last if end == "*" else int(end) for end in part.split(":")] for part in parts]
    merged: list[tuple[int, int]] = []
    for low, high in sorted((min(pair), max(pair)) for pair in ends):
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], high)
        else:
            merged.append((low, high))
    found: list[int] = []
    at = 0
    for low, high in merged:
        while at < len(known) and known[at] < low:
            at += 1
        while at < len(known) and known[at] <= high:
            found.append(known[at])
            at += 1
    return found


def day(spelt: str) -> date:
    """Return the date that IMAP writes as "24-Nov-2026".  Raises Misspelt."""
    found = re.fullmatch(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})", spelt.strip('"'))
    if found and found[2].title() in _MONTHS:
        try:
            return date(int(found[3]), _MONTHS.index(found[2].title()) + 1, int(found[1]))
        except ValueError:
            pass
    raise Misspelt("that is no date: 24-Nov-2026")


def moment(spelt: str) -> datetime:
    """Return the time that IMAP writes as "24-Nov-2026 08:00:00 +0900".  Raises Misspelt."""
    written, _, rest = spelt.strip().partition(" ")
    try:
        return datetime.strptime(f"{day(written).isoformat()} {rest}", "%Y-%m-%d %H:%M:%S %z")
    except Misspelt:
        raise
    except ValueError:
        raise Misspelt("that is no time: 24-Nov-2026 08:00:00 +0900") from None


def internal_date(when: datetime) -> str:
    """Return *when* as IMAP writes it, quoted."""
    return f'"{when.day:2d}-{_MONTHS[when.month - 1]}-{when.year:04d} {when:%H:%M:%S %z}"'


def quoted(value: str) -> bytes:
    """Return *value* as a string, quoted where that can be."""
    return nstring(value.encode("utf-8", "replace"))


def nstring(value: bytes | None) -> bytes:
    """Return *value* as a string, quoted where it may be, else as a literal; NIL for None."""
    if value is None:
        return b"NIL"
    if len(value) <= 200 and _QUOTABLE.match(value):
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%s" % (len(value), value)


def flag_list(flags: Iterable[str]) -> bytes:
    """Return *flags* in parentheses."""
    return b"(" + " ".join(sorted(flags)).encode() + b")"


def ranges(uids: Sequence[int]) -> str:
    """Return ascending *uids* as a set: "1:3,7"."""
    parts: list[list[int]] = []
    for uid in uids:
        if parts and uid == parts[-1][1] + 1:
            parts[-1][1] = uid
        else:
            parts.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in parts)
