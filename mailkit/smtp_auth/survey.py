"""Every door of a domain: where mail for it comes in and where its users hand mail in, and what each offers.

Relay is port 25 of the MX (RFC 5321 section 5.1).  Submission is where the SRV records say (RFC 6186 section 3.1,
``_submissions`` from RFC 8314 section 5.1), else under one of the usual names; ports 587 (RFC 6409) and 465
(RFC 8314 section 3.3), and 2525, which no standard gives to mail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mailkit.clients import IMPLICIT_TLS_PORTS
from mailkit.network import LookupFailed, Network
from mailkit.network.health import answers_for_everyone
from mailkit.network.parallel import each, meanwhile
from mailkit.op25b import mail_exchangers, service_targets
from mailkit.results import Outcome, Record, Rows, Sentence, Stage, hidden
from mailkit.smtp_auth.ehlo import Capabilities, Offer, capabilities

__all__ = ["SUBMISSION_PORTS", "Door", "doors", "in_words"]

SUBMISSION_PORTS = (587, 465, 2525)

_SERVICES = ("_submissions", "_submission")
_USUAL_NAMES = ("smtp", "mail", "submission")
_MOST_HOSTS = 3  # of each kind: enough to see, few enough to be polite


@dataclass(frozen=True)
class Door(Record):
    """One port of one host: its ``part`` (relay or submission), how it was found, and what it offers.

    ``tls`` is "from the start", "STARTTLS" or "none".  ``auth_before_tls`` and ``auth_after_tls`` are the mechanisms
    of AUTH, "none" where it is not offered, and "–" where there is no before or after.  All three are empty where
    the door was not seen.
    """

    host: str
    port: int
    part: str
    found_by: str
    outcome: Outcome = Outcome.NOT_RUN
    stage: Stage = Stage.DNS
    tls: str = ""
    auth_before_tls: str = ""
    auth_after_tls: str = ""
    reason: str = ""
    capabilities: Capabilities | None = hidden(None)

    @property
    def name(self) -> str:
        """The door as ``host:port``."""
        return f"{self.host}:{self.port}"


def doors(domain: str, *, net: Network) -> Rows[Door]:
    """Return every door of *domain* that can be found, with what it offers before TLS and inside it.

    No rows when neither MX nor submission server can be found from here.  Each door is connected to once; on port
    25 an address where nobody lives is dialled as well, to unmask whoever answers for everyone.
    """
    relay, submission = each(lambda find: find(domain, net), (_relay, _submission))
    found = [*relay, *submission]
    if not found:
        return Rows(Door, (), caption=net.caption)
    masked = meanwhile(lambda: answers_for_everyone(net))
    seen = each(lambda door: _look(door, net), found)
    return Rows(Door, [_unmask(door) if masked.result() else door for door in seen], caption=net.caption)


def _relay(domain: str, net: Network) -> list[Door]:
    return [Door(host, 25, "relay", "MX") for host in mail_exchangers(domain, net=net)[:_MOST_HOSTS]]


def _submission(domain: str, net: Network) -> list[Door]:
    published = each(lambda service: service_targets(service, domain, net=net) or [], _SERVICES)
    if any(published):
        named = [
            Door(host, port, "submission", f"SRV {service}")
            for service, targets in zip(_SERVICES, published)
            for host, port in targets
            if host
        ]
        known = {(door.host, door.port) for door in named}
        hosts = list(dict.fromkeys(door.host for door in named))[:_MOST_HOSTS]
        kept = [door for door in named if door.host in hosts]
        return kept + [door for door in _usual_ports(hosts, "usual port") if (door.host, door.port) not in known]
    hosts = _with_addresses([f"{name}.{domain}" for name in _USUAL_NAMES], net)
    if hosts:
        return _usual_ports(hosts, "usual name")
    # A small company runs everything on one host.
    return _usual_ports(_with_addresses(mail_exchangers(domain, net=net)[:_MOST_HOSTS], net), "MX host")


def _usual_ports(hosts: Iterable[str], found_by: str) -> list[Door]:
    return [Door(host, port, "submission", found_by) for host in hosts for port in SUBMISSION_PORTS]


def _with_addresses(names: list[str], net: Network) -> list[str]:
    """Return those of *names* that have an address, and of several with the same addresses the first."""

    def addresses(name: str) -> tuple[str, ...]:
        try:
            return net.addresses(name)
        except (LookupFailed, ValueError):
            return ()

    known = dict(zip(reversed(names), reversed(each(addresses, names))))
    first = {found: name for name, found in known.items() if found}
    return [name for name in names if first.get(known[name]) == name]


def _look(door: Door, net: Network) -> Door:
    seen = capabilities(door.host, door.port, net=net)
    before, after = seen.before_tls, seen.after_tls
    known = before is not None or after is not None
    if not known:
        tls = ""
    elif door.port in IMPLICIT_TLS_PORTS:
        tls = "from the start"
    else:
        tls = "STARTTLS" if before is not None and before.starttls else "none"
    broken = tls == "STARTTLS" and after is None  # offered, but the handshake failed: what is inside, nobody saw
    return replace(
        door,
        outcome=seen.outcome,
        stage=seen.stage,
        tls=tls,
        auth_before_tls=_mechanisms(before) if known else "",
        auth_after_tls=_mechanisms(after) if known and not broken else "",
        reason=seen.reason,
        capabilities=seen,
    )


def _mechanisms(offer: Offer | None) -> str:
    return "–" if offer is None else " ".join(offer.mechanisms) or "none"


def _unmask(door: Door) -> Door:
    if door.port != 25 or door.outcome is not Outcome.OPEN:
        return door
    reason = "an address where nobody lives answers on this port too: someone on the way answers for everyone"
    return replace(door, outcome=Outcome.INTERCEPTED, tls="", auth_before_tls="", auth_after_tls="", reason=reason)


def in_words(rows: Rows[Door]) -> Sentence:
    """Return what *rows* show in a few sentences."""
    if not rows:
        return Sentence("No door was found from here: the DNS gave no MX, no SRV record and no usual name.")
    seen = [door for door in rows if door.tls]
    said = [f"{len(seen)} of {len(rows)} doors could be looked at from here."]
    if not seen:
        return Sentence(said[0])
    inside = [door for door in seen if door.auth_after_tls not in ("", "–", "none")]
    clear = [door for door in seen if door.auth_before_tls not in ("–", "none")]
    said.append(f"Logging in is offered inside TLS at {_names(inside)}, and before TLS at {_names(clear)}.")
    if clear:
        said.append("Whoever logs in before TLS says the password to everybody on the way.")
    return Sentence(" ".join(said))


def _names(some: list[Door]) -> str:
    return ", ".join(door.name for door in some) or "none of them"
