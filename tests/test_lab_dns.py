"""The DNS of the practice internet, over real sockets: what zones say, what caches keep, what faults do."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support_dns import Clock, World, dns_parts, dns_world, serving, write_zones

from mailkit.datasets import DATA
from mailkit.lab.dns import resolver
from mailkit.lab.dns import server as dns_server
from mailkit.lab.dns.authority import Authority
from mailkit.lab.dns.resolver import CachingResolver
from mailkit.network import Status

RECORDS = {
    "kaisha.example": {"MX": ["10 mx.kaisha.example."], "TXT": ["v=spf1 mx -all"]},
    "mx.kaisha.example": {"A": ["192.0.2.25"], "TXT": ["v=spf1 a -all"]},
    "a.ent.kaisha.example": {"A": ["192.0.2.1"]},
    "*.wild.kaisha.example": {"A": ["192.0.2.7"]},
    "there.wild.kaisha.example": {"TXT": ["no wildcard here"]},
    "www.example.com": {"CNAME": ["mx.kaisha.example."]},
    "dead.example.com": {"CNAME": ["nosuch.kaisha.example."]},
    "one.example.com": {"CNAME": ["two.example.com."]},
    "two.example.com": {"CNAME": ["one.example.com."]},
    "lame.example.com": {"NS": ["ns.lame.example.com."]},
    "big.example.com": {"TXT": ["x" * 900]},
    "huge.example.com": {"TXT": ["y" * 3000]},
    **{f"c{i}.example.com": {"CNAME": [f"c{i + 1}.example.com."]} for i in range(40)},
}
ZONES = ("kaisha.example", "example.com")


@pytest.fixture
def world() -> Iterator[World]:
    with dns_parts(RECORDS, zones=ZONES) as parts:
        yield parts


def asked(world: World, name: str, rdtype: str, tcp: bool = False, **options) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, **options)
    ask = dns.query.tcp if tcp else dns.query.udp
    return ask(query, "127.0.0.1", 5, world.port)


# What zones say


@pytest.mark.parametrize(
    ("name", "rdtype", "status", "records"),
    [
        ("kaisha.example", "MX", Status.NOERROR, ("10 mx.kaisha.example.",)),
        ("KAISHA.Example.", "TXT", Status.NOERROR, ('"v=spf1 mx -all"',)),
        ("kaisha.example", "AAAA", Status.NODATA, ()),
        ("nosuch.kaisha.example", "A", Status.NXDOMAIN, ()),
        ("nosuch.test", "A", Status.NXDOMAIN, ()),
        ("ent.kaisha.example", "A", Status.NODATA, ()),  # an empty non-terminal exists
        ("foo.wild.kaisha.example", "A", Status.NOERROR, ("192.0.2.7",)),
        ("a.b.wild.kaisha.example", "A", Status.NOERROR, ("192.0.2.7",)),
        ("foo.wild.kaisha.example", "MX", Status.NODATA, ()),
        ("*.wild.kaisha.example", "A", Status.NOERROR, ("192.0.2.7",)),
        ("there.wild.kaisha.example", "A", Status.NODATA, ()),  # RFC 4592: an existing name hides the wildcard
        ("below.there.wild.kaisha.example", "A", Status.NXDOMAIN, ()),
        ("www.example.com", "A", Status.NOERROR, ("192.0.2.25",)),
        ("www.example.com", "CNAME", Status.NOERROR, ("mx.kaisha.example.",)),
        ("www.example.com", "MX", Status.NODATA, ()),
        ("dead.example.com", "A", Status.NXDOMAIN, ()),
        ("one.example.com", "A", Status.SERVFAIL, ()),
        ("c0.example.com", "A", Status.SERVFAIL, ()),
        ("x.lame.example.com", "A", Status.SERVFAIL, ()),
    ],
)
def test_what_the_zones_say(world, name, rdtype, status, records):
    answer = world.net.lookup(name, rdtype)
    assert (answer.status, answer.records) == (status, records)


def test_an_alias_leads_across_zones_and_is_told(world):
    assert world.net.lookup("www.example.com", "A").chain == ("mx.kaisha.example",)
    response = asked(world, "dead.example.com", "A")
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert [r.rdtype for r in response.answer] == [dns.rdatatype.CNAME]


def test_the_authority_answers_for_all_zones_with_aa(world):
    response = world.authority.resolve(dns.message.make_query("www.example.com", "A"))
    assert response.flags & dns.flags.AA and not response.flags & dns.flags.RA
    assert [r.rdtype for r in response.answer] == [dns.rdatatype.CNAME, dns.rdatatype.A]


def test_a_negative_answer_brings_the_soa_of_its_zone_with_the_negative_ttl(world):
    for name, zone in (("nosuch.kaisha.example", "kaisha.example."), ("nosuch.test", ".")):
        (soa,) = asked(world, name, "A").authority
        assert (str(soa.name), soa.rdtype, soa.ttl) == (zone, dns.rdatatype.SOA, 60)


def test_each_zone_is_delegated_without_being_told(world):
    assert world.net.lookup("kaisha.example", "NS").records == ("ns.example.",)
    assert world.net.lookup("kaisha.example", "SOA").status is Status.NOERROR
    assert world.authority.zones == (".", "com", "example.com", "example", "kaisha.example")


def test_a_ds_comes_from_the_parent_and_only_for_signed_children():
    with dns_world(RECORDS, zones=ZONES, unsigned=["kaisha.example"]) as net:
        assert net.lookup("example.com", "DS").records
        assert net.lookup("kaisha.example", "DS").status is Status.NODATA
        assert not net.lookup("kaisha.example", "DNSKEY")
        assert net.lookup("example", "DS").records


# Changing them


def test_publish_replaces_withdraw_removes_reset_restores(world):
    world.authority.publish("kaisha.example", "txt", "v=spf1 -all", "second")
    world.authority.publish("new.kaisha.example.", "A", "192.0.2.99", ttl=60)
    world.authority.withdraw("mx.kaisha.example", "A")
    world.authority.withdraw("mx.kaisha.example", "A")
    assert sorted(world.net.lookup("kaisha.example", "TXT").records) == ['"second"', '"v=spf1 -all"']
    answer = world.net.lookup("new.kaisha.example", "A")
    assert (answer.records, answer.ttl) == (("192.0.2.99",), 60)
    assert world.net.lookup("mx.kaisha.example", "A").status is Status.NODATA
    world.authority.reset()
    world.resolver.flush()
    assert world.net.lookup("kaisha.example", "TXT").records == ('"v=spf1 mx -all"',)
    assert world.net.lookup("new.kaisha.example", "A").status is Status.NXDOMAIN
    assert world.net.lookup("mx.kaisha.example", "A").records == ("192.0.2.25",)


def test_a_long_text_is_split_into_strings(world):
    text = 'v=DKIM1; p="' + "é" * 400 + "\\"
    world.authority.publish("long.kaisha.example", "TXT", text, '"one" "two"', "")
    answer = world.net.lookup("long.kaisha.example", "TXT")
    assert sorted(answer.texts) == sorted([text.encode(), b"onetwo", b""])
    assert max(len(piece) for record in answer.rdata for piece in record.strings) == 255


def test_names_in_values_are_absolute_with_or_without_their_dot(world):
    world.authority.publish("kaisha.example", "MX", "5 mx2.kaisha.example", "0 .")
    assert sorted(world.net.lookup("kaisha.example", "MX").records) == ["0 .", "5 mx2.kaisha.example."]


def test_a_name_published_below_nothing_makes_the_names_between_exist(world):
    world.authority.publish("x.y.z.kaisha.example", "A", "192.0.2.9")
    assert world.net.lookup("y.z.kaisha.example", "A").status is Status.NODATA
    world.authority.withdraw("x.y.z.kaisha.example", "A")
    world.resolver.flush()
    assert world.net.lookup("y.z.kaisha.example", "A").status is Status.NXDOMAIN


@pytest.mark.parametrize(
    ("name", "rdtype", "values", "complaint"),
    [
        ("kaisha.test", "A", ["192.0.2.1"], "there are .*kaisha.example"),
        ("kaisha.example", "A", ["192.0.2.256"], "not the text of a A record"),
        ("kaisha.example", "MX", ["mx.kaisha.example"], "MX record"),
        ("kaisha.example", "TXT", ['"unfinished'], "TXT record"),
        ("kaisha.example", "A", [], "at least one value"),
        ("kaisha.example", "ANY", ["x"], "cannot be published"),
        ("kaisha.example", "RRSIG", ["x"], "cannot be published"),
        ("kaisha.example", "NOSUCH", ["x"], "not a DNS record type"),
        ("ka..isha", "A", ["192.0.2.1"], "not a domain name"),
        ("kaisha.example", "CNAME", ["mx.kaisha.example"], "stands alone"),
        ("www.example.com", "A", ["192.0.2.1"], "stands alone"),
        ("new.kaisha.example", "CNAME", ["a.example", "b.example"], "one CNAME"),
    ],
)
def test_what_cannot_be_published(world, name, rdtype, values, complaint):
    with pytest.raises(ValueError, match=complaint):
        world.authority.publish(name, rdtype, *values)


def test_other_bad_arguments(world):
    with pytest.raises(TypeError, match="presentation text"):
        world.authority.publish("kaisha.example", "A", 25)
    with pytest.raises(ValueError, match="ttl is"):
        world.authority.publish("kaisha.example", "A", "192.0.2.1", ttl=-1)
    with pytest.raises(ValueError, match="cannot be without"):
        world.authority.withdraw("kaisha.example", "SOA")
    with pytest.raises(ValueError, match="a fault is one of"):
        world.resolver.fault("kaisha.example", "plague")


def test_ttl_of_is_what_a_cache_may_still_hold(world):
    assert world.authority.ttl_of("kaisha.example", "TXT") == 300
    assert world.authority.ttl_of("nosuch.kaisha.example", "TXT") == 60
    assert world.authority.ttl_of("www.example.com", "A") == 300
    world.authority.publish("kaisha.example", "TXT", "v=spf1 -all", ttl=20)
    assert world.authority.ttl_of("kaisha.example", "TXT") == 20


# Loading


def test_a_folder_that_holds_no_world_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"root\.zone"):
        Authority(tmp_path)
    write_zones(tmp_path, RECORDS)
    (tmp_path / "x.zone").write_text("@ A 192.0.2.1\n")
    with pytest.raises(ValueError, match=r"x\.zone has no \$ORIGIN"):
        Authority(tmp_path)
    (tmp_path / "x.zone").write_text("$ORIGIN x.example.\n@ A 192.0.2.1\n")
    with pytest.raises(ValueError, match=r"x\.zone"):
        Authority(tmp_path).check()


def test_every_zone_of_the_practice_internet_parses():
    authority = Authority(DATA / "lab" / "zones")
    authority.check()
    tops = {"arpa", "com", "example", "in-addr.arpa", "ip6.arpa", "jp", "net", "org"}
    assert tops < set(authority.zones)


def test_nothing_for_dnssec_is_imported_until_somebody_asks_for_it(tmp_path):
    write_zones(tmp_path, RECORDS, ZONES)
    script = """
