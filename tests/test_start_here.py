"""The figures of lesson 00: what they draw comes from the world they are given."""

from __future__ import annotations

import pytest

from mailkit.figures.start_here import practice_internet, way_of_a_mail
from mailkit.lab.world import load


def test_the_map_names_places_servers_and_people() -> None:
    picture = practice_internet(load(), ["kaisha.example", "isp.example", "bigmail.example"], title="The map")
    lines = picture.alt.splitlines()
    assert lines[0] == "The map"
    assert "office (192.0.2.20)" in lines[1] and "offline (198.51.100.200)" in lines[1]
    assert "kaisha.example (mx, smtp · hanako, taro …)" in picture.alt
    assert "isp.example (mx, smtp" in picture.alt and "· jiro)" in picture.alt
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
