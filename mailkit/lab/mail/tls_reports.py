"""The TLS reports of the practice internet's senders: each day's attempts, to whom the domain names (RFC 8460)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mailkit.lab.mail.log import Log
from mailkit.lab.mail.tls_sessions import Sessions
from mailkit.lab.world import World
from mailkit.network import Network

if TYPE_CHECKING:
    from mailkit.lab.mail.delivery import Queue

__all__ = ["send_due"]


def send_due(
    sessions: Sessions,
    *,
    now: datetime,
    world: World,
    queue: Queue,
    log: Log,
    network_of: Callable[[str], Network],
) -> None:
    """Send the reports on the days that are over by *now*, to the addresses in each domain's TLS-RPT record."""
    due = sessions.take(now.astimezone(UTC).date())
    if not due:
        return
    from mailkit.lab.mail.signing import signatures
    from mailkit.transport_policy import mail_addresses, report_mail, tls_rpt, write_report

    for (day, name, domain), seen in due:
        host = world.hosts[name]
        organization = next(iter((*host.accounts, *host.domains, name)))
        asked = tls_rpt(domain, net=network_of(name))
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = begin + timedelta(days=1, seconds=-1)
        sender, report_id = f"postmaster@{organization}", f"{begin:%Y%m%d}.{domain}@{organization}"
        for recipient in mail_addresses(asked.rua) if asked.valid else ():
            report = write_report(
                seen, organization=organization, contact=sender, report_id=report_id, begin=begin, end=end
            )
            mail = report_mail(
                report, domain=domain, organization=organization, sender=sender, recipient=recipient,
                report_id=report_id, begin=begin, end=end,
            )  # fmt: skip
            signed = signatures(mail, host.signs, keys=world.folder / "keys", now=now) + mail
            queue_id = queue.originate(name, sender, [recipient], signed)
            log.note(name, queue_id, f"TLS report on {domain} of {day} ({len(seen)} sessions) to <{recipient}>")
