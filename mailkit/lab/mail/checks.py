"""What a receiving mail server checks before it accepts a message: a table that lessons add to.

A check takes the :class:`Incoming` message, the server's network and the :class:`Evidence`, and returns what it
found (:class:`Checked`).  A host of ``world.toml`` names the checks that it runs.  The code that judges here is the
lessons' own, imported when the first message comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mailkit.lab.mail.mailboxes import INBOX, JUNK
from mailkit.lab.world import Host
from mailkit.message.authentication_results import Result
from mailkit.network import Network
from mailkit.results import Rows, Verdict

if TYPE_CHECKING:
    from mailkit import dkim, spf
    from mailkit.dmarc import Evaluation, Handling
    from mailkit.lab.mail.dmarc_reports import Observed

__all__ = ["CHECKS", "Checked", "Evidence", "Incoming", "MessageCheck", "run"]

_LINE = 78  # characters that a line of a message should not exceed (RFC 5322 section 2.1.1)


@dataclass(frozen=True)
class Incoming:
    """A message at the door of *host*: who brings it, what the envelope says, and what it contains."""

    host: Host
    queue_id: str
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    protocol: str


class Evidence:
    """What there is to know about *incoming*, found out when the first check asks for it and then kept."""

    def __init__(self, incoming: Incoming, net: Network) -> None:
        self._incoming, self._net = incoming, net

    @cached_property
    def spf(self) -> spf.Check:
        """What SPF says of the envelope (RFC 7208)."""
        from mailkit import spf

        return spf.check(self._incoming.client, self._incoming.sender, self._incoming.helo, net=self._net)

    @cached_property
    def dkim(self) -> Rows[dkim.Verification]:
        """What became of each DKIM signature (RFC 6376)."""
        from mailkit import dkim

        return dkim.verify(self._incoming.content, net=self._net)

    @cached_property
    def dmarc(self) -> Evaluation:
        """What DMARC makes of both (RFC 9989)."""
        from mailkit import dmarc

        return dmarc.conclude(self._incoming.content, self.spf, self.dkim, net=self._net)

    @cached_property
    def handling(self) -> Handling:
        """What this host does with the message after DMARC."""
        from mailkit.lab.mail import dmarc_handling

        return dmarc_handling.handling(self._incoming.content, self.dmarc, self._incoming.host)


@dataclass(frozen=True)
class Checked:
    """What a check found.

    ``results`` go into Authentication-Results (RFC 8601 section 2.2), ``fields`` are further header fields to stamp
    on the message, ``refusal`` is the SMTP reply to give instead of 250, ``folder`` the one to lay the message into
    instead of the inbox ("Junk": quarantine), ``note`` a line for the log, ``observed`` what to report to the domain's
    owner; each may be empty.
    """

    results: tuple[Result, ...] = ()
    fields: tuple[str, ...] = ()
    refusal: str = ""
    folder: str = ""
    note: str = ""
    observed: Observed | None = None


MessageCheck = Callable[[Incoming, Network, Evidence], Checked]


def _reverse_dns(incoming: Incoming, net: Network, evidence: Evidence) -> Checked:
    """Refuse clients whose reverse DNS is missing, does not lead back (RFC 7372 section 3.3) or looks generic.

    The last is IP25B, inbound port 25 blocking: the receiver's half of what OP25B does at the sender's provider.
    """
    from mailkit import op25b

    found = op25b.reverse(incoming.client, net=net)[0]
    if found.verdict is Verdict.UNKNOWN:
        return Checked(refusal="451 4.7.25 Reverse DNS cannot be checked now, try again later")
    if not found.confirmed:
        return Checked(refusal=f"550 5.7.25 [{incoming.client}] {found.reason}")
    if found.generic:
        words = "looks like a customer line; send through your provider"
        return Checked(refusal=f"550 5.7.1 [{incoming.client}] {found.name} {words}")
    return Checked((Result("iprev", "pass", properties=(("policy.iprev", incoming.client),)),))


def _spf(incoming: Incoming, net: Network, evidence: Evidence) -> Checked:
    """Say what SPF says of the envelope; refuse nobody, since DKIM may still vouch for the message."""
    found = evidence.spf
    identity = "smtp.mailfrom" if incoming.sender else "smtp.helo"
    result = Result("spf", str(found.result), properties=((identity, found.domain),))
    return Checked((result,), (_folded(found.received_spf),))


def _folded(field: str) -> str:
    """Return a Received-SPF field on several lines, broken where it has a space already (RFC 5322 section 2.2.3)."""
    said, between, facts = field.partition(") client-ip=")
    lines, line = [], ""
    for word in said.split(" "):
        longer = f"{line} {word}" if line else word
        if word and line.strip() and len(longer) > _LINE:
            lines.append(line)
            longer = f" {word}"
        line = longer
    return "\r\n".join([*lines, line]) + between.replace(" ", "\r\n ") + facts.replace("; ", ";\r\n ")


def _dkim(incoming: Incoming, net: Network, evidence: Evidence) -> Checked:
    """Say what became of every DKIM signature."""
    return Checked(
        tuple(
            Result(
                "dkim",
                str(row.result),
                properties=(("header.d", row.domain), ("header.s", row.selector)) if row.domain else (),
            )
            for row in evidence.dkim
        )
    )


def _dmarc(incoming: Incoming, net: Network, evidence: Evidence) -> Checked:
    """Put what fails into Junk as its domain's policy asks, and refuse it where more than the policy is against it."""
    from mailkit.dmarc import Policy
    from mailkit.lab.mail import dmarc_handling, dmarc_reports

    found, handled = evidence.dmarc, evidence.handling
    asked = f", p={found.policy}" if found.policy is not None else ""
    note = f"dmarc={found.result}, header.from={found.domain}{asked}, disposition={handled.disposition}"
    return Checked(
        found.said,
        refusal=dmarc_handling.refusal(found, handled),
        folder="" if handled.disposition is Policy.NONE else JUNK,
        observed=dmarc_reports.observe(incoming.host, incoming.recipients, found, handled, net),
        note=f"{note} ({found.reason if found.result != 'fail' else handled.reason})",
    )


CHECKS: Mapping[str, MessageCheck] = {"reverse_dns": _reverse_dns, "spf": _spf, "dkim": _dkim, "dmarc": _dmarc}


def run(incoming: Incoming, net: Network) -> Checked:
    """Return what all the checks of *incoming*'s host found together; the first refusal ends them."""
    evidence = Evidence(incoming, net)
    results: list[Result] = []
    fields: list[str] = []
    folder, notes, observed = "", [], None
    for name in incoming.host.checks:
        found = CHECKS[name](incoming, net, evidence)
        notes += [found.note] if found.note else []
        observed = observed or found.observed
        if found.refusal:
            return Checked(refusal=found.refusal, note="; ".join(notes), observed=observed)
        results += found.results
        fields += found.fields
        folder = folder or found.folder
    return Checked(tuple(results), tuple(fields), folder=folder or INBOX, note="; ".join(notes), observed=observed)
