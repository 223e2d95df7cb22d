"""What becomes of mail for a host's own domains: a mailbox, a mailing list, or an address that it goes on from."""

from __future__ import annotations

from collections.abc import Callable

from mailkit.lab.clock import Clock
from mailkit.lab.mail import lists, local, srs
from mailkit.lab.mail.items import Item
from mailkit.lab.mail.mailboxes import INBOX
from mailkit.lab.mail.routing import Delivery
from mailkit.lab.world import MailingList, World
from mailkit.message import received

__all__ = ["MOST_HOPS", "OwnHost"]

MOST_HOPS = 100  # servers that a message may pass; more are a loop (RFC 5321 section 6.3)


class OwnHost:
    """The hosts of a *world* as receivers.

    *originate* sends a message from a host (host, sender, recipients, content, era) and returns its queue identifier,
    *put* lays an item into the mailbox of an address.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        originate: Callable[[str, str, list[str], bytes, int], str],
        put: Callable[[Item, str], None],
    ) -> None:
        self._world, self._clock, self._originate, self._put = world, clock, originate, put

    def deliver(self, item: Item, recipient: str) -> Delivery:
        """Deliver *item* to a *recipient* of its own host: a mailbox, a list, or somewhere that it goes on from."""
        address, world = recipient.lower(), self._world
        if mailing_list := world.lists.get(address):
            return self._distribute(item, mailing_list)
        if srs.is_rewritten(address):
            try:
                target = srs.reverse(recipient, secret=local.secret(address), now=self._clock.now())
            except ValueError as error:
                return Delivery("5.1.1", f"this address leads nowhere: {error}")
            return self._forward(item, target, item.sender)
        if target := world.forwards.get(address, ""):
            sender, domain = item.sender, address.rpartition("@")[2]
            if address in world.rewriting:
                sender = srs.rewrite(sender, domain, secret=local.secret(address), now=self._clock.now())
            return self._forward(item, target, sender)
        return self._into_mailbox(item, local.owner(address, world) or address)

    def _into_mailbox(self, item: Item, address: str) -> Delivery:
        self._put(item, address)
        where = "" if item.folder == INBOX else f", folder {item.folder}"
        return Delivery("2.0.0", f"delivered to mailbox{where}")

    def _distribute(self, item: Item, mailing_list: MailingList) -> Delivery:
        """Send *item* to the members of *mailing_list*, under the list's own sender (RFC 5321 section 3.9.2)."""
        from mailkit.lab.mail.signing import signatures

        if not item.sender:
            return Delivery("5.7.1", "a mailing list takes no bounces: they go to the sender on its envelope")
        if lists.has_passed(item.content, mailing_list) or received.count(item.content) >= MOST_HOPS:
            return Delivery("5.4.6", "mail loop: this message has been through the list already")
        try:
            content = lists.rewritten(item.content, mailing_list)
        except ValueError as error:
            return Delivery("5.6.0", f"this message cannot be distributed: {error}")
        keys, now = self._world.folder / "keys", self._clock.now()
        signed = signatures(content, self._world.hosts[item.host].signs, keys=keys, now=now) + content
        members = list(mailing_list.members)
        queue_id = self._originate(item.host, mailing_list.bounces, members, signed, item.era)
        return Delivery("2.0.0", f"distributed to {len(members)} members from <{mailing_list.bounces}> as {queue_id}")

    def _forward(self, item: Item, target: str, sender: str) -> Delivery:
        """Send *item* on to *target* under *sender*, which is most often the one it came with (RFC 5321 3.9.1)."""
        if received.count(item.content) >= MOST_HOPS:
            return Delivery("5.4.6", f"mail forwarding loop: this message has passed {MOST_HOPS} servers")
        queue_id = self._originate(item.host, sender, [target], item.content, item.era)
        anew = "" if sender == item.sender else f" from <{sender}>"
        return Delivery("2.0.0", f"forwarded to <{target}>{anew} as {queue_id}")
