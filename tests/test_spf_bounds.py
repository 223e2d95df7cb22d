"""SPF under hostile input: patterns that take linear time, a deadline that holds, limits that say so."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from support_spf_dns import SILENCE, DnsServer

import mailkit.spf
from mailkit import spf
from mailkit.results import Verdict
from mailkit.spf.characters import is_attempt, spoiler, strangers
from mailkit.spf.repair import repaired

LENGTH = 64_000  # as much as fits into one TXT record
SECONDS = 2.0  # of processor time: linear work takes milliseconds, quadratic work on this much takes minutes

UNITS = [
    *" vsp\"'=%01 9aA./:(),;-~?[]", "v=", "v =", "v=spf1", "%{", "%{h", "%{h}", "%{h.", "%{h0", "%{d.-+", "..", "a.",
    "A-", "--", "/1", "//1", "a:", "ip4:1", "include:", "\t", "\u00a0", "\u200b", "\ufeff", "\u2013", "\u201c",
    "\uff56", "DMARC1", ";v", "1.", "::", "a=", "a= ", ": ", "- ",
]  # fmt: skip


def patterns() -> dict[str, re.Pattern[Any]]:
    """Every compiled pattern of mailkit.spf, by module and name."""
    found = {}
    for module in pkgutil.iter_modules(mailkit.spf.__path__):
        loaded = importlib.import_module(f"mailkit.spf.{module.name}")
        found |= {f"{module.name}.{n}": value for n, value in vars(loaded).items() if isinstance(value, re.Pattern)}
    return found


def processor_seconds(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def test_there_are_patterns() -> None:
    assert {"records._VERSION", "macros.MACRO", "senders._OUTSIDER", "publishing._TERM_START"} <= patterns().keys()


@pytest.mark.parametrize("name", sorted(patterns()))
def test_each_pattern_takes_linear_time(name: str) -> None:
    pattern = patterns()[name]
    for unit in UNITS:
        for text in (unit * (LENGTH // len(unit)), "v=spf1 " + unit * (LENGTH // len(unit)) + "\x00"):
            subject: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
            for use in (pattern.match, pattern.search, pattern.fullmatch, pattern.findall):
                assert processor_seconds(lambda: use(subject)) < SECONDS, (name, unit, use)  # noqa: B023


@pytest.mark.parametrize("work", [is_attempt, spoiler, strangers, repaired], ids=lambda work: work.__name__)
def test_what_reads_almost_records_takes_linear_time(work: Callable[[str], object]) -> None:
    for unit in UNITS:
        for start in ("", "v=spf1 ", "v=spf1,"):
            assert processor_seconds(lambda: work(start + unit * (LENGTH // len(unit)))) < SECONDS, unit  # noqa: B023


@pytest.mark.parametrize("record", [" ", '"', "v=spf1 " + " ", "v=spf1 a= ", "v=spf1 : ", "v=spf1 a ", "\t", "v=spf1,"])
def test_a_text_of_64_kilobytes_is_judged_in_little_processor_time(dns: DnsServer, record: str) -> None:
    head, unit = record[:7], record[7:] or record
    text = head + unit * ((LENGTH - 7) // len(unit))
    dns.publish("d.test", "TXT", text)
    dns.publish("d.test", "A", "192.0.2.1")
    net = dns.net()
    assert processor_seconds(lambda: spf.lint("d.test", net=net)) < 5 * SECONDS
    assert processor_seconds(lambda: spf.check("192.0.2.1", "d.test", "h.test", net=net)) < 5 * SECONDS
    assert processor_seconds(lambda: spf.tree("d.test", net=net)) < 5 * SECONDS


def test_a_thousand_records_at_one_name(dns: DnsServer) -> None:
    dns.publish("d.test", "TXT", *(f"v=spf1 ip4:192.0.2.{i % 250} x={i} -all" for i in range(1000)))
    net = dns.net()
    started = time.thread_time()
    (found,) = spf.lint("d.test", net=net)
    assert time.thread_time() - started < 5 * SECONDS
    assert found.verdict is Verdict.FAIL and not found.fix and "more than 8 records" in found.advice


def test_the_deadline_of_the_network_holds_for_lint(dns: DnsServer) -> None:
    dns.publish("d.test", "TXT", "v=spf1 " + " ".join(f"a:h{i}.test" for i in range(90)) + " -all mx")
    for i in range(90):
        dns.fail(f"h{i}.test", SILENCE)
    findings = spf.lint("d.test", net=dns.net(timeout=0.05).remembering(1.0))
    assert not any(found.fix for found in findings)
    assert any(found.verdict is Verdict.UNKNOWN for found in findings)


def test_a_trace_that_is_cut_says_so(dns: DnsServer) -> None:
    dns.publish("d.test", "TXT", "v=spf1 " + "ip4:198.51.100.1 " * 1500 + "-all")
    check = spf.check("192.0.2.1", "d.test", "h.test", net=dns.net())
    assert "the first 1000 terms" in check.trace.caption and "the first 1000 terms" in repr(check.trace)
    dns.publish("d.test", "TXT", "v=spf1 ip4:198.51.100.1 -all")
    assert "1000" not in spf.check("192.0.2.1", "d.test", "h.test", net=dns.net()).trace.caption


def test_a_survey_that_is_cut_claims_nothing_of_the_rest(dns: DnsServer) -> None:
    dns.publish("d.test", "TXT", "v=spf1 " + "ip4:198.51.100.1 " * 1500 + "ip4:0.0.0.0/0 -all")
    (found,) = spf.lint("d.test", net=dns.net()).where(check="SPF who may send")
    assert found.verdict is Verdict.UNKNOWN and "1000 terms" in found.evidence
    dns.publish("d.test", "TXT", "v=spf1 " + "a " * 300 + "-all")
    (found,) = spf.lint("d.test", net=dns.net()).where(check="SPF lookups")
    assert found.verdict is Verdict.FAIL and found.evidence.startswith("more than 100 lookups")


def test_names_that_are_cut_say_so(dns: DnsServer) -> None:
    dns.publish("d.test", "TXT", "v=spf1 exists:%{l}.x.test -all")
    long = spf.check("192.0.2.1", f"{'x' * 300}@d.test", "h" * 300, net=dns.net())
    assert long.reason.endswith("; of the local part and the HELO name the first 256 characters were used")
    assert "characters" not in spf.check("192.0.2.1", "x@d.test", "h", net=dns.net()).reason
    dns.publish("d.test", "TXT", f"v=spf1 exists:{'%{i}.' * 300}x.test -all")
    assert "1000 characters" in spf.check("192.0.2.1", "x@d.test", "h", net=dns.net()).reason
