"""A report as one HTML file: nothing is fetched, nothing runs, and it prints on paper, from a dark screen too.

All that a server or a record says is escaped; the page forbids scripts and requests to itself besides (CSP).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from mailkit.report.bulk import Readiness, readiness
from mailkit.report.wording import alike, counted, in_own_letters, to_do
from mailkit.results import BADGES, Finding, Rows, Verdict, visible
from mailkit.results.scoring import Score, scores, total

__all__ = ["to_html"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --quiet: #57606a; --line: #d0d7de; --code: #f3f5f7 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #16191d; --quiet: #a3acb5; --line: #3a424a; --code: #20252b }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem; max-width: 60rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.3rem; margin: 2rem 0 .5rem }
h3 { font-size: 1.1rem; margin: 1.5rem 0 .5rem } h4 { font-size: 1rem; margin: 0 }
p { margin: .25rem 0 } .advice { padding-left: 1.1em; text-indent: -1.1em } .advice::before { content: "→ " }
.quiet { color: var(--quiet); font-size: .9rem }
table { border-collapse: collapse; margin: .75rem 0 }
th, td { text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line) }
td.n { text-align: right; font-variant-numeric: tabular-nums } td.m { white-space: nowrap }
td:first-child { min-width: 9em }
article { border-top: 1px solid var(--line); padding: .75rem 0; overflow-wrap: anywhere }
pre { background: var(--code); padding: .6rem; border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere;
  font: .85rem/1.4 ui-monospace, monospace }
.badge { display: inline-block; border-radius: 4px; padding: 0 .5em; margin-right: .5em; color: #fff; font-weight: 600;
  white-space: nowrap; print-color-adjust: exact; -webkit-print-color-adjust: exact }
details > summary { cursor: pointer; margin: .75rem 0 }
@media (max-width: 40rem) { body { padding: 1rem } table { display: block; overflow-x: auto } }
@page { margin: 16mm }
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --quiet: #444; --line: #bbb; --code: #f3f3f3 }
  body { max-width: none; padding: 0; font-size: 10pt } article { padding: .5rem 0 }
  article, tr { break-inside: avoid } h2, h3 { break-after: avoid }
  section + section { break-before: page }
}
"""
_CSP = "default-src 'none'; style-src 'unsafe-inline'"
_COUNTED = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.INFO, Verdict.PASS)
_HEADS = ("lesson", "marks", *(str(verdict) for verdict in _COUNTED))


def to_html(findings: Rows[Finding], *, title: str = "Report on mail domains") -> str:
    """Return *findings* as the text of one HTML file; write it with ``encoding="utf-8"``.

    Domain by domain: the marks, then what needs work first with what to paste, what large receivers demand of bulk
    senders, at the end what passes.
    """
    parts = alike(findings)
    body = "".join(_section(number, domains, some) for number, (domains, some) in enumerate(parts))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style></head>\n<body>\n<h1>{_text(title)}</h1>\n"
        f'<p class="quiet">{_text(findings.caption)}. {_text(counted(findings))}. Marks are the checks that pass of '
        "those that can fail; what cannot be seen from there is unknown, and counts for nothing.</p>\n"
        f"{_contents(parts)}{body}</body></html>\n"
    )


def _contents(parts: Sequence[tuple[list[str], list[Finding]]]) -> str:
    lines = [
        f'<tr><td><a href="#d{number}">{_text(in_own_letters(domain))}</a></td>{_marks(total(some, domains[0]))}</tr>'
        for number, (domains, some) in enumerate(parts)
        for domain in domains
    ]
    if len(lines) < 2:
        return ""
    return _table(("domain", *_HEADS[1:]), lines)


