"""A week of mail in the name of the practice company, so that there is something in its DMARC reports.

Three senders are its own: the mail server of the staff, the sending service with the newsletter, and the scanner in
the office, which hands its scans straight to the receiver.  A forwarder sends on some of the staff's mail, and the
spoofer is at work.  The newsletter and the scanner are what a company forgets when it first publishes a policy: both
send in its name, and nothing of them is aligned.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.clients import send
from mailkit.lab.attacks import spoofing
from mailkit.lab.core import Lab
from mailkit.results import Outcome, Sentence

__all__ = ["RETURN_PATH", "week"]

RETURN_PATH = "bounces@news.kaisha.example"
"""What the sending service puts on the envelope once its customer has given it a subdomain for that."""

_DAY = 86_400  # seconds
_STAFF, _SERVICE = "smtp.kaisha.example", "smtp.sender.example"
_EXCHANGERS = {"alice@bigmail.example": "mx1.bigmail.example", "taro@kaisha.example": "mx.kaisha.example"}


@dataclass(frozen=True)
class _Letter:
    """One message of a day: who wrote it, to whom, and the account with which it is handed in, "" for none."""

    author: str
    recipient: str
    subject: str
    account: str = ""
    envelope: str = ""


def week(lab: Lab, *, mended: bool = False) -> Sentence:
    """Send seven days of mail in the name of kaisha.example, and let the receivers report each evening.

    With *mended* the newsletter has RETURN_PATH on its envelope, and the scanner hands its scans in at the company's
    own server.  Returns how many messages were sent and how many of them were refused.
    """
    sent = refused = 0
    for day in range(7):
        outcomes = [_hand_in(lab, letter) for letter in _letters(mended)]
        # One forgery on the first day, two on the second, three on the third, and so on again.
        outcomes += [
            Outcome.REJECTED if spoofing.spoof(lab).fate == "refused" else Outcome.OPEN for _ in range(day % 3 + 1)
        ]
        sent, refused = sent + len(outcomes), refused + outcomes.count(Outcome.REJECTED)
        lab.advance(_DAY)
    return Sentence(f"Seven days later: {sent} messages in the name of kaisha.example, {refused} of them refused.")


def _letters(mended: bool) -> list[_Letter]:
    envelope = RETURN_PATH if mended else ""
    newsletter = _Letter("news@kaisha.example", "", "News", account="shop@sender.example", envelope=envelope)
    scans = "hanako@kaisha.example" if mended else ""
    return [
        _Letter("hanako@kaisha.example", "alice@bigmail.example", "Minutes", account="hanako@kaisha.example"),
        _Letter("taro@kaisha.example", "ben@bigmail.example", "Offer", account="taro@kaisha.example"),
        _Letter("taro@kaisha.example", "alumni@forward.example", "Reunion", account="taro@kaisha.example"),
        _to(newsletter, "alice@bigmail.example"),
        _to(newsletter, "taro@kaisha.example"),
        _Letter("scanner@kaisha.example", "alice@bigmail.example", "Scan", account=scans),
    ]


def _to(letter: _Letter, recipient: str) -> _Letter:
    return _Letter(letter.author, recipient, letter.subject, letter.account, letter.envelope)


def _hand_in(lab: Lab, letter: _Letter) -> Outcome:
    message = (
        f"From: {letter.author}\r\nTo: {letter.recipient}\r\nSubject: {letter.subject}\r\n\r\nWith kind regards\r\n"
    ).encode()
    net = lab.network("office")
    sender = letter.envelope or letter.account or letter.author
    if not letter.account:
        server, port, credentials = _EXCHANGERS[letter.recipient], 25, None
    else:
        server, port = (_STAFF if letter.account.endswith("@kaisha.example") else _SERVICE), 587
        credentials = lab.account(letter.account)
    sent = send(
        server, port, message, sender=sender, recipients=[letter.recipient], net=net, credentials=credentials,
        timeout=120,
    )  # fmt: skip
    return sent.outcome
