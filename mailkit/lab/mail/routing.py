"""Where a message goes next, and what an attempt to hand it over there means (RFC 5321 sections 4.2.1 and 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailkit.clients import Sent
from mailkit.network import Network, Status
from mailkit.results import Outcome, Stage

__all__ = ["Delivery", "judge", "mail_exchangers"]


@dataclass(frozen=True)
class Delivery:
    """What one attempt did for one recipient, as a status code: 2.x.x delivered, 4.x.x wait, 5.x.x never."""

    status: str
    text: str
    perhaps_taken: bool = False

    @property
    def delivered(self) -> bool:
        """True when the next server, or the mailbox, has taken the message."""
        return self.status.startswith("2")

    @property
    def is_permanent(self) -> bool:
        """True when another attempt would fail as well."""
        return self.status.startswith("5")


def mail_exchangers(domain: str, net: Network) -> tuple[list[str], Delivery | None]:
    """Return where mail for *domain* goes, best first (RFC 5321 section 5.1), or why it goes nowhere.

    Raises ValueError for what is no domain name.
    """
    answer = net.lookup(domain, "MX")
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return [], Delivery("4.4.3", f"the DNS did not answer for {domain}")
    if answer.status is Status.NXDOMAIN:
        return [], Delivery("5.1.2", f"there is no domain {domain}")
    if answer.status is Status.NODATA:
        return [domain], None  # the implicit MX: the domain's own address
    ranked = sorted((r.preference, str(r.exchange)) for r in answer.rdata)  # type: ignore[attr-defined]
    if [name for _, name in ranked] == ["."]:
        return [], Delivery("5.1.10", f"{domain} takes no mail: null MX (RFC 7505)")
    return [name.rstrip(".") for _, name in ranked], None


def judge(target: str, sent: Sent) -> Delivery:
    """Return what *sent*, the attempt at *target*, means for the message."""
    if sent.outcome is Outcome.OPEN:
        return Delivery("2.0.0", sent.reply)
    if sent.outcome is Outcome.REJECTED and sent.reply[:1] in ("4", "5"):
        enhanced = re.match(r"\d{3}[ -]([45]\.\d{1,3}\.\d{1,3})", sent.reply)
        status = enhanced.group(1) if enhanced else f"{sent.reply[0]}.0.0"
        return Delivery(status, f"{sent.reply} (said {target})")
    if sent.outcome is Outcome.REJECTED and sent.stage is Stage.MAIL and sent.reply.startswith("2"):
        # Its last word was yes: it was not asked, since it does not offer SMTPUTF8 (RFC 6531 sections 3.2 and 3.5).
        return Delivery("5.6.7", f"{target}: {sent.reason}")
    if sent.outcome is Outcome.DNS_FAILURE:
        return Delivery("4.4.3", f"no address for {target}")
    if sent.maybe_taken:  # RFC 1047: between the final dot and the reply nobody knows who has the message
        text = f"the connection to {target} was lost after the message; {target} may have taken it"
        return Delivery("4.4.2", text, perhaps_taken=True)
    return Delivery("4.4.1", f"connect to {target} port 25: {sent.outcome}, {sent.reason}")
