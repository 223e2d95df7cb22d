"""What becomes of a message between the final dot and the reply: it is checked, mended, signed and stamped."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from email.utils import format_datetime, getaddresses

from mailkit.lab.mail import auth, checks, for_customers
from mailkit.lab.mail.checks import Incoming
from mailkit.lab.mail.dmarc_reports import Observed
from mailkit.lab.mail.items import Handover
from mailkit.lab.mail.mailboxes import INBOX, header_of
from mailkit.lab.mail.own_host import MOST_HOPS
from mailkit.lab.mail.services import Services
from mailkit.lab.mail.signing import signatures
from mailkit.lab.world import World
from mailkit.message import received
from mailkit.message.authentication_results import AuthenticationResults, without_claims
from mailkit.network import Network
from mailkit.results import visible

__all__ = ["Judgement", "handover", "receive"]

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_MAX_HEADER = 256 * 1024  # octets
_MAX_AUTHORS = 10_000  # characters of From lines that are looked through


@dataclass(frozen=True)
class Judgement:
    """The message as it goes into the queue and the folder it is for, or the ``refusal`` to give instead of 250.

    ``note`` is a line for the log, "" when there is nothing to say; ``observed`` is what to report on it,
    ``sender`` the one to put into the envelope from here on.
    """

    content: bytes = b""
    folder: str = INBOX
    refusal: str = ""
    note: str = ""
    observed: Observed | None = None
    sender: str = ""


def receive(incoming: Incoming, submission: bool, account: str, services: Services) -> Judgement:
    """Return what becomes of *incoming*, in *submission* handed in by *account*.

    Runs on a verification thread, since the checks ask the DNS.
    """
    head = incoming.content.partition(b"\r\n\r\n")[0]
    if len(head) > _MAX_HEADER:
        return Judgement(refusal="552 5.3.4 The header is larger than 256 kB")
    if _BARE.search(incoming.content):
        return Judgement(refusal="550 5.5.2 A bare CR or LF in the message (RFC 5321 section 2.3.8)")
    if received.count(incoming.content) >= MOST_HOPS:
        return Judgement(refusal=f"554 5.4.6 Too many hops: this message has passed {MOST_HOPS} servers")
    if refusal := _author_refusal(incoming, account):
        return Judgement(refusal=refusal)
    net = services.network_of(incoming.host.name).remembering()  # what one check asked, the next need not
    if submission:
        incoming = replace(incoming, content=_mended(incoming, services))
        trace = _received(incoming, services, net).encode("utf-8", "surrogateescape")
        keys, now = services.world.folder / "keys", services.clock.now()
        signed = signatures(incoming.content, incoming.host.signs, keys=keys, now=now)
        signed += for_customers.signature(incoming.content, incoming.host, net, keys=keys, now=now)
        content = trace + signed + without_claims(incoming.content, incoming.host.name)
        service = bool(incoming.host.return_path)
        sender = for_customers.return_path(incoming.content, incoming.host, net) if service else incoming.sender
        return Judgement(content, sender=sender)
    found = checks.run(incoming, net)
    if found.refusal:
        return Judgement(refusal=found.refusal, note=found.note, observed=found.observed)
    fields = list(found.fields)
    if found.results:
        fields.insert(0, AuthenticationResults(incoming.host.name, found.results).header)
    stamped = "".join(f"{field}\r\n" for field in fields) + _received(incoming, services, net)
    content = stamped.encode("utf-8", "surrogateescape") + without_claims(incoming.content, incoming.host.name)
    return Judgement(content, found.folder, note=found.note, observed=found.observed, sender=incoming.sender)


def handover(incoming: Incoming, world: World) -> Handover | None:
    """Return by what another attempt at handing *incoming* over is recognised (RFC 1047).

    A server of this world that tries again says the same: its own trace, with the identifier it has the message
    under, is on top.  None for the message of anybody else, who may well send the same twice.
    """
    top = next(received.fields(incoming.content), "")
    hop = received.parse(top)
    server = world.hosts.get(hop.by)
    if server is None or not hop.queue_id or incoming.client not in server.addresses:
        return None
    return hop.by, hop.queue_id, incoming.recipients


def _author_refusal(incoming: Incoming, account: str) -> str:
    """Return the refusal of a From line that is not the *account*'s, where the host enforces that."""
    if not (account and incoming.host.enforce_from):
        return ""
    lines = [str(field)[:_MAX_AUTHORS] for field in header_of(incoming.content).get_all("From", [])]
    try:
        authors = getaddresses(lines[:10])
    except RecursionError:  # comments nested hundreds deep, which no mail program writes
        return "554 5.6.0 The From field cannot be read"
    for _, author in authors:
        if refusal := auth.not_owned(author, incoming.host, account):
            return refusal
    return ""


def _mended(incoming: Incoming, services: Services) -> bytes:
    """Return a submitted message with the fields it must have (RFC 6409 section 8)."""
    head = header_of(incoming.content)
    added = ""
    if "Date" not in head:
        added += f"Date: {format_datetime(services.clock.now())}\r\n"
    if "Message-ID" not in head:
        added += f"Message-ID: <{incoming.queue_id}@{incoming.host.name}>\r\n"
    return added.encode() + incoming.content


def _received(incoming: Incoming, services: Services, net: Network) -> str:
    """Return the trace of this server (RFC 5321 section 4.4), with its line ends."""
    reverse = net.lookup(ipaddress.ip_address(incoming.client).reverse_pointer, "PTR")
    name = reverse.records[0].rstrip(".") if reverse else "unknown"
    to = f" for <{visible(incoming.recipients[0], 320)}>" if len(incoming.recipients) == 1 else ""
    return (
        f"Received: from {visible(incoming.helo, 255)} ({name} [{incoming.client}])\r\n"
        f"\tby {incoming.host.name} with {incoming.protocol} id {incoming.queue_id}{to};\r\n"
        f"\t{format_datetime(services.clock.now())}\r\n"
    )
