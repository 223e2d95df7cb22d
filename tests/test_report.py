"""The report: composed of the lessons' checks, honest about what cannot be seen, fit for a terminal and a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from mailkit import report
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.results import Verdict


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with Lab() as lab:
        yield lab.network()


def test_a_well_run_domain_scores_full_marks(net: Network, capsys: pytest.CaptureFixture[str]) -> None:
    found = report.audit("kaisha.example", net=net)
    assert {finding.verdict for finding in found} <= {Verdict.PASS, Verdict.INFO}
    assert "1 of 1: kaisha.example" in capsys.readouterr().out


def test_every_mistake_is_found_and_every_finding_says_where_to_read(net: Network) -> None:
    found = report.audit("mistakes.example", net=net, progress=False)
    assert Verdict.FAIL in {finding.verdict for finding in found}
    lessons = {path.stem for path in Path("notebooks").glob("*.ipynb")}
    for finding in found:
        assert finding.reference and finding.lesson, finding
        assert finding.verdict is Verdict.PASS or finding.advice or finding.evidence, finding
    assert {"01_op25b"} <= {finding.lesson for finding in found}
    assert lessons


def test_what_cannot_be_seen_is_never_a_fail(net: Network) -> None:
    for vantage in ("home", "offline"):
        found = report.audit("kaisha.example", net=net.at(vantage), progress=False)
        assert Verdict.FAIL not in {finding.verdict for finding in found}, vantage


def test_several_domains_keep_their_order_with_and_without_an_executor(net: Network) -> None:
    domains = ["kaisha.example", "example.com", "bigmail.example"]
    one_by_one = report.audit(domains, net=net, progress=False)
    with ThreadPoolExecutor(3) as pool:
        at_once = report.audit(domains, net=net, progress=False, executor=pool)
    assert one_by_one == at_once


@pytest.mark.parametrize("domains", [[], "", "localhost", "a..example", "x" * 64 + ".example"])
def test_what_is_no_mail_domain_is_told_so(net: Network, domains: object) -> None:
    with pytest.raises(ValueError, match=r"domain"):
        report.audit(domains, net=net)  # type: ignore[arg-type]


def test_one_lesson_runs_its_own_checks_only(net: Network) -> None:
    found = report.audit("kaisha.example", net=net, lessons=["04_spf"], progress=False)
    assert {finding.lesson for finding in found} == {"04_spf"}


@pytest.mark.parametrize("lessons", ["04_spf", ["04_dkim"]])
def test_an_unknown_lesson_is_told_which_there_are(net: Network, lessons: object) -> None:
    with pytest.raises(ValueError, match="01_op25b"):
        report.audit("kaisha.example", net=net, lessons=lessons)  # type: ignore[arg-type]


def test_every_lesson_with_checks_is_in_the_report(net: Network) -> None:
    found = report.audit("mistakes.example", net=net, progress=False)
    assert {finding.lesson for finding in found} == set(report.CHECKS)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mailkit.report", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL)


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    csv, as_json = tmp_path / "report.csv", tmp_path / "report.json"
    done = run("mistakes.example", "--csv", str(csv), "--json", str(as_json))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "✗ fail     MX name: alias.mistakes.example" in done.stdout
    rows = json.loads(as_json.read_text(encoding="utf-8"))
    assert len(pd.read_csv(csv)) == len(rows) > 5
    assert set(rows[0]) == {"check", "subject", "verdict", "evidence", "advice", "fix", "reference", "lesson"}


@pytest.mark.parametrize("arguments", [("localhost",), ("kaisha.example", "--vantage", "moon")])
def test_the_command_explains_a_bad_argument(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "moon" in done.stderr or "mail domain" in done.stderr
