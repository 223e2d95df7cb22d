"""Catching up: what a latecomer's call runs, and what can go wrong; for each section of a lesson see test_notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support_notebooks import shown

from mailkit import catching_up, lab, workbook
from mailkit.catching_up import catch_up

CATCH_UP, EXPERIMENT = {"tags": ["catch-up"]}, {"tags": ["experiment"]}


def test_a_copy_of_any_name_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """What a learner does: a notebook of their own, the call typed without its zero, then the cells of the section."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    cells = [
        new_code_cell('DOMAIN = "mistakes.example"\nfrom mailkit.catching_up import catch_up\ncatch_up("4 / 3")'),
        new_code_cell("print(DOMAIN, NETWORK, SENDING_IP, office.vantage, two_includes[:6])"),
    ]
    said = [shown(cell) for cell in workbook.execute(new_notebook(cells=cells), tmp_path).cells]
    assert said[0].startswith("You are at the start of “3 · How is a record read?” in lesson 04")
    assert "DOMAIN = 'mistakes.example', NETWORK = 'lab', SENDING_IP = None" in said[0]
    assert said[1] == "mistakes.example lab None office v=spf1\n"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    shell = InteractiveShell(user_ns={})
    monkeypatch.setattr(catching_up, "get_ipython", lambda: shell)
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A workbook of one lesson."""
    cells = [
        new_markdown_cell("# Title"),
        new_code_cell('DOMAIN = "kaisha.example"\nNETWORK = "lab"\nLIST = None', metadata={"tags": ["parameters"]}),
        new_code_cell("print('set up')\nbuilt = [DOMAIN]\nbuilt"),
        new_markdown_cell("## 1 · First\n\n## 2 · Second"),
        new_code_cell("built.append('second')\nprint('caught up')", metadata=CATCH_UP),
        new_code_cell("built.append('experiment')", metadata=EXPERIMENT),
        new_markdown_cell("## 3 · Third"),
        new_code_cell("built.append('the only cell')", metadata=CATCH_UP),
        new_markdown_cell("## 4 · Fails"),
        new_code_cell("1 / 0", metadata=CATCH_UP),
        new_code_cell("never"),
        new_markdown_cell("## Exercises"),
        new_code_cell("q1.check(...)", metadata={"tags": ["exercise"]}),
        new_code_cell("q2.check(...)", metadata={"tags": ["exercise"]}),
        new_markdown_cell("## Annex A · More"),
        new_code_cell("built.append('annex')", metadata=CATCH_UP),
        new_code_cell("built"),
    ]
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "07_small.ipynb"
    path.write_text(workbook.as_text(new_notebook(cells=cells)), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("place", "built"),
    [
        ("07/2", ["second"]),
        ("7/2", ["second"]),
        (" 07 / 2. ", ["second"]),
        ("０７／２", ["second"]),
        ("07/section 2", ["second"]),
        ("07/2 · Second", ["second"]),
        ("07/second", ["second"]),
        ("07/1", []),
        ("07/3", []),  # its one cell comes next, and nothing else needs it
        ("07/exercises", []),
        ("07/a", ["annex"]),
        ("07/Annex A", ["annex"]),
    ],
)
def test_what_is_run(place: str, built: list[str], small: Path, shell: InteractiveShell) -> None:
    said = catch_up(place, root=small)
    assert said.startswith("You are at the start of “")
    assert shell.user_ns["built"] == ["kaisha.example", *built]


def test_settings_that_exist_stay(small: Path, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.user_ns |= {"DOMAIN": "own.example", "built": "something else"}
    said = catch_up("07/2", root=small)
    assert shell.user_ns["built"] == ["own.example", "second"]
    assert said.endswith("The settings are DOMAIN = 'own.example', NETWORK = 'lab', LIST = None.")
    assert capsys.readouterr().out == "", "what the cells show is to be seen where they stand"


def test_the_practice_internet_is_put_back(small: Path, shell: InteractiveShell) -> None:
    practice = lab.start()
    practice.publish("x.kaisha.example", "TXT", "one")
    now = practice.clock.now()
    catch_up("07/2", root=small)
    assert practice.network().lookup("x.kaisha.example", "TXT").status == "NXDOMAIN"
    assert practice.clock.now() < now


@pytest.mark.parametrize("place", ["07/...", "07/…", "07/", "07", "07/?"])
def test_dots_run_nothing(place: str, small: Path, shell: InteractiveShell) -> None:
    assert catch_up(place, root=small) == "Nothing to catch up with: go on below."
    assert "built" not in shell.user_ns


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("07/9", 'lesson 07 has no section "9"; there are 1, 2, 3, 4, exercises, A'),
        ("07/B", "there are 1, 2, 3, 4, exercises, A"),
        ("07/\x1b[31m" + "9" * 500, "there are 1, 2, 3, 4, exercises, A"),
        ("08/1", 'no lesson "08"; there are 07'),
        ("", 'no lesson ""; there are 07'),
        ("/2", 'no lesson ""; there are 07'),
        ("../07/2", "there are 07"),
    ],
)
def test_what_there_is_not(place: str, says: str, small: Path, shell: InteractiveShell) -> None:
    with pytest.raises(ValueError) as raised:
        catch_up(place, root=small)
    assert says in str(raised.value) and len(str(raised.value)) < 200 and "\x1b" not in str(raised.value)
    assert "built" not in shell.user_ns


@pytest.mark.parametrize("place", [4 / 3, None, ...])
def test_a_place_stands_between_quotes(place: object) -> None:
    with pytest.raises(TypeError, match=r'between quotes: catch_up\("04/3"\)'):
        catch_up(place)  # type: ignore[arg-type]


def test_where_there_are_no_lessons(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no lessons"):
        catch_up("04/3", root=tmp_path)


def test_outside_of_a_notebook(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "get_ipython", lambda: None)
    with pytest.raises(RuntimeError, match="call it in one"):
        catch_up("07/2", root=small)


def test_what_a_cell_raises_is_raised(small: Path, shell: InteractiveShell) -> None:
    with pytest.raises(ZeroDivisionError):
        catch_up("07/4", root=small)


def test_a_learner_who_changed_a_stored_lesson_gets_an_answer(small: Path, shell: InteractiveShell) -> None:
    (small / "notebooks" / "07_small.ipynb").write_text(json.dumps({"cells": []}), encoding="utf-8")
    with pytest.raises(ValueError, match="lesson 07"):
        catch_up("07/2", root=small)
