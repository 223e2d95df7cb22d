"""What a server offers in its reply to EHLO, before TLS and inside it.

The keywords of that reply are the server's extensions (RFC 5321 section 4.1.1.1), AUTH among them with the
mechanisms that may be used (RFC 4954 section 3).  After STARTTLS all of it is forgotten and asked again (RFC 3207
section 4.2), so the two lists may differ, and for AUTH they should.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.clients import SMTP, begins_with_tls
from mailkit.conversation import FAILURES, NotOffered, Offer, Rejected, explain, unverified_context
from mailkit.network import Network
from mailkit.results import Outcome, Record, Stage, hidden

__all__ = ["PLAINTEXT", "Offer", "SmtpCapabilities", "capabilities"]

# Mechanisms that send the password, or a token as good as one, for whoever listens to read.
PLAINTEXT = frozenset({"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"})


@dataclass(frozen=True)
class SmtpCapabilities(Record):
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


def capabilities(
    host: str, port: int, *, net: Network, timeout: float | None = None, implicit_tls: bool | None = None
) -> SmtpCapabilities:
    """Return what *host*:*port* offers before TLS and inside it; connects once, logs in nowhere, sends nothing.

    Inside TLS means after STARTTLS, or from the start with *implicit_tls* (default: on port 465 and the like),
    whatever certificate is shown: this is looking, not trusting.  *timeout* is the deadline of the whole conversation
    in seconds (default: twice the network's).
    """
    smtp = SMTP(net, host, port, timeout=timeout)
    offers: dict[bool, Offer | None] = {False: None, True: None}
    implicit = begins_with_tls(port, implicit_tls)
    context = unverified_context()
    with net.slot(host):
        try:
            smtp.open(context=context if implicit else None)
            smtp.introduce()
            offers[implicit] = smtp.offer
            if not implicit and smtp.offer.starttls:
                smtp.secure(context)
                offers[True] = smtp.offer
            stage = smtp.stage
            smtp.leave()
        except FAILURES as error:
            ended = explain(error, smtp.stage)
            if isinstance(error, (Rejected, NotOffered)):
                smtp.leave()
            smtp.close()
            return SmtpCapabilities(
                host,
                port,
                ended.outcome,
                ended.stage,
                smtp.banner,
                offers[False],
                offers[True],
                ended.reason,
                ended.detail,
            )
    return SmtpCapabilities(host, port, Outcome.OPEN, stage, smtp.banner, offers[False], offers[True])
