"""A report as a file: CSV for a spreadsheet, JSON for a program; each row with its domain, the date and the place.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula and runs it, some also with the
wide forms of these, and what a server or a record says gets into such cells.  Where lists are written with semicolons,
a spreadsheet may part cells there, so that a formula need not stand at the beginning.  In CSV an apostrophe is put
before all of these: the spreadsheet's own way to say "this is text".  JSON is left as it is.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mailkit.network import Network
from mailkit.results import Finding, Rows, visible

__all__ = ["opened", "write_csv", "write_json", "write_text"]

_FORMULA = re.compile(r"""(?:\A|(?<=[;\t\r\n]))(["']*)(?=[=+@\-\t\r\n\uff1d\uff0b\uff0d\uff20])""")
_CHARACTERS = 70_000  # of a cell


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open *path* to write a report to it: before the work, so that a name that cannot be written costs no work.

    What the file holds stays until there is something new, and a new file with nothing in it goes again.  Raises
    OSError.
    """
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        try:
            yield file
        finally:
            file.flush()
            if new and path.stat().st_size == 0:
                path.unlink()


def _emptied(file: TextIO) -> TextIO:
    if file.seekable():
        file.truncate(0)
    return file


def write_csv(findings: Rows[Finding], file: TextIO, *, net: Network) -> None:
    """Write *findings* to *file* as CSV (RFC 4180), safe to open in a spreadsheet; *net* is where they were made.

    Open the file with ``newline=""`` and ``encoding="utf-8"``; what it holds is replaced.
    """
    writer = csv.writer(_emptied(file))
    writer.writerow(_columns())
    for row in _rows(findings, net):
        writer.writerow([_as_text(cell) for cell in row.values()])


def _as_text(cell: str) -> str:
    """Return *cell* such that no part of it, cut at semicolons or lines, is taken for a formula."""
    return _FORMULA.sub(r"'\1", cell)


def write_json(findings: Rows[Finding], file: TextIO, *, net: Network) -> None:
    """Write *findings* to *file* as JSON: a list of objects, one a finding; *net* is where they were made."""
    json.dump(_rows(findings, net), _emptied(file), indent=2, ensure_ascii=False)
    file.write("\n")


def write_text(text: str, file: TextIO) -> None:
    """Write *text* to *file*; what it holds is replaced."""
    _emptied(file).write(text)


def _columns() -> list[str]:
    names = [field.name for field in dataclasses.fields(Finding) if field.name != "domain"]
    return ["domain", "date", "place", *names]


def _rows(findings: Rows[Finding], net: Network) -> list[dict[str, str]]:
    where = {"date": f"{net.now():%Y-%m-%d}", "place": f"{net.name}, seen from {net.vantage}"}
    return [{name: where.get(name) or _cell(getattr(f, name)) for name in _columns()} for f in findings]


def _cell(text: str) -> str:
    """Return *text* with control characters spelled out, except that what is to be pasted keeps its lines."""
    return "\n".join(visible(line, _CHARACTERS) for line in text.splitlines())
