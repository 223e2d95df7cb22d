"""What a mailbox server offers before TLS and inside it, in IMAP (RFC 9051 section 7.2.2) and POP3 (RFC 2449).

After STARTTLS all that was said before is forgotten and asked again (RFC 9051 section 6.2.1, RFC 2595 section 4).  For
logins the two answers should differ: before TLS a server says LOGINDISABLED in IMAP, and names no USER in POP3.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.conversation import (
    FAILURES,
    IMAP,
    POP3,
    Mailbox,
    MailboxOffer,
    NotOffered,
    Refused,
    explain,
    unverified_context,
)
from mailkit.network import Network
from mailkit.results import Outcome, Record, Stage, hidden

__all__ = ["MAILBOX_PORTS", "MailboxCapabilities", "capabilities", "conversation"]

# Port -> the protocol, and whether TLS begins with the first octet there (RFC 8314 sections 3.1 and 3.2).
MAILBOX_PORTS = {143: ("imap", False), 993: ("imap", True), 110: ("pop3", False), 995: ("pop3", True)}


@dataclass(frozen=True)
class MailboxCapabilities(Record):
    """What a door offers: ``before_tls`` and ``after_tls`` are None where that was not seen.

    A port with implicit TLS has no "before", a server without STARTTLS no "after".  ``apop`` says whether the greeting
    bears what APOP needs.
    """

    host: str
    port: int
    protocol: str
    outcome: Outcome
    stage: Stage
    banner: str = ""
    before_tls: MailboxOffer | None = None
    after_tls: MailboxOffer | None = None
    apop: bool = False
    reason: str = ""
    detail: str = hidden()


def conversation(
    host: str, port: int, *, net: Network, protocol: str | None, timeout: float | None, implicit_tls: bool | None
) -> tuple[Mailbox, bool]:
    """Return a conversation with *host*:*port* that is not open yet, and whether TLS begins with its first octet.

    Raises ValueError when *protocol* is neither "imap" nor "pop3", and is not to be told from the port.
    """
    usual, implicit = MAILBOX_PORTS.get(port, (None, False))
    spoken = protocol or usual
    if spoken not in ("imap", "pop3"):
        raise ValueError('protocol is "imap" or "pop3"; it may be left out on the ports 143, 993, 110 and 995')
    kind = IMAP if spoken == "imap" else POP3
    return kind(net, host, port, timeout=timeout), implicit if implicit_tls is None else implicit_tls


def capabilities(
    host: str,
    port: int,
    *,
    net: Network,
    protocol: str | None = None,
    timeout: float | None = None,
    implicit_tls: bool | None = None,
) -> MailboxCapabilities:
    """Return what *host*:*port* offers before TLS and inside it; connects once and logs in nowhere.

    *protocol* is "imap" or "pop3", None to go by the port.  Inside TLS means after STARTTLS, or from the start with
    *implicit_tls* (default: on 993 and 995), whatever certificate is shown: this is looking, not trusting.
    *timeout* is the deadline of the whole conversation in seconds (default: twice the network's).  Raises ValueError
    for a port whose protocol nobody names.
    """
    talk, implicit = conversation(host, port, net=net, protocol=protocol, timeout=timeout, implicit_tls=implicit_tls)
    offers: dict[bool, MailboxOffer | None] = {False: None, True: None}
    context = unverified_context()

    def seen(outcome: Outcome, stage: Stage, reason: str = "", detail: str = "") -> MailboxCapabilities:
        apop = isinstance(talk, POP3) and talk.apop
        spoken = "imap" if isinstance(talk, IMAP) else "pop3"
        return MailboxCapabilities(
            host, port, spoken, outcome, stage, talk.banner, offers[False], offers[True], apop, reason, detail
        )

    try:
        with net.slot(host):
            talk.open(context=context if implicit else None)
            talk.introduce()
            offers[implicit] = talk.offer
            if not implicit and talk.offer.starttls:
                talk.secure(context)
                offers[True] = talk.offer
            stage = talk.stage
            talk.leave()
    except FAILURES as error:
        ended = explain(error, talk.stage)
        if isinstance(error, (Refused, NotOffered)):
            talk.leave()
        talk.close()
        return seen(ended.outcome, ended.stage, ended.reason, ended.detail)
    return seen(Outcome.OPEN, stage)
