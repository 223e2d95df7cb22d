"""The edition to read: the stored lessons as pages, written by Sphinx, with no cell executed and no page fetched.

This module makes Sphinx's source folder.  A stored lesson becomes one in which each question stands before its answer
and the answer is folded away: what a cell with ``reveal`` showed, and what the text says about it.  Behind the
exercises stand their hints and solutions, folded too.  The indexes of terms and of RFCs are read from the same texts.

    python book/edition.py FOLDER     build the book in FOLDER, its source in FOLDER-source
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from folding import folded
from indexes import rfcs_page, terms_page
from sphinx.cmd.build import build_main

from mailkit import workbook

__all__ = ["build", "main", "prepare"]

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("index.md", "cheat_sheet.md", "commands.md")


def prepare(source: Path, root: Path = ROOT) -> None:
    """Write the source of the book into the folder *source*, anew."""
    shutil.rmtree(source, ignore_errors=True)
    (source / "lessons").mkdir(parents=True)
    for page in PAGES:
        shutil.copy(root / "book" / page, source)
    lessons = workbook.lessons(root)
    for lesson in lessons:
        text = workbook.as_text(folded(lesson))
        (source / "lessons" / lesson.name).write_text(text, encoding="utf-8", newline="\n")
    (source / "terms.md").write_text(terms_page(lessons), encoding="utf-8", newline="\n")
    (source / "rfcs.md").write_text(rfcs_page(lessons), encoding="utf-8", newline="\n")


def build(folder: Path, root: Path = ROOT) -> int:
    """Build the book as HTML in *folder*; return Sphinx's exit status, which a warning makes an error."""
    source = folder.with_name(f"{folder.name}-source")
    prepare(source, root)
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--quiet", "--fail-on-warning", "--fresh-env", "--conf-dir", str(root / "book")]
    return build_main([*options, "--doctree-dir", str(source / ".doctrees"), str(source), str(folder)])


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit status."""
    folder = Path(arguments[0])
    status = build(folder)
    if not status:
        print(f"The book is in {folder}: open {folder / 'index.html'}.")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
