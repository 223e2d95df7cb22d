"""Every lesson as a learner meets it: a copy without outputs, opened in JupyterLab in a browser, Run All.

One JupyterLab and one headless Chromium serve all lessons.  JupyterLab's own objects are asked, not the page: the
kernel indicator says idle before there is a kernel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from support_notebooks import each_lesson, run_problems
from support_worlds import LOOPBACK_ONLY

from mailkit import sections, workbook

START_SECONDS = 60.0
RUN_SECONDS = 240

# What would cover the page or ask the network.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "notebook-extension/tracker": {"windowingMode": "none"},
}

OPENED = """async () => {
  const { context, sessionContext } = window.jupyterapp.shell.currentWidget;
  await context.ready; await sessionContext.ready; await sessionContext.session.kernel.info;
  window.jupyterapp.shell.collapseLeft();
}"""
RUN_ALL = """seconds => Promise.race([
  window.jupyterapp.commands.execute('notebook:run-all-cells'),
  new Promise((_, fail) => setTimeout(() => fail(new Error(`Run All took more than ${seconds} s`)), 1000 * seconds)),
])"""
CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(cell => cell.toJSON())"
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"


@dataclass(frozen=True)
class Desk:
    """A running JupyterLab, the folder it shows, and a browser."""

    folder: Path
    url: str
    token: str
    browser: Any


def server_info(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> dict[str, Any]:
    """Wait for the file in which a Jupyter server says where it listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            try:
                return dict(json.loads(path.read_text(encoding="utf-8")))
            except json.JSONDecodeError:  # it is being written
                pass
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not come up:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, peer: Callable[[str, str], str]) -> Iterator[Desk]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: it is in mailkit[test]")
    chromium = peer("chromium", "chromium")
    folder = tmp_path_factory.mktemp("jupyterlab")
    for name, value in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
    environment = (
        os.environ
        | LOOPBACK_ONLY
        | {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        }
    )
    served = folder / "served"
    served.mkdir()
    log = folder / "log.txt"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    command += [f"--ServerApp.root_dir={served}", "--LabApp.expose_app_in_browser=True"]
    command += ["--KernelManager.transport_encryption=auto"]  # as make lab has it
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        info = server_info(process, folder / "runtime", log)
        with sync_api.sync_playwright() as playwright:
            # Chromium's own sandbox does not start for root; the pages are ours, from loopback.
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            yield Desk(served, info["url"], info["token"], browser)
            browser.close()
    finally:
        process.terminate()
        process.wait(30)


@each_lesson
def test_run_all(lesson: Path, desk: Desk, tmp_path: Path) -> None:
    copy = desk.folder / lesson.name
    copy.write_text(workbook.as_text(workbook.without_outputs(workbook.read(lesson))), encoding="utf-8")
    page = desk.browser.new_page(viewport={"width": 1024, "height": 768})
    page_errors: list[str] = []
    page.on("pageerror", lambda error: page_errors.append(str(error)))
    try:
        page.goto(f"{desk.url}lab/tree/{copy.name}?token={desk.token}&reset")
        page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=1000 * START_SECONDS)
        page.evaluate(OPENED)
        page.evaluate(RUN_ALL, RUN_SECONDS)
        cells = [nbformat.from_dict(cell) for cell in page.evaluate(CELLS)]
        page.screenshot(path=str(tmp_path / f"{lesson.stem}.png"))
        page.evaluate(SHUT_DOWN)
    finally:
        page.close()
    assert page_errors == []
    assert run_problems([cell for cell in cells if cell.cell_type == "code"]) == []


# Where the heading that a link leads to stands: its top, below the top of the notebook, and the notebook's height.
JUMPED = """title => {
  const panel = document.querySelector('.jp-NotebookPanel-notebook').getBoundingClientRect();
  const heading = [...document.querySelectorAll('.jp-NotebookPanel h2')].find(h => h.textContent.startsWith(title));
  return heading.getBoundingClientRect().top - panel.top < panel.height;
}"""
TO_THE_MENU = "() => document.querySelector('.jp-NotebookPanel a[href^=\"#cell-id=\"]').scrollIntoView()"
# Write another call into the cell below the menu, and run it and the first cell of section 3, nothing else.
CATCH_UP = """async () => {
  const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
  const place = source => content.model.sharedModel.cells.findIndex(cell => cell.getSource().includes(source));
  for (const source of ['catch_up("04/', 'two_includes =']) {
    content.activeCellIndex = place(source);
    const cell = content.model.sharedModel.cells[content.activeCellIndex];
    cell.setSource(cell.getSource().replace('04/...', '04/3'));
    await window.jupyterapp.commands.execute('notebook:run-cell');
  }
}"""


def test_the_menu_leads_to_its_sections_and_a_latecomer_catches_up(desk: Desk, root: Path) -> None:
    (lesson,) = (path for path in workbook.lessons() if path.stem == "04_spf")
    copy = desk.folder / "my own name.ipynb"
    copy.write_text(workbook.as_text(workbook.without_outputs(workbook.read(lesson))), encoding="utf-8")
    page = desk.browser.new_page(viewport={"width": 1024, "height": 768})
    try:
        page.goto(f"{desk.url}lab/tree/{copy.name}?token={desk.token}&reset")
        page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=1000 * START_SECONDS)
        page.evaluate(OPENED)
        titles = [section.title for section in sections.sections(sections.read_json(lesson))]
        assert len(titles) > 10
        for title in titles:
            page.evaluate(TO_THE_MENU)
            page.locator(".jp-NotebookPanel td a", has_text=title).click()
            page.wait_for_function(JUMPED, arg=title, timeout=1000 * START_SECONDS)
        page.evaluate(CATCH_UP)
        page.wait_for_function(f"{CELLS[6:]}.filter(cell => cell.execution_count).length == 2", timeout=240_000)
        done = [cell for cell in page.evaluate(CELLS) if cell.get("execution_count")]
        page.evaluate(SHUT_DOWN)
    finally:
        page.close()
    said = ["".join(cell["outputs"][0]["data"]["text/plain"]) for cell in done]
    assert said[0].startswith("You are at the start of “3 · How is a record read?”")
    assert said[1].startswith("… not attempted: No guess yet.")
