"""What every probe returns, and how it looks: frozen records in rows, every outside text made visible first."""

from mailkit.results.display import BADGES, visible
from mailkit.results.outcomes import AuthResult, Outcome, Stage, Verdict
from mailkit.results.records import Finding, Record, Sentence, hidden
from mailkit.results.rows import Rows, Table

__all__ = [
    "BADGES",
    "AuthResult",
    "Finding",
    "Outcome",
    "Record",
    "Rows",
    "Sentence",
    "Stage",
    "Table",
    "Verdict",
    "hidden",
    "visible",
]


def __dir__() -> list[str]:
    return sorted(__all__)
