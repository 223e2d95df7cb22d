"""Whatever stands in a stranger's DNS: it costs the report no check, and nothing is raised."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from support_dns import dns_world

from mailkit import report
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.results import Verdict

COUNT = 25
MX = [
    ["10 a\\000b.example."],
    ["10 192.0.2.1."],
    ["0 ."],
    ["0 .", "10 mx.a.example."],
    [f"{number} mx{number}.a.example." for number in range(120)],
    ["10 \\@\\..a.example."],
    ["10 _x.example."],
    ["10 *.a.example."],
    ["10 @."],
    ["10 localhost."],
    [],
]
SRV = [
    ["0 0 0 a.example."],
    ["0 0 587 ."],
    ["0 0 25 192.0.2.1."],
    [f"{number} 0 {number + 1} x.example." for number in range(100)],
    ["0 0 465 a\\000.example."],
    ["0 0 587 @."],
    [],
]
SPF = [
    ['"v=spf1 ' + "include:a.example " * 12 + '-all"'],
    ['"\\255\\254v=spf1"'],
    ['"v=spf1 exists:%{i}.x ~all"'],
    ['"v=spf1 redirect=@"'],
    ['"v=spf1" " -all"', '"v=spf1 +all"'],
    ['"v=spf1 ip4:1.2.3.4/99 -all"'],
    ['"v=spf1' + " " * 240 + '"'],
    ['"v=spf1 mx ptr a:%{p} include:@ -all"'],
]
KEYS = [
    ['"v=DKIM1; p="'],
    ['"v=DKIM1; k=ed25519; p=AAAA"'],
    ['"\\000\\001"'],
    ['"v=DKIM1; p=MII"'],
    ['"p=' + "A" * 240 + '"'],
    ['"v=DKIM1; h=; k=; t=y:s; p=!!"'],
]
ADDRESSES = [["127.0.0.1"], ["10.0.0.5"], ["192.0.2.9"], ["169.254.1.1", "224.0.0.1", "0.0.0.0"]]


def published(number: int) -> dict[str, dict[str, list[str]]]:
    """Return one combination of the records above for the domain of this number; "@" is the domain."""
    chosen, domain = random.Random(number), f"e{number}.example"
    services = {
        f"{name}._tcp.{domain}": {"SRV": chosen.choice(SRV)} for name in ("_submission", "_submissions", "_imaps")
    }
    names = {
        domain: {"MX": chosen.choice(MX), "TXT": chosen.choice(SPF), "A": chosen.choice(ADDRESSES)},
        f"*._domainkey.{domain}": {"TXT": chosen.choice(KEYS)},
        f"_dmarc.{domain}": {"TXT": chosen.choice([['"v=DMARC1"'], ['"v=DMARC1; p=\\255"'], ['"junk"']])},
        f"mx.{domain}": {"A": chosen.choice(ADDRESSES)},
        **services,
    }
    filled = {n: {t: [v.replace("@", domain) for v in vs] for t, vs in r.items() if vs} for n, r in names.items()}
    return {name: records for name, records in filled.items() if records}


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    records = {name: found for number in range(COUNT) for name, found in published(number).items()}
    with Lab() as lab, dns_world(records, proxy=lab.network().proxy) as net:
        yield net


@pytest.mark.parametrize("number", range(COUNT))
def test_no_record_of_a_stranger_breaks_a_check(net: Network, number: int) -> None:
    found = report.audit(f"e{number}.example", net=net, progress=False)
    assert [(finding.lesson, finding.evidence) for finding in found if finding.check == "report"] == []
    assert {finding.lesson for finding in found} == set(report.CHECKS)
    text = report.summary(found)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert [finding for finding in found if finding.verdict is Verdict.PASS and finding.fix] == []