import sys, datetime, pathlib, dns.message
from mailkit.lab.dns.authority import Authority
from mailkit.lab.dns.resolver import CachingResolver
resolver = CachingResolver(Authority(pathlib.Path(sys.argv[1])), lambda: datetime.datetime(2026, 1, 1))
ask = lambda **options: resolver.answer(dns.message.make_query("kaisha.example", "MX", **options)).answer
assert len(ask()) == 1
print("dns.dnssec" in sys.modules)
assert len(ask(want_dnssec=True)) == 2
print("dns.dnssec" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


# The cache


def test_a_ttl_counts_down_and_then_the_new_is_seen(world):
    assert world.net.lookup("kaisha.example", "TXT").ttl == 300
    world.authority.publish("kaisha.example", "TXT", "new", ttl=100)
    world.clock.advance(299)
    answer = world.net.lookup("kaisha.example", "TXT")
    assert (answer.records, answer.ttl) == (('"v=spf1 mx -all"',), 1)
    world.clock.advance(1)
    answer = world.net.lookup("kaisha.example", "TXT")
    assert (answer.records, answer.ttl) == (('"new"',), 100)


def test_that_there_was_nothing_is_remembered_for_every_type(world):
    assert world.net.lookup("new.kaisha.example", "A").status is Status.NXDOMAIN
    assert world.net.lookup("kaisha.example", "A").status is Status.NODATA
    world.authority.publish("new.kaisha.example", "TXT", "here now")
    world.authority.publish("kaisha.example", "A", "192.0.2.80")
    world.clock.advance(59)
    assert world.net.lookup("new.kaisha.example", "TXT").status is Status.NXDOMAIN
    assert world.net.lookup("kaisha.example", "A").status is Status.NODATA
    assert world.net.lookup("kaisha.example", "A").ttl == 1
    world.clock.advance(1)
    assert world.net.lookup("new.kaisha.example", "TXT").records == ('"here now"',)
    assert world.net.lookup("kaisha.example", "A").records == ("192.0.2.80",)


def test_flush_forgets_and_a_ttl_of_zero_is_never_kept(world):
    world.net.lookup("kaisha.example", "TXT")
    world.authority.publish("kaisha.example", "TXT", "second", ttl=0)
    world.resolver.flush()
    assert world.net.lookup("kaisha.example", "TXT").records == ('"second"',)
    world.authority.publish("kaisha.example", "TXT", "third")
    assert world.net.lookup("kaisha.example", "TXT").records == ('"third"',)


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.authority.publish("kaisha.example", "TXT", "new"),
        lambda world: world.authority.withdraw("kaisha.example", "TXT"),
        lambda world: world.authority.reset(),
        lambda world: world.resolver.fault("kaisha.example", "servfail"),
        lambda world: world.resolver.fault("kaisha.example", "lie", subtree=True),
        lambda world: world.resolver.heal("kaisha.example"),
        lambda world: world.resolver.flush(),
        lambda world: world.resolver.reset(),
        lambda world: world.resolver.close(),
        lambda world: world.clock.advance(1),
    ],
    ids=["publish", "withdraw", "reset zones", "fault", "fault below", "heal", "flush", "reset", "close", "advance"],
)
def test_whatever_can_change_an_answer_makes_a_new_edition(world, change):
    before = world.resolver.edition
    asked(world, "kaisha.example", "TXT")
    asked(world, "kaisha.example", "MX", want_dnssec=True)
    assert world.resolver.edition == before
    change(world)
    assert world.resolver.edition != before


