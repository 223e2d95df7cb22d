"""Secure, insecure, bogus: told apart by us as by delv, over zones that deny with NSEC and with NSEC3."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dns.dnssec
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset
import pytest
from support_dns import World, dns_parts, serving
from support_servers import Steady
from support_signed import Answer, HashedZone, instead, signed, zone_key

from mailkit.network import Security, Status
from mailkit.network.nsec3 import MOST_ITERATIONS
from mailkit.network.security import worst

SECURE, INSECURE, BOGUS, UNKNOWN = Security.SECURE, Security.INSECURE, Security.BOGUS, Security.UNKNOWN

RECORDS = {
    "kaisha.example": {"MX": ["10 mx.kaisha.example."]},
    "mx.kaisha.example": {"A": ["192.0.2.25"]},
    "isp.example": {"MX": ["10 mx.isp.example."]},
    "www.example.com": {"CNAME": ["mx.isp.example."]},
    "mx.isp.example": {"A": ["192.0.2.26"]},
    "hashed.example": {"A": ["192.0.2.1"]},
}
ZONES = ("kaisha.example", "isp.example", "example.com", "hashed.example")
HASHED = {
    "hashed.example": {"MX": ["10 mx.hashed.example."]},
    "mx.hashed.example": {"A": ["192.0.2.30"]},
    "_25._tcp.mx.hashed.example": {"TLSA": [f"3 1 1 {'ab' * 32}"]},
    "*.wild.hashed.example": {"A": ["192.0.2.7"]},
    "there.wild.hashed.example": {"TXT": ["here"]},
}
DELEGATION = "child.hashed.example"


@pytest.fixture(scope="module")
def steady() -> Iterator[World]:
    with dns_parts(RECORDS, zones=ZONES, unsigned=["isp.example"]) as parts:
        yield parts


@contextmanager
def answering(world: World, answer: Answer) -> Iterator[World]:
    """The same world behind another resolver."""
    with serving(answer) as port:
        yield replace(world, net=replace(world.net, nameservers=(("127.0.0.1", port),), timeout=20.0), port=port)


@contextmanager
def hashed(world: World, **options: Any) -> Iterator[World]:
    zone = HashedZone("hashed.example", HASHED, delegations=[DELEGATION], **options)
    with answering(world, instead(zone, world.resolver.answer)) as changed:
        yield changed


def delv(world: World, name: str, rdtype: str) -> Security:
    """What BIND's validator says of the same question."""
    tool = shutil.which("delv")
    if tool is None:
        pytest.skip("delv is not installed (apt-get install bind9-dnsutils)")
    anchor = str(world.authority.trust_anchor)
    command = [tool, "-a", anchor, "+root=.", "@127.0.0.1", "-p", str(world.port), name, rdtype]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    if "resolution failed" in said and "ncache" not in said:
        return BOGUS
    if "unsigned" in said:
        return INSECURE
    assert "fully validated" in said, said
    return SECURE


def both(world: World, name: str, rdtype: str) -> tuple[Security | None, Security]:
    return world.net.lookup(name, rdtype, dnssec=True).dnssec, delv(world, name, rdtype)


def test_the_worst_counts() -> None:
    assert worst([SECURE, UNKNOWN]) is UNKNOWN
    assert worst([SECURE, INSECURE, UNKNOWN]) is INSECURE
    assert worst([BOGUS, INSECURE]) is BOGUS
    assert worst([SECURE]) is SECURE and worst([]) is UNKNOWN
    assert [s.trusted for s in (SECURE, INSECURE, BOGUS, UNKNOWN)] == [True, False, False, None]


# NSEC3


DENIED = [
    ("hashed.example", "MX", Status.NOERROR, SECURE),
    ("_25._tcp.mx.hashed.example", "TLSA", Status.NOERROR, SECURE),
    ("foo.wild.hashed.example", "A", Status.NOERROR, SECURE),
    ("a.b.wild.hashed.example", "A", Status.NOERROR, SECURE),
    ("mx.hashed.example", "TLSA", Status.NODATA, SECURE),
    ("_tcp.mx.hashed.example", "TLSA", Status.NODATA, SECURE),
    ("foo.wild.hashed.example", "MX", Status.NODATA, SECURE),
    ("nosuch.hashed.example", "A", Status.NXDOMAIN, SECURE),
    ("x.y.nosuch.hashed.example", "A", Status.NXDOMAIN, SECURE),
    ("nosuch.there.wild.hashed.example", "A", Status.NXDOMAIN, SECURE),
    ("www.child.hashed.example", "A", Status.NOERROR, INSECURE),
]


@pytest.mark.parametrize(("name", "rdtype", "status", "security"), DENIED)
def test_hashed_denial_as_delv_sees_it(steady, name, rdtype, status, security):
    with hashed(steady, iterations=3, salt="aabb") as world:
        assert world.net.lookup(name, rdtype, dnssec=True).status is status
        assert both(world, name, rdtype) == (security, security)


