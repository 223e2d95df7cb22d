"""The sections of a lesson, their minutes and the menu: by rule on small notebooks, and as stored in every lesson."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support_notebooks import each_lesson

from mailkit import sections, workbook

TOP = "# Title\n\n| | |\n|---|---|\n| Time | {} |\n"
BODY = [
    new_code_cell("DOMAIN = 1", metadata={"tags": ["parameters"]}),
    new_markdown_cell("## 1 · What is `it`?\n\nSome words.\n\n```\n## no heading\n```\n\n### Experiment: look"),
    new_code_cell("p1.guess(...)", metadata={"tags": ["catch-up"]}),
    new_code_cell("p1.reveal(1)"),
    new_markdown_cell("So it was.\n\n## 2 · Why?\n\nA word.\n\n## Exercises\n\n1. Say."),
    new_code_cell("q1.check(...)", metadata={"tags": ["exercise"]}),
    new_markdown_cell("## Annex A · More"),
]


def lesson(time: str = "60 minutes to teach, 30 to practise; annexes 15 more") -> NotebookNode:
    return new_notebook(cells=[new_markdown_cell(TOP.format(time)), *(NotebookNode(cell) for cell in BODY)])


def test_sections_by_key_kind_and_code() -> None:
    found = [(section.key, section.kind, len(section.code)) for section in sections.sections(lesson())]
    assert found == [("1", "teach", 2), ("2", "teach", 0), ("exercises", "practise", 1), ("A", "annex", 0)]
    assert [cell.source for cell in sections.set_up(lesson())] == ["DOMAIN = 1"]


def test_minutes_of_each_kind_sum_to_what_the_lesson_says() -> None:
    assert sections.minutes(lesson())["1"] > sections.minutes(lesson())["2"] >= 1
    for time in (
        "60 minutes to teach, 30 to practise; annexes 15 more",
        "7 minutes to teach, 5 to practise; annexes 1 more",
    ):
        found = sections.minutes(lesson(time))
        assert sections.planned_minutes(lesson(time)) == {
            "teach": found["1"] + found["2"],
            "practise": found["exercises"],
            "annex": found["A"],
        }


def test_without_a_time_there_is_no_menu() -> None:
    with pytest.raises(ValueError, match=r"\| Time \| 60 minutes"):
        sections.minutes(lesson("an hour"))
    with pytest.raises(ValueError, match="minutes to teach"):
        sections.menu(new_notebook())
    assert not any(map(sections.is_menu, workbook.with_menu(lesson("an hour"), "04").cells))


def test_menu_stands_before_the_first_section_and_is_made_anew() -> None:
    notebook = workbook.with_menu(lesson(), "04")
    kinds = [cell.cell_type for cell in notebook.cells if sections.is_menu(cell)]
    assert kinds == ["markdown", "code"] and sections.is_menu(notebook.cells[2]) and sections.is_menu(notebook.cells[3])
    assert 'catch_up("04/...")' in notebook.cells[3].source
    stored = nbformat.reads(workbook.as_text(notebook), as_version=4)
    assert f"[1 · What is `it`?](#cell-id={stored.cells[4].id})" in stored.cells[2].source
    before = [cell.source for cell in notebook.cells]
    assert [cell.source for cell in workbook.with_menu(notebook, "04").cells] == before


def test_minutes_edited_in_the_menu_stay_and_a_new_section_gets_its_share() -> None:
    notebook = workbook.with_menu(lesson(), "04")
    found = sections.minutes(notebook)
    edited = found | {"1": found["1"] - 3, "2": found["2"] + 3}
    notebook.cells[2].source = (
        notebook.cells[2]
        .source.replace(f"| {found['1']} |", f"| {edited['1']} |", 1)
        .replace(f") | {found['2']} | [A", f") | {edited['2']} | [A")
    )
    notebook.cells[7].source = notebook.cells[7].source.replace("Why?", "Why not?")
    again = workbook.with_menu(notebook, "04")
    assert sections.minutes(again) == edited
    assert "2 · Why not?" in again.cells[2].source
    again.cells.append(new_markdown_cell("## 3 · And now?"))
    shared = sections.minutes(again)
    assert shared["1"] + shared["2"] + shared["3"] == 60 and shared["3"] >= 1
    assert shared["A"] == edited["A"]


def test_menus_are_made_anew_without_executing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "04_small.ipynb"
    notebook = workbook.with_menu(lesson(), "04")
    notebook.cells[3].outputs = [nbformat.v4.new_output("stream", text="was run")]
    notebook.cells[4].source += " And more."
    path.write_text(workbook.as_text(notebook), encoding="utf-8")
    assert workbook.main(["menus"], tmp_path) == 0
    assert capsys.readouterr().out == "menu made anew: 04_small\n"
    again = workbook.read(path)
    assert f"(#cell-id={again.cells[4].id})" in again.cells[2].source
    assert again.cells[3].outputs[0].text == "was run"
    assert workbook.main(["menus"], tmp_path) == 0 and capsys.readouterr().out == ""


@each_lesson
def test_menu_of_a_lesson_is_of_today(lesson: Path) -> None:
    notebook = workbook.read(lesson)
    stored = [cell.source for cell in notebook.cells if sections.is_menu(cell)]
    assert stored == [sections.menu(notebook), sections.call(lesson.stem[:2])], "python -m mailkit.workbook menus"


@each_lesson
def test_minutes_of_the_sections_sum_to_those_of_the_lesson(lesson: Path) -> None:
    notebook = sections.read_json(lesson)
    taken = sections.minutes(notebook)
    there = sections.sections(notebook)
    assert len({section.key for section in there}) == len(there)
    assert all(taken[section.key] >= 1 for section in there)
    sums = {kind: sum(taken[s.key] for s in there if s.kind == kind) for kind in ("teach", "practise", "annex")}
    assert sums == sections.planned_minutes(notebook)