def test_an_alias_and_its_target_share_one_cache(world):
    world.net.lookup("mx.kaisha.example", "A")
    world.authority.publish("mx.kaisha.example", "A", "192.0.2.26")
    assert world.net.lookup("www.example.com", "A").records == ("192.0.2.25",)


def test_one_who_asks_for_signatures_and_one_who_does_not_share_a_cache(world):
    signed = asked(world, "kaisha.example", "TXT", want_dnssec=True)
    assert {r.rdtype for r in signed.answer} == {dns.rdatatype.TXT, dns.rdatatype.RRSIG}
    world.authority.publish("kaisha.example", "TXT", "new")
    plain = asked(world, "kaisha.example", "TXT")
    assert [r.to_text() for r in plain.answer] == ['kaisha.example. 300 IN TXT "v=spf1 mx -all"']
    assert not plain.authority


def test_the_cache_is_bounded(world, monkeypatch):
    monkeypatch.setattr(resolver, "_MAX_ENTRIES", 40)
    for i in range(200):
        world.resolver.answer(dns.message.make_query(f"n{i}.kaisha.example", "A"))
        assert len(world.resolver._cache) <= 40
    world.clock.advance(61)
    assert world.net.lookup("kaisha.example", "MX").records
    assert len(world.resolver._cache) == 1  # what had expired made room


