"""``read_reports``: a month of aggregate reports as one tidy DataFrame (RFC 9990, and RFC 7489 appendix C)."""

from __future__ import annotations

import os
import socket
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailkit.dmarc.report_rows import SHAPE, Header, Shape
from mailkit.dmarc.report_xml import Batch, Known, read_xml
from mailkit.message.report_files import (
    XML,
    Found,
    ReportProblem,
    documents,
    documents_in,
    no_reports_in,
    report_paths,
    without_raising,
)
from mailkit.results import visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "read_reports"]

COLUMNS = (
    *("source_ip", "count", "disposition", "dkim", "spf", "header_from", "org_name", "report_id", "domain"),
    *("begin", "end", "aligned", "p", "sp", "np", "adkim", "aspf", "testing", "discovery_method", "format"),
    *("envelope_from", "envelope_to", "reason", "comment"),
    *("dkim_domain", "dkim_selector", "dkim_result", "spf_domain", "spf_result", "email", "file"),
)
# Words that few rows differ in; the other texts are mostly names.
_CATEGORIES = frozenset(
    ("disposition", "dkim", "spf", "reason", "dkim_result", "spf_result", "org_name", "report_id", "domain", "file")
) | {"p", "sp", "np", "adkim", "aspf", "testing", "discovery_method", "format", "email"}
_MAX_ROWS = 20_000_000

Paths = str | os.PathLike[str] | bytes | Iterable[str | os.PathLike[str] | bytes]


def read_reports(paths: Paths) -> pd.DataFrame:
    """Return the records of aggregate reports, one row for each, in the columns COLUMNS.

    *paths* is a file, a folder, or several of them: XML as it is, in gzip or zip, mails (.eml) or mailboxes with such
    attachments; of a folder all files with these endings, also in folders below, and the mails of a Maildir.  Bytes are
    what such a file holds, a mail for instance.  A report that comes twice, by sender, id, domain and time, is read
    once.  ``aligned`` is whether a message passed by SPF or DKIM, ``begin`` and ``end`` are moments in UTC, several
    DKIM results stand in one text.  Words are in small letters, and an address is spelt in one way.

    In a folder, an archive of several files, a mailbox or among several bytes one bad report does not spoil the others:
    ``.attrs["problems"]`` names those that were left out, with the reason, and ``.attrs["repeated"]`` those that came
    twice.  Raises ValueError for a path that is no report or holds none, FileNotFoundError for one that is not there.
    """
    listed = [paths] if isinstance(paths, (str, os.PathLike, bytes)) else list(paths)
    if not listed or not all(isinstance(path, (str, os.PathLike, bytes)) for path in listed):
        raise TypeError("paths is a file or a folder of reports, or a list of them: read_reports('reports')")
    collected = _Collected()
    octets = [each for each in listed if isinstance(each, bytes)]
    for number, each in enumerate(octets, start=1):
        name = f"message {number}"
        _read_documents(documents_in(name, each, XML), name, name, collected)
    if octets and not collected.reports:
        name, reason = collected.problems[-1]
        raise ValueError(f"{reason} ({name})")
    for path in [Path(each) for each in listed if not isinstance(each, bytes)]:
        _read_path(path, collected)
    return collected.frame()


def _read_path(path: Path, collected: _Collected) -> None:
    before = collected.reports
    several = path.is_dir()
    for file in report_paths(path, XML):
        name = str(file.relative_to(path)) if several else file.name
        found = documents(file, XML)
        _read_documents(without_raising(found) if several else found, file.name, name, collected)
    if collected.reports == before:
        name, reason = collected.problems[-1] if collected.problems else ("", no_reports_in(XML))
        raise ValueError(f"{visible(str(path), 200)}: {reason}" + (f" ({name})" if several and name else ""))


def _read_documents(found: Iterator[Found], file: str, name: str, collected: _Collected) -> None:
    """Read what was *found* in *file*, which is to be called *name*."""
    try:
        for inner, stream in found:
            label = name + inner.removeprefix(file)
            if isinstance(stream, ReportProblem):
                collected.problems.append((label, str(stream)))
                continue
            mark = collected.mark()
            try:
                for batch in read_xml(stream, collected.known_texts):
                    if not collected.add(batch, label, mark):
                        break
                else:
                    collected.finish(mark)
            except ReportProblem as problem:
                collected.take_back(mark)
                collected.problems.append((label, str(problem)))
    except ReportProblem as problem:
        collected.problems.append((name, str(problem)))


