"""The figures, judged by what is drawn and not by pixels, which differ between versions of matplotlib."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import warnings
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import matplotlib
import nbclient
import nbformat
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from mailkit import dkim as dkim_lesson
from mailkit import smtp_auth as smtp_auth_lesson
from mailkit import spf as spf_lesson
from mailkit import tls as tls_lesson
from mailkit.figures import capabilities, dkim, grid, op25b, smtp_auth, spf, style, tls, world
from mailkit.figures.grid import Block, Cell, Column, Row
from mailkit.figures.world import Link, Node
from mailkit.lab import world_file
from mailkit.results import AuthResult, Outcome, Rows, Stage

HOSTILE = [
    "$x^2$ and $\\frac{1}",
    "cost $5",
    "\x1b[31mred\x07\x00",
    "abc\u202egnp.exe",
    "日本語 🔒 \ud800",
    "שלום مرحبا",
    "e" + "\u0301" * 200,
    "line\nbreak\r\ttab",
    "W" * 50_000,
    "<script>&amp;",
    "",
]


@dataclass(frozen=True)
class Spoken:
    who: str
    text: str
    encrypted: bool = False


def texts(picture: style.Picture) -> list[str]:
    return [text.get_text() for text in picture.figure.axes[0].texts if text.get_text()]


def colours_of(picture: style.Picture, word: str) -> set[str]:
    """Return the fills of the boxes whose text ends with *word*."""
    axes = picture.figure.axes[0]
    spots = [text.get_position() for text in axes.texts if text.get_text().endswith(word)]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)][1:]  # the first is the sheet
    return {
        to_hex(patch.get_facecolor())
        for patch in boxes
        for x, y in spots
        if 0 <= x - patch.get_x() <= patch.get_width() and 0 <= y - patch.get_y() <= patch.get_height()
    }


def rendered(picture: style.Picture) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return picture.png()


def drawn_small(picture: style.Picture) -> bool:
    """Draw all of *picture* at a low resolution, a warning being an error: enough for what text can do to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture.figure.savefig(out := io.BytesIO(), format="png", dpi=40)
    return out.getvalue().startswith(b"\x89PNG")


def scan(outcomes: dict[tuple[str, str, int], str]) -> pd.DataFrame:
    return pd.DataFrame([{"host": h, "vantage": v, "port": p, "outcome": o} for (h, v, p), o in outcomes.items()])


SCAN = scan(
    {
        ("mx.kaisha.example", "office", 25): "open",
        ("mx.kaisha.example", "home", 25): "timeout",
        ("mx.kaisha.example", "home", 587): "open",
        ("mx.kaisha.example", "hotel", 25): "refused",
        ("mx.bigmail.example", "home", 25): "intercepted",
    }
)
DIALOGUE = [
    Spoken("S", "220 mail.kaisha.example ESMTP"),
    Spoken("C", "EHLO pc.example"),
    Spoken("S", "250-mail.kaisha.example"),
    Spoken("S", "250 STARTTLS"),
    Spoken("C", "STARTTLS"),
    Spoken("S", "220 Ready"),
    Spoken("C", "DATA", True),
    Spoken("S", "354 Go on", True),
    Spoken("C", ".", True),
    Spoken("S", "451 Later", True),
    Spoken("C", "QUIT", True),
    Spoken("S", "554 Never", True),
]
NODES = [
    Node("home", "place", "Seat", "dynamic address"),
    Node("office", "place", "Seat"),
    Node("isp.example", "filter", "Way"),
    Node("line", "network", "Way"),
    Node("mx.kaisha.example", "server", "Servers"),
]
LINKS = [
    Link("home", "isp.example"),
    Link("office", "line"),
    Link("isp.example", "mx.kaisha.example", "25", Outcome.TIMEOUT),
    Link("line", "mx.kaisha.example", "25", Outcome.OPEN),
]


def one_of_each() -> list[style.Picture]:
    return [
        op25b.matrix(SCAN, title="Ports"),
        smtp_auth.ladder(DIALOGUE, title="Talk"),
        world.world_map(NODES, LINKS, title="World"),
    ]


