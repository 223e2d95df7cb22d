"""The tables that lessons look things up in: ``data/*.csv``, each row with its ``source`` and ``as_of``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mailkit.results import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DATA", "load", "names", "show"]

DATA = Path(__file__).resolve().parent.parent / "data"


def names() -> list[str]:
    """Return the names that :func:`load` takes."""
    return sorted(path.stem for path in DATA.glob("*.csv"))


@cache
def _read(name: str) -> pd.DataFrame:
    import pandas as pd  # it is slow to import

    return pd.read_csv(DATA / f"{name}.csv", keep_default_na=False, dtype=str, encoding="utf-8")


def load(name: str) -> pd.DataFrame:
    """Return the table ``data/NAME.csv`` as a DataFrame of text, a fresh copy each time.

    Raises ValueError, listing the tables there are, when *name* is none of them.
    """
    if name not in names():
        raise ValueError(f"no table {name!r} in data/; there are {names()}")
    return _read(name).copy()


def show(name: str, *columns: str) -> Table:
    """Return the table *name* for a notebook to display: *columns*, or all; the caption says how old it is.

    Raises ValueError for a table or a column that is not there.
    """
    frame = load(name)
    if missing := [column for column in columns if column not in frame]:
        raise ValueError(f"data/{name}.csv has no column {missing}; there are {list(frame)}")
    dates = sorted(set(frame["as_of"]))
    caption = f"data/{name}.csv, with a source for each row; as of {' to '.join(dict.fromkeys((dates[0], dates[-1])))}"
    return Table(frame[list(columns)] if columns else frame, caption=caption)


def __dir__() -> list[str]:
    return sorted(__all__)
