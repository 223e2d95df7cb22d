"""What stands at a name before a record is put there: the same, something that clashes, a wildcard, or nothing.

RFC 1034 section 3.6.2: an alias (CNAME) stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from dns.rdtypes.ANY.CNAME import CNAME

from mailkit import dmarc
from mailkit.network import Answer, DnsRecord, Network, Status, same_name
from mailkit.network.wildcards import by_wildcard
from mailkit.results import visible
from mailkit.services.tickets import Action

__all__ = ["SILENT", "WILD", "Standing", "about_dmarc", "alias_in_the_way", "standing"]

SILENT = (Status.SERVFAIL, Status.TIMEOUT)
WILD = "A wildcard answers here, as for any name beside it; the new record takes its place at this name."


@dataclass(frozen=True)
class Standing:
    """The action that is left, a sentence, and where another record serves, that one's name and text."""

    action: Action
    note: str = ""
    name: str = ""
    text: str = ""


def standing(record: DnsRecord, beside: Collection[str], net: Network) -> Standing:
    """Return what *record* meets at its name; *beside* are the values of the MX records that belong there with it."""
    wild = False
    others = ("TXT", "A", "AAAA", "MX") if record.rdtype == "CNAME" else (record.rdtype,)
    for rdtype in ("CNAME", *others):
        answer = net.lookup(record.name, rdtype)
        if answer.status in SILENT:
            return _unknown(answer)
        met = _met(record, answer, beside)
        if met is not None and met.action is not Action.THERE and by_wildcard(record.name, answer, net):
            wild = True
        elif met is not None:
            return met
    return Standing(Action.ADD, WILD if wild else "")


def alias_in_the_way(name: str, net: Network) -> Standing | None:
    """Return why no other record can stand at *name*, None where one can."""
    answer = net.lookup(name, "CNAME")
    if answer.status in SILENT:
        return _unknown(answer)
    targets = _targets(answer)
    return _alias(targets[0]) if targets and not by_wildcard(name, answer, net) else None


def about_dmarc(owner: str, record: DnsRecord, net: Network) -> Standing:
    """Return what a first DMARC record for *owner* meets: one that applies already serves as well."""
    found = dmarc.policy(owner, net=net)
    if found.status == "found":
        name = f"_dmarc.{found.where}"
        return Standing(Action.THERE, f"The record at {name} applies; keep it.", name, found.record)
    if found.status == "temperror":
        return Standing(Action.UNKNOWN, found.reason)
    if found.walk is not None and found.walk.nodes[0].texts:
        return Standing(
            Action.CONFLICT, f"What stands there does not count: {found.reason}. Mend it first (lesson 06)."
        )
    return standing(record, (), net)


def _unknown(answer: Answer) -> Standing:
    return Standing(Action.UNKNOWN, f"{answer.reason}; ask again later.")


def _alias(target: str) -> Standing:
    return Standing(Action.CONFLICT, f"The name is an alias of {visible(target, 200)}, and an alias stands alone.")


def _targets(answer: Answer) -> list[str]:
    return [str(rdata.target) for rdata in answer.rdata if isinstance(rdata, CNAME)]


def _met(record: DnsRecord, answer: Answer, beside: Collection[str]) -> Standing | None:
    """Return what *answer*, about one type at the record's name, means for *record*; None for nothing."""
    if targets := _targets(answer):
        if record.rdtype != "CNAME":
            return _alias(targets[0])
        if same_name(targets[0], record.value):
            return Standing(Action.THERE)
        return Standing(Action.CONFLICT, f"The name is an alias of {visible(targets[0], 200)} already.")
    if not answer.rdata:
        return None
    if record.rdtype == "CNAME":
        return Standing(Action.CONFLICT, f"The name has {answer.rdtype} records, and an alias stands alone.")
    if any(_same(record, text) for text in _values(record, answer)):
        return Standing(Action.THERE)
    if "_domainkey." in record.name:
        note = "Another key stands at this selector, and one name holds one key: compare them."
        return Standing(Action.CONFLICT, note)
    if record.rdtype == "MX" and not {_plain(text) for text in answer.records} <= {_plain(text) for text in beside}:
        there = visible(", ".join(answer.records), 200)
        return Standing(Action.CONFLICT, f"The name has another MX ({there}): take another subdomain for the service.")
    return None


def _values(record: DnsRecord, answer: Answer) -> list[str]:
    return [text.decode("utf-8", "replace") for text in answer.texts] if record.is_text else list(answer.records)


def _plain(value: str) -> str:
    return value.rstrip(".").lower()


def _same(record: DnsRecord, text: str) -> bool:
    if not record.is_text:
        return _plain(text) == _plain(record.value)
    if "_domainkey." in record.name:
        keys = [re.sub(r"\s", "", t).rpartition("p=")[2].partition(";")[0] for t in (text, record.value)]
        return bool(keys[0]) and keys[0] == keys[1]
    return text == record.value
