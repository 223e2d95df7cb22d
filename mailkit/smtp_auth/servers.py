"""Every door of a domain: where mail for it comes in and where its users hand mail in, and what each offers.

Relay is port 25 of the MX (RFC 5321 section 5.1).  Submission is where the SRV records say (RFC 6186 section 3.1,
``_submissions`` from RFC 8314 section 5.1), else a guess: the usual names, or a host of the domain's own that takes
its mail; ports 587 (RFC 6409) and 465 (RFC 8314 section 3.3), and 2525, which no standard gives to mail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailkit.network import Network
from mailkit.network.endpoints import Discovered, Endpoint, Found, Purpose, discover, inside
from mailkit.network.health import answers_for_everyone
from mailkit.network.parallel import each, meanwhile
from mailkit.results import Outcome, Rows, Sentence, Stage, hidden
from mailkit.smtp_auth.ehlo import Offer, SmtpCapabilities, capabilities
from mailkit.smtp_auth.login_servers import NEITHER, LoginServer, beside, each_once, in_sentences, where_tls_begins

__all__ = ["USUAL_PORTS", "SmtpServer", "in_words", "look", "smtp_servers"]

# The ports of submission, and whether TLS begins with the first octet there.
USUAL_PORTS = {587: False, 465: True, 2525: False}

_SUBMISSION = {port: (Purpose.SUBMISSION, implicit) for port, implicit in USUAL_PORTS.items()}
_MOST_PORTS = 12  # of submission


@dataclass(frozen=True)
class SmtpServer(LoginServer):
    """One port of one host: its ``part`` (relay or submission), how it was found, and what it offers.

    ``tls`` is "from the start", "STARTTLS" or "none".  ``auth_before_tls`` and ``auth_after_tls`` are the mechanisms
    of AUTH, "none" where it is not offered, and "–" where there is no before or after.  Each is empty where it was
    not seen.  ``found`` says whether the domain announces the door or it was guessed, ``own`` whether the host is the
    domain's own or a provider's.
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
    found: Found = Found.ANNOUNCED
    own: bool = True
    capabilities: SmtpCapabilities | None = hidden(None)

    @property
    def logins(self) -> tuple[str, str]:
        return self.auth_before_tls, self.auth_after_tls


def smtp_servers(domain: str, *, net: Network) -> Rows[SmtpServer]:
    """Return every door of *domain* that can be found, with what it offers before TLS and inside it.

    No rows when neither MX nor submission server can be found from here.  Each door is connected to once; on port
    25 an address where nobody lives is dialled as well, to unmask whoever answers for everyone.  Raises ValueError
    for what is no domain name.
    """
    return look(domain, discover(domain, net=net, purposes=(Purpose.RELAY, Purpose.SUBMISSION)), net=net)


def look(domain: str, discovered: Discovered, *, net: Network) -> Rows[SmtpServer]:
    """Return :func:`smtp_servers` of what was *discovered* about *domain*."""
    relay = [endpoint for endpoint in discovered.endpoints if endpoint.purpose is Purpose.RELAY]
    found = [*relay, *_submission(domain, relay, discovered)]
    if not found:
        return Rows(SmtpServer, (), caption=net.caption)
    masked = meanwhile(lambda: answers_for_everyone(net))
    seen = each(lambda endpoint: _look(endpoint, domain, net), found)
    return Rows(SmtpServer, [_unmask(door) if masked.result() else door for door in seen], caption=net.caption)


def _submission(domain: str, relay: list[Endpoint], discovered: Discovered) -> list[Endpoint]:
    """Return the endpoints of submission, and the usual ports of the domain's own hosts among them."""
    named = [endpoint for endpoint in discovered.endpoints if endpoint.purpose is Purpose.SUBMISSION]
    if named:
        source = "usual port" if named[0].found is Found.ANNOUNCED else "usual name"
        more = beside((endpoint for endpoint in named if inside(endpoint.host, domain)), _SUBMISSION, source)
    elif any(left.purpose is Purpose.SUBMISSION for left in discovered.left_out):
        more = []  # the domain says where its users go, or that they go nowhere
    else:
        # A small company runs everything on one host.
        more = beside((endpoint for endpoint in relay if inside(endpoint.host, domain)), _SUBMISSION, "MX host")
    return each_once((*named, *more))[:_MOST_PORTS]


def _look(endpoint: Endpoint, domain: str, net: Network) -> SmtpServer:
    seen = capabilities(endpoint.host, endpoint.port, net=net, implicit_tls=endpoint.implicit_tls)
    before, after = seen.before_tls, seen.after_tls
    tls = where_tls_begins(before, after, implicit_tls=endpoint.implicit_tls)
    broken = tls == "STARTTLS" and after is None  # offered, but it did not come about: what is inside, nobody saw
    return SmtpServer(
        endpoint.host,
        endpoint.port,
        "relay" if endpoint.purpose is Purpose.RELAY else "submission",
        endpoint.source,
        outcome=seen.outcome,
        stage=seen.stage,
        tls=tls,
        auth_before_tls=_mechanisms(before) if tls else "",
        auth_after_tls=_mechanisms(after) if tls and not broken else "",
        reason=seen.reason,
        found=endpoint.found,
        own=inside(endpoint.host, domain),
        capabilities=seen,
    )


def _mechanisms(offer: Offer | None) -> str:
    return NEITHER if offer is None else " ".join(offer.mechanisms) or "none"


def _unmask(door: SmtpServer) -> SmtpServer:
    if door.port != 25 or door.outcome is not Outcome.OPEN:
        return door
    reason = "an address where nobody lives answers on this port too: someone on the way answers for everyone"
    return replace(door, outcome=Outcome.INTERCEPTED, tls="", auth_before_tls="", auth_after_tls="", reason=reason)


def in_words(rows: Rows[SmtpServer]) -> Sentence:
    """Return what *rows* show in a few sentences."""
    nothing = "No door was found from here: the DNS gave no MX, no SRV record and no usual name."
    return in_sentences(rows, nothing=nothing, verb="offered")
