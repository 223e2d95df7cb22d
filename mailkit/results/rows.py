"""Rows of records, shown as HTML tables and handed on as pandas DataFrames."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import pandas as pd

from mailkit.results.display import BADGES, Word, cell_text, plain, table_html, visible
from mailkit.results.outcomes import Outcome, Verdict
from mailkit.results.records import shown_fields

__all__ = ["Rows", "Table"]

R = TypeVar("R")


class Rows(Sequence[R], Generic[R]):
    """An immutable sequence of records of one kind, shown as an HTML table.

    *kind* is the dataclass of the records (it fixes the columns even when there are none), *caption* says
    where and when they were observed.
    """

    def __init__(self, kind: type[R], records: Iterable[R], *, caption: str = "") -> None:
        self.kind = kind
        self.caption = caption
        self._records = tuple(records)
        for record in self._records:
            if not isinstance(record, kind):
                raise TypeError(f"Rows of {kind.__name__} cannot hold a {type(record).__name__}")

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        return iter(self._records)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> Rows[R]: ...
    def __getitem__(self, index: int | slice) -> R | Rows[R]:
        if isinstance(index, slice):
            return Rows(self.kind, self._records[index], caption=self.caption)
        return self._records[index]

    def __add__(self, other: Rows[R]) -> Rows[R]:
        if not isinstance(other, Rows) or other.kind is not self.kind:
            return NotImplemented
        captions = dict.fromkeys(caption for caption in (self.caption, other.caption) if caption)
        return Rows(self.kind, (*self._records, *other._records), caption="; ".join(captions))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self._records == other._records

    def __hash__(self) -> int:
        return hash(self._records)

    def where(self, **equal: Any) -> Rows[R]:
        """Return the rows whose named fields have the given values: ``rows.where(port=25)``."""
        names = {f.name for f in dataclasses.fields(self.kind)}  # type: ignore[arg-type]
        if unknown := equal.keys() - names:
            raise ValueError(f"no column {sorted(unknown)}; there are {sorted(names)}")
        kept = [r for r in self._records if all(getattr(r, name) == want for name, want in equal.items())]
        return Rows(self.kind, kept, caption=self.caption)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a tidy DataFrame: one column a field, outcomes and verdicts as categories."""
        columns: dict[str, Any] = {}
        for f in shown_fields(self.kind):
            values = [getattr(record, f.name) for record in self._records]
            category = next((e for e in (Outcome, Verdict) if e.__name__ in str(f.type)), None)
            cells = [_safe(plain(value)) for value in values]
            columns[f.name] = pd.Categorical(cells, categories=[str(m) for m in category]) if category else cells
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        if not self._records:
            return f"no rows of {self.kind.__name__}"
        head = [f.name for f in shown_fields(self.kind)]
        lines = [head, *([cell_text(getattr(r, name)) for name in head] for r in self._records)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        table = "\n".join("  ".join(t.ljust(w) for t, w in zip(line, widths)).rstrip() for line in lines)
        return f"{table}\n({self.caption})" if self.caption else table

    def _repr_html_(self) -> str:
        head = [f.name for f in shown_fields(self.kind)]
        used = [n for n in head if not self._records or any(cell_text(getattr(r, n)) for r in self._records)]
        cells = [[getattr(record, name) for name in used] for record in self._records]
        return table_html(used, cells, self.caption if cells else f"no rows. {self.caption}")


class Table:
    """A DataFrame shown as the workbook's tables are: nothing cut off, outcomes and verdicts as badges."""

    def __init__(self, frame: pd.DataFrame, *, caption: str = "") -> None:
        named = [name for name in frame.index.names if name is not None]
        self.frame = frame.reset_index() if named else frame
        self._labels = len(named)  # the first columns name the rows: no badges there
        self.caption = caption

    def __repr__(self) -> str:
        return str(self.frame.to_string(index=False))

    def _repr_html_(self) -> str:
        titles = [" ".join(str(part) for part in _parts(column) if str(part)) for column in self.frame.columns]
        rows = self.frame.itertuples(index=False)
        cells = [[*row[: self._labels], *(_badged(value) for value in row[self._labels :])] for row in rows]
        return table_html(titles, cells, self.caption)


def _parts(column: Any) -> tuple[Any, ...]:
    return column if isinstance(column, tuple) else (column,)


def _badged(value: Any) -> Any:
    """Return a cell of a frame ready to be shown: in a frame, outcomes and verdicts are mere words."""
    if isinstance(value, str):
        return Word(value) if value in BADGES else value
    return "" if pd.isna(value) else value


def _safe(value: Any) -> Any:
    """Return *value* fit for a DataFrame, whose own display escapes HTML but not control characters."""
    return visible(value, limit=70_000) if isinstance(value, str) else value
