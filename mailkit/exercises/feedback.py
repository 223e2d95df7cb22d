"""What an exercise answers, and how that looks in a notebook.

A feedback has a mark and a word besides its colour, takes its text colour from the notebook's theme, and shows
whatever it quotes through :func:`mailkit.results.visible`: an answer or an exception may say anything.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum

from mailkit.results import BADGES, visible

__all__ = ["Feedback", "FeedbackKind"]


class FeedbackKind(StrEnum):
    """What a feedback is about; the value is the word shown."""

    NOT_ATTEMPTED = "not attempted"
    NOTED = "noted"
    RIGHT = "right"
    WRONG = "not right"
    YOUR_CODE_RAISED = "your code raised"
    CANNOT_CHECK = "cannot be checked here"
    CANNOT_COMPARE = "cannot be compared"
    HINT = "hint"
    SOLUTION = "solution"


# Mark of each kind, and the result whose colour it borrows.
_LOOKS = {
    FeedbackKind.NOT_ATTEMPTED: ("…", "not_run"),
    FeedbackKind.NOTED: ("✎", "info"),
    FeedbackKind.RIGHT: ("✓", "pass"),
    FeedbackKind.WRONG: ("✗", "fail"),
    FeedbackKind.YOUR_CODE_RAISED: ("!", "warn"),
    FeedbackKind.CANNOT_CHECK: ("?", "unknown"),
    FeedbackKind.CANNOT_COMPARE: ("≠", "unknown"),
    FeedbackKind.HINT: ("→", "intercepted"),
    FeedbackKind.SOLUTION: ("★", "pass"),
}
_LINE, _LINES = 600, 60
_CODE = "font-family:monospace;background:rgba(128,128,128,.16);border-radius:3px;padding:1px 4px"
_BLOCK = "font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0 0 0;font-size:13px"


@dataclass(frozen=True)
class Feedback:
    """One answer of an exercise: what ``kind`` it is, a ``text`` in sentences, and ``code`` to show as it stands."""

    kind: FeedbackKind
    text: str
    code: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", visible(self.text, limit=_LINE))
        lines = [visible(line, limit=_LINE) for line in self.code.split("\n")]
        object.__setattr__(self, "code", "\n".join([*lines[:_LINES], *(["…"] if len(lines) > _LINES else [])]))

    def __repr__(self) -> str:
        line = f"{_LOOKS[self.kind][0]} {self.kind}: {self.text}"
        return f"{line}\n{self.code}" if self.code else line

    def _repr_html_(self) -> str:
        mark, like = _LOOKS[self.kind]
        colour = BADGES[like][1]
        badge = (
            f'<span style="background:{colour};color:#fff;border-radius:4px;padding:1px 7px;white-space:nowrap">'
            f"{mark} {self.kind}</span>"
        )
        text = re.sub(r"`([^`]+)`", rf'<code style="{_CODE}">\1</code>', html.escape(self.text))
        code = f'<pre style="{_BLOCK}">{html.escape(self.code)}</pre>' if self.code else ""
        return (
            f'<div style="border-left:4px solid {colour};padding:5px 10px;margin:4px 0;max-width:60em;'
            f'line-height:1.5;overflow-wrap:anywhere">{badge} {text}{code}</div>'
        )
