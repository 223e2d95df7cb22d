"""A ticket for whoever runs the DNS: the records to publish, and why, in plain text for a mail or a form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailkit.network.exchangers import inside
from mailkit.network.records import DnsRecord, parse_paste
from mailkit.network.together import ALSO_MENDS
from mailkit.report.wording import in_own_letters
from mailkit.results import Finding, Verdict, visible

__all__ = ["ticket"]

_WORK = (Verdict.FAIL, Verdict.WARN)


def ticket(findings: Iterable[Finding]) -> str:
    """Return what to ask of the DNS team: each record that a fail or warn offers, once, with reason and condition.

    Each takes the place of the record of that kind which is there now.  "" when there is nothing to publish: what is
    left then is not the DNS team's.
    """
    wanted: dict[str, dict[DnsRecord, list[Finding]]] = {}
    for finding in findings:
        if finding.verdict in _WORK:
            for record in _records(finding.fix):
                wanted.setdefault(finding.domain, {}).setdefault(record, []).append(finding)
    parts = ["\n".join(_about(domain, records)) for domain, records in wanted.items()]
    if not parts:
        return ""
    count = sum(len(records) for records in wanted.values())
    head = f"Please publish {'this record' if count == 1 else f'these {count} records'}."
    each = "Each takes the place of the record of the same kind that is at that name now; other records there stay."
    return "\n\n".join([f"{head} {each}", *parts]) + "\n"


def _records(fix: str) -> tuple[DnsRecord, ...]:
    try:
        return parse_paste(fix)
    except ValueError:  # a setting of a mail server, or a command
        return ()


def _about(domain: str, records: dict[DnsRecord, list[Finding]]) -> Iterator[str]:
    yield f"Domain {in_own_letters(domain)}"
    for number, (record, findings) in enumerate(records.items(), 1):
        yield f"\n{number}. {record.zone_line}"
        if not inside(record.name, domain):
            yield "   whose: not below this domain; pass it on to whoever runs its zone"
        for finding in findings:
            yield f"   why: {finding.check}: {visible(finding.evidence, 500)}"
            if note := finding.advice.partition(ALSO_MENDS)[0].strip():
                yield f"   note: {visible(note, 500)}"
            if finding.reference:
                yield f"   see: {finding.reference}"
