"""The DNS part of reports on many domains: their questions are asked beforehand, hundreds at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from mailkit.network import Network, health
from mailkit.network.memory import Memory
from mailkit.network.prefetching import Missing, Question, run_all
from mailkit.report.checks import Check, about_nothing, about_the_resolver, guarded
from mailkit.report.portfolio import PortfolioDomain
from mailkit.report.questions import first_questions, following_questions
from mailkit.report.roles import accepted, role_checks
from mailkit.report.subject import Subject, domain_name
from mailkit.results import Finding, Verdict, visible

__all__ = ["Found", "Numbered", "about_no_name", "dns_part"]

Numbered = tuple[int, PortfolioDomain]
Found = tuple[int, list[Finding]]

MOST_ANSWERS = 20_000  # in the memory: those of 200 domains under way, and what domains share


@dataclass
class _Job:
    """One domain, and what was found out about it so far, check by check."""

    position: int
    entry: PortfolioDomain
    domain: str
    found: dict[str, list[Finding]] = field(default_factory=dict)


def dns_part(
    entries: Iterable[Numbered | None], *, net: Network, checks: Mapping[str, Check], memory: Memory | None = None
) -> Iterator[list[Found]]:
    """Yield the position of each of *entries* and the findings on it, as they are done: a few together, often none.

    No server but the DNS is asked.  *memory* may be that of other domains.  Where the resolver is silent or lies, that
    is the one finding on each domain.  An entry that is None says that there is none just now, but will be.
    """
    net = replace(net, memory=memory or Memory(MOST_ANSWERS))
    explanation = health.trouble(net)
    jobs = (None if numbered is None else _Job(*numbered, _name(numbered[1])) for numbered in entries)

    def first(job: _Job) -> Iterable[Question]:
        proper = job.domain and not explanation
        return first_questions(job.domain, job.entry.selectors, checks) if proper else ()

    def work(job: _Job, net: Network) -> list[Finding]:
        if not job.domain:
            return [about_no_name(job.entry.domain)]
        subject = Subject(job.domain, job.entry.domain, net, job.entry.selectors, dns_only=True)
        if explanation:
            return [replace(about_the_resolver(subject, explanation, checks), domain=job.domain)]
        return _judged(job, subject, checks)

    for done in run_all(jobs, first=first, following=following_questions, work=work, net=net):
        yield [(job.position, findings) for job, findings in done]


def _name(entry: PortfolioDomain) -> str:
    """Return the name of *entry* in A-labels, "" for what is none."""
    try:
        return domain_name(entry.domain)
    except ValueError:
        return ""


def _judged(job: _Job, subject: Subject, checks: Mapping[str, Check]) -> list[Finding]:
    """Return the findings of all *checks*; raises Missing for what all those that cannot go on need."""
    if nothing := about_nothing(subject, checks):
        return accepted(job.entry, [replace(nothing, domain=job.domain)])
    parts = {**checks, **role_checks(job.entry)}
    missing: list[Question] = []
    for lesson, check in parts.items():
        if lesson not in job.found:
            try:
                job.found[lesson] = guarded(lesson, check, subject)
            except Missing as needs:
                missing += needs.questions
    if missing:
        raise Missing(missing)
    findings = [replace(f, domain=job.domain) for lesson in parts for f in job.found[lesson]]
    return accepted(job.entry, findings)


def about_no_name(written: object) -> Finding:
    """Return the finding on what is no domain name, in a list of several."""
    shown = visible(str(written), 80)
    try:
        domain_name(written)
        said = "no domain name"
    except (ValueError, TypeError) as error:
        said = visible(str(error))
    advice = "Correct the name in the list; the others were audited."
    reference = "RFC 1035 section 2.3.1; RFC 5890 section 2.3.2"
    return Finding("domain name", shown, Verdict.UNKNOWN, said, advice, "", reference, "00_start_here", shown)
