"""The doors at which a domain's users read their mail, and what each offers.

They are where the SRV records say (RFC 6186 section 3.2 and 3.3, ``_imaps`` and ``_pop3s`` beside ``_imap`` and
``_pop3``), else a guess: the usual names.  Where a domain announces a host of its own, its other usual ports are
looked at too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailkit.conversation import MailboxOffer
from mailkit.mailboxes.capabilities import MAILBOX_PORTS, MailboxCapabilities, capabilities
from mailkit.network import Network
from mailkit.network.endpoints import Discovered, Endpoint, Found, Purpose, discover, inside
from mailkit.network.parallel import each
from mailkit.results import Outcome, Record, Rows, Sentence, Stage, hidden

__all__ = ["PURPOSES", "MailboxServer", "in_words", "look", "mailbox_servers"]

PURPOSES = (Purpose.IMAP, Purpose.POP3)
_MOST_HOSTS = 3  # whose usual ports are tried


@dataclass(frozen=True)
class MailboxServer(Record):
    """One port of one mailbox server: how it was found, and which logins it takes before TLS and inside it.

    ``tls`` is "from the start", "STARTTLS" or "none".  ``login_before_tls`` and ``login_inside_tls`` name SASL
    mechanisms and the password command of the protocol, "none" where there is no login, "–" where there is no before
    or after.  Each is empty where it was not seen.
    """

    host: str
    port: int
    protocol: str
    found_by: str
    outcome: Outcome = Outcome.NOT_RUN
    stage: Stage = Stage.DNS
    tls: str = ""
    login_before_tls: str = ""
    login_inside_tls: str = ""
    reason: str = ""
    found: Found = Found.ANNOUNCED
    own: bool = True
    capabilities: MailboxCapabilities | None = hidden(None)

    @property
    def name(self) -> str:
        """The door as ``host:port``."""
        return f"{self.host}:{self.port}"

    @property
    def answerable(self) -> bool:
        """True when the domain has to answer for it: the host is its own, and it announces it."""
        return self.own and self.found is Found.ANNOUNCED


def mailbox_servers(domain: str, *, net: Network) -> Rows[MailboxServer]:
    """Return every door at which mail of *domain* is read that can be found, with what it offers.

    No rows when the DNS names none.  Each door is connected to once, and nobody logs in.  Raises ValueError for what
    is no domain name.
    """
    return look(domain, discover(domain, net=net, purposes=PURPOSES), net=net)


def look(domain: str, discovered: Discovered, *, net: Network) -> Rows[MailboxServer]:
    """Return :func:`mailbox_servers` of what was *discovered* about *domain*."""
    named = [endpoint for endpoint in discovered.endpoints if endpoint.purpose in PURPOSES]
    every: dict[tuple[str, int], Endpoint] = {}
    for endpoint in (*named, *_beside(named, domain)):
        every.setdefault((endpoint.host, endpoint.port), endpoint)
    return Rows(
        MailboxServer, each(lambda endpoint: _look(endpoint, domain, net), list(every.values())), caption=net.caption
    )


def _beside(named: list[Endpoint], domain: str) -> list[Endpoint]:
    """Return the usual ports of the domain's own hosts that it announces."""
    announced = [e for e in named if e.found is Found.ANNOUNCED and inside(e.host, domain)]
    hosts = list({endpoint.host: endpoint for endpoint in announced}.values())[:_MOST_HOSTS]
    return [
        replace(
            host,
            port=port,
            purpose=Purpose.IMAP if protocol == "imap" else Purpose.POP3,
            implicit_tls=implicit,
            found=Found.GUESSED,
            source="usual port",
        )
        for host in hosts
        for port, (protocol, implicit) in MAILBOX_PORTS.items()
    ]


def _look(endpoint: Endpoint, domain: str, net: Network) -> MailboxServer:
    protocol = "imap" if endpoint.purpose is Purpose.IMAP else "pop3"
    seen = capabilities(endpoint.host, endpoint.port, net=net, protocol=protocol, implicit_tls=endpoint.implicit_tls)
    before, after = seen.before_tls, seen.after_tls
    if before is None and after is None:
        tls = ""
    elif endpoint.implicit_tls:
        tls = "from the start"
    else:
        tls = "STARTTLS" if before is not None and before.starttls else "none"
    broken = tls == "STARTTLS" and after is None  # offered, but it did not come about
    return MailboxServer(
        endpoint.host,
        endpoint.port,
        protocol,
        endpoint.source,
        outcome=seen.outcome,
        stage=seen.stage,
        tls=tls,
        login_before_tls=_logins(before, seen) if tls else "",
        login_inside_tls=_logins(after, seen) if tls and not broken else "",
        reason=seen.reason,
        found=endpoint.found,
        own=inside(endpoint.host, domain),
        capabilities=seen,
    )


def _logins(offer: MailboxOffer | None, seen: MailboxCapabilities) -> str:
    if offer is None:
        return "–"
    command = "USER" if seen.protocol == "pop3" else "LOGIN command"
    words = [*offer.mechanisms, *([command] if offer.password_command else []), *(["APOP"] if seen.apop else [])]
    return ", ".join(words) or "none"


def in_words(rows: Rows[MailboxServer]) -> Sentence:
    """Return what *rows* show in a few sentences."""
    if not rows:
        return Sentence("No door was found from here: the DNS names no SRV record and no usual name.")
    seen = [door for door in rows if door.tls]
    said = [f"{len(seen)} of {len(rows)} doors could be looked at from here."]
    if not seen:
        return Sentence(said[0])
    inside_tls = [door for door in seen if door.login_inside_tls not in ("", "–", "none")]
    clear = [door for door in seen if door.login_before_tls not in ("–", "none")]
    said.append(f"Logging in is possible inside TLS at {_names(inside_tls)}, and before TLS at {_names(clear)}.")
    if clear:
        said.append("Whoever logs in before TLS says the password to everybody on the way.")
    return Sentence(" ".join(said))


def _names(some: list[MailboxServer]) -> str:
    return ", ".join(door.name for door in some) or "none of them"
