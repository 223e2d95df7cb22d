"""What a lesson must keep to as a notebook, as far as a machine can check it.

* It was executed from the top, and nothing was written on stderr.
* One cell tagged ``parameters`` holds the settings.
* Code that uses the notebook's own practice internet (``lab``) sits in cells tagged ``experiment`` or ``exercise``.
  All other code must hold on any domain: no ``lab``, no ``assert``, no name or address of the practice internet.
* Cells are short; outputs show no path of the machine and need no style or script.

Each check returns sentences about what is wrong; none means that all is well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from mailkit import workbook

__all__ = ["code_cells", "each_lesson", "form_problems", "run_problems", "tags"]

# Give a test the argument "lesson" and it runs once for each stored lesson; without lessons it is skipped.
each_lesson = pytest.mark.parametrize("lesson", workbook.lessons(), ids=lambda path: path.stem)

LONGEST_CELL = 15  # lines that are not blank
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
        *cell_problems(notebook),
    ]
