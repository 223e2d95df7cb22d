"""The figures of lesson 03, judged by the facts they state and not by pixels."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from mailkit.clients import Line
from mailkit.figures.style import Picture
from mailkit.figures.tls import matrix, validity, who_leaks
from mailkit.figures.tls_dialogues import side_by_side, two_ways
from mailkit.results import Outcome, Rows, Stage
from mailkit.tls import Certificate, Scan

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HOSTILE = ["$x^2$", "\x1b[31m\u202e", "日本語", "<script>", "W" * 5000]


def scan(host: str = "mx.a.example", port: int = 587, days: int = 90, **changes: object) -> Scan:
    """A door as it should be, but for *changes*."""
    end = NOW + timedelta(days=days)
    own = Certificate("CN=x", "CN=y", (host,), NOW - timedelta(days=100), end, "EC 256", "ecdsa-with-SHA256")
    good = Scan(
        host, port, "smtp", Outcome.OPEN, Stage.TLS, ("TLS 1.2", "TLS 1.3"), name_ok=True, trusted=True, not_after=end,
        days_left=days, chain=Rows(Certificate, [own]),
    )  # fmt: skip
    return replace(good, **changes)  # type: ignore[arg-type]


def rows(*scans: Scan) -> Rows[Scan]:
    return Rows(Scan, scans)


def texts(picture: Picture) -> list[str]:
    return [text.get_text() for text in picture.figure.axes[0].texts if text.get_text()]


def test_matrix_states_versions_and_certificate() -> None:
    drawn = matrix(rows(scan(), scan(versions=("TLS 1.0", "TLS 1.2"), port=25)), title="Doors")
    assert repr(drawn).splitlines() == [
        "Doors",
        "mx.a.example port 587: TLS 1.0: no, TLS 1.1: no, TLS 1.2: yes, TLS 1.3: yes, certificate: good",
        "mx.a.example port 25: TLS 1.0: yes, TLS 1.1: no, TLS 1.2: yes, TLS 1.3: no, certificate: good",
    ]
    assert "i yes" in texts(drawn), "an old version is marked"
    assert "! yes" not in texts(drawn), "RFC 9325 section 5.2: on port 25 an old version is better than clear text"
    assert "! yes" in texts(matrix(rows(scan(versions=("TLS 1.0", "TLS 1.2")))))


@pytest.mark.parametrize(
    ("changes", "relay", "submission"),
    [
        ({"trusted": False, "days": -3}, "! expired", "✗ expired"),
        ({"name_ok": False, "names": ("mx.b.example",)}, "! wrong name", "✗ wrong name"),
        ({"name_ok": False}, "! no name", "✗ no name"),
        ({"trusted": False}, "! not trusted", "✗ not trusted"),
        ({"outcome": Outcome.REJECTED, "stage": Stage.STARTTLS, "offered": False}, "! no TLS", "✗ no TLS"),
        ({"outcome": Outcome.REJECTED, "stage": Stage.STARTTLS, "offered": True}, "! rejected", "✗ rejected"),
        ({"outcome": Outcome.REJECTED, "stage": Stage.EHLO}, "? rejected", "? rejected"),
        ({"outcome": Outcome.TLS_FAILURE}, "! tls failure", "✗ tls failure"),
        ({"outcome": Outcome.TIMEOUT}, "? timeout", "? timeout"),
        ({"trusted": None}, "? not seen", "? not seen"),
    ],
)
def test_matrix_judges_relay_and_submission_apart(changes: dict[str, object], relay: str, submission: str) -> None:
    assert relay in texts(matrix(rows(scan(port=25, **changes))))  # type: ignore[arg-type]
    assert submission in texts(matrix(rows(scan(port=587, **changes))))  # type: ignore[arg-type]


def test_matrix_of_none_and_of_many() -> None:
    assert "No door was found from here." in repr(matrix(rows()))
    many = repr(matrix(rows(*(scan(f"mx{n}.example") for n in range(40)))))
    assert "Not shown: 28 doors." in many and "mx11.example" in many and "mx12.example" not in many


def test_validity_states_the_days() -> None:
    drawn = validity(rows(scan(), scan(days=5), scan(days=-2)), now=NOW)
    assert [line.rpartition(", ")[2] for line in repr(drawn).splitlines()[1:]] == [
        "90 days left",
        "5 days left",
        "ended 2 days ago",
    ]
    assert {"✓ 90 days left", "! 5 days left", "✗ ended 2 days ago"} <= set(texts(drawn))
    assert "No certificate was seen from here." in repr(validity(rows(scan(chain=Rows(Certificate, []))), now=NOW))


def test_who_leaks() -> None:
    frame = pd.DataFrame({"attack": ["strip"] * 3, "setting": list("abc"), "sent": [1, 0, 1], "leaked": [1, 0, 0]})
    assert repr(who_leaks(frame)).splitlines()[1] == "strip he hides STARTTLS: a: leaks, b: refuses, c: sent safely"
    with pytest.raises(ValueError, match="lack leaked, sent"):
        who_leaks(frame[["attack", "setting"]])


def test_two_ways_says_where_encryption_begins() -> None:
    implicit, starttls = repr(two_ways()).split("[STARTTLS")
    assert implicit.count("clear ") == 1 and starttls.count("clear ") == 6
    assert implicit.index("TLS handshake") < implicit.index("220 greeting")
    assert starttls.index("TLS handshake") > starttls.index("220 go ahead")


def test_side_by_side_cuts_long_dialogues() -> None:
    short = [Line("S", "220 hi"), Line("C", "EHLO me", True)]
    long = [Line("C", f"NOOP {n}") for n in range(40)]
    drawn = repr(side_by_side(short, long, captions=("short", "long"), title="Two"))
    assert "encrypted C: EHLO me" in drawn and "NOOP 15" in drawn and "NOOP 16" not in drawn
    assert "24 more lines" in drawn


EHLO = [
    Line("S", "220 hi"),
    Line("C", "EHLO me"),
    Line("S", "250-hi"),
    Line("S", "250-STARTTLS"),
    Line("S", "250 SIZE"),
]


@pytest.mark.parametrize(
    ("reply", "next_word", "taken_out", "put_in"),
    [
        (["250-hi", "250 SIZE"], "AUTH PLAIN", ["250-STARTTLS"], []),
        (["250-hi", "250-AUTH PLAIN", "250 SIZE"], "AUTH PLAIN", ["250-STARTTLS"], ["250-AUTH PLAIN"]),
        (["250-hi", "250-STARTTLS", "250 SIZE"], "AUTH PLAIN", [], []),
        (["250-hi", "250 SIZE"], "STARTTLS", [], []),  # not marked: the client goes the same way on
        ([], "", [], []),
    ],
    ids=["a line is missing", "one stands for another", "all as it should be", "no fork", "cut off"],
)
def test_side_by_side_marks_what_was_changed(
    reply: list[str], next_word: str, taken_out: list[str], put_in: list[str]
) -> None:
    other = [*EHLO[:2], *(Line("S", text) for text in reply), *([Line("C", next_word)] if next_word else [])]
    drawn = side_by_side([*EHLO, Line("C", "STARTTLS")], other, captions=("good", "bad"), title="Two")
    left, right = repr(drawn).split("[bad]")
    assert [line for line in left.splitlines() if "✗" in line] == [
        f"clear     S: {line}  [✗ taken out]" for line in taken_out
    ]
    assert [line for line in right.splitlines() if "✗" in line] == [
        f"clear     S: {line}  [✗ put in]" for line in put_in
    ]
    assert texts(drawn).count("✗ taken out") == len(taken_out)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_drawn_and_harmless(text: str) -> None:
    pictures = [
        matrix(rows(scan(text)), title=text),
        validity(rows(scan(text)), now=NOW, title=text),
        who_leaks(pd.DataFrame({"attack": [text], "setting": [text], "sent": [True], "leaked": [False]}), title=text),
        side_by_side([Line("S", text)], [Line("C", text)], captions=(text, text), title=text),
    ]
    for picture in pictures:
        picture.figure.savefig(io.BytesIO(), format="png", dpi=40)  # a low resolution is enough for what text can do
        assert "\x1b" not in repr(picture) and "\u202e" not in repr(picture) and len(repr(picture)) < 2000
