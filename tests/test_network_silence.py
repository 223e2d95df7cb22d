"""One job waits for a silent door once, and not at length where nothing answers at all."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.network.silence import Silence

SERVER = "192.0.2.25"


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with Lab() as lab:
        yield lab.network("home")


def test_a_door_that_was_silent_is_not_waited_for_again() -> None:
    silence = Silence()
    assert silence.patience("here", SERVER, 25, 5.0) == 5.0
    silence.nothing("here", SERVER, 25, 5.0)
    assert silence.patience("here", SERVER, 25, 5.0) == 0.0
    assert silence.patience("here", SERVER, 25, 5.4) == 0.0, "a little longer brings nothing new"
    assert silence.patience("here", SERVER, 25, 20.0) == 20.0, "four times as long may"
    assert silence.patience("here", SERVER, 587, 5.0) == 5.0, "another door"
    assert silence.patience("office", SERVER, 25, 5.0) == 5.0, "another place"


def test_where_nothing_answers_the_rest_is_tried_briefly() -> None:
    silence = Silence()
    for number in range(4):
        assert silence.patience("here", f"192.0.2.{number}", 25, 5.0) == 5.0
        silence.nothing("here", f"192.0.2.{number}", 25, 5.0)
    assert silence.patience("here", SERVER, 587, 5.0) == 1.0
    assert silence.patience("here", SERVER, 587, 0.5) == 0.5
    assert silence.patience("office", SERVER, 587, 5.0) == 5.0
    silence.heard("here")
    assert silence.patience("here", SERVER, 587, 5.0) == 5.0, "one answer: so the way out is open"


def test_a_remembering_network_dials_a_silent_door_once(net: Network) -> None:
    job = net.remembering()
    assert job.memory is not None
    with pytest.raises(TimeoutError):
        job.dial(SERVER, 25, timeout=0.5)
    start = time.monotonic()
    for _ in range(50):
        with pytest.raises(TimeoutError):
            job.dial(SERVER, 25, timeout=0.5)
    assert time.monotonic() - start < 20, "50 times half a second, had it waited"
    job.dial("192.0.2.58", 587, timeout=60).close()
    with pytest.raises(TimeoutError):
        net.dial(SERVER, 25, timeout=0.5)  # a network without a memory waits each time


def test_what_is_refused_has_answered(net: Network) -> None:
    job = net.remembering()
    assert job.memory is not None
    with pytest.raises(ConnectionRefusedError):
        job.dial(SERVER, 9, timeout=60)
    for number in range(4):
        job.memory.silence.nothing("home", f"198.51.100.{number}", 25, 60)
    assert job.memory.silence.patience("home", SERVER, 587, 60) == 60
