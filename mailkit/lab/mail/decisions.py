"""What a mail server of the practice internet says to whom: its keywords, whose mail it takes, and what it refuses.

A message is answered with 250 once it is queued; delivery is the queue's business.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Protocol

from mailkit.lab.mail import auth, for_customers, local
from mailkit.lab.mail.checks import Incoming
from mailkit.lab.mail.items import Item
from mailkit.lab.mail.receiving import Judgement, handover, receive
from mailkit.lab.mail.services import Services
from mailkit.lab.world import Host
from mailkit.results import visible

__all__ = ["NOT_HTTP", "OWN_FAULT", "Decisions"]

NOT_HTTP = "221 2.7.0 I can break rules, too. Goodbye"
OWN_FAULT = "451 4.3.0 A fault of this server, try again later"


class Server(Protocol):
    """One connection to a mail server, as far as decisions depend on it; in a submission senders must log in."""

    host: Host
    services: Services
    client: str
    is_submission: bool

    @property
    def encrypted(self) -> bool:
        """True inside TLS."""

    @property
    def may_log_in(self) -> bool:
        """True where AUTH is on offer."""

    @property
    def account(self) -> str:
        """Who has logged in, "" when nobody has."""


class Decisions:
    """The decisions of a mail server, as aiosmtpd asks for them."""

    async def handle_EHLO(
        self, server: Server, session: Any, envelope: Any, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        offered = [line for line in replies[1:-1] if not line.startswith("250-AUTH")]
        if server.may_log_in:
            offered.append(f"250-AUTH {' '.join(server.host.mechanisms)}")
        # Like many servers it tells the client its address (the ehlo-greet of RFC 5321 section 4.1.1.1).
        greeting = f"250-{server.host.name} greets {visible(name, 80)} [{server.client}]"
        # ENHANCEDSTATUSCODES (RFC 2034) and PIPELINING (RFC 2920): what this server does anyway.
        return [greeting, *offered, "250-ENHANCEDSTATUSCODES", "250 PIPELINING"]

    async def handle_MAIL(self, server: Server, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if server.is_submission and not server.may_log_in:
            return "530 5.7.0 Must issue a STARTTLS command first"
        if server.is_submission and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if refusal := _no_text(address, "5.1.7"):
            return refusal
        if address not in ("", "<>") and (refusal := auth.not_owned(address, server.host, server.account)):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        envelope.era = server.services.queue.era
        return "250 2.1.0 Ok"

    async def handle_RCPT(self, server: Server, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if refusal := _no_text(address, "5.1.3"):
            return refusal
        if not server.is_submission and for_customers.is_return_path(address, server.host):
            address = server.host.return_path
        domain = address.rpartition("@")[2].lower()
        if domain in server.host.domains:
            if why := local.unknown(address, server.services.world, server.services.clock.now()):
                return f"550 5.1.1 <{address}>: {why}"
        elif not server.is_submission and not _relays_for(server):
            return f"554 5.7.1 <{address}>: Relay access denied"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Server, session: Any, envelope: Any) -> str:
        services, host = server.services, server.host
        queue_id = services.queue.new_id()
        incoming = Incoming(
            host=host,
            queue_id=queue_id,
            client=server.client,
            helo=session.host_name or "",
            sender="" if envelope.mail_from == "<>" else envelope.mail_from,  # what aiosmtpd makes of a null sender
            recipients=tuple(envelope.rcpt_tos),
            content=envelope.content,
            protocol=f"ESMTP{'S' if server.encrypted else ''}{'A' if session.authenticated else ''}",
        )
        # On a thread, since it asks the DNS and computes.
        judgement: Judgement = await services.verification.run(
            receive, incoming, server.is_submission, server.account, services
        )
        if judgement.note:
            services.log.note(host.name, queue_id, judgement.note)
        if judgement.refusal:
            services.log.note(host.name, queue_id, f"refused: {judgement.refusal}")
            if judgement.observed and envelope.era == services.queue.era:
                services.observations.note(judgement.observed, services.clock.now())
            return judgement.refusal
        item = Item(
            queue_id=queue_id,
            host=host.name,
            sender=judgement.sender,
            recipients=list(incoming.recipients),
            content=judgement.content,
            arrived=services.clock.now(),
            era=envelope.era,
            folder=judgement.folder,
        )
        taken_as = services.queue.accept(item, handover(incoming, services.world))
        if not taken_as:
            return "451 4.3.2 This world was reset since you said MAIL, try again"
        if judgement.observed and taken_as == queue_id:  # what was taken before is counted already
            services.observations.note(judgement.observed, services.clock.now())
        account = f", sasl_username={server.account}" if server.account else ""
        again = "" if taken_as == queue_id else f" before, as {taken_as}"
        event = f"client=[{server.client}]{account}, from=<{incoming.sender}>, accepted{again}"
        services.log.note(host.name, queue_id, event)
        return f"250 2.0.0 Ok: queued as {taken_as}"


def _no_text(address: str, status: str) -> str:
    """Return the refusal of an *address* that is no UTF-8 (RFC 6531 section 3.3)."""
    try:
        address.encode()
    except UnicodeEncodeError:
        return f"553 {status} This address is not UTF-8"
    return ""


def _relays_for(server: Server) -> bool:
    host, ip = server.host, ipaddress.ip_address(server.client)
    if any(ip in ipaddress.ip_network(net) for net in host.relay_for):
        return True
    # POP before SMTP: it asks who has read mail from this address, not who is sending now.
    return server.services.readers.lately(host.name, server.client, host.pop_before_smtp)
