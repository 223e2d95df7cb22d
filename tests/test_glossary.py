"""The glossary: complete rows, each trap of Japanese terms told, and the words of lesson 00 in it."""

from __future__ import annotations

import re
from pathlib import Path

from mailkit import datasets, workbook

LESSONS = {
    "00_start_here",
    "01_op25b",
    "02_smtp_auth",
    "03_tls",
    "04_spf",
    "05_dkim",
    "06_dmarc",
    "07_transport_policy",
    "08_mailboxes",
    "09_mta",
    "10_services",
    "11_report",
}
# Hiragana, katakana with its long mark, and ideographs; Latin letters within a word such as エンベロープFrom.
JAPANESE = re.compile(r"[぀-ヿ一-鿿][぀-ヿ一-鿿A-Za-z]*")


def test_rows_are_complete() -> None:
    rows = datasets.load("glossary")
    assert list(rows) == ["term", "japanese", "meaning", "trap", "lesson", "source", "as_of"]
    assert rows["term"].is_unique
    assert (rows[["term", "japanese", "meaning", "lesson", "source"]] != "").all(axis=None)
    assert set(rows["lesson"]) == LESSONS
    assert rows["lesson"].is_monotonic_increasing  # in the order in which a reader meets them


def test_traps_are_told() -> None:
    """The terms that go wrong in Japanese, each with the word it is mistaken for."""
    rows = datasets.load("glossary").set_index("term")
    japanese, trap = rows["japanese"], rows["trap"]
    assert (japanese["relay"], japanese["forwarding"], japanese["delivery"]) == ("中継", "転送", "配送")
    assert "転送" in trap["relay"] and "中継" in trap["forwarding"]
    assert japanese["sender authentication"] == "送信ドメイン認証" and "ドメイン認証" in trap["sender authentication"]
    assert "ドメイン認証" not in set(japanese)
    assert (japanese["signature"], japanese["encryption"]) == ("署名", "暗号化")
    assert "暗号化" in trap["signature"] and "署名" in trap["encryption"]
    assert (japanese["envelope From"], japanese["header From"]) == ("エンベロープFrom", "ヘッダFrom")
    assert (japanese["author domain signature"], japanese["third-party signature"]) == ("作成者署名", "第三者署名")
    assert "certification" in trap["authentication"] and "authentication" in trap["authentication"]
    assert '"SSL/TLS"' in trap["implicit TLS"]


def test_forwarding_changes_the_recipient_of_the_envelope_and_nothing_else() -> None:
    """RFC 5321 section 3.9.1; a Japanese word is no headword."""
    rows = datasets.load("glossary").set_index("term")
    assert "only the recipient of the envelope changes" in rows.loc["forwarding", "meaning"]
    assert not [term for term in rows.index if JAPANESE.search(term)]
    assert not [meaning for meaning in rows["meaning"] if "エンベロープ" in meaning]


def test_japanese_words_of_the_first_lesson_are_in_it(root: Path) -> None:
    known = datasets.load("glossary")[["japanese", "meaning", "trap"]].to_string()
    lesson = workbook.read(root / "notebooks" / "00_start_here.ipynb")
    text = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    used = set(JAPANESE.findall(text))
    assert len(used) > 15
    assert {word for word in used if word not in known} == set()
