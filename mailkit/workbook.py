"""The workbook itself: learners' copies of the lessons, and how the lessons are executed and stored.

``notebooks/`` holds the lessons with their outputs, as people see them first; ``work/`` holds a learner's own
copies without outputs.  Nothing here overwrites what a learner wrote.

    python -m mailkit.workbook lessons          list the lessons in the order of reading
    python -m mailkit.workbook copies           copy into work/ the lessons and the quiz where they are not there yet
    python -m mailkit.workbook fresh            put the copies aside and make new ones
    python -m mailkit.workbook class FOLDER     what a class knew before and after, from the files quiz-NAME.csv
    python -m mailkit.workbook menus            make the menus anew after a change of text, without executing
    python -m mailkit.workbook store [NAMES]    re-execute the lessons from the top and store them, menus made anew

A stored lesson is the same to the byte each time it is executed, so a change in ``git diff`` is a change in what
the lesson shows.  The file format is nbformat 4.5, whose cell ids are those of JEP 62.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from traitlets.config import Config

from mailkit.quiz.notebook import quiz_notebook
from mailkit.sections import MENU, ROOT, call, cell_id, is_menu, lessons, menu, planned_minutes, quizzes

__all__ = [
    "ROOT",
    "CellFailed",
    "as_text",
    "copies",
    "execute",
    "fresh",
    "lessons",
    "read",
    "refresh_menu",
    "store",
    "with_menu",
    "without_outputs",
]

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_TIMEOUT = 120  # seconds


class CellFailed(Exception):
    """A cell raised, ran into the timeout or took its kernel with it; the text says which cell and what happened."""


def read(path: Path) -> NotebookNode:
    """Return the notebook in the file *path*."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call, no-any-return]


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Return *notebook*, changed in place: no outputs, no execution counts."""
    for cell in _code_cells(notebook):
        cell.outputs = []
        cell.execution_count = None
    return notebook


def copies(root: Path = ROOT) -> list[Path]:
    """Copy lessons and quiz without outputs into ``work/`` unless a file of that name is there; return the copies."""
    work = root / "work"
    work.mkdir(exist_ok=True)
    made = []
    for lesson in [*lessons(root), *quizzes(root)]:
        copy = work / lesson.name
        if not copy.exists():
            copy.write_text(as_text(without_outputs(read(lesson))), encoding="utf-8", newline="\n")
            made.append(copy)
    return made


def fresh(root: Path = ROOT, *, now: datetime | None = None) -> Path | None:
    """Move the copies to ``work/kept-YYYYMMDD-HHMMSS`` and make new ones; return that folder, None if there were none.

    Only files that bear a lesson's name are moved; other files in ``work/`` stay where they are.
    """
    old = [copy for lesson in [*lessons(root), *quizzes(root)] if (copy := root / "work" / lesson.name).exists()]
    kept = root / "work" / f"kept-{now or datetime.now():%Y%m%d-%H%M%S}"
    if old:
        kept.mkdir()
        for copy in old:
            copy.rename(kept / copy.name)
    copies(root)
    return kept if old else None


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute *notebook* in place from the top, in a fresh kernel working in *folder*, and return it.

    JupyterLab runs a notebook in the folder that the file lies in, so that folder is the one to give.  Raises
    CellFailed at the first cell that fails; a cell tagged ``raises-exception`` may raise.
    """
    without_outputs(notebook)
    notebook.metadata.kernelspec = dict(KERNEL)
    try:
        return _execute(notebook, folder)
    except RuntimeError:  # the kernel never answered: another program may have taken one of its ports meanwhile
        return _execute(notebook, folder)


def _execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    started: list[int] = []
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),  # else the kernel warns that it has none
        on_cell_execute=lambda cell, cell_index: started.append(cell_index),
    )
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:
        raise CellFailed(f"code cell {len(started)}: {error}") from error
    return notebook


def as_text(notebook: NotebookNode) -> str:
    """Return the text of the file for *notebook*, changed in place: without what differs between two executions.

    That is: times of execution, the Python's version, how a stream was cut into pieces, and cell ids, which are
    derived from the cell's source instead of drawn at random.
    """
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        digest = cell_id(cell.cell_type, cell.source)
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata.pop("execution", None)
    for cell in _code_cells(notebook):
        cell.outputs = _streams_joined(cell.outputs)
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return nbformat.writes(notebook).rstrip("\n") + "\n"  # type: ignore[no-untyped-call, no-any-return]


