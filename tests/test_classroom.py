"""Ten learners at once on one machine: each kernel has a practice internet of its own, and all of them finish.

Run with ``-s`` to see how much memory one learner takes.
"""

from __future__ import annotations

import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from support_notebooks import NO_KERNEL, STARTS, code_cells, run_problems, tags
from support_servers import HOST, closed_port

from mailkit import workbook

LEARNERS = 10
LESSON = "00_start_here.ipynb"
MOST_MEGABYTES = 400  # of one kernel: a machine with 8 GB seats ten learners and their JupyterLab

# The kernel tells about itself: asked from outside, it might be gone already.  Only Linux has this file.
ASK = """
import os, pathlib
status = pathlib.Path("/proc/self/status")
print("pid", os.getpid())
print(status.read_text() if status.exists() else "")
"""


def megabytes(says: list[str], field: str) -> list[float]:
    """A field of each kernel's /proc/PID/status, which counts in units of 1024 octets."""
    found = [re.search(rf"^{field}:\s+(\d+) kB$", said, re.MULTILINE) for said in says]
    return [int(match.group(1)) / 1024 for match in found if match]


def one_learner(lesson: Path) -> tuple[NotebookNode, str]:
    """Run *lesson* in a kernel of its own; return it and what the kernel says about itself at the end."""
    for start in range(STARTS):
        notebook = workbook.read(lesson)
        notebook.cells.append(new_code_cell(ASK))
        try:
            workbook.execute(notebook, lesson.parent)
        except RuntimeError as error:
            # Among so many sockets it happens; then a learner clicks on "restart".
            if not NO_KERNEL.search(str(error)) or start == STARTS - 1:
                raise
        else:
            break
    return notebook, "".join(output.text for output in notebook.cells.pop().outputs)


def story(notebook: NotebookNode) -> str:
    """The lesson as it is stored, without the outputs that are facts of the machine."""
    for cell in code_cells(notebook):
        if "nbval-ignore-output" in tags(cell):
            cell.outputs = []
    return workbook.as_text(notebook)


def test_ten_learners_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The preflight at the end of the lesson asks the real internet: here that is a proxy where nobody listens.
    monkeypatch.setenv("MAILKIT_VIA", f"socks5://{HOST}:{closed_port()}")
    monkeypatch.setenv("MAILKIT_NAMESERVERS", f"{HOST}:{closed_port()}")
    lesson = root / "notebooks" / LESSON
    started = time.monotonic()
    with ThreadPoolExecutor(LEARNERS) as pool:
        done = list(pool.map(one_learner, [lesson] * LEARNERS))
    seconds = time.monotonic() - started

    assert [run_problems(code_cells(notebook)) for notebook, _ in done] == [[]] * LEARNERS
    says = [said for _, said in done]
    assert len({said.splitlines()[0] for said in says}) == LEARNERS  # as many processes
    if resident := megabytes(says, "VmRSS"):
        most = max(megabytes(says, "VmHWM"))
        print(
            f"\n{LEARNERS} learners ran {LESSON} in {seconds:.0f} s; memory of one kernel: "
            f"{statistics.median(resident):.0f} MB (most at any time: {most:.0f} MB)"
        )
        assert len(resident) == LEARNERS and most < MOST_MEGABYTES

    # Ten practice internets at once told ten times the story that is stored: nothing of one got into another.
    told = {story(notebook) for notebook, _ in done}
    assert told == {story(workbook.read(lesson))}