# Faults


def test_servfail_silence_and_healing(world):
    world.resolver.fault("kaisha.example", "servfail")
    assert world.net.lookup("kaisha.example", "TXT").status is Status.SERVFAIL
    assert world.net.lookup("mx.kaisha.example", "A").status is Status.NOERROR
    world.resolver.fault("kaisha.example", "silence")
    assert world.net.lookup("kaisha.example", "TXT", timeout=0.3).status is Status.TIMEOUT
    world.resolver.heal("kaisha.example.")
    world.resolver.heal("kaisha.example.")
    assert world.net.lookup("kaisha.example", "TXT").status is Status.NOERROR


def test_a_fault_may_hold_for_a_whole_subtree_and_reaches_through_aliases(world):
    world.resolver.fault("kaisha.example", "silence", subtree=True)
    assert world.net.lookup("mx.kaisha.example", "A", timeout=0.3).status is Status.TIMEOUT
    assert world.net.lookup("www.example.com", "A").status is Status.SERVFAIL
    assert world.net.lookup("example.com", "SOA").status is Status.NOERROR
    world.resolver.reset()
    assert world.net.lookup("www.example.com", "A").status is Status.NOERROR


def test_truncate_leaves_only_tcp(world):
    world.resolver.fault("kaisha.example", "truncate")
    response = asked(world, "kaisha.example", "TXT")
    assert response.flags & dns.flags.TC and not response.answer
    assert asked(world, "kaisha.example", "TXT", tcp=True).answer
    assert world.net.lookup("kaisha.example", "TXT").records == ('"v=spf1 mx -all"',)


