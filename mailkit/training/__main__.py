"""The command line: ``python -m mailkit.training``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mailkit.sections import ROOT, lessons
from mailkit.training import answers, refreshed

__all__ = ["main"]

PLANS = ("TRAINING.md", "TRAINING.ja.md")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return 0, or 2 with a sentence where a lesson is not there."""
    parser = argparse.ArgumentParser(prog="python -m mailkit.training", description="What a trainer wants at hand.")
    commands = parser.add_subparsers(dest="command", required=True)
    for_answers = commands.add_parser("answers", help="the answers to every prediction and exercise, as Markdown")
    for_answers.add_argument("names", nargs="*", metavar="NAME", help="a lesson, such as 04_spf; without it, all")
    commands.add_parser("refresh", help="write the lessons' minutes anew into TRAINING.md and TRAINING.ja.md")
    options = parser.parse_args(arguments)
    if options.command == "refresh":
        for path in (root / name for name in PLANS):
            path.write_text(refreshed(path.read_text(encoding="utf-8"), path.name, root), encoding="utf-8")
        return 0
    known = {lesson.stem: lesson for lesson in lessons(root)}
    missing = [name for name in options.names if name not in known]
    if missing:
        print(f"No such lesson: {', '.join(missing)}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    print("# Answers to the predictions and exercises\n")
    for name in options.names or known:
        print(answers(known[name]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
