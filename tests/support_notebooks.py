"""What a lesson must keep to as a notebook, as far as a machine can check it.

**The form of a lesson.**

* It was executed from the top, and nothing was written on stderr.
* One cell tagged ``parameters`` holds the settings.  The code cells before the first ``## `` heading, settings and
  imports, are the *set-up*: whoever comes late or restarts the kernel runs them first.
* A *section* goes from one ``## `` heading to the next.  **The first code cell of a section is tagged** ``catch-up``.
  It makes every name that the section uses and the set-up does not: ``lab = mailkit.lab.start()``, the places to sit,
  the messages.  It is cheap and changes nothing in the practice internet, and it may be the section's first
  prediction too.  Set-up and section together are enough, in whatever order the sections are run.  (A section of
  exercises only needs none: a checker starts the lab by itself.)
* An *experiment* is the code under one heading that says "Experiment".  **It makes its own precondition**
  (``lab.reset()``, publish, lift, send) in its first cell after the guess, so that it shows the same when it is run
  twice, in any order.
* Code that uses the notebook's own practice internet (``lab``) sits in cells tagged ``experiment`` or ``exercise``,
  experiments under a heading that says so; they use neither ``net`` nor the settings.  All other code must hold on any
  domain: no ``lab``, no ``assert``, no name or address of the practice internet; and prose below it that speaks of
  those begins with "In the practice internet".
* A cell with ``p1.guess(...)`` shows every choice, quoted, behind it or below.  Each prediction is guessed before it
  is revealed, in the same section, below a text that says "Predict".
* No cell takes ``[-1]`` of something: it may be empty when a learner has reset the lab.  ``[0]`` of an inbox likewise
  is for cells that have just sent what they take.
* Cells and lines are short, there are 25 to 45 cells and 800 to 2,000 words, at most twelve predictions before the
  annexes; outputs show no path of the machine and need no style or script.  The menu and the call below it, which
  ``workbook.store`` makes, are not counted: they repeat the headings, and are to be looked at, not read.

Each check returns sentences about what is wrong; none means that all is well.  ``rerun`` runs every section alone, as a
latecomer who catches up with it, and every experiment twice.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from mailkit import workbook
from mailkit.sections import is_menu
from mailkit.sections import sections as workbook_sections

__all__ = [
    "NO_KERNEL",
    "STARTS",
    "code_cells",
    "commands",
    "each_lesson",
    "form_problems",
    "lesson_problems",
    "rerun",
    "run_problems",
    "sections",
    "sections_of_text",
    "shown",
    "tags",
]

# What Jupyter says of a kernel that never answered: one of its ports, chosen before it began, was taken meanwhile.
NO_KERNEL = re.compile("Kernel died before replying|Kernel didn't respond")
STARTS = 3  # of one kernel

# Give a test the argument "lesson" and it runs once for each stored lesson; without lessons it is skipped.
each_lesson = pytest.mark.parametrize("lesson", workbook.lessons(), ids=lambda path: path.stem)

LONGEST_CELL, LONGEST_LINE = 15, 100  # lines that are not blank; characters
LONGEST_COMMAND = 88  # characters of a line in a text: what a page 1024 pixels wide shows without a break
CELLS, WORDS, MOST_PREDICTIONS = range(25, 46), range(800, 2001), 12
HEADINGS = ("In your own terminal", "Exercises", "What you learned")
OPENING = ("**You will**", "| Needs |", "| Time |", "| Touches |")
GUESS = re.compile(r"\b(p\d+)\.guess\(")
REVEAL = re.compile(r"\b(p\d+)\.reveal\(")
HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*$", re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work|var/folders)/|[A-Z]:\\Users\\|site-packages")
# The <style scoped> that pandas puts before each table does no harm when it is lost.
STYLE_OR_SCRIPT = re.compile(r"<\s*(?:style(?!\s+scoped)|script)\b", re.IGNORECASE)
PRACTICE_NAME = re.compile(
    r"\.example\b|\bexample\.(?:com|net|org|jp)\b"  # RFC 2606, RFC 6761, and the registry's reserved name in Japan
    r"|\b192\.0\.2\.|\b198\.51\.100\.|\b203\.0\.113\.|\b2001:db8:",  # RFC 5737, RFC 3849
    re.IGNORECASE,
)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> set[str]:
    """The tags of *cell*."""
    return set(cell.metadata.get("tags", []))


def run_problems(cells: list[NotebookNode]) -> list[str]:
    """What went wrong when *cells*, the code cells of a notebook, were run: errors, stderr, cells that did not run."""
    problems = []
    for number, cell in enumerate(cells, 1):
        if cell.execution_count != number:
            problems.append(f"code cell {number} has the execution count {cell.execution_count}")
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                problems.append(f"code cell {number} raised {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                problems.append(f"code cell {number} wrote on stderr: {output.text}")
    return problems


def text_outputs(cell: NotebookNode) -> Iterator[str]:
    """All text in the outputs of *cell*; pictures are left out."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield from (output.evalue, *output.traceback)
        else:
            yield from (str(data) for kind, data in output.data.items() if kind not in ("image/png", "image/jpeg"))


