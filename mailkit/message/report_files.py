"""Getting reports out of files, gzip, zip, mails and mailboxes: of DMARC (RFC 9990 section 2), of TLS (RFC 8460).

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
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from mailkit.results import visible

__all__ = ["JSON", "XML", "Bounded", "Content", "Found", "ReportProblem", "documents", "documents_in", "no_reports_in",
           "report_paths", "without_raising"]  # fmt: skip

_MAX_OCTETS = 1 << 30  # of one report, unpacked
_FREE_OCTETS = 16 << 20  # unpacked, before the ratio is looked at
_MAX_RATIO = 300  # unpacked octets for each packed one; a bomb reaches 1,000, a month of equal records about 100
_MAX_MAIL = 64 << 20
_MAX_MEMBERS = 100
_MAX_PARTS = 200
_MAX_FILES = 100_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SUFFIXES = (".gz", ".zip", ".eml", ".mbox")
_MAILDIR = ("cur", "new")  # the folders of a Maildir in which every file is a mail
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_BEFORE = b"\xef\xbb\xbf \t\r\n"  # what may stand before the first sign: a byte order mark, white space
_DAMAGE = (zlib.error, EOFError, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError)


@dataclass(frozen=True)
class Content:
    """What is looked for: its language, what is written in it and by which function that is read.

    ``begins`` is how such a file begins, ``signs`` how it begins where much else may stand, among the parts of a mail.
    """

    language: str
    report: str
    reader: str
    suffix: str
    begins: tuple[bytes, ...]
    signs: tuple[bytes, ...]


XML = Content(
    language="XML",
    report="aggregate reports (RFC 9990)",
    reader="mailkit.dmarc.read_reports",
    suffix=".xml",
    begins=(b"<", b"\xff\xfe", b"\xfe\xff"),  # the latter two: UTF-16
    signs=(b"<?xml", b"<feedback"),
)
JSON = Content(
    language="JSON",
    report="TLS reports (RFC 8460)",
    reader="mailkit.transport_policy.read_reports",
    suffix=".json",
    begins=(b"{", b"["),
    signs=(b"{",),
)


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


Found = tuple[str, Bounded | ReportProblem]  # of a report: a name, and what it says or what is wrong with it


def report_paths(path: Path, content: Content) -> list[Path]:
    """Return the files of a folder that may be reports, by their names and in their order, those in folders below too.

    Of a Maildir these are all its mails.  A file is returned as it is.  Links are not followed into other folders.
    """
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        every = Path(folder).name in _MAILDIR
        found += [Path(folder, name) for name in sorted(names) if every or name.lower().endswith(_endings(content))]
        if len(found) > _MAX_FILES:
            raise ReportProblem(f"the folder holds more than {_MAX_FILES:,} files")
    return found


def _endings(content: Content) -> tuple[str, ...]:
    return content.suffix, *_SUFFIXES


def no_reports_in(content: Content) -> str:
    """Return the sentence on a folder in which :func:`report_paths` found nothing."""
    *others, last = _endings(content)
    return f"the folder holds no reports: no file in it ends in {', '.join(others)} or {last}, or lies in a Maildir"


def without_raising(found: Iterator[Found]) -> Iterator[Found]:
    """Yield what was *found* in one file among several: when it cannot be read, that is its problem alone."""
    try:
        yield from found
    except OSError as error:
        raise ReportProblem(f"it cannot be read: {error.strerror or type(error).__name__}") from None


def documents(path: Path, content: Content) -> Iterator[Found]:
    """Yield what *path* holds: for each report a name and a stream of *content*, or the problem with it.

    Raises ReportProblem when the file as a whole is nothing that holds reports, OSError when it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ReportProblem("it is no file, but a device, a pipe or the like")
    with path.open("rb") as file:
        is_mailbox = path.suffix.lower() == ".mbox"
        yield from _documents(path.name, file, path.stat().st_size, content, is_mailbox=is_mailbox)


def documents_in(name: str, octets: bytes, content: Content) -> Iterator[Found]:
    """Yield what *octets*, called *name*, hold, as :func:`documents` does for a file."""
    return _documents(name, io.BytesIO(octets), len(octets), content, is_mailbox=False)


