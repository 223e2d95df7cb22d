"""DANE: which TLSA records count, whether DNSSEC vouches for them, and whether a certificate chain holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from support_dns import World, dns_parts, serving
from support_signed import signed
from support_tls import DAY, NOW, Authority, Pair

from mailkit.network import Security
from mailkit.transport_policy.dane import Dane, Means, dane
from mailkit.transport_policy.tlsa import Tlsa, holds, value_for

DIGEST = "ab" * 32
RECORDS = {
    "kaisha.example": {"MX": ["10 mx.kaisha.example."]},
    "mx.kaisha.example": {"A": ["192.0.2.25"]},
    "_25._tcp.mx.kaisha.example": {"TLSA": [f"3 1 1 {DIGEST}"]},
    "plain.kaisha.example": {"A": ["192.0.2.26"]},
    "six.kaisha.example": {"AAAA": ["2001:db8::25"]},
    "_25._tcp.six.kaisha.example": {"TLSA": [f"3 1 1 {DIGEST}"]},
    "pkix.kaisha.example": {"A": ["192.0.2.27"]},
    "_25._tcp.pkix.kaisha.example": {"TLSA": [f"1 1 1 {DIGEST}", f"0 0 1 {DIGEST}"]},
    "mixed.kaisha.example": {"A": ["192.0.2.28"]},
    "_25._tcp.mixed.kaisha.example": {"TLSA": [f"1 1 1 {DIGEST}", f"2 1 1 {DIGEST}", f"3 1 2 {DIGEST}{DIGEST}"]},
    "alias.kaisha.example": {"CNAME": ["mx.kaisha.example."]},
    "out.kaisha.example": {"CNAME": ["mx.isp.example."]},
    "_25._tcp.out.kaisha.example": {"TLSA": [f"3 1 1 {DIGEST}"]},
    "mx.isp.example": {"A": ["198.51.100.10"]},
    "_25._tcp.mx.isp.example": {"TLSA": [f"3 1 1 {DIGEST}"]},
}
ZONES = ("kaisha.example", "isp.example")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with dns_parts(RECORDS, zones=ZONES, unsigned=["isp.example"], timeout=20.0) as parts:
        yield parts


# What the DNS says


@pytest.mark.parametrize(
    ("host", "usable", "dnssec", "means", "reason"),
    [
        ("mx.kaisha.example", True, "secure", "authenticate", "1 of 1 records count: DANE-EE: the server's own"),
        ("MX.Kaisha.Example.", True, "secure", "authenticate", "1 of 1"),
        ("six.kaisha.example", True, "secure", "authenticate", "1 of 1"),
        ("alias.kaisha.example", True, "secure", "authenticate", "1 of 1"),
        ("out.kaisha.example", True, "secure", "authenticate", "1 of 1"),
        ("plain.kaisha.example", False, "secure", "opportunistic", "no TLSA record"),
        ("pkix.kaisha.example", False, "secure", "encrypt", "usage 0 (PKIX-TA) does not count"),
        ("mixed.kaisha.example", True, "secure", "authenticate", "2 of 3 records count: DANE-TA"),
        ("mx.isp.example", False, "insecure", "opportunistic", "the zone of its address is not signed"),
        ("nosuch.kaisha.example", False, "secure", "opportunistic", "no TLSA record"),
    ],
)
def test_what_the_records_of_a_host_mean(world, host, usable, dnssec, means, reason):
    found = dane(host, net=world.net)
    assert (found.usable, found.dnssec, found.means) == (usable, dnssec, means)
    assert reason in found.reason


def test_the_records_of_an_alias_are_those_of_its_target(world):
    assert dane("alias.kaisha.example", net=world.net).host == "mx.kaisha.example"
    assert dane("out.kaisha.example", net=world.net).host == "out.kaisha.example"


def test_another_port_has_other_records(world):
    assert dane("mx.kaisha.example", 465, net=world.net).means is Means.OPPORTUNISTIC
    with pytest.raises(ValueError, match="port"):
        dane("mx.kaisha.example", 0, net=world.net)
    with pytest.raises(ValueError, match="no domain name"):
        dane("mx kaisha", net=world.net)


@contextmanager
def changed(world: World, rdtype: str, **change: Any) -> Iterator[World]:
    """The world behind a resolver that answers questions for *rdtype* with a failure, or with what it made up."""

    def answer(query: dns.message.Message, transport: str = "udp") -> dns.message.Message | None:
        if dns.rdatatype.to_text(query.question[0].rdtype) != rdtype:
            return world.resolver.answer(query, transport)
        if "rcode" in change:
            response = dns.message.make_response(query)
            response.set_rcode(change["rcode"])
            return response
        if change.get("silent"):
            return None
        response = world.resolver.answer(query, transport)
        response = dns.message.from_wire(response.to_wire())
        if "octets" in change:
            name = response.answer[0].name
            parts = [dns.rdata.GenericRdata("IN", "TLSA", octets) for octets in change["octets"]]
            response.answer = signed(dns.rrset.from_rdata_list(name, 60, parts), "kaisha.example.")
        elif change.get("forged"):
            response.answer[0] = dns.rrset.from_text(response.answer[0].name, 60, "IN", "TLSA", f"3 1 1 {'cd' * 32}")
        else:
            response.answer, response.authority = [], []
        return response

    with serving(answer) as port:
        yield replace(world, net=replace(world.net, nameservers=(("127.0.0.1", port),), timeout=change.get("wait", 20)))


def test_a_forged_or_hidden_record_delays_the_mail(world):
    for change in ({"forged": True}, {"hidden": True}):
        with changed(world, "TLSA", **change) as attacked:
            found = dane("mx.kaisha.example", net=attacked.net)
        assert (found.usable, found.dnssec, found.means, found.records) == (False, "bogus", "delay", ())


ODD, SOUND = b"\x03\x01\x01\xab\xcd", b"\x03\x01\x01" + b"\xab" * 32


@pytest.mark.parametrize(
    ("octets", "means", "reason"),
    [
        ([ODD, SOUND], Means.AUTHENTICATE, "1 of 2 records count: DANE-EE"),
        ([ODD], Means.ENCRYPT, "no record counts: its digest has 2 octets, not 32"),
        ([b"\x03\x01\x02" + b"\xab" * 32], Means.ENCRYPT, "its digest has 32 octets, not 64"),
        ([b"\x03\x01\x01", SOUND], Means.AUTHENTICATE, "1 of 2 records count"),
        ([b"\x03\x01\x01" + b"\xab" * 3000, SOUND], Means.AUTHENTICATE, "1 of 2 records count"),  # over TCP
    ],
    ids=["short", "short alone", "another length", "empty", "long"],
)
def test_a_digest_of_the_wrong_length_makes_that_one_record_unusable(world, octets, means, reason):
    """RFC 6698 section 2.1.3; the signature covers the odd record too."""
    with changed(world, "TLSA", octets=octets) as odd:
        found = dane("mx.kaisha.example", net=odd.net)
    assert (found.dnssec, found.means, len(found.records)) == ("secure", means, len(octets))
    assert reason in found.reason


def test_a_record_without_its_fields_is_no_answer(world):
    with changed(world, "TLSA", octets=[b"\x03\x01", SOUND]) as odd:
        found = dane("mx.kaisha.example", net=odd.net)
    assert (found.usable, found.means) == (None, Means.DELAY) and "malformed" in found.reason


def test_a_lookup_that_fails_delays_the_mail(world):
    with changed(world, "TLSA", rcode=2) as attacked:
        found = dane("mx.kaisha.example", net=attacked.net)
    assert (found.usable, found.secure, found.means) == (None, None, "delay")
    with changed(world, "TLSA", silent=True, wait=0.5) as attacked:
        assert dane("mx.kaisha.example", net=attacked.net).means is Means.DELAY
    with changed(world, "A", rcode=2) as attacked:
        assert dane("mx.kaisha.example", net=attacked.net).means is Means.DELAY


def test_who_cannot_validate_does_not_know(world):
    found = dane("mx.kaisha.example", net=replace(world.net, trust_anchor=None, nameservers=(("127.0.0.1", 9),)))
    assert found.usable is None
    without = replace(world.net, trust_anchor=None)
    assert dane("mx.kaisha.example", net=without).usable is True  # the word of a resolver on this machine

    class Elsewhere(type(without)):  # type: ignore[misc]
        def validate(self, query: object, response: object) -> Security:
            return Security.UNKNOWN

    net = Elsewhere(**{name: getattr(without, name) for name in ("name", "vantage", "nameservers", "clock")})
    found = dane("mx.kaisha.example", net=net)
    assert (found.usable, found.secure, found.means) == (None, None, "unknown")


# Whether a chain holds

AUTHORITY = Authority()
MIDDLE = Authority("Middle", issuer=AUTHORITY)
OTHER = Authority("Other")
OWN = MIDDLE.issue("mx.kaisha.example")
NEXT = MIDDLE.issue("mx.kaisha.example")


def der(pair: Pair) -> bytes:
    return pair.certificate.public_bytes(Encoding.DER)


def record(text: str) -> Tlsa:
    usage, selector, matching, data = text.split()
    return Tlsa(int(usage), int(selector), int(matching), bytes.fromhex(data), text)


CHAIN = [der(OWN), der(MIDDLE.pair), der(AUTHORITY.pair)]
NAMES = ["mx.kaisha.example"]


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize(("usage", "pair"), [(3, OWN), (2, MIDDLE.pair), (2, AUTHORITY.pair)])
def test_every_kind_of_record_fits_its_certificate(usage, pair, selector, matching):
    import hashlib

    from cryptography.hazmat.primitives.serialization import PublicFormat

    whole = der(pair)
    key = pair.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    selected = (whole, key)[selector]
    data = (selected, hashlib.sha256(selected).digest(), hashlib.sha512(selected).digest())[matching]
    found = holds(CHAIN, [record(f"{usage} {selector} {matching} {data.hex()}")], names=NAMES, now=NOW)
    assert found.ok, found.reason
    wrong = bytes([data[0] ^ 1]) + data[1:]
    assert not holds(CHAIN, [record(f"{usage} {selector} {matching} {wrong.hex()}")], names=NAMES, now=NOW).ok


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (f"0 1 1 {DIGEST}", "usage 0 (PKIX-TA) does not count between mail servers"),
        (f"1 1 1 {DIGEST}", "usage 1 (PKIX-EE) does not count between mail servers"),
        (f"4 1 1 {DIGEST}", "usage 4 is unknown"),
        (f"3 2 1 {DIGEST}", "selector 2 is unknown"),
        (f"3 1 3 {DIGEST}", "matching type 3 is unknown"),
        (f"3 1 1 {DIGEST}cd", "its digest has 33 octets, not 32"),
        (f"3 1 2 {DIGEST}", "its digest has 32 octets, not 64"),
        (f"3 1 0 {DIGEST}", "it holds no public key"),
        (f"3 1 0 {der(OWN).hex()}", "it holds no public key"),
        (f"2 0 0 {DIGEST}", "it holds no certificate"),
        (f"3 0 0 {der(OWN)[:-1].hex()}", "it holds no certificate"),
    ],
)
def test_records_that_do_not_count(value, reason):
    assert record(value).unusable == reason == record(value).meaning
    assert holds(CHAIN, [record(value)], names=NAMES, now=NOW).reason == "there is no record that counts"


def test_the_servers_own_certificate_needs_neither_name_nor_date():
    old = OTHER.issue("elsewhere.example", start=NOW - 9 * DAY, end=NOW - DAY)
    assert holds([der(old)], [record(value_for(der(old)))], names=NAMES, now=NOW).ok


@pytest.mark.parametrize(
    ("chain", "anchor", "now", "reason"),
    [
        (CHAIN, OTHER.pair, NOW, "not among the certificates that the server sends"),
        ([der(OWN)], MIDDLE.pair, NOW, "not among the certificates that the server sends"),
        ([der(OWN), der(AUTHORITY.pair)], AUTHORITY.pair, NOW, "does not lead to the authority"),
        ([der(OWN), der(OTHER.pair)], OTHER.pair, NOW, "does not lead to the authority"),
        (CHAIN, MIDDLE.pair, NOW + 91 * DAY, "has expired, or is not valid yet"),
        (CHAIN, AUTHORITY.pair, NOW + 5000 * DAY, "has expired"),
        ([der(MIDDLE.issue("mx.spoof.example")), *CHAIN[1:]], MIDDLE.pair, NOW, "is for mx.spoof.example, not for mx"),
        ([der(MIDDLE.issue()), *CHAIN[1:]], MIDDLE.pair, NOW, "is for no host"),
        ([b"nonsense", *CHAIN[1:]], MIDDLE.pair, NOW, "cannot be read"),
        ([], MIDDLE.pair, NOW, "showed no certificate"),
    ],
)
def test_below_an_authority_names_and_dates_count(chain, anchor, now, reason):
    assert reason in holds(chain, [record(value_for(der(anchor), usage=2))], names=NAMES, now=now).reason


def test_a_server_is_no_authority():
    """Who has any certificate of the authority must not be able to sign more with it."""
    forged = Authority("mx.kaisha.example", issuer=AUTHORITY)
    leaf = Authority.__new__(Authority)
    leaf.name, leaf.key = OWN.certificate.subject, OWN.key
    child = Authority.issue(leaf, "mx.kaisha.example")
    chain = [der(child), der(OWN), *CHAIN[1:]]
    assert not holds(chain, [record(value_for(der(MIDDLE.pair), usage=2))], names=NAMES, now=NOW).ok
    assert holds([der(forged.issue("mx.kaisha.example")), der(forged.pair), der(AUTHORITY.pair)],
                 [record(value_for(der(AUTHORITY.pair), usage=2))], names=NAMES, now=NOW).ok  # fmt: skip


def test_a_rollover_done_right_and_wrong():
    """Right: the new certificate's record is there before the certificate (RFC 7671 section 8.1)."""
    old, new = record(value_for(der(OWN))), record(value_for(der(NEXT)))
    for records, chain, good in [
        ([old], OWN, True),
        ([old, new], OWN, True),
        ([old, new], NEXT, True),
        ([new], NEXT, True),
        ([old], NEXT, False),
        ([new], OWN, False),
    ]:
        assert holds([der(chain)], records, names=NAMES, now=NOW).ok is good


def test_the_records_of_a_host_hold_its_chain(world):
    found = dane("mx.kaisha.example", net=world.net)
    assert isinstance(found, Dane)
    assert found.holds(CHAIN, now=NOW).reason == "the server's own certificate is not the one in the DNS"
    assert replace(found, tlsa=(record(value_for(der(OWN))),)).holds(CHAIN, now=NOW).ok


def test_a_value_is_for_a_certificate():
    with pytest.raises(ValueError, match="that is no certificate"):
        value_for(b"x")
    with pytest.raises(ValueError, match="usage is 3"):
        value_for(der(OWN), usage=1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=3), st.integers(0, 5), st.integers(0, 3), st.integers(0, 3))
def test_no_certificates_and_records_raise(chain, usage, selector, matching):
    found = Tlsa(usage, selector, matching, (chain or [b""])[0])
    for der_octets in ([*chain, *CHAIN], [CHAIN[0], *chain]):
        holds(der_octets, [found], names=NAMES, now=NOW)
