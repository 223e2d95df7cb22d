"""Findings in a SQLite file: stored as they come, so that whatever ends a run, nothing is lost.

A domain and all its findings are written in one transaction, with others that were done in the same moment.  A run that
was interrupted, even by SIGKILL, is gone on with by the next call that asks for the same: the same domains, checks and
place.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailkit.network import Network
from mailkit.report.portfolio import PortfolioDomain
from mailkit.results import Finding, Record, Rows, Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Run", "Store", "opened_store", "runs", "stored", "stored_findings"]

_FIELDS = tuple(field.name for field in dataclasses.fields(Finding))
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY, wanted TEXT NOT NULL, begun TEXT NOT NULL, place TEXT NOT NULL, domains INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS done (
    run INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS findings (
    run INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
    {", ".join(f'"{name}" TEXT NOT NULL' for name in _FIELDS)}, PRIMARY KEY (run, position, number)
) WITHOUT ROWID;
"""
_cells = attrgetter(*_FIELDS)
_WAIT = 60.0  # seconds for another program that is writing


@dataclass(frozen=True)
class Run(Record):
    """One run of :func:`audit` in a store: ``done`` of its ``domains`` are there."""

    run: int
    begun: str
    place: str
    domains: int
    done: int

    @property
    def finished(self) -> bool:
        """True when every domain is there."""
        return self.done == self.domains


@contextmanager
def opened_store(path: str | Path, *, new: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the SQLite file *path*, made when *new*; raises ValueError or OSError that says what is wrong with it."""
    path = Path(path)
    if not new and not path.exists():
        raise ValueError(f"there is no store {path.name}: audit(domains, net=net, store=…) makes one")
    try:
        with closing(sqlite3.connect(path, timeout=_WAIT, isolation_level=None)) as base:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
            base.executescript(_SCHEMA)
            yield base
    except sqlite3.OperationalError as error:
        raise OSError(f"the store {path.name} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path.name} is no store of findings: {error}") from error


class Store:
    """One run in the SQLite file *path*, begun or gone on with.

    *checks* are the names of what is checked.  Raises ValueError for a file that is something else, OSError for one
    that cannot be written.
    """

    def __init__(
        self, path: str | Path, entries: Sequence[PortfolioDomain], checks: Iterable[str], net: Network
    ) -> None:
        self._opened = opened_store(path, new=True)
        self._base = self._opened.__enter__()
        place = f"{net.name}, seen from {net.vantage}"
        wanted = _wanted(entries, checks, place)
        last = self._base.execute("SELECT max(run) FROM runs WHERE wanted = ?", (wanted,)).fetchone()[0]
        if last is None or _run(self._base, last).finished:
            values = (wanted, f"{net.now():%Y-%m-%d %H:%M}", place, len(entries))
            begun = self._base.execute("INSERT INTO runs (wanted, begun, place, domains) VALUES (?, ?, ?, ?)", values)
            last = begun.lastrowid
        self.number = int(last)
        rows = self._base.execute("SELECT position FROM done WHERE run = ?", (self.number,))
        self.done = frozenset(position for (position,) in rows)

    def save(self, some: Sequence[tuple[int, Sequence[Finding]]]) -> None:
        """Write *some* positions with the findings on the domains there, all of them or, when interrupted, none."""
        if not some:
            return
        cells = [
            (self.number, position, number, *map(str, _cells(finding)))
            for position, findings in some
            for number, finding in enumerate(findings)
        ]
        self._base.execute("BEGIN IMMEDIATE")
        self._base.executemany(f"INSERT OR REPLACE INTO findings VALUES (?, ?, ?{', ?' * len(_FIELDS)})", cells)
        self._base.executemany("INSERT OR REPLACE INTO done VALUES (?, ?)", ((self.number, at) for at, _ in some))
        self._base.execute("COMMIT")

    def findings(self) -> list[Finding]:
        """Return all that is stored of this run, in the order of the domains."""
        return _findings(self._base, self.number)

    def run(self) -> Run:
        """Return how far this run is."""
        return _run(self._base, self.number)

    def close(self) -> None:
        """Close the file."""
        self._opened.__exit__(None, None, None)


def _wanted(entries: Sequence[PortfolioDomain], checks: Iterable[str], place: str) -> str:
    """Return a text that is the same for runs that ask for the same."""
    digest = hashlib.sha256(json.dumps([place, sorted(checks)]).encode())
    for entry in entries:
        digest.update(json.dumps(dataclasses.astuple(entry), default=str).encode())
    return digest.hexdigest()


def _run(base: sqlite3.Connection, number: int) -> Run:
    row = base.execute("SELECT begun, place, domains FROM runs WHERE run = ?", (number,)).fetchone()
    if row is None:
        raise ValueError(f"there is no run {number} in this store; report.runs(store) lists them")
    (done,) = base.execute("SELECT count(*) FROM done WHERE run = ?", (number,)).fetchone()
    return Run(number, row[0], row[1], row[2], done)


def _findings(base: sqlite3.Connection, number: int) -> list[Finding]:
    columns = ", ".join(f'"{name}"' for name in _FIELDS)
    found = []
    for row in base.execute(f"SELECT {columns} FROM findings WHERE run = ? ORDER BY position, number", (number,)):
        cells: dict[str, Any] = dict(zip(_FIELDS, row))
        found.append(Finding(**{**cells, "verdict": Verdict(cells["verdict"])}))
    return found


def runs(store: str | Path) -> Rows[Run]:
    """Return the runs in the SQLite file *store*, oldest first.  Raises ValueError for what is no store."""
    with opened_store(store) as base:
        numbers = [number for (number,) in base.execute("SELECT run FROM runs ORDER BY run").fetchall()]
        return Rows(Run, [_run(base, number) for number in numbers], caption=f"runs in {Path(store).name}")


def stored(store: str | Path, run: int | None = None) -> pd.DataFrame:
    """Return the findings of *run* (default: the last one) in the SQLite file *store* as a DataFrame.

    It has the columns of ``audit(…).frame``.  Raises ValueError for what is no store, and for a run that is not there.
    """
    with opened_store(store) as base:
        return Rows(Finding, stored_findings(base, run)).frame


def stored_findings(base: sqlite3.Connection, run: int | None) -> list[Finding]:
    """Return the findings of *run*, None for the last one; raises ValueError when there is none."""
    if run is None:
        (run,) = base.execute("SELECT max(run) FROM runs").fetchone()
        if run is None:
            raise ValueError("there is no run in this store yet")
    return _findings(base, _run(base, run).run)
