"""What a practice internet is made of: read from ``world.toml`` and the folders beside it."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from mailkit.clients import Credentials
from mailkit.datasets import DATA

__all__ = ["PRACTICE", "Action", "Host", "Rule", "VantagePoint", "World", "load"]

PRACTICE = DATA / "lab"


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
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")  # of SMTP AUTH, on its submission ports
    enforce_from: bool = False  # an account may send as itself only
    auth_in_clear: bool = False  # a mistake: AUTH without TLS
    accounts_down: bool = False  # nobody can log in, through no fault of theirs


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

    @property
    def ca_file(self) -> Path:
        """The certificate authority that everybody in this world trusts."""
        return self.folder / "certificates" / "ca.pem"


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _rule(table: dict[str, Any]) -> Rule:
    fields = _tuples(table) | {"action": Action(table["action"]), "ports": frozenset(table.get("ports", ()))}
    return Rule(**fields)


def _vantage_point(table: dict[str, Any]) -> VantagePoint:
    return VantagePoint(**(_tuples(table) | {"rules": tuple(_rule(rule) for rule in table.get("rules", ()))}))


def load(folder: Path | str | None = None) -> World:
    """Return the world described in *folder* (default: the practice internet).  Raises ValueError."""
    root = Path(folder or PRACTICE).resolve()
    try:
        table = tomllib.loads((root / "world.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no world.toml in {str(folder)!r}") from None
    except ValueError as error:  # what is no TOML, or no UTF-8
        raise ValueError(f"world.toml of {root.name!r} is not understood: {error}") from error
    try:
        points = [_vantage_point(t) for t in table["vantage_point"]]
        hosts = [Host(**_tuples(t)) for t in table["host"]]
        people = {t["address"]: Credentials(t["address"], t["password"]) for t in table["mailbox"]}
        return World(
            folder=root,
            name=table["name"],
            domain=table["domain"],
            now=table["now"],
            vantage=table["vantage"],
            timeout=float(table["timeout"]),
            probe_domains=tuple(table["probe_domains"]),
            unsigned_zones=frozenset(table.get("unsigned_zones", ())),
            vantage_points={point.name: point for point in points},
            hosts={host.name: host for host in hosts},
            mailboxes=people,
            forwards={t["address"]: t["forward_to"] for t in table["mailbox"] if "forward_to" in t},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"world.toml of {root.name!r} is not understood: {error}") from error
