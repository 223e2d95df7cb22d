"""arc.verify: the conformance suite of RFC 8617, and messages that are up to no good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support_spf_dns import SERVFAIL, DnsServer

from mailkit import arc

SUITE = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "arc" / "arc-draft-validation-tests.yml"
RESULTS = {"Pass": "pass", "Fail": "fail", "None": "none", None: "none", "": "fail"}  # "": no further host may seal it


def scenarios() -> list[Any]:
    return list(yaml.safe_load_all(SUITE.read_text(encoding="utf-8"))) if SUITE.exists() else []


CASES = [
    pytest.param(scenario["txt-records"], case, id=name)
    for scenario in scenarios()
    for name, case in scenario["tests"].items()
]


@pytest.mark.skipif(not CASES, reason="the ARC suite is not at ../shared/conformance/arc")
@pytest.mark.parametrize(("keys", "case"), CASES)
def test_conformance(dns: DnsServer, keys: dict[str, str], case: dict[str, Any]) -> None:
    for name, text in keys.items():
        dns.publish(name, "TXT", text)
    found = arc.verify(case["message"].encode(), net=dns.net())
    assert found.result == RESULTS[case["cv"]], (case["description"], found.reason)
    assert found.reason and not found.temporary


@pytest.mark.skipif(not CASES, reason="the ARC suite is not at ../shared/conformance/arc")
def test_the_whole_suite_is_run() -> None:
    assert len(CASES) == 171


HOST = (
    b"ARC-Seal: a=rsa-sha256; b=AAAA; cv=none; d=h.test; i=1; s=k; t=1\r\n"
    b"ARC-Message-Signature: a=rsa-sha256; b=AAAA; bh=AAAA; d=h.test; h=from; i=1; s=k; c=relaxed/relaxed\r\n"
    b"ARC-Authentication-Results: i=1; h.test; spf=pass\r\n"
)
REST = b"From: a@b.test\r\nSubject: x\r\n\r\nbody\r\n"


@pytest.mark.parametrize(
    ("message", "result", "words"),
    [
        (REST, "none", "no ARC fields"),
        (b"", "none", "no ARC fields"),
        (b"\x00\xff no header\r\n\r\n", "none", "no mail message"),
        (HOST + REST, "fail", "does not fit"),
        (HOST + HOST + REST, "fail", "twice"),
        (HOST.replace(b"i=1", b"i=2") + REST, "fail", "not 1 to 1"),
        (HOST.replace(b"i=1", b"i=0") + REST, "fail", "instance"),
        (HOST.replace(b"i=1", b"i=51") + REST, "fail", "from 1 to 50"),
        (HOST.replace(b"i=1; h.test", b"h.test; i=1") + REST, "fail", "instance"),
        (HOST.replace(b"cv=none", b"cv=fail") + REST, "fail", "cv=fail"),
        (HOST.replace(b"cv=none", b"cv=pass") + REST, "fail", "only cv=none"),
        (HOST.replace(b"h=from", b"h=from:arc-seal") + REST, "fail", "must not"),
        (HOST.replace(b"rsa-sha256", b"rsa-sha1") + REST, "fail", "only rsa-sha256"),
        (HOST.replace(b"d=h.test", b"d=" + b"x" * 300) + REST, "fail", "domain name"),
        (HOST.replace(b"t=1", b"t=soon") + REST, "fail", "no time"),
        (b"ARC-Seal: i=1\r\n" * 20_000 + REST, "fail", "twice"),
        (b"x" * (32 * 1024 * 1024 + 1), "fail", "not read"),
    ],
)
def test_chains_that_are_none(dns: DnsServer, message: bytes, result: str, words: str) -> None:
    found = arc.verify(message, net=dns.net())
    assert (found.result, found.temporary) == (result, False)
    assert words in found.reason


def test_a_silent_dns_is_said_to_be_temporary(dns: DnsServer) -> None:
    dns.fail("k._domainkey.h.test", SERVFAIL)
    good_hash = HOST.replace(b"bh=AAAA", b"bh=" + b"A" * 43 + b"=")
    found = arc.verify(good_hash + REST, net=dns.net())
    assert (found.result, found.temporary) == ("fail", True)
    assert "could not be looked up" in found.instances[0].note


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_whatever_a_field_holds_is_a_result(dns_server: DnsServer, noise: bytes) -> None:
    for name in (b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"):
        found = arc.verify(name + b": i=1; " + noise + b"\r\n" + REST, net=dns_server.net())
        assert found.result in ("none", "fail")


def test_only_octets_are_a_message(dns: DnsServer) -> None:
    with pytest.raises(TypeError, match="bytes"):
        arc.verify("text", net=dns.net())  # type: ignore[arg-type]