# The house style.


@pytest.mark.parametrize("index", range(3))
def test_two_renderings_are_alike_to_the_byte_and_undated(index: int) -> None:
    first, second = rendered(one_of_each()[index]), rendered(one_of_each()[index])
    assert first == second and first.startswith(b"\x89PNG")
    assert not any(word in first for word in (b"tEXt", b"iTXt", b"tIME")), "no software, no date"
    assert len(first) < 100_000, "a notebook stores it"


@pytest.mark.parametrize("index", range(3))
def test_a_readers_own_settings_change_nothing(index: int) -> None:
    expected = rendered(one_of_each()[index])
    own = {"font.size": 30, "font.family": "serif", "savefig.bbox": "tight", "figure.facecolor": "black",
           "axes.facecolor": "red", "text.color": "red", "savefig.dpi": 30, "patch.linewidth": 9}  # fmt: skip
    with matplotlib.rc_context(own):
        assert rendered(one_of_each()[index]) == expected


@cache
def matrices() -> dict[str, style.Picture]:
    """Every figure that is drawn with the grid, with more of everything than fits."""
    door = smtp_auth_lesson.SmtpServer(
        "h" * 70, 587, "submission", "MX", Outcome.OPEN, Stage.EHLO, "STARTTLS", "X " * 40, "PLAIN"
    )
    check = spf_lesson.Check(
        "192.0.2.1", "a@x.example", "x.example", "x.example", "mailfrom", AuthResult.PERMERROR, "why", "", 0, 0, "a"
    )
    checks = [replace(check, ip=f"2001:db8::{n}", domain=f"{'d' * 50}{n}.example") for n in range(20)]
    scan_row = tls_lesson.Scan("h" * 70, 25, "smtp", Outcome.TIMEOUT, Stage.GREETING)
    trials = pd.DataFrame({"attack": ["strip"] * 4, "setting": list("abcd"), "sent": [True] * 4, "leaked": [False] * 4})
    many = {(f"mx{h}.example", f"v{v}", p): "open" for h in range(6) for v in range(14) for p in range(1, 9)}
    return {
        "ports": op25b.matrix(scan(many), title="T" * 200),
        "doors": capabilities.matrix(Rows(smtp_auth_lesson.SmtpServer, [door] * 20), title="Doors"),
        "tls": tls.matrix(Rows(tls_lesson.Scan, [scan_row] * 20)),
        "leaks": tls.who_leaks(trials),
        "signatures": dkim.side_by_side(
            {("e" * 200, "s" * 200): "permerror", ("e" * 200, "simple/simple"): "temperror"}, title="T" * 200
        ),
        "spf": spf.matrix(checks, names={"2001:db8::1": "n" * 200}),
    }


@pytest.mark.parametrize("name", ["Ports", "Talk", "World", "ports", "doors", "tls", "leaks", "signatures", "spf"])
def test_everything_is_large_enough_and_stays_on_the_sheet(name: str) -> None:
    first = ("Ports", "Talk", "World")
    picture = one_of_each()[first.index(name)] if name in first else matrices()[name]
    width, height = picture.figure.get_size_inches()
    assert width * 96 <= 1024 - 150, "a projector's width less JupyterLab's margins"
    picture.figure.set_dpi(100)  # once: matplotlib keeps a sheet for every change, of 10 MB where it is long
    for text in picture.figure.axes[0].texts:
        if not text.get_text():
            continue
        assert text.get_fontsize() >= 10, text
        box = text.get_window_extent()
        assert box.x0 >= 0.1 * 100 and box.x1 <= (width - 0.1) * 100, text
        assert box.y0 >= 0 and box.y1 <= height * 100, text
    spots = [(round(x, 3), round(y, 3)) for x, y in (text.get_position() for text in picture.figure.axes[0].texts)]
    assert len(set(spots)) == len(spots), "nothing is written over something else"


