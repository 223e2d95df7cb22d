"""The report as a command: what it prints and writes, its exit status, and that nothing ends it with a traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import mailkit
from mailkit import report
from mailkit.report import __main__ as command
from mailkit.results import Finding, Rows, Verdict

COLUMNS = ["domain", "date", "place", "check", "subject", "verdict", "evidence", "advice", "fix", "reference", "lesson"]
SILENT = {"MAILKIT_NAMESERVERS": "127.0.0.1:1", "MAILKIT_VIA": "socks5://127.0.0.1:1"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "mailkit.report", *arguments]
    return subprocess.run(
        line, capture_output=True, text=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
        env=os.environ | environment, timeout=300,
    )  # fmt: skip


# Files.


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    as_csv, as_json = tmp_path / "report.csv", tmp_path / "report.json"
    as_csv.write_text("old and longer than nothing\n" * 10_000, encoding="utf-8")
    done = run("mistakes.example", "--csv", str(as_csv), "--json", str(as_json))
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("1 of 1: mistakes.example, "), "a line of progress for one domain too"
    assert "✗ fail     MX name: alias.mistakes.example" in done.stdout
    rows = json.loads(as_json.read_text(encoding="utf-8"))
    assert len(pd.read_csv(as_csv)) == len(rows) > 5
    assert list(rows[0]) == COLUMNS == list(pd.read_csv(as_csv))
    assert {(r["domain"], r["date"], r["place"]) for r in rows} == {
        ("mistakes.example", "2026-11-24", "lab, seen from office")
    }


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://a.example","x")', "\n=1"]
FORMULAS += ["＝1+1", "＠SUM(A1)", "v=spf1;=1+1", 'seen;"=1+1', "one\n=1"]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("text", [*FORMULAS, "harmless", 'quoted "word"', "a\nb"])
def test_no_cell_of_a_csv_is_taken_for_a_formula(text: str) -> None:
    net = mailkit.connect("internet")
    findings = Rows(Finding, [Finding(text, text, Verdict.WARN, text, text, text, text, text, text)])
    report.write_csv(findings, out := io.StringIO(newline=""), net=net)
    head, row = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert head == COLUMNS and len(row) == len(COLUMNS)
    parts = [part for cell in row for part in re.split(r"[;\n]", cell)]  # cut as in some countries
    assert not [part for part in parts if part.lstrip('"').startswith(FORMULA)]
    report.write_json(findings, out := io.StringIO(), net=net)
    (as_json,) = json.loads(out.getvalue())
    assert not as_json["check"].startswith("'"), "a program gets what was found"


def test_what_is_to_be_pasted_keeps_its_lines_in_a_file() -> None:
    finding = Finding("SPF", "a.example", Verdict.WARN, "seen", fix="one\ntwo \x1b", domain="a.example")
    report.write_json(Rows(Finding, [finding]), out := io.StringIO(), net=mailkit.connect("internet"))
    assert json.loads(out.getvalue())[0]["fix"] == "one\ntwo \\x1b"


@pytest.mark.parametrize("option", ["--csv", "--json"])
@pytest.mark.parametrize("name", ["missing/report", "folder"])
def test_a_file_that_cannot_be_written_is_noticed_before_the_work(tmp_path: Path, option: str, name: str) -> None:
    (tmp_path / "folder").mkdir()
    done = run("kaisha.example", option, str(tmp_path / name))
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot write" in done.stderr and name in done.stderr and "Traceback" not in done.stderr


def test_a_bad_argument_leaves_no_file_behind_and_no_old_one_empty(tmp_path: Path) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.json"
    old.write_text("kept", encoding="utf-8")
    assert run("localhost", "--csv", str(old), "--json", str(new)).returncode == 2
    assert old.read_text(encoding="utf-8") == "kept" and not new.exists()
    assert run("kaisha.example", "--csv", str(old), "--json", str(old)).returncode == 2


# Status.


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([], 0),
        (["pass", "info"], 0),
        (["pass", "warn"], 0),
        (["pass", "unknown"], 3),
        (["warn", "unknown"], 3),
        (["unknown", "fail"], 1),
        (["fail"], 1),
    ],
)
def test_the_exit_status_says_how_it_went(verdicts: list[str], status: int) -> None:
    rows = Rows(Finding, [Finding("a", "b", Verdict(verdict), "c") for verdict in verdicts])
    assert command.status_of(rows) == status


def test_the_help_says_what_the_exit_status_means() -> None:
    said = run("--help")
    assert said.returncode == 0
    for line in (
        "exit status:",
        "0  nothing failed",
        "1  something failed",
        "2  the command",
        "3  nothing failed, but",
    ):
        assert line in said.stdout
    assert "apostrophe" in said.stdout


def test_a_well_run_domain_ends_with_0_and_a_dead_network_with_3() -> None:
    assert run("kaisha.example").returncode == 0
    done = run("kaisha.example", "--network", "internet", **SILENT)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("? unknown") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("localhost",), "mail domain"),
        (("kaisha.example", "--vantage", "moon"), "moon"),
        (("hanako@kaisha.example",), "address"),
        ((), "domain"),
    ],
)
def test_the_command_explains_a_bad_argument(arguments: tuple[str, ...], sentence: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and sentence in done.stderr


def test_a_misspelt_name_in_a_list_does_not_lead_the_others_to_another_network() -> None:
    done = run("bad name", "example.com", "--dns-only", **SILENT)
    assert done.returncode == 3 and "== example.com" in done.stdout and "practice internet" in done.stdout


def test_what_is_said_of_all_is_printed_once() -> None:
    names = ["kaisha.example", "bücher.example", "minato.example"]
    done = run(*names, "--dns-only", "--network", "internet", **SILENT)
    assert done.stdout.count("? unknown") == 1 and "name servers: 3 domains" in done.stdout
    assert "== kaisha.example, bücher.example (xn--bcher-kva.example), minato.example: 1 unknown" in done.stdout
    assert "3 unknown" in done.stdout.splitlines()[-1]


# Terminals.


@pytest.mark.parametrize("encoding", ["cp932", "cp1252", "ascii", "utf-8"])
def test_every_console_can_show_it(encoding: str) -> None:
    done = run("example.com", "bücher.mistakes.example", PYTHONIOENCODING=encoding)
    assert "Traceback" not in done.stderr and done.returncode in (0, 1, 3), done.stderr
    assert "unknown" in done.stdout or "pass" in done.stdout
    assert ("✓ pass" in done.stdout) is (encoding == "utf-8")
    assert ("+ pass" in done.stdout) is (encoding != "utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    line = [sys.executable, "-m", "mailkit.report", "mistakes.example"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(300) == 141
    assert said == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT")
def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    """While it waits for a resolver that never answers; the file that was to be written is not left behind empty."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind(("127.0.0.1", 0))
        resolver.settimeout(120)
        port = resolver.getsockname()[1]
        line = [
            sys.executable,
            "-m",
            "mailkit.report",
            "a.jp",
            "--network",
            "internet",
            "--csv",
            str(tmp_path / "a.csv"),
        ]
        with subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env=os.environ | {"MAILKIT_NAMESERVERS": f"127.0.0.1:{port}"},
        ) as process:  # fmt: skip
            assert process.stderr is not None
            resolver.recv(4096)  # its first question: it is at work
            process.send_signal(signal.SIGINT)
            said = process.stderr.read().decode()
            assert process.wait(120) == 130
    assert said == "interrupted\n"
    assert not (tmp_path / "a.csv").exists()
