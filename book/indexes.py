"""Two pages read from the lessons' texts: the terms, English and Japanese, and the RFCs, each with its places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from blocks import Place, places

from mailkit import datasets

__all__ = ["cited", "introduced", "rfcs_page", "terms_page"]

_RFC = re.compile(r"\bRFCs? (\d{3,5})\b")
# "section 4.2", "sections 4.7 and 4.10.1", "sections 1, 2 and 5" behind a number
_SECTIONS = re.compile(r"\W{0,2} ?sections? (\d+(?:\.\d+)*(?:(?:, | and | to )\d+(?:\.\d+)*)*)")
# "RFCs 1939 and 9051": the numbers behind the first
_MORE = re.compile(r"(?:, | and |, and )(\d{4,5})\b(?!\.)")
# A word of Japanese, with the Latin letters in it: エンベロープFrom, MXレコード
_JAPANESE = re.compile(r"[A-Za-z\d-]*[぀-ヿ一-鿿][぀-ヿ一-鿿A-Za-z\d]*")


def cited(text: str) -> dict[int, list[str]]:
    """Return the RFCs that *text* names, each with the sections it names of it."""
    found: dict[int, list[str]] = {}
    for match in _RFC.finditer(text):
        numbers, end = [int(match[1])], match.end()
        while match[0].startswith("RFCs") and (more := _MORE.match(text, end)):
            numbers.append(int(more[1]))
            end = more.end()
        for number in numbers:
            found.setdefault(number, [])
        if sections := _SECTIONS.match(text, end):
            for section in re.findall(r"\d+(?:\.\d+)*", sections[1]):
                if section not in found[numbers[-1]]:
                    found[numbers[-1]].append(section)
    return found


def rfcs_page(lessons: Sequence[Path]) -> str:
    """Return the page of RFCs, each with the sections of the lessons that cite it."""
    where: dict[int, list[str]] = {}
    for place in _all(lessons):
        for number, sections in cited(place.text).items():
            many = "s" if len(sections) > 1 else ""
            which = f" (section{many} {', '.join(sections)})" if sections else ""
            where.setdefault(number, []).append(f"{place.link}{which}")
    entries = [
        f"[RFC {number}](https://www.rfc-editor.org/rfc/rfc{number})\n: " + "\\\n  ".join(links)
        for number, links in sorted(where.items())
    ]
    intro = "Each RFC that a lesson cites, and where. In brackets stand the sections of the RFC."
    return "\n\n".join(["# RFCs, and where they are cited", intro, *entries]) + "\n"


def terms_page(lessons: Sequence[Path]) -> str:
    """Return the page of terms: the glossary, each term with the sections that introduce it."""
    rows = datasets.load("glossary").to_dict("records")
    everywhere = _all(lessons)
    entries = []
    for row in sorted(rows, key=lambda row: row["term"].casefold()):
        places_of_it = [place for place in everywhere if introduced(row["term"], row["japanese"], place.text)]
        links = [place.link for place in places_of_it or everywhere if places_of_it or _opens(place, row["lesson"])]
        trap = f"\n\n  *Trap:* {_plain(row['trap'])}." if row["trap"] else ""
        met = "\n\n  " + "\\\n  ".join(links) if links else ""
        entries.append(
            f"({_label(row['term'])})=\n{_plain(row['term'])} · {_plain(row['japanese'])}\n"
            f": {_plain(row['meaning'])} ({_source(row['source'])}){trap}{met}"
        )
    by_japanese = sorted((row["japanese"], row["term"]) for row in rows)
    japanese = [f"* {_plain(word)}: [{_plain(term)}](#{_label(term)})" for word, term in by_japanese]
    intro = "The words of all lessons, in English and Japanese, with the sections that introduce them."
    parts = ["# Terms", intro, *entries, "## From Japanese", "\n".join(japanese)]
    return "\n\n".join(parts) + "\n"


def introduced(term: str, japanese: str, text: str) -> bool:
    """Tell whether *text* introduces *term*: sets it in bold, or gives its Japanese name."""
    short = re.sub(r" \(.*\)$", "", term)
    bold = re.search(rf"\*\*{re.escape(short)}s?\*\*", text, re.IGNORECASE)
    name = re.sub(r"\(.*\)$", "", japanese)
    return bool(bold) or name in _JAPANESE.findall(text)


def _opens(place: Place, lesson: str) -> bool:
    return place.lesson == lesson and place.label.endswith("-0")


def _all(lessons: Iterable[Path]) -> list[Place]:
    return [place for lesson in lessons for place in places(lesson)]


def _label(term: str) -> str:
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.casefold()).strip("-")


def _source(text: str) -> str:
    """Return where an entry is from, with its addresses as links."""
    pieces = re.split(r"(https?://[^\s;,]+)", text)
    return "".join(f"<{piece}>" if piece.startswith("http") else _plain(piece) for piece in pieces)


def _plain(text: str) -> str:
    """Return *text* from a table so that Markdown shows it as it is."""
    return re.sub(r"([\\*_<>\[\]{}#|$~^`])", r"\\\1", text)
