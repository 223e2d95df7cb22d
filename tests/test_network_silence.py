"""One job waits for a silent door once, and not at length where nothing answers at all."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from support_servers import loopback_network, patiently, tcp_server, wait_for_end

from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.network.silence import Silence
from mailkit.network.socks import ProxyError

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


def test_a_remembering_network_dials_a_silent_door_once() -> None:
    """Counted at a proxy that greets and never says what became of the connection."""
    dialled: list[socket.socket] = []

    def mute(client: socket.socket) -> None:
        dialled.append(client)
        client.recv(100)
        client.sendall(b"\x05\x00")
        wait_for_end(client)

    with tcp_server(mute) as port:
        net = loopback_network(0.5, via=f"socks5://127.0.0.1:{port}")
        job = net.remembering()

        def first(seconds: float) -> OSError:
            with pytest.raises(OSError) as failed:
                job.dial(SERVER, 25, timeout=seconds)
            return failed.value

        assert isinstance(patiently(first, early=lambda failure: isinstance(failure, ProxyError)), TimeoutError)
        known = len(dialled)
        for _ in range(50):
            with pytest.raises(TimeoutError):
                job.dial(SERVER, 25, timeout=0.3)
        assert len(dialled) == known
        with pytest.raises(OSError):
            net.dial(SERVER, 25, timeout=0.3)  # a network without a memory dials each time
        assert len(dialled) == known + 1


def test_where_a_silent_door_was_another_is_dialled(net: Network) -> None:
    job = net.remembering()
    with pytest.raises(TimeoutError):
        job.dial(SERVER, 25, timeout=0.5)
    job.dial("192.0.2.58", 587, timeout=60).close()


def test_what_is_refused_has_answered(net: Network) -> None:
    job = net.remembering()
    assert job.memory is not None
    with pytest.raises(ConnectionRefusedError):
        job.dial(SERVER, 9, timeout=60)
    for number in range(4):
        job.memory.silence.nothing("home", f"198.51.100.{number}", 25, 60)
    assert job.memory.silence.patience("home", SERVER, 587, 60) == 60