@pytest.mark.parametrize(
    ("name", "rdtype", "security"),
    [
        ("hashed.example", "MX", SECURE),
        ("mx.hashed.example", "TLSA", SECURE),
        ("www.child.hashed.example", "A", INSECURE),
        ("foo.wild.hashed.example", "A", INSECURE),
    ],
)
def test_opt_out_as_delv_sees_it(steady, name, rdtype, security):
    with hashed(steady, opt_out=True) as world:
        assert both(world, name, rdtype) == (security, security)


@pytest.mark.parametrize(("name", "rdtype"), [("nosuch.hashed.example", "A"), ("child.hashed.example", "DS")])
def test_an_opt_out_proof_does_not_make_a_denial_secure(steady, name, rdtype):
    """RFC 5155 section 9.2 forbids the AD bit.  delv shows the proof as validated, and tells of the opt-out aside."""
    with hashed(steady, opt_out=True) as world:
        assert both(world, name, rdtype) == (INSECURE, SECURE)
    with hashed(steady) as world:
        assert both(world, name, rdtype) == (SECURE, SECURE)


def test_a_child_in_a_zone_without_opt_out_is_proven_to_be_unsigned(steady):
    with hashed(steady) as world:
        assert both(world, "child.hashed.example", "DS") == (SECURE, SECURE)
        assert both(world, "child.hashed.example", "MX") == (INSECURE, INSECURE)


@pytest.mark.parametrize("iterations", [MOST_ITERATIONS, MOST_ITERATIONS + 1, 2500, 65535])
def test_iterations_are_bounded_as_by_delv(steady, iterations):
    expected = SECURE if iterations <= MOST_ITERATIONS else INSECURE
    with hashed(steady, iterations=iterations) as world:
        assert both(world, "mx.hashed.example", "TLSA") == (expected, expected)
        assert both(world, "hashed.example", "MX") == (SECURE, SECURE)


@pytest.mark.parametrize(
    ("proof_of", "name", "rdtype"),
    [
        (("nosuch.hashed.example", "A"), "mx.hashed.example", "A"),  # the name exists
        (("nosuch.hashed.example", "A"), "nosuch.wild.hashed.example", "A"),  # a wildcard would stand in
        (("mx.hashed.example", "TLSA"), "mx.hashed.example", "A"),  # the type is there
        (("mx.hashed.example", "TLSA"), "hashed.example", "TLSA"),  # another name
        (("child.hashed.example", "DS"), "child.hashed.example", "MX"),  # the parent's side of the cut
        (("hashed.example", "TLSA"), "hashed.example", "DS"),  # the child's side of the cut
    ],
)
def test_a_hashed_proof_replayed_for_something_else_proves_nothing(steady, proof_of, name, rdtype):
    zone = HashedZone("hashed.example", HASHED, delegations=[DELEGATION])

    def replaying(query: dns.message.Message, transport: str = "udp") -> dns.message.Message | None:
        asked = query.question[0]
        if (str(asked.name).rstrip("."), dns.rdatatype.to_text(asked.rdtype)) != (name, rdtype):
            return instead(zone, steady.resolver.answer)(query, transport)
        proof = zone.answer(dns.message.make_query(*proof_of, want_dnssec=True))
        response = dns.message.make_response(query)
        response.set_rcode(proof.rcode())
        response.authority = proof.authority
        return response

    with answering(steady, replaying) as world:
        ours = world.net.lookup(name, rdtype, dnssec=True).dnssec
        # Of a name below the unsigned child's cut nothing needs a proof.
        assert ours is (INSECURE if name == DELEGATION else BOGUS)


# What is broken


Change = Callable[[dns.message.Message], None]


def changed(world: World, name: str, rdtype: str, change: Change) -> Answer:
    """The world's answers, with that to one question changed."""

    def answer(query: dns.message.Message, transport: str = "udp") -> dns.message.Message | None:
        response = world.resolver.answer(query, transport)
        asked = query.question[0]
        if response and (str(asked.name).rstrip("."), dns.rdatatype.to_text(asked.rdtype)) == (name, rdtype):
            response = dns.message.from_wire(response.to_wire())
            change(response)
        return response

    return answer


def broken_signature(response: dns.message.Message) -> None:
    old = response.answer[1][0]
    new = old.replace(signature=bytes(octet ^ 1 for octet in old.signature))
    response.answer[1] = dns.rrset.from_rdata(response.answer[1].name, 60, new)


def expired(response: dns.message.Message) -> None:
    response.answer = signed(response.answer[0], "kaisha.example", expiration="20210101000000")


def not_yet(response: dns.message.Message) -> None:
    response.answer = signed(response.answer[0], "kaisha.example", inception="20450101000000")


def stripped(response: dns.message.Message) -> None:
    response.answer.pop()


def nothing(response: dns.message.Message) -> None:
    response.answer.clear()


@pytest.mark.parametrize("change", [broken_signature, expired, not_yet, stripped, nothing])
def test_a_broken_answer_is_bogus(steady, change):
    with answering(steady, changed(steady, "kaisha.example", "MX", change)) as world:
        assert both(world, "kaisha.example", "MX") == (BOGUS, BOGUS)


