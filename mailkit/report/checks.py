"""What a report is made of: each lesson's checks, all asked in the same way and none able to break the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mailkit import dkim, dmarc, mailboxes, op25b, services, smtp_auth, spf, tls, transport_policy
from mailkit.network import Answer, Status, health
from mailkit.network.parallel import each
from mailkit.network.together import put_together
from mailkit.report.subject import Subject
from mailkit.results import Finding, Rows, Verdict, visible

__all__ = [
    "ANOTHER_RESOLVER",
    "CHECKS",
    "DNS_ALONE",
    "Check",
    "about_nothing",
    "about_the_resolver",
    "guarded",
    "run",
    "select",
]

Check = Callable[[Subject], Iterable[Finding]]

CHECKS: dict[str, Check] = {
    "01_op25b": lambda subject: op25b.findings(subject.domain, net=subject.net, dns_only=subject.dns_only),
    "02_smtp_auth": lambda subject: smtp_auth.findings(subject.domain, net=subject.net),
    "03_tls": lambda subject: tls.findings(subject.domain, net=subject.net),
    "04_spf": lambda subject: spf.lint(subject.domain, net=subject.net),
    "05_dkim": lambda subject: dkim.findings(subject.domain, net=subject.net, selectors=subject.selectors),
    "06_dmarc": lambda subject: dmarc.findings(subject.domain, net=subject.net),
    "07_transport_policy": lambda subject: transport_policy.findings(subject.domain, net=subject.net),
    "08_mailboxes": lambda subject: mailboxes.findings(subject.domain, net=subject.net),
    "10_services": lambda subject: services.findings(subject.domain, net=subject.net, selectors=subject.selectors),
}

# The lessons whose checks find something out where no server but the DNS is asked.
DNS_ALONE = frozenset({"01_op25b", "04_spf", "05_dkim", "06_dmarc"})

ANOTHER_RESOLVER = (
    "Look at this machine's network, or ask other name servers: mailkit.connect('internet', nameservers=[…]), or "
    "MAILKIT_NAMESERVERS."
)


def select(lessons: Sequence[str] | None, *, dns_only: bool = False) -> dict[str, Check]:
    """Return the checks of *lessons*, of all when it is None; raises ValueError that lists those there are.

    With *dns_only* there are those that the DNS alone can answer.
    """
    there = [name for name in CHECKS if not dns_only or name in DNS_ALONE]
    names = there if lessons is None else list(lessons)
    if isinstance(lessons, str) or not set(names) <= set(there):
        raise ValueError(f"lessons is a list of {', '.join(there)}" + " (with dns_only=True)" * dns_only)
    return {name: CHECKS[name] for name in names}


def run(subject: Subject, checks: dict[str, Check]) -> Rows[Finding]:
    """Return what *checks* find out about *subject*, in their order; they run at the same time.

    Where the resolver is silent or lies, nothing can be found out, and that is the one finding; so it is where there
    is no such domain, and where no word about it is to be had.  A check that breaks is a finding of its own.
    """
    if explanation := health.trouble(subject.net):
        found = [about_the_resolver(subject, explanation, checks)]
    elif nothing := about_nothing(subject, checks):
        found = [nothing]
    else:
        parts = each(lambda item: guarded(*item, subject), checks.items())
        found = [finding for part in parts for finding in part]
        found += [_about_the_time(subject)] if subject.net.deadline is not None and subject.net.deadline.over else []
    return Rows(Finding, (replace(f, domain=subject.domain) for f in found), caption=subject.net.caption)


def guarded(lesson: str, check: Check, subject: Subject) -> list[Finding]:
    """Return what *check* finds out about *subject*, with one text to paste for one name.

    A check that breaks is a finding of its own.
    """
    try:
        return put_together(
            list(check(subject)), lambda records: check(replace(subject, net=subject.net.overlay(records)))
        )
    except Exception as error:
        # Whatever a stranger's server or record made of our code: it costs one row, not the report.
        return [_about_a_broken_check(lesson, subject, error)]


def _about_a_broken_check(lesson: str, subject: Subject, error: Exception) -> Finding:
    said = visible(f"{type(error).__name__}: {error}")
    evidence = f"the check broke off, so nothing is known here ({said})"
    advice = "This is a fault of mailkit's, not of the domain: please report it, with this line."
    return Finding("report", subject.domain, Verdict.UNKNOWN, evidence, advice, lesson=lesson)


def _about_the_time(subject: Subject) -> Finding:
    evidence = "the time for this domain was used up, so what timed out may not be the fault of any server"
    return Finding("report", subject.domain, Verdict.UNKNOWN, evidence, "Run it again.", lesson="00_start_here")


def about_nothing(subject: Subject, checks: Iterable[str]) -> Finding | None:
    """Return the one finding on a domain that does not exist, or about which there is no word to be had."""
    subject.net.prefetch((subject.domain, rdtype) for rdtype in _ASKED)
    answers = [subject.net.lookup(subject.domain, rdtype) for rdtype in _ASKED]
    if answers[0].status is Status.NXDOMAIN:
        return _about_no_domain(subject, answers[0])
    if all(answer.status in (Status.SERVFAIL, Status.TIMEOUT) for answer in answers):
        return _about_no_word(subject, answers, checks)
    return None


_ASKED = ("MX", "TXT")


def _about_no_domain(subject: Subject, answer: Answer) -> Finding:
    """Return that the domain does not exist: below it there is nothing (RFC 8020)."""
    evidence = f"the domain does not exist ({answer.reason}), so there is nothing to check"
    advice = "Check the spelling; has it expired, or not been registered yet?"
    return Finding(
        "domain", subject.domain, Verdict.FAIL, evidence, advice,
        reference="RFC 5321 section 5.1; RFC 8020", lesson="01_op25b",
    )  # fmt: skip


def _about_no_word(subject: Subject, answers: Iterable[Answer], checks: Iterable[str]) -> Finding:
    """Return that a resolver that answers about others has no word about this domain.

    It may be its name servers, or its signatures: a resolver that validates answers SERVFAIL to what is bogus.
    """
    said = "; ".join(f"{answer.rdtype}: {answer.reason}" for answer in answers)
    evidence = f"no word about it, though about others ({said}): nothing of {', '.join(checks)} could be found out"
    return Finding(
        "name servers", subject.domain, Verdict.UNKNOWN, evidence, _NO_WORD,
        reference="RFC 1034 section 5.3.3; RFC 4035 section 5.5", lesson="00_start_here",
    )  # fmt: skip


_NO_WORD = (
    "Ask again later. If it stays so, mail does not find its way there: whoever runs the zone looks whether its name "
    "servers answer, and whether its DNSSEC signatures hold (dig +cd answers where only these are at fault)."
)


def about_the_resolver(subject: Subject, explanation: str, checks: Iterable[str]) -> Finding:
    """Return the finding that *explanation*, on the resolver, leaves nothing to be found out of *checks*."""
    evidence = f"{explanation}: nothing of {', '.join(checks)} could be found out"
    return Finding(
        "name servers", subject.domain, Verdict.UNKNOWN, evidence, ANOTHER_RESOLVER,
        reference="RFC 1034 section 5.3.3", lesson="00_start_here",
    )  # fmt: skip
