"""A practice internet on a busy machine: what will answer is waited for, and only silence is a timeout.

It is made busy by rule, not by load: each turn of the event loop takes twice as long as a client means to wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from mailkit import op25b
from mailkit.clients import greet, send
from mailkit.lab import Lab
from mailkit.network import Network, Status
from mailkit.network.health import EgressState, egress
from mailkit.results import Outcome, Stage

PATIENCE = 0.01  # seconds of a client
SLOTH = 0.02  # seconds of each turn of the servers


@pytest.fixture(scope="module")
def busy() -> Iterator[Lab]:
    async def be_busy() -> None:
        while True:
            time.sleep(SLOTH)  # on the event loop: nothing else has a turn meanwhile
            await asyncio.sleep(0)

    async def begin() -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(be_busy())

    with Lab() as lab:
        lab.resolver.fault("silent.kaisha.example", "silence")
        task = lab.run(begin())
        yield lab
        assert not task.done()
        task.cancel()


def seen(lab: Lab, vantage: str = "office") -> Network:
    return replace(lab.network(vantage), timeout=PATIENCE)


@pytest.mark.parametrize("name", ["kaisha.example", "bigmail.example"])
def test_a_question_is_answered(busy: Lab, name: str) -> None:
    assert seen(busy).lookup(name, "MX").status is Status.NOERROR
    assert seen(busy).remembering().lookup(name, "MX", dnssec=True).status is Status.NOERROR


@pytest.mark.parametrize(
    ("host", "port", "vantage", "outcome", "stage"),
    [
        ("mx.kaisha.example", 25, "office", Outcome.OPEN, Stage.EHLO),
        ("smtp.kaisha.example", 465, "home", Outcome.OPEN, Stage.EHLO),
        ("mx.kaisha.example", 587, "office", Outcome.REFUSED, Stage.CONNECT),
        ("192.0.2.25", 25, "hotel", Outcome.REFUSED, Stage.CONNECT),
        ("mx.kaisha.example", 25, "home", Outcome.TIMEOUT, Stage.CONNECT),
        ("down.mistakes.example", 25, "office", Outcome.TIMEOUT, Stage.CONNECT),
        ("mx.kaisha.example", 25, "offline", Outcome.DNS_FAILURE, Stage.DNS),
        ("silent.kaisha.example", 25, "office", Outcome.DNS_FAILURE, Stage.DNS),
    ],
)
def test_a_port_is_what_it_is(busy: Lab, host: str, port: int, vantage: str, outcome: Outcome, stage: Stage) -> None:
    (row,) = op25b.scan(host, (port,), net=seen(busy, vantage))
    assert (row.outcome, row.stage) == (outcome, stage)


def test_a_server_that_waits_for_tls_says_nothing_in_the_clear(busy: Lab) -> None:
    attempt = greet("smtp.kaisha.example", 465, net=seen(busy), implicit_tls=False)
    assert (attempt.outcome, attempt.stage) == (Outcome.TIMEOUT, Stage.GREETING)


def test_a_message_is_taken(busy: Lab) -> None:
    """The server checks it on a thread before it answers."""
    sent = send(
        "smtp.kaisha.example",
        587,
        b"From: hanako@kaisha.example\r\nSubject: slowly\r\n\r\ntext\r\n",
        sender="hanako@kaisha.example",
        recipients=["hanako@kaisha.example"],
        net=seen(busy),
        credentials=busy.account("hanako@kaisha.example"),
    )
    assert sent.outcome is Outcome.OPEN
    assert [mail.subject for mail in busy.inbox("hanako@kaisha.example")] == ["slowly"], list(busy.log)


def test_the_way_out_is_open(busy: Lab) -> None:
    assert egress(seen(busy)).port25 is EgressState.OPEN


@pytest.mark.parametrize(
    "wait",
    [
        lambda lab: lab.network("home").dial("192.0.2.25", 25),
        lambda lab: lab.network("offline").addresses("mx.kaisha.example"),
        lambda lab: lab.network().addresses("silent.kaisha.example"),
    ],
)
def test_silence_costs_no_more_than_before(wait: Callable[[Lab], object]) -> None:
    """Where the router drops and the DNS is mute on purpose, the world's own second is all that is waited."""
    with Lab() as lab:
        lab.resolver.fault("silent.kaisha.example", "silence")
        begun = time.monotonic()
        with pytest.raises(OSError):
            wait(lab)
        assert time.monotonic() - begun < 30  # half of what is given to what will answer
