"""``plan``: the records that a service asks for, as they would stand in this domain's zone, next to what is there.

Nothing is offered that was not tried: a v=spf1 record that is merged is published in an overlay and judged again, and
a name that already holds something else is left alone (RFC 1034 section 3.6.2: a CNAME stands alone).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dns.rdtypes.ANY.SOA import SOA

from mailkit.network import DnsRecord, Network
from mailkit.results import Rows, visible
from mailkit.services.catalogue import Service, Template, service
from mailkit.services.names import mail_domain
from mailkit.services.remarks import remarks
from mailkit.services.spf_entry import RecordEdit, spf_entry
from mailkit.services.standing import SILENT, about_dmarc, alias_in_the_way, standing
from mailkit.services.tickets import Action, DnsChange, ServicePlan

__all__ = ["plan"]

_SECONDS = 60.0  # for all lookups of one plan
_TTL = 3600
_LONGEST = 2000  # characters of a value from the panel
_PLACEHOLDER = re.compile(r"\{(\w+)(?:=([\w.-]+))?\}")
_DASHED = "domain_with_dashes"
_LONGEST_LABEL = 63  # octets (RFC 1035 section 2.3.4)


def plan(name: str, domain: str, *, net: Network, panel: Mapping[str, str] | None = None) -> ServicePlan:
    """Return what to publish so that the service *name* may send for *domain*.

    *panel* holds what only the service's panel knows, ``{"number": "588925"}``; what is missing stays a marked
    ``{placeholder}``, and its record a comment.  Takes at most a minute.  Raises ValueError for a service that is not
    known, for what is no domain name, and for a key or value of *panel* that this service does not take.
    """
    found, owner = service(name), mail_domain(domain)
    values = _values(found, panel or {}, owner)
    net = net.remembering(_SECONDS)
    zone = _zone(owner, net)
    changes = [_change(template, found, owner, zone, values, net) for template in found.templates]
    notes = tuple(remarks(owner, zone, changes, net))
    return ServicePlan(found.name, owner, zone, notes, Rows(DnsChange, changes, caption=net.caption))


def _values(found: Service, panel: Mapping[str, str], owner: str) -> dict[str, str]:
    """Return what to put for the placeholders; raises ValueError for what does not fit."""
    texts = [text for template in found.templates for text in (template.host, template.value)]
    known = {key: usual for text in texts for key, usual in _PLACEHOLDER.findall(text)}
    if _DASHED in known:
        known[_DASHED] = _dashes(owner)
    given = {key: _cleaned(key, value) for key, value in panel.items()}
    if unknown := sorted(given.keys() - known.keys()):
        raise ValueError(f"{found.name} takes no {unknown} in panel; it takes {sorted(known) or 'nothing'}")
    return {key: usual for key, usual in known.items() if usual} | given


def _dashes(owner: str) -> str:
    """Return *owner* with dashes for dots, "" where that is no label, or nobody says what is made of A-labels."""
    label = owner.replace(".", "-")
    return label if len(label) <= _LONGEST_LABEL and "xn--" not in label else ""


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
    """Return the zone that *owner* lies in: the nearest name above it, or itself, that has an SOA record.

    Where there is none it is *owner*; "" where the DNS did not say.
    """
    labels = owner.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        answer = net.lookup(name, "SOA")
        if answer.status in SILENT:
            return ""
        if not answer.chain and any(isinstance(rdata, SOA) for rdata in answer.rdata):
            return name
    return owner


def _change(
    template: Template, found: Service, owner: str, zone: str, values: dict[str, str], net: Network
) -> DnsChange:
    host, value = (_filled(text, values) for text in (template.host, template.value))
    name = owner if host == "@" else f"{host}.{owner}"
    relative = "@" if name == zone else name.removesuffix(f".{zone}")
    rdtype = "TXT" if template.rdtype == "SPF" else template.rdtype
    change = DnsChange(
        template.part, Action.WAITS, name, relative, rdtype, value, _TTL, template.why,
        confidence=template.confidence, needed=template.needed,
    )  # fmt: skip
    if missing := [key for key, _ in _PLACEHOLDER.findall(host + value)]:
        return replace(change, note=f"Look in the service's panel for {', '.join(dict.fromkeys(missing))}.")
    if template.rdtype == "SPF":
        alias = alias_in_the_way(name, net)
        if alias is not None:
            return replace(change, action=alias.action, note=alias.note)
        return _of_spf(change, spf_entry(name, value, net=net, with_mx=name == owner))
    record = DnsRecord(name, rdtype, value, _TTL)
    beside = [_filled(each.value, values) for each in found.templates if each.host == template.host]
    met = about_dmarc(owner, record, net) if template.part == "dmarc" else standing(record, beside, net)
    action = Action.OPTIONAL if met.action is Action.ADD and not template.needed else met.action
    change = replace(change, action=action, note=met.note, record=record)
    return replace(change, name=met.name, value=met.text) if met.name else change


def _filled(text: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], f"{{{found[1]}}}"), text)


def _of_spf(change: DnsChange, entry: RecordEdit) -> DnsChange:
    if entry.action is Action.BLOCKED or not entry.text:
        return replace(change, action=entry.action, note=entry.note, value=entry.text or change.value)
    record = DnsRecord(change.name, "TXT", entry.text, _TTL)
    return replace(change, action=entry.action, note=entry.note, value=entry.text, old=entry.old, record=record)