def _documents(name: str, file: IO[bytes], size: int, content: Content, *, is_mailbox: bool) -> Iterator[Found]:
    head = file.read(512)
    file.seek(0)
    if is_mailbox or head.startswith(b"From "):
        yield from _mailbox(name, file, content)
    else:
        yield from _document(name, file, head, size, content)


def _mailbox(name: str, file: IO[bytes], content: Content) -> Iterator[Found]:
    """Yield the reports in the mails of a mailbox file, where a line "From …" begins each mail (RFC 4155)."""
    for number, octets in enumerate(_mails(file), start=1):
        label = f"{name}, mail {number}"
        try:
            yield from _mail(label, octets, content)
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


def _document(name: str, file: IO[bytes], head: bytes, size: int, content: Content) -> Iterator[Found]:
    """Yield the reports in *file*, which begins with *head*."""
    if head.startswith(_GZIP):
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield name, _not_packed_again(unpacked, size, content)
    elif head.startswith(_ZIP):
        yield from _archive(name, file, content)
    elif head.lstrip(_BEFORE).startswith(content.begins):
        yield name, Bounded(file, None)
    elif not head.strip():
        raise ReportProblem("it is empty")
    elif elsewhere := _elsewhere(head, content):
        raise ReportProblem(elsewhere)
    else:
        yield from _mail(name, file.read(_MAX_MAIL + 1), content)


def _elsewhere(head: bytes, content: Content) -> str:
    """Return which other function reads what begins with *head*, "" when none is known."""
    for other in (XML, JSON):
        if other is not content and head.lstrip(_BEFORE).startswith(other.signs):
            return f"it is {other.language}, not {content.language}: {other.report} are read with {other.reader}"
    return ""


def _not_packed_again(stream: _Readable, size: int, content: Content) -> Bounded:
    """Return *stream* bounded; raises ReportProblem when an archive or another content lies in the archive."""
    try:
        head = stream.read(64)
    except _DAMAGE as error:
        raise ReportProblem("the archive is damaged, encrypted or of an unknown kind") from error
    if head.startswith((_GZIP, b"PK")):
        raise ReportProblem("there is an archive in the archive, which is not opened")
    if elsewhere := _elsewhere(head, content):
        raise ReportProblem(elsewhere)
    return Bounded(_Chained(head, stream), size)


class _Chained:
    """The octets *head*, then what is left of *stream*."""

    def __init__(self, head: bytes, stream: _Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        head, self._head = self._head, b""
        return head + self._stream.read(size - len(head))


def _archive(name: str, file: IO[bytes], content: Content) -> Iterator[Found]:
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
                        yield label, _not_packed_again(unpacked, max(member.compress_size, 1), content)
                except ReportProblem as problem:
                    yield label, problem
    except _DAMAGE as error:
        raise ReportProblem("the archive is damaged, encrypted or of an unknown kind") from error


def _mail(name: str, octets: bytes, content: Content) -> Iterator[Found]:
    """Yield the reports that are attached to a mail; what else it holds is passed over (RFC 9990 section 2)."""
    if len(octets) > _MAX_MAIL:
        raise ReportProblem(f"the mail is larger than {_MAX_MAIL >> 20} MiB")
    try:
        parts = list(_leaves(octets))
    except RecursionError:
        raise ReportProblem("the parts of the mail are nested too deeply") from None
    found = False
    elsewhere = ""
    for number, (label, part) in enumerate(parts):
        elsewhere = elsewhere or _elsewhere(part[:512], content)
        if part.startswith((_GZIP, _ZIP)) or part[:512].lstrip(_BEFORE).startswith(content.signs):
            found = True
            where = f"{name}, {visible(label, 200)}" if label else f"{name}, part {number}"
            try:
                yield from _document(where, io.BytesIO(part), part[:512], max(len(part), 1), content)
            except ReportProblem as problem:
                yield where, problem
    if not found:
        nothing = f"it is no report: neither {content.language} nor an archive, nor a mail with one attached"
        raise ReportProblem(elsewhere or nothing)


def _leaves(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield file name and octets of each part of a mail that holds no parts."""
    message = email.message_from_bytes(octets, policy=email.policy.compat32)
    for number, part in enumerate(message.walk()):
        if number >= _MAX_PARTS:
            raise ReportProblem(f"the mail has more than {_MAX_PARTS} parts")
        payload = None if part.is_multipart() else part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield str(part.get_filename() or ""), payload
