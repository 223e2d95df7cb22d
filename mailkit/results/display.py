"""How records look on the screen: bounded, escaped, every invisible character spelled out.

Whatever a server, a DNS record or a message says is hostile until shown otherwise, and reaches a notebook only
through this module.  Styles are inline because an untrusted notebook loses its ``<style>`` elements.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

__all__ = [
    "BADGES",
    "Word",
    "cell_html",
    "cell_text",
    "left_out_line",
    "plain",
    "record_html",
    "sentence_html",
    "split_rows",
    "table_html",
    "visible",
]

Row = TypeVar("Row")

# Mark and colours of each word: a mark besides the colour, and colours from the Okabe-Ito palette (darkened
# until white text on them reads well), so that nothing depends on telling red from green.
_BLUE, _ORANGE, _VERMILION, _PURPLE, _GREY = "#0067a3", "#b36b00", "#b03a00", "#8c4a79", "#5c6670"
BADGES: dict[str, tuple[str, str]] = {
    "pass": ("✓", _BLUE),
    "open": ("✓", _BLUE),
    "warn": ("!", _ORANGE),
    "fail": ("✗", _VERMILION),
    "info": ("i", _GREY),
    "unknown": ("?", _GREY),
    "refused": ("✗", _VERMILION),
    "rejected": ("✗", _VERMILION),
    "reset": ("✗", _VERMILION),
    "timeout": ("…", _ORANGE),
    "unreachable": ("∅", _ORANGE),
    "intercepted": ("⇄", _PURPLE),
    "not_connected": ("?", _GREY),
    "dns_failure": ("?", _GREY),
    "tls_failure": ("✗", _VERMILION),
    "protocol_error": ("✗", _VERMILION),
    "not_run": ("–", _GREY),
    "permerror": ("✗", _VERMILION),
    "temperror": ("?", _GREY),
    "policy": ("✗", _VERMILION),
    "neutral": ("?", _GREY),
    "softfail": ("!", _ORANGE),
    "none": ("–", _GREY),
}

_LONGEST = 4000  # characters of a cell: a record to paste must not be cut

_MOST_ROWS = 200  # of a table: the first half of them and the last are shown

# Letters, marks and one symbol that are drawn as nothing, or as a blank: what Unicode calls "default ignorable" and
# str.isprintable() lets pass (Hangul fillers, variation selectors …), and the blank of Braille.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_WIDE_SPACE = "\u3000"  # the space of Japanese text, wide enough to be seen


class Word(str):
    """A word to be shown as a badge, where it has one: an outcome or a verdict taken from a DataFrame."""


def visible(text: str, limit: int = 300) -> str:
    """Return *text* with everything that could deceive the eye spelled out, at most *limit* characters long.

    Control characters, bidirectional overrides, invisible characters, spaces that only look like one and lone
    surrogates become escapes such as ``\\x1b`` or ``\\u202e``; what is cut off is marked with an ellipsis.
    """
    if len(text) <= limit and _harmless(text):
        return text
    shown = "".join(char if _harmless(char) else _escaped(char) for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _harmless(text: str) -> bool:
    # What is not printable to Python: control, format, surrogate, private and unassigned characters, and all
    # separators but the space.
    if text.isascii():
        return text.isprintable()
    return text.replace(_WIDE_SPACE, "").isprintable() and not _BLANK.search(text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def plain(value: Any) -> Any:
    """Return *value* as a DataFrame should hold it: enums as words, sequences as one text."""
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(str(plain(item)) for item in value)
    return value


def cell_text(value: Any) -> str:
    """Return *value* as one cell of a table shows it, fit for the screen."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return visible(str(plain(value)), limit=_LONGEST)


_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d)?")  # a date broken at its hyphens is hard to read


def cell_html(value: Any, column: str = "") -> str:
    """Return :func:`cell_text` as HTML; outcomes and verdicts become badges, a ``fix`` to paste keeps its lines."""
    if column == "fix" and isinstance(value, str):
        return "\n".join(html.escape(visible(line, _LONGEST)) for line in value.splitlines()[:100])
    text = html.escape(cell_text(value))
    if isinstance(value, (StrEnum, Word)) and str(value) in BADGES:
        mark, colour = BADGES[str(value)]
        return (
            f'<span style="background:{colour};color:#fff;border-radius:4px;padding:1px 7px;'
            f'white-space:nowrap">{mark} {text}</span>'
        )
    if isinstance(value, datetime) or _DATE.fullmatch(text):
        return f'<span style="white-space:nowrap">{text}</span>'
    return text


