"""Getting the XML of aggregate reports out of files, gzip, zip, mails and mailboxes (RFC 9990 section 2).

Reports come from strangers by mail.  Nothing is unpacked to its end without counting: octets, members, attachments and
the ratio of unpacked to packed are bounded, and an archive inside an archive is not opened.
"""

from __future__ import annotations

import email
import email.policy
import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from mailkit.results import visible

__all__ = ["Bounded", "ReportProblem", "documents", "documents_in", "report_paths"]

_MAX_OCTETS = 1 << 30  # of one report, unpacked
_FREE_OCTETS = 16 << 20  # unpacked, before the ratio is looked at
_MAX_RATIO = 300  # unpacked octets for each packed one; a bomb reaches 1,000, a month of equal records about 100
_MAX_MAIL = 64 << 20
_MAX_MEMBERS = 100
_MAX_PARTS = 200
_MAX_FILES = 100_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SUFFIXES = (".xml", ".gz", ".zip", ".eml", ".mbox")
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_DAMAGE = (zlib.error, EOFError, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError)


class ReportProblem(ValueError):
    """What is no report, or none that can be read; the text is a sentence that says why."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Bounded:
    """A stream that stops with ReportProblem when it gives too much: in all, or for the octets it was packed in."""

    def __init__(self, stream: _Readable, packed: int | None) -> None:
        self._stream = stream
        self._packed = packed
        self._given = 0

    def read(self, size: int) -> bytes:
        """Return up to *size* octets, none at the end.  Raises ReportProblem."""
        try:
            octets = self._stream.read(size)
        except _DAMAGE as error:
            raise ReportProblem("the archive is damaged, encrypted or of an unknown kind") from error
        self._given += len(octets)
        if self._given > _MAX_OCTETS:
            raise ReportProblem(f"the report is larger than {_MAX_OCTETS >> 20} MiB and was not read on")
        if self._packed is not None and self._given > _FREE_OCTETS and self._given > _MAX_RATIO * self._packed:
            raise ReportProblem(f"the archive unpacks to more than {_MAX_RATIO} times its size, as bombs do")
        return octets


def report_paths(path: Path) -> list[Path]:
    """Return the files of a folder that may be reports, by their names and in their order, those in folders below too.

    A file is returned as it is.  Links are not followed into other folders.
    """
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        found += [Path(folder, name) for name in sorted(names) if name.lower().endswith(_SUFFIXES)]
        if len(found) > _MAX_FILES:
            raise ReportProblem(f"the folder holds more than {_MAX_FILES} files")
    return found


def documents(path: Path) -> Iterator[tuple[str, Bounded | ReportProblem]]:
    """Yield what *path* holds: for each report a name and a stream of XML, or the problem with it.

    Raises ReportProblem when the file as a whole is nothing that holds reports, OSError when it cannot be read.
    """
    with path.open("rb") as file:
        yield from _documents(path.name, file, path.stat().st_size, is_mailbox=path.suffix.lower() == ".mbox")


def documents_in(name: str, octets: bytes) -> Iterator[tuple[str, Bounded | ReportProblem]]:
    """Yield what *octets*, called *name*, hold, as :func:`documents` does for a file."""
    return _documents(name, io.BytesIO(octets), len(octets), is_mailbox=False)


def _documents(
    name: str, file: IO[bytes], size: int, *, is_mailbox: bool
) -> Iterator[tuple[str, Bounded | ReportProblem]]:
    head = file.read(512)
    file.seek(0)
    if is_mailbox or head.startswith(b"From "):
        yield from _mailbox(name, file)
    else:
        yield from _document(name, file, head, size)


def _mailbox(name: str, file: IO[bytes]) -> Iterator[tuple[str, Bounded | ReportProblem]]:
    """Yield the reports in the mails of a mailbox file, where a line "From …" begins each mail (RFC 4155)."""
    for number, octets in enumerate(_mails(file), start=1):
        label = f"{name}, mail {number}"
        try:
            yield from _mail(label, octets)
        except ReportProblem as problem:
            yield label, problem


def _mails(file: IO[bytes]) -> Iterator[bytes]:
    """Yield each mail of a mailbox file; of one that is too large only so much that its size is seen."""
    lines: list[bytes] = []
    octets = 0
    while line := file.readline(_MAX_MAIL):
        if line.startswith(b"From ") and (not lines or lines[-1] in (b"\n", b"\r\n")):
            if lines:
                yield b"".join(lines)
            lines, octets = [], 0
        elif octets <= _MAX_MAIL:
            lines.append(line)
            octets += len(line)
    if lines:
        yield b"".join(lines)


def _document(
    name: str, file: IO[bytes], head: bytes, size: int, *, inside: str = ""
) -> Iterator[tuple[str, Bounded | ReportProblem]]:
    """Yield the reports in *file*, which begins with *head*; *inside* says what it was taken out of."""
    if head.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield name, _not_packed_again(unpacked, size)
    elif head.startswith(b"PK\x03\x04"):
        yield from _archive(name, file)
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or head.startswith(_BOMS):
        yield name, Bounded(file, None)
    elif inside or not head.strip():
        raise ReportProblem("it is empty" if not head.strip() else f"{inside or 'it'} holds neither XML nor an archive")
    else:
        yield from _mail(name, file.read(_MAX_MAIL + 1))


def _not_packed_again(stream: _Readable, size: int) -> Bounded:
    """Return *stream* bounded; raises ReportProblem when an archive lies in the archive."""
    try:
        head = stream.read(4)
    except _DAMAGE as error:
        raise ReportProblem("the archive is damaged, encrypted or of an unknown kind") from error
    if head.startswith((b"\x1f\x8b", b"PK")):
        raise ReportProblem("there is an archive in the archive, which is not opened")
    return Bounded(_Chained(head, stream), size)


class _Chained:
    """The octets *head*, then what is left of *stream*."""

    def __init__(self, head: bytes, stream: _Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        head, self._head = self._head, b""
        return head + self._stream.read(size - len(head))


def _archive(name: str, file: IO[bytes]) -> Iterator[tuple[str, Bounded | ReportProblem]]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > _MAX_MEMBERS:
                raise ReportProblem(f"the archive holds more than {_MAX_MEMBERS} files")
            if not members:
                raise ReportProblem("the archive is empty")
            for member in members:
                label = name if len(members) == 1 else f"{name}, {visible(member.filename, 200)}"
                try:
                    if member.compress_type not in _METHODS:
                        raise ReportProblem("the archive is damaged, encrypted or of an unknown kind")
                    with archive.open(member) as unpacked:
                        yield label, _not_packed_again(unpacked, max(member.compress_size, 1))
                except ReportProblem as problem:
                    yield label, problem
    except _DAMAGE as error:
        raise ReportProblem("the archive is damaged, encrypted or of an unknown kind") from error


def _mail(name: str, octets: bytes) -> Iterator[tuple[str, Bounded | ReportProblem]]:
    """Yield the reports that are attached to a mail; what else it holds is passed over (RFC 9990 section 2)."""
    if len(octets) > _MAX_MAIL:
        raise ReportProblem(f"the mail is larger than {_MAX_MAIL >> 20} MiB")
    try:
        parts = list(_leaves(octets))
    except RecursionError:
        raise ReportProblem("the parts of the mail are nested too deeply") from None
    found = False
    for number, (label, part) in enumerate(parts):
        if part.startswith((b"\x1f\x8b", b"PK\x03\x04")) or part.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(
            (b"<?xml", b"<feedback")
        ):
            found = True
            where = f"{name}, {visible(label, 200)}" if label else f"{name}, part {number}"
            try:
                yield from _document(where, io.BytesIO(part), part[:512], max(len(part), 1), inside="the attachment")
            except ReportProblem as problem:
                yield where, problem
    if not found:
        raise ReportProblem("it is no report: neither XML nor an archive, nor a mail with one attached")


def _leaves(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield file name and octets of each part of a mail that holds no parts."""
    message = email.message_from_bytes(octets, policy=email.policy.compat32)
    for number, part in enumerate(message.walk()):
        if number >= _MAX_PARTS:
            raise ReportProblem(f"the mail has more than {_MAX_PARTS} parts")
        payload = None if part.is_multipart() else part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield str(part.get_filename() or ""), payload