def parsed(cell: NotebookNode) -> ast.Module:
    """The syntax tree of *cell*, with IPython's magics turned into Python."""
    return ast.parse(TransformerManager().transform_cell(cell.source))


def names_lab(node: ast.AST) -> bool:
    """Whether *node* is the practice internet: ``lab``, ``mailkit.lab`` or an import of it."""
    match node:
        case ast.Name(id="lab") | ast.Attribute(attr="lab") | ast.alias(name="lab" | "mailkit.lab"):
            return True
        case ast.ImportFrom(module=str(module)):
            return module.split(".")[:2] == ["mailkit", "lab"]
    return False


def settings_problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with the settings cell."""
    cells = [cell for cell in code_cells(notebook) if "parameters" in tags(cell)]
    if len(cells) != 1:
        return [f"{len(cells)} cells are tagged parameters, there must be one"]
    settings = {
        target.id: statement.value
        for statement in parsed(cells[0]).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    match settings.get("DOMAIN"), settings.get("NETWORK"):
        case ast.Constant(value=str()), ast.Constant(value="lab"):
            return []
    return ['the parameters cell must set DOMAIN to a text and NETWORK to "lab"']


def observation_problems(notebook: NotebookNode) -> list[str]:
    """What in the observation cells would not hold on another domain."""
    problems = []
    for number, cell in enumerate(code_cells(notebook), 1):
        if tags(cell) & {"parameters", "experiment", "exercise"}:
            continue
        for node in ast.walk(parsed(cell)):
            if names_lab(node):
                problems.append(f"code cell {number} uses lab: tag it experiment or exercise")
            if isinstance(node, ast.Assert):
                problems.append(f"code cell {number} holds an assert")
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and PRACTICE_NAME.search(node.value):
                problems.append(f"code cell {number} names a host of the practice internet: {node.value!r}")
    return problems


def experiment_problems(notebook: NotebookNode) -> list[str]:
    """What in the experiments would ask the reader's own network."""
    problems = []
    for number, cell in enumerate(code_cells(notebook), 1):
        used = {node.id for node in ast.walk(parsed(cell)) if isinstance(node, ast.Name)}
        if "experiment" in tags(cell) and (own := sorted(used & {"DOMAIN", "NETWORK", "net"})):
            problems.append(f"code cell {number}, an experiment, uses {own[0]}: it asks the practice internet alone")
    return problems


def cell_problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with single code cells and their outputs."""
    problems = []
    for number, cell in enumerate(code_cells(notebook), 1):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if len(lines) > LONGEST_CELL:
            problems.append(f"code cell {number} has {len(lines)} lines, more than {LONGEST_CELL}")
        if bool(cell.metadata.get("jupyter", {}).get("source_hidden")) != ("hide-input" in tags(cell)):
            problems.append(f"code cell {number}: source_hidden (JupyterLab) and hide-input (sphinx) go together")
        if "NBVAL_" in cell.source or tags(cell) & {"nbval-skip", "skip-execution"}:
            problems.append(f"code cell {number} escapes the comparison other than by the tag nbval-ignore-output")
        for text in text_outputs(cell):
            if found := MACHINE_PATH.search(text):
                problems.append(f"code cell {number} shows a path of the machine: {text[found.start() :][:60]!r}")
            if STYLE_OR_SCRIPT.search(text):
                problems.append(f"code cell {number} needs a style or script, which an untrusted notebook loses")
    return problems


def form_problems(notebook: NotebookNode) -> list[str]:
    """Everything wrong with the form of *notebook* and its stored outputs."""
    return [
        *run_problems(code_cells(notebook)),
        *settings_problems(notebook),
        *observation_problems(notebook),
        *experiment_problems(notebook),
        *cell_problems(notebook),
    ]


# The form of a lesson, for those that keep it already ---------------------------------------------------------------


@dataclass
class Section:
    """The code cells below one ``## `` heading, each with the nearest heading above it; "" are those before any."""

    title: str
    cells: list[tuple[str, NotebookNode]]


