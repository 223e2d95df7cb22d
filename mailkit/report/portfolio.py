"""A portfolio: many domains, each with what is known of it, from a CSV or TOML file.

In CSV a line is a domain, and lists are separated by semicolons::

    domain,role,selectors,senders,services,accepted
    kaisha.example,sends,s2026;s2025,192.0.2.25,Brevo,"SPF ptr: until the old gateway goes"

In TOML it is ``[[domain]]`` with the same names, ``name`` for the domain's own, and lists as lists.
"""

from __future__ import annotations

import csv
import ipaddress
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mailkit.report.subject import named

__all__ = ["PortfolioDomain", "Role", "portfolio"]

_LISTS = ("selectors", "senders", "services", "accepted")
_COLUMNS = ("domain", "role", *_LISTS)
_MOST_OCTETS = 50_000_000


class Role(StrEnum):
    """What a domain is for: ``receives`` is for one that sends nothing, ``unknown`` for what nobody said."""

    SENDS = "sends"
    RECEIVES = "receives"
    PARKED = "parked"
    UNKNOWN = ""


@dataclass(frozen=True)
class PortfolioDomain:
    """One domain of a portfolio.

    ``domain`` is as it was written.  ``senders`` are addresses that send for it, ``services`` the names of all sending
    services that do, as ``data/services.csv`` has them; none named means that nothing is said of them.  ``accepted``
    are exceptions, as pairs of a check's name (or "check subject") and the reason.
    """

    domain: str
    role: Role = Role.UNKNOWN
    selectors: tuple[str, ...] | None = None
    senders: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    accepted: tuple[tuple[str, str], ...] = ()


def portfolio(path: str | Path) -> tuple[PortfolioDomain, ...]:
    """Return the domains in the CSV or TOML file *path*, in their order.

    Names of domains are looked at by the audit, where a bad one costs one row.  Raises OSError when the file cannot be
    read, and ValueError, naming the line or the domain, for everything else that is wrong in it.
    """
    path = Path(path)
    if path.stat().st_size > _MOST_OCTETS:
        raise ValueError(f"{path.name} has more than {_MOST_OCTETS:,} octets: no list of domains has")
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark at the beginning
        entries = _from_toml(text) if path.suffix.lower() == ".toml" else _from_csv(text)
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not in UTF-8: save it as such (in a spreadsheet, “CSV UTF-8”)") from None
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    if not entries:
        raise ValueError(f"{path.name} names no domain")
    return tuple(entries)


def _from_csv(text: str) -> list[PortfolioDomain]:
    lines = csv.DictReader(text.splitlines())
    columns = [name.strip() for name in lines.fieldnames or ()]
    if any(";" in name or "\t" in name for name in columns):
        raise ValueError("the first line: columns are separated by commas; semicolons separate the items of a list")
    _check_names(columns, "the first line")
    lines.fieldnames = columns
    if "domain" not in columns:
        raise ValueError(f"the first line of a CSV file names its columns: {','.join(_COLUMNS)}")
    found = []
    for line in lines:
        if None in line:
            raise ValueError(f"line {lines.line_num}: more values than columns")
        values = {name: _split(value) if name in _LISTS else (value or "").strip() for name, value in line.items()}
        if values["domain"]:
            found.append(_entry(values, f"line {lines.line_num}"))
    return found


def _split(value: str | None) -> list[str]:
    return [part.strip() for part in (value or "").split(";") if part.strip()]


def _from_toml(text: str) -> list[PortfolioDomain]:
    tables = tomllib.loads(text).get("domain", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError("a TOML file has a table for each domain: [[domain]], then name = 'kaisha.example'")
    found = []
    for number, table in enumerate(tables, 1):
        where = f"domain {number}"
        values = {"domain" if name == "name" else name: value for name, value in table.items()}
        _check_names(values, where)
        if not isinstance(values.get("domain"), str):
            raise ValueError(f"{where} has no name: name = 'kaisha.example'")
        found.append(_entry(values, f"{where}, {values['domain'][:80]!r}"))
    return found


def _check_names(names: Iterable[str], where: str) -> None:
    if unknown := [name for name in names if name not in _COLUMNS]:
        raise ValueError(f"{where}: {unknown[0]!r} is not known; there are {', '.join(_COLUMNS)}")


def _entry(values: Mapping[str, Any], where: str) -> PortfolioDomain:
    for name in _LISTS:
        value = values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{where}: {name} is a list of texts")
    try:
        role = Role(values.get("role", ""))
    except ValueError:
        raise ValueError(f"{where}: role is sends, receives or parked, not {values['role']!r}") from None
    try:
        return PortfolioDomain(
            values["domain"],
            role,
            named(values.get("selectors")),
            tuple(str(ipaddress.ip_address(address)) for address in values.get("senders", ())),
            tuple(values.get("services", ())),
            _accepted(values.get("accepted", ()), where),
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from None


def _accepted(values: Sequence[str], where: str) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(part.strip() for part in value.partition(":")[::2]) for value in values]
    if bad := [check for check, why in pairs if not check or not why]:
        raise ValueError(f"an accepted exception has a reason, as in 'SPF ptr: until 2027', not {bad[0]!r}")
    return tuple((check, why) for check, why in pairs)
