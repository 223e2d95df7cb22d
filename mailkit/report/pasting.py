"""A message however it was handed over: octets, a file, or text copied from a window and damaged on the way.

What a mail program shows as "original" often loses the space before a continuation line, gains an indentation or the
separator of an mbox file, and changes the ends of lines.  A header is mended as far as that is safe to guess, each
repair is noted, and what came as text is called a copy: a signature that does not fit may be the copy's fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mailkit.message.fields import MAX_OCTETS, MalformedMessage, parse
from mailkit.results import visible

__all__ = ["Handed", "handed"]

# Names may hold any sign (RFC 5322 section 2.2); in a copy, "h=From:" and "https://" are rather the rest of a line.
_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9_.-]*[ \t]*:(?!//)")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_INDENTED = re.compile(rb"([ \t]+|(?:> ?)+)[A-Za-z][A-Za-z0-9_.-]*:(?!//)")
_PREFACE = 50  # lines of other text that may stand before the header
_MAX_HEADER_LINES = 50_000  # of one that is mended


@dataclass(frozen=True)
class Handed:
    """The octets to be read; ``copied`` when they came as text, ``notes`` on what was mended."""

    octets: bytes
    copied: bool
    notes: tuple[str, ...] = ()


def handed(eml: bytes | str | Path) -> Handed:
    """Return the message in *eml*: its octets, the path of a file, or its text.

    Raises ValueError for a file that cannot be read and for what holds no header field, TypeError for another type.
    """
    if isinstance(eml, Path) or (isinstance(eml, str) and _names_a_file(eml)):
        return _mended(_read(Path(eml)), copied=False)
    if isinstance(eml, str):
        return _mended(eml.encode("utf-8", "surrogateescape" if _can(eml) else "replace"), copied=True)
    if isinstance(eml, (bytes, bytearray)):
        return _mended(bytes(eml), copied=False)
    raise TypeError(f"the message is bytes, a path, or the pasted text, not {type(eml).__name__}")


def _can(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _names_a_file(text: str) -> bool:
    if not text or len(text) > 1000 or "\n" in text or "\r" in text or "\0" in text:
        return False
    try:
        return Path(text).is_file()
    except OSError:
        return False


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_OCTETS + 1)
    except OSError as error:
        raise ValueError(f"the file {visible(str(path), 80)} cannot be read: {error.strerror}") from None


def _mended(octets: bytes, *, copied: bool) -> Handed:
    if not copied:
        try:
            if len(octets) > MAX_OCTETS or parse(octets).fields:
                return Handed(octets, copied)
        except MalformedMessage:
            pass
    lines = _LINE_END.split(octets.removeprefix(b"\xef\xbb\xbf"))
    notes: list[str] = []
    start = _start(lines)
    if start:
        notes.append(f"what stood before the header was left out: {start} line{'s' if start > 1 else ''}")
    lines = _without_indentation(lines[start:], notes)
    header, body = _split(lines)
    if len(header) > _MAX_HEADER_LINES:
        return Handed(octets, copied)  # too much to mend, and to cut it off would make fields missing that are there
    broken = [n for n, line in enumerate(header) if line[:1] not in (b" ", b"\t") and not _FIELD.match(line)]
    for number in broken:
        header[number] = b" " + header[number]
    if broken:
        notes.append(f"lines of the header that continue none were joined to the one before: {len(broken)}")
    return Handed(b"\r\n".join([*header, b"", *body]), copied, tuple(notes))


def _start(lines: list[bytes]) -> int:
    """Return the number of the line at which the header begins."""
    for number, line in enumerate(lines[:_PREFACE]):
        if _FIELD.match(line) or _INDENTED.match(line):
            return number
    raise ValueError("this is no mail message: no header field (Name: value) stands at its beginning")


def _without_indentation(lines: list[bytes], notes: list[str]) -> list[bytes]:
    match = _INDENTED.match(lines[0])
    if not match or _FIELD.match(lines[0]):
        return lines
    notes.append("the whole of it was indented or quoted, which was taken away")
    bare = match[1].rstrip(b" ")
    return [line.removeprefix(match[1]) if line.startswith(match[1]) else line.removeprefix(bare) for line in lines]


def _split(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    for number, line in enumerate(lines):
        if not line.strip(b" \t"):
            return lines[:number], lines[number + 1 :]
    return lines, []
