"""Rows of records, shown as HTML tables and handed on as pandas DataFrames."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from mailkit.results.display import BADGES, Word, cell_text, left_out_line, split_rows, table_html
from mailkit.results.frames import frame_of
from mailkit.results.records import shown_fields

if TYPE_CHECKING:
    import pandas as pd

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
        self._shown: tuple[str, ...] = ()  # the columns that show() chose; none: all that have something to show
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
            return self._with(self._records[index])
        return self._records[index]

    def __add__(self, other: Rows[R]) -> Rows[R]:
        if not isinstance(other, Rows) or other.kind is not self.kind:
            return NotImplemented
        captions = dict.fromkeys(caption for caption in (self.caption, other.caption) if caption)
        both = self._with((*self._records, *other._records))
        both.caption = "; ".join(captions)
        return both

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
        return self._with(kept)

    def show(self, *columns: str) -> Rows[R]:
        """Return the same rows, of which only *columns* are displayed, in that order: ``rows.show("host", "port")``.

        The caption stays, and so do the records and their frame.  No columns: all are displayed again.  Raises
        ValueError, listing the columns there are, for another name.
        """
        names = [f.name for f in shown_fields(self.kind)]
        if unknown := [column for column in columns if column not in names]:
            raise ValueError(f"no column {unknown}; there are {names}")
        rows = self._with(self._records)
        rows._shown = columns
        return rows

    def _with(self, records: Iterable[R]) -> Rows[R]:
        """Return rows of *records* that look as these do."""
        rows = Rows(self.kind, records, caption=self.caption)
        rows._shown = self._shown
        return rows

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a tidy DataFrame, made anew each time.

        One column a field: ``string``, ``Int64``, ``boolean`` or ``datetime64[ns, UTC]``, each able to say that a value
        is missing; words of a fixed list, such as outcomes, are categories.  No rows have the same columns.
        """
        return frame_of(self.kind, self._records)

    def __repr__(self) -> str:
        if not self._records:
            return f"no rows of {self.kind.__name__}"
        head = self._shown or tuple(f.name for f in shown_fields(self.kind))
        first, left_out, last = split_rows(self._records)
        lines = [list(head), *([cell_text(getattr(r, name)) for name in head] for r in (*first, *last))]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        shown = ["  ".join(t.ljust(w) for t, w in zip(line, widths)).rstrip() for line in lines]
        if left_out:
            shown.insert(1 + len(first), left_out_line(left_out))
        return "\n".join([*shown, f"({self.caption})"] if self.caption else shown)

    def _repr_html_(self) -> str:
        names = [f.name for f in shown_fields(self.kind)]
        used = [n for n in names if not self._records or any(cell_text(getattr(r, n)) for r in self._records)]
        head = self._shown or used
        cells = [[getattr(record, name) for name in head] for record in self._records]
        return table_html(head, cells, self.caption if cells else f"no rows. {self.caption}")


class Table:
    """A DataFrame shown as the workbook's tables are: nothing cut off, outcomes and verdicts as badges."""

    def __init__(self, frame: pd.DataFrame, *, caption: str = "") -> None:
        named = [name for name in frame.index.names if name is not None]
        self.frame = frame.reset_index() if named else frame
        self._labels = len(named)  # the first columns name the rows: no badges there
        self.caption = caption

    def __repr__(self) -> str:
        first, left_out, last = split_rows(range(len(self.frame)))
        lines = self.frame.iloc[[*first, *last]].to_string(index=False).splitlines()
        if left_out:
            lines.insert(len(lines) - len(last), left_out_line(left_out))
        return "\n".join([*lines, f"({self.caption})"] if self.caption else lines)

    def _repr_html_(self) -> str:
        titles = [" ".join(str(part) for part in _parts(column) if str(part)) for column in self.frame.columns]
        rows = self.frame.itertuples(index=False, name=None)
        cells = [[*row[: self._labels], *(_badged(value) for value in row[self._labels :])] for row in rows]
        return table_html(titles, cells, self.caption)


def _parts(column: Any) -> tuple[Any, ...]:
    return column if isinstance(column, tuple) else (column,)


def _badged(value: Any) -> Any:
    """Return a cell of a frame ready to be shown: in a frame, outcomes and verdicts are mere words."""
    import pandas as pd

    if isinstance(value, str):
        return Word(value) if value in BADGES else value
    if pd.api.types.is_bool(value):
        return bool(value)
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else value
