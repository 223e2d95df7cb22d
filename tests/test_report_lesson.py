"""What lesson 11 rests on: the domain that is mended, the findings to be sorted, the population and its survey."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from support_notebooks import sections_of_text

from mailkit import report, workbook
from mailkit.exercises.report import REPAIRS, ten
from mailkit.figures import report as figures
from mailkit.lab import Lab
from mailkit.lab.population import populate
from mailkit.report.survey import Surveyed
from mailkit.results import Finding, Rows, Verdict
from mailkit.results.scoring import total

BAD = "minato.example"
WORK = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def lab(running: Lab) -> Lab:
    running.reset()
    return running


# The domain that is mended.


def mended(lab: Lab, step: str) -> Rows[Finding]:
    for name, text in REPAIRS.items():
        lab.paste(text)
        if name == step:
            break
    return report.audit(BAD, net=lab.network(), progress=False)


def faults(found: Rows[Finding]) -> set[str]:
    return {finding.check for finding in found if finding.verdict in WORK}


def test_every_step_mends_what_it_is_for_and_breaks_nothing(lab: Lab) -> None:
    left = faults(report.audit(BAD, net=lab.network(), progress=False))
    gone = {}
    for step in REPAIRS:
        after = faults(mended(lab, step))
        assert after < left, step
        gone[step] = left - after
        left = after
    assert gone == {
        "MX": {"MX name", "SPF void lookups"},
        "SPF": {"SPF lookups", "SPF all"},
        "DKIM": {"DKIM key"},
        "DMARC": {"DMARC report address"},
        "the rest": {"SRV record for submission", "submission", "TLS-RPT"},
    }


def test_full_marks_say_nothing_of_the_provider(lab: Lab) -> None:
    found = mended(lab, "the rest")
    score = total(found, BAD)
    assert (score.judged, score.failed, score.warned, score.unknown) == (Verdict.PASS, 0, 0, 0)
    theirs = {finding.check: finding for finding in found if "provider" in finding.advice + finding.check}
    assert {"TLS at a provider", "reverse DNS"} <= theirs.keys()
    assert {finding.verdict for finding in theirs.values()} == {Verdict.INFO}
    assert report.ticket(found) == ""


@pytest.mark.parametrize("domain", ["kaisha.example", "example.com"])
def test_quarantine_and_a_parked_domain_have_full_marks(lab: Lab, domain: str) -> None:
    assert faults(report.audit(domain, net=lab.network(), progress=False)) == set()


@pytest.mark.parametrize("vantage", ["office", "home", "hotel", "cloud", "intercepted", "offline"])
def test_from_no_place_is_the_well_run_company_blamed_for_the_place(lab: Lab, vantage: str) -> None:
    found = report.audit("kaisha.example", net=lab.network(vantage), progress=False)
    assert [f for f in found if f.verdict in (Verdict.FAIL, Verdict.WARN)] == []
    assert (vantage == "office") == (Verdict.UNKNOWN not in {finding.verdict for finding in found})


# The ten findings.


def test_the_ten_are_findings_of_reports(lab: Lab) -> None:
    rows = ten(lab)
    assert [row.number for row in rows] == list(range(1, 11))
    assert not [row for row in rows if "not to be found" in row.evidence]
    assert {row.verdict for row in rows} == {Verdict.FAIL, Verdict.WARN, Verdict.INFO, Verdict.UNKNOWN}


def test_a_finding_that_is_gone_says_so(lab: Lab) -> None:
    lab.paste(REPAIRS["MX"])
    first = ten(lab)[0]
    assert first.verdict is Verdict.UNKNOWN and "lab.reset()" in first.evidence


# What is left to do.


def test_what_is_left_to_do_begins_with_what_is_worst() -> None:
    order = [Verdict.PASS, Verdict.UNKNOWN, Verdict.INFO, Verdict.WARN, Verdict.FAIL]
    found = Rows(Finding, [Finding("x", "y", verdict, "z") for verdict in order], caption="here")
    left = report.to_do(found)
    assert [finding.verdict for finding in left] == [Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN]
    assert left.caption == "here"


def test_a_ticket_says_which_record_is_somebody_elses(lab: Lab) -> None:
    text = report.ticket(report.audit(BAD, net=lab.network(), dns_only=True, progress=False))
    parts = text.split("\n\n")
    (theirs,) = [part for part in parts if "whoever runs its zone" in part]
    assert theirs.splitlines()[0].endswith('minato.example._report._dmarc.sender.example. 3600 IN TXT "v=DMARC1"')


# The population and its survey.


def test_the_survey_says_what_the_domains_are_made_of_and_no_more(lab: Lab) -> None:
    made = populate(lab, 60)
    net = replace(lab.network(), timeout=30.0)
    found = report.audit([row.domain for row in made], net=net, dns_only=True, progress=False)
    seen = {row.domain: row for row in report.survey(found)}
    for row in made:
        signs = None if row.leftover or row.selector not in ("", "s1") else bool(row.selector)
        strict = row.policy in ("quarantine", "reject")
        wanted = Surveyed(row.domain, not row.parked, row.lookups is not None, row.lookups, signs, row.policy, strict)
        assert seen[row.domain] == wanted
    kinds = [
        [row for row in made if row.parked],
        [row for row in made if row.leftover],
        [row for row in made if row.lookups is None],
        [row for row in made if (row.lookups or 0) >= 10],
    ]
    assert all(kinds), "sixty domains hold every kind"


def test_the_same_seed_makes_the_same_domains_until_the_lab_is_reset(lab: Lab) -> None:
    few, more = populate(lab, 5), populate(lab, 9)
    assert list(few) == list(more)[:5] and list(few) != list(populate(lab, 5, seed=1))
    name = few[0].domain
    assert lab.network().lookup(name, "MX")
    lab.reset()
    assert lab.network().lookup(name, "MX").status == "NXDOMAIN"
    with pytest.raises(ValueError, match="from 1 to 999"):
        populate(lab, 1000)


def made_findings(*rows: tuple[str, Verdict, str]) -> list[Finding]:
    return [Finding(check, "x.example", verdict, said, domain="x.example") for check, verdict, said in rows]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([("name servers", Verdict.UNKNOWN, "silent")], (None, None, None, None, None, None)),
        ([("SPF record", Verdict.UNKNOWN, "timeout")], (None, None, None, None, None, None)),
        ([("SPF record", Verdict.FAIL, "2 records")], (True, False, None, None, None, None)),
        (
            [("SPF record", Verdict.PASS, "v=spf1 a"), ("SPF lookups", Verdict.FAIL, "more than 100 lookups, 10 are")],
            (True, True, 100, None, None, None),
        ),
        ([("SPF lookups", Verdict.UNKNOWN, "at least 3 lookups, 10 are")], (None, None, None, None, None, None)),
        (
            [("DMARC record", Verdict.PASS, "v=DMARC1; p=reject"), ("DMARC policy", Verdict.INFO,
              "p=reject with t=y: for now quarantine applies")],
            (None, None, None, None, "quarantine", True),
        ),
        (
            [("DMARC record", Verdict.PASS, "covered by the record of example: none (p)")],
            (None, None, None, None, "none", False),
        ),
        ([("DMARC record", Verdict.FAIL, "2 records")], (None, None, None, None, "", False)),
        ([("DMARC record", Verdict.UNKNOWN, "timeout")], (None, None, None, None, None, None)),
        ([("DKIM key", Verdict.WARN, "t=y; an RSA key of 2048 bits")], (None, None, None, True, None, None)),
        ([("DKIM key", Verdict.WARN, "the alias to x leads to no key")], (None, None, None, None, None, None)),
        ([("DKIM key", Verdict.FAIL, "an RSA key of 512 bits")], (None, None, None, None, None, None)),
    ],
)  # fmt: skip
def test_what_was_not_seen_is_no_answer(rows: list[tuple[str, Verdict, str]], wanted: tuple[object, ...]) -> None:
    (row,) = report.survey(made_findings(*rows))
    assert (row.sends, row.spf, row.lookups, row.signs, row.policy, row.enforces) == wanted


def test_a_survey_of_nothing_has_no_rows() -> None:
    assert list(report.survey([])) == []


# The picture of the shares.


def test_the_bars_count_what_could_not_be_seen() -> None:
    answers = pd.DataFrame({"signs": [True, False, None, None], "rare": [True] + [False] * 3})
    picture = figures.shares(answers.convert_dtypes(), title="Four")
    assert repr(picture).splitlines() == ["Four", "signs: yes 1, no 1, not seen 2", "rare: yes 1, no 3"]
    assert picture.png().startswith(b"\x89PNG")


def test_bars_of_nothing_and_of_something_else() -> None:
    assert repr(figures.shares(pd.DataFrame())) == "Shares"
    assert "signs: nothing" in repr(figures.shares(pd.DataFrame({"signs": pd.array([], dtype="boolean")})))
    with pytest.raises(ValueError, match="'policy' holds something else"):
        figures.shares(pd.DataFrame({"policy": ["none", "reject"]}))


# The command lines of the page.


def command_lines() -> list[list[str]]:
    (path,) = (path for path in workbook.lessons() if path.stem == "11_report")
    text = sections_of_text(workbook.read(path))["In your own terminal"]
    return [shlex.split(line) for line in text.split("```")[1].strip().splitlines()]


def test_the_command_lines_work_as_printed(tmp_path: Path) -> None:
    said = []
    for python, *rest in command_lines():
        assert python == ".venv/bin/python"
        ran = subprocess.run(
            [sys.executable, *rest], cwd=tmp_path, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL,
            env={"PYTHONPATH": str(workbook.ROOT), "PYTHONIOENCODING": "utf-8", "PATH": "/usr/bin:/bin"}, timeout=300,
        )  # fmt: skip
        assert "Traceback" not in ran.stderr
        said.append((ran.returncode, ran.stdout.splitlines()[-1]))
    assert said[1] == (0, "nothing changed") and said[2][0] == 1 and said[0][0] == 0
    assert "</html>" in (tmp_path / "report.html").read_text("utf-8")
    assert "Please publish" in (tmp_path / "ticket.txt").read_text("utf-8")
