"""Does a server carry out, inside TLS, what was whispered to it before?  (command injection, CVE-2011-0411)

RFC 3207 section 4.2 makes a server forget what a client said before TLS.  A server that reads a whole packet and keeps
what follows ``STARTTLS`` in its buffer will later take those commands for the client's own.  The test is harmless: the
command is NOOP.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.clients import SMTP, Line
from mailkit.conversation import FAILURES, NotOffered, Rejected, Reply, explain, unverified_context
from mailkit.network import Network
from mailkit.results import Outcome, Record, Rows, Stage, hidden

__all__ = ["Injection", "inject"]


@dataclass(frozen=True)
class Injection(Record):
    """Whether a server took a command from before TLS into TLS; ``vulnerable`` is None where it could not be told."""

    host: str
    port: int
    outcome: Outcome
    stage: Stage
    vulnerable: bool | None
    reason: str
    dialogue: Rows[Line] = hidden(Rows(Line, ()))
    detail: str = hidden()


def inject(host: str, port: int = 25, *, net: Network, timeout: float | None = None) -> Injection:
    """Send ``STARTTLS`` and ``NOOP`` in one packet, then greet inside TLS, and see who gets an answer.

    *timeout* is the deadline of the conversation in seconds (default: twice the network's).  Only for a server that
    is your own or in the practice internet.
    """
    smtp = SMTP(net, host, port, timeout=timeout)
    with net.slot(host):
        try:
            smtp.open()
            smtp.introduce()
            _whisper(smtp)
            first = _greet_inside(smtp)
            # The reply to EHLO has a line for each keyword; the reply to NOOP has one line and no keyword.
            carried_out = len(first.lines) == 1
            if carried_out:
                smtp.read_reply()
            smtp.leave()
        except FAILURES as error:
            ended = explain(error, smtp.stage)
            reason = f"the server does not begin TLS: {ended.reason}" if smtp.stage is Stage.STARTTLS else ended.reason
            if isinstance(error, (Rejected, NotOffered)):
                smtp.leave()
            smtp.close()
            return Injection(host, port, ended.outcome, ended.stage, None, reason, _lines(smtp), ended.detail)
    reason = (
        "the first answer inside TLS was to the command sent before it"
        if carried_out
        else "the command sent before TLS was forgotten"
    )
    return Injection(host, port, Outcome.OPEN, smtp.stage, carried_out, reason, _lines(smtp))


def _whisper(smtp: SMTP) -> None:
    """Send a command right behind STARTTLS, and begin TLS; raises when the server does not."""
    smtp.stage = Stage.STARTTLS
    if not smtp.offer.starttls:
        raise NotOffered("STARTTLS is not offered")
    smtp.wire.send(b"STARTTLS\r\nNOOP injected\r\n")
    go_on = smtp.read_reply()
    if go_on.code != 220:
        raise Rejected(go_on)
    smtp.begin_tls(unverified_context())


def _greet_inside(smtp: SMTP) -> Reply:
    smtp.stage = Stage.EHLO
    smtp.wire.send(f"EHLO {smtp.net.local_hostname}\r\n".encode())
    return smtp.read_reply()


def _lines(smtp: SMTP) -> Rows[Line]:
    return Rows(Line, smtp.lines, caption=smtp.net.caption)
