"""What a sender demands of a mail server before it hands a message over, by the policies that it honours.

DANE comes first, and MTA-STS never makes up for what DANE has refused (RFC 8461 section 2).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailkit.clients import Sent
from mailkit.conversation.demands import TlsDemand
from mailkit.conversation.encryption import unverified_context
from mailkit.network import Answer, Network, Security, Status
from mailkit.results import Outcome, Record, Stage, hidden
from mailkit.transport_policy.dane import Dane, Means, dane
from mailkit.transport_policy.mta_sts import MtaSts
from mailkit.transport_policy.mta_sts_policy import write
from mailkit.transport_policy.policy_cache import PolicyCache

__all__ = ["HONOURS", "Basis", "Decision", "Level", "decide", "result_type", "waives_tls"]

HONOURS = ("mta_sts", "dane")
_WAIVER = re.compile(rb"^TLS-Required:[ \t]*no[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)

# OpenSSL's numbers (openssl/x509_vfy.h) -> RFC 8460 section 4.3.1; all others mean that nobody vouches for it.
_RESULTS = {10: "certificate-expired", 62: "certificate-host-mismatch"}


class Level(StrEnum):
    """How much TLS a sender demands, in the words of Postfix's security levels where it has one."""

    MAY = "may"
    ENCRYPT = "encrypt"
    VERIFY = "verify"
    DANE = "dane"
    NOT_HERE = "not here"  # to no server of this name
    NOT_NOW = "not now"  # to nobody, until more is known


class Basis(StrEnum):
    """The policy that a decision rests on, as reports name it (RFC 8460 section 4.4)."""

    NONE = "no-policy-found"
    STS = "sts"
    TLSA = "tlsa"


@dataclass(frozen=True)
class Decision(Record):
    """What a sender demands of *host* before it hands over mail for *domain*, and on what basis.

    ``enforced`` is False for a policy in testing: what fails is reported, and the mail goes all the same.
    """

    domain: str
    host: str
    level: Level
    basis: Basis
    reason: str
    enforced: bool = True
    result_type: str = ""
    sts: MtaSts | None = hidden(None)
    dane: Dane | None = hidden(None)

    @property
    def may_try(self) -> bool:
        """True when there is something to try at this server."""
        return self.level not in (Level.NOT_HERE, Level.NOT_NOW)

    def demand(self, net: Network) -> TlsDemand | None:
        """Return what to demand of TLS, None where it is only an opportunity."""
        if self.level is Level.VERIFY:
            return TlsDemand(net.tls_context())
        if self.level is Level.ENCRYPT:
            return TlsDemand(unverified_context())
        if self.level is Level.DANE and (found := self.dane):
            return TlsDemand(unverified_context(), lambda chain: _refusal(found, chain, self.domain, net))
        return None

    @property
    def policy_text(self) -> tuple[str, ...]:
        """The policy line by line, as a report quotes it (RFC 8460 section 4.4)."""
        if self.basis is Basis.STS and self.sts:
            return tuple(write(self.sts.mode, self.sts.mx, self.sts.max_age).splitlines())
        return self.dane.records if self.basis is Basis.TLSA and self.dane else ()


def _refusal(found: Dane, chain: Sequence[bytes], domain: str, net: Network) -> str:
    held = found.holds(chain, now=net.now(), names=[domain])
    return "" if held.ok else held.reason


def decide(
    domain: str, host: str, *, net: Network, honours: Collection[str] = HONOURS, cache: PolicyCache | None = None
) -> Decision:
    """Return what a sender that *honours* "mta_sts", "dane", both or nothing demands of *host* for mail to *domain*.

    *cache* is its memory of policies, by default an empty one: then this is the first contact.  Raises ValueError for
    what is no domain name, and for something else to honour.
    """
    if isinstance(honours, str) or set(honours) - set(HONOURS):
        raise ValueError(f"honours is a list of {', '.join(HONOURS)}")
    if "dane" in honours and (decision := _by_dane(domain, host, net)):
        return decision
    if "mta_sts" in honours and (decision := _by_sts(domain, host, net, cache or PolicyCache())):
        return decision
    return Decision(domain, host, Level.MAY, Basis.NONE, "no policy: TLS where it is offered, whoever answers")


def _by_dane(domain: str, host: str, net: Network) -> Decision | None:
    """Return what DANE says, None where it says nothing (RFC 7672 section 2.2)."""
    answer = net.lookup(domain, "MX", dnssec=True)
    if problem := _untrusted(answer):
        reason = f"DANE: the answer on the MX {problem}"
        return Decision(domain, host, Level.NOT_NOW, Basis.TLSA, reason, result_type="dnssec-invalid")
    if answer.dnssec is not Security.SECURE:
        return None
    found = dane(host, net=net)
    if found.means is Means.OPPORTUNISTIC:
        return None
    level = {Means.AUTHENTICATE: Level.DANE, Means.ENCRYPT: Level.ENCRYPT}.get(found.means, Level.NOT_NOW)
    failed = "dnssec-invalid" if level is Level.NOT_NOW else ""
    return Decision(domain, host, level, Basis.TLSA, f"DANE: {found.reason}", result_type=failed, dane=found)


def _untrusted(answer: Answer) -> str:
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return f"cannot be had ({answer.reason})"
    return {Security.BOGUS: "is bogus", Security.UNKNOWN: "cannot be validated"}.get(
        answer.dnssec or Security.UNKNOWN, ""
    )


def _by_sts(domain: str, host: str, net: Network, cache: PolicyCache) -> Decision | None:
    """Return what MTA-STS says, None where it says nothing (RFC 8461 section 5)."""
    known = cache.policy(domain, net=net)
    policy = known.policy
    if policy is None and known.failure:  # section 5: then there is no policy to keep to, but something to report
        reason = f"MTA-STS: no policy, since it cannot be had: {known.reason}"
        return Decision(domain, host, Level.MAY, Basis.STS, reason, enforced=False, result_type=known.failure)
    if policy is None or policy.mode == "none":
        return None
    enforced = policy.mode == "enforce"
    if not policy.matches(host):
        reason = f"MTA-STS ({policy.mode}): the policy does not name {host}"
        failed = "validation-failure"
        return Decision(domain, host, Level.NOT_HERE, Basis.STS, reason, enforced, failed, sts=policy)
    reason = f"MTA-STS ({policy.mode}), {'from the cache' if known.source == 'cache' else 'fetched now'}"
    return Decision(domain, host, Level.VERIFY, Basis.STS, reason, enforced, sts=policy)


def result_type(sent: Sent) -> str:
    """Return how a report names what became of TLS in an attempt to hand over a message (RFC 8460 section 4.3).

    "" is a success, even if the message was refused for another reason; None of the names fits a server that could not
    be talked to at all, which is "validation-failure", the general one.
    """
    if sent.encrypted and sent.outcome is not Outcome.TLS_FAILURE:
        return ""
    if sent.verify_code:
        return _RESULTS.get(sent.verify_code, "certificate-not-trusted")
    unasked = sent.outcome is Outcome.OPEN and not sent.reason  # delivered in the clear, and TLS was not even tried
    if unasked or (sent.outcome is Outcome.REJECTED and sent.stage is Stage.STARTTLS):
        return "starttls-not-supported"
    return "validation-failure"


def waives_tls(message: bytes) -> bool:
    """Return whether the author of *message* would rather have it in the clear than not at all (RFC 8689)."""
    head = message.partition(b"\r\n\r\n")[0]
    return bool(_WAIVER.search(head))
