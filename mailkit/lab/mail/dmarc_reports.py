"""Aggregate reports of the practice internet's receivers: what they saw, and the mail that tells the domains' owners.

At the end of each day on the lab's clock (UTC) a receiver writes one report for each policy that it met (RFC 9990).
It counts what it took and what it refused because of DMARC; what it refused before that was never evaluated.  The
code that writes them is the lesson's own, imported when it is needed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from mailkit.lab.mail.delivery import Queue
from mailkit.lab.mail.log import Log
from mailkit.lab.world import Host, World
from mailkit.network import Network

if TYPE_CHECKING:
    from mailkit import dmarc
    from mailkit.dmarc.external import Standing

__all__ = ["Observations", "Observed", "observe", "send_due"]

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Observed:
    """One message as *receiver*, a domain, will report it, under the policy that was *published* then."""

    receiver: str
    through: str
    published: dmarc.Discovery
    seen: dmarc.Seen


@dataclass(frozen=True)
class _Subject:
    """What one report is about: a day, who saw it, and the record that applied."""

    day: date
    receiver: str
    through: str
    where: str
    record: str


class Observations:
    """What all receivers of a world have seen and not yet reported; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[_Subject, list[Observed]] = {}

    def note(self, observed: Observed, now: datetime) -> None:
        """Remember *observed*, a message of *now*."""
        published = observed.published
        day = now.astimezone(UTC).date()
        subject = _Subject(day, observed.receiver, observed.through, published.where, published.record)
        with self._lock:
            self._seen.setdefault(subject, []).append(observed)

    def take(self, today: date) -> list[tuple[_Subject, list[Observed]]]:
        """Return what is of the days before *today*, and forget it."""
        with self._lock:
            due = sorted((subject for subject in self._seen if subject.day < today), key=astuple)
            return [(subject, self._seen.pop(subject)) for subject in due]

    def keep(self, subject: _Subject, observed: list[Observed]) -> None:
        """Take back what could not be reported yet."""
        with self._lock:
            self._seen.setdefault(subject, []).extend(observed)

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._seen.clear()


def observe(
    host: Host, recipients: tuple[str, ...], found: dmarc.Evaluation, handled: dmarc.Handling, net: Network
) -> Observed | None:
    """Return what *host* will report on a message, None where it reports nothing.

    Mail to the address that takes the host's own reports is left out, or two receivers would write to each other every
    day for ever, each about the other's last report.
    """
    from mailkit import dmarc

    if not host.reports_through or found.discovery is None or found.discovery.status != "found":
        return None
    receiver = host.domains[0]
    own = dmarc.policy(receiver, net=net).parsed
    takers = {uri.address.lower() for uri in own.rua} if own else set()
    if all(recipient.lower() in takers for recipient in recipients):
        return None
    done = replace(found, handling=handled, disposition=handled.disposition)
    return Observed(receiver, host.reports_through, found.discovery, dmarc.Seen.of(done))


def send_due(
    observations: Observations,
    *,
    now: datetime,
    world: World,
    queue: Queue,
    log: Log,
    network_of: Callable[[str], Network],
) -> None:
    """Send the reports on the days that are over by *now* to whom the policies name and who takes them.

    Where the DNS does not say whether somebody takes them, they wait until the clock is advanced again.
    """
    due = observations.take(now.astimezone(UTC).date())
    if not due:
        return
    from mailkit import dmarc
    from mailkit.dmarc.external import Consent
    from mailkit.lab.mail.signing import signatures

    for subject, observed in due:
        published, net = observed[0].published, network_of(subject.through).remembering()
        recipients = dmarc.destinations(published, net=net)
        messages = "1 message" if len(observed) == 1 else f"{len(observed)} messages"
        about = f"aggregate report on {subject.where} of {subject.day} ({messages})"
        if not recipients and any(each.consent is Consent.UNKNOWN for each in _standings(published, net)):
            log.note(subject.through, "-", f"{about}: the DNS does not say who takes it, so it waits")
            observations.keep(subject, observed)
        elif not recipients:
            log.note(subject.through, "-", f"{about}: nobody to send it to")
        for recipient in recipients:
            mail = _mail(subject, observed, recipient)
            host = world.hosts[subject.through]
            signed = signatures(mail, host.signs, keys=world.folder / "keys", now=now) + mail
            queue_id = queue.originate(subject.through, _sender(subject.receiver), [recipient], signed)
            log.note(subject.through, queue_id, f"{about} to <{recipient}>")


def _standings(published: dmarc.Discovery, net: Network) -> list[Standing]:
    """Return how each host that is to get reports stands to the domain they are about."""
    from mailkit.dmarc.external import standing

    uris = published.parsed.rua if published.parsed else ()
    return [standing(host, published, net) for host in dict.fromkeys(uri.host for uri in uris if uri.host)]


def _sender(receiver: str) -> str:
    return f"postmaster@{receiver}"


def _mail(subject: _Subject, observed: list[Observed], recipient: str) -> bytes:
    """Return the mail with the report, the same whatever order the messages came in."""
    from mailkit import dmarc

    begin = datetime(subject.day.year, subject.day.month, subject.day.day, tzinfo=UTC)
    end = begin + _DAY - timedelta(seconds=1)
    policy = hashlib.sha256(f"{subject.where} {subject.record}".encode()).hexdigest()[:8]
    report_id = f"{subject.day:%Y%m%d}.{policy}@{subject.receiver}"
    sender, published = _sender(subject.receiver), observed[0].published
    report = dmarc.write_report(
        sorted((each.seen for each in observed), key=astuple),
        published,
        org_name=subject.receiver,
        email=sender,
        report_id=report_id,
        begin=begin,
        end=end,
    )
    return dmarc.report_mail(
        report,
        published,
        receiver=subject.receiver,
        sender=sender,
        recipient=recipient,
        report_id=report_id,
        begin=begin,
        end=end,
    )
