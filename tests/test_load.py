"""Many senders at once: every message arrives or comes back, none is lost or doubled, and nothing stands still."""

from __future__ import annotations

import email
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email import policy

import pytest

from mailkit.clients import Sent, send
from mailkit.lab import Lab
from mailkit.results import Outcome

MESSAGES, CLIENTS = 200, 20
PATIENCE = 300.0  # seconds for one submission
SENDER = "hanako@kaisha.example"
ARRIVE = ["alice@bigmail.example", "bob@example.org", "taro@kaisha.example", "info@example.jp", "members@list.example"]
COME_BACK = ["nobody@bigmail.example", "x@nowhere.kaisha.example", "x@example.com"]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


def recipients_of(number: int) -> list[str]:
    """Two that take the message, and in every fourth message one that does not."""
    chosen = [ARRIVE[number % len(ARRIVE)], ARRIVE[(number + 1 + number // len(ARRIVE) % 3) % len(ARRIVE)]]
    return chosen + ([COME_BACK[number // 4 % len(COME_BACK)]] if number % 4 == 0 else [])


def submit(lab: Lab, number: int) -> Sent:
    content = f"From: {SENDER}\r\nSubject: message {number:03}\r\n\r\nText {number}.\r\n".encode()
    return send(
        "smtp.kaisha.example",
        465 if number % 2 else 587,
        content,
        sender=SENDER,
        recipients=recipients_of(number),
        # The world's own timeout of a second is meant for people who wait, not for a machine with other work.
        net=replace(lab.network(["office", "home", "hotel"][number % 3]), timeout=PATIENCE),
        credentials=lab.account(SENDER),
        timeout=PATIENCE,
    )


@pytest.fixture(scope="module")
def sent(lab: Lab) -> list[Sent]:
    """What became of all the messages, each submitted while others were."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda number: submit(lab, number), range(MESSAGES)))


def test_two_hundred_messages_from_twenty_clients(lab: Lab, sent: list[Sent]) -> None:
    assert Counter(s.outcome for s in sent) == {Outcome.OPEN: MESSAGES}, [s for s in sent if s.outcome != "open"][:3]
    lab.settle()
    assert lab._queue.waiting() == []

    due = Counter((address, f"message {n:03}") for n in range(MESSAGES) for address in recipients_of(n))
    arrived = Counter((address, mail.subject) for address in ARRIVE for mail in lab.inbox(address))
    assert arrived == Counter({key: count for key, count in due.items() if key[0] in ARRIVE})

    reports = [email.message_from_bytes(mail.message, policy=policy.default) for mail in lab.inbox(SENDER)]
    returned: Counter[tuple[str, str]] = Counter()
    for report in reports:
        _, programs, about = report.iter_parts()
        (subject,) = re.findall(r"^Subject: (.*?)\r?$", about.get_content(), re.MULTILINE)
        for block in programs.get_payload()[1:]:
            returned[block["Final-Recipient"].removeprefix("rfc822; "), subject] += 1
    assert returned == Counter({key: count for key, count in due.items() if key[0] in COME_BACK})
    assert lab.errors == []


def test_queue_identifiers_are_never_given_twice(lab: Lab, sent: list[Sent]) -> None:
    assert len(sent) == MESSAGES
    queued = [entry.queue_id for entry in lab.log if entry.event.startswith("client=[")]
    assert len(queued) == len(set(queued)) >= MESSAGES


def test_it_still_serves_afterwards(lab: Lab, sent: list[Sent]) -> None:
    lab.settle()
    lab.reset()
    assert submit(lab, 1).outcome is Outcome.OPEN
    assert sum(len(lab.inbox(address)) for address in ARRIVE) == 2