_TABLE = "border-collapse:collapse;margin:4px 0;font-size:13px;max-width:100%"
_CELL = (
    "text-align:left;vertical-align:top;padding:4px 10px 4px 6px;white-space:pre-wrap;overflow-wrap:break-word;"
    "border-bottom:1px solid rgba(128,128,128,.35)"
)
_HEAD = _CELL.replace("1px solid", "2px solid") + ";font-weight:600"
_CAPTION = "caption-side:bottom;text-align:left;padding:4px 6px;font-size:12px;opacity:.75"


# Not selected with the text that is copied.
_FIX = '<span style="font-family:sans-serif;opacity:.75;user-select:none">to paste: </span>'


def _column_style(column: str) -> str:
    if column == "advice":  # sentences: else the longest names of the other columns leave room for a word a line
        return ";min-width:13em"
    return ";font-family:monospace;max-width:34em;overflow-wrap:anywhere" if column == "fix" else ""


def table_html(titles: Sequence[str], cells: Sequence[Sequence[Any]], caption: str) -> str:
    """Return an HTML table with a title over each column and *caption* below.

    What is to be pasted (``fix``) stands below its row, over the whole width: in a column beside others it would be
    broken after every few characters.  Of more than 200 rows the first and the last 100 are shown; the table and its
    caption say how many there are.
    """
    heads = [title for title in titles if title != "fix"] or titles
    head = "".join(f'<th style="{_HEAD}">{html.escape(visible(title.replace("_", " ")))}</th>' for title in heads)
    first, left_out, last = split_rows(cells)
    body = "".join(_row_html(titles, row) for row in first)
    if left_out:
        body += f'<tr><td style="{_CELL}" colspan="{max(len(heads), 1)}">{left_out_line(left_out)}</td></tr>'
        body += "".join(_row_html(titles, row) for row in last)
        caption = f"{len(cells):,} rows. {caption}"
    return (
        f'<table style="{_TABLE}"><caption style="{_CAPTION}">{html.escape(visible(caption))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def split_rows(rows: Sequence[Row]) -> tuple[Sequence[Row], int, Sequence[Row]]:
    """Return the first of *rows*, how many are left out for want of room, and the last of them."""
    left_out = len(rows) - _MOST_ROWS
    if left_out <= 0:
        return rows, 0, ()
    return rows[: _MOST_ROWS // 2], left_out, rows[-_MOST_ROWS // 2 :]


def left_out_line(count: int) -> str:
    """Return the line that stands for *count* rows that are not shown."""
    return f"… {count:,} more {'row' if count == 1 else 'rows'} …"


def _row_html(titles: Sequence[str], row: Sequence[Any]) -> str:
    fix = ""
    if "fix" in titles and len(titles) > 1:
        place = titles.index("fix")
        fix, titles = cell_html(row[place], "fix"), [*titles[:place], *titles[place + 1 :]]
        row = [*row[:place], *row[place + 1 :]]
    style = _CELL + ";border-bottom:0" * bool(fix)
    cells = (f'<td style="{style}{_column_style(t)}">{cell_html(value, t)}</td>' for t, value in zip(titles, row))
    below = (
        f'<tr><td style="{_CELL}{_column_style("fix")};max-width:none" colspan="{len(titles)}">{_FIX}{fix}</td></tr>'
    )
    return f"<tr>{''.join(cells)}</tr>{below if fix else ''}"


def record_html(fields: Sequence[tuple[str, Any]]) -> str:
    """Return one record as an HTML table of two columns; fields with nothing to show are left out."""
    rows = "".join(
        f'<tr><th style="{_HEAD};border-bottom-width:1px">{html.escape(name.replace("_", " "))}</th>'
        f'<td style="{_CELL}{_column_style(name)}">{cell_html(value, name)}</td></tr>'
        for name, value in fields
        if cell_text(value)
    )
    return f'<table style="{_TABLE}"><tbody>{rows}</tbody></table>'


def sentence_html(text: str) -> str:
    """Return *text* as an HTML paragraph, line by line."""
    lines = "<br>".join(html.escape(visible(line, 1000)) for line in text.splitlines()[:100])
    return f'<p style="margin:4px 6px">{lines}</p>'
