"""The queue of a mail server: relay by MX, try again later, bounce in the end (RFC 5321 sections 4.5.4 and 5.1).

Deliveries run in a pool of threads of their own, which wait only for the receiving servers; those never wait for
a delivery.  The default executor of the event loop would be too small: each of its few threads would hold a
relay that waits for a receiver that waits for a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime

from mailkit.lab.clock import Clock
from mailkit.lab.faults import Faults
from mailkit.lab.mail.dsn import Failure, bounce
from mailkit.lab.mail.items import Handover, Item
from mailkit.lab.mail.log import Log
from mailkit.lab.mail.mailboxes import Mailboxes
from mailkit.lab.mail.own_host import OwnHost
from mailkit.lab.mail.routing import Delivery
from mailkit.lab.mail.transport import Transport
from mailkit.lab.world import World
from mailkit.network import Network

__all__ = ["Queue"]

_WORKERS = 24
_FIRST_RETRY = timedelta(minutes=15)
_GIVE_UP = timedelta(days=5)  # RFC 5321 section 4.5.4.1: "at least 4-5 days"
_GLANCE = 0.5  # seconds after which a waiting thread looks up, so that Ctrl-C is heard on every system
_MOST_REMEMBERED = 10_000  # messages that were taken


class Queue:
    """All the queues of a world.

    *network_of* gives the network that a host sends from, and *towards* the same with the patience that a target
    deserves; *world* says where the mail of some addresses goes on to, *transport* how a server is talked to.
    ``era`` counts the resets: what was handed in before the last one has no place in the world any more.
    """

    def __init__(
        self,
        clock: Clock,
        log: Log,
        mailboxes: Mailboxes,
        faults: Faults,
        network_of: Callable[[str], Network],
        towards: Callable[[Network, str], Network],
        is_local: Callable[[str, str], bool],
        world: World,
        transport: Transport,
    ) -> None:
        self._clock, self._log, self._mailboxes, self._faults = clock, log, mailboxes, faults
        self._network_of, self._towards, self._is_local, self._world = network_of, towards, is_local, world
        self._transport = transport
        self._own_host = OwnHost(world, clock, originate=self.originate, put=self._put)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="lab-delivery")
        self._changed = threading.Condition(threading.RLock())
        self._running = 0
        self._closed = False
        self._issued = 0
        self._waiting: list[Item] = []
        self._taken: dict[Handover, str] = {}
        self.era = 0

    def new_id(self) -> str:
        """Return a new queue identifier, unique in this world until it is reset."""
        with self._changed:
            self._issued += 1
            return f"Q{self._issued:05d}"

    def accept(self, item: Item, handover: Handover | None = None) -> str:
        """Take over *item*, start its delivery on another thread, and return its queue identifier.

        A *handover* that was taken before is recognised: the sender did not hear the reply and tries again (RFC 1047),
        and gets the identifier of the first time.  "" when the world was reset since the item was handed in.
        """
        with self._changed:
            if item.era != self.era or self._closed:
                return ""
            if handover is not None:
                if first := self._taken.get(handover):
                    return first
                if len(self._taken) >= _MOST_REMEMBERED:
                    del self._taken[next(iter(self._taken))]
                self._taken[handover] = item.queue_id
            self._running += 1
            self._pool.submit(self._attempt, item)
        return item.queue_id

    def originate(self, host: str, sender: str, recipients: list[str], content: bytes, era: int | None = None) -> str:
        """Send *content*, a message that *host* makes itself, and return its queue identifier.

        Like Postfix the host leaves a trace: by it the next server knows a second attempt, and a loop comes to an end.
        *era* is that of the message it comes from, by default the present one.
        """
        queue_id, now = self.new_id(), self._clock.now()
        trace = f"Received: by {host} id {queue_id};\r\n\t{format_datetime(now)}\r\n".encode()
        era = self.era if era is None else era
        self.accept(Item(queue_id, host, sender, recipients, trace + content, now, era))
        return queue_id

    def settle(self) -> None:
        """Wait until nothing is under way; each attempt ends by itself, since every conversation has a deadline."""
        with self._changed:
            while self._running and not self._closed:
                self._changed.wait(_GLANCE)

    def run_due(self) -> None:
        """Start every delivery whose time has come on the lab's clock."""
        now = self._clock.now()
        with self._changed:
            due = [item for item in self._waiting if item.next_try is None or item.next_try <= now]
            self._waiting = [item for item in self._waiting if item not in due]
            for item in due:
                self.accept(item)

    def waiting(self) -> list[Item]:
        """Return what is waiting for another attempt."""
        with self._changed:
            return list(self._waiting)

    def reset(self) -> None:
        """Forget everything; what is still under way comes to nothing."""
        with self._changed:
            self.era += 1
            self._issued = 0
            self._waiting.clear()
            self._taken.clear()

    def close(self) -> None:
        """Stop; what is still on its way is lost, as in a power cut."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for the threads of a queue that is closed."""
        self._pool.shutdown(cancel_futures=True)

    def _attempt(self, item: Item) -> None:
        try:
            self._deliver(item)
        except Exception as error:
            self._faults.note(f"{item.host}: delivery of {item.queue_id}", error)
            self._defer(item)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _deliver(self, item: Item) -> None:
        item.tries += 1
        expired = self._clock.now() - item.arrived >= _GIVE_UP
        failures: list[Failure] = []
        for recipient in tuple(item.recipients):
            result = self._tried(item, recipient)
            given_up = not result.delivered and (expired or result.is_permanent)
            word = "sent" if result.delivered else "bounced" if given_up else "deferred"
            self._note(item, f"to=<{recipient}>, dsn={result.status}, status={word} ({result.text})")
            if result.delivered:
                item.recipients.remove(recipient)  # at once: should a later one fail, it must not get a second copy
            elif given_up:
                failures.append(Failure(recipient, result.status, result.text))
        if failures:
            self._bounce(item, failures)
            told = {failure.recipient for failure in failures}
            item.recipients = [recipient for recipient in item.recipients if recipient not in told]
        if item.recipients:
            self._defer(item)

    def _defer(self, item: Item) -> None:
        item.next_try = self._clock.now() + _FIRST_RETRY * 2 ** min(item.tries - 1, 4)
        with self._changed:
            if item.era == self.era:
                self._waiting.append(item)

    def _note(self, item: Item, event: str) -> None:
        with self._changed:
            if item.era == self.era:
                self._log.note(item.host, item.queue_id, event)

    def _tried(self, item: Item, recipient: str) -> Delivery:
        """Return what became of *item* for *recipient*; whatever goes wrong, the message is not lost."""
        try:
            return self._to(item, recipient)
        except ValueError as error:  # no address, or none that can be sent on from here
            self._faults.note(f"{item.host}: {item.queue_id} to {recipient!r}", error)
            return Delivery("5.1.3", f"the address cannot be used: {error}")
        except Exception as error:
            self._faults.note(f"{item.host}: {item.queue_id} to {recipient!r}", error)
            return Delivery("4.3.0", "a fault of this server")

    def _to(self, item: Item, recipient: str) -> Delivery:
        domain = recipient.rpartition("@")[2].lower()
        if self._is_local(item.host, domain):
            return self._own_host.deliver(item, recipient)
        net = self._network_of(item.host).remembering()
        try:
            targets, problem = self._transport.exchangers(item.host, domain, net)
        except ValueError as error:
            return Delivery("5.1.3", f"this is no mail address: {error}")
        if problem is not None:
            return problem
        result = Delivery("4.4.4", "no mail exchanger to try")
        for target in targets:
            patient = self._towards(net, target)
            result = self._transport.hand_over(item, recipient, target, patient)
            if result.delivered or result.is_permanent or result.perhaps_taken:
                break
        return result

    def _put(self, item: Item, address: str) -> None:
        with self._changed:
            if item.era == self.era:
                self._mailboxes.put(address, item.sender, item.content, item.folder)

    def _bounce(self, item: Item, failures: list[Failure]) -> None:
        if not item.sender:
            # A bounce that bounces ends here, or two servers would write to each other for ever (section 6.1).
            self._note(item, "double bounce, dropped")
            return
        report = bounce(
            host=item.host,
            queue_id=item.queue_id,
            sender=item.sender,
            content=item.content,
            arrived=item.arrived,
            now=self._clock.now(),
            failures=failures,
        )
        queue_id = self.originate(item.host, "", [item.sender], report, item.era)
        self._note(item, f"sender non-delivery notification: {queue_id}")