@pytest.mark.parametrize(("rdtype", "made_up"), [("A", "203.0.113.253"), ("TXT", '"v=spf1 +all"'), ("MX", "liar")])
def test_a_lie_looks_like_an_answer_even_for_what_does_not_exist(world, rdtype, made_up):
    world.resolver.fault("nosuch.kaisha.example", "lie")
    (record,) = world.net.lookup("nosuch.kaisha.example", rdtype).records
    assert made_up in record


def test_a_lie_for_any_other_type_is_an_alias(world):
    world.resolver.fault("kaisha.example", "lie")
    assert world.net.lookup("kaisha.example", "HINFO").chain == ("liar.example",)
    assert world.net.lookup("kaisha.example", "CNAME").records == ("liar.example.",)


@pytest.mark.parametrize("name", ["kaisha.example", "."])
def test_loop_sends_the_client_in_a_circle(world, name):
    world.resolver.fault(name, "loop")
    response = asked(world, name, "A")
    assert response.rcode() == dns.rcode.NOERROR and len(response.answer) == 2
    answer = world.net.lookup(name, "A")
    assert (answer.status, "circle" in answer.reason) == (Status.SERVFAIL, True)


# The wire


def test_a_big_answer_is_truncated_to_what_the_client_takes(world):
    for options, truncated in (({}, True), ({"use_edns": 0, "payload": 1232}, False), ({"payload": 600}, True)):
        response = asked(world, "big.example.com", "TXT", **options)
        assert bool(response.flags & dns.flags.TC) is truncated
    response = asked(world, "huge.example.com", "TXT", use_edns=0, payload=4096)
    assert response.flags & dns.flags.TC  # whatever the client would take, 1,232 octets are enough over UDP
    assert len(asked(world, "huge.example.com", "TXT", tcp=True).answer) == 1
    assert world.net.lookup("huge.example.com", "TXT").texts == (b"y" * 3000,)


def test_questions_that_are_turned_down(world):
    def code(query: dns.message.Message) -> int:
        return dns.query.udp(query, "127.0.0.1", 5, world.port).rcode()

    assert code(dns.message.make_query("kaisha.example", "TXT", "CH")) == dns.rcode.REFUSED
    assert code(dns.message.make_query("kaisha.example", "AXFR")) == dns.rcode.REFUSED
    assert code(dns.message.make_query("kaisha.example", "A", use_edns=1)) == dns.rcode.BADVERS
    (minimal,) = asked(world, "kaisha.example", "ANY").answer  # RFC 8482
    assert minimal.to_text() == 'kaisha.example. 3600 IN HINFO "RFC8482" ""'


def exchanged(port: int, wire: bytes, timeout: float = 5) -> bytes | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.sendto(wire, ("127.0.0.1", port))
        try:
            return sock.recv(65535)
        except TimeoutError:
            return None


def test_mangled_headers_are_answered_with_an_error_or_not_at_all(world):
    good = dns.message.make_query("kaisha.example", "A", id=0x1234).to_wire()
    header = struct.Struct("!HHHHHH")

    def with_header(flags: int, questions: int) -> bytes:
        return header.pack(0x1234, flags, questions, 0, 0, 0) + good[12:]

    notify = exchanged(world.port, with_header(4 << 11, 1))
    assert header.unpack(notify) == (0x1234, 0x8000 | 4 << 11 | dns.rcode.NOTIMP, 0, 0, 0, 0)
    for wire in (with_header(0x0100, 0), with_header(0x0100, 2), with_header(0x0100, 1)[:-3], good + b"junk"):
        assert header.unpack(exchanged(world.port, wire)) == (0x1234, 0x8100 | dns.rcode.FORMERR, 0, 0, 0, 0)
    assert exchanged(world.port, with_header(0x8000, 1), timeout=0.2) is None  # a response is no question
    assert exchanged(world.port, b"short", timeout=0.2) is None


def test_several_questions_over_one_connection_and_a_bounded_number_of_connections(world, monkeypatch):
    monkeypatch.setattr(dns_server, "_MAX_CONNECTIONS", 2)
    queries = [dns.message.make_query(name, "A") for name in ("mx.kaisha.example", "nosuch.example", "example.com")]
    with socket.create_connection(("127.0.0.1", world.port), 5) as one:
        for query in queries:
            dns.query.send_tcp(one, query)
        codes = [dns.query.receive_tcp(one, one_rr_per_rrset=False)[0].rcode() for _ in queries]
        assert codes == [dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.NOERROR]
        with socket.create_connection(("127.0.0.1", world.port), 5) as two:
            dns.query.send_tcp(two, queries[0])
            assert dns.query.receive_tcp(two)[0].answer
            with socket.create_connection(("127.0.0.1", world.port), 5) as three:
                assert three.recv(1) == b""
    assert world.net.lookup("kaisha.example", "MX")


