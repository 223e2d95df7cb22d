"""The OpenSPF test suite for RFC 7208: every case, over a real DNS server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support_spf_dns import SILENCE, DnsServer

from mailkit import spf

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
NAME = "rfc7208-tests.yml"
# Where the suite may lie: beside the project, or in pyspf's source distribution, which `make suites` fetches.
PLACES = [ROOT.parent / "shared" / "conformance" / "spf" / NAME, *ROOT.glob(f"build/sdists/pyspf-*/test/{NAME}")]
SUITE = next((place for place in PLACES if place.is_file()), None)

if SUITE is None:
    pytest.skip(f"{NAME} is neither in ../shared nor in build/sdists: make suites", allow_module_level=True)

SCENARIOS: list[dict[str, Any]] = [s for s in yaml.safe_load_all(SUITE.read_text(encoding="utf-8")) if s]
CASES = [
    pytest.param(scenario, case, id=f"{scenario['description']}: {name}".replace(" ", "-"))
    for scenario in SCENARIOS
    for name, case in scenario["tests"].items()
]


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


def check(server: DnsServer, case: dict[str, Any], timeout: float = 5.0) -> spf.Check:
    return spf.check(case["host"], case["mailfrom"], str(case["helo"]), net=server.net(timeout))


def allowed(case: dict[str, Any]) -> list[str]:
    return case["result"] if isinstance(case["result"], list) else [case["result"]]


def test_the_suite_is_complete() -> None:
    explained = [c for s in SCENARIOS for c in s["tests"].values() if c.get("explanation", "DEFAULT") != "DEFAULT"]
    assert (len(CASES), len(explained)) == (203, 14)


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_case(server: DnsServer, scenario: dict[str, Any], case: dict[str, Any]) -> None:
    server.publish_scenario(scenario["zonedata"])
    done = check(server, case)
    assert done.result in allowed(case), done.reason
    if "explanation" in case:
        expected = case["explanation"]
        assert done.explanation == ("" if expected == "DEFAULT" else expected)
    assert done.lookups <= 11 and done.void_lookups <= 3
    assert done.reason and done.received_spf.startswith(f"Received-SPF: {done.result} (")


@pytest.mark.parametrize("name", ["alltimeout", "exists-dnserr", "exp-dns-error"])
def test_a_server_that_stays_silent(server: DnsServer, name: str) -> None:
    scenario = next(s for s in SCENARIOS if name in s["tests"])
    server.publish_scenario(scenario["zonedata"], failure=SILENCE)
    assert check(server, scenario["tests"][name], timeout=0.2).result in allowed(scenario["tests"][name])
