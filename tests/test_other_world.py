"""Every lesson rerun as a reader reruns it on a domain of their own.

Another process serves a different practice internet; the lesson's settings name a domain of that world and the
network "internet", and the environment says where its name servers, its way out and its CA are.  A lesson that
holds true there holds a fact about no particular domain.  And it runs to its end where no network is, or a resolver
that lies: all of it that is not practice, for an experiment asks the practice internet alone, and is run without a
network in test_notebooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from nbformat import NotebookNode
from support_dns import serving
from support_notebooks import code_cells, each_lesson, run_problems, tags
from support_worlds import LOOPBACK_ONLY, OTHER_WORLD, ServedWorld, served_world

from mailkit import workbook
from mailkit.lesson_document import without_practice


@pytest.fixture(scope="module")
def other_world() -> Iterator[ServedWorld]:
    with served_world(OTHER_WORLD) as world:
        yield world


def with_settings(notebook: NotebookNode, **values: str) -> NotebookNode:
    """Return *notebook* with other values in its cell of settings, as a reader would type them."""
    (settings,) = (cell for cell in code_cells(notebook) if "parameters" in tags(cell))
    for name, value in values.items():
        pattern = re.compile(rf"^{name} = .*$", re.MULTILINE)
        settings.source, replaced = pattern.subn(f"{name} = {value!r}", settings.source)
        assert replaced == 1, f"the cell of settings must set {name} once, in a line of its own"
    return notebook


@each_lesson
def test_lesson_in_another_world(lesson: Path, other_world: ServedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in other_world.environment.items():
        monkeypatch.setenv(name, value)
    notebook = with_settings(workbook.read(lesson), DOMAIN=other_world.domain, NETWORK="internet")
    workbook.execute(notebook, lesson.parent)
    assert run_problems(code_cells(notebook)) == []


def lie(query: dns.message.Message, transport: str) -> dns.message.Message:
    """Say of every name that it does not exist, as a resolver does that must not be used for this."""
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.NXDOMAIN)
    return response


@each_lesson
@pytest.mark.parametrize("resolver", ["none", "lying"])
def test_lesson_without_a_sound_network(lesson: Path, resolver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LOOPBACK_ONLY.items():
        monkeypatch.setenv(name, value)
    with serving(lie) as port:
        if resolver == "lying":
            monkeypatch.setenv("MAILKIT_NAMESERVERS", f"127.0.0.1:{port}")
        notebook = with_settings(workbook.read(lesson), DOMAIN="your-domain.net", NETWORK="internet")
        notebook = without_practice(notebook)
        workbook.execute(notebook, lesson.parent)
    assert run_problems(code_cells(notebook)) == []


def test_a_world_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"did not come up:\n.+"), served_world(tmp_path / "nowhere"):
        pass
