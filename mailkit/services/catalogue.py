"""The sending services as the tables know them: ``data/services.csv``, ``service_records.csv``, ``service_signs.csv``.

A cell says how sure it is: ``documented`` by the service, told by a ``third party``, ``unconfirmed``, or true of the
practice internet only (``practice``).  What is unconfirmed is shown as such, and nothing is concluded from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from mailkit import datasets
from mailkit.results import Record, hidden, visible

__all__ = ["Cell", "Confidence", "Service", "Sign", "SignKind", "Template", "service", "services"]


class Confidence(StrEnum):
    """How sure a cell of the tables is."""

    DOCUMENTED = "documented"
    THIRD_PARTY = "third party"
    UNCONFIRMED = "unconfirmed"
    PRACTICE = "practice"


class SignKind(StrEnum):
    """What in the DNS points to a service.

    ``key``: a DKIM selector; ``path``: a subdomain's alias or MX, for the return path; ``link``: an alias for counted
    links; ``include``: an SPF term; ``mx``: the domain's own MX; ``text``: a TXT record that shows whose the domain is.
    """

    KEY = "key"
    PATH = "path"
    LINK = "link"
    INCLUDE = "include"
    MX = "mx"
    TEXT = "text"


@dataclass(frozen=True)
class Cell(Record):
    """One fact about a service, with how sure it is, where it stands and when it was read."""

    service: str
    field: str
    value: str
    confidence: Confidence
    source: str
    as_of: str


@dataclass(frozen=True)
class Template(Record):
    """One record that a service asks its customers for.

    ``host`` is relative to the domain, "@" the domain itself.  ``rdtype`` SPF means a term to put into the v=spf1
    record of that name.  ``{name}`` stands for what only the service's panel knows, ``{name=word}`` has a usual value.
    ``needed`` is False for what the sending does not depend on.
    """

    part: str
    host: str
    rdtype: str
    value: str
    why: str
    needed: bool
    confidence: Confidence
    source: str = hidden()


@dataclass(frozen=True)
class Sign(Record):
    """One sign of a service in the DNS: of which kind, at which names, and what must stand there."""

    service: str
    name: str
    kind: SignKind
    where: tuple[str, ...]
    pattern: str
    confidence: Confidence


@dataclass(frozen=True)
class Service(Record):
    """A sending service: its cells, the records that it asks for, and the signs by which it is known."""

    name: str
    cells: tuple[Cell, ...] = hidden(())
    templates: tuple[Template, ...] = hidden(())
    signs: tuple[Sign, ...] = hidden(())

    @property
    def is_real(self) -> bool:
        """False for the service that exists in the practice internet only."""
        return all(cell.confidence is not Confidence.PRACTICE for cell in self.cells)

    def cell(self, field: str) -> Cell | None:
        """Return the cell of *field*, None where the table has none."""
        return next((cell for cell in self.cells if cell.field == field), None)

    def value(self, field: str) -> str:
        """Return what stands in *field*, "" where the table has nothing."""
        found = self.cell(field)
        return found.value if found else ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The servers that take submissions, the usual one first."""
        return tuple(self.value("hosts").split())

    @property
    def ports(self) -> tuple[tuple[int, bool], ...]:
        """The ports, each with whether TLS begins with the first octet."""
        clear = [(int(port), False) for port in self.value("starttls_ports").split() if port.isdigit()]
        return (*clear, *((int(port), True) for port in self.value("implicit_tls_ports").split() if port.isdigit()))


@cache
def _all() -> tuple[Service, ...]:
    cells = [
        Cell(name, field, value, Confidence(sure), source, as_of)
        for name, field, value, sure, source, as_of in _rows("services")
    ]
    templates = [
        (name, Template(part, host, rdtype, value, why, needed == "yes", Confidence(sure), source))
        for name, part, host, rdtype, value, why, needed, sure, source, _ in _rows("service_records")
    ]
    signs = [
        Sign(name, sign, SignKind(kind), tuple(where.split()), pattern, Confidence(sure))
        for name, sign, kind, where, pattern, sure, _, _ in _rows("service_signs")
    ]
    return tuple(
        Service(
            name,
            tuple(cell for cell in cells if cell.service == name),
            tuple(template for owner, template in templates if owner == name),
            tuple(sign for sign in signs if sign.service == name),
        )
        for name in dict.fromkeys(cell.service for cell in cells)
    )


def _rows(table: str) -> list[list[str]]:
    rows: list[list[str]] = datasets.load(table).to_numpy().tolist()
    return rows


def services(*, practice: bool = True) -> tuple[Service, ...]:
    """Return the services in the order of the table; without *practice* only those of the real internet."""
    return tuple(found for found in _all() if practice or found.is_real)


def service(name: str) -> Service:
    """Return the service called *name*, in any spelling, also by a former name.

    Raises ValueError, listing the services there are, for another name, and TypeError for what is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"a service is named by text such as 'Brevo', not {type(name).__name__}")
    for found in _all():
        if _plain(name) in map(_plain, (found.name, *found.value("also_called").split(", "))):
            return found
    raise ValueError(f"no service {visible(name, 60)!r} in data/services.csv; there are {_listed(_all())}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _listed(found: Sequence[Service]) -> str:
    return ", ".join(each.name for each in found)
