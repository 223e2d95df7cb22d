"""What probes return, and that nothing hostile reaches the screen through it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser

import pandas as pd
import pytest

from mailkit.results import Finding, Outcome, Record, Rows, Sentence, Verdict, hidden, visible

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</td></tr></table><h1>owned</h1>",
    "<style>*{display:none}</style>",
    "&lt;b&gt; & &#60;b&#62;",
    "\x1b[2J\x1b]0;title\x07",
    "abc\u202egpj.exe",
    "zero\u200bwidth\u2066isolate\u2069\ufeff",
    "line one\r\nline two\x00",
    "\ud800 lone surrogate",
    "\U000e0041 tag",
    "x" * 100_000,
]


@dataclass(frozen=True)
class Probe(Record):
    host: str
    port: int
    outcome: Outcome
    seen: datetime | None = None
    names: tuple[str, ...] = ()
    detail: str = hidden()


class Elements(HTMLParser):
    """Which elements and attributes a piece of HTML holds, and the text in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(page: str, elements: set[str]) -> None:
    """Assert that *page* consists of *elements* alone and holds nothing that deceives the eye."""
    found = Elements(page)
    assert found.elements <= elements
    assert found.attributes <= {"style", "class", "border", "scoped"}
    deceivers = [c for c in page if c != "\n" and visible(c) != c]
    assert deceivers == []
    page.encode("utf-8")


TABLE = {"table", "tbody", "thead", "tr", "th", "td", "caption", "span"}


