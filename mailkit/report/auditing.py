"""Running every lesson's checks on domains: one row a finding, whatever a domain or its servers do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

from mailkit.network import Network
from mailkit.network.parallel import each
from mailkit.report.checks import Check, select
from mailkit.report.many import Found, Numbered
from mailkit.report.own_servers import compared
from mailkit.report.portfolio import PortfolioDomain
from mailkit.report.progress import Progress
from mailkit.report.second import in_two
from mailkit.report.single import one
from mailkit.report.store import Run, Store
from mailkit.report.subject import domain_name, named
from mailkit.report.wording import counted
from mailkit.report.workers import Work, can_share, packed
from mailkit.results import Finding, Rows, visible

__all__ = ["audit", "collect"]

Domains = str | Iterable[str | PortfolioDomain]

_MOST_DOMAINS = 1000
_MOST_IN_THE_DNS = 1_000_000
_PIECE = 200  # domains that are given to an executor together, when only the DNS is asked
_PIECES = 16  # at the same time


def audit(
    domains: Domains,
    *,
    net: Network,
    selectors: Sequence[str] | None = None,
    lessons: Sequence[str] | None = None,
    dns_only: bool = False,
    own_servers: bool = False,
    store: str | Path | None = None,
    progress: bool = True,
    executor: Executor | None = None,
) -> Rows[Finding]:
    """Return the findings about each of *domains*, in their order, each with its ``domain`` in A-labels.

    A name may be written in its own letters; a :func:`portfolio` may take the place of a list.  *selectors* are the
    DKIM selectors to look for (default: the usual ones), *lessons* those whose checks to run (default: all).  With
    *dns_only* no server but the DNS is asked, hundreds of domains at the same time, and from 300 domains on in two
    processes.  With *own_servers* the resolver's answers are compared with those of each zone's own name servers.
    *store* is a SQLite file that takes the findings as they come: an interrupted run is gone on with by the same call.
    *progress* prints a line a domain, for many one line with the time that is left.  *executor* is anything with the
    interface of concurrent.futures; for processes and Dask each audit is sent there, mail servers are better given to
    threads.

    A domain takes at most 90 seconds.  What cannot be seen from the place of *net*, what is no domain name in a list of
    several, and a check that breaks are ``unknown``.

    Raises ValueError when *domains* is one text that is no domain name, an empty list or one of more than 1,000 (a
    million with *dns_only*), for an unknown lesson, what cannot be a selector and a file that is no store; TypeError
    when *selectors* is no list of texts; OSError when the store cannot be written.
    """
    entries = _entries(domains, selectors, _MOST_IN_THE_DNS if dns_only else _MOST_DOMAINS)
    checks = select(lessons, dns_only=dns_only)
    numbered = list(enumerate(entries))
    if store is not None:
        with closing(Store(store, entries, _wanted(checks, own_servers), net)) as kept:
            _fill(kept, numbered, net, checks, dns_only, own_servers, progress, executor)
            rows = Rows(Finding, kept.findings(), caption=net.caption)
    else:
        told = _telling(entries, 0, progress)
        parts: dict[int, list[Finding]] = {}
        with closing(_found(numbered, net, checks, dns_only, own_servers, executor)) as coming:
            for some in coming:
                parts.update(some)
                told(some)
        rows = Rows(Finding, (f for position in sorted(parts) for f in parts[position]), caption=net.caption)
    return _without_domain(rows) if len(entries) == 1 else rows


def collect(
    domains: Domains,
    *,
    net: Network,
    store: str | Path,
    selectors: Sequence[str] | None = None,
    lessons: Sequence[str] | None = None,
    dns_only: bool = False,
    own_servers: bool = False,
    progress: bool = True,
    executor: Executor | None = None,
) -> Run:
    """Do what :func:`audit` does with *store*, and return what was run instead of all findings.

    They stay in the file, so that the memory it takes does not grow with the number of domains.
    """
    entries = _entries(domains, selectors, _MOST_IN_THE_DNS if dns_only else _MOST_DOMAINS)
    checks = select(lessons, dns_only=dns_only)
    with closing(Store(store, entries, _wanted(checks, own_servers), net)) as kept:
        _fill(kept, list(enumerate(entries)), net, checks, dns_only, own_servers, progress, executor)
        return kept.run()


def _entries(domains: Domains, selectors: Sequence[str] | None, most: int) -> list[PortfolioDomain]:
    if not isinstance(domains, Iterable):
        raise TypeError(f"domains is a domain name or a list of them, not {domains!r}")
    given: list[str | PortfolioDomain] = [domains] if isinstance(domains, str) else list(domains)
    if not given or len(given) > most:
        raise ValueError(f"domains is 1 to {most:,} domain names: audit('kaisha.example', net=net)")
    if isinstance(domains, str):
        domain_name(domains)
    usual = named(selectors)
    return [
        dataclasses.replace(item, selectors=item.selectors or usual)
        if isinstance(item, PortfolioDomain)
        else PortfolioDomain(item, selectors=usual)
        for item in given
    ]


def _fill(
    kept: Store,
    numbered: Sequence[Numbered],
    net: Network,
    checks: Mapping[str, Check],
    dns_only: bool,
    own_servers: bool,
    progress: bool,
    executor: Executor | None,
) -> None:
    """Audit those of *numbered* that are not in the store yet, and write each there as soon as it is done."""
    told = _telling([entry for _, entry in numbered], len(kept.done), progress)
    left = [item for item in numbered if item[0] not in kept.done]
    # Closed at once where storing or an interrupt ends it: a traceback would keep it, and what it has begun, alive.
    with closing(_found(left, net, checks, dns_only, own_servers, executor)) as coming:
        for some in coming:
            kept.save(some)
            told(some)


def _telling(entries: Sequence[PortfolioDomain], done: int, progress: bool) -> Callable[[Sequence[Found]], None]:
    if not progress:
        return lambda some: None
    bar = Progress(len(entries), done)

    def tell(some: Sequence[Found]) -> None:
        for position, findings in some:
            bar.step(partial(_in_a_line, entries[position], findings))

    return tell


def _in_a_line(entry: PortfolioDomain, findings: list[Finding]) -> str:
    return f"{visible(str(entry.domain), 80)}, {counted(findings)}"


def _wanted(checks: Iterable[str], own_servers: bool) -> list[str]:
    """Return what a run is asked for, beside its domains: another wish is another run."""
    return [*checks, *(["own servers"] if own_servers else [])]


def _found(
    numbered: Sequence[Numbered],
    net: Network,
    checks: Mapping[str, Check],
    dns_only: bool,
    own_servers: bool,
    executor: Executor | None,
) -> Generator[Sequence[Found], None, None]:
    """Yield the findings on each of *numbered* as they come, what comes together at once."""
    entries = dict(numbered)

    def confirmed(found: Found) -> Found:
        position, findings = found
        return position, compared(entries[position], findings, net=net, checks=checks)

    for some in _audited(numbered, net, checks, dns_only, executor):
        yield each(confirmed, some) if own_servers else some


def _audited(
    numbered: Sequence[Numbered], net: Network, checks: Mapping[str, Check], dns_only: bool, executor: Executor | None
) -> Iterator[Sequence[Found]]:
    if executor is not None:
        yield from _given_to(executor, numbered, net, checks, dns_only)
    elif dns_only:
        yield from in_two(numbered, net=net, checks=checks)
    else:
        shared = net.remembering()
        yield from ([(position, one(entry, net=shared, checks=checks))] for position, entry in numbered)


def _given_to(
    executor: Executor, numbered: Sequence[Numbered], net: Network, checks: Mapping[str, Check], dns_only: bool
) -> Iterator[Sequence[Found]]:
    """Yield what *executor* makes of *numbered*, a few pieces at a time, so that neither side holds all of them."""
    shared = net.remembering() if can_share(executor) else packed(net)
    size = _PIECE if dns_only else 1
    pieces = (tuple(numbered[at : at + size]) for at in range(0, len(numbered), size))
    work = (Work(shared, piece, tuple(checks), dns_only) for piece in pieces)
    waiting: set[Future[list[Found]]] = {executor.submit(piece) for piece in islice(work, _PIECES)}
    try:
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
            waiting |= {executor.submit(piece) for piece in islice(work, len(done))}
    finally:
        for future in waiting:
            future.cancel()


def _without_domain(rows: Rows[Finding]) -> Rows[Finding]:
    """Return *rows* such that a table of one domain does not repeat it in each line."""
    names = [field.name for field in dataclasses.fields(Finding) if field.name != "domain"]
    return rows.show(*(name for name in names if any(getattr(row, name) for row in rows)))
