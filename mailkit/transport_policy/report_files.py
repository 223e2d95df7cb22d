"""Getting the JSON of TLS reports out of files, gzip and mails (RFC 8460 sections 5.1 to 5.3), bounded.

Reports come from strangers: octets, parts and the ratio of unpacked to packed are counted before anything is kept.
"""

from __future__ import annotations

import email
import email.policy
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from mailkit.results import visible

__all__ = ["ReportProblem", "contents", "report_paths"]

_MOST_OCTETS = 32 << 20  # of one report, unpacked
_FREE_OCTETS, _MOST_RATIO = 4 << 20, 300
_MOST_MAIL = 64 << 20
_MOST_PARTS = 200
_MOST_FILES = 100_000
_SUFFIXES = (".json", ".gz", ".eml")
_GZIP = b"\x1f\x8b"


class ReportProblem(ValueError):
    """What is no report, or none that can be read; the text is a sentence that says why."""


def report_paths(path: Path) -> list[Path]:
    """Return the files of a folder that may be reports, by their names; a file is returned as it is."""
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        found += [Path(folder, name) for name in sorted(names) if name.lower().endswith(_SUFFIXES)]
        if len(found) > _MOST_FILES:
            raise ReportProblem(f"the folder holds more than {_MOST_FILES:,} files")
    return found


def contents(source: Path | bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield a label and the JSON of each report in *source*, a file or its octets.

    Raises ReportProblem for what holds none, OSError for a file that cannot be read.
    """
    octets = source if isinstance(source, bytes) else _read(source)
    if len(octets) > _MOST_MAIL:
        raise ReportProblem(f"it is larger than {_MOST_MAIL >> 20} MiB")
    if not octets.strip():
        raise ReportProblem("it is empty")
    if octets.startswith(_GZIP) or _is_json(octets):
        yield name, _unpacked(octets)
        return
    parts = [(label, part) for label, part in _leaves(octets) if part.startswith(_GZIP) or _is_json(part)]
    if not parts:
        raise ReportProblem("it is no TLS report: neither JSON, nor gzip, nor a mail with one attached")
    for label, part in parts:
        yield f"{name}, {visible(label, 200)}".strip(", "), _unpacked(part)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_MAIL + 1)


def _is_json(octets: bytes) -> bool:
    return octets[:100].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))


def _unpacked(octets: bytes) -> bytes:
    if not octets.startswith(_GZIP):
        unpacked = octets
    else:
        most = min(_MOST_OCTETS, max(_FREE_OCTETS, _MOST_RATIO * len(octets)))
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(octets)) as file:
                unpacked = file.read(most + 1)
        except (zlib.error, EOFError, OSError):
            raise ReportProblem("the gzip is damaged") from None
        if len(unpacked) > most:
            raise ReportProblem("it unpacks to far more than its size, as bombs do")
    if len(unpacked) > _MOST_OCTETS:
        raise ReportProblem(f"the report is larger than {_MOST_OCTETS >> 20} MiB")
    return unpacked


def _leaves(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield file name and octets of each part of a mail that holds no parts."""
    try:
        message = email.message_from_bytes(octets, policy=email.policy.compat32)
        for number, part in enumerate(message.walk()):
            if number >= _MOST_PARTS:
                raise ReportProblem(f"the mail has more than {_MOST_PARTS} parts")
            payload = None if part.is_multipart() else part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield str(part.get_filename() or f"part {number}"), payload
    except RecursionError:
        raise ReportProblem("the parts of the mail are nested too deeply") from None