def with_menu(notebook: NotebookNode, number: str) -> NotebookNode:
    """Return the lesson *notebook*, changed in place, with its menu and the call that catches up made anew.

    They stand before the first section, and are tagged so that the edition to read leaves them out.  *number* is the
    lesson's, such as "04".  A notebook that does not say how long it takes gets none.
    """
    if planned_minutes(notebook) is None:
        return notebook
    metadata = {"tags": [MENU, "remove-cell"]}
    text = new_markdown_cell(menu(notebook), metadata=metadata)  # type: ignore[no-untyped-call]
    new = new_code_cell(call(number), metadata=metadata)  # type: ignore[no-untyped-call]
    same = [cell for cell in notebook.cells if is_menu(cell) and cell.source == new.source]
    both = [text, *(same[:1] or [new])]  # one that was run keeps what it showed
    cells = [cell for cell in notebook.cells if not is_menu(cell)]
    has_heading = [cell.cell_type == "markdown" and "\n## " in f"\n{cell.source}" for cell in cells]
    first = has_heading.index(True) if True in has_heading else len(cells)
    notebook.cells = [*cells[:first], *both, *cells[first:]]
    return notebook


def refresh_menu(lesson: Path) -> bool:
    """Make the menu in the file *lesson* anew without executing it; return whether anything changed.

    The first menu of a lesson comes with :func:`store`: until then its call has not been run.
    """
    before = lesson.read_text(encoding="utf-8")
    text = as_text(with_menu(read(lesson), lesson.stem[:2]))
    lesson.write_text(text, encoding="utf-8", newline="\n")
    return text != before


def store(lesson: Path) -> None:
    """Re-execute the notebook in the file *lesson* and store it there, a lesson with its menu made anew.

    A notebook of the quiz is made anew from ``data/quiz.csv`` first.

    Raises CellFailed at the first cell that fails, and then writes nothing.
    """
    if lesson.stem.startswith("quiz_"):
        notebook = quiz_notebook(lesson.stem.removeprefix("quiz_"))
    else:
        notebook = with_menu(read(lesson), lesson.stem[:2])
    text = as_text(execute(notebook, lesson.parent))
    lesson.write_text(text, encoding="utf-8", newline="\n")


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _streams_joined(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream: the kernel cuts it by the clock."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _named(names: Sequence[str], root: Path) -> list[Path]:
    """Return the notebooks of those *names* ("04_spf", "04_spf.ipynb" or a path to it); all for no names."""
    by_name = {lesson.stem: lesson for lesson in [*lessons(root), *quizzes(root)]}
    if unknown := [name for name in names if Path(name).stem not in by_name]:
        raise ValueError(f"no lesson {', '.join(unknown)}; there are {', '.join(by_name) or 'none'}")
    return [by_name[Path(name).stem] for name in names] or list(by_name.values())


def _show_class(folder: Path) -> int:
    """Print what the class in *folder* knew, draw it in class.png there, and return the exit status."""
    from mailkit.figures.quiz import before_and_after  # matplotlib takes a while, and the other commands need none
    from mailkit.quiz import class_results

    try:
        found = class_results(folder)
        picture = before_and_after(found.pairs, title=f"The quiz before and after: {found.learners} learners")
        (folder / "class.png").write_bytes(picture.png())
    except (ValueError, OSError) as error:
        print(f"no picture: {error}", file=sys.stderr)
        return 1
    print(picture)
    for pair in found.pairs:
        if pair.usual_wrong_answer:
            print(f"usual wrong answer about {pair.topic}, after: {pair.usual_wrong_answer}")
    for line in found.left_out:
        print(f"not counted: {line}")
    print(f"drawn in {folder / 'class.png'}")
    return 0


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mailkit.workbook", description="The lessons and their copies.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("lessons", help="list the lessons")
    commands.add_parser("copies", help="make the learner's copies that are missing")
    commands.add_parser("fresh", help="put the learner's copies aside and make new ones")
    counting = commands.add_parser("class", help="what a class knew before and after, from its files quiz-NAME.csv")
    counting.add_argument("folder", type=Path, metavar="FOLDER", help="where those files are; class.png is drawn there")
    commands.add_parser("menus", help="make the menus of the lessons anew, without executing")
    storing = commands.add_parser("store", help="re-execute lessons and store them")
    storing.add_argument("names", nargs="*", metavar="NAME", help="a lesson such as 04_spf; all when none is named")
    options = parser.parse_args(arguments)

    if options.command == "lessons":
        print("\n".join(lesson.stem for lesson in lessons(root)))
    elif options.command == "copies":
        for copy in copies(root):
            print(f"new: {copy.relative_to(root)}")
    elif options.command == "fresh":
        kept = fresh(root)
        print(f"your old copies: {kept.relative_to(root)}" if kept else "there were no old copies")
    elif options.command == "menus":
        for lesson in filter(refresh_menu, lessons(root)):
            print(f"menu made anew: {lesson.stem}")
    elif options.command == "class":
        return _show_class(options.folder)
    else:
        try:
            for lesson in _named(options.names, root):
                print(lesson.stem, end=" ", flush=True)
                store(lesson)
                print("stored")
        except (CellFailed, ValueError) as error:
            print(f"not stored\n{error}" if isinstance(error, CellFailed) else str(error), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