def test_a_picture_shows_in_a_notebook_with_and_without_pyplot() -> None:
    cells = [
        "from mailkit.figures.world import Node, world_map; import sys\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "picture = world_map([Node('home', 'place', 'Seat')], [])\npicture",
        "import matplotlib.pyplot as plt; plt.figure(); plt.close('all')",
        "picture",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    first, _, second = (cell.outputs for cell in notebook.cells)
    assert len(first) == len(second) == 1
    assert first[0].data == second[0].data and first[0].metadata == second[0].metadata
    assert sorted(first[0].data) == ["image/png", "text/plain"]
    assert first[0].data["text/plain"] == "A map\nSeat: home"
    assert first[0].metadata["image/png"] == {"width": 826}
    assert base64.b64decode(first[0].data["image/png"]).startswith(b"\x89PNG")


def test_matplotlib_is_loaded_only_with_a_figure() -> None:
    script = "import sys, mailkit, mailkit.exercises.core, mailkit.figures; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "False\n", done.stderr
    script = "import sys, mailkit.figures.op25b; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "False\n", done.stderr


def test_the_png_has_the_colours_of_the_style_and_transparent_corners() -> None:
    image = Image.open(io.BytesIO(rendered(op25b.matrix(SCAN)))).convert("RGBA")
    assert image.getpixel((0, 0))[3] == 0 and image.getpixel((image.width - 1, image.height - 1))[3] == 0
    colours = {colour for count, colour in image.getcolors(256) or [] if count > 1_000}
    for name in (style.PAPER, "#0067a3", "#b36b00", "#b03a00", "#8c4a79"):
        assert (*bytes.fromhex(name[1:]), 255) in colours, name


def test_text_is_spelled_out_where_it_could_deceive_or_not_be_drawn() -> None:
    assert style.fitted("a\u202eb 日 \x1b ש e\u0301") == "a\\u202eb \\u65e5 \\x1b \\u05e9 e\\u0301"
    assert style.fitted("$x$") == "$x$", "no mathematics is made of it, see parse_math"
    _, axes = style.canvas(1)
    assert style.write(axes, 0.3, 0.5, "$x$").get_parse_math() is False


def test_text_is_cut_to_the_width_it_has() -> None:
    cut = style.fitted("W" * 400, 2.0, size=10)
    assert cut.endswith("…") and 1.8 < style.measured(cut, size=10) <= 2.0
    assert style.fitted("short", 2.0) == "short"


def test_colours() -> None:
    assert style.badge(Outcome.TIMEOUT) == ("…", "#b36b00")
    assert style.tint("#000000", 0) == style.PAPER and style.tint("#0067a3", 1) == "#0067a3"
    with pytest.raises(ValueError, match="'purple' is no outcome"):
        style.badge("purple")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_drawn_without_a_warning(text: str) -> None:
    frame = scan({(text, text, 25): "open", (text, "home", 587): "timeout"})
    talk = [Spoken("S", text), Spoken("S", f"250 {text}"), Spoken("C", text, True)]
    nodes = [Node(text + "1", "place", text, text), Node(text + "2", "server", "Servers", text)]
    links = [Link(text + "1", text + "2", text, Outcome.OPEN)]
    for picture in (
        op25b.matrix(frame, title=text),
        smtp_auth.ladder(talk, title=text),
        world.world_map(nodes, links, title=text),
        grid.grid(
            [Block([Row(text, text, [Cell(text, "pass", text), Cell(text, "fail")], style.fitted(text))], text)],
            [Column(text, text), Column("a " * 60 + text)],
            {"pass": text, "fail": text},
            title=text,
            said=text,
            left_out="two",
        ),
    ):
        assert drawn_small(picture)
        drawn = "".join(texts(picture)) + picture.alt
        assert not set(drawn) & set("\x1b\x07\x00\u202e\r\t日ש\u0301"), drawn
        assert len(picture.alt) < 5_000
    title = style.fitted(text, style.WIDTH - 0.6, size=13, font="bold")
    assert title in texts(op25b.matrix(frame, title=text)) or not text


# The grid that every matrix is drawn with.


def one_grid(*cells: Cell, **options: Any) -> style.Picture:
    rows = [Row("name", "below", cells, "name: said")] if cells else []
    columns = [Column(f"column {number}") for number in range(len(cells))]
    return grid.grid(
        [Block(rows)], columns, {"pass": "good", "unknown": "not seen"}, **{"title": None, "said": "All"} | options
    )


def test_a_cell_has_mark_word_and_colour_and_the_legend_what_occurs() -> None:
    picture = one_grid(Cell("yes", "pass"), Cell("no", "fail", "2 of 3"), Cell("nothing", "unknown"))
    assert {"✓ yes", "✗ no", "2 of 3", "? nothing", "good", "not seen", "name", "below"} <= set(texts(picture))
    assert colours_of(picture, "✓ yes") == {"#0067a3"} and colours_of(picture, "? nothing") == {style.PAPER}
    assert "good" not in texts(one_grid(Cell("no", "fail"))), "the legend explains what is there, and no more"
    assert repr(picture) == "All\nname: said"


def test_a_grid_of_nothing_says_so_and_one_that_is_cut_too() -> None:
    assert repr(one_grid(nothing="Nobody was there.", left_out="3 doors")) == (
        "All\nNobody was there.\nNot shown: 3 doors."
    )
    assert "Not shown: 3 doors." in texts(one_grid(Cell("yes", "pass"), left_out="3 doors"))


def test_what_is_too_long_for_one_line_takes_two_and_is_then_cut() -> None:
    cells = [Cell("PLAIN LOGIN CRAM-MD5 and so on", "pass")] * 5
    drawn = texts(one_grid(*cells))
    assert drawn.count("✓ PLAIN") == 5 and sum(text.startswith("LOGIN") for text in drawn) == 5
    picture = one_grid(*[Cell("W" * 400, "pass")] * 3)
    axes = picture.figure.axes[0]
    assert max(text.get_window_extent(dpi=100).x1 for text in axes.texts) <= 100 * style.WIDTH


# The matrix of ports and vantage points.


def test_a_cell_for_each_port_and_vantage_with_mark_word_and_colour() -> None:
    picture = op25b.matrix(SCAN, title="Ports")
    drawn = texts(picture)
    assert drawn.count("✓ open") == 2 and drawn.count("… timeout") == 1 and drawn.count("✗ refused") == 1
    assert drawn.count("⇄ intercepted") == 1
    assert drawn.count("– not run") == 2 * 3 * 2 - 5, "2 hosts, 3 vantage points, 2 ports, 5 of them asked"
    assert colours_of(picture, "✓ open") == {"#0067a3"} and colours_of(picture, "… timeout") == {"#b36b00"}
    assert colours_of(picture, "✗ refused") == {"#b03a00"} and colours_of(picture, "⇄ intercepted") == {"#8c4a79"}
    assert colours_of(picture, "– not run") == {style.PAPER}
    assert {"mx.kaisha.example", "mx.bigmail.example", "25", "587", "relay", "submission", "Ports"} <= set(drawn)
    assert "timeout: silence until we gave up" in drawn and not any(t.startswith("unreachable:") for t in drawn)
    assert picture.alt.splitlines()[:3] == [
        "Ports",
        "mx.kaisha.example from office: 25 open, 587 not_run",
        "mx.kaisha.example from home: 25 timeout, 587 open",
    ]


def test_the_places_of_the_practice_internet_are_named_in_full() -> None:
    places = list(world_file.load().vantage_points)
    rows = pd.DataFrame({"vantage": places, "port": 25, "outcome": "open"})
    assert len(places) > 5 and set(places) <= set(texts(op25b.matrix(rows)))


def test_the_longest_usual_field_of_a_signed_message_is_named_in_full() -> None:
    names = ["Authentication-Results", "Content-Transfer-Encoding", "List-Unsubscribe-Post"]
    parts = [dkim_lesson.Part("header", name, dkim_lesson.Coverage.SIGNED, "x", 1) for name in names]
    assert set(names) <= set(texts(dkim.anatomy(parts)))


def test_rows_are_taken_as_well_as_a_frame() -> None:
    @dataclass(frozen=True)
    class Probe:
        vantage: str
        port: int
        outcome: Outcome

    rows = Rows(Probe, [Probe("home", 25, Outcome.TIMEOUT)])
    assert repr(op25b.matrix(rows)) == "How each port answered, by vantage point\nfrom home: 25 timeout"
    assert rendered(op25b.matrix(Rows(Probe, [])))


def test_addresses_that_differ_are_not_hidden_behind_one_another() -> None:
    frame = pd.concat([SCAN, SCAN.iloc[[0]].assign(outcome="unreachable")])
    drawn = texts(op25b.matrix(frame))
    assert "∅ unreachable" in drawn and "1 of 2 addresses" in drawn and drawn.count("✓ open") == 1


def test_a_matrix_too_large_says_what_it_leaves_out() -> None:
    frame = scan({(f"mx{h}.example", f"v{v}", p): "open" for h in range(6) for v in range(14) for p in range(1, 9)})
    picture = op25b.matrix(frame)
    assert "Not shown: 2 hosts, 2 vantage points, 3 ports." in texts(picture)
    assert texts(picture).count("✓ open") == 4 * 12 * 5


def test_a_missing_answer_is_not_run_and_an_unknown_one_an_error() -> None:
    assert "– not run" in texts(op25b.matrix(scan({("mx.example", "home", 25): None})))  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="not among \\['slow'\\]"):
        op25b.matrix(scan({("mx.example", "home", 25): "slow"}))
    with pytest.raises(ValueError, match="the rows lack outcome, vantage"):
        op25b.matrix(pd.DataFrame({"port": [25]}))


