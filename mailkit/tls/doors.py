"""The doors of a mail domain: where it takes mail, where its users hand mail in, where they read it.

MX records name the first (RFC 5321 section 5.1), SRV records the others (RFC 6186 section 3, RFC 8314 section 5.1).
Many domains publish no SRV records; then the usual names are tried.
"""

from __future__ import annotations

from mailkit.network import Network
from mailkit.network.dns_lookup import parse_question
from mailkit.network.health import answers_for_everyone
from mailkit.network.parallel import each, meanwhile
from mailkit.op25b import mail_exchangers, service_targets
from mailkit.results import Outcome, Rows, Sentence
from mailkit.tls.scanning import Scan, scan

__all__ = ["doors", "in_words", "scan_domain"]

_MOST_EXCHANGERS = 5
_MOST_DOORS = 16

# For each purpose its services, the names to try when no SRV record names any, and the ports to try under those.
_PURPOSES = (
    (("_submissions", "_submission"), ("smtp", "mail", "submission"), (465, 587)),
    (("_imaps", "_imap"), ("imap", "mail"), (993,)),
    (("_pop3s", "_pop3"), ("pop", "pop3", "mail"), (995,)),
)


def doors(domain: str, *, net: Network) -> list[tuple[str, int]]:
    """Return host and port of each door of *domain*: MX first, then submission, IMAP, POP3; 16 at most.

    Of the usual names the first that has an address is listed.  Raises ValueError for what is no domain name.
    """
    parse_question(domain, "MX")
    found = [(host, 25) for host in mail_exchangers(domain, net=net)[:_MOST_EXCHANGERS]]
    every = [service for some, _, _ in _PURPOSES for service in some]
    published = dict(zip(every, each(lambda service: service_targets(service, domain, net=net) or [], every)))
    usual_names = list(dict.fromkeys(name for _, some, _ in _PURPOSES for name in some))
    known = dict(zip(usual_names, each(lambda name: bool(net.lookup(f"{name}.{domain}", "A")), usual_names)))
    for services, names, ports in _PURPOSES:
        records = [record for service in services for record in published[service]]
        usual = [] if records else [f"{name}.{domain}" for name in names if known[name]][:1]
        # A target of "." says that there is no such service (RFC 2782).
        found += [(host, port) for host, port in records if host and port]
        found += [(host, port) for host in usual for port in ports]
    return list(dict.fromkeys(found))[:_MOST_DOORS]


def scan_domain(domain: str, *, net: Network) -> Rows[Scan]:
    """Return a scan of every door of *domain*, all at the same time, but no more than two to a host at once.

    If there is a door on port 25, an address where nobody lives is dialled too, to unmask whoever answers for everyone.
    """
    found = doors(domain, net=net)
    masked = meanwhile(lambda: any(port == 25 for _, port in found) and answers_for_everyone(net))
    rows = each(lambda door: scan(*door, net=net), found)
    if masked.result():
        rows = [_unmasked(row) if row.port == 25 and row.outcome is Outcome.OPEN else row for row in rows]
    return Rows(Scan, rows, caption=net.caption)


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
