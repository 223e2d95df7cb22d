"""A plan as a ticket for whoever changes the zone: each record in every spelling that a DNS team may need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mailkit.network.records import DnsRecord, paste
from mailkit.results import Finding, Record, Rows, Sentence, Verdict, hidden
from mailkit.services.catalogue import Confidence

__all__ = ["Action", "DnsChange", "ServicePlan"]

LESSON = "10_services"


class Action(StrEnum):
    """What has to be done about one record."""

    THERE = "there"  # published as it should be
    ADD = "add"
    REPLACE = "replace"  # the v=spf1 record, of which a name has one only
    CONFLICT = "conflict"  # something else stands at the name
    WAITS = "waits"  # for what only the service's panel knows
    BLOCKED = "blocked"  # publishing it would break something
    OPTIONAL = "optional"
    UNKNOWN = "unknown"  # the DNS does not say what is there


_VERDICTS = {
    Action.THERE: Verdict.PASS,
    Action.ADD: Verdict.WARN,
    Action.REPLACE: Verdict.WARN,
    Action.CONFLICT: Verdict.FAIL,
    Action.WAITS: Verdict.UNKNOWN,
    Action.BLOCKED: Verdict.FAIL,
    Action.OPTIONAL: Verdict.INFO,
    Action.UNKNOWN: Verdict.UNKNOWN,
}
_TO_PASTE = (Action.ADD, Action.REPLACE)


@dataclass(frozen=True)
class DnsChange(Record):
    """One record of a plan.

    ``name`` is the whole name, ``relative`` the same as a web form wants it ("@" for the zone itself), ``value`` a text
    unquoted, another type as in a zone file, ``ttl`` in seconds.  ``old`` is the text that a ``replace`` puts away,
    ``note`` what else there is to say; ``needed`` is False for what the sending does not depend on.  Where a value is
    still missing, name and value hold its ``{placeholder}``.
    """

    part: str
    action: Action
    name: str
    relative: str
    rdtype: str
    value: str
    ttl: int
    why: str
    note: str = ""
    confidence: Confidence = Confidence.DOCUMENTED
    record: DnsRecord | None = hidden(None)
    old: str = hidden("")
    needed: bool = hidden(True)

    @property
    def zone_line(self) -> str:
        """The record for a zone file: a comment where it is not to be pasted (yet)."""
        line = self.record.zone_line if self.record else f"{self.name}. {self.ttl} IN {self.rdtype} {self.value}"
        return line if self.action in _TO_PASTE else f"; {self.action}: {line}"

    @property
    def web_form(self) -> str:
        """The record as the fields of a web form: relative name, no quotation marks, no final dot."""
        value, fields = self.value, f"Type {self.rdtype} | Name {self.relative} | "
        if self.rdtype == "MX":
            priority, _, value = value.partition(" ")
            fields += f"Priority {priority} | "
        return f"{fields}Value {value if self.rdtype == 'TXT' else value.rstrip('.')} | TTL {self.ttl}"

    @property
    def verify(self) -> str:
        """The command that shows whether it is published."""
        return f"dig +noall +answer {self.name} {self.rdtype}"

    @property
    def undo(self) -> str:
        """How to take it back."""
        if self.action is Action.REPLACE:
            return f"put the old record back: {DnsRecord(self.name, self.rdtype, self.old, self.ttl).zone_line}"
        later = ", once the last mail signed with it has arrived (a week)" if "_domainkey" in self.name else ""
        return f"delete the {self.rdtype} record of {self.name}{later}"


@dataclass(frozen=True)
class ServicePlan(Record):
    """What to publish so that *service* may send for *domain*, and what is published already.

    ``changes`` has a row for each record.  ``zone_text`` is what to paste: records that wait for something, are
    optional or clash with others stand in it as comments.  ``zone`` is "" where the DNS did not say in which one the
    names lie; the relative names are whole ones then.  ``notes`` are sentences for whoever decides.
    """

    service: str
    domain: str
    zone: str
    notes: tuple[str, ...]
    changes: Rows[DnsChange] = hidden(None)

    @property
    def records(self) -> tuple[DnsRecord, ...]:
        """The records to publish now."""
        return tuple(change.record for change in self.changes if change.record and change.action in _TO_PASTE)

    @property
    def zone_text(self) -> str:
        """The plan as lines of a zone file; :func:`mailkit.network.parse_paste` reads it back."""
        return "\n".join(change.zone_line for change in self.changes if change.action is not Action.THERE)

    @property
    def findings(self) -> Rows[Finding]:
        """A finding for each record: ``pass`` once it is published; optional ones are ``info``."""
        return Rows(Finding, map(self._finding, self.changes), caption=self.changes.caption)

    def _finding(self, change: DnsChange) -> Finding:
        fix = paste(change.record) if change.record and change.action in _TO_PASTE else ""
        evidence = f"{change.part}: {_SAID[change.action]}"
        verdict = _VERDICTS[change.action]
        if verdict is Verdict.FAIL and not change.needed:
            verdict = Verdict.INFO
        return Finding(
            "service record", change.name, verdict, evidence, change.note or change.why, fix,
            lesson=LESSON, domain=self.domain,
        )  # fmt: skip

    @property
    def ticket(self) -> Sentence:
        """The whole plan as a text for the DNS team."""
        zone = self.zone or "not known, since the DNS did not say"
        lines = [f"{self.service} is to send mail for {self.domain}. Zone: {zone}.", ""]
        for number, change in enumerate(self._open(), 1):
            lines += [f"{number}. {_SAID[change.action]}: {change.part}, {change.why}", *_spelled(change), ""]
        lines += [f"Already there: {change.rdtype} at {change.name}" for change in self._done()]
        return Sentence("\n".join([*lines, *self.notes]).strip())

    def _open(self) -> Iterable[DnsChange]:
        return (change for change in self.changes if change.action is not Action.THERE)

    def _done(self) -> Iterable[DnsChange]:
        return (change for change in self.changes if change.action is Action.THERE)


_SAID = {
    Action.THERE: "published",
    Action.ADD: "to be added",
    Action.REPLACE: "to be put in place of the v=spf1 record that is there",
    Action.CONFLICT: "not to be added: something else stands there",
    Action.WAITS: "waits for a value from the service's panel",
    Action.BLOCKED: "not to be published: it was tried, and breaks something",
    Action.OPTIONAL: "optional",
    Action.UNKNOWN: "the DNS does not say what stands there now",
}


def _spelled(change: DnsChange) -> list[str]:
    lines = [f"   {change.note}"] if change.note else []
    lines += [f"   Name: {change.name} (in the zone: {change.relative})"]
    lines += [f"   Zone file: {change.zone_line}", f"   Web form: {change.web_form}"]
    if change.action in _TO_PASTE:
        lines += [f"   Verify: {change.verify}", f"   Undo: {change.undo}"]
    return lines
