"""Two processes for many domains: the same rows in the same order, wherever they are started, and whatever ends."""

from __future__ import annotations

import importlib
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from support_dns import dns_world
from support_trouble import TROUBLED, kind_of, served

from mailkit import report
from mailkit.network import Network, prefetching
from mailkit.report import many, second
from mailkit.report.checks import run, select
from mailkit.report.store import Store
from mailkit.report.subject import Subject
from mailkit.results import Finding, Rows, Verdict

DOMAINS = ["a..b", "none.test", *(domain for domain in TROUBLED if kind_of(domain) in ("well", "broken"))][:400]


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with served() as servers:
        yield servers.net(20.0)


def audit(net: Network) -> Rows[Finding]:
    return report.audit(DOMAINS, net=net, dns_only=True, selectors=["s1"], progress=False)


@pytest.fixture(scope="module")
def plain(net: Network) -> Rows[Finding]:
    """What one process finds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second, "_processors", lambda: 1)
        return audit(net)


@pytest.fixture
def by_the_second(monkeypatch: pytest.MonkeyPatch) -> list[many.Found]:
    """All that the second process finds, on a machine where there is one."""
    seen: list[many.Found] = []
    asked = second._Second.round

    def noting(self: Any) -> list[many.Found]:
        found = asked(self)
        seen.extend(found)
        return found

    monkeypatch.setattr(second, "_processors", lambda: 2)
    monkeypatch.setattr(second._Second, "round", noting)
    return seen


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process wait for the second, however long that takes to start."""
    own = second._own

    def waiting(entries: Any, other: Any) -> Iterator[Any]:
        while other._said.empty():  # it asks for work, or has ended
            time.sleep(0.01)
        yield from own(entries, other)

    monkeypatch.setattr(second, "_own", waiting)


@pytest.mark.usefixtures("patient")
def test_two_processes_find_the_same_in_the_same_order(
    net: Network, plain: Rows[Finding], by_the_second: list[many.Found]
) -> None:
    assert audit(net) == plain
    assert 0 < len(by_the_second) < len(DOMAINS)


@pytest.mark.usefixtures("patient")
def test_what_the_second_leaves_undone_is_done_here(
    net: Network, plain: Rows[Finding], by_the_second: list[many.Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = second._Second._listen

    def killing(self: Any, stream: Any) -> None:
        with suppress(ValueError):  # communicate() has closed it
            stream.peek()  # it has begun
            self._process.kill()
        heard(self, stream)

    monkeypatch.setattr(second._Second, "_listen", killing)
    assert audit(net) == plain


def test_where_no_other_can_be_started_this_one_does_all(
    net: Network, plain: Rows[Finding], by_the_second: list[many.Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert audit(net) == plain and not by_the_second


def test_a_network_that_cannot_be_sent_stays_here(
    net: Network, plain: Rows[Finding], by_the_second: list[many.Found]
) -> None:
    class Own(Network):
        pass

    own = Own(**{name: getattr(net, name) for name in Network.__dataclass_fields__})
    assert audit(own) == plain and not by_the_second


def test_fewer_domains_are_not_worth_another_process(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "_Second", None)
    assert report.audit(DOMAINS[:100], net=net, dns_only=True, lessons=["04_spf"], progress=False)


@pytest.fixture(scope="module")
def made_up() -> dict[str, dict[str, list[str]]]:
    """The domains that the benchmark is about, with their records."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
    records = importlib.import_module("delayed_dns").records(60)
    sys.path.pop(0)
    found: dict[str, dict[str, list[str]]] = {}
    for (owner, kind), values in records.items():
        if kind == "NS":  # of the zone; here it is made for what is in it
            continue
        texts = ["".join(value[1:-1].split('" "')) for value in values] if kind == "TXT" else values
        found.setdefault(owner, {})[kind] = texts
    return found


@pytest.mark.usefixtures("patient")
def test_the_fast_way_finds_what_the_plain_one_does(
    made_up: dict[str, dict[str, list[str]]], by_the_second: list[many.Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is: one domain after the other, one question after the other, each answer read by dnspython."""
    monkeypatch.setattr(second, "ENOUGH", 2)
    monkeypatch.setattr(prefetching, "_MOST_JOBS", 20)
    domains = [owner for owner in made_up if re.fullmatch(r"d\d+\.bench\.test", owner)]
    selectors, checks = ("s0", "s1", "none"), select(None, dns_only=True)
    with dns_world(made_up, timeout=20.0) as net:
        fast = report.audit(domains, net=net, dns_only=True, selectors=selectors, progress=False)
        subjects = [Subject(name, name, net.remembering(), selectors, dns_only=True) for name in domains]
        plain = [finding for subject in subjects for finding in run(subject, checks)]
    assert len(domains) == 60 and 0 < len(by_the_second) < 60
    assert list(fast) == plain
    assert {finding.verdict for finding in plain} >= {Verdict.PASS, Verdict.WARN}
    assert any(finding.fix for finding in plain), "what is offered to paste was tried"


CODE = """
import time
from mailkit import report
from mailkit.network import Network
from mailkit.report import second

own, asked, by_the_second = second._own, second._Second.round, []

def patient(entries, other):
    while other._said.empty():
        time.sleep(0.01)
    yield from own(entries, other)

def noting(other):
    found = asked(other)
    by_the_second.extend(found)
    return found

second._processors, second._own, second._Second.round = lambda: 2, patient, noting
servers = tuple(("127.0.0.1", port) for port in {ports})
net = Network("internet", "here", servers, timeout=20.0)
report.collect([f"d{{n}}.test" for n in range(1, 1000, 2) if n % 20 > 2], net=net, store={store!r}, dns_only=True,
               selectors=["s1"], lessons=["04_spf"], progress={progress})
assert by_the_second
"""


@pytest.mark.parametrize("where", ["a script", "a notebook"])
def test_it_works_from_a_script_without_a_guard_and_from_a_notebook(where: str, net: Network, tmp_path: Path) -> None:
    store = tmp_path / "findings.sqlite"
    options = {"ports": [port for _, port in net.nameservers], "store": str(store), "progress": where == "a notebook"}
    code = CODE.format(**options)
    if where == "a script":
        script = tmp_path / "script.py"
        script.write_text(code, encoding="utf-8")
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    else:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
        (shown,) = notebook.cells[0].outputs  # one line, written over
        assert shown.data["text/plain"] == "450 of 450 (100 %)"
    (run,) = report.runs(store)
    assert run.finished and run.domains == 450


def test_the_date_is_the_same_in_both(net: Network) -> None:
    moment = datetime(2020, 2, 29, tzinfo=UTC)
    octets = second._packed(replace(net, clock=lambda: moment), {})
    assert octets is not None and pickle.loads(octets)[0].now() == moment


def test_an_interrupt_ends_the_second_at_once(net: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Though its traceback, which a notebook keeps, knows of everything that was under way."""
    begun: list[Any] = []
    start = second.subprocess.Popen

    def noting(*args: Any, **options: Any) -> Any:
        begun.append(start(*args, **options))
        return begun[-1]

    def interrupted(self: Any, some: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(second, "_processors", lambda: 2)
    monkeypatch.setattr(second.subprocess, "Popen", noting)
    monkeypatch.setattr(Store, "save", interrupted)
    with pytest.raises(KeyboardInterrupt) as kept:
        report.collect(DOMAINS, net=net, store=tmp_path / "x.sqlite", dns_only=True, lessons=["04_spf"], progress=False)
    assert kept.tb is not None and [process.poll() is not None for process in begun] == [True]
