"""What a server offers in its reply to EHLO, before TLS and inside it.

The keywords of that reply are the server's extensions (RFC 5321 section 4.1.1.1), AUTH among them with the
mechanisms that may be used (RFC 4954 section 3).  After STARTTLS all of it is forgotten and asked again (RFC 3207
section 4.2), so the two lists may differ, and for AUTH they should.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.clients import IMPLICIT_TLS_PORTS, SMTP
from mailkit.conversation.attempts import FAILURES, explain
from mailkit.conversation.bounded import unverified_context
from mailkit.network import Network
from mailkit.results import Outcome, Record, Stage, hidden, visible

__all__ = ["PLAINTEXT", "Capabilities", "Offer", "capabilities"]

# Mechanisms that send the password, or a token as good as one, for whoever listens to read.
PLAINTEXT = frozenset({"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"})

_MOST_KEYWORDS = 64


@dataclass(frozen=True)
class Offer(Record):
    """One reply to EHLO: its ``keywords`` with their parameters, and the ``mechanisms`` of AUTH among them."""

    keywords: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(self.keywords) or "nothing"

    @property
    def starttls(self) -> bool:
        """True when the server offers to switch to TLS."""
        return "STARTTLS" in self.keywords


@dataclass(frozen=True)
class Capabilities(Record):
    """What a door offers: ``before_tls`` and ``after_tls`` are None where that was not seen.

    A port with implicit TLS has no "before", a server without STARTTLS no "after".
    """

    host: str
    port: int
    outcome: Outcome
    stage: Stage
    banner: str = ""
    before_tls: Offer | None = None
    after_tls: Offer | None = None
    reason: str = ""
    detail: str = hidden()


def capabilities(host: str, port: int, *, net: Network, timeout: float | None = None) -> Capabilities:
    """Return what *host*:*port* offers before TLS and inside it; connects once, logs in nowhere, sends nothing.

    Inside TLS means after STARTTLS, or from the start on ports of implicit TLS (465 …), whatever certificate is
    shown: this is looking, not trusting.  *timeout* is the deadline of the whole conversation in seconds (default:
    twice the network's).
    """
    smtp = SMTP(net, host, port, timeout=timeout)
    offers: dict[bool, Offer | None] = {False: None, True: None}
    implicit = port in IMPLICIT_TLS_PORTS
    try:
        with net.slot(host):
            code = smtp.open(context=unverified_context() if implicit else None)
            if code == 220:
                code = smtp.introduce()
                offers[implicit] = _offer(smtp)
            if code == 250 and not implicit and smtp.has_extn("starttls"):
                smtp.secure(unverified_context())
                offers[True] = _offer(smtp)
            stage = smtp.stage
            smtp.leave()
    except FAILURES as error:
        ended = explain(error, smtp.stage)
        smtp.close()
        return Capabilities(
            host, port, ended.outcome, ended.stage, smtp.banner, offers[False], offers[True], ended.reason, ended.detail
        )
    if code not in (220, 250):
        reason = f"the server does not want to talk: it answered {code}"
        return Capabilities(host, port, Outcome.REJECTED, stage, smtp.banner, reason=reason)
    return Capabilities(host, port, Outcome.OPEN, stage, smtp.banner, offers[False], offers[True])


def _offer(smtp: SMTP) -> Offer:
    """Return what the last reply to EHLO offers; nothing when the server knows HELO only."""
    if not smtp.does_esmtp or smtp.ehlo_resp is None:
        return Offer()
    lines = smtp.ehlo_resp.decode("utf-8", "replace").split("\n")[1 : _MOST_KEYWORDS + 1]
    keywords: list[str] = []
    mechanisms: list[str] = []
    for line in lines:
        # "AUTH=PLAIN LOGIN" is how servers of the nineties said it; some still say it both ways.
        words = line.upper().replace("AUTH=", "AUTH ", 1).split()
        if words and words[0] == "AUTH":
            mechanisms += [visible(word, 40) for word in words[1:] if word not in mechanisms]
        elif words:
            keywords.append(visible(" ".join(words), 120))
    if mechanisms:
        keywords.append(f"AUTH {' '.join(dict.fromkeys(mechanisms))}")
    return Offer(tuple(keywords), tuple(dict.fromkeys(mechanisms)))