def _section(number: int, domains: Sequence[str], some: list[Finding]) -> str:
    heading = ", ".join(in_own_letters(domain) for domain in domains)
    rows = [f"<tr><td>{_text(score.lesson)}</td>{_marks(score)}</tr>" for score in scores(some)]
    rows.append(f"<tr><th>all</th>{_marks(total(some, domains[0]))}</tr>")
    rest = [finding for finding in some if finding.verdict is Verdict.INFO]
    well = [finding for finding in some if finding.verdict is Verdict.PASS]
    return (
        f'<section id="d{number}"><h2>{_text(heading, 20_000)}</h2>\n{_table(_HEADS, rows)}'
        f"{_articles('What is left to do', to_do(Rows(Finding, some)))}{_articles('For your information', rest)}"
        f"{_demanded(readiness(some))}{''.join(_passed(well))}</section>\n"
    )


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>\n"


def _marks(score: Score) -> str:
    counts = (score.failed, score.warned, score.unknown, score.noted, score.passed)
    cells = "".join(f'<td class="n">{count or ""}</td>' for count in counts)
    return f'<td class="m">{_badge(score.judged)}{_text(score.marks)}</td>{cells}'


def _badge(verdict: Verdict) -> str:
    mark, colour = BADGES[verdict]
    return f'<span class="badge" style="background:{colour}">{mark} {verdict}</span>'


def _articles(heading: str, some: Sequence[Finding]) -> str:
    return f"<h3>{_text(heading)}</h3>\n{''.join(map(_article, some))}" if some else ""


def _article(finding: Finding) -> str:
    parts = [f"<h4>{_badge(finding.verdict)}{_text(finding.check)}: {_text(finding.subject)}</h4>"]
    parts.append(f"<p>{_text(finding.evidence)}</p>" if finding.evidence else "")
    parts.append(f'<p class="advice">{_text(finding.advice)}</p>' if finding.advice else "")
    if finding.fix:
        lines = "\n".join(_text(line, 4000) for line in finding.fix.splitlines())
        parts.append(f"<pre>{lines}</pre>")
    where = "; ".join(
        part for part in (finding.reference, f"lesson {finding.lesson}" if finding.lesson else "") if part
    )
    parts.append(f'<p class="quiet">{_text(where)}</p>' if where else "")
    return f"<article>{''.join(parts)}</article>\n"


def _demanded(rows: Sequence[Readiness]) -> str:
    """Return which demands of large receivers are met, those at the end that the DNS cannot show.

    "" for a domain of which nothing is demanded, and for one about which nothing can be said.
    """
    if all(row.verdict in (Verdict.UNKNOWN, Verdict.INFO) for row in rows):
        return ""
    demands: dict[str, list[Readiness]] = {}
    for row in sorted(rows, key=lambda row: row.verdict is Verdict.UNKNOWN):
        demands.setdefault(row.demand, []).append(row)
    lines = []
    for demand, same in demands.items():
        cells = (_text(demand), _badge(same[0].verdict), _text(_demanders(same)), _text(same[0].evidence))
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    dates = sorted(row.as_of for row in rows)
    said = f"As known between {dates[0]} and {dates[-1]}; data/bulk_demands.csv has the source of each."
    table = _table(("demand", "here", "demanded by", "seen"), lines)
    return f'<h3>What large receivers demand</h3>\n<p class="quiet">{_text(said)}</p>\n{table}'


def _demanders(rows: Sequence[Readiness]) -> str:
    """Return who demands it of bulk senders, and who of everybody."""
    bulk = [row.receiver for row in rows if row.of != "all senders"]
    everybody = [row.receiver for row in rows if row.of == "all senders"]
    parts = [f"{', '.join(who)} of {whom}" for who, whom in ((bulk, "bulk senders"), (everybody, "all")) if who]
    return ", ".join(parts)


def _passed(well: list[Finding]) -> Iterator[str]:
    if well:
        rows = [
            f"<tr><td>{_text(f.check)}</td><td>{_text(f.subject)}</td><td>{_text(f.evidence)}</td></tr>" for f in well
        ]
        table = _table(("check", "subject", "seen"), rows)
        yield f"<details open><summary>{len(well)} that pass</summary>{table}</details>"


def _text(text: str, limit: int = 2000) -> str:
    return html.escape(visible(text, limit))