@dataclass
class _Collected:
    """The rows read so far: numbers of addresses, shapes and headers, each of which is kept once."""

    addresses: dict[str, int] = field(default_factory=dict)
    shapes: dict[Shape, int] = field(default_factory=dict)
    headers: list[tuple[Header, str]] = field(default_factory=list)
    known: set[tuple[str, str, str, int, int]] = field(default_factory=set)
    address_of: array[int] = field(default_factory=lambda: array("i"))
    shape_of: array[int] = field(default_factory=lambda: array("i"))
    header_of: array[int] = field(default_factory=lambda: array("i"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    problems: list[tuple[str, str]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    reports: int = 0
    known_texts: Known = field(default_factory=Known)

    def mark(self) -> tuple[int, int]:
        """Return where the next report begins."""
        return len(self.counts), len(self.headers)

    def add(self, batch: Batch, label: str, mark: tuple[int, int]) -> bool:
        """Take the rows of *batch*; False for a report that is known already, of which nothing is taken."""
        header, rows = batch
        if len(self.headers) == mark[1]:
            if _identity(header) in self.known:
                self.repeated.append(label)
                self.reports += 1
                return False
            self.headers.append((header, label))
        if len(self.counts) + len(rows) > _MAX_ROWS:
            raise ReportProblem(f"there are more than {_MAX_ROWS} records in all")
        number = len(self.headers) - 1
        addresses, shapes = self.addresses, self.shapes
        for address, count, shape in rows:
            self.address_of.append(addresses.setdefault(address, len(addresses)))
            self.shape_of.append(shapes.setdefault(shape, len(shapes)))
            self.counts.append(count)
        self.header_of.extend([number] * len(rows))
        return True

    def finish(self, mark: tuple[int, int]) -> None:
        """Count the report that began at *mark*, which was read to its end."""
        self.known.add(_identity(self.headers[mark[1]][0]))
        self.reports += 1

    def take_back(self, mark: tuple[int, int]) -> None:
        """Forget the rows since *mark*: a report that breaks off is not counted by halves."""
        for numbers in (self.address_of, self.shape_of, self.header_of, self.counts):
            del numbers[mark[0] :]
        del self.headers[mark[1] :]

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame."""
        import numpy as np
        import pandas as pd  # both are slow to import

        shape_of, header_of = np.asarray(self.shape_of), np.asarray(self.header_of)
        addresses = map(_spelt_alike, self.addresses)
        columns: dict[str, Any] = {"source_ip": _texts(addresses, np.asarray(self.address_of), "source_ip")}
        columns["count"] = np.asarray(self.counts)
        by_shape = list(zip(*self.shapes, strict=True)) or [()] * len(SHAPE)
        for name, values in zip(SHAPE, by_shape, strict=True):
            columns[name] = _texts(values, shape_of, name)
        for name in ("org_name", "report_id", "domain", "p", "sp", "np", "adkim", "aspf", "testing", "email"):
            columns[name] = _texts([getattr(h, name) for h, _ in self.headers], header_of, name)
        for name in ("discovery_method", "format"):
            columns[name] = _texts([getattr(h, name) for h, _ in self.headers], header_of, name)
        for name in ("begin", "end"):
            seconds = np.array([getattr(h, name) for h, _ in self.headers], dtype="int64")
            columns[name] = pd.to_datetime(seconds[header_of], unit="s", utc=True).as_unit("ns")
        columns["file"] = _texts([label for _, label in self.headers], header_of, "file")
        columns["aligned"] = (np.asarray(columns["dkim"]) == "pass") | (np.asarray(columns["spf"]) == "pass")
        frame = pd.DataFrame({name: columns[name] for name in COLUMNS})
        frame.attrs["problems"] = tuple(self.problems)
        frame.attrs["repeated"] = tuple(self.repeated)
        return frame


def _identity(header: Header) -> tuple[str, str, str, int, int]:
    return header.org_name, header.report_id, header.domain, header.begin, header.end


def _spelt_alike(address: str) -> str:
    """Return *address* as all reports should spell it (RFC 5952); what is no address stays as it is."""
    if ":" not in address:
        return address
    try:
        spelt = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))
    except (OSError, ValueError):
        return address
    return spelt.removeprefix("::ffff:") if "." in spelt else spelt


def _texts(values: Iterable[str], numbers: Any, name: str) -> Any:
    """Return a column that has at each place the one of *values* that *numbers* says."""
    import numpy as np
    import pandas as pd

    codes, words = pd.factorize(np.array(list(values), dtype=object))
    if name in _CATEGORIES:
        column = pd.Categorical.from_codes(codes[numbers], categories=pd.Index(words, dtype="string"))
        return column.remove_unused_categories()
    return pd.array(words, dtype="string").take(codes[numbers])