def prose(cell: NotebookNode) -> str:
    """The text of a markdown cell without what stands in code fences."""
    return re.sub(r"^ *```.*?^ *```", "", cell.source, flags=re.DOTALL | re.MULTILINE)


def commands(cell: NotebookNode) -> list[str]:
    """The lines in the code fences of a markdown cell."""
    fences = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", cell.source, flags=re.DOTALL | re.MULTILINE)
    return [line for fence in fences for line in fence.splitlines()]


def sections_of_text(notebook: NotebookNode) -> dict[str, str]:
    """The text below each ``## `` heading of *notebook*, by title."""
    whole = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    parts = re.split(r"^## +(.+?)\s*$", whole, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def sections(notebook: NotebookNode) -> list[Section]:
    """The sections of *notebook* that hold code, the set-up first."""
    found, nearest = [Section("", [])], ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found[len(found) - 1].cells.append((nearest, cell))
            continue
        for level, title in HEADING.findall(prose(cell)):
            if level != "#":
                nearest = title
            if level == "##":
                found.append(Section(title, []))
    return [section for section in found if section.cells or not section.title]


def section_problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with how the sections begin, and with where experiments stand."""
    problems = []
    for section in sections(notebook)[1:]:
        first, others = section.cells[0][1], [cell for _, cell in section.cells[1:]]
        if not all("exercise" in tags(cell) for _, cell in section.cells) and "catch-up" not in tags(first):
            problems.append(f'section "{section.title}": its first code cell is to catch up: tag it catch-up')
        if any("catch-up" in tags(cell) for cell in others):
            problems.append(f'section "{section.title}": only its first code cell may be tagged catch-up')
        for heading, cell in section.cells:
            if "experiment" in tags(cell) and "catch-up" not in tags(cell) and "experiment" not in heading.casefold():
                problems.append(f'section "{section.title}": an experiment below "{heading}", not below "Experiment"')
    return problems


def prediction_problems(notebook: NotebookNode, choices: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with the predictions; *choices* are those of each prediction that the lesson has."""
    problems, asked, told = [], {}, {}
    for place, section in enumerate(sections(notebook)):
        for number, (_, cell) in enumerate(section.cells):
            for name in GUESS.findall(cell.source):
                asked[name] = (place, number)
                missing = [choice for choice in choices.get(name, ()) if f'"{choice}"' not in cell.source]
                if missing:
                    problems.append(
                        f'{name}: the choice "{missing[0]}" does not stand, quoted, in the cell of the guess'
                    )
            told |= dict.fromkeys(REVEAL.findall(cell.source), (place, number))
    for name in sorted(choices.keys() | asked.keys() | told.keys()):
        if name not in choices:
            problems.append(f"{name} is no prediction of the lesson")
        elif name not in asked or name not in told:
            problems.append(f"{name} is not both guessed and revealed")
        elif asked[name][0] != told[name][0] or asked[name] >= told[name]:
            problems.append(f"{name} is not guessed before it is revealed, in the same section")
    core = [p for p, (place, _) in asked.items() if not sections(notebook)[place].title.startswith("Annex")]
    if len(core) > MOST_PREDICTIONS:
        problems.append(f"{len(core)} predictions before the annexes, more than {MOST_PREDICTIONS}")
    before = ""
    for cell in notebook.cells:
        if cell.cell_type == "code" and GUESS.search(cell.source) and "predict" not in before.casefold():
            problems.append(f"no text that says Predict stands before {cell.source!r}")
        before = cell.source if cell.cell_type == "markdown" else before
    return problems


def prose_problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with the text, its length, and what must stand in it."""
    own = [cell for cell in notebook.cells if not is_menu(cell)]
    texts = [prose(cell) for cell in own if cell.cell_type == "markdown"]
    words = len(re.findall(r"\S*\w\S*", " ".join(texts)))
    titles = [title for text in texts for _, title in HEADING.findall(text)]
    problems = [f'there is no heading "{title}"' for title in HEADINGS if title not in titles]
    problems += [f"the first cell does not say {word!r}" for word in OPENING if word not in "".join(texts[:1])]
    fenced = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in commands(cell)]
    problems += [f"longer than {LONGEST_COMMAND}: {line}" for line in fenced if len(line) > LONGEST_COMMAND]
    if words not in WORDS:
        problems.append(f"{words} words, not {WORDS[0]} to {WORDS[-1]}")
    if len(own) not in CELLS:
        problems.append(f"{len(own)} cells, not {CELLS[0]} to {CELLS[-1]}")
    for above, below in pairwise(notebook.cells):
        if above.cell_type == "code" and below.cell_type == "markdown" and not tags(above) & {"experiment", "exercise"}:
            said = re.split(r"^#", prose(below), maxsplit=1, flags=re.MULTILINE)[0]
            if PRACTICE_NAME.search(said) and "in the practice internet" not in said.casefold():
                problems.append(f'a text on what holds in the practice internet only does not say so: "{said[:60]}…"')
    return problems


def line_problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with single lines of code."""
    problems = []
    for number, cell in enumerate(code_cells(notebook), 1):
        if long := [line for line in cell.source.splitlines() if len(line) > LONGEST_LINE]:
            problems.append(f"code cell {number} has a line of more than {LONGEST_LINE} characters: {long[0][:40]}…")
        for node in ast.walk(parsed(cell)):
            if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "-1":
                problems.append(f"code cell {number} takes [-1] of what may be empty: {ast.unparse(node)}")
    return problems


def lesson_problems(notebook: NotebookNode, choices: Mapping[str, Sequence[str]]) -> list[str]:
    """Everything wrong with *notebook* as a lesson; *choices* are those of its predictions."""
    return [
        *section_problems(notebook),
        *prediction_problems(notebook, choices),
        *prose_problems(notebook),
        *line_problems(notebook),
    ]


# Every section alone, every experiment twice ------------------------------------------------------------------------


def shown(cell: NotebookNode) -> str:
    """What *cell* shows, as text: of a picture its facts."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        else:
            texts.append(f"{output.data['text/plain']}\n" if "data" in output else f"{output.evalue}\n")
    return "".join(texts)


def rerun(lesson: Path) -> list[str]:
    """Catch up with each section of *lesson*, the last one first; run it, each experiment twice, and the one after it.

    That stands for all the rest: what a section shows after catching up, and after another section, it shows wherever
    one began.  One kernel in the lesson's folder serves all; before each call its names are forgotten.  Returns where a
    run showed something else than what is stored; raises workbook.CellFailed at a cell that raises.
    """
    notebook = workbook.read(lesson)
    _, *rest = sections(notebook)
    keys = {section.title: section.key for section in workbook_sections(notebook)}
    plan: list[Again] = []
    for place, section in reversed([*enumerate(rest)]):
        call = f'catch_up("{lesson.stem[:2]}/{keys[section.title]}", root=Path({str(lesson.parent.parent)!r}))'
        fresh = f"%reset -f\nfrom pathlib import Path\nfrom mailkit.catching_up import catch_up\nprint({call})"
        plan.append((section.title, None, new_code_cell(fresh)))
        for heading, group in groupby(section.cells, key=itemgetter(0)):
            cells = [cell for _, cell in group]
            times = 2 if any("experiment" in tags(cell) for cell in cells) else 1
            for time in range(times):
                plan += [again(f'"{section.title}", {heading}, run {time + 1}', cell) for cell in cells]
        for following in rest[place + 1 : place + 2]:
            plan += [again(f'"{section.title}", then "{following.title}"', cell) for _, cell in following.cells]
    return differences(plan, lesson.parent)


# Where, the stored cell (None for what is not stored), and the cell that is run.
Again = tuple[str, NotebookNode | None, NotebookNode]


def again(where: str, cell: NotebookNode) -> Again:
    """The stored *cell*, to be run once more."""
    return where, cell, new_code_cell(cell.source, metadata=cell.metadata)


def differences(plan: list[Again], folder: Path) -> list[str]:
    """Run the cells of *plan* in one kernel in *folder*, and say where one shows something else than is stored."""
    workbook.execute(new_notebook(cells=[cell for _, _, cell in plan]), folder)
    problems = []
    for where, stored, anew in plan:
        if stored is None or "nbval-ignore-output" in tags(stored):
            continue
        before, after = shown(stored), shown(anew)
        if before != after:
            problems.append(f"{where}: {stored.source!r} showed\n{after}\ninstead of\n{before}")
    return problems