def test_a_connection_without_a_question_is_ended(world, monkeypatch):
    monkeypatch.setattr(dns_server, "_IDLE", 0.1)
    with socket.create_connection(("127.0.0.1", world.port), 5) as idle:
        idle.sendall(b"\x00")
        with suppress(ConnectionResetError):  # the other way to end it
            assert idle.recv(1) == b""


def test_closing_ends_what_is_open():
    with dns_parts(RECORDS) as parts:
        held = socket.create_connection(("127.0.0.1", parts.port), 5)
        dns.query.send_tcp(held, dns.message.make_query("kaisha.example", "MX"))
        assert dns.query.receive_tcp(held)[0].answer
    with held, suppress(ConnectionResetError):
        assert held.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", parts.port), 5)


def test_an_error_in_the_answerer_is_a_servfail_and_not_the_end(caplog):
    calls = []

    def broken(query, transport):
        calls.append(transport)
        raise RuntimeError("a bug")

    query = dns.message.make_query("kaisha.example", "A")
    with serving(broken) as port:
        assert dns.query.udp(query, "127.0.0.1", 5, port).rcode() == dns.rcode.SERVFAIL
        assert dns.query.tcp(query, "127.0.0.1", 5, port).rcode() == dns.rcode.SERVFAIL
    assert calls == ["udp", "tcp"] and "a bug" in caplog.text


@pytest.fixture(scope="module")
def steady() -> Iterator[World]:
    with dns_parts(RECORDS, zones=ZONES) as parts:
        yield parts


GOOD = dns.message.make_query("kaisha.example", "MX", want_dnssec=True).to_wire()
MANGLED = st.builds(
    lambda at, byte, cut: (GOOD[:at] + bytes([byte]) + GOOD[at + 1 :])[:cut],
    st.integers(2, len(GOOD) - 1),
    st.integers(0, 255),
    st.integers(12, len(GOOD)),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wire=st.binary(max_size=600) | MANGLED)
def test_no_octets_stop_the_server(steady, caplog, wire):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.sendto(wire, ("127.0.0.1", steady.port))
        tcp.connect(("127.0.0.1", steady.port))
        tcp.sendall(len(wire).to_bytes(2, "big") + wire)
        tcp.sendall(wire)
    response = asked(steady, "mx.kaisha.example", "A")
    assert response.rcode() == dns.rcode.NOERROR
    assert not caplog.records


# What other people's tools make of it


@pytest.fixture
def dig(peer) -> Callable[..., str]:
    tool = peer("dig", "bind9-dnsutils")

    def run(world: World, *words: str) -> str:
        command = [tool, "@127.0.0.1", "-p", str(world.port), "+time=5", "+tries=1", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return run


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_over_udp_and_tcp(world, dig, transport):
    assert dig(world, transport, "+short", "kaisha.example", "MX") == "10 mx.kaisha.example.\n"
    said = dig(world, transport, "nosuch.kaisha.example", "MX")
    assert "status: NXDOMAIN" in said and "qr rd ra ad;" in said and "Warning" not in said
    assert "status: SERVFAIL" in dig(world, transport, "one.example.com")


def test_dig_follows_truncation_and_sees_signatures(world, dig):
    assert "y" * 200 in dig(world, "huge.example.com", "TXT")
    said = dig(world, "+dnssec", "nosuch.kaisha.example", "MX")
    assert "RRSIG\tNSEC" in said and " ad;" in said


def test_dig_sees_no_ad_for_an_unsigned_zone(dig):
    with dns_parts(RECORDS, zones=ZONES, unsigned=["kaisha.example"]) as world:
        assert " ad;" not in dig(world, "+dnssec", "kaisha.example", "MX")
        assert " ad;" not in dig(world, "www.example.com", "A")  # a signed alias to an unsigned target
        assert " ad;" in dig(world, "+dnssec", "example.com", "SOA")


def test_what_is_in_the_cache_is_not_asked_for_again(tmp_path: Path):
    write_zones(tmp_path, RECORDS, ZONES)
    authority = Authority(tmp_path)
    asked_for = []
    step = authority.step
    authority.step = lambda *question: asked_for.append(question) or step(*question)
    caching = CachingResolver(authority, Clock())
    for _ in range(5):
        caching.answer(dns.message.make_query("www.example.com", "A"))
    assert len(asked_for) == 2
