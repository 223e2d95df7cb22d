"""Every stored lesson: its form, its stored outputs, and that it still shows what is stored.

What the form is stands in ``support_notebooks``.  The checks are themselves tested here, on notebooks that break one
rule each.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from support_notebooks import code_cells, each_lesson, form_problems, tags
from support_worlds import LOOPBACK_ONLY

from mailkit import workbook

# Lesson -> how many of its cells are not compared with the stored output.  Only for facts of the machine.
IGNORED: dict[str, int] = {"00_start_here": 1}

SETTINGS = "DOMAIN = 'kaisha.example'\nNETWORK = 'lab'"


def nbval(notebook: Path) -> subprocess.CompletedProcess[str]:
    """Execute *notebook* anew and compare each output with the stored one, strictly."""
    tests = Path(__file__).resolve().parent
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
    command += [f"--nbval-sanitize-with={tests / 'nbval_sanitize.cfg'}", "-p", "no:cacheprovider", str(notebook)]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=tests.parent,
        env=os.environ | LOOPBACK_ONLY,
    )


@each_lesson
def test_form(lesson: Path) -> None:
    assert form_problems(workbook.read(lesson)) == []


@each_lesson
def test_number_of_cells_that_are_not_compared(lesson: Path) -> None:
    ignored = [cell for cell in code_cells(workbook.read(lesson)) if "nbval-ignore-output" in tags(cell)]
    assert len(ignored) == IGNORED.get(lesson.stem, 0)


@each_lesson
def test_links_to_other_lessons_lead_somewhere(lesson: Path) -> None:
    text = "\n".join(cell.source for cell in workbook.read(lesson).cells if cell.cell_type == "markdown")
    linked = set(re.findall(r"\]\(([^)#:]+)\)", text))
    assert {name for name in linked if not (lesson.parent / name).exists()} == set()


@each_lesson
def test_stored_as_make_notebooks_stores(lesson: Path) -> None:
    text = lesson.read_text(encoding="utf-8")
    assert workbook.as_text(workbook.read(lesson)) == text, f"run: make notebooks NAMES={lesson.stem}"


@each_lesson
def test_shows_what_is_stored(lesson: Path) -> None:
    run = nbval(lesson)
    assert run.returncode == 0, run.stdout + run.stderr


def notebook_with(source: str = "1 + 1", *, tagged: str = "", shown: str = "2", **changes: object) -> NotebookNode:
    """A notebook of a settings cell and one more, as if executed; *changes* go to the second cell."""
    output = new_output("execute_result", {"text/plain": shown, "image/png": "/tmp/"}, execution_count=2)
    second = {"execution_count": 2, "outputs": [output], "metadata": {"tags": tagged.split()}} | changes
    first = new_code_cell(SETTINGS, execution_count=1, metadata={"tags": ["parameters"]})
    return new_notebook(cells=[first, new_code_cell(source, **second)])


@pytest.mark.parametrize(
    "notebook",
    [
        notebook_with(),
        notebook_with("%time 1 + 1"),
        notebook_with("1 + 1  # a remark may name mx.kaisha.example"),
        notebook_with("lab.publish('kaisha.example', 'TXT', 'x')", tagged="experiment"),
        notebook_with("q1.check('mx.kaisha.example')", tagged="exercise"),
        notebook_with("1 / 0", tagged="raises-exception", outputs=[new_output("error", ename="E", evalue="")]),
        notebook_with(tagged="hide-input", metadata={"tags": ["hide-input"], "jupyter": {"source_hidden": True}}),
        notebook_with("\n\n".join(["1"] * 15)),
    ],
)
def test_a_good_notebook_has_no_problems(notebook: NotebookNode) -> None:
    assert form_problems(notebook) == []


@pytest.mark.parametrize(
    ("notebook", "problem"),
    [
        (notebook_with(execution_count=None), "execution count None"),
        (notebook_with(execution_count=3), "execution count 3"),
        (notebook_with(outputs=[new_output("error", ename="ValueError", evalue="no")]), "raised ValueError: no"),
        (notebook_with(outputs=[new_output("stream", name="stderr", text="careful")]), "on stderr: careful"),
        (notebook_with(tagged="parameters"), "2 cells are tagged parameters"),
        (notebook_with("lab.publish('x', 'TXT', 'y')"), "uses lab"),
        (notebook_with("import mailkit\nx = mailkit.lab.start()"), "uses lab"),
        (notebook_with("from mailkit import lab"), "uses lab"),
        (notebook_with("from mailkit.lab import start"), "uses lab"),
        (notebook_with("assert DOMAIN"), "holds an assert"),
        (notebook_with("net.lookup('mx.kaisha.example', 'A')"), "names a host"),
        (notebook_with("net.lookup(f'{DOMAIN}.example.jp', 'A')"), "names a host"),
        (notebook_with("!dig kaisha.example"), "names a host"),
        (notebook_with("net.dial('192.0.2.1', 25)"), "names a host"),
        (notebook_with("\n".join(["1"] * 16)), "16 lines"),
        (notebook_with(tagged="hide-input"), "source_hidden"),
        (notebook_with(metadata={"jupyter": {"source_hidden": True}}), "source_hidden"),
        (notebook_with("# NBVAL_IGNORE_OUTPUT\n1"), "escapes the comparison"),
        (notebook_with(tagged="nbval-skip"), "escapes the comparison"),
        (notebook_with(shown="see /var/folders/somebody"), "path of the machine"),
        (notebook_with(shown="C:\\Users\\somebody"), "path of the machine"),
        (notebook_with(shown="<STYLE>td{}</STYLE>"), "style or script"),
        (notebook_with(shown="<script src='x'>"), "style or script"),
    ],
)
def test_each_check_finds_what_it_is_for(notebook: NotebookNode, problem: str) -> None:
    found = form_problems(notebook)
    assert found and all(problem in sentence for sentence in found), found


def test_settings_are_required_to_name_the_lab() -> None:
    notebook = notebook_with()
    notebook.cells[0].source = SETTINGS.replace("'lab'", "'internet'")
    assert any('NETWORK to "lab"' in sentence for sentence in form_problems(notebook))


def test_the_comparison_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "00_test.ipynb"
    path.write_text(workbook.as_text(notebook_with()), encoding="utf-8")
    workbook.store(path)
    assert nbval(path).returncode == 0
    path.write_text(path.read_text(encoding="utf-8").replace('"2"', '"3"'), encoding="utf-8")
    run = nbval(path)
    assert run.returncode == 1 and "1 failed" in run.stdout, run.stdout
