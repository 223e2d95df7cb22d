"""The services side by side: whose name a message carries before and after domain authentication, and which doors."""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.results import Record, Rows
from mailkit.services.catalogue import Cell, Confidence, Service, service, services

__all__ = ["Alignment", "Compared", "alignment", "cells", "compare"]

_OURS = "yours"


@dataclass(frozen=True)
class Compared(Record):
    """One service in a comparison: its ports, and whose name its messages carry.

    ``return_path`` and ``dkim`` say whose name stands there after domain authentication.  What no source confirms has
    "(unconfirmed)" behind it, what is not known is "not known".
    """

    service: str
    starttls_ports: str
    implicit_tls_ports: str
    auth: str
    return_path: str
    dkim: str
    dkim_records: str
    spf: str
    tracking: str
    regions: str
    without_domain_authentication: str


@dataclass(frozen=True)
class Alignment(Record):
    """Whose name a message of a service carries, *when* "before" or "after" domain authentication.

    ``spf_aligned`` and ``dkim_aligned`` say whether that is the customer's, as DMARC asks; None where it is not known.
    """

    service: str
    when: str
    return_path: str
    spf_aligned: bool | None
    dkim: str
    dkim_aligned: bool | None


def _shown(cell: Cell | None) -> str:
    if cell is None:
        return "not known"
    return f"{cell.value} (unconfirmed)" if cell.confidence is Confidence.UNCONFIRMED else cell.value


def compare() -> Rows[Compared]:
    """Return the services of the real internet, one row each, as ``data/services.csv`` has them."""
    fields = (
        "starttls_ports", "implicit_tls_ports", "auth", "return_path_after", "dkim_after", "dkim_records", "spf",
        "tracking", "regions", "without_domain_authentication",
    )  # fmt: skip
    some = services(practice=False)
    dates = sorted({cell.as_of for each in some for cell in each.cells})
    caption = f"data/services.csv, with a source for each cell; as of {dates[0]} to {dates[-1]}"
    rows = [Compared(each.name, *(_shown(each.cell(field)) for field in fields)) for each in some]
    return Rows(Compared, rows, caption=caption)


def alignment(name: str | None = None) -> Rows[Alignment]:
    """Return whose name is in the return path and in d=, before and after, of *name* or of all real services."""
    chosen = services(practice=False) if name is None else (service(name),)
    rows = [_aligned(each, when) for each in chosen for when in ("before", "after")]
    return Rows(Alignment, rows, caption="data/services.csv; aligned: the customer's own name (RFC 9989 section 4.4)")


def _aligned(found: Service, when: str) -> Alignment:
    path, key = found.cell(f"return_path_{when}"), found.cell(f"dkim_{when}")
    return Alignment(found.name, when, _shown(path), _is_ours(path), _shown(key), _is_ours(key))


def _is_ours(cell: Cell | None) -> bool | None:
    if cell is None or cell.confidence is Confidence.UNCONFIRMED:
        return None
    return cell.value.startswith(_OURS)


def cells(name: str) -> Rows[Cell]:
    """Return every fact about the service *name*, with its source, date and how sure it is."""
    found = service(name)
    return Rows(Cell, found.cells, caption=f"data/services.csv: {found.name}")
