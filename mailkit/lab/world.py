"""What a practice internet is made of: places with their filters, hosts, people, mailing lists.

:mod:`mailkit.lab.world_file` reads it from ``world.toml``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from mailkit.clients import Credentials
from mailkit.datasets import DATA

__all__ = [
    "CERTIFICATES",
    "HONOURS",
    "MECHANISMS",
    "PRACTICE",
    "Action",
    "Host",
    "MailingList",
    "Rule",
    "VantagePoint",
    "World",
]

PRACTICE = DATA / "lab"
CERTIFICATES = ("good", "expired", "wrong_name", "self_signed", "common_name")
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256")  # of SMTP AUTH
HONOURS = ("mta_sts", "dane")  # policies on TLS


class Action(StrEnum):
    """What a network does with a connection that someone tries to make."""

    ALLOW = "allow"
    DROP = "drop"  # silence until the client gives up
    REJECT = "reject"  # refused at once
    UNREACHABLE = "unreachable"
    INTERCEPT = "intercept"  # handed to another server, which answers in the target's place


@dataclass(frozen=True)
class Rule:
    """One line of a network's filter; an empty ``ports`` or ``to`` means any."""

    action: Action
    ports: frozenset[int] = frozenset()
    to: tuple[str, ...] = ()
    host: str = ""
    until_lifted: bool = False

    def matches(self, address: str, port: int) -> bool:
        """Return True when the rule speaks about connections to *address*:*port*."""
        if self.ports and port not in self.ports:
            return False
        ip = ipaddress.ip_address(address)
        return not self.to or any(ip in ipaddress.ip_network(net) for net in self.to)


@dataclass(frozen=True)
class VantagePoint:
    """A place to look from: its public address, its filter, and whether its resolver answers."""

    name: str
    address: str
    hostname: str
    about: str = ""
    rules: tuple[Rule, ...] = ()
    dns: str = "resolver"


@dataclass(frozen=True)
class Host:
    """A mail server: where it listens, whose mail it takes, and for whom it relays."""

    name: str
    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    domains: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    relay_for: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()  # the DKIM keys it signs submitted mail with, by the names they are published under
    behind: str = ""
    certificate: str = "good"
    greeting_delay: float = 0.0
    down: bool = False
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")  # of logins, on its ports for submission, IMAP and POP3
    reports_through: str = ""  # the host that sends DMARC's aggregate reports on what this one saw
    may_reject: bool = False  # refuses what fails DMARC where p=reject is not all that is against it
    bulk_rules: bool = False  # refuses bulk mail that does not meet the large receivers' rules
    enforce_from: bool = False  # an account may send as itself only
    return_path: str = ""  # a sending service: where bounces of what its customers send come back to
    customer_key: str = ""  # its DKIM key for them, by the name it is published under
    complaints_to: str = ""  # the mailbox that providers tell when somebody calls its messages spam
    auth_in_clear: bool = False  # a mistake: AUTH without TLS
    apop: bool = False  # the login of POP3 before there was TLS (RFC 1939 section 7)
    pop_before_smtp: float = 0.0  # minutes for which it relays for an address that logged in by POP3
    accounts_down: bool = False  # nobody can log in, through no fault of theirs
    honours: tuple[str, ...] = ()  # the policies on TLS that it keeps to when it sends: "mta_sts", "dane"


@dataclass(frozen=True)
class MailingList:
    """A mailing list: mail to ``address`` goes to all ``members``, bounces and requests to its ``owner``."""

    address: str
    name: str
    owner: str
    members: tuple[str, ...]
    munge_from: bool = False  # puts its own address into From, so that DMARC passes

    @property
    def list_id(self) -> str:
        """What it is called in List-Id (RFC 2919 section 3)."""
        return self.address.replace("@", ".")

    @property
    def bounces(self) -> str:
        """The sender on the envelope of what it sends out: so bounces come back to the list, not to the author."""
        name, _, domain = self.address.rpartition("@")
        return f"{name}-bounces@{domain}"


@dataclass(frozen=True)
class World:
    """A whole practice internet as its files describe it."""

    folder: Path
    name: str
    domain: str
    now: datetime
    vantage: str
    timeout: float
    probe_domains: tuple[str, ...]
    unsigned_zones: frozenset[str]
    vantage_points: Mapping[str, VantagePoint]
    hosts: Mapping[str, Host]
    mailboxes: Mapping[str, Credentials] = field(repr=False)
    forwards: Mapping[str, str]  # mailbox -> where its mail is sent on to
    rewriting: frozenset[str]  # of these mailboxes, those that send on under a sender of their own (SRS)
    lists: Mapping[str, MailingList]

    @property
    def ca_file(self) -> Path:
        """The certificate authority that everybody in this world trusts."""
        return self.folder / "certificates" / "ca.pem"
