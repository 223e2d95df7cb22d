"""A sender's memory of MTA-STS policies: what protects from the second contact on (RFC 8461 sections 3.3 and 10.2).

Who can forge the DNS can hide the record from a sender that asks for the first time.  One that has fetched the policy
before keeps to it until ``max_age`` has passed, whatever the DNS says meanwhile.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailkit.network import Network, Status
from mailkit.network.names import to_ascii
from mailkit.results import Record, Rows, hidden
from mailkit.transport_policy.mta_sts import MtaSts, fetch
from mailkit.transport_policy.mta_sts_record import find_record

__all__ = ["CachedPolicy", "KnownPolicy", "PolicyCache"]

_MOST = 10_000


@dataclass(frozen=True)
class CachedPolicy(Record):
    """A policy in the cache: when it was fetched, and until when it binds; both are UTC."""

    domain: str
    id: str
    mode: str
    fetched: datetime
    until: datetime
    policy: MtaSts = hidden(None)


@dataclass(frozen=True)
class KnownPolicy(Record):
    """The policy that binds a sender now, None for none; ``source`` is "fetched", "cache" or "", ``reason`` why.

    ``failure`` is what reports call it when a policy is announced and cannot be had.
    """

    domain: str
    policy: MtaSts | None
    source: str
    reason: str
    failure: str = ""


class PolicyCache:
    """The policies that one sender has fetched.  Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, CachedPolicy] = {}

    def policy(self, domain: str, *, net: Network) -> KnownPolicy:
        """Return the policy that binds a sender of mail to *domain* at ``net.now()``.

        The record is asked for each time, the policy fetched when it is new, when its id has changed, and once half of
        its time has passed.  Raises ValueError for what is no domain name.
        """
        name = to_ascii(domain)
        held = self._fresh(name, net.now())
        answer = net.lookup(f"_mta-sts.{name}", "TXT")
        record = find_record(answer.texts)
        if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
            return _known(name, held, f"the record cannot be asked for ({answer.reason})")
        if not record.id:
            return _known(name, held, record.reason)
        if held and held.id == record.id and net.now() - held.fetched < (held.until - held.fetched) / 2:
            return _known(name, held, "the id is the same")
        found = fetch(name, record, net=net)
        if not found.valid:
            return _known(name, held, found.reason, found.failure)
        self._keep(name, found, net.now())
        return KnownPolicy(name, found, "fetched", found.reason)

    def rows(self, *, net: Network) -> Rows[CachedPolicy]:
        """Return what is in the cache and still binds at ``net.now()``."""
        with self._lock:
            found = [held for held in self._held.values() if held.until > net.now()]
        return Rows(CachedPolicy, found, caption=net.caption)

    def forget(self) -> None:
        """Forget every policy."""
        with self._lock:
            self._held.clear()

    def _fresh(self, name: str, now: datetime) -> CachedPolicy | None:
        with self._lock:
            held = self._held.get(name)
            return held if held and held.until > now else None

    def _keep(self, name: str, policy: MtaSts, now: datetime) -> None:
        until = now + timedelta(seconds=policy.max_age)
        with self._lock:
            if name not in self._held and len(self._held) >= _MOST:
                del self._held[min(self._held, key=lambda held: self._held[held].until)]
            self._held[name] = CachedPolicy(name, policy.id, policy.mode, now, until, policy)


def _known(name: str, held: CachedPolicy | None, reason: str, failure: str = "") -> KnownPolicy:
    if held is None:
        return KnownPolicy(name, None, "", reason, failure)
    return KnownPolicy(name, held.policy, "cache", f"kept until {held.until:%Y-%m-%d %H:%M} UTC; {reason}")
