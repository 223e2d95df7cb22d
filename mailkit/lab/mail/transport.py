"""How the practice internet's servers talk to each other: what a sender demands of TLS, and what came of it.

A host that honours policies (``honours`` in world.toml) keeps its own cache of them, on the lab's clock, and remembers
each attempt for its reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mailkit.clients import Sent, send
from mailkit.lab.mail.routing import Delivery, judge, mail_exchangers
from mailkit.lab.mail.tls_sessions import Sessions
from mailkit.lab.world import World
from mailkit.network import Network, Status

if TYPE_CHECKING:
    from mailkit.transport_policy import Decision, PolicyCache

__all__ = ["Transport"]

_NAMES = {"sts": "MTA-STS", "tlsa": "DANE"}


class Letter(Protocol):
    """A message that ``host`` has promised to deliver."""

    host: str
    sender: str
    content: bytes


class Transport:
    """Handing messages over in *world*; ``sessions`` are the attempts that reports will tell of."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._caches: dict[str, PolicyCache] = {}
        self.sessions = Sessions()

    def cache(self, host: str) -> PolicyCache:
        """Return what the sender *host* remembers of policies.  Raises ValueError for no host of this world."""
        from mailkit.transport_policy import PolicyCache

        if host not in self._world.hosts:
            raise ValueError(f"there is no server {host!r}")
        return self._caches.setdefault(host, PolicyCache())

    def reset(self) -> None:
        """Forget all policies and attempts."""
        for cache in list(self._caches.values()):
            cache.forget()
        self.sessions.reset()

    def exchangers(self, host: str, domain: str, net: Network) -> tuple[list[str], Delivery | None]:
        """Return where *host* sends mail for *domain*, best first, or why it cannot.  Raises ValueError.

        One that honours DANE believes no answer that should be signed and is not: a resolver that validates would
        give it a failure instead (RFC 7672 section 2.1.1).
        """
        if "dane" in self._world.hosts[host].honours and net.lookup(domain, "MX", dnssec=True).dnssec == "bogus":
            return [], Delivery("4.7.5", f"DNSSEC: the answer on the MX of {domain} is bogus")
        return mail_exchangers(domain, net)

    def hand_over(self, item: Letter, recipient: str, target: str, net: Network) -> Delivery:
        """Hand *item* for *recipient* to the server *target* if it gives what the sender demands."""
        honours = self._world.hosts[item.host].honours
        if not honours:
            return judge(target, _sent(item, recipient, target, net))
        from mailkit.transport_policy import decide, result_type, waives_tls

        domain = recipient.rpartition("@")[2].lower()
        waived = waives_tls(item.content)
        decision = decide(domain, target, net=net, honours=() if waived else honours, cache=self.cache(item.host))
        if not decision.may_try:
            self._remember(item, decision, decision.result_type, target, net)
            if decision.enforced:
                return Delivery("4.7.5", f"{target}: {decision.reason}")
            return judge(target, _sent(item, recipient, target, net))
        sent = _sent(item, recipient, target, net, decision)
        failure = decision.result_type or result_type(sent)
        if _talked(sent):
            why = "" if decision.result_type else sent.reason or sent.reply
            self._remember(item, decision, failure, target, net, why)
        if failure and decision.demand(net) and _talked(sent):
            if decision.enforced:
                return Delivery(
                    "4.7.5", f"{target}: {sent.reason or sent.reply} ({_NAMES[decision.basis]} demands more)"
                )
            return judge(target, _sent(item, recipient, target, net))
        return judge(target, sent)

    def _remember(
        self, item: Letter, decision: Decision, failure: str, target: str, net: Network, reason: str = ""
    ) -> None:
        from mailkit.transport_policy import Session

        address = net.lookup(target, "A")
        session = Session(
            domain=decision.domain,
            policy=str(decision.basis),
            policy_text=decision.policy_text,
            mx_hosts=decision.sts.mx if decision.sts else (target,) if decision.dane else (),
            receiving_mx=target,
            sending_ip=self._world.hosts[item.host].addresses[0],
            receiving_ip=address.records[0] if address.status is Status.NOERROR else "",
            result_type=failure,
            reason=(reason or decision.reason) if failure else "",
        )
        self.sessions.add(item.host, session, net.now())


def _sent(item: Letter, recipient: str, target: str, net: Network, decision: Decision | None = None) -> Sent:
    demand = decision.demand(net) if decision else None
    return send(target, 25, item.content, sender=item.sender, recipients=[recipient], net=net, demand=demand)


def _talked(sent: Sent) -> bool:
    """Return whether the server was talked to at all: what never began says nothing about TLS."""
    return bool(sent.dialogue)
