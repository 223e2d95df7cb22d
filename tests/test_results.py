"""What probes return, and that nothing hostile reaches the screen through it."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import time
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from html.parser import HTMLParser

import pandas as pd
import pytest

import mailkit
from mailkit.results import AuthResult, Finding, Outcome, Record, Rows, Sentence, Stage, Table, Verdict, hidden, visible

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
    "hangul\u3164filler\u115f\u1160\uffa0 and braille\u2800blank",
    "joined\u034fgrapheme, v\ufe0fs, ideo\U000e0101graph",
    "v=spf1\u00a0mx\u2003-all",
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
    assert found.attributes <= {"style", "class", "border", "scoped", "colspan"}
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


def test_a_date_is_not_broken_at_its_hyphens() -> None:
    for value in ("2026-11-24", "2026-11", datetime(2026, 11, 24, tzinfo=UTC)):
        assert "white-space:nowrap" in Table(pd.DataFrame({"as_of": [value]}))._repr_html_().partition("<tbody>")[2]
    assert "nowrap" not in Table(pd.DataFrame({"note": ["since 2026-11-24, and 0-1-2"]}))._repr_html_()


def test_visible_spells_out_what_deceives() -> None:
    assert visible("a\x1b[31mb") == "a\\x1b[31mb"
    assert visible("\u202e") == "\\u202e"
    assert visible("\r\n\t\x00") == "\\r\\n\\t\\x00"
    assert visible("\ud800") == "\\ud800"
    assert visible("日本語 é – “quoted” 🙂") == "日本語 é – “quoted” 🙂"


# Derived property Default_Ignorable_Code_Point of Unicode 16.0 (DerivedCoreProperties.txt): drawn as nothing.
IGNORABLE = [
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]  # fmt: skip


def test_whatever_unicode_draws_as_nothing_is_spelled_out() -> None:
    kept = [
        hex(code) for first, last in IGNORABLE for code in range(first, last + 1) if visible(chr(code)) == chr(code)
    ]
    assert kept == []


def test_every_character_is_either_printable_or_spelled_out() -> None:
    """The spaces, controls, format characters, surrogates and unassigned ones of the whole of Unicode."""
    odd = ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")
    codes = [*range(0x3200), *range(0xD7A0, 0xE010), *range(0xF900, 0x11000), *range(0xE0000, 0xE0200)]
    kept = {code for code in codes if visible(chr(code)) == chr(code) and unicodedata.category(chr(code)) in odd}
    assert kept == {0x20, 0x3000}, "the space, and the wide one of Japanese text"
    assert visible("\u2800") == "\\u2800"


def test_the_fullwidth_space_of_japanese_text_stays() -> None:
    assert visible("送信\u3000認証") == "送信\u3000認証"


@pytest.mark.parametrize("text", ["a" * 70_000, "日本" * 35_000, "\u3164" * 70_000, "\x00" * 70_000])
def test_long_texts_are_made_visible_in_linear_time(text: str) -> None:
    def seconds(size: int) -> float:
        start = time.process_time()
        for _ in range(3):
            visible(text[:size], 1_000_000)
        return time.process_time() - start

    assert seconds(70_000) < 100 * seconds(7_000) + 1, "ten times the text, about ten times the work"


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
    assert list(frame["seen"].isna()) == [True, True, True]
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


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Everything(Record):
    word: str
    maybe_word: str | None
    number: int
    maybe_number: int | None
    share: float
    truth: bool
    maybe_truth: bool | None
    moment: datetime
    maybe_moment: datetime | None
    colour: Colour
    maybe_colour: Colour | None
    stage: Stage
    either: Outcome | Verdict
    names: tuple[str, ...]
    colours: frozenset[Colour]
    number_or_word: int | str
    unknown: "Unheard"  # type: ignore[name-defined]  # noqa: F821, UP037  a name that only a type checker could resolve


JAPAN = timezone(timedelta(hours=9))
FULL = Everything("w", "m", 1, 2, 0.5, True, False, datetime(2026, 1, 2, 9, tzinfo=JAPAN), datetime(2026, 1, 2),
                  Colour.RED, Colour.BLUE, Stage.EHLO, Verdict.PASS, ("a", "b"), frozenset({Colour.RED}),
                  1, 1)  # fmt: skip
HOLES = Everything("", None, 0, None, 0.0, False, None, datetime(9999, 12, 31, tzinfo=UTC), None,
                   Colour.RED, None, Stage.DNS, Outcome.OPEN, (), frozenset(), "x", None)  # fmt: skip
DTYPES = {
    "word": "string", "maybe_word": "string", "number": "Int64", "maybe_number": "Int64", "share": "Float64",
    "truth": "boolean", "maybe_truth": "boolean", "moment": "datetime64[ns, UTC]",
    "maybe_moment": "datetime64[ns, UTC]", "colour": "category", "maybe_colour": "category", "stage": "category",
    "either": "category", "names": "string", "colours": "string", "number_or_word": "object", "unknown": "object",
}  # fmt: skip


@pytest.mark.parametrize("records", [[], [FULL], [HOLES], [FULL, HOLES], [HOLES] * 3], ids=len)
def test_the_types_of_a_frame_do_not_depend_on_its_values(records: list[Everything]) -> None:
    frame = Rows(Everything, records).frame
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES
    assert len(frame) == len(records)
    assert list(frame["colour"].cat.categories) == list(frame["maybe_colour"].cat.categories) == ["red", "blue"]
    assert list(frame["stage"].cat.categories) == [str(stage) for stage in Stage]
    assert set(frame["either"].cat.categories) == {*map(str, Outcome), *map(str, Verdict)}


def test_a_frame_says_what_is_missing_and_changes_no_value() -> None:
    frame = Rows(Everything, [FULL, HOLES]).frame
    missing = [name for name in frame if pd.isna(frame.loc[1, name])]
    assert missing == ["maybe_word", "maybe_number", "maybe_truth", "maybe_moment", "maybe_colour", "unknown"]
    assert frame.loc[0, "moment"] == pd.Timestamp("2026-01-02 00:00", tz="UTC"), "nine o'clock in Japan"
    assert frame.loc[0, "maybe_moment"] == pd.Timestamp("2026-01-02 00:00", tz="UTC")
    assert frame.loc[1, "moment"].year == 2262, "as late as pandas counts in nanoseconds"
    assert list(frame["names"]) == ["a, b", ""] and list(frame["truth"]) == [True, False]
    assert list(frame.loc[frame["maybe_truth"].eq(False).fillna(False), "word"]) == ["w"]


def test_frames_of_different_values_can_be_put_together() -> None:
    parts = [Rows(Everything, records).frame for records in ([], [FULL], [HOLES])]
    both = pd.concat(parts, ignore_index=True)
    assert {name: str(dtype) for name, dtype in both.dtypes.items()} == DTYPES


# Choosing columns.


def test_chosen_columns_keep_the_caption_the_order_and_the_records() -> None:
    chosen = ROWS.show("port", "host", "names")
    shown = Elements(chosen._repr_html_())
    assert shown.text.startswith("lab, seen from home, 2026-11-24porthostnames25mx")
    assert repr(chosen).splitlines() == [
        "port  host   names",
        "25    mx",
        "587   mx     a, b",
        "25    other",
        "(lab, seen from home, 2026-11-24)",
    ]
    assert list(chosen) == list(ROWS) and chosen == ROWS
    assert list(chosen.frame) == list(ROWS.frame), "the frame has all columns"
    assert repr(chosen.where(port=587)).splitlines()[0] == "port  host  names", "what is filtered later looks alike"
    assert repr(chosen[:1]).splitlines()[0] == "port  host  names"
    assert "seen" in Elements(ROWS.show("seen")._repr_html_()).text, "a column asked for is shown even if empty"
    assert repr(chosen[:1] + chosen[1:]) == repr(chosen), "and what is put together again"
    assert repr(chosen.show()) == repr(ROWS)


def test_what_is_to_be_pasted_keeps_its_lines_when_columns_are_chosen() -> None:
    found = Rows(Finding, [Finding("SPF", "a.example", Verdict.WARN, "seen", fix="one\ntwo")], caption="here")
    assert ">one\ntwo<" in found.show("check", "fix")._repr_html_()


@pytest.mark.parametrize("columns", [(), ("fix", "check"), ("check", "fix", "verdict")])
def test_what_is_to_be_pasted_stands_below_its_row_over_the_whole_width(columns: tuple[str, ...]) -> None:
    findings = [Finding("SPF", "a.example", Verdict.WARN, "seen", fix="a <record>")]
    findings.append(Finding("MX", "a.example", Verdict.PASS, "seen"))
    page = Rows(Finding, findings, caption="here").show(*columns)._repr_html_()
    heads, rows = page.count("<th "), page.split("<tr>")[2:]
    assert_harmless(page, TABLE)
    assert [row.count("<td ") for row in rows] == [heads, 1, heads]
    assert f'colspan="{heads}"' in rows[1] and "a &lt;record&gt;<" in rows[1] and ">fix<" not in page


def test_a_table_of_nothing_but_what_is_to_be_pasted_is_one_column() -> None:
    rows = Rows(Finding, [Finding("SPF", "a.example", Verdict.WARN, "seen", fix="one")], caption="here")
    assert ">fix</th>" in rows.show("fix")._repr_html_() and ">one</td>" in rows.show("fix")._repr_html_()


@pytest.mark.parametrize("columns", [("prot",), ("host", "detail")])
def test_a_column_that_is_not_shown_is_told_which_there_are(columns: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"no column .*; there are \['host', 'port'"):
        ROWS.show(*columns)


# Many rows.

MANY = Rows(Probe, [Probe(f"host{n}.example", 25, Outcome.OPEN) for n in range(20_000)], caption="lab")


@pytest.mark.parametrize("table", [MANY, Table(MANY.frame, caption="lab")], ids=["rows", "frame"])
def test_of_many_rows_the_first_and_the_last_are_shown_and_how_many_there_are(table: Rows[Probe] | Table) -> None:
    page = table._repr_html_()
    assert len(page) < 200_000
    text = Elements(page).text
    assert "20,000 rows. lab" in text and "… 19,800 more rows …" in text
    for number, there in ((0, True), (99, True), (100, False), (19_899, False), (19_900, True), (19_999, True)):
        assert (f"host{number}.example" in text) is there, number
        assert (f"host{number}.example" in repr(table)) is there, number
    assert "… 19,800 more rows …" in repr(table) and len(repr(table).splitlines()) == 203
    assert_harmless(page, TABLE)


def test_two_hundred_rows_are_shown_whole() -> None:
    assert "more rows" not in MANY[:200]._repr_html_() + repr(MANY[:200])
    assert "… 1 more rows …" not in repr(MANY[:201]) and "… 1 more row …" in repr(MANY[:201])


def test_a_frame_with_missing_values_is_shown_as_the_rows_are() -> None:
    frame = Rows(Everything, [HOLES]).frame[["maybe_number", "maybe_truth", "maybe_moment", "truth", "maybe_colour"]]
    text = Elements(Table(frame, caption="here")._repr_html_()).text
    assert "NA" not in text and "NaT" not in text and "nan" not in text
    assert text.endswith("no")


# What a package shows of itself.

PACKAGES = sorted(m.name for m in pkgutil.iter_modules(mailkit.__path__) if m.name not in ("workbook", "exercises"))


@pytest.mark.parametrize("name", PACKAGES)
def test_completion_shows_what_a_package_offers_and_not_its_modules(name: str) -> None:
    package = importlib.import_module(f"mailkit.{name}")
    if name == "figures":  # which offers nothing but its modules, one a lesson
        assert {"op25b", "spf", "style"} <= set(dir(package)) and "importlib" not in dir(package)
    else:
        assert dir(package) == sorted(package.__all__)
        assert all(hasattr(package, word) for word in dir(package))


def test_mailkit_itself_offers_all_its_packages_without_importing_them() -> None:
    assert set(dir(mailkit)) == {"connect", "exercises", "workbook", *PACKAGES}
    script = "import mailkit, sys; assert 'mailkit.spf' not in sys.modules; mailkit.spf.check; mailkit.arc.verify"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'spam'"):
        mailkit.spam  # noqa: B018


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


@pytest.mark.parametrize("word", [*Outcome, *Verdict, *AuthResult])
def test_every_word_has_a_mark_besides_its_colour(word: Outcome | Verdict | AuthResult) -> None:
    @dataclass(frozen=True)
    class One(Record):
        word: Outcome | Verdict | AuthResult

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
