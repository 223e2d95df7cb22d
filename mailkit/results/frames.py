"""The columns of a DataFrame made of records: one type a field, whatever the values, and whether there are any.

A frame of no rows has the types of a full one, and a value that is missing changes no number into a float.  pandas
takes longer to import than most jobs take, so it is imported when the first frame is made.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mailkit.results.display import plain, visible
from mailkit.results.records import shown_fields

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["column_types", "frame_of"]

_MOMENT = "datetime64[ns, UTC]"
_CHARACTERS = 70_000  # of a cell: longer than the longest record of the DNS
# The column of each kind of value.  All of them can say that a value is missing.
_DTYPES: dict[type, str] = {bool: "boolean", int: "Int64", float: "Float64", str: "string", datetime: _MOMENT}
_FIRST, _LAST = datetime(1677, 9, 22, tzinfo=UTC), datetime(2262, 4, 11, tzinfo=UTC)


def frame_of(kind: type, records: Sequence[Any]) -> pd.DataFrame:
    """Return *records* of the dataclass *kind* as a tidy DataFrame: one column a field that is shown.

    Text is ``string``, whole numbers ``Int64``, truth ``boolean``, moments ``datetime64[ns, UTC]``; words of a StrEnum
    are categories with all its members, sequences one text.  What such a column cannot hold: see :func:`_moment`.
    """
    import pandas as pd

    dtypes = column_types(kind)
    columns = {name: _column([getattr(r, name) for r in records], dtype) for name, dtype in dtypes.items()}
    return pd.DataFrame(columns, index=range(len(records)))


def column_types(kind: type) -> dict[str, Any]:
    """Return the pandas type of each column that a frame of the dataclass *kind* has, in their order."""
    return {f.name: _dtype(_annotation(kind, f)) for f in shown_fields(kind)}


def _annotation(kind: type, field: dataclasses.Field[Any]) -> Any:
    """Return the type that *field* is annotated with; Any for one that is not known when the program runs."""
    if not isinstance(field.type, str):
        return field.type
    for owner in kind.__mro__:
        if field.name in inspect.get_annotations(owner):
            scope = {**vars(typing), **vars(sys.modules[owner.__module__])}
            try:
                return eval(field.type, scope)  # what typing.get_type_hints does, field by field
            except NameError:
                return Any
    return Any


def _dtype(annotation: Any) -> Any:
    """Return the pandas type for values of *annotation*, of which one that is missing is no kind of its own."""
    import pandas as pd

    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = [k for k in (typing.get_args(annotation) if union else (annotation,)) if k is not type(None)]
    if kinds and all(isinstance(k, type) and issubclass(k, StrEnum) for k in kinds):
        return pd.CategoricalDtype(list(dict.fromkeys(str(member) for k in kinds for member in k)))
    if len(kinds) != 1:
        return "object"
    if typing.get_origin(kinds[0]) in (tuple, list, frozenset) or kinds[0] in (tuple, list, frozenset):
        return "string"
    known = [dtype for base, dtype in _DTYPES.items() if isinstance(kinds[0], type) and issubclass(kinds[0], base)]
    return known[0] if known else "object"


def _column(values: list[Any], dtype: Any) -> pd.Series[Any]:
    import pandas as pd

    cells = [_safe(plain(value)) for value in values]
    if dtype == _MOMENT:
        cells = [_moment(cell) for cell in cells]
    column: pd.Series[Any] = pd.Series(cells, index=range(len(cells)), dtype=dtype)
    return column


def _safe(value: Any) -> Any:
    """Return *value* fit for a DataFrame, whose own display escapes HTML but not control characters."""
    return visible(value, limit=_CHARACTERS) if isinstance(value, str) else value


def _moment(value: datetime | None) -> datetime | None:
    """Return *value* in UTC and within what pandas can count in nanoseconds, the years 1677 to 2262.

    A certificate may say that it never ends, with a date in the year 9999 (RFC 5280 section 4.1.2.5).
    """
    if value is None:
        return None
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return min(max(moment, _FIRST), _LAST)