def test_every_outcome_fits_its_cell() -> None:
    frame = scan({("mx.example", f"v{i}", 25 + i % 5): str(outcome) for i, outcome in enumerate(Outcome)})
    drawn = texts(op25b.matrix(frame))
    lines = list(zip(drawn, ["", *drawn]))  # beside five ports two words stand on two lines, each whole
    for outcome in Outcome:
        words = f"{style.badge(outcome)[0]} {str(outcome).replace('_', ' ')}"
        first, _, second = words.rpartition(" ")
        assert words in drawn or (second, first) in lines, words


# The ladder.


def test_a_ladder_shows_each_line_its_class_and_what_is_encrypted() -> None:
    picture = smtp_auth.ladder(DIALOGUE)
    drawn = texts(picture)
    assert drawn.count("✓ 220") == 2 and drawn.count("✓ 250") == 1, "one badge a reply, of however many lines"
    assert {"→ 354", "! 451", "✗ 554", "EHLO pc.example", "STARTTLS", "mail.kaisha.example", "QUIT"} <= set(drawn)
    assert drawn.index("in the clear: whoever is on the way can read this") < drawn.index("encrypted with TLS")
    assert drawn.index("encrypted with TLS") < drawn.index("DATA")
    assert colours_of(picture, "! 451") == {"#b36b00"} and colours_of(picture, "✗ 554") == {"#b03a00"}
    shaded = [area for area in picture.figure.axes[0].collections if len(area.get_paths())]
    assert len(shaded) == 1 + sum(line.encrypted for line in DIALOGUE), "the break and each encrypted line"
    arrows = [text for text in picture.figure.axes[0].texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 11, "one for each turn: the reply of two lines is one"
    assert picture.alt.splitlines()[:3] == [
        "An SMTP dialogue",
        "-- in the clear: whoever is on the way can read this --",
        "S: 220 mail.kaisha.example ESMTP",
    ]


def test_tls_from_the_start_and_a_fall_back_to_clear_text_are_named() -> None:
    alt = smtp_auth.ladder([Spoken("S", "220 a", True), Spoken("C", "NOOP")]).alt.splitlines()
    assert alt[1] == "-- encrypted with TLS --" and alt[3].startswith("-- in the clear")


def test_a_reply_that_changes_its_code_half_way_is_shown_doing_so() -> None:
    drawn = texts(smtp_auth.ladder([Spoken("S", "250-a"), Spoken("S", "550 b")]))
    assert {"✓ 250", "✗ 550"} <= set(drawn)


@pytest.mark.parametrize("text", ["SSH-2.0-OpenSSH", "2500 x", "99 x", "250_x", "650 x", "250x"])
def test_what_is_no_reply_is_marked(text: str) -> None:
    drawn = texts(smtp_auth.ladder([Spoken("S", text)]))
    assert "? no code" in drawn and text in drawn and "not an SMTP reply" in drawn


def test_a_long_dialogue_is_cut_and_says_so() -> None:
    picture = smtp_auth.ladder([Spoken("C", f"line {i}") for i in range(1_000)])
    drawn = texts(picture)
    assert [text for text in drawn if text.startswith("line")] == [
        f"line {i}" for i in (*range(26), *range(991, 1_000))
    ]
    assert "965 lines not shown" in drawn
    assert not any("not shown" in text for text in texts(smtp_auth.ladder([Spoken("C", "x")] * 36)))


def test_encryption_that_begins_in_the_lines_left_out_is_still_named() -> None:
    lines = [Spoken("C", f"line {i}", encrypted=i >= 500) for i in range(1_000)]
    drawn = texts(smtp_auth.ladder(lines))
    assert drawn.index("965 lines not shown") < drawn.index("encrypted with TLS") < drawn.index("line 991")


def test_a_stranger_in_a_dialogue_is_an_error() -> None:
    with pytest.raises(ValueError, match="not by \\['X'\\]"):
        smtp_auth.ladder([Spoken("X", "hello")])
    assert rendered(smtp_auth.ladder([]))


# The map.


def test_a_map_shows_nodes_links_and_where_a_way_ends() -> None:
    picture = world.world_map(NODES, LINKS, title="World")
    drawn = texts(picture)
    assert {"home", "dynamic address", "office", "isp.example", "line", "mx.kaisha.example", "Seat", "Way"} <= set(
        drawn
    )
    assert drawn.count("⌂") == 3 and "a place to ask from" in drawn, "two places and the legend"
    assert colours_of(picture, "… 25") == {"#b36b00"} and colours_of(picture, "✓ 25") == {"#0067a3"}
    heads = [line for line in picture.figure.axes[0].lines if line.get_marker() == ">"]
    assert len(heads) == 3, "the link that times out does not arrive"
    assert picture.alt.splitlines() == [
        "World",
        "Seat: home (dynamic address), office",
        "Way: isp.example, line",
        "Servers: mx.kaisha.example",
        "home -> isp.example",
        "office -> line",
        "isp.example -> mx.kaisha.example: 25 timeout",
        "line -> mx.kaisha.example: 25 open",
    ]


def test_columns_stand_from_left_to_right_and_nodes_from_top_to_bottom() -> None:
    axes = world.world_map(NODES, LINKS).figure.axes[0]
    spot = {text.get_text(): text.get_position() for text in axes.texts}
    assert spot["home"][0] < spot["isp.example"][0] < spot["mx.kaisha.example"][0]
    assert spot["home"][1] < spot["office"][1], "measured downwards"


@pytest.mark.parametrize(
    ("nodes", "links", "sentence"),
    [
        ([Node("a", "castle", "A")], [], "a node is one of place, network, filter, server, dns"),
        ([Node("a", "place", "A"), Node("a", "server", "B")], [], "the same name"),
        (NODES, [Link("home", "nowhere")], "'nowhere'.*no node of this map"),
        (NODES, [Link("isp.example", "home")], "does not lead to a later column"),
        (NODES, [Link("home", "office")], "does not lead to a later column"),
        ([Node(str(i), "place", str(i)) for i in range(5)], [], "at most 4 columns"),
        ([Node(str(i), "place", "A") for i in range(13)], [], "at most 12 nodes"),
    ],
)
def test_a_map_that_cannot_be_drawn_is_an_error(nodes: Any, links: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        world.world_map(nodes, links)


def test_an_empty_map_is_a_sheet() -> None:
    assert rendered(world.world_map([], []))
