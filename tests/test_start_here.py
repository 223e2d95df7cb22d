"""The figures of lesson 00, and what a mail program shows: all of it comes from what they are given."""

from __future__ import annotations

import pytest

from mailkit.clients import Line
from mailkit.figures.smtp_auth import ladder
from mailkit.figures.start_here import practice_internet, way_of_a_mail
from mailkit.lab.world_file import load
from mailkit.start_here.reading import as_shown


def test_the_map_names_places_servers_and_people() -> None:
    picture = practice_internet(load(), ["kaisha.example", "isp.example", "bigmail.example"], title="The map")
    lines = picture.alt.splitlines()
    assert lines[0] == "The map"
    assert "office (192.0.2.20)" in lines[1] and "offline (198.51.100.200)" in lines[1]
    assert "kaisha.example (mx, smtp, imap · hanako, taro …)" in picture.alt
    assert "isp.example (4 servers · jiro)" in picture.alt
    assert "office -> the network" in lines and "offline -> the network" not in lines
    assert "the network -> bigmail.example" in lines
    assert picture.png().startswith(b"\x89PNG")


@pytest.mark.parametrize("domain", ["nowhere.example", "kaisha", ""])
def test_a_domain_without_servers_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="no mail server"):
        practice_internet(load(), [domain])


def test_the_way_of_a_mail() -> None:
    picture = way_of_a_mail("a@one.example", "smtp.one.example", "mx.two.example", "b@two.example")
    assert picture.alt.splitlines() == [
        "The way of one mail",
        "1 mail client (MUA): a@one.example; then submission: port 587, TLS, login",
        "2 submission server (MSA): smtp.one.example; then relay: port 25",
        "3 mail exchanger (MX): mx.two.example; then delivery",
        "4 mailbox: b@two.example",
        "Before 3 the submission server asks the DNS first: the MX of two.example?",
    ]
    assert picture.png() == picture.png()


def test_hostile_names_are_spelled_out() -> None:
    picture = way_of_a_mail("a\u202e@x.example", "smtp.x.example", "mx\x1b[2J.example", "b@$x^2$.example")
    assert "\u202e" not in picture.alt and "\x1b" not in picture.alt
    assert picture.png().startswith(b"\x89PNG")


def spoken(*said: str) -> list[Line]:
    return [Line(text[0], text[3:], False) for text in said]


MAIL = spoken(
    "S: 220 mx.example",
    "C: MAIL FROM:<a@one.example>",
    "S: 250 Ok",
    "C: rcpt to:<b@two.example>",
    "S: 250 Ok",
    "C: DATA",
    "S: 354 Go on",
    "C: From: x",
    "C: Subject: MAIL FROM:<no@envelope.example>",
    "C: ",
    "C: RCPT TO:<text@only.example>",
    "C: ",
    "C: more",
    "C: .",
    "S: 250 queued",
    "C: MAIL FROM:<next@one.example>",
)


def test_the_ladder_marks_envelope_header_and_text() -> None:
    alt = ladder(MAIL).alt.splitlines()
    marked = [line.rpartition("  ")[2] for line in alt if line.endswith("]")]
    assert marked == ["[envelope]", "[envelope]", "[header]", "[header]", "[text]", "[text]", "[text]", "[envelope]"]
    assert "C: RCPT TO:<text@only.example>  [text]" in alt and "C: ." in alt and "C: DATA" in alt


def test_the_ladder_marks_no_message_where_data_was_refused() -> None:
    refused = [*MAIL[:6], *spoken("S: 554 no", "C: From: x")]
    assert not any("[header]" in line for line in ladder(refused).alt.splitlines())


def test_a_mail_program_shows_the_header_and_the_text() -> None:
    head = "From: Taro <taro@kaisha.example>\r\nSubject: =?utf-8?b?5Lya6K2w?=\r\nX-Other: y\r\n"
    message = f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n正午に。\r\n".encode()
    shown = [(line.part, line.what) for line in as_shown(message)]
    assert shown[1:] == [("Subject", "会議"), ("text", "正午に。")]
    assert shown[0] == ("From", "Taro <taro@kaisha.example>")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe\x00",
        b"no header at all",
        b"Content-Type: text/plain; charset=no-such-set\r\n\r\n\xff",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x",
        b"Content-Type: text/html\r\n\r\n<script>",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Subject: =?no-such-set?b?!!!?= =?utf-8?q?=ff?=\r\n\r\n",
        b"".join(b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (i, i) for i in range(3_000)),
        b"From: " + b"(" * 5_000 + b"\r\n\r\n" + b"x" * 100_000,
        b"Subject: \x1b[31m\xe2\x80\xae\r\n\r\n\x07",
    ],
)
def test_any_octets_can_be_shown(message: bytes) -> None:
    shown = as_shown(message)
    assert len(shown._repr_html_()) < 60_000 and "\x1b" not in repr(shown) and "<script>" not in shown._repr_html_()


def test_only_octets_are_a_message() -> None:
    with pytest.raises(TypeError, match="bytes"):
        as_shown("From: x")  # type: ignore[arg-type]