def probe(text: str) -> Probe:
    return Probe(text, 25, Outcome.OPEN, datetime(2026, 1, 2, 3, 4, tzinfo=UTC), (text, text), text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_text_gets_into_the_page(text: str) -> None:
    rows = Rows(Probe, [probe(text)], caption=text)
    assert_harmless(rows._repr_html_(), TABLE)
    assert_harmless(rows[0]._repr_html_(), TABLE)
    assert_harmless(rows.frame.to_html(), TABLE)
    assert_harmless(rows.frame._repr_html_(), {*TABLE, "div", "style", "p"})


@pytest.mark.parametrize("text", HOSTILE)
def test_every_field_of_a_finding_is_escaped(text: str) -> None:
    finding = Finding(text, text, Verdict.FAIL, text, text, text, text, text)
    assert_harmless(finding._repr_html_(), TABLE)
    assert_harmless(Rows(Finding, [finding])._repr_html_(), TABLE)
    assert_harmless(Rows(Finding, [finding]).frame.to_html(), TABLE)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_for_the_terminal_holds_no_control_characters(text: str) -> None:
    lines = repr(Rows(Probe, [probe(text)])).split("\n")
    assert len(lines) == 2
    assert all(visible(char) == char for line in lines for char in line)


def test_visible_spells_out_what_deceives() -> None:
    assert visible("a\x1b[31mb") == "a\\x1b[31mb"
    assert visible("\u202e") == "\\u202e"
    assert visible("\r\n\t\x00") == "\\r\\n\\t\\x00"
    assert visible("\ud800") == "\\ud800"
    assert visible("日本語 é – “quoted” 🙂") == "日本語 é – “quoted” 🙂"


@pytest.mark.parametrize("limit", [1, 2, 10, 300])
@pytest.mark.parametrize("text", ["", "a", "\x00", "a" * 10, "\u202e" * 300, "é" * 301])
def test_visible_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    shown = visible(text, limit)
    assert len(shown) <= limit
    assert shown == text or shown.endswith("…") or "\\" in shown


def test_what_is_cut_off_is_marked() -> None:
    assert visible("abcdef", 4) == "abc…"
    assert visible("abcd", 4) == "abcd"


def test_detail_is_neither_shown_nor_compared() -> None:
    one, other = Probe("a", 25, Outcome.OPEN, detail="errno 111"), Probe("a", 25, Outcome.OPEN, detail="WSA 10061")
    assert one == other
    assert "errno" not in repr(one) + one._repr_html_() + repr(Rows(Probe, [one]))
    assert "detail" not in Rows(Probe, [one]).frame.columns
    assert one.detail == "errno 111"


ROWS = Rows(
    Probe,
    [
        Probe("mx", 25, Outcome.TIMEOUT),
        Probe("mx", 587, Outcome.OPEN, names=("a", "b")),
        Probe("other", 25, Outcome.REFUSED),
    ],
    caption="lab, seen from home, 2026-11-24",
)


def test_rows_are_a_sequence() -> None:
    assert len(ROWS) == 3
    assert ROWS[0].port == 25 and ROWS[-1].host == "other"
    assert [row.port for row in ROWS] == [25, 587, 25]
    assert isinstance(ROWS[1:], Rows) and len(ROWS[1:]) == 2
    assert ROWS[1:].caption == ROWS.caption
    assert ROWS[0] in ROWS
    with pytest.raises(IndexError):
        ROWS[3]


def test_rows_do_not_change() -> None:
    with pytest.raises(TypeError):
        ROWS[0] = ROWS[1]  # type: ignore[index]
    assert hash(ROWS) == hash(Rows(Probe, list(ROWS)))
    assert Rows(Probe, list(ROWS)) == ROWS
    assert list(ROWS) != ROWS


def test_where_filters_by_field() -> None:
    assert [row.host for row in ROWS.where(port=25)] == ["mx", "other"]
    assert [row.host for row in ROWS.where(port=25, outcome=Outcome.REFUSED)] == ["other"]
    assert [row.host for row in ROWS.where(outcome="refused")] == ["other"]
    assert ROWS.where(port=1).caption == ROWS.caption
    with pytest.raises(ValueError, match=r"no column \['prot'\]; there are .*'port'"):
        ROWS.where(prot=25)


def test_rows_of_one_kind_can_be_added() -> None:
    assert list(ROWS[:1] + ROWS[1:]) == list(ROWS)
    with pytest.raises(TypeError):
        ROWS + Rows(Finding, [])  # type: ignore[operator]


def test_rows_refuse_what_is_of_another_kind() -> None:
    with pytest.raises(TypeError, match="Rows of Probe cannot hold a str"):
        Rows(Probe, ["mx"])  # type: ignore[list-item]


def test_the_frame_is_tidy() -> None:
    frame = ROWS.frame
    assert list(frame.columns) == ["host", "port", "outcome", "seen", "names"]
    assert list(frame["outcome"].cat.categories) == [str(outcome) for outcome in Outcome]
    assert list(frame["names"]) == ["", "a, b", ""]
    assert frame["port"].dtype.kind == "i"
    assert list(frame.loc[frame.outcome == "open", "port"]) == [587]


def test_the_frame_is_made_anew_each_time() -> None:
    frame = ROWS.frame
    frame.loc[0, "host"] = "changed"
    assert ROWS.frame.loc[0, "host"] == "mx"


def test_frames_of_no_rows_keep_their_columns_and_categories() -> None:
    frame = Rows(Probe, []).frame
    assert list(frame.columns) == list(ROWS.frame.columns)
    assert list(frame["outcome"].cat.categories) == [str(outcome) for outcome in Outcome]
    both = pd.concat([frame, ROWS.frame])
    assert len(both) == 3
    verdicts = Rows(Finding, []).frame["verdict"]
    assert list(verdicts.cat.categories) == [str(verdict) for verdict in Verdict]


def test_no_rows_still_show_a_table() -> None:
    shown = Elements(Rows(Probe, [], caption="lab, seen from home")._repr_html_())
    assert "no rows. lab, seen from home" in shown.text
    assert "outcome" in shown.text
    assert repr(Rows(Probe, [])) == "no rows of Probe"


def test_a_table_says_where_and_when_and_leaves_empty_columns_out() -> None:
    shown = Elements(ROWS._repr_html_())
    assert "lab, seen from home, 2026-11-24" in shown.text
    assert "names" in shown.text
    assert "seen" not in shown.text.replace("seen from", "")
    assert repr(ROWS).endswith("(lab, seen from home, 2026-11-24)")


@pytest.mark.parametrize("word", [*Outcome, *Verdict])
def test_every_word_has_a_mark_besides_its_colour(word: Outcome | Verdict) -> None:
    @dataclass(frozen=True)
    class One(Record):
        word: Outcome | Verdict

    text = Elements(One(word)._repr_html_()).text
    assert text.endswith(f" {word}")
    assert len(text.removeprefix("word").split()[0]) == 1


def test_truth_and_time_are_shown_in_words() -> None:
    @dataclass(frozen=True)
    class Facts(Record):
        good: bool
        bad: bool
        none: str | None
        at: datetime

    page = Facts(True, False, None, datetime(2026, 11, 24, 9, 5, tzinfo=UTC))._repr_html_()
    text = Elements(page).text
    assert "goodyes" in text and "badno" in text and "at2026-11-24 09:05" in text
    assert "None" not in text


def test_a_sentence_is_shown_without_quotes() -> None:
    assert repr(Sentence("Five minutes later.")) == "Five minutes later."
    assert Sentence("a") == "a"
