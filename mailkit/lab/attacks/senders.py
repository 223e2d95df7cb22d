"""Mail servers of the practice internet that send to a domain while a man in the middle sits on their way.

Three senders differ in one thing only, the policies on TLS that they honour; the fourth column is the second of them
at its first contact, before it knows any policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from mailkit.clients import send
from mailkit.lab.attacks.attackers import Attacker, attack
from mailkit.lab.core import Lab
from mailkit.results import Outcome, Record, Rows

__all__ = ["SENDERS", "Sender", "SenderTrial", "post", "try_senders"]

_SUBJECT = "The secret plans"
NOBODY = "nobody"


@dataclass(frozen=True)
class Sender:
    """Who sends: an ``account`` of the server ``host``; with ``again`` it has sent to the domain before."""

    name: str
    account: str
    host: str
    again: bool = False


@dataclass(frozen=True)
class SenderTrial(Record):
    """What became of a message: whether it was ``delivered`` at once, whether the attacker has ``read`` it, the log."""

    attack: str
    sender: str
    delivered: bool
    read: bool
    log: str


SENDERS = (
    Sender("opportunistic", "jiro@isp.example", "smtp.isp.example"),
    Sender("MTA-STS, first contact", "alice@bigmail.example", "smtp.bigmail.example"),
    Sender("MTA-STS, policy known", "alice@bigmail.example", "smtp.bigmail.example", again=True),
    Sender("DANE", "shop@sender.example", "smtp.sender.example"),
)


def post(lab: Lab, sender: Sender, recipient: str) -> str:
    """Have *sender* submit a message for *recipient*, wait, and return what its server's log says of the delivery.

    "" when the server itself cannot be reached or does not take the message: then there is no delivery to speak of.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender.account, recipient, _SUBJECT
    message["Date"] = format_datetime(lab.clock.now())
    message.set_content("Nobody else should read this.\n")
    octets = message.as_bytes(policy=SMTP)
    net, account = lab.network(), lab.account(sender.account)
    who, to = sender.account, [recipient]
    given = send(sender.host, 587, octets, sender=who, recipients=to, net=net, credentials=account, timeout=60)
    if given.outcome is not Outcome.OPEN:
        return ""
    lab.settle()
    queue_id = given.reply.split()[-1]
    events = [row.event for row in lab.log if row.queue_id == queue_id and "status=" in row.event]
    return events[-1] if events else ""


def try_senders(
    lab: Lab, recipient: str, *, attacks: Iterable[str] = (NOBODY, "watch", "strip", "self_signed", "wrong_name"),
    senders: Iterable[Sender] = SENDERS,
) -> Rows[SenderTrial]:  # fmt: skip
    """Return what becomes of mail to *recipient* from each of *senders* under each of *attacks*.

    Before each trial the sender forgets all policies, and unless this is its first contact sends once undisturbed.
    What its own server does not take is no trial, and left out.
    Raises ValueError for another attack than those of :data:`mailkit.lab.attacks.attackers.KINDS` and "nobody".
    """
    trials = []
    everybody = tuple(senders)
    for kind in attacks:
        for sender in everybody:
            lab.transport.cache(sender.host).forget()
            if sender.again:
                post(lab, sender, recipient)
            with ExitStack() as stack:
                man = None if kind == NOBODY else stack.enter_context(attack(lab, kind, vantage=sender.host))
                log = post(lab, sender, recipient)
                if log:
                    trials.append(SenderTrial(kind, sender.name, "status=sent" in log, _has_read(man), log))
    return Rows(SenderTrial, trials, caption=lab.network().caption)


def _has_read(man: Attacker | None) -> bool:
    return man is not None and any(_SUBJECT in line.text for line in man.overheard)
