"""The services side by side, and what the clouds let through: two tables drawn as matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mailkit import datasets
from mailkit.figures.grid import Block, Cell, Column, Row, grid
from mailkit.figures.style import Picture, fitted
from mailkit.services import Service, services
from mailkit.services.catalogue import Confidence

__all__ = ["clouds", "compare"]

_PASS, _WARN, _FAIL, _INFO, _UNKNOWN, _IDLE = "pass", "warn", "fail", "info", "unknown", "not_run"

_SERVICE_COLUMNS = (
    Column("TLS first", "ports", share=0.95),
    Column("STARTTLS", "ports", share=1.2),
    Column("return path", "after set-up"),
    Column("DKIM d=", "after set-up"),
    Column("DKIM key", "published as"),
)
_SERVICE_MEANINGS = {
    _PASS: "yours, or on offer",
    _WARN: "the service's own: no alignment",
    _INFO: "for your information",
    _FAIL: "not on offer",
    _UNKNOWN: "not confirmed by any source",
}


def compare(*, title: str | None = None) -> Picture:
    """Draw the services of ``data/services.csv``: their doors, and whose name a message carries after the set-up."""
    rows = [_service_row(found) for found in services(practice=False)]
    return grid(
        [Block(rows)],
        _SERVICE_COLUMNS,
        _SERVICE_MEANINGS,
        title=title,
        said=title or "Sending services: ports, and whose name a message carries",
        names=2.55,
    )


def _service_row(found: Service) -> Row:
    clear = [str(port) for port, implicit in sorted(found.ports) if not implicit]
    at_once = [str(port) for port, implicit in sorted(found.ports) if implicit]
    cells = (
        Cell(" ".join(at_once), _PASS) if at_once else Cell("none", _FAIL),
        Cell(" ".join(clear), _INFO),
        _whose(found, "return_path_after"),
        _whose(found, "dkim_after"),
        _published_as(found),
    )
    note = found.hosts[0]
    words = ", ".join(f"{column.heading} {cell.text}" for column, cell in zip(_SERVICE_COLUMNS, cells))
    return Row(found.name, note, cells, f"{found.name} ({note}): {words}")


def _whose(found: Service, field: str) -> Cell:
    cell = found.cell(field)
    if cell is None or cell.confidence is Confidence.UNCONFIRMED:
        return Cell("not confirmed", _UNKNOWN)
    whose, _, where = cell.value.partition(": ")
    if not whose.startswith("yours"):
        return Cell("theirs", _WARN)
    return Cell("yours", _PASS, where.split(" (")[0] if len(where) < 16 else "")


def _published_as(found: Service) -> Cell:
    kinds = [template.rdtype for template in found.templates if template.part.startswith("dkim")]
    return Cell(f"{len(kinds)} {kinds[0]}" if kinds else "not confirmed", _INFO if kinds else _UNKNOWN)


_PORTS = ("25", "465", "587", "2525")
_CLOUD_COLUMNS = (*(Column(f"port {port}", share=0.9) for port in _PORTS), Column("25 on request", share=1.3))
_CLOUD_MEANINGS = {
    _PASS: "open",
    _WARN: "under a condition",
    _FAIL: "closed, or not opened",
    _UNKNOWN: "the source does not say, or is not confirmed",
    _IDLE: "not needed",
}


def clouds(*, title: str | None = None) -> Picture:
    """Draw ``data/port25_policies.csv``: which ports leave from where, and whether port 25 is opened on request."""
    records = datasets.load("port25_policies").to_dict("records")
    rows = [_cloud_row({str(key): str(value) for key, value in record.items()}) for record in records]
    return grid(
        [Block(rows)],
        _CLOUD_COLUMNS,
        _CLOUD_MEANINGS,
        title=title,
        said=title or "Which ports leave from where",
        names=3.75,
    )


def _cloud_row(said: Mapping[str, str]) -> Row:
    cells = [*(_port(port, said) for port in _PORTS), _on_request(said["lifted_on_request"])]
    sure = Confidence(said["confidence"])
    if sure is Confidence.UNCONFIRMED:
        cells = [replace(cell, judged=_UNKNOWN) for cell in cells]
    words = ", ".join(f"{column.heading} {cell.text}" for column, cell in zip(_CLOUD_COLUMNS, cells))
    name, _, which = said["network"].removesuffix(")").partition(" (")
    note = ", ".join(filter(None, [said["as_of"], "" if sure is Confidence.DOCUMENTED else str(sure), which]))
    return Row(name, note, cells, f"{fitted(said['network'])} ({said['as_of']}, {sure}): {words}")


def _port(port: str, said: Mapping[str, str]) -> Cell:
    blocked = said["also_blocked"].replace("and", " ").split()
    opened = said["submission"].replace(";", " ").split()
    if port == "25":
        policy = said["outgoing_25"]
        return Cell("open", _PASS) if policy.startswith("open") else Cell("closed", _FAIL)
    if port in blocked:
        return Cell("closed", _FAIL)
    return Cell("open", _PASS) if port in opened and "open" in opened else Cell("not said", _UNKNOWN)


def _on_request(text: str) -> Cell:
    if not text:
        return Cell("not said", _UNKNOWN)
    for word, judged in (("yes", _PASS), ("not needed", _IDLE), ("no", _FAIL)):
        if text.startswith(word):
            return Cell(word, judged)
    return Cell(text, _WARN)
