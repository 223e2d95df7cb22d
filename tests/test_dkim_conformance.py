"""Messages, keys and expected outcomes written by others (albertito/chasquid), read in place.

Each case is a ``.msg`` with its ``.dns`` and its ``.result`` (per signature) or ``.error`` (no message at all); a file
that holds only another file's name stands for that one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support_dkim_dns import SERVFAIL, serving

from mailkit import dkim

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "dkim"
CASES = sorted(path.stem for path in FOLDER.glob("*.msg"))

pytestmark = pytest.mark.skipif(not CASES, reason="the folder shared/conformance/dkim is not here")

# Their words for the state of a signature, and ours (RFC 8601) for the same.
STATES = {"SUCCESS": {"pass"}, "PERMFAIL": {"permerror", "fail", "policy"}, "TEMPFAIL": {"temperror"}}


def content(case: str, suffix: str) -> str:
    path = FOLDER / f"{case}.{suffix}"
    if not path.exists():
        return ""
    text = path.read_text()
    return (FOLDER / text.strip()).read_text() if re.fullmatch(rf"[\w.-]+\.{suffix}", text.strip()) else text


def zone(case: str) -> dict[str, list[str] | str]:
    records: dict[str, list[str] | str] = {}
    for line in content(case, "dns").replace("\\\n", "").splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            continue
        if value.strip() == "TEMPERROR":
            records[name] = SERVFAIL
        elif value.strip() != "PERMERROR":  # for good: there is no such name
            held = records.setdefault(name, [])
            assert isinstance(held, list)
            held.append(value.strip())
    return records


def test_all_cases_are_there():
    assert len(CASES) == 11


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    with serving(zone(case)) as net:
        rows = list(dkim.verify(content(case, "msg").encode(), net=net))
    if content(case, "error").strip() not in ("", "<nil>"):
        assert [row.result for row in rows] == ["permerror"]
        assert "no mail message" in rows[0].reason
        return
    expected = json.loads(content(case, "result"))
    evaluated = [row for row in rows if "not evaluated" not in row.reason]
    assert len(evaluated) == expected["Found"]
    assert sum(row.result == "pass" for row in evaluated) == expected["Valid"]
    for row, want in zip(evaluated, expected["Results"], strict=True):
        assert row.result in STATES[want["State"]], row.reason
        if want["Domain"]:
            assert (row.domain, row.selector) == (want["Domain"], want["Selector"])


def test_what_the_cases_are_about_is_said():
    """The reason names the point of the case, not just some failure."""
    said = {
        "02-too_many_headers": "2 more signatures were not evaluated",
        "04-bad_dkim_signature_header": "version v=8",
        "05-dns_temp_error": "could not be looked up",
        "06-dns_perm_error": "there is no key",
        "11-strict_domain_check_fail": "t=s",
    }
    for case, words in said.items():
        with serving(zone(case)) as net:
            rows = dkim.verify(content(case, "msg").encode(), net=net)
        assert any(words in row.reason for row in rows), case
    with serving(zone("09-limited_body")) as net:
        first = dkim.verify(content("09-limited_body", "msg").encode(), net=net)[0]
    assert first.body_length == 17 and "not signed (l=)" in first.warnings[0]
