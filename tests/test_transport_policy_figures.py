"""The figures of lesson 07: drawn from what was tried and looked up, with the same facts as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pandas as pd
import pytest
from support_dns import World, dns_parts, serving

from mailkit.figures.transport_policy import chain_of_trust, who_refuses
from mailkit.network import Security
from mailkit.transport_policy import Link, trust_chain

RECORDS = {
    "mx.kaisha.example": {"A": ["192.0.2.25"]},
    "_25._tcp.mx.kaisha.example": {"TLSA": [f"3 1 1 {'ab' * 32}"]},
    "mx.isp.example": {"A": ["192.0.2.26"]},
}
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    zones = ["kaisha.example", "isp.example"]
    with dns_parts(RECORDS, zones=zones, unsigned=["isp.example"], timeout=20.0) as parts:
        yield parts


def test_the_chain_is_followed_from_the_root_down(world):
    links = trust_chain("mx.kaisha.example", net=world.net)
    assert [link.zone for link in links] == [".", "example", "kaisha.example", "_25._tcp.mx.kaisha.example"]
    assert {link.dnssec for link in links} == {Security.SECURE}
    assert links[0].vouched_by == "the trust anchor of the validator"
    assert links[2].vouched_by.startswith("DS ") and links[3].vouched_by == "a signature of kaisha.example"
    picture = chain_of_trust(links)
    assert picture.png().startswith(PNG)
    assert "kaisha.example: secure, DNSKEY " in picture.alt


def test_it_ends_where_it_breaks(world):
    links = trust_chain("mx.isp.example", net=world.net)
    assert [(link.zone, link.dnssec) for link in links][-1] == ("isp.example", "insecure")
    assert links[-1].holds == "no DNSKEY: the zone is not signed"
    assert links[-1].vouched_by == "nobody: no DS in the zone above"
    world.authority.publish("kaisha.example", "DS", f"12345 13 2 {'00' * 32}")
    world.resolver.flush()
    links = trust_chain("mx.kaisha.example", net=world.net)
    world.authority.withdraw("kaisha.example", "DS")
    world.resolver.flush()
    assert [(link.zone, link.dnssec) for link in links][-1] == ("kaisha.example", "bogus")
    assert "kaisha.example: bogus" in chain_of_trust(links).alt


def test_a_ds_that_nobody_tells_of_is_not_called_missing(world):
    def answer(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        asked = query.question[0]
        if (asked.name, asked.rdtype) != (dns.name.from_text("kaisha.example"), dns.rdatatype.DS):
            return world.resolver.answer(query, transport)
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.SERVFAIL)
        return response

    with serving(answer) as port:
        links = trust_chain("mx.kaisha.example", net=replace(world.net, nameservers=(("127.0.0.1", port),)))
    assert links[2].vouched_by.startswith("a DS that cannot be asked for: ")


def test_a_host_without_records_and_no_links(world):
    links = trust_chain("kaisha.example", net=world.net)
    assert links[-1].holds.startswith("no TLSA record")
    assert "There is no link to show." in chain_of_trust([]).alt
    many = [Link(f"z{n}.example", "<b>\x1b", "x" * 500, Security.UNKNOWN) for n in range(20)]
    picture = chain_of_trust(many)
    assert "Not shown: 8 links above." in picture.alt and "\x1b" not in picture.alt
    assert picture.png().startswith(PNG)


def test_who_refuses_what():
    columns = ["attack", "sender", "delivered", "read"]
    rows = [
        ("nobody", "opportunistic", True, False),
        ("strip", "opportunistic", True, True),
        ("strip", "DANE", False, False),
    ]
    picture = who_refuses(pd.DataFrame(rows, columns=columns))
    assert picture.png().startswith(PNG)
    assert "nobody: opportunistic: delivered, DANE: not tried" in picture.alt
    assert "strip: opportunistic: read by him, DANE: waits" in picture.alt
    assert "Nobody tried." in who_refuses(pd.DataFrame([], columns=columns)).alt
    with pytest.raises(ValueError, match="the trials lack read"):
        who_refuses(pd.DataFrame([], columns=columns[:3]))
