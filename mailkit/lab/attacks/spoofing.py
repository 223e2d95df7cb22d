"""A spoofer in the practice internet: he writes in the name of somebody else's domain, with all of his own in order.

His host has forward-confirmed reverse DNS, his envelope passes SPF and his signature DKIM, all for his own domain.
``TRICKS`` are ways to write such a message; several are of *Composition Kills* (Chen, Paxson and Jiang, USENIX Security
2020), whose tool is espoofer.  He works in the practice internet only.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from email.utils import format_datetime

from mailkit.clients import Line, Sent, send
from mailkit.lab.core import Lab
from mailkit.lab.mail.mailboxes import INBOX, JUNK, Mail, header_of
from mailkit.lab.mail.routing import mail_exchangers
from mailkit.lab.mail.signing import signatures
from mailkit.message import received
from mailkit.message.authentication_results import parse
from mailkit.results import Outcome, Record, Rows, hidden

__all__ = ["TRICKS", "Spoofed", "Trick", "campaign", "spoof"]

HOST = "mail.spoof.example"

_BODY = "Please pay the invoice to our new account.\r\n"


@dataclass(frozen=True)
class Trick(Record):
    """A way to write a spoofed message.

    In ``header`` {author} stands for the victim's address, {name} and {domain} for its two halves, {own} for the
    spoofer's domain, {encoded} for the victim's address in base64, and {server} for the receiver's name.  ``envelope``
    is the sender that he gives to the server; ``signed`` is whether he signs.
    """

    name: str
    about: str
    header: str = hidden("")
    envelope: str = hidden("bounce@{own}")
    signed: bool = hidden(True)


_FROM = "From: {author}\r\n"

TRICKS = {
    trick.name: trick
    for trick in (
        Trick("plain", "the victim in the From line, everything else his own", _FROM),
        Trick("unsigned", "the same without a signature", _FROM, signed=False),
        Trick("envelope", "the victim in the envelope as well", _FROM, envelope="{author}"),
        Trick("bounce", "an empty envelope sender, as a bounce has it", _FROM, envelope=""),
        Trick("subdomain", "a subdomain of the victim's that does not exist", "From: {name}@billing.{domain}\r\n"),
        Trick("display name", "the victim's address as the name before his own", 'From: "{author}" <news@{own}>\r\n'),
        Trick("lookalike", "a domain of his own that begins with the victim's", "From: {name}@{domain}.{own}\r\n"),
        Trick("sender field", "his own address in Sender, which no check looks at", _FROM + "Sender: news@{own}\r\n"),
        Trick("two fields", "two From fields, his own on top", "From: news@{own}\r\n" + _FROM),
        Trick("space before colon", "two From fields, one with a space", "From: news@{own}\r\nFrom : {author}\r\n"),
        Trick("two addresses", "one From field with both addresses", "From: {author}, news@{own}\r\n"),
        Trick("route", "a route before the address, as in 1982", "From: <@{own}:{author}>\r\n"),
        Trick("comment", "his own address in a comment", "From: {author} (news@{own})\r\n"),
        Trick("encoded", "the address hidden in an encoded word", "From: =?utf-8?B?{encoded}?=\r\n"),
        Trick("group", "a group without members, named after the victim", "From: {name}:;\r\n"),
        Trick("no author", "no From field at all", "Reply-To: news@{own}\r\n"),
        Trick("forged results", "the receiver's verdict written in advance",
              "Authentication-Results: {server}; dmarc=pass header.from={domain}\r\n" + _FROM),
        Trick("forged list", "the marks of a mailing list, which is treated with care",
              "List-Id: <news.{own}>\r\n" + _FROM),
        Trick("forged trace", "a Received field, as if it had come a longer way",
              "Received: from office.{domain} by smtp.{domain}; Tue, 24 Nov 2026 00:00:00 +0000\r\n" + _FROM),
        Trick("forged signature", "a signature of the victim's that is made up",
              "DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=s2026; h=From;\r\n"
              "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n" + _FROM),
    )
}  # fmt: skip
"""Ways to write a spoofed message, by name."""


@dataclass(frozen=True)
class Spoofed(Record):
    """One spoofed message: what the receiver found out and did.

    ``fate`` is "INBOX", "Junk" or "refused", "failed" when it could not be handed over at all, "elsewhere" when it was
    taken but does not lie in the recipient's mailbox (a forwarder, a list).  ``spf``, ``dkim`` and
    ``dmarc`` are what the receiver wrote on it, "" when it took nothing.
    """

    trick: str
    about: str
    fate: str
    spf: str
    dkim: str
    dmarc: str
    reply: str
    reason: str = hidden("")
    message: bytes = hidden(b"")
    mail: Mail | None = hidden(None)
    dialogue: Rows[Line] = hidden(Rows(Line, ()))


def spoof(
    lab: Lab,
    trick: str = "plain",
    *,
    author: str = "hanako@kaisha.example",
    recipient: str = "alice@bigmail.example",
    subject: str = "Our new bank account",
    host: str = HOST,
) -> Spoofed:
    """Send one spoofed message in the name of *author* to *recipient*, and return what became of it.

    *trick* is one of TRICKS.  Raises ValueError for another, for addresses without an @, and for a *host* that the
    practice internet does not have.
    """
    if trick not in TRICKS:
        raise ValueError(f"no trick {trick!r}; there are {', '.join(TRICKS)}")
    for address in (author, recipient):
        if not isinstance(address, str) or address.count("@") != 1 or not address.isprintable() or " " in address:
            raise ValueError(f"an address is a text like 'hanako@kaisha.example', not {address!r}")
    chosen, net = TRICKS[trick], lab.host_network(host)
    targets, problem = mail_exchangers(recipient.rpartition("@")[2], net)
    if problem is not None:
        raise ValueError(f"nobody takes mail for {recipient}: {problem.text}")
    words = _words(author, lab.world.hosts[host].domains[0], targets[0])
    head = chosen.header.format(**words) + f"To: {recipient}\r\nSubject: {subject}\r\n"
    head += f"Date: {format_datetime(lab.clock.now())}\r\nMessage-ID: <{trick.replace(' ', '-')}@{host}>\r\n"
    message = f"{head}\r\n{_BODY}".encode()
    if chosen.signed:
        keys = lab.world.folder / "keys"
        message = signatures(message, lab.world.hosts[host].signs, keys=keys, now=lab.clock.now()) + message
    sent = send(
        targets[0], 25, message, sender=chosen.envelope.format(**words), recipients=[recipient], net=net, timeout=120
    )
    return _fate(lab, chosen, recipient, message, sent)


def campaign(
    lab: Lab, *, author: str = "hanako@kaisha.example", recipient: str = "alice@bigmail.example", host: str = HOST
) -> Rows[Spoofed]:
    """Try all TRICKS, one message each, and return what became of them.  Raises ValueError as :func:`spoof` does."""
    found = [spoof(lab, trick, author=author, recipient=recipient, host=host) for trick in TRICKS]
    return Rows(Spoofed, found, caption=f"mail in the name of {author} to {recipient}, {lab.clock.now():%Y-%m-%d}")


def _words(author: str, own: str, server: str) -> dict[str, str]:
    name, _, domain = author.rpartition("@")
    encoded = base64.b64encode(author.encode()).decode()
    return {"author": author, "name": name, "domain": domain, "own": own, "encoded": encoded, "server": server}


def _fate(lab: Lab, trick: Trick, recipient: str, message: bytes, sent: Sent) -> Spoofed:
    """Return what became of *message*, looking for it in both folders by the identifier the server gave it."""
    if sent.outcome is not Outcome.OPEN:
        fate = "refused" if sent.outcome is Outcome.REJECTED else "failed"
        said = sent.reply or sent.reason
        return Spoofed(trick.name, trick.about, fate, "", "", "", said, "", message, None, sent.dialogue)
    queue_id = sent.reply.rpartition(" ")[2]
    arrived = [*lab.inbox(recipient, INBOX), *lab.inbox(recipient, JUNK)]
    named = [each for each in arrived if queue_id.encode() in each.message]  # before the traces of all are read
    mail = next((each for each in named if queue_id in _identifiers(each)), None)
    field = header_of(mail.message)["Authentication-Results"] if mail else None
    said_by = parse(str(field or "")).results
    spf, dkim, dmarc = (
        ", ".join(r.result for r in said_by if r.method == method) for method in ("spf", "dkim", "dmarc")
    )
    reason = "; ".join(r.reason for r in said_by if r.method == "dmarc" and r.reason)
    fate = mail.folder if mail else "elsewhere"
    return Spoofed(trick.name, trick.about, fate, spf, dkim, dmarc, sent.reply, reason, message, mail, sent.dialogue)


def _identifiers(mail: Mail) -> set[str]:
    return {hop.queue_id for hop in received.chain(mail.message)}
