"""The command: ``python -m mailkit.report DOMAIN …`` prints a report, or writes it to files of several kinds."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from mailkit.report.auditing import audit
from mailkit.report.comparing import compare, earlier
from mailkit.report.files import opened, write_csv, write_json, write_text
from mailkit.report.page import to_html
from mailkit.report.portfolio import PortfolioDomain, portfolio
from mailkit.report.subject import domain_name
from mailkit.report.ticket import ticket
from mailkit.report.wording import changed, summary
from mailkit.results import Finding, Rows, Verdict

__all__ = ["main", "status_of"]

# Reserved names (RFC 2606; example.jp likewise by its registry): the command looks for them in the practice internet.
_PRACTICE_DOMAINS = (".example", ".example.com", ".example.net", ".example.org", ".example.jp")

WELL, FAILED, USAGE, UNKNOWN, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 130, 141
_STATUS = f"""exit status:
  {WELL}  nothing failed and everything could be seen; there may be warnings
  {FAILED}  something failed
  {USAGE}  the command was not understood, or a file cannot be written
  {UNKNOWN}  nothing failed, but something could not be seen from here
  With --since it is that of the whole report, not of what changed.

On the internet, MAILKIT_NAMESERVERS names other name servers to ask, and
MAILKIT_VIA a SOCKS5 proxy to look from.  In CSV, a cell that a spreadsheet would
take for a formula begins with an apostrophe.
"""
# For consoles whose character set has no marks (cp932, cp1252): the word beside the mark says the same.
_MARKS_IN_ASCII = str.maketrans({"✓": "+", "✗": "x", "…": "...", "→": "->", "–": "-"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    written = [path for path in (options.csv, options.json, options.html, options.ticket, options.store) if path]
    if len(set(written)) < len(written):
        options.error("--csv, --json, --html, --ticket and --store name the same file")
    if not options.domain and not options.portfolio:
        options.error("name a domain, or a --portfolio")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a console may lack what a domain is written in
    try:
        status = _run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # once more, and it ends at once
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as "head", has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mailkit.report",
        description="Audit mail domains: what the lessons check, with what to do and to paste.\nNo mail is sent.",
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("domain", nargs="*", help="such as kaisha.example; names in other scripts as they are written")
    parser.add_argument(
        "--portfolio", type=Path, metavar="FILE", help="more domains, with what is known of them: a CSV or TOML file"
    )
    parser.add_argument(
        "--network", choices=("lab", "internet"), help="default: lab for the reserved names, else internet"
    )
    parser.add_argument("--vantage", help="the place to look from, such as home in the practice internet")
    parser.add_argument("--selector", action="append", help="a DKIM selector (s=); may be given several times")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the findings as CSV")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as one HTML file")
    parser.add_argument("--ticket", type=Path, metavar="FILE", help="write what the DNS team is to publish")
    parser.add_argument("--since", type=Path, metavar="FILE", help="print only what changed since this file of --json")
    parser.add_argument("--dns-only", action="store_true", help="ask no server but the DNS; fast for many domains")
    parser.add_argument(
        "--own-servers", action="store_true", help="compare the resolver's answers with the zone's own name servers"
    )
    parser.add_argument("--store", type=Path, metavar="FILE", help="keep the findings in SQLite; go on after a break")
    parser.set_defaults(error=parser.error)
    return parser


def _run(options: argparse.Namespace) -> int:
    import mailkit

    with ExitStack() as files:
        before: Sequence[Finding] | None = None
        try:
            domains = [*options.domain, *(portfolio(options.portfolio) if options.portfolio else ())]
            before = earlier(options.since) if options.since else None  # before --json may write to the same file
        except (OSError, ValueError) as error:
            options.error(str(error))
        try:
            csv, as_json, page, ask = (
                files.enter_context(opened(p)) if p else None
                for p in (options.csv, options.json, options.html, options.ticket)
            )
        except OSError as error:
            options.error(f"cannot write {error.filename}: {error.strerror}")
        practice = _in_practice([item.domain if isinstance(item, PortfolioDomain) else item for item in domains])
        try:
            net = mailkit.connect(options.network or ("lab" if practice else "internet"), vantage=options.vantage)
            found = audit(
                domains if options.portfolio or len(domains) > 1 else domains[0],
                net=net,
                selectors=options.selector,
                dns_only=options.dns_only,
                own_servers=options.own_servers,
                store=options.store,
                progress=before is None,
            )
        except BrokenPipeError:  # no reader of the progress any more
            raise
        except (ValueError, OSError) as error:  # what was asked for, or the store
            options.error(str(error))
        if csv:
            write_csv(found, csv, net=net)
        if as_json:
            write_json(found, as_json, net=net)
        if page:
            write_text(to_html(found), page)
        if ask:
            write_text(ticket(found), ask)
    _say(summary(found) if before is None else changed(compare(before, found)))
    return status_of(found)


def _in_practice(names: Iterable[str]) -> bool:
    """Return whether all *names* are reserved ones; what is no domain name decides nothing."""
    proper = []
    for name in names:
        with suppress(ValueError):
            proper.append(f".{domain_name(name)}")
    return all(name.endswith(_PRACTICE_DOMAINS) for name in proper)


def status_of(found: Rows[Finding]) -> int:
    """Return the exit status for *found*: see the help of the command."""
    verdicts = {finding.verdict for finding in found}
    return FAILED if Verdict.FAIL in verdicts else UNKNOWN if Verdict.UNKNOWN in verdicts else WELL


def _say(text: str) -> None:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = text.translate(_MARKS_IN_ASCII)
    print(text)


if __name__ == "__main__":
    sys.exit(main())
