"""A thousand domains on a DNS in trouble: each has its row, none is wrongly failed, a killed run is gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support_trouble import TROUBLED, Clock, kind_of, served

from mailkit import report
from mailkit.network import carrier
from mailkit.report import second
from mailkit.results import Verdict

TRIES = 6  # of one question, before it counts as not answered


def test_every_domain_has_its_row_none_is_wrongly_failed_and_nothing_waits_longer_than_it_must(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock stands while the servers answer: on the slowest machine only those that are silent are waited for."""
    monkeypatch.setattr(second, "ENOUGH", 10**6)  # another process would have another clock
    clock = Clock()
    monkeypatch.setattr(carrier, "time", clock)
    with served(clock) as servers:
        found = report.audit(
            TROUBLED,
            net=servers.net(60.0),
            dns_only=True,
            selectors=["s1"],
            lessons=["01_op25b", "04_spf"],
            progress=False,
        )
    assert list(dict.fromkeys(f.domain for f in found)) == TROUBLED
    seen: dict[str, set[Verdict]] = {domain: set() for domain in TROUBLED}
    for finding in found:
        if finding.lesson in ("04_spf", "00_start_here"):
            seen[finding.domain].add(finding.verdict)
    for domain, verdicts in seen.items():
        kind = kind_of(domain)
        if kind in ("silent", "fails"):
            assert verdicts == {Verdict.UNKNOWN}, (domain, verdicts)
            assert len(found.where(domain=domain)) == 1, "one explanation, said once"
        elif kind == "broken":
            assert Verdict.FAIL in verdicts, domain
        else:
            assert Verdict.FAIL not in verdicts and Verdict.PASS in verdicts, (domain, verdicts)
    assert not [f for f in found if f.check == "report"], "no check broke"

    # What is silent is waited for once, by all at the same time: one question after the other would take an hour.
    silent = {question: places for question, places in servers.places().items() if kind_of_question(question)}
    assert len({question.split(" ")[0] for question in silent}) == 50
    assert {len(places) for places in silent.values()} == {TRIES}
    last_of_the_first, first_of_the_last = min(p[-1] for p in silent.values()), max(p[0] for p in silent.values())
    assert first_of_the_last < last_of_the_first, "all are on the way before the first is given up"


def kind_of_question(question: str) -> bool:
    name = question.split(" ")[0].removesuffix(".")
    return name.endswith(".test") and name != "ns.test" and kind_of(name) == "silent"


CHILD = """
import sys
from mailkit import report
from mailkit.network import Network
servers = tuple(("127.0.0.1", int(port)) for port in sys.argv[2:])
net = Network("internet", "here", servers, timeout=4.0)
report.collect([f"d{n}.test" for n in range(1000)], net=net, store=sys.argv[1], dns_only=True, selectors=["s1"],
               lessons=["04_spf", "05_dkim"], progress=False)
"""


@pytest.mark.parametrize("rows", [1, 400, 900])
def test_what_was_killed_is_gone_on_with_and_asks_only_what_is_missing(tmp_path: Path, rows: int) -> None:
    """However far it was; the domains that time out come last."""
    store = tmp_path / "findings.sqlite"
    with served() as servers:
        line = [sys.executable, "-c", CHILD, str(store), *map(str, servers.ports)]
        child = subprocess.Popen(line)
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and child.poll() is None:
            if store.exists() and sum(run.done for run in report.runs(store)) >= rows:
                break
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(30)
        (run,) = report.runs(store)
        done = set(report.stored(store)["domain"])
        assert len(done) == run.done >= rows
        with servers.lock:
            servers.asked.clear()
        subprocess.run(line, check=True, timeout=300)
    (run,) = report.runs(store)
    assert run.finished and run.domains == 1000
    frame = report.stored(store)
    assert list(dict.fromkeys(frame["domain"])) == TROUBLED
    counted = frame.groupby(["domain", "lesson", "check", "subject", "evidence"]).size()
    assert counted.max() == 1, "nothing is there twice"
    again = {question.split(" ")[0].removesuffix(".") for question in servers.asked}
    assert not again & done
