"""The doors of a mail domain, where it takes mail and where its users hand it in and read it, and their TLS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailkit.network import Network
from mailkit.network.endpoints import Endpoint, Found, Purpose, endpoints, inside
from mailkit.network.health import answers_for_everyone
from mailkit.network.hosts import Host, Why, look_up
from mailkit.network.parallel import each, meanwhile
from mailkit.results import Outcome, Rows, Sentence, Stage
from mailkit.tls.scanning import Scan, scan

__all__ = ["ScannedEndpoint", "in_words", "mail_servers", "scan_domain", "scan_endpoints", "scan_relays"]

_PROTOCOLS = {Purpose.RELAY: "smtp", Purpose.SUBMISSION: "smtp", Purpose.IMAP: "imap", Purpose.POP3: "pop3"}


@dataclass(frozen=True)
class ScannedEndpoint:
    """An endpoint of a domain with the scan of it; ``own`` says whether the host is the domain's own."""

    endpoint: Endpoint
    scan: Scan
    own: bool

    @property
    def announced(self) -> bool:
        """True when the domain's DNS names it; else it was found under a usual name."""
        return self.endpoint.found is Found.ANNOUNCED


def mail_servers(domain: str, *, net: Network) -> list[tuple[str, int]]:
    """Return host and port of each door of *domain*: MX first, then submission, IMAP, POP3.

    Raises ValueError for what is no domain name.
    """
    return [(found.host, found.port) for found in endpoints(domain, net=net)]


def scan_domain(domain: str, *, net: Network) -> Rows[Scan]:
    """Return a scan of every door of *domain*, all at the same time, but no more than two to an address at once.

    If there is a door on port 25, an address where nobody lives is dialled too, to unmask whoever answers for everyone.
    """
    found = endpoints(domain, net=net)
    return Rows(Scan, [door.scan for door in scan_endpoints(domain, found, net=net)], caption=net.caption)


def scan_endpoints(domain: str, found: Sequence[Endpoint], *, net: Network) -> list[ScannedEndpoint]:
    """Return the scans of :func:`scan_domain` of the doors *found*, with what is known about each."""
    relay = any(endpoint.purpose is Purpose.RELAY for endpoint in found)
    masked = meanwhile(lambda: relay and answers_for_everyone(net))
    rows = each(lambda endpoint: _scan(endpoint, net), found)
    if masked.result():
        rows = [_unmasked(row) if row.port == 25 and row.outcome is Outcome.OPEN else row for row in rows]
    return [ScannedEndpoint(endpoint, row, inside(endpoint.host, domain)) for endpoint, row in zip(found, rows)]


def scan_relays(hosts: Sequence[str], *, net: Network) -> list[Scan]:
    """Return scans of port 25 of *hosts*, mail servers that a domain names.

    A host that leads to no public address is not dialled.  Where somebody on the way answers for everyone, the scans
    say so instead of what they saw.
    """
    masked = meanwhile(lambda: bool(hosts) and answers_for_everyone(net))
    known = look_up(hosts, net=net)
    rows: list[Scan] = each(lambda host: _relay(host, known[host], net), hosts)
    return [_unmasked(row) if row.outcome is Outcome.OPEN else row for row in rows] if masked.result() else rows


def _relay(host: str, known: Host, net: Network) -> Scan:
    if known.why is Why.NOT_PUBLIC:
        return Scan(host, 25, "smtp", Outcome.NOT_RUN, Stage.DNS, reason=known.reason)
    return scan(host, 25, net=net)


def _scan(endpoint: Endpoint, net: Network) -> Scan:
    starttls = "none" if endpoint.implicit_tls else _PROTOCOLS[endpoint.purpose]
    return scan(endpoint.host, endpoint.port, starttls=starttls, net=net)


def _unmasked(row: Scan) -> Scan:
    """Return *row* without what was seen, since it was somebody else's."""
    reason = "an address where nobody lives answers on this port too: someone on the way answers for everyone"
    return Scan(row.host, row.port, row.starttls, Outcome.INTERCEPTED, row.stage, reason=reason)


def in_words(rows: Rows[Scan]) -> Sentence:
    """Return what *rows* show in a few sentences."""
    if not rows:
        return Sentence("No door was found from here: the DNS names none, or does not answer.")
    open_ = [row for row in rows if row.outcome is Outcome.OPEN]
    said = [f"{len(open_)} of {len(rows)} doors shook hands with us."]
    if unseen := [row for row in rows if row.outcome is not Outcome.OPEN]:
        said.append(f"Not so {_names(unseen)}: {'; '.join(dict.fromkeys(row.reason for row in unseen))}.")
    if open_:
        old = [row for row in open_ if row.versions[0] < "TLS 1.2"]
        good = [row for row in open_ if row.trusted and row.name_ok]
        said.append(f"TLS 1.0 or 1.1 is still spoken at {_names(old)}.")
        said.append(f"The certificate convinces a client that verifies at {_names(good)}.")
    if dated := [row for row in open_ if row.days_left is not None]:
        first = min(dated, key=lambda row: row.days_left or 0)
        said.append(f"The first to end is that of {first.host}:{first.port}, on {first.not_after:%Y-%m-%d}.")
    return Sentence(" ".join(said))


def _names(some: list[Scan]) -> str:
    return ", ".join(f"{row.host}:{row.port}" for row in some) or "none of them"
