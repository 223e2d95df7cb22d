"""Reading ``world.toml``: what is misspelt, missing or of another type is an error that says what there is instead."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from mailkit.clients import Credentials
from mailkit.lab.world import (
    CERTIFICATES,
    HONOURS,
    MECHANISMS,
    PRACTICE,
    Action,
    Host,
    MailingList,
    Rule,
    VantagePoint,
    World,
)

__all__ = ["load"]


def _of(expected: str, value: Any) -> bool:
    """Return whether *value*, as TOML gives it, is of the type that a dataclass's field is annotated with."""
    match expected:
        case "str":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "float":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "datetime":
            return isinstance(value, datetime) and value.tzinfo is not None
        case "tuple[int, ...]" | "frozenset[int]":
            return isinstance(value, list) and all(isinstance(item, int) for item in value)
        case "tuple[str, ...]" | "frozenset[str]":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, list)  # of tables, which have their own turn


_WORDS = {
    "str": "a text",
    "bool": "true or false",
    "float": "a number",
    "datetime": "a date and a time with its zone",
    "tuple[int, ...]": "a list of numbers",
    "frozenset[int]": "a list of numbers",
    "tuple[str, ...]": "a list of texts",
    "frozenset[str]": "a list of texts",
}


def _checked(table: dict[str, Any], where: str, known: Mapping[str, tuple[str, bool]]) -> dict[str, Any]:
    """Return *table* with its lists as tuples.  Raises ValueError for a key that *known* lacks, or that is missing.

    *known* maps each key to the type of its value and to whether it must be there.
    """
    if not isinstance(table, dict):
        raise ValueError(f"{where} is no table")
    for key, value in table.items():
        if key not in known:
            raise ValueError(f"{where} has {key!r}, which means nothing; there are {', '.join(known)}")
        if not _of(known[key][0], value):
            given = "" if key == "password" else f", not {value!r}"
            raise ValueError(f"{where}: {key} is {_WORDS.get(known[key][0], 'a list of tables')}{given}")
    for key, (_, needed) in known.items():
        if needed and key not in table:
            raise ValueError(f"{where} lacks {key!r}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _keys(kind: type) -> dict[str, tuple[str, bool]]:
    return {f.name: (str(f.type), f.default is MISSING and f.default_factory is MISSING) for f in fields(kind)}


def _one_of(value: str, allowed: Iterable[str], where: str, what: str) -> None:
    if value not in (known := tuple(allowed)):
        raise ValueError(f"{where}: there is no {what} {value!r}; there are {', '.join(known)}")


def _rule(table: dict[str, Any], where: str) -> Rule:
    known = _keys(Rule) | {"action": ("str", True)}
    found = _checked(table, where, known)
    _one_of(found["action"], Action, where, "action")
    for net in found.get("to", ()):
        ipaddress.ip_network(net)
    return Rule(**(found | {"action": Action(found["action"]), "ports": frozenset(found.get("ports", ()))}))


def _vantage_point(table: dict[str, Any], where: str) -> VantagePoint:
    found = _checked(table, where, _keys(VantagePoint))
    rules = tuple(_rule(rule, f"a rule of {where}") for rule in found.get("rules", ()))
    _one_of(found.get("dns", "resolver"), ("resolver", "silent"), where, "dns")
    ipaddress.ip_address(found["address"])
    return VantagePoint(**(found | {"rules": rules}))


def _host(table: dict[str, Any], where: str, keys: Path) -> Host:
    host = Host(**_checked(table, where, _keys(Host)))
    if not host.addresses:
        raise ValueError(f"{where} has no address")
    for address in host.addresses:
        ipaddress.ip_address(address)
    for net in host.relay_for:
        ipaddress.ip_network(net)
    _one_of(host.certificate, CERTIFICATES, where, "certificate")
    for policy in host.honours:
        _one_of(policy, HONOURS, where, "policy on TLS")
    for mechanism in host.mechanisms:
        _one_of(mechanism, MECHANISMS, where, "mechanism")
    for name in (*host.signs, *([host.customer_key] if host.customer_key else [])):
        if not (keys / f"{name}.pem").is_file():
            raise ValueError(f"{where} signs with {name}, but there is no keys/{name}.pem")
    return host


_MAILBOX = {
    "address": ("str", True),
    "password": ("str", True),
    "forward_to": ("str", False),
    "srs": ("bool", False),
}
_WORLD = {
    "name": ("str", True),
    "domain": ("str", True),
    "now": ("datetime", True),
    "vantage": ("str", True),
    "timeout": ("float", True),
    "probe_domains": ("tuple[str, ...]", True),
    "unsigned_zones": ("frozenset[str]", False),
    "vantage_point": ("tables", True),
    "host": ("tables", True),
    "mailbox": ("tables", True),
    "mailing_list": ("tables", False),
}


def _list(table: dict[str, Any], where: str, people: list[dict[str, Any]]) -> MailingList:
    found = MailingList(**_checked(table, where, _keys(MailingList)))
    if found.address != found.address.lower() or found.address.count("@") != 1:
        raise ValueError(f"{where}: its address is in lower case, and has one @")
    if not found.members:
        raise ValueError(f"{where} has no members")
    _one_of(found.owner, [person["address"] for person in people], where, "mailbox")
    return found


def _named(table: Any, kind: str, key: str) -> str:
    """Return what to call one table of the file: "host 'mx.kaisha.example'"."""
    return f"{kind} {table.get(key, 'without a ' + key)!r}" if isinstance(table, dict) else kind


def _world(table: dict[str, Any], root: Path) -> World:
    found = _checked(table, "the file", _WORLD)
    points = [_vantage_point(t, _named(t, "vantage_point", "name")) for t in found["vantage_point"]]
    hosts = [_host(t, _named(t, "host", "name"), root / "keys") for t in found["host"]]
    people = [_checked(t, _named(t, "mailbox", "address"), _MAILBOX) for t in found["mailbox"]]
    lists = [_list(t, _named(t, "mailing_list", "address"), people) for t in found.get("mailing_list", ())]
    names = [point.name for point in points], [host.name for host in hosts]
    addresses = [person["address"] for person in people] + [each.address for each in lists]
    for each in (*names, addresses + [each.bounces for each in lists]):
        if doubled := {name for name in each if each.count(name) > 1}:
            raise ValueError(f"{', '.join(sorted(doubled))}: named twice")
    _one_of(found["vantage"], names[0], "the file", "vantage_point")
    for rule in (rule for point in points for rule in point.rules if rule.action is Action.INTERCEPT):
        _one_of(rule.host, names[1], "a rule that intercepts", "host")
    for host in hosts:
        _one_of(host.reports_through, ("", *names[1]), f"host {host.name!r}, which reports through it", "host")
        if host.reports_through and not host.domains:
            raise ValueError(f"host {host.name!r} reports, but takes mail for no domain that it could report as")
        _one_of(host.behind, ("", *names[0]), f"host {host.name!r}, which sits behind it", "vantage_point")
    return World(
        folder=root,
        name=found["name"],
        domain=found["domain"],
        now=found["now"],
        vantage=found["vantage"],
        timeout=float(found["timeout"]),
        probe_domains=found["probe_domains"],
        unsigned_zones=frozenset(found.get("unsigned_zones", ())),
        vantage_points={point.name: point for point in points},
        hosts={host.name: host for host in hosts},
        mailboxes={t["address"]: Credentials(t["address"], t["password"]) for t in people},
        forwards={t["address"].lower(): t["forward_to"] for t in people if "forward_to" in t},
        rewriting=frozenset(t["address"].lower() for t in people if t.get("srs")),
        lists={each.address: each for each in lists},
    )


def load(folder: Path | str | None = None) -> World:
    """Return the world described in *folder* (default: the practice internet).

    Raises ValueError, which says what is wrong and what there is instead.
    """
    root = Path(folder or PRACTICE).resolve()
    try:
        return _world(tomllib.loads((root / "world.toml").read_text(encoding="utf-8")), root)
    except FileNotFoundError:
        raise ValueError(f"there is no world.toml in {str(folder)!r}") from None
    except ValueError as error:  # what is no TOML, no UTF-8, or no world
        raise ValueError(f"world.toml of {root.name!r} is not understood: {error}") from error