@pytest.mark.parametrize("change", [broken_signature, stripped, nothing])
@pytest.mark.parametrize("rdtype", ["DS", "DNSKEY"])
def test_a_broken_chain_is_bogus(steady, change, rdtype):
    with answering(steady, changed(steady, "kaisha.example", rdtype, change)) as world:
        assert both(world, "kaisha.example", "MX") == (BOGUS, BOGUS)


def test_a_wrong_ds_is_bogus_and_a_missing_one_insecure() -> None:
    with dns_parts(RECORDS, zones=ZONES) as world:
        world.authority.publish("kaisha.example", "DS", f"12345 13 2 {'00' * 32}")
        assert both(world, "kaisha.example", "MX") == (BOGUS, BOGUS)
    with dns_parts(RECORDS, zones=ZONES, unsigned=["kaisha.example"]) as world:
        assert both(world, "kaisha.example", "MX") == (INSECURE, INSECURE)
        assert both(world, "nosuch.kaisha.example", "A") == (INSECURE, INSECURE)
        assert both(world, "kaisha.example", "DS") == (SECURE, SECURE)


@pytest.mark.parametrize(("algorithm", "digest"), [(200, 2), (13, 200)])
def test_a_zone_signed_in_a_way_nobody_knows_is_insecure(algorithm, digest):
    with dns_parts(RECORDS, zones=ZONES) as world:
        world.authority.publish("kaisha.example", "DS", f"12345 {algorithm} {digest} {'00' * 32}")
        assert both(world, "kaisha.example", "MX") == (INSECURE, INSECURE)


def test_an_alias_into_an_unsigned_zone_is_insecure(steady):
    assert both(steady, "www.example.com", "A") == (INSECURE, INSECURE)


def test_what_an_unsigned_zone_says_cannot_be_forged_into_more(steady):
    """A signature by another zone's key in an unsigned zone changes nothing."""

    def foreign(response: dns.message.Message) -> None:
        response.answer = signed(response.answer[0], "isp.example")

    with answering(steady, changed(steady, "isp.example", "MX", foreign)) as world:
        assert world.net.lookup("isp.example", "MX", dnssec=True).dnssec is INSECURE


def test_a_resolver_that_keeps_the_chain_back_leaves_it_unknown(steady):
    def silent(query: dns.message.Message, transport: str = "udp") -> dns.message.Message | None:
        if query.question[0].rdtype in (dns.rdatatype.DS, dns.rdatatype.DNSKEY):
            return None
        return steady.resolver.answer(query, transport)

    with answering(steady, silent) as world:
        net = replace(world.net, timeout=0.5, pace=Steady(lambda name: not name))  # only the chain is not answered
        assert net.lookup("kaisha.example", "MX", dnssec=True).dnssec is UNKNOWN
        assert net.lookup("isp.example", "MX", dnssec=True).dnssec is UNKNOWN


# What is made to keep a validator busy


def alike(count: int) -> list[dns.rdata.Rdata]:
    """The zone's key, and *count* others with the same key tag, as those of KeyTrap (CVE-2023-50387)."""
    true = zone_key(dns.name.from_text("kaisha.example"))
    wanted = dns.dnssec.key_id(true)
    found: list[dns.rdata.Rdata] = []
    for number in range(count):
        octets = bytearray(true.key)
        octets[10:12] = number.to_bytes(2, "big")
        for last in range(65536):
            octets[30:32] = last.to_bytes(2, "big")
            key = true.replace(key=bytes(octets))
            if dns.dnssec.key_id(key) == wanted and key != true:
                found.append(key)
                break
    return [*found, true]


def test_many_keys_and_signatures_that_look_alike_cost_little(steady):
    keys = dns.rrset.from_rdata_list("kaisha.example.", 60, alike(12))
    pair = signed(keys, "kaisha.example")

    def trapped(query: dns.message.Message, transport: str = "udp") -> dns.message.Message | None:
        response = steady.resolver.answer(query, transport)
        asked = query.question[0]
        if asked.name != dns.name.from_text("kaisha.example") or not response:
            return response
        response = dns.message.from_wire(response.to_wire())
        if asked.rdtype == dns.rdatatype.DNSKEY:
            response.answer = pair
        elif asked.rdtype == dns.rdatatype.MX:
            old = response.answer[1][0]
            wrong = [old.replace(signature=bytes([n]) + old.signature[1:]) for n in range(40)]
            response.answer[1] = dns.rrset.from_rdata_list("kaisha.example.", 60, wrong)
        return response

    with answering(steady, trapped) as world:
        checked: list[object] = []
        real = dns.dnssec.validate_rrsig
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dns.dnssec, "validate_rrsig", lambda *a, **k: (checked.append(a), real(*a, **k)))
            assert world.net.lookup("kaisha.example", "MX", dnssec=True).dnssec is BOGUS
        assert len(checked) <= 100
        assert delv(world, "kaisha.example", "MX") is BOGUS
