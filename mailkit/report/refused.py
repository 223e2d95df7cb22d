"""Finding the refusals in whatever was pasted: a reply, a line of a log, a whole bounce (RFC 5321, 3463, 3464).

A reply of several lines repeats its code on each of them, and a bounce folds them anywhere.  Every text is taken as it
is, up to a limit, in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailkit.results import visible

__all__ = ["MAX_CHARACTERS", "MAX_REFUSALS", "Said", "said"]

MAX_CHARACTERS = 200_000  # of a text that is read
MAX_REFUSALS = 20
_LONGEST = 1500  # characters of one refusal

_STATUS = r"[245]\.\d{1,3}\.\d{1,3}(?![\d.])"
# A reply code begins a line or follows what programs put before it; elsewhere three digits are just a number, unless
# an enhanced code follows.
_CODE = re.compile(
    rf"(?:(?P<before>^[ \t>]*|said:\s*|smtp;\s*|[:'\"(\[]\s?|<<<\s*)|(?<![\w.:@/-]))"
    rf"(?P<code>[45]\d\d)(?![\d.])(?P<sep>[ \t]*[-,;:]?[\s\"'#]*)(?P<status>{_STATUS})?",
    re.MULTILINE | re.IGNORECASE,
)
_BARE_STATUS = re.compile(rf"(?<![\w.])#?(?P<status>[45]{_STATUS[5:]})")
_END = re.compile(
    r"\(in reply to|\n[ \t]*\r?\n|\n[A-Za-z][A-Za-z-]{3,40}: |\n(?:[A-Z][a-z]{2} +\d{1,2} \d\d:|\d{4}-\d\d-\d\d[ T])"
)
_RECIPIENT = re.compile(
    r"(?:Final-Recipient:\s*[\w-]+\s*;\s*|to=|RCPT TO:\s*)<?([^\s<>;,]{1,320}@[^\s<>;,]{1,255})|"
    r"<([^\s<>]{1,320}@[^\s<>]{1,255})>:",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?:Remote-MTA:\s*[\w-]+\s*;\s*|relay=|\bhost |H=|Generating server: )([A-Za-z0-9][A-Za-z0-9.-]{3,252})",
    re.IGNORECASE,
)
_DIAGNOSTIC = re.compile(r"^[ \t>]*Diagnostic-Code:", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """One refusal as it was pasted: ``code`` and ``status`` as far as they were there, ``host`` who said it."""

    code: str
    status: str
    text: str
    recipient: str
    host: str


def said(pasted: str) -> list[Said]:
    """Return the refusals in *pasted*, each once, MAX_REFUSALS at most."""
    text = pasted[:MAX_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    begin = _DIAGNOSTIC.search(text)
    machine = text[text.rfind("\n\n", 0, begin.start()) + 1 :] if begin else ""
    found = list(_replies(machine)) if machine else []
    found = found or list(_replies(text)) or list(_statuses(text))
    return list(dict.fromkeys(found))[:MAX_REFUSALS]


def _replies(text: str) -> Iterator[Said]:
    """Yield the replies in *text*: codes of one reply follow each other and are alike, and all but the last have -."""
    matches = [m for m in _CODE.finditer(text) if m["status"] or m["before"] is not None]
    position = 0
    while position < len(matches) and position < 1000:
        first = last = matches[position]
        position += 1
        while position < len(matches) and _goes_on(last, matches[position]):
            last = matches[position]
            position += 1
        limit = matches[position].start() if position < len(matches) else len(text)
        end = _END.search(text, last.end(), min(limit, last.end() + _LONGEST))
        words = text[first.start("code") : end.start() if end else min(limit, last.end() + _LONGEST)]
        status = first["status"] or last["status"] or ""
        if status.startswith("2"):
            continue  # such as "in 550 2.0.0 Ok": no refusal
        yield Said(first["code"], status, _joined(words, first["code"], status), *_around(text, first.start()))


def _goes_on(last: re.Match[str], following: re.Match[str]) -> bool:
    alike = last["code"] == following["code"] and (last["status"] or "") == (following["status"] or "")
    return alike and "-" in last["sep"]


def _statuses(text: str) -> Iterator[Said]:
    """Yield what has an enhanced code only, as some programs show a refusal."""
    for match in _BARE_STATUS.finditer(text):
        end = _END.search(text, match.end(), match.end() + _LONGEST)
        words = text[match.start("status") : end.start() if end else match.end() + _LONGEST]
        yield Said("", match["status"], _joined(words, "", match["status"]), *_around(text, match.start()))
        return


def _joined(words: str, code: str, status: str) -> str:
    """Return *words* on one line, the codes of each line but the first taken away."""
    inner = rf"\b{code}[- ](?:{re.escape(status)})?\s?" if code else r"(?!)"
    beginning = re.match(rf"(?:{inner})?", words)
    head = beginning[0] if beginning else ""
    rest = re.sub(inner, " ", words[len(head) :])
    if status:
        rest = re.sub(rf"(?<=\n){re.escape(status)}\s", " ", rest)
    line = " ".join(f"{head} {rest}".split()).replace(f"{code}-", f"{code} ", 1)
    return visible(line, _LONGEST)


def _around(text: str, position: int) -> tuple[str, str]:
    """Return whom the refusal at *position* is about and who said it, by what stands nearest before it."""
    near = text[max(0, position - 3000) : position + 400]
    before = text[max(0, position - 3000) : position]
    recipients, hosts = list(_RECIPIENT.finditer(before)), list(_HOST.finditer(before))
    recipient = next((group for group in recipients[-1].groups() if group), "") if recipients else ""
    host = hosts[-1][1] if hosts else ""
    if not host and (later := _HOST.search(near)):
        host = later[1]
    return visible(recipient, 320), visible(host.strip(".").lower(), 255)
