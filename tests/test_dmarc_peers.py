"""A second opinion on alignment: OpenDMARC's library, which knows RFC 7489 and takes a Public Suffix List.

It is asked about every alignment case that has a record and no failing DNS, and is given the record, so that it asks no
DNS.  Where it says otherwise, ``disagreement`` says why.  It runs in a process of its own.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support_spf_dns import SERVFAIL, DnsServer
from test_dmarc import ALIGNMENT, publish

from mailkit import dmarc

LIBRARY = "libopendmarc.so.2"

ASK = """
import ctypes, json, sys
lib = ctypes.CDLL(sys.argv[1])
lib.opendmarc_tld_read_file(sys.argv[2].encode(), b"//", b"*.", b"!")
lib.opendmarc_policy_connect_init.restype = ctypes.c_void_p
SPF = {"none": 0, "pass": 1, "temperror": 3}
WORDS = {14: "none", 15: "pass", 16: "fail", 17: "fail", 18: "fail"}
answers = []
for case in json.load(sys.stdin):
    ctx = ctypes.c_void_p(lib.opendmarc_policy_connect_init(b"192.0.2.1", 4))
    lib.opendmarc_policy_store_from_domain(ctx, case["domain"].encode())
    if case["spf"]:
        result, domain = case["spf"]
        lib.opendmarc_policy_store_spf(ctx, domain.encode(), SPF.get(result, 2), 1, b"")
    for result, domain in case["dkim"]:
        if domain:
            lib.opendmarc_policy_store_dkim(ctx, domain.encode(), b"s", SPF.get(result, 2), b"")
    found = [case[name].encode() for name in ("record", "where", "organizational")]
    lib.opendmarc_policy_store_dmarc(ctx, *found)
    answers.append(WORDS.get(lib.opendmarc_get_policy_to_enforce(ctx), "error"))
print(json.dumps(answers))
"""

CASES = [
    pytest.param(number, id=f"{case[6]}-{case[4]}-{number}")
    for number, case in enumerate(ALIGNMENT)
    if SERVFAIL not in case[0].values() and case[1].isascii()
]


def disagreement(number: int, record: str) -> str:
    """Return why OpenDMARC 1.4.2 says otherwise about this case, "" when it should agree."""
    records, domain, spf, _, ours, missed, _ = ALIGNMENT[number]
    if ours == "temperror":
        return "it has no such result: what could not be checked counts as failed"
    if dmarc.Missed.STRICT in missed and ours == "fail":
        return "with a list it took the registered domain in strict mode too, until May 2026 (its pull request 354)"
    if spf == ("pass", "com"):
        return "it takes a parent of the From domain for aligned, be it a public suffix"
    if "p=x" in record:
        return "to it an invalid p makes the record none, although RFC 7489 section 6.6.3 has it count as p=none"
    if "psd=" in str(records.values()) and ours == "fail" and spf[1].endswith("example.com"):
        return "it knows no psd: by the list both belong to example.com"
    if "example.com" not in records and spf == ("pass", "example.com") != ("pass", domain):
        return "by the list both belong to example.com, which has no record of its own for the tree walk to find"
    return ""


@pytest.fixture(scope="module")
def running() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


def suffixes() -> Path:
    spec = find_spec("publicsuffixlist")
    if spec is None or spec.origin is None:
        pytest.skip("the package publicsuffixlist is not installed")
    return Path(spec.origin).with_name("public_suffix_list.dat")


@pytest.fixture(scope="module")
def answers(running: DnsServer) -> dict[int, tuple[str, str]]:
    """Number of the case -> what OpenDMARC says and what the old way found."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        pytest.skip(f"{LIBRARY} is missing: apt-get install libopendmarc2")
    cases: dict[int, Any] = {}
    for param in CASES:
        (number,) = param.values
        records, domain, spf, signatures, *_ = ALIGNMENT[number]
        running.clear()
        running.publish("root.test", "A", "192.0.2.1")
        publish(running, records)
        old = dmarc.policy(domain, net=running.net()).old
        if old.status == "found":
            cases[number] = {
                "domain": domain,
                "record": old.record,
                "where": old.where,
                "organizational": old.organizational_domain,
                "spf": spf,
                "dkim": signatures,
            }
    command = [sys.executable, "-c", ASK, LIBRARY, str(suffixes())]
    done = subprocess.run(command, input=json.dumps(list(cases.values())), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {
        number: (said, cases[number]["record"]) for number, said in zip(cases, json.loads(done.stdout), strict=True)
    }


@pytest.mark.parametrize("number", CASES)
def test_second_opinion(answers: dict[int, tuple[str, str]], number: int) -> None:
    if number not in answers:
        pytest.skip("the old way finds no record here")
    ours = ALIGNMENT[number][4]
    said, record = answers[number]
    if why := disagreement(number, record):
        assert said != ours, f"no longer so: {why}"
    else:
        assert said == ours, (ALIGNMENT[number], record)
