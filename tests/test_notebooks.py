"""Every stored lesson: its form, its stored outputs, and that it still shows what is stored.

What the form is stands in ``support_notebooks``.  The checks are themselves tested here, on notebooks that break one
rule each.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import dns.zone
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from support_notebooks import (
    NO_KERNEL,
    STARTS,
    code_cells,
    each_lesson,
    form_problems,
    lesson_problems,
    rerun,
    sections,
    shown,
    tags,
)
from support_worlds import LOOPBACK_ONLY

from mailkit import workbook
from mailkit.exercises.core import Prediction
from mailkit.lab import daemons

# Lesson -> how many of its cells are not compared with the stored output.  Only for facts of the machine.
IGNORED: dict[str, int] = {"00_start_here": 1, "09_mta": 1}

SETTINGS = "DOMAIN = 'kaisha.example'\nNETWORK = 'lab'"


def nbval(notebook: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Execute *notebook* anew and compare each output with the stored one, strictly; *variables* go to the kernel."""
    tests = Path(__file__).resolve().parent
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
    command += [f"--nbval-sanitize-with={tests / 'nbval_sanitize.cfg'}", "-p", "no:cacheprovider", str(notebook)]
    for _ in range(STARTS):
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tests.parent,
            env=os.environ | LOOPBACK_ONLY | variables,
        )
        if not NO_KERNEL.search(run.stdout):
            break
    return run


@each_lesson
def test_form(lesson: Path) -> None:
    assert form_problems(workbook.read(lesson)) == []


@each_lesson
def test_number_of_cells_that_are_not_compared(lesson: Path) -> None:
    ignored = [cell for cell in code_cells(workbook.read(lesson)) if "nbval-ignore-output" in tags(cell)]
    assert len(ignored) == IGNORED.get(lesson.stem, 0)


@each_lesson
def test_minutes_are_those_of_the_readme(lesson: Path, root: Path) -> None:
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if f"(notebooks/{lesson.name})" in line and line.startswith("|"))
    assert f"| Time | {row.split('|')[2].strip()} minutes to teach" in workbook.read(lesson).cells[0].source


def test_the_picture_in_the_readme_shows_the_lesson_as_it_is(root: Path) -> None:
    """The picture was taken of JupyterLab; its field ``Code`` holds the cells that it shows."""
    with Image.open(root / "data" / "images" / "lesson_01.png") as picture:
        shown_code = picture.info["Code"].split("\n\n")
    there = [cell.source for cell in code_cells(workbook.read(root / "notebooks" / "01_op25b.ipynb"))]
    assert len(shown_code) == 2 and set(shown_code) <= set(there), "take it anew, and write what it shows into it"


@each_lesson
def test_links_to_other_lessons_lead_somewhere(lesson: Path) -> None:
    linked = set(re.findall(r"\]\(([^)#:]+)\)", prose(lesson)))
    assert {name for name in linked if not (lesson.parent / name).exists()} == set()


def test_the_foot_of_each_lesson_leads_to_its_neighbours() -> None:
    numbered = [path for path in workbook.lessons() if path.stem[:2].isdigit()]
    for before, after in pairwise(numbered):
        assert re.search(rf"\[[^]]+\]\({after.name}\) →$", prose(before), re.MULTILINE), before.stem
        assert re.search(rf"^← \[[^]]+\]\({before.name}\)", prose(after), re.MULTILINE), after.stem
    assert len(numbered) == 12


@each_lesson
def test_records_in_the_text_can_be_pasted_into_a_zone(lesson: Path) -> None:
    for block in re.findall(r"(?ms)^```\n(.*?)^```", prose(lesson)):
        if re.search(r"(?m)^\S+\. IN ", block):
            assert dns.zone.from_text(f"$TTL 300\n{block}", ".", relativize=False, check_origin=False).nodes


def prose(lesson: Path) -> str:
    return "\n".join(cell.source for cell in workbook.read(lesson).cells if cell.cell_type == "markdown")


