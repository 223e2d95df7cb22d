"""The TLS reports of the practice internet's senders: each day's attempts, to whom the domain names (RFC 8460)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from mailkit.lab.mail.log import Log
from mailkit.lab.world import World
from mailkit.network import Network

if TYPE_CHECKING:
    from mailkit.lab.mail.delivery import Queue
    from mailkit.transport_policy import Session

__all__ = ["Sessions", "send_due"]

_MOST = 100_000  # attempts that are remembered
_Subject = tuple[date, str, str]  # the day, the host that sent, and the domain it sent to


class Sessions:
    """What the senders remember until their reports are due.  Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[_Subject, list[Session]] = {}
        self._count = 0

    def add(self, host: str, session: Session, now: datetime) -> None:
        """Remember an attempt of *host*."""
        with self._lock:
            if self._count < _MOST:
                self._count += 1
                subject = (now.astimezone(UTC).date(), host, session.domain)
                self._seen.setdefault(subject, []).append(session)

    def take(self, today: date) -> list[tuple[_Subject, list[Session]]]:
        """Return what is of the days before *today*, and forget it."""
        with self._lock:
            due = sorted(subject for subject in self._seen if subject[0] < today)
            taken = [(subject, self._seen.pop(subject)) for subject in due]
            self._count -= sum(len(sessions) for _, sessions in taken)
            return taken

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._seen.clear()
            self._count = 0


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
