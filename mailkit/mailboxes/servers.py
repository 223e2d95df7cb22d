"""The doors at which a domain's users read their mail, and what each offers.

They are where the SRV records say (RFC 6186 section 3.2 and 3.3, ``_imaps`` and ``_pop3s`` beside ``_imap`` and
``_pop3``), else a guess: the usual names.  Where a domain announces a host of its own, its other usual ports are
looked at too.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.conversation import MailboxOffer
from mailkit.mailboxes.capabilities import MAILBOX_PORTS, MailboxCapabilities, capabilities
from mailkit.network import Network
from mailkit.network.endpoints import Discovered, Endpoint, Found, Purpose, discover, inside
from mailkit.network.parallel import each
from mailkit.results import Outcome, Rows, Sentence, Stage, hidden
from mailkit.smtp_auth.login_servers import NEITHER, LoginServer, beside, each_once, in_sentences, where_tls_begins

__all__ = ["PURPOSES", "MailboxServer", "in_words", "look", "mailbox_servers"]

PURPOSES = (Purpose.IMAP, Purpose.POP3)
_PURPOSE = {"imap": Purpose.IMAP, "pop3": Purpose.POP3}
_PORTS = {port: (_PURPOSE[protocol], implicit) for port, (protocol, implicit) in MAILBOX_PORTS.items()}


@dataclass(frozen=True)
class MailboxServer(LoginServer):
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
    def logins(self) -> tuple[str, str]:
        return self.login_before_tls, self.login_inside_tls


def mailbox_servers(domain: str, *, net: Network) -> Rows[MailboxServer]:
    """Return every door at which mail of *domain* is read that can be found, with what it offers.

    No rows when the DNS names none.  Each door is connected to once, and nobody logs in.  Raises ValueError for what
    is no domain name.
    """
    return look(domain, discover(domain, net=net, purposes=PURPOSES), net=net)


def look(domain: str, discovered: Discovered, *, net: Network) -> Rows[MailboxServer]:
    """Return :func:`mailbox_servers` of what was *discovered* about *domain*."""
    named = [endpoint for endpoint in discovered.endpoints if endpoint.purpose in PURPOSES]
    # A host of its own that the domain announces may have the other ports too.
    announced = [e for e in named if e.found is Found.ANNOUNCED and inside(e.host, domain)]
    every = each_once((*named, *beside(announced, _PORTS, "usual port")))
    return Rows(MailboxServer, each(lambda endpoint: _look(endpoint, domain, net), every), caption=net.caption)


def _look(endpoint: Endpoint, domain: str, net: Network) -> MailboxServer:
    protocol = "imap" if endpoint.purpose is Purpose.IMAP else "pop3"
    seen = capabilities(endpoint.host, endpoint.port, net=net, protocol=protocol, implicit_tls=endpoint.implicit_tls)
    before, after = seen.before_tls, seen.after_tls
    tls = where_tls_begins(before, after, implicit_tls=endpoint.implicit_tls)
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
        return NEITHER
    command = "USER" if seen.protocol == "pop3" else "LOGIN command"
    words = [*offer.mechanisms, *([command] if offer.password_command else []), *(["APOP"] if seen.apop else [])]
    return ", ".join(words) or "none"


def in_words(rows: Rows[MailboxServer]) -> Sentence:
    """Return what *rows* show in a few sentences."""
    nothing = "No door was found from here: the DNS names no SRV record and no usual name."
    return in_sentences(rows, nothing=nothing, verb="possible")
