"""The learner's copies, and executing and storing a lesson, on a tiny workbook of two lessons."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mailkit import workbook

NOW = datetime(2026, 4, 1, 9, 30, 5)


def write(path: Path, *sources: str, **metadata: object) -> None:
    cells = [new_markdown_cell("# Title"), *(new_code_cell(source, metadata=metadata) for source in sources)]
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks" / "00_first.ipynb", "x = 20", "x + 22", "x + 22")
    write(tmp_path / "notebooks" / "01_second.ipynb", "print('two')")
    return tmp_path


def code(path: Path) -> list[NotebookNode]:
    return [cell for cell in workbook.read(path).cells if cell.cell_type == "code"]


def test_lessons_are_in_order_and_nothing_else_is_one(root: Path) -> None:
    write(root / "notebooks" / ".see-00_first.ipynb")
    write(root / "notebooks" / "scratch.ipynb")
    assert [path.stem for path in workbook.lessons(root)] == ["00_first", "01_second"]


def test_copies_have_no_outputs_and_lessons_keep_theirs(root: Path) -> None:
    first = root / "notebooks" / "00_first.ipynb"
    workbook.store(first)
    stored = first.read_bytes()
    made = workbook.copies(root)
    assert [path.relative_to(root).as_posix() for path in made] == ["work/00_first.ipynb", "work/01_second.ipynb"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code(made[0]))
    assert [cell.source for cell in code(made[0])] == ["x = 20", "x + 22", "x + 22"]
    assert first.read_bytes() == stored


def test_copies_never_overwrite(root: Path) -> None:
    workbook.copies(root)
    mine = root / "work" / "00_first.ipynb"
    mine.write_text("my own words", encoding="utf-8")
    (root / "work" / "01_second.ipynb").unlink()
    assert [path.name for path in workbook.copies(root)] == ["01_second.ipynb"]
    assert mine.read_text(encoding="utf-8") == "my own words"


def test_fresh_keeps_the_old_copies_and_leaves_other_files(root: Path) -> None:
    workbook.copies(root)
    (root / "work" / "00_first.ipynb").write_text("my own words", encoding="utf-8")
    (root / "work" / "notes.ipynb").write_text("notes", encoding="utf-8")
    kept = workbook.fresh(root, now=NOW)
    assert kept == root / "work" / "kept-20260401-093005"
    assert sorted(path.name for path in kept.iterdir()) == ["00_first.ipynb", "01_second.ipynb"]
    assert (kept / "00_first.ipynb").read_text(encoding="utf-8") == "my own words"
    assert code(root / "work" / "00_first.ipynb")[0].source == "x = 20"
    assert (root / "work" / "notes.ipynb").read_text(encoding="utf-8") == "notes"


def test_fresh_twice_in_one_second_loses_nothing(root: Path) -> None:
    workbook.copies(root)
    workbook.fresh(root, now=NOW)
    (root / "work" / "00_first.ipynb").write_text("written since", encoding="utf-8")
    with pytest.raises(FileExistsError):
        workbook.fresh(root, now=NOW)
    assert (root / "work" / "00_first.ipynb").read_text(encoding="utf-8") == "written since"


def test_fresh_without_copies_makes_them(root: Path) -> None:
    assert workbook.fresh(root, now=NOW) is None
    assert sorted(path.name for path in (root / "work").iterdir()) == ["00_first.ipynb", "01_second.ipynb"]


def test_store_executes_in_the_folder_of_the_notebook(root: Path) -> None:
    path = root / "notebooks" / "00_first.ipynb"
    write(path, "import pathlib; print(pathlib.Path.cwd().name)", "1 + 1")
    workbook.store(path)
    cells = code(path)
    assert [cell.execution_count for cell in cells] == [1, 2]
    assert cells[0].outputs == [{"output_type": "stream", "name": "stdout", "text": "notebooks\n"}]
    assert cells[1].outputs[0].data == {"text/plain": "2"}


def test_stored_twice_is_the_same_to_the_byte(root: Path) -> None:
    path = root / "notebooks" / "00_first.ipynb"
    # The pause is longer than the kernel's interval for sending on what was printed, so stdout comes in two pieces.
    write(path, "import time\nprint('a', flush=True)\ntime.sleep(0.5)\nprint('b')", "1 + 1")
    workbook.store(path)
    first = path.read_bytes()
    assert code(path)[0].outputs[0].text == "a\nb\n"
    write(path, "import time\nprint('a', flush=True)\ntime.sleep(0.5)\nprint('b')", "1 + 1")
    workbook.store(path)
    assert path.read_bytes() == first


def test_text_has_no_trace_of_the_execution(root: Path) -> None:
    notebook = workbook.read(root / "notebooks" / "00_first.ipynb")
    for cell in notebook.cells:
        cell.metadata["execution"] = {"iopub.execute_input": "2026-04-01T09:30:05Z"}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    text = workbook.as_text(notebook)
    assert "3.11.7" not in text and "iopub" not in text
    ids = [cell.id for cell in nbformat.reads(text, as_version=4).cells]
    assert len(set(ids)) == len(ids) == 4, "two cells with one source have ids of their own"
    assert text == workbook.as_text(nbformat.reads(text, as_version=4))


def test_only_neighbouring_pieces_of_one_stream_are_joined() -> None:
    def said(text: str, name: str = "stdout") -> NotebookNode:
        return new_output("stream", name=name, text=text)

    picture = new_output("display_data", {"text/plain": "<Figure>"})
    notebook = new_notebook(
        cells=[new_code_cell("", outputs=[said("a"), said("b"), picture, said("c"), said("d", "stderr")])]
    )
    outputs = nbformat.reads(workbook.as_text(notebook), as_version=4).cells[0].outputs
    assert [output.get("text", "picture") for output in outputs] == ["ab", "picture", "c", "d"]


def test_a_failing_cell_is_named_and_nothing_is_written(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / "notebooks" / "00_first.ipynb"
    write(path, "x = 1", "x / 0", "x")
    before = path.read_bytes()
    assert workbook.main(["store"], root) == 1
    said = capsys.readouterr()
    assert "code cell 2" in said.err and "x / 0" in said.err and "ZeroDivisionError" in said.err
    assert "01_second" not in said.out
    assert path.read_bytes() == before


def test_a_cell_that_ends_its_kernel_is_named(root: Path) -> None:
    path = root / "notebooks" / "00_first.ipynb"
    write(path, "x = 1", "import os; os._exit(1)")
    with pytest.raises(workbook.CellFailed, match=r"code cell 2: .*died"):
        workbook.store(path)


def test_a_cell_tagged_raises_exception_may_raise(root: Path) -> None:
    path = root / "notebooks" / "00_first.ipynb"
    write(path, "1 / 0", tags=["raises-exception"])
    workbook.store(path)
    assert code(path)[0].outputs[0].ename == "ZeroDivisionError"


def test_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert workbook.main(["lessons"], root) == 0
    assert capsys.readouterr().out == "00_first\n01_second\n"
    assert workbook.main(["copies"], root) == 0
    assert capsys.readouterr().out == "new: work/00_first.ipynb\nnew: work/01_second.ipynb\n"
    assert workbook.main(["fresh"], root) == 0
    assert capsys.readouterr().out.startswith("your old copies: work/kept-")
    assert workbook.main(["store", "notebooks/01_second.ipynb"], root) == 0
    assert capsys.readouterr().out == "01_second stored\n"
    assert code(root / "notebooks" / "00_first.ipynb")[0].execution_count is None
    assert workbook.main(["store", "07_none"], root) == 1
    assert "no lesson 07_none; there are 00_first, 01_second" in capsys.readouterr().err
