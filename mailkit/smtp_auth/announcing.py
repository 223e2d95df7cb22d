"""Whether a server is fit to be announced: an SRV record leads every mail program that reads it there.

What is offered to paste must make no new fault.  A server that was found under a usual name is nobody's promise yet;
once its domain announces it, its certificate and its ports are judged (RFC 6186 section 3.1, RFC 8314 section 5.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mailkit.conversation import FAILURES, SMTP, explain
from mailkit.network import Network
from mailkit.network.records import parse_paste
from mailkit.results import Finding
from mailkit.smtp_auth.servers import SmtpServer

__all__ = ["only_fit"]


def only_fit(finding: Finding, doors: Iterable[SmtpServer], *, net: Network) -> Finding:
    """Return *finding*, which offers an SRV record to paste, without the offer where its server is not fit yet."""
    listed = list(doors)
    for record in parse_paste(finding.fix):
        _, _, port, host = record.value.split()
        door = next(d for d in listed if d.port == int(port) and d.host == host.removesuffix("."))
        if reason := _unfit(door, listed, net):
            advice = f"Nothing is offered to paste: {door.name} is not fit to be announced yet ({reason})."
            return replace(finding, advice=advice, fix="")
    return finding


def _unfit(door: SmtpServer, doors: list[SmtpServer], net: Network) -> str:
    """Return why mail programs should not be led to *door*; "" when they may be."""
    if door.auth_before_tls not in ("none", "–"):
        return "it offers logins before TLS"
    if not any(other.host == door.host and other.port == 465 and other.tls for other in doors):
        return "it has no port 465"
    return _refused(door, net)


def _refused(door: SmtpServer, net: Network) -> str:
    """Return why a program that verifies the certificate would not talk to *door*; "" when it would."""
    smtp, context = SMTP(net, door.host, door.port), net.tls_context()
    with net.slot(door.host):
        try:
            if door.tls == "STARTTLS":
                smtp.open()
                smtp.introduce()
                smtp.secure(context)
            else:
                smtp.open(context=context)
                smtp.introduce()
            smtp.leave()
        except FAILURES as error:
            reason = explain(error, smtp.stage).reason
            smtp.close()
            return reason
    return ""
