"""The records that probes return: frozen dataclasses that a notebook shows as a small table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from mailkit.results.display import record_html, sentence_html
from mailkit.results.outcomes import Verdict

__all__ = ["Finding", "Record", "Sentence", "hidden", "shown_fields"]


def hidden(default: Any = "") -> Any:
    """Return a dataclass field that is kept for debugging but neither displayed nor compared.

    Exception texts differ from one operating system to the next; they have no place in a table.
    """
    return field(default=default, metadata={"shown": False}, repr=False, compare=False)


class Sentence(str):
    """A text that a notebook shows as a paragraph, without quotes."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return sentence_html(self)


def shown_fields(kind: type) -> list[dataclasses.Field[Any]]:
    """Return the fields of the dataclass *kind* that a table shows."""
    return [f for f in dataclasses.fields(kind) if f.metadata.get("shown", True)]


class Record:
    """Base of the frozen dataclasses that probes return: shown as a table of two columns."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return record_html([(f.name, getattr(self, f.name)) for f in shown_fields(type(self))])


@dataclass(frozen=True)
class Finding(Record):
    """One conclusion about one subject.

    ``check`` names what was asked, ``subject`` whom it is about, ``evidence`` what was seen.  ``advice`` says
    what to do, ``fix`` is the text to paste, ``reference`` the RFC section, ``lesson`` the notebook to read.
    ``domain`` is the mail domain that was asked about, which a report on several fills in.
    """

    check: str
    subject: str
    verdict: Verdict
    evidence: str
    advice: str = ""
    fix: str = ""
    reference: str = ""
    lesson: str = ""
    domain: str = ""
