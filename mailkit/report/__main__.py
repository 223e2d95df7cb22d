"""The command: ``python -m mailkit.report DOMAIN …`` prints a report, ``--csv`` and ``--json`` write it to a file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mailkit.report.auditing import audit, summary

# Reserved names (RFC 2606; example.jp likewise by its registry): the command looks for them in the practice internet.
_PRACTICE_DOMAINS = (".example", ".example.com", ".example.net", ".example.org", ".example.jp")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    import mailkit

    parser = argparse.ArgumentParser(prog="python -m mailkit.report", description="Audit mail domains.")
    parser.add_argument("domain", nargs="+")
    parser.add_argument(
        "--network", choices=("lab", "internet"), help="default: lab for the reserved names, else internet"
    )
    parser.add_argument("--vantage", help="the place to look from")
    parser.add_argument("--selector", action="append", help="a DKIM selector; may be given several times")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the findings as CSV")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings as JSON")
    options = parser.parse_args(arguments)
    practice = all(f".{name.rstrip('.').lower()}".endswith(_PRACTICE_DOMAINS) for name in options.domain)
    try:
        net = mailkit.connect(options.network or ("lab" if practice else "internet"), vantage=options.vantage)
        found = audit(options.domain, net=net, selectors=options.selector, progress=len(options.domain) > 1)
    except ValueError as error:
        parser.error(str(error))
    print(summary(found))
    if options.csv:
        found.frame.to_csv(options.csv, index=False)
    if options.json:
        found.frame.to_json(options.json, orient="records", indent=2, force_ascii=False)


if __name__ == "__main__":
    main()
