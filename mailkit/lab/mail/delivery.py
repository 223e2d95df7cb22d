"""The queue of a mail server: relay by MX, try again later, bounce in the end (RFC 5321 sections 4.5.4 and 5.1).

Deliveries run in a pool of threads of their own, which wait only for the receiving servers; those never wait for
a delivery.  The default executor of the event loop would be too small: each of its few threads would hold a
relay that waits for a receiver that waits for a thread.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailkit.clients import Sent, send
from mailkit.lab.mail.dsn import Failure, bounce
from mailkit.lab.mail.store import Clock, Store
from mailkit.network import Network, Status
from mailkit.results import Outcome

__all__ = ["Item", "Queue"]

_WORKERS = 24
_FIRST_RETRY = timedelta(minutes=15)
_GIVE_UP = timedelta(days=5)  # RFC 5321 section 4.5.4.1: "at least 4-5 days"


@dataclass
class Item:
    """A message that *host* has promised to deliver, and to whom it still must."""

    queue_id: str
    host: str
    sender: str
    recipients: list[str]
    content: bytes
    arrived: datetime
    next_try: datetime | None = None
    tries: int = 0


@dataclass(frozen=True)
class _Result:
    """What one attempt did for one recipient, as a status code: 2.x.x delivered, 4.x.x wait, 5.x.x never."""

    status: str
    text: str


class Queue:
    """All the queues of a world.

    *network_of* gives the network that a host sends from, *forwards* where the mail of some mailboxes goes on to.
    """

    def __init__(
        self,
        clock: Clock,
        store: Store,
        network_of: Callable[[str], Network],
        is_local: Callable[[str, str], bool],
        forwards: Mapping[str, str],
    ) -> None:
        self._clock, self._store = clock, store
        self._network_of, self._is_local, self._forwards = network_of, is_local, forwards
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="lab-delivery")
        self._idle = threading.Condition()
        self._running = 0
        self._waiting: list[Item] = []

    def accept(self, item: Item) -> None:
        """Take over *item*; its delivery starts at once, on another thread."""
        with self._idle:
            self._running += 1
        self._pool.submit(self._attempt, item)

    def settle(self, timeout: float) -> bool:
        """Wait until nothing is on its way; False when *timeout* seconds were not enough."""
        with self._idle:
            return self._idle.wait_for(lambda: self._running == 0, timeout)

    def run_due(self) -> None:
        """Start every delivery whose time has come on the lab's clock."""
        now = self._clock.now()
        with self._idle:
            due = [item for item in self._waiting if item.next_try is None or item.next_try <= now]
            self._waiting = [item for item in self._waiting if item not in due]
        for item in due:
            self.accept(item)

    def waiting(self) -> list[Item]:
        """Return what is waiting for another attempt."""
        with self._idle:
            return list(self._waiting)

    def reset(self) -> None:
        """Forget what is waiting."""
        with self._idle:
            self._waiting.clear()

    def close(self) -> None:
        """Stop; what is still on its way is lost, as in a power cut."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _attempt(self, item: Item) -> None:
        try:
            self._deliver(item)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _deliver(self, item: Item) -> None:
        item.tries += 1
        expired = self._clock.now() - item.arrived >= _GIVE_UP
        failures: list[Failure] = []
        left: list[str] = []
        for recipient in item.recipients:
            result = self._to(item, recipient)
            delivered = result.status.startswith("2")
            given_up = not delivered and (expired or result.status.startswith("5"))
            word = "sent" if delivered else "bounced" if given_up else "deferred"
            event = f"to=<{recipient}>, dsn={result.status}, status={word} ({result.text})"
            self._store.note(item.host, item.queue_id, event)
            if given_up:
                failures.append(Failure(recipient, result.status, result.text))
            elif not delivered:
                left.append(recipient)
        if failures:
            self._bounce(item, failures)
        if left:
            item.recipients = left
            item.next_try = self._clock.now() + _FIRST_RETRY * 2 ** min(item.tries - 1, 4)
            with self._idle:
                self._waiting.append(item)

    def _to(self, item: Item, recipient: str) -> _Result:
        domain = recipient.rpartition("@")[2].lower()
        if self._is_local(item.host, domain):
            if target := self._forwards.get(recipient.lower()):
                return self._forward(item, target)
            self._store.put(recipient.lower(), item.sender, item.content)
            return _Result("2.0.0", "delivered to mailbox")
        net = self._network_of(item.host)
        try:
            targets, problem = _mail_exchangers(domain, net)
        except ValueError as error:
            return _Result("5.1.3", f"this is no mail address: {error}")
        if problem is not None:
            return problem
        result = _Result("4.4.4", "no mail exchanger to try")
        for target in targets:
            sent = send(target, 25, item.content, sender=item.sender, recipients=[recipient], net=net)
            result = _judge(target, sent)
            if not result.status.startswith("4"):
                break
        return result

    def _forward(self, item: Item, target: str) -> _Result:
        """Send *item* on to *target* under the sender it came with (RFC 5321 section 3.9.1)."""
        queue_id = self._store.queue_id()
        self.accept(Item(queue_id, item.host, item.sender, [target], item.content, self._clock.now()))
        return _Result("2.0.0", f"forwarded to <{target}> as {queue_id}")

    def _bounce(self, item: Item, failures: list[Failure]) -> None:
        if not item.sender:
            # A bounce that bounces ends here, or two servers would write to each other for ever (section 6.1).
            self._store.note(item.host, item.queue_id, "double bounce, dropped")
            return
        queue_id, now = self._store.queue_id(), self._clock.now()
        report = bounce(
            host=item.host,
            queue_id=item.queue_id,
            sender=item.sender,
            content=item.content,
            arrived=item.arrived,
            now=now,
            failures=failures,
        )
        self._store.note(item.host, item.queue_id, f"sender non-delivery notification: {queue_id}")
        self.accept(Item(queue_id, item.host, "", [item.sender], report, now))


def _mail_exchangers(domain: str, net: Network) -> tuple[list[str], _Result | None]:
    """Return where mail for *domain* goes, best first (RFC 5321 section 5.1), or why it goes nowhere."""
    answer = net.lookup(domain, "MX")
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return [], _Result("4.4.3", f"the DNS did not answer for {domain}")
    if answer.status is Status.NXDOMAIN:
        return [], _Result("5.1.2", f"there is no domain {domain}")
    if answer.status is Status.NODATA:
        return [domain], None  # the implicit MX: the domain's own address
    ranked = sorted((r.preference, str(r.exchange)) for r in answer.rdata)  # type: ignore[attr-defined]
    if [name for _, name in ranked] == ["."]:
        return [], _Result("5.1.10", f"{domain} takes no mail: null MX (RFC 7505)")
    return [name.rstrip(".") for _, name in ranked], None


def _judge(target: str, sent: Sent) -> _Result:
    """Return what *sent*, the attempt at *target*, means for the message."""
    if sent.outcome is Outcome.OPEN:
        return _Result("2.0.0", sent.reply)
    if sent.outcome is Outcome.REJECTED and sent.reply[:1] in ("4", "5"):
        enhanced = re.match(r"\d{3}[ -]([45]\.\d{1,3}\.\d{1,3})", sent.reply)
        status = enhanced.group(1) if enhanced else f"{sent.reply[0]}.0.0"
        return _Result(status, f"{sent.reply} (said {target})")
    if sent.outcome is Outcome.DNS_FAILURE:
        return _Result("4.4.3", f"no address for {target}")
    return _Result("4.4.1", f"connect to {target} port 25: {sent.outcome}, {sent.reason}")
