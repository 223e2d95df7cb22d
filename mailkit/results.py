"""What every probe returns, and how it looks in a notebook.

Whatever a server, a DNS record or a message says is hostile until shown otherwise.  This module is the one
way to the screen: text is bounded, control and bidirectional characters are made visible, HTML is escaped,
and styles are inline because an untrusted notebook loses its ``<style>`` elements.
"""

from __future__ import annotations

import dataclasses
import html
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar, overload

import pandas as pd

__all__ = ["BADGES", "Finding", "Outcome", "Record", "Rows", "Sentence", "Stage", "Verdict", "hidden", "visible"]


class Outcome(StrEnum):
    """How an attempt to talk to a server ended."""

    OPEN = "open"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    INTERCEPTED = "intercepted"
    NOT_CONNECTED = "not_connected"
    DNS_FAILURE = "dns_failure"
    TLS_FAILURE = "tls_failure"
    PROTOCOL_ERROR = "protocol_error"
    REJECTED = "rejected"
    NOT_RUN = "not_run"


class Stage(StrEnum):
    """How far an attempt got: a server that greets late is not a blocked port."""

    DNS = "dns"
    PROXY = "proxy"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    QUIT = "quit"


class Verdict(StrEnum):
    """What a check concluded.  ``unknown`` means "cannot be told from here", which is not ``fail``."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    INFO = "info"
    UNKNOWN = "unknown"


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
}

_BIDI_AND_INVISIBLE = frozenset("\u00ad\u061c\u180e\ufeff") | {
    chr(code) for span in ((0x200B, 0x2010), (0x2028, 0x2030), (0x2060, 0x2070)) for code in range(*span)
}


def visible(text: str, limit: int = 300) -> str:
    """Return *text* with everything that could deceive the eye spelled out, at most *limit* characters long.

    Control characters, bidirectional overrides, invisible characters and lone surrogates become escapes such
    as ``\\x1b`` or ``\\u202e``; what is cut off is marked with an ellipsis.
    """
    out = []
    for char in text[: limit + 1]:
        if char in _BIDI_AND_INVISIBLE or unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn"):
            out.append(char.encode("unicode_escape", "surrogatepass").decode("ascii"))
        else:
            out.append(char)
    shown = "".join(out)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def hidden(default: Any = "") -> Any:
    """Return a dataclass field that is kept for debugging but neither displayed nor compared.

    Exception texts differ from one operating system to the next; they have no place in a table.
    """
    return field(default=default, metadata={"shown": False}, repr=False, compare=False)


class Sentence(str):
    """A text that a notebook shows as it is, without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _shown_fields(kind: type) -> list[dataclasses.Field[Any]]:
    return [f for f in dataclasses.fields(kind) if f.metadata.get("shown", True)]


def _plain(value: Any) -> Any:
    """Return *value* as a DataFrame should hold it: enums as words, sequences as one text."""
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(str(_plain(item)) for item in value)
    return value


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return visible(str(_plain(value)), limit=600)


def _cell_html(value: Any) -> str:
    text = html.escape(_cell_text(value))
    if isinstance(value, (Outcome, Verdict)):
        mark, colour = BADGES[str(value)]
        return (
            f'<span style="background:{colour};color:#fff;border-radius:4px;padding:1px 7px;'
            f'white-space:nowrap">{mark} {text}</span>'
        )
    return text


_TABLE = "border-collapse:collapse;margin:4px 0;font-size:13px;max-width:100%"
_CELL = (
    "text-align:left;vertical-align:top;padding:4px 10px 4px 6px;white-space:pre-wrap;overflow-wrap:break-word;"
    "border-bottom:1px solid rgba(128,128,128,.35)"
)
_HEAD = _CELL.replace("1px solid", "2px solid") + ";font-weight:600;white-space:nowrap"
_CAPTION = "caption-side:bottom;text-align:left;padding:4px 6px;font-size:12px;opacity:.75"


def _code_style(column: str) -> str:
    return ";font-family:monospace;max-width:34em;overflow-wrap:anywhere" if column == "fix" else ""


class Record:
    """Base of the frozen dataclasses that probes return: shown as a table of two columns."""

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="{_HEAD};border-bottom-width:1px">{html.escape(f.name.replace("_", " "))}</th>'
            f'<td style="{_CELL}{_code_style(f.name)}">{_cell_html(getattr(self, f.name))}</td></tr>'
            for f in _shown_fields(type(self))
        )
        return f'<table style="{_TABLE}"><tbody>{rows}</tbody></table>'


@dataclass(frozen=True)
class Finding(Record):
    """One conclusion about one subject.

    ``check`` names what was asked, ``subject`` whom it is about, ``evidence`` what was seen.  ``advice`` says
    what to do, ``fix`` is the text to paste, ``reference`` the RFC section, ``lesson`` the notebook to read.
    """

    check: str
    subject: str
    verdict: Verdict
    evidence: str
    advice: str = ""
    fix: str = ""
    reference: str = ""
    lesson: str = ""


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
        return Rows(self.kind, (*self._records, *other._records), caption=self.caption)

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
        for f in _shown_fields(self.kind):
            values = [getattr(record, f.name) for record in self._records]
            category = next((e for e in (Outcome, Verdict) if e.__name__ in str(f.type)), None)
            plain = [_safe(_plain(value)) for value in values]
            columns[f.name] = pd.Categorical(plain, categories=[str(m) for m in category]) if category else plain
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        if not self._records:
            return f"no rows of {self.kind.__name__}"
        head = [f.name for f in _shown_fields(self.kind)]
        lines = [head, *([_cell_text(getattr(r, name)) for name in head] for r in self._records)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        table = "\n".join("  ".join(t.ljust(w) for t, w in zip(line, widths)).rstrip() for line in lines)
        return f"{table}\n({self.caption})" if self.caption else table

    def _repr_html_(self) -> str:
        head = [f.name for f in _shown_fields(self.kind)]
        used = [n for n in head if not self._records or any(_cell_text(getattr(r, n)) for r in self._records)]
        titles = "".join(f'<th style="{_HEAD}">{html.escape(name.replace("_", " "))}</th>' for name in used)
        body = "".join(
            "<tr>"
            + "".join(f'<td style="{_CELL}{_code_style(n)}">{_cell_html(getattr(r, n))}</td>' for n in used)
            + "</tr>"
            for r in self._records
        )
        caption = self.caption if self._records else f"no rows. {self.caption}"
        return (
            f'<table style="{_TABLE}"><caption style="{_CAPTION}">{html.escape(visible(caption))}</caption>'
            f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
        )


def _safe(value: Any) -> Any:
    """Return *value* fit for a DataFrame, whose own display escapes HTML but not control characters."""
    return visible(value, limit=70_000) if isinstance(value, str) else value
