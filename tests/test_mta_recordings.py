"""The ten excerpts of logs: each is what the daemon writes today, and each reads as its diagnosis says."""

from __future__ import annotations

from pathlib import Path

import pytest
from support_mta_recording import CASES, FOLDER, record, told

from mailkit import datasets, mta
from mailkit.mta import Fate


@pytest.mark.parametrize("name", CASES)
def test_a_recording_is_what_the_daemon_writes(name: str, tmp_path: Path) -> None:
    stored = (FOLDER / f"{name}.log").read_text(encoding="utf-8")
    assert told(record(name, tmp_path)) == told(stored)


def test_every_recording_has_its_diagnosis_and_the_other_way_round() -> None:
    table = datasets.load("mta_logs")
    assert sorted(table["name"]) == sorted(CASES) == sorted(path.stem for path in FOLDER.glob("*.log"))
    for row in table.itertuples():
        assert row.software.lower().startswith(CASES[row.name][0]) and row.software in row.source


@pytest.mark.parametrize(
    ("name", "fates", "words"),
    [
        ("postfix_port_25_silent", [Fate.DEFERRED], "Connection timed out"),
        ("postfix_certificate_of_another", [Fate.DEFERRED], "Server certificate not verified"),
        ("postfix_no_starttls", [Fate.DEFERRED], "TLS is required, but was not offered"),
        ("postfix_relaying_refused", [Fate.REJECTED], "554 5.7.1"),
        ("postfix_wrong_password", [Fate.WARNING, Fate.WARNING], "authentication failed"),
        ("postfix_signer_down", [], "connect to Milter service inet:127.0.0.1:8891: Connection refused"),
        ("exim_certificate_self_signed", [Fate.DEFERRED], "certificate verification failed"),
        ("exim_login_refused_by_the_relay", [], "535"),
        ("exim_relaying_refused", [Fate.WARNING, Fate.REJECTED], "Relaying denied"),
        ("exim_key_unreadable", [], "r2026"),
    ],
)
def test_a_recording_reads_as_its_diagnosis_says(name: str, fates: list[Fate], words: str) -> None:
    rows = mta.read_log(FOLDER / f"{name}.log")
    assert any(words in row.reply for row in rows)
    if fates:
        assert [row.fate for row in rows] == fates
