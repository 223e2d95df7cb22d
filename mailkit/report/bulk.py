"""Whether a domain is ready for what large receivers demand of bulk senders, as far as a report can show it.

The demands are those of ``data/bulk_demands.csv``, each with its source.  Nothing is looked up here: the answers are
the findings of a report.  What only a message or the receiver's own statistics show stays unknown, and says where to
look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mailkit import datasets, op25b, spf
from mailkit.report.wording import by_domain
from mailkit.results import Finding, Record, Rows, Verdict

__all__ = ["Readiness", "readiness"]

Answer = tuple[Verdict, str]

_FATAL = {"SPF record", "SPF syntax", "SPF lookups", "SPF void lookups", "SPF includes", "SPF mx hosts"}
_BAD = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)


@dataclass(frozen=True)
class Readiness(Record):
    """Whether *domain* meets one demand of one receiver; ``of`` says of whom it is demanded."""

    domain: str
    receiver: str
    demand: str
    of: str
    verdict: Verdict
    evidence: str
    source: str
    as_of: str


def readiness(findings: Iterable[Finding]) -> Rows[Readiness]:
    """Return the demands of Gmail, Yahoo, Microsoft, iCloud and docomo, held against *findings*, domain by domain.

    *findings* are the rows of a report with the lessons 01, 04, 05 and 06, with ``dns_only`` or without.  Of a domain
    that says that it sends no mail nothing is demanded: ``info``.
    """
    rows = []
    demands = datasets.load("bulk_demands").to_dict("records")
    for domain, some in by_domain(findings).items():
        answers = {demand: answer(some) for demand, answer in _ANSWERS.items()}
        if whole := _whole(some):
            answers |= dict.fromkeys(_ANSWERS if whole[0] is Verdict.INFO else _IN_THE_DNS, whole)
        for demand in demands:
            verdict, evidence = answers[str(demand["demand"])]
            cells = {str(name): str(value) for name, value in demand.items()}
            rows.append(Readiness(domain, verdict=verdict, evidence=evidence, **cells))
    return Rows(Readiness, rows, caption=getattr(findings, "caption", ""))


def _whole(some: list[Finding]) -> Answer | None:
    """Return the one answer for a domain that sends nothing, does not exist, or could not be asked about."""
    for finding in some:
        if finding.check == "SPF all" and spf.NO_MAIL in finding.evidence:
            return Verdict.INFO, "the domain says that it sends no mail (v=spf1 -all)"
        if finding.check == "domain" or (finding.check in ("name servers", "domain name") and len(some) == 1):
            return finding.verdict, finding.evidence.partition(": nothing of ")[0]
    return None


def _spf(some: list[Finding]) -> Answer:
    seen = [finding for finding in some if finding.check in _FATAL]
    worst = next((f for verdict in _BAD[:2] for f in seen if f.verdict is verdict), None)
    if worst:
        return worst.verdict, worst.evidence
    record = next((finding for finding in seen if finding.check == "SPF record"), None)
    return (Verdict.PASS, record.evidence) if record else _not_asked("04_spf")


def _dkim(some: list[Finding]) -> Answer:
    keys = [finding for finding in some if finding.check == "DKIM key"]
    for verdict in (Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL):
        if key := next((finding for finding in keys if finding.verdict is verdict), None):
            return verdict, f"{key.subject}: {key.evidence}"
    rest = next((finding for finding in some if finding.check == "DKIM selectors"), None)
    if rest is None:
        return _not_asked("05_dkim")
    return (Verdict.FAIL if rest.verdict is Verdict.WARN else Verdict.UNKNOWN), rest.evidence


def _dmarc(some: list[Finding]) -> Answer:
    record = next((finding for finding in some if finding.check == "DMARC record"), None)
    if record is None:
        return _not_asked("06_dmarc")
    syntax = next((f for f in some if f.check == "DMARC syntax" and f.verdict is Verdict.FAIL), None)
    if syntax:
        return Verdict.WARN, syntax.evidence
    good = record.verdict in (Verdict.PASS, Verdict.INFO)
    return (Verdict.PASS if good else record.verdict), record.evidence


def _reachable(some: list[Finding]) -> Answer:
    exchangers = next((finding for finding in some if finding.check == "MX"), None)
    if exchangers is None:
        return _not_asked("01_op25b")
    if exchangers.evidence.startswith(op25b.NULL_MX):  # it may send, but nobody can answer
        return Verdict.FAIL, exchangers.evidence
    worst = exchangers.verdict
    return (worst if worst in (Verdict.FAIL, Verdict.UNKNOWN) else Verdict.PASS), exchangers.evidence


def _not_asked(lesson: str) -> Answer:
    return Verdict.UNKNOWN, f"the report did not ask: it needs the checks of {lesson}"


def _unseen(where: str) -> Callable[[list[Finding]], Answer]:
    return lambda some: (Verdict.UNKNOWN, f"not to be seen in the DNS of the domain: {where}")


_ANSWERS: dict[str, Callable[[list[Finding]], Answer]] = {
    "SPF": _spf,
    "DKIM": _dkim,
    "DMARC": _dmarc,
    "A or MX": _reachable,
    "alignment": _unseen("look at a message with report.from_message()"),
    "reverse DNS": _unseen("ask about the addresses that send, with op25b.reverse()"),
    "TLS": _unseen("the sending server decides; the receiver's Received field says whether it used TLS"),
    "one-click unsubscribe": _unseen("look at a message with report.from_message()"),
    "few complaints": _unseen("the receivers' own statistics show it, such as Google's Postmaster Tools"),
}
_IN_THE_DNS = ("SPF", "DKIM", "DMARC", "A or MX")
