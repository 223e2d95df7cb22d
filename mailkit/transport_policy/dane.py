"""DANE for mail: TLSA records under validated DNSSEC say how a mail server is known (RFC 7672).

The DNS itself vouches for the certificate, so everything hangs on whether its answer can be trusted: proven to be
unsigned, there is no DANE; broken, or not to be had, the mail has to wait, or an attacker could switch DANE off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from mailkit.network import Answer, Network, Security, Status, check_port
from mailkit.network.names import to_ascii
from mailkit.results import Record, hidden
from mailkit.transport_policy.tlsa import Held, Tlsa, holds

__all__ = ["Dane", "Means", "dane"]

_MOST_RECORDS = 50
_FAILED = (Status.SERVFAIL, Status.TIMEOUT)


class Means(StrEnum):
    """What a sender that honours DANE does with this server (RFC 7672 section 2.2)."""

    AUTHENTICATE = "authenticate"  # TLS, with the certificate of the records
    ENCRYPT = "encrypt"  # TLS with any certificate: there are records, but none that counts
    OPPORTUNISTIC = "opportunistic"  # as without DANE
    DELAY = "delay"  # not now: the answer could be an attacker's
    UNKNOWN = "unknown"  # it cannot be told from here what a sender elsewhere is told


@dataclass(frozen=True)
class Dane(Record):
    """What DANE says about the mail server *host*:*port*.

    ``usable`` is True when there is a record that counts, and validated; None where it cannot be told from here.
    ``secure`` is whether the answer is validated by DNSSEC, ``dnssec`` which of the four states it is in.  ``records``
    are the TLSA records at ``name`` as the DNS has them, ``means`` is what a sender makes of it all.
    """

    host: str
    port: int
    usable: bool | None
    secure: bool | None
    dnssec: Security
    means: Means
    records: tuple[str, ...] = ()
    name: str = ""
    reason: str = ""
    tlsa: tuple[Tlsa, ...] = hidden(())

    def holds(self, chain: Sequence[bytes], *, now: datetime, names: Sequence[str] = ()) -> Held:
        """Return whether the certificates *chain* (DER, the server's own first) hold against the records.

        *names* are further names that usage 2 allows, such as the domain that the mail is for.
        """
        return holds(chain, self.tlsa, names=(self.host, *names), now=now)


def dane(host: str, port: int = 25, *, net: Network) -> Dane:
    """Return what the TLSA records of the mail server *host* say, if DNSSEC vouches for them.

    Raises ValueError for what is no host's name and no port.
    """
    check_port(port)
    asked = to_ascii(host)
    addresses, names = _base(asked, net)
    nothing = Dane(asked, port, False, addresses.secure, _state(addresses), Means.OPPORTUNISTIC)
    if addresses.status in _FAILED or nothing.dnssec in (Security.BOGUS, Security.UNKNOWN):
        return _delayed(nothing, addresses, "its address")
    if not names:
        return replace(nothing, reason="the zone of its address is not signed, so no TLSA record is asked for")
    for name in names:
        answer = net.lookup(f"_{port}._tcp.{name}", "TLSA", dnssec=True)
        found = replace(
            nothing, host=name, name=f"_{port}._tcp.{name}", secure=answer.secure, dnssec=_state(answer),
            records=tuple(record.text for record in _read(answer)),
        )  # fmt: skip
        if answer.status in _FAILED or found.dnssec in (Security.BOGUS, Security.UNKNOWN):
            return _delayed(found, answer, "the TLSA record")
        if answer and found.dnssec is Security.SECURE:
            return _with_records(found, answer)
        if answer:
            return replace(
                found, reason="there are TLSA records, but DNSSEC does not vouch for them: they do not count"
            )
    return replace(nothing, name=f"_{port}._tcp.{names[0]}", reason="no TLSA record")


def _state(answer: Answer) -> Security:
    return answer.dnssec or Security.UNKNOWN


def _base(host: str, net: Network) -> tuple[Answer, tuple[str, ...]]:
    """Return the answer on the address of *host*, and the names whose TLSA records count (RFC 7672 section 2.2.2).

    Of an alias that is the target, where all the way there is signed, and then the name itself.
    """
    answer = net.lookup(host, "A", dnssec=True)
    if answer.status is Status.NODATA:
        six = net.lookup(host, "AAAA", dnssec=True)
        answer = six if six or six.status in _FAILED else answer
    if answer.dnssec is Security.SECURE:
        target = answer.chain[-1:] if answer else ()
        return answer, tuple(dict.fromkeys((*target, host)))
    if answer.dnssec is Security.INSECURE and answer.chain:
        alias = net.lookup(host, "CNAME", dnssec=True)
        if alias.dnssec is Security.SECURE:
            return answer, (host,)  # the alias is signed, its target is not
    return answer, ()


def _delayed(found: Dane, answer: Answer, what: str) -> Dane:
    if found.dnssec is Security.BOGUS:
        reason = f"DNSSEC: the answer on {what} is bogus, so mail has to wait"
        return replace(found, usable=False, means=Means.DELAY, records=(), reason=reason)
    if answer.status in _FAILED:
        reason = f"{what} cannot be asked for ({answer.reason}), so mail has to wait"
        return replace(found, usable=None, secure=None, means=Means.DELAY, records=(), reason=reason)
    reason = f"DNSSEC: whether the answer on {what} can be trusted cannot be told from here"
    return replace(found, usable=None, secure=None, means=Means.UNKNOWN, reason=reason)


def _read(answer: Answer) -> tuple[Tlsa, ...]:
    return tuple(Tlsa.of(record) for record in answer.rdata[:_MOST_RECORDS])


def _with_records(found: Dane, answer: Answer) -> Dane:
    records = _read(answer)
    counting = [record for record in records if record.counts]
    if not counting:
        reason = f"no record counts: {records[0].unusable}; senders use TLS, with any certificate"
        return replace(found, usable=False, means=Means.ENCRYPT, reason=reason, tlsa=records)
    reason = f"{len(counting)} of {len(records)} records count: {counting[0].meaning}"
    return replace(found, usable=True, means=Means.AUTHENTICATE, reason=reason, tlsa=records)
