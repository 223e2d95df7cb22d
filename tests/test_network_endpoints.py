"""The endpoints of a domain: announced or guessed, each once, and nothing that leads to one's own machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from support_dns import dns_parts, dns_world, failing, on_the_internet

from mailkit.network import Network, Status
from mailkit.network.addresses import is_routed
from mailkit.network.endpoints import (
    Discovered,
    Found,
    Purpose,
    Why,
    discover,
    endpoints,
    inside,
    mail_exchangers,
)

SUBMISSION = [Purpose.SUBMISSION]


@contextmanager
def world(records: dict[str, dict[str, Sequence[str]]], **options: Any) -> Iterator[Network]:
    with dns_world(records, timeout=20.0, **options) as net:
        yield net


def listed(found: Discovered) -> list[tuple[str, str, str]]:
    return [(e.name, str(e.found), e.source) for e in found.endpoints]


def missing(found: Discovered) -> list[tuple[str, str]]:
    return [(out.name, str(out.why)) for out in found.left_out]


FULL = {
    "kaisha.example": {"MX": ["20 mx2.kaisha.example.", "10 mx1.kaisha.example."]},
    "mx1.kaisha.example": {"A": ["192.0.2.25"], "AAAA": ["2001:db8::25"]},
    "mx2.kaisha.example": {"AAAA": ["2001:db8::26"]},
    "smtp.kaisha.example": {"A": ["192.0.2.58"]},
    "imap.kaisha.example": {"A": ["192.0.2.143"]},
    "_submissions._tcp.kaisha.example": {"SRV": ["0 1 8465 smtp.kaisha.example."]},
    "_submission._tcp.kaisha.example": {"SRV": ["5 1 465 smtp.kaisha.example."]},
}


def test_announced_and_guessed_with_their_source() -> None:
    with world(FULL) as net:
        found = discover("Kaisha.Example.", net=net)
    assert listed(found) == [
        ("mx1.kaisha.example:25", "announced", "MX"),
        ("mx2.kaisha.example:25", "announced", "MX"),
        ("smtp.kaisha.example:8465", "announced", "SRV _submissions"),
        ("smtp.kaisha.example:465", "announced", "SRV _submission"),
        ("imap.kaisha.example:993", "guessed", "usual name"),
        ("imap.kaisha.example:143", "guessed", "usual name"),
    ]
    assert missing(found) == []
    by_name = {e.name: e for e in found.endpoints}
    # The service decides about implicit TLS (RFC 8314 section 5.1), not the port.
    assert by_name["smtp.kaisha.example:8465"].implicit_tls
    assert not by_name["smtp.kaisha.example:465"].implicit_tls
    assert by_name["mx1.kaisha.example:25"].addresses == ("192.0.2.25", "2001:db8::25")
    assert by_name["mx2.kaisha.example:25"].addresses == ("2001:db8::26",)  # IPv6 only


def test_only_what_is_asked_for() -> None:
    with world(FULL) as net:
        rows = endpoints("kaisha.example", net=net, purposes=[Purpose.IMAP])
    assert [(e.purpose, e.port, e.implicit_tls) for e in rows] == [("imap", 993, True), ("imap", 143, False)]
    assert rows.caption == net.caption


def test_one_host_in_two_spellings_is_one() -> None:
    records = {
        "kaisha.example": {"MX": ["10 MX.kaisha.example.", "20 mx.kaisha.example.", "10 mx.KAISHA.example."]},
        "mx.kaisha.example": {"A": ["192.0.2.25"]},
        "_submission._tcp.kaisha.example": {"SRV": ["0 0 587 Mx.kaisha.example.", "5 0 587 mx.kaisha.example."]},
    }
    with world(records) as net:
        found = discover("kaisha.example", net=net)
        assert mail_exchangers("kaisha.example", net=net).hosts == ("mx.kaisha.example",)
    assert [name for name, _, _ in listed(found)] == ["mx.kaisha.example:25", "mx.kaisha.example:587"]


def test_equal_preferences_stand_in_a_fixed_order() -> None:
    records = {"kaisha.example": {"MX": [f"10 {name}.kaisha.example." for name in "cab"]}}
    with world(records) as net:
        hosts = mail_exchangers("kaisha.example", net=net).hosts
    assert hosts == ("a.kaisha.example", "b.kaisha.example", "c.kaisha.example")


def test_a_parked_domain_has_no_endpoints() -> None:
    records = {"parked.example": {"MX": ["0 ."]}, "*.parked.example": {"A": ["192.0.2.80"]}}
    with world(records) as net:
        found = discover("parked.example", net=net)
        exchangers = mail_exchangers("parked.example", net=net)
    assert (listed(found), missing(found)) == ([], [])
    assert exchangers.null_mx and exchangers.hosts == () and not exchangers.null_beside_others


def test_a_null_mx_beside_others_is_seen() -> None:
    records = {"odd.example": {"MX": ["0 .", "10 mx.odd.example."]}, "mx.odd.example": {"A": ["192.0.2.25"]}}
    with world(records) as net:
        exchangers = mail_exchangers("odd.example", net=net)
        found = endpoints("odd.example", net=net, purposes=[Purpose.RELAY])
    assert exchangers.null_beside_others and not exchangers.null_mx
    assert [e.host for e in found] == ["mx.odd.example"]


def test_without_mx_the_domain_itself_takes_the_mail() -> None:
    with world({"bare.example": {"AAAA": ["2001:db8::1"]}}) as net:
        exchangers = mail_exchangers("bare.example", net=net)
        found = endpoints("bare.example", net=net)
    assert (exchangers.status, exchangers.hosts, exchangers.implicit) == (Status.NODATA, ("bare.example",), True)
    assert [(e.name, e.source) for e in found] == [("bare.example:25", "address of the domain")]


def test_neither_mx_nor_address() -> None:
    with world({"empty.example": {"TXT": ["x"]}}) as net:
        exchangers = mail_exchangers("empty.example", net=net)
        assert (exchangers.status, exchangers.hosts, exchangers.implicit) == (Status.NODATA, (), False)
        assert mail_exchangers("nowhere.example", net=net).status is Status.NXDOMAIN
        assert len(endpoints("nowhere.example", net=net)) == 0


def test_without_mx_an_address_that_cannot_be_asked_for_is_no_denial() -> None:
    with world({"bare.example": {"TXT": ["x"]}, "six.example": {"AAAA": ["2001:db8::25"]}}) as net:
        for rdtype in ("A", "AAAA"):
            exchangers = mail_exchangers("bare.example", net=failing(net, rdtype))
            assert (exchangers.status, exchangers.hosts) == (Status.SERVFAIL, ())
            assert exchangers.reason == "no MX, and the address cannot be asked for: the name server fails"
        assert mail_exchangers("six.example", net=failing(net, "A")).implicit


def test_the_usual_names_under_a_wildcard_are_guesses() -> None:
    records = {"shared.example": {"MX": ["10 mx.host.example."]}, "*.shared.example": {"A": ["192.0.2.80"]}}
    with world(records) as net:
        found = endpoints("shared.example", net=net, purposes=[Purpose.SUBMISSION, Purpose.IMAP, Purpose.POP3])
    assert {e.found for e in found} == {Found.GUESSED}
    assert [e.name for e in found][:2] == ["smtp.shared.example:465", "smtp.shared.example:587"]


def test_the_first_usual_name_that_has_an_address() -> None:
    with world({"small.example": {"TXT": ["x"]}, "mail.small.example": {"AAAA": ["2001:db8::2"]}}) as net:
        found = discover("small.example", net=net, purposes=SUBMISSION)
    assert [name for name, _, _ in listed(found)] == ["mail.small.example:465", "mail.small.example:587"]
    assert missing(found) == []  # that the other usual names are not there is no news


def test_a_service_that_the_domain_does_not_have() -> None:
    records = {
        "kaisha.example": {"TXT": ["x"]},
        "imap.kaisha.example": {"A": ["192.0.2.1"]},
        "_imaps._tcp.kaisha.example": {"SRV": ["0 0 0 ."]},
    }
    with world(records) as net:
        found = discover("kaisha.example", net=net, purposes=[Purpose.IMAP])
    assert listed(found) == []  # the domain has spoken: nothing is guessed
    assert missing(found) == [("_imaps", "not offered")]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("0 0 0 smtp.kaisha.example.", Why.NO_PORT),
        ("0 0 587 192.0.2.1.", Why.NO_NAME),
        ("0 0 587 a\\.b.kaisha.example.", Why.NO_NAME),
        ("0 0 587 \\000<script>.example.", Why.NO_NAME),
        ("0 0 587 gone.kaisha.example.", Why.NO_ADDRESS),
    ],
)
def test_what_srv_records_may_hold(target: str, why: Why) -> None:
    records = {
        "smtp.kaisha.example": {"A": ["192.0.2.58"]},
        "_submission._tcp.kaisha.example": {"SRV": [target]},
    }
    with world(records) as net:
        found = discover("kaisha.example", net=net, purposes=SUBMISSION)
    assert listed(found) == []
    (left,) = found.left_out
    assert left.why is why and left.reason and left.source == "SRV _submission"
    assert "\x00" not in left.name


@pytest.mark.parametrize("target", ["10 192.0.2.25.", "10 \\000mx.kaisha.example.", "10 mx\\.1.kaisha.example."])
def test_an_mx_that_is_no_host_name(target: str) -> None:
    with world({"kaisha.example": {"MX": [target]}}) as net:
        found = discover("kaisha.example", net=net, purposes=[Purpose.RELAY])
    assert listed(found) == []
    assert [out.why for out in found.left_out] == [Why.NO_NAME]


def test_hundreds_of_targets_ports_and_addresses_are_cut_and_the_cut_is_said() -> None:
    records = {
        "many.example": {"MX": [f"{n} mx{n}.many.example." for n in range(60)]},
        "_submission._tcp.many.example": {"SRV": [f"0 0 {n} smtp.many.example." for n in range(1, 201)]},
        "smtp.many.example": {"A": [f"192.0.2.{n}" for n in range(1, 200)]},
        **{f"mx{n}.many.example": {"A": [f"198.51.100.{n}"]} for n in range(60)},
    }
    with world(records) as net:
        found = discover("many.example", net=net)
    assert sum(e.purpose is Purpose.RELAY for e in found.endpoints) == 10
    smtp = [e for e in found.endpoints if e.host == "smtp.many.example"]
    assert len(smtp) == 4 and all(len(e.addresses) == 8 for e in smtp)
    reasons = " / ".join(out.reason for out in found.left_out)
    assert "50 of 60 are not looked at" in reasons
    assert "190 of 200 are not looked at" in reasons
    assert "more than 4 ports of this host" in reasons
    assert "it has 199 addresses; the first 8 are looked at" in reasons
    assert {out.why for out in found.left_out} == {Why.TOO_MANY}
    assert "left out: " in found.endpoints.caption


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.1.1", "0.0.0.0", "224.0.0.1", "100.64.0.1"])
def test_a_domain_does_not_steer_us_to_our_own_machine(address: str) -> None:
    records = {
        "kaisha.example": {"MX": ["10 mx.kaisha.example."]},
        "mx.kaisha.example": {"A": ["192.0.2.25", address]},
        "smtp.kaisha.example": {"A": [address]},
    }
    with world(records) as net:
        found = discover("kaisha.example", net=on_the_internet(net), purposes=[Purpose.RELAY, Purpose.SUBMISSION])
        at_home = endpoints("kaisha.example", net=net, purposes=[Purpose.RELAY])
    assert listed(found) == []
    assert {out.why for out in found.left_out} == {Why.NOT_PUBLIC}
    assert address in found.left_out[0].reason
    # In a world of one's own, served from this machine, any address may be a host's.
    assert [e.host for e in at_home] == ["mx.kaisha.example"]


@pytest.mark.parametrize("address", ["::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "ff02::1", "::"])
def test_neither_over_ipv6(address: str) -> None:
    assert not is_routed(address)


@pytest.mark.parametrize(
    "address",
    ["192.0.2.25", "198.51.100.1", "203.0.113.9", "2001:db8::25", "8.8.8.8", "2001:4860::1", "::ffff:8.8.8.8"],
)
def test_addresses_of_others(address: str) -> None:
    assert is_routed(address)


def test_what_tells_a_world_of_ones_own() -> None:
    net = Network("internet", "here", (("127.0.0.1", 5353),))
    assert net.own_world and net.reaches("10.0.0.5")
    for servers in ((("127.0.0.53", 53),), (("192.0.2.53", 53),), (("127.0.0.1", 5353), ("192.0.2.53", 53))):
        assert not replace(net, nameservers=servers).own_world
        assert not replace(net, nameservers=servers).reaches("10.0.0.5")
        assert replace(net, nameservers=servers).reaches("192.0.2.25")


def test_an_unanswered_question_is_unknown_and_nothing_is_guessed() -> None:
    records = {"kaisha.example": {"MX": ["10 mx.kaisha.example."]}, "smtp.kaisha.example": {"A": ["192.0.2.1"]}}
    with dns_parts(records, timeout=20.0) as parts:
        for name in ("_submission._tcp.kaisha.example", "_submissions._tcp.kaisha.example", "mx.kaisha.example"):
            parts.resolver.fault(name, "servfail")
        found = discover("kaisha.example", net=parts.net, purposes=[Purpose.RELAY, Purpose.SUBMISSION])
    assert listed(found) == []
    assert {out.why for out in found.left_out} == {Why.UNKNOWN}
    assert [out.name for out in found.left_out] == ["_submissions", "_submission", "mx.kaisha.example"]


@pytest.mark.parametrize(
    ("host", "within"),
    [
        ("kaisha.example", True),
        ("smtp.Kaisha.Example.", True),
        ("a.b.kaisha.example", True),
        ("notkaisha.example", False),
        ("kaisha.example.evil.example", False),
        ("mx.provider.example", False),
        ("example", False),
        ("", False),
        ("192.0.2.1", False),
    ],
)
def test_whose_host_it_is(host: str, within: bool) -> None:
    assert inside(host, "KAISHA.example") is within


def test_u_labels_and_a_labels_are_one_domain() -> None:
    assert inside("smtp.xn--bcher-kva.example", "bücher.example")
    with world(
        {
            "xn--bcher-kva.example": {"MX": ["10 mx.xn--bcher-kva.example."]},
            "mx.xn--bcher-kva.example": {"A": ["192.0.2.1"]},
        }
    ) as net:
        (relay,) = endpoints("bücher.example", net=net, purposes=[Purpose.RELAY])
    assert relay.host == "mx.xn--bcher-kva.example"


@pytest.mark.parametrize("domain", ["", "a b", "taro@kaisha.example", "https://kaisha.example/", "192.0.2.1"])
def test_what_is_no_domain(domain: str) -> None:
    with world({}) as net, pytest.raises(ValueError, match=r"domain name|after the @"):
        endpoints(domain, net=net)
