"""A lesson on one's own domain as a document: a copy is executed with other settings, and written as HTML beside it.

The settings cell is filled as papermill does: the new values stand in a cell of their own behind it.  Without the
practice parts, what is tagged ``experiment`` or ``exercise`` is left out, with the headings and texts that stand over
nothing else.

    python -m mailkit.lesson_document NAME DOMAIN [--network lab|internet] [--own-domain-only]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from papermill.iorw import load_notebook_node  # type: ignore[import-untyped]
from papermill.parameterize import parameterize_notebook  # type: ignore[import-untyped]

from mailkit.network.names import to_ascii
from mailkit.sections import is_menu
from mailkit.workbook import ROOT, CellFailed, as_text, execute, lessons

__all__ = ["document", "main", "without_practice"]

_PRACTICE = {"experiment", "exercise"}
_HEADING = re.compile(r"^(#{2,6}) +\S", re.MULTILINE)
_FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_RESERVED = (".example", ".example.com", ".example.net", ".example.org", ".example.jp")


def document(
    lesson: Path, domain: str, folder: Path, *, network: str | None = None, own_domain_only: bool = False
) -> Path:
    """Execute a copy of *lesson* on *domain*, write it and its HTML into *folder*, and return the HTML file.

    *network* is "lab" or "internet" (default: the one where the name can exist).  With *own_domain_only* the practice
    parts are left out.  Raises ValueError for what is no domain name, CellFailed at the first cell that fails; then
    nothing is written.
    """
    name = to_ascii(domain.strip())
    if network not in (None, "lab", "internet"):
        raise ValueError(f"network is 'lab' or 'internet', not {network!r}")
    network = network or ("lab" if f".{name}".endswith(_RESERVED) else "internet")
    filled = parameterize_notebook(load_notebook_node(str(lesson)), {"DOMAIN": name, "NETWORK": network})
    filled.cells = [cell for cell in filled.cells if not is_menu(cell)]
    chosen = without_practice(filled) if own_domain_only else filled
    executed = execute(chosen, folder)
    copy = folder / f"{lesson.stem}-{name}.ipynb"
    copy.write_text(as_text(executed), encoding="utf-8", newline="\n")
    page = copy.with_suffix(".html")
    page.write_text(_html(executed, f"{lesson.stem}: {name}", own_domain_only), encoding="utf-8", newline="\n")
    return page


def _html(notebook: NotebookNode, title: str, own_domain_only: bool) -> str:
    """Return *notebook* as one HTML file that fetches nothing."""
    exporter: Any = HTMLExporter(template_name="lab")  # type: ignore[no-untyped-call]
    exporter.mathjax_url = exporter.require_js_url = exporter.jquery_url = exporter.mermaid_js_url = ""
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    shown = deepcopy(notebook)
    if own_domain_only:  # what only prepares a section was run, and is nothing to read
        shown.cells = [cell for cell in shown.cells if not _practice(cell)]
    text, _ = exporter.from_notebook_node(shown, resources={"metadata": {"name": title}})
    return re.sub(r"<script\b.*?</script>", "", text, flags=re.DOTALL)  # they would load MathJax, mermaid and the like


@dataclass
class _Part:
    """A heading with what stands below it, up to the next heading of any level; level 1 is what precedes them all."""

    level: int
    cells: list[NotebookNode] = field(default_factory=list)

    @property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def only_practice(self) -> bool:
        return bool(self.code) and all(_practice(cell) for cell in self.code)


def without_practice(notebook: NotebookNode) -> NotebookNode:
    """Return *notebook*, changed in place, without its practice parts.

    The cells that make what a section needs (``catch-up``) stay, whatever else they are tagged: they are cheap and
    change nothing.
    """
    parts = list(_parts(notebook.cells))
    kept: list[NotebookNode] = []
    for number, part in enumerate(parts):
        below = parts[number + 1 :]
        inner = below[: next((i for i, p in enumerate(below) if p.level <= part.level), len(below))]
        whole = [part, *inner]
        practice_only = any(p.code for p in whole) and all(p.only_practice for p in whole if p.code)
        for cell in part.cells:
            if cell.cell_type != "code":
                kept += [] if practice_only else [cell]
            elif not _practice(cell) or "catch-up" in _tags(cell):
                kept.append(cell)
    notebook.cells = kept
    return notebook


def _parts(cells: Iterable[NotebookNode]) -> Iterator[_Part]:
    """Yield the parts of a notebook; a cell of text with several headings is cut before each of them."""
    part = _Part(1)
    for cell in cells:
        if cell.cell_type != "markdown":
            part.cells.append(cell)
            continue
        for level, text in _pieces(cell.source):
            if level:
                yield part
                part = _Part(level)
            if text.strip():
                part.cells.append(new_markdown_cell(text.strip(), metadata=cell.metadata))  # type: ignore[no-untyped-call]
    yield part


def _pieces(source: str) -> Iterator[tuple[int, str]]:
    """Yield the pieces of *source* between headings, each with its level, 0 for what comes before the first."""
    hidden = _FENCE.sub(lambda fence: " " * len(fence[0]), source)  # a comment of a shell is no heading
    cuts = [(match.start(), len(match[1])) for match in _HEADING.finditer(hidden)]
    starts = [(0, 0), *cuts]
    for (start, level), (end, _) in zip(starts, [*cuts, (len(source), 0)]):
        yield level, source[start:end]


def _practice(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(_tags(cell) & _PRACTICE)


def _tags(cell: Mapping[str, Any]) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m mailkit.lesson_document", description="A lesson on your own domain, as HTML in work/."
    )
    parser.add_argument("name", metavar="NAME", help="a lesson such as 04_spf")
    parser.add_argument("domain", metavar="DOMAIN", help="the domain, such as kaisha.example")
    parser.add_argument("--network", choices=("lab", "internet"), help="default: where the name can exist")
    parser.add_argument("--own-domain-only", action="store_true", help="leave out experiments and exercises")
    options = parser.parse_args(arguments)
    by_name = {lesson.stem: lesson for lesson in lessons(root)}
    if options.name not in by_name:
        parser.error(f"no lesson {options.name}; there are {', '.join(by_name) or 'none'}")
    work = root / "work"
    work.mkdir(exist_ok=True)
    try:
        page = document(
            by_name[options.name],
            options.domain,
            work,
            network=options.network,
            own_domain_only=options.own_domain_only,
        )
    except ValueError as error:
        parser.error(str(error))
    except CellFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(page.relative_to(root))
    return 0


def __dir__() -> list[str]:
    return sorted(__all__)


if __name__ == "__main__":
    sys.exit(main())
