"""A lesson on one's own domain as an HTML file beside the executed copy."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mailkit import workbook
from mailkit.lesson_document import document, main, without_practice
from mailkit.workbook import CellFailed

SETTINGS = 'DOMAIN = "kaisha.example"\nNETWORK = "lab"'


def code(source: str, *tags: str) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def lesson(path: Path, *cells: NotebookNode) -> Path:
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), code(SETTINGS, "parameters"), *cells])
    notebook.metadata.kernelspec = dict(workbook.KERNEL)
    nbformat.write(notebook, path)
    return path


def test_the_settings_are_filled_in_and_copy_and_page_stand_side_by_side(tmp_path: Path) -> None:
    made = lesson(tmp_path / "04_spf.ipynb", code("print(DOMAIN, NETWORK)"))
    before = made.read_bytes()
    page = document(made, "BÜCHER.example", tmp_path)
    assert page.name == "04_spf-xn--bcher-kva.example.html" and page.with_suffix(".ipynb").exists()
    assert "xn--bcher-kva.example lab" in page.read_text("utf-8")
    assert made.read_bytes() == before


@pytest.mark.parametrize(
    ("domain", "network"), [("kaisha.example", "lab"), ("example.com", "lab"), ("iana.org", "internet")]
)
def test_the_network_is_the_one_where_the_name_can_exist(tmp_path: Path, domain: str, network: str) -> None:
    page = document(lesson(tmp_path / "04_spf.ipynb", code("print('on', NETWORK)")), domain, tmp_path)
    assert f"on {network}" in page.read_text("utf-8")


def test_the_page_fetches_nothing_runs_nothing_and_escapes_what_the_lesson_printed(tmp_path: Path) -> None:
    made = lesson(
        tmp_path / "04_spf.ipynb", new_markdown_cell("$x$ and `y`"), code("print('<script>alert(1)</script>')")
    )
    page = document(made, "kaisha.example", tmp_path).read_text("utf-8")
    assert "<script" not in page and "&lt;script&gt;alert" in page
    assert not re.findall(r"""(?:src|href)=["']https?://[^"']*\.(?:js|css)""", page) and "@import" not in page


def test_a_cell_that_fails_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    made = lesson(tmp_path / "04_spf.ipynb", code("1 / 0"))
    with pytest.raises(CellFailed, match="ZeroDivisionError"):
        document(made, "kaisha.example", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["04_spf.ipynb"]


@pytest.mark.parametrize("domain", ["", "a b", '"; import os', "a..b"])
def test_what_is_no_domain_is_told_so(tmp_path: Path, domain: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        document(lesson(tmp_path / "04_spf.ipynb"), domain, tmp_path)


def test_practice_goes_with_the_headings_over_nothing_else() -> None:
    cells = [
        new_markdown_cell("# Title"),
        code("setup"),
        new_markdown_cell("Before.\n\n## One\n\nLook.\n\n```\n# no heading\n```"),
        code("ready", "catch-up", "experiment"),
        code("look"),
        new_markdown_cell("So it is.\n\n### Experiment\n\nTry."),
        code("try", "experiment"),
        new_markdown_cell("### Again\n\nTry again."),
        code("again", "experiment"),
        new_markdown_cell("It changed.\n\n## Two\n\nOnly practice."),
        code("only", "experiment"),
        new_markdown_cell("## Exercises"),
        code("q1", "exercise"),
        new_markdown_cell("## What you learned\n\nThis."),
    ]
    left = without_practice(new_notebook(cells=cells)).cells
    assert [cell.source for cell in left] == [
        "# Title",
        "setup",
        "Before.",
        "## One\n\nLook.\n\n```\n# no heading\n```",
        "ready",
        "look",
        "So it is.",
        "## What you learned\n\nThis.",
    ]


LESSONS = [path.stem for path in workbook.lessons()]


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_is_a_document_on_another_domain_without_its_practice(tmp_path: Path, name: str) -> None:
    (path,) = [path for path in workbook.lessons() if path.stem == name]
    page = document(path, "mistakes.example", tmp_path, own_domain_only=True)
    copy = workbook.read(page.with_suffix(".ipynb"))
    practice = [c for c in copy.cells if {"experiment", "exercise"} & set(c.metadata.get("tags", []))]
    assert all("catch-up" in cell.metadata.tags for cell in practice)
    text = page.read_text("utf-8")
    assert "mistakes.example" in text and "lab.reset()" not in text and "<script" not in text


def test_the_command_says_where_the_page_is_and_what_is_wrong(tmp_path: Path, root: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "mailkit.lesson_document", *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=300, cwd=root)

    for arguments in (("04_none", "kaisha.example"), ("04_spf", "a..b")):
        refused = run(*arguments)
        assert refused.returncode == 2 and refused.stderr and "Traceback" not in refused.stderr


def test_the_command_writes_into_the_learners_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notebooks").mkdir()
    lesson(tmp_path / "notebooks" / "04_spf.ipynb", code("print(DOMAIN)"))
    assert main(["04_spf", "example.net", "--own-domain-only"], tmp_path) == 0
    assert capsys.readouterr().out == "work/04_spf-example.net.html\n"