@each_lesson
def test_stored_as_make_notebooks_stores(lesson: Path) -> None:
    text = lesson.read_text(encoding="utf-8")
    assert workbook.as_text(workbook.read(lesson)) == text, f"run: make notebooks NAMES={lesson.stem}"


@each_lesson
def test_shows_what_is_stored(lesson: Path) -> None:
    run = nbval(lesson)
    assert run.returncode == 0, run.stdout + run.stderr


def test_lesson_09_shows_the_same_with_daemons_and_without(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILKIT_DAEMONS")
    if why := daemons.why_not("postfix", "submission") or daemons.why_not("exim", "submission"):
        pytest.skip(why)
    run = nbval(root / "notebooks" / "09_mta.ipynb", MAILKIT_DAEMONS="live")
    assert run.returncode == 0, run.stdout + run.stderr


def choices_of(lesson: Path) -> dict[str, tuple[str, ...]]:
    """The choices of each prediction of *lesson*."""
    module = importlib.import_module(f"mailkit.exercises.{lesson.stem.partition('_')[2]}")
    return {name: value.choices for name, value in vars(module).items() if isinstance(value, Prediction)}


@each_lesson
def test_form_of_a_lesson(lesson: Path) -> None:
    assert lesson_problems(workbook.read(lesson), choices_of(lesson)) == []


@each_lesson
def test_every_section_caught_up_with_and_every_experiment_twice(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LOOPBACK_ONLY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(workbook, "CELL_TIMEOUT", 600)  # one long cell is run many times here, on a busy machine too
    assert rerun(lesson) == []


def with_guesses(notebook: NotebookNode, first: str = "") -> NotebookNode:
    """Return *notebook* with each guess made as its stored output says it turned out, quotes forgotten.

    *first* is a cell that is run after the set-up.
    """
    turned_out: dict[str, str] = {}
    for cell in code_cells(notebook):
        stored = re.findall(r"You made no guess; it was `(.+?)`\.", shown(cell))
        turned_out |= dict(zip(re.findall(r"\b(p\d+)\.reveal\(", cell.source), stored, strict=True))
    for cell in code_cells(notebook):
        cell.source = re.sub(
            r"\b(p\d+)\.guess\(\.\.\.\)", lambda call: f"{call[1]}.guess({turned_out[call[1]]})", cell.source
        )
    if first:
        setup = code_cells(notebook)[1]
        notebook.cells.insert(notebook.cells.index(setup) + 1, new_code_cell(first))
    return notebook


@each_lesson
def test_a_right_guess_is_called_right(lesson: Path) -> None:
    notebook = workbook.execute(with_guesses(workbook.read(lesson)), lesson.parent)
    said = "".join(shown(cell) for cell in code_cells(notebook))
    assert said.count("✓ right: You guessed") == len(choices_of(lesson))
    assert "✗ not right" not in said and "none of the choices" not in said


NOBODY_ANSWERS = """
from mailkit.lab.router import Decision
from mailkit.lab.world import Action
mailkit.lab.start().router.decide = lambda *_: Decision(Action.REJECT)
"""


@each_lesson
def test_where_nobody_answers_nothing_raises_and_no_right_guess_is_called_wrong(lesson: Path) -> None:
    notebook = workbook.execute(with_guesses(workbook.read(lesson), NOBODY_ANSWERS), lesson.parent)
    said = "\n".join(shown(cell) for cell in code_cells(notebook))
    # Where the question is what comes back from a port, "refused" is what came back indeed.
    wrong = re.findall(r"✗ not right: You guessed `.+?`; it was `(.+?)`", said)
    assert set(wrong) <= {"refused", "connect", "unknown", "nobody's"}, wrong
    kinds = ("✓ right: You guessed", "✗ not right: You guessed", "≠ cannot be compared")
    assert sum(said.count(kind) for kind in kinds) == len(choices_of(lesson)), "every guess is answered"


@each_lesson
def test_a_reset_at_any_time_raises_nothing_and_makes_no_right_guess_wrong(lesson: Path) -> None:
    notebook = with_guesses(workbook.read(lesson))
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and "experiment" in tags(cell) and "catch-up" not in tags(cell):
            cells.append(new_code_cell("lab.reset()"))
        cells.append(cell)
    notebook.cells = cells
    said = "\n".join(shown(cell) for cell in code_cells(workbook.execute(notebook, lesson.parent)))
    assert "✗ not right" not in said
    answered = said.count("✓ right: You guessed") + said.count("≠ cannot be compared")
    assert answered == len(choices_of(lesson)), "every guess is answered"


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
        (notebook_with("net.lookup('kaisha.example', 'A')", tagged="experiment"), "uses net"),
        (notebook_with("lab.publish(DOMAIN, 'TXT', 'x')", tagged="experiment"), "uses DOMAIN"),
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


# The form of a lesson: a small one that keeps every rule, and what breaks each ---------------------------------------

CHOICES = {"p1": ("open", "timeout")}
TOP = "# Title\n\n**You will** look.\n\n| | |\n|---|---|\n| Needs | x |\n| Time | x |\n| Touches | x |\n"
END = "## In your own terminal\n\n```\ndig\n```\n\n## Exercises\n\n## What you learned\n\n" + "word " * 800


def small_lesson(*middle: NotebookNode, end: str = END, filler: int = 20) -> NotebookNode:
    """A lesson of a set-up cell, a section with one experiment (or *middle*), and the texts that must be there."""
    setup = new_code_cell(SETTINGS, metadata={"tags": ["parameters"]})
    own = middle or (
        text("## 1 · Silence\n\n### Experiment: a door\n\n**Predict** what comes back."),
        code('lab = 1\np1.guess(...)   # "open" or "timeout"', "experiment catch-up"),
        code("p1.reveal('open')", "experiment"),
    )
    return new_notebook(cells=[text(TOP), setup, *own, *[text("And so on.") for _ in range(filler)], text(end)])


def text(source: str) -> NotebookNode:
    return new_markdown_cell(source)


def code(source: str, tagged: str = "") -> NotebookNode:
    return new_code_cell(source, metadata={"tags": tagged.split()})


GUESS = code('p1.guess(...)   # "open" or "timeout"', "catch-up")
REVEAL = code("p1.reveal('open')")
ASK = text("## 1 · Silence\n\n**Predict** what comes back.")


def test_a_lesson_that_keeps_every_rule() -> None:
    assert lesson_problems(small_lesson(), CHOICES) == []
    assert [section.title for section in sections(small_lesson())] == ["", "1 · Silence"]


@pytest.mark.parametrize(
    ("notebook", "problem"),
    [
        (small_lesson(ASK, code("p1.guess(...)   # open or timeout", "catch-up"), REVEAL), "does not stand, quoted"),
        (small_lesson(ASK, code('p1.guess(...)   # "open"', "catch-up"), REVEAL), 'the choice "timeout"'),
        (small_lesson(ASK, code('p1.guess(...)   # "open" or "timeout"'), REVEAL), "is to catch up"),
        (small_lesson(ASK, GUESS, REVEAL, code("1", "catch-up")), "only its first code cell"),
        (small_lesson(ASK, GUESS, REVEAL, code("1", "experiment")), 'not below "Experiment"'),
        (small_lesson(ASK, GUESS), "not both guessed and revealed"),
        (small_lesson(ASK, code("p1.reveal('open')", "catch-up")), "not both guessed and revealed"),
        (small_lesson(ASK, code(REVEAL.source, "catch-up"), code(GUESS.source)), "not guessed before"),
        (small_lesson(ASK, GUESS, text("## 2 · More"), code(REVEAL.source, "catch-up")), "not guessed before"),
        (small_lesson(ASK, GUESS, REVEAL, code("p2.guess(...); p2.reveal(1)")), "p2 is no prediction"),
        (small_lesson(text("## 1 · Silence"), GUESS, REVEAL), "no text that says Predict"),
        (small_lesson(ASK, GUESS, REVEAL, code("lab.inbox('x')[-1]", "exercise")), "takes [-1]"),
        (small_lesson(ASK, GUESS, REVEAL, code("x = '" + "x" * 100 + "'")), "more than 100 characters"),
        (small_lesson(ASK, GUESS, REVEAL, text("As mx.kaisha.example shows.")), "does not say so"),
        (small_lesson(end=END.replace("## Exercises", "")), 'no heading "Exercises"'),
        (small_lesson(end=END.replace("## In your own", "## In another")), "In your own terminal"),
        (small_lesson(end=END + "word " * 1200), "words, not 800 to 2000"),
        (small_lesson(end=END.replace("word " * 500, "")), "words, not 800 to 2000"),
        (small_lesson(end=END.replace("dig", "dig " + "x" * 90)), "longer than 88"),
        (small_lesson(filler=45), "cells, not 25 to 45"),
        (small_lesson(filler=2), "cells, not 25 to 45"),
    ],
)
def test_each_rule_of_a_lesson_is_checked(notebook: NotebookNode, problem: str) -> None:
    found = lesson_problems(notebook, CHOICES)
    assert found and all(problem in sentence for sentence in found), found


def test_what_a_lesson_may_do() -> None:
    practice = text("In the practice internet mx.kaisha.example answers.\n\n## 2 · More\n\nAt bob@example.org.")
    assert lesson_problems(small_lesson(ASK, GUESS, REVEAL, practice, code("x[0], x[:-1]", "catch-up")), CHOICES) == []


def test_twelve_predictions_and_more_in_the_annexes() -> None:
    names = [f"p{number}" for number in range(1, 15)]
    cells = [code(GUESS.source.replace("p1", name)) for name in names]
    pairs = [cell for name, guess in zip(names, cells) for cell in (guess, code(f"{name}.reveal(1)"))]
    for cell in (pairs[0], pairs[24]):
        cell.metadata["tags"] = ["catch-up"]
    choices = dict.fromkeys(names, CHOICES["p1"])
    annexed = small_lesson(ASK, *pairs[:24], text("## Annex A · Predict more"), *pairs[24:], filler=0)
    assert lesson_problems(annexed, choices) == []
    pairs[24].metadata["tags"] = []
    (problem,) = lesson_problems(small_lesson(ASK, *pairs, filler=0), choices)
    assert problem.startswith("14 predictions before the annexes")


FIRST = code("import mailkit\nlab = mailkit.lab.start()", "experiment catch-up")
COUNT = 'lab.publish("x.kaisha.example", "TXT", "one")\nprint(lab.log[:0], lab.clock.now())'


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([text("## 1 · Experiment"), FIRST, code("print('resets');lab.reset();" + COUNT, "experiment")], ""),
        ([text("## 1 · Experiment"), FIRST, code("lab.advance(60); print(lab.clock.now())", "experiment")], "run 2"),
        ([text("## 1 · x"), FIRST, text("## 2 · y"), code("print(lab.clock.now())", "catch-up")], "NameError"),
        ([text("## 1 · Experiment"), FIRST, code("print(lab.log[:0], id(lab))", "nbval-ignore-output")], ""),
    ],
)
def test_sections_are_run_alone_and_experiments_twice(
    cells: list[NotebookNode], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(workbook.ROOT))
    lesson = tmp_path / "notebooks" / "01_small.ipynb"
    lesson.parent.mkdir()
    notebook = workbook.execute(new_notebook(cells=[code(SETTINGS, "parameters"), *cells]), lesson.parent)
    lesson.write_text(workbook.as_text(notebook), encoding="utf-8")
    if problem == "NameError":
        with pytest.raises(workbook.CellFailed, match="NameError"):
            rerun(lesson)
    else:
        found = rerun(lesson)
        assert (problem in found[0] and "instead of" in found[0]) if problem else found == []
