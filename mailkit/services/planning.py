"""``plan``: the records that a service asks for, as they would stand in this domain's zone, next to what is there.

Nothing is offered that was not tried: a v=spf1 record that is merged is published in an overlay and judged again, and
a name that already holds something else is left alone (RFC 1034 section 3.6.2: a CNAME stands alone).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.SOA import SOA

from mailkit import dmarc
from mailkit.network import Answer, DnsRecord, Network, Status, same_name, to_ascii
from mailkit.results import Rows, visible
from mailkit.services.catalogue import Service, Template, service
from mailkit.services.spf_entry import RecordEdit, spf_entry
from mailkit.services.tickets import Action, DnsChange, ServicePlan

__all__ = ["plan"]

_SECONDS = 60.0  # for all lookups of one plan
_TTL = 3600
_LONGEST = 2000  # characters of a value from the panel
_PLACEHOLDER = re.compile(r"\{(\w+)(?:=([\w.-]+))?\}")
_DASHED = "dashed"  # the domain with dashes for dots: known without asking
_SILENT = (Status.SERVFAIL, Status.TIMEOUT)


def plan(name: str, domain: str, *, net: Network, panel: Mapping[str, str] | None = None) -> ServicePlan:
    """Return what to publish so that the service *name* may send for *domain*.

    *panel* holds what only the service's panel knows, ``{"number": "588925"}``; what is missing stays a marked
    ``{placeholder}``, and its record a comment.  Takes at most a minute.  Raises ValueError for a service that is not
    known, for what is no domain name, and for a key or value of *panel* that this service does not take.
    """
    found, owner = service(name), to_ascii(domain)
    values = _values(found, panel or {}, owner)
    net = net.remembering(_SECONDS)
    zone = _zone(owner, net)
    changes = [_change(template, owner, zone, values, net) for template in found.templates]
    return ServicePlan(
        found.name, owner, zone, _notes(found, owner, changes, net), Rows(DnsChange, changes, caption=net.caption)
    )


def _values(found: Service, panel: Mapping[str, str], owner: str) -> dict[str, str]:
    """Return what to put for the placeholders; raises ValueError for what does not fit."""
    texts = [text for template in found.templates for text in (template.host, template.value)]
    known = {key: usual for text in texts for key, usual in _PLACEHOLDER.findall(text) if key != _DASHED}
    given = {key: _cleaned(key, value) for key, value in panel.items()}
    if unknown := sorted(given.keys() - known.keys()):
        raise ValueError(f"{found.name} takes no {unknown} in panel; it takes {sorted(known) or 'nothing'}")
    return {key: usual for key, usual in known.items() if usual} | given | {_DASHED: owner.replace(".", "-")}


def _cleaned(key: str, value: str) -> str:
    """Return *value* as it is needed: of a public key the base64 alone, however much of the record was copied."""
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise ValueError(f"panel[{key!r}] is a text of 1 to {_LONGEST} characters, copied from the service's panel")
    if key == "key":
        value = re.sub(r'[\s"]', "", value).rpartition("p=")[2].rstrip(";")
    value = value.strip().rstrip(".")
    if not re.fullmatch(r"[A-Za-z0-9+/=._:-]+", value):
        raise ValueError(f"panel[{key!r}] holds characters that no such value has: {visible(value, 60)!r}")
    return value


def _zone(owner: str, net: Network) -> str:
    """Return the zone that *owner* lies in: the nearest name above it, or itself, that has an SOA record."""
    labels = owner.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        answer = net.lookup(name, "SOA")
        if not answer.chain and any(isinstance(rdata, SOA) for rdata in answer.rdata):
            return name
    return owner


@dataclass(frozen=True)
class _Seen:
    """What stands at a name now: the action it leaves, and a sentence."""

    action: Action
    note: str = ""


def _change(template: Template, owner: str, zone: str, values: dict[str, str], net: Network) -> DnsChange:
    host, value = (_filled(text, values) for text in (template.host, template.value))
    name = owner if host == "@" else f"{host}.{owner}"
    relative = "@" if name == zone else name.removesuffix(f".{zone}")
    rdtype = "TXT" if template.rdtype == "SPF" else template.rdtype
    sure = template.confidence
    change = DnsChange(template.part, Action.WAITS, name, relative, rdtype, value, _TTL, template.why, confidence=sure)
    if missing := [key for key, _ in _PLACEHOLDER.findall(host + value)]:
        return replace(change, note=f"Look in the service's panel for {', '.join(dict.fromkeys(missing))}.")
    if template.rdtype == "SPF":
        return _of_spf(change, spf_entry(name, value, net=net, with_mx=name == owner))
    record = DnsRecord(name, rdtype, value, _TTL)
    seen = _about_dmarc(owner, net) if template.part == "dmarc" else _seen(record, net)
    if seen.action is Action.ADD and not template.needed:
        seen = _Seen(Action.OPTIONAL)
    return replace(change, action=seen.action, note=seen.note, record=record)


def _filled(text: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], f"{{{found[1]}}}"), text)


def _of_spf(change: DnsChange, entry: RecordEdit) -> DnsChange:
    if entry.action is Action.BLOCKED or not entry.text:
        return replace(change, action=entry.action, note=entry.note, value=entry.text or change.value)
    record = DnsRecord(change.name, "TXT", entry.text, _TTL)
    return replace(change, action=entry.action, note=entry.note, value=entry.text, old=entry.old, record=record)


def _about_dmarc(owner: str, net: Network) -> _Seen:
    found = dmarc.policy(owner, net=net)
    if found.status == "none":
        return _Seen(Action.ADD)
    if found.status == "found":
        return _Seen(Action.THERE, f"The record at _dmarc.{found.where} applies; keep it.")
    return _Seen(Action.UNKNOWN, found.reason)


def _seen(record: DnsRecord, net: Network) -> _Seen:
    alias = net.lookup(record.name, "CNAME")
    if alias.status in _SILENT:
        return _Seen(Action.UNKNOWN, f"{alias.reason}; ask again later.")
    targets = [str(rdata.target) for rdata in alias.rdata if isinstance(rdata, CNAME)]
    if record.rdtype == "CNAME":
        return _about_alias(record, targets, net)
    if targets:
        return _Seen(Action.CONFLICT, f"The name is an alias of {visible(targets[0], 200)}, and an alias stands alone.")
    there = net.lookup(record.name, record.rdtype)
    if there.status in _SILENT:
        return _Seen(Action.UNKNOWN, f"{there.reason}; ask again later.")
    if any(_same(record, text) for text in _texts(record, there)):
        return _Seen(Action.THERE)
    if there.rdata and "_domainkey." in record.name:
        return _Seen(Action.CONFLICT, "Another key stands at this selector, and one name holds one key: compare them.")
    if there.rdata and record.rdtype == "MX" and not _meant(record, there.records):
        return _Seen(Action.CONFLICT, "The name has an MX of its own: take another subdomain for the service.")
    return _Seen(Action.ADD)


def _about_alias(record: DnsRecord, targets: list[str], net: Network) -> _Seen:
    if targets and same_name(targets[0], record.value):
        return _Seen(Action.THERE)
    if targets:
        return _Seen(Action.CONFLICT, f"The name is an alias of {visible(targets[0], 200)} already.")
    for rdtype in ("TXT", "A", "AAAA", "MX"):
        answer = net.lookup(record.name, rdtype)
        if answer.status in _SILENT:
            return _Seen(Action.UNKNOWN, f"{answer.reason}; ask again later.")
        if answer.rdata:
            return _Seen(Action.CONFLICT, f"The name has {rdtype} records, and an alias stands alone.")
    return _Seen(Action.ADD)


def _texts(record: DnsRecord, there: Answer) -> list[str]:
    return [text.decode("utf-8", "replace") for text in there.texts] if record.is_text else list(there.records)


def _meant(record: DnsRecord, records: tuple[str, ...]) -> bool:
    """Return whether all MX records there are lead to the service's own organisation, so that one more fits."""
    own = ".".join(record.value.rstrip(".").lower().split(".")[-2:])
    return all(text.rstrip(".").lower().endswith(own) for text in records)


def _same(record: DnsRecord, text: str) -> bool:
    if not record.is_text:
        return text.rstrip(".").lower() == record.value.rstrip(".").lower()
    if "_domainkey." in record.name:
        keys = [re.sub(r"\s", "", t).rpartition("p=")[2].partition(";")[0] for t in (text, record.value)]
        return bool(keys[0]) and keys[0] == keys[1]
    return text == record.value


def _notes(found: Service, owner: str, changes: list[DnsChange], net: Network) -> tuple[str, ...]:
    notes = []
    if any(change.action is Action.WAITS for change in changes):
        notes.append("What stands in {braces} is given out by the service's panel; its lines are comments until then.")
    if any(change.confidence.value in ("third party", "unconfirmed") for change in changes):
        notes.append("Some of these records are known from third parties only: compare them with the panel.")
    if all(change.part != "dmarc" for change in changes) and dmarc.policy(owner, net=net).status == "none":
        notes.append("The domain has no DMARC record; large receivers ask bulk senders for one (RFC 9989).")
    return tuple(notes)
