"""DNSSEC validation: what is proven, what is not, what is forged, and what nobody can tell."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support_dns import Clock, World, dns_parts, serving, write_zones
from support_signed import signed

from mailkit.lab.dns.authority import KEYS, Authority
from mailkit.lab.dns.resolver import CachingResolver
from mailkit.lab.dns.zone_signing import write_keys, zone_key
from mailkit.network import Network, Status, dnssec

RECORDS = {
    "kaisha.example": {"MX": ["10 mx.kaisha.example."], "TXT": ["v=spf1 mx -all", "something else"]},
    "mx.kaisha.example": {"A": ["192.0.2.25"]},
    "_25._tcp.mx.kaisha.example": {"TLSA": [f"3 1 1 {'ab' * 32}"]},
    "*.wild.kaisha.example": {"A": ["192.0.2.7"]},
    "there.wild.kaisha.example": {"TXT": ["no wildcard here"]},
    "x.there.wild.kaisha.example": {"TXT": ["below it"]},
    "www.example.com": {"CNAME": ["mx.kaisha.example."]},
    "dead.example.com": {"CNAME": ["nosuch.kaisha.example."]},
    "out.example.com": {"CNAME": ["isp.example."]},
    "isp.example": {"MX": ["10 mx.isp.example."]},
}
ZONES = ("kaisha.example", "example.com", "isp.example")
CASES = [
    ("kaisha.example", "MX", Status.NOERROR, True),
    ("kaisha.example", "TXT", Status.NOERROR, True),
    ("_25._tcp.mx.kaisha.example", "TLSA", Status.NOERROR, True),
    ("www.example.com", "A", Status.NOERROR, True),
    ("foo.wild.kaisha.example", "A", Status.NOERROR, True),
    ("a.b.wild.kaisha.example", "A", Status.NOERROR, True),
    ("kaisha.example", "DNSKEY", Status.NOERROR, True),
    ("kaisha.example", "DS", Status.NOERROR, True),
    (".", "NS", Status.NOERROR, True),
    ("kaisha.example", "AAAA", Status.NODATA, True),
    ("_tcp.mx.kaisha.example", "TLSA", Status.NODATA, True),
    ("foo.wild.kaisha.example", "MX", Status.NODATA, True),
    ("isp.example", "DS", Status.NODATA, True),
    ("nosuch.kaisha.example", "A", Status.NXDOMAIN, True),
    ("nosuch.there.wild.kaisha.example", "A", Status.NXDOMAIN, True),
    ("nosuch.test", "A", Status.NXDOMAIN, True),
    ("dead.example.com", "A", Status.NXDOMAIN, True),
    ("isp.example", "MX", Status.NOERROR, False),
    ("isp.example", "A", Status.NODATA, False),
    ("nosuch.isp.example", "A", Status.NXDOMAIN, False),
    ("out.example.com", "MX", Status.NOERROR, False),
]


@pytest.fixture(scope="module")
def steady() -> Iterator[World]:
    with dns_parts(RECORDS, zones=ZONES, unsigned=["isp.example"]) as parts:
        yield parts


@pytest.fixture
def world() -> Iterator[World]:
    with dns_parts(RECORDS, zones=ZONES, unsigned=["isp.example"]) as parts:
        yield parts


def question(name: str, rdtype: str) -> dns.message.QueryMessage:
    return dns.message.make_query(name, rdtype, want_dnssec=True)


def response_to(world: World, name: str, rdtype: str) -> dns.message.Message:
    """A response free to be changed: no longer the one that the resolver keeps."""
    response = world.resolver.answer(question(name, rdtype))
    return dns.message.from_wire(response.to_wire())


def judged(world: World, response: dns.message.Message, net: Network | None = None) -> bool | None:
    """Judge *response* as the wire brings it, since a parsed message keeps an index of what it was parsed from."""
    query = dns.message.make_query(response.question[0].name, response.question[0].rdtype, want_dnssec=True)
    return (net or world.net).validate(query, dns.message.from_wire(response.to_wire())).trusted


# What is so


@pytest.mark.parametrize(("name", "rdtype", "status", "secure"), CASES)
def test_answers_and_proofs_of_absence(steady, name, rdtype, status, secure):
    answer = steady.net.lookup(name, rdtype, dnssec=True)
    assert (answer.status, answer.secure) == (status, secure)


def test_a_lookup_without_dnssec_is_not_judged(steady):
    assert steady.net.lookup("kaisha.example", "MX").secure is None


def test_a_zone_is_signed_anew_after_a_change(world):
    assert world.net.lookup("kaisha.example", "MX", dnssec=True).secure is True
    world.authority.publish("kaisha.example", "MX", "10 mx2.kaisha.example")
    world.authority.publish("new.kaisha.example", "A", "192.0.2.9")
    world.resolver.flush()
    answer = world.net.lookup("kaisha.example", "MX", dnssec=True)
    assert (answer.records, answer.secure) == (("10 mx2.kaisha.example.",), True)
    assert world.net.lookup("new.kaisha.example", "A", dnssec=True).secure is True
    assert world.net.lookup("new.kaisha.example", "MX", dnssec=True).secure is True


def test_a_wrong_ds_breaks_the_chain_and_withdrawing_it_mends_it(world):
    world.authority.publish("kaisha.example", "DS", f"12345 13 2 {'00' * 32}")
    assert world.net.lookup("kaisha.example", "MX", dnssec=True).secure is False
    assert world.net.lookup("example.com", "SOA", dnssec=True).secure is True
    ad = dns.flags.AD
    assert not world.resolver.answer(question("kaisha.example", "MX")).flags & ad
    world.authority.withdraw("kaisha.example", "DS")
    world.resolver.flush()
    assert world.net.lookup("kaisha.example", "MX", dnssec=True).secure is True
    assert world.resolver.answer(question("kaisha.example", "MX")).flags & ad


@pytest.mark.parametrize("year", [2019, 2050])
def test_signatures_outside_their_time_do_not_hold(steady, year):
    net = replace(steady.net, clock=lambda: datetime(year, 6, 1, tzinfo=UTC))
    assert net.lookup("kaisha.example", "MX", dnssec=True).secure is False


def test_a_lying_resolver_is_found_out(world):
    world.resolver.fault("kaisha.example", "lie")
    answer = world.net.lookup("kaisha.example", "TXT", dnssec=True)
    assert (answer.records, answer.secure) == (('"v=spf1 +all"',), False)
    believing = replace(world.net, trust_anchor=None)
    assert believing.lookup("kaisha.example", "TXT", dnssec=True).secure is True  # it claims to have validated


# Who has no trust anchor, or another


def test_without_a_trust_anchor_only_a_resolver_on_this_machine_is_believed(steady):
    net = replace(steady.net, trust_anchor=None)
    assert net.lookup("kaisha.example", "MX", dnssec=True).secure is True
    assert net.lookup("nosuch.kaisha.example", "MX", dnssec=True).secure is True
    assert net.lookup("isp.example", "MX", dnssec=True).secure is False
    response = response_to(steady, "kaisha.example", "MX")
    for servers in ((("192.0.2.53", 53),), (("127.0.0.1", 53), ("192.0.2.53", 53)), ()):
        assert judged(steady, response, replace(net, nameservers=servers)) is None


def test_with_somebody_elses_trust_anchor_nothing_holds(steady, tmp_path):
    write_keys(tmp_path)
    net = replace(steady.net, trust_anchor=str(tmp_path / "trust-anchor.key"))
    assert net.lookup("kaisha.example", "MX", dnssec=True).secure is False


def test_a_world_may_have_keys_of_its_own(tmp_path):
    write_keys(tmp_path / "keys")
    write_zones(tmp_path, RECORDS, ZONES)
    authority = Authority(tmp_path, keys_dir=tmp_path / "keys")
    clock = Clock()
    with serving(CachingResolver(authority, clock).answer) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), clock=clock)
        for anchor, secure in ((authority.trust_anchor, True), (KEYS / "trust-anchor.key", False)):
            net = replace(net, trust_anchor=str(anchor))
            assert net.lookup("kaisha.example", "MX", dnssec=True).secure is secure


def test_the_committed_keys_are_labelled_as_worthless():
    files = sorted(KEYS.glob("dnssec*.pem"))
    assert [file.name for file in files] == ["dnssec-root.pem", "dnssec.pem"]
    for file in (*files, KEYS / "trust-anchor.key"):
        assert "practice key, worthless by design" in file.read_text().splitlines()[0]


def test_each_zone_has_a_key_of_its_own_and_always_the_same():
    names = [dns.name.from_text(name) for name in (".", "example.", "kaisha.example.", "KAISHA.EXAMPLE.", "jp.")]
    keys = [zone_key(name, KEYS).private_numbers().private_value for name in names]
    zone_key.cache_clear()
    assert keys == [zone_key(name, KEYS).private_numbers().private_value for name in names]
    assert keys[2] == keys[3] and len(set(keys)) == 4


def root_key() -> dns.rrset.RRset:
    (key,) = dnssec.read_trust_anchor(str(KEYS / "trust-anchor.key")).values()
    return dns.rrset.from_rdata(".", 0, *key)


def anchor_texts() -> dict[str, str]:
    key = root_key()[0]
    ds = dns.dnssec.make_ds(".", key, "SHA256")
    number, algorithm, digest_type, digest = ds.to_text().split()
    flags, protocol, name, material = key.to_text(chunksize=0).split()
    assert name == "13"
    return {
        "records of unbound": f"; root\n.\t172800\tIN\tDNSKEY\t{key}\n",
        "a DS record": f". IN DS {ds}\n",
        "several DS records": f". IN DS 1 8 2 {'00' * 32}\n. IN DS {ds}\n",
        "static-ds": f'trust-anchors {{ . static-ds {number} {algorithm} {digest_type} "{digest}"; }};',
        "initial-key": f"/* BIND's\n own */ trust-anchors {{\n # a comment {{ }}\n // another\n"
        f'  "." initial-key {flags} {protocol} 13 "{material[:30]}\n      {material[30:]}";\n}};',
    }


@pytest.mark.parametrize("form", anchor_texts())
def test_trust_anchors_in_every_usual_form(steady, tmp_path, form):
    path = tmp_path / "anchor"
    path.write_text(anchor_texts()[form])
    net = replace(steady.net, trust_anchor=str(path))
    assert net.lookup("kaisha.example", "MX", dnssec=True).secure is True


def test_an_anchor_lower_down_covers_only_what_is_below_it(steady, tmp_path):
    key = steady.net.lookup("kaisha.example", "DNSKEY").rdata[0]
    path = tmp_path / "anchor"
    path.write_text(f"kaisha.example. IN DNSKEY {key}\n")
    net = replace(steady.net, trust_anchor=str(path))
    assert net.lookup("kaisha.example", "MX", dnssec=True).secure is True
    assert net.lookup("example.com", "SOA", dnssec=True).secure is None


def test_a_key_may_hold_two_slashes(tmp_path):
    path = tmp_path / "anchor"
    path.write_text('trust-anchors { . static-key 257 3 13 "AA//BBCC"; }; // "x"')
    ((key,),) = dnssec.read_trust_anchor(str(path)).values()
    assert key.to_text() == "257 3 13 AA//BBCC"


@pytest.mark.parametrize("text", ["", "nonsense", "trust-anchors { };", ". IN NS ns.example.", '. static-key 1 {"'])
def test_a_file_without_a_trust_anchor_is_a_bad_argument(steady, tmp_path, text):
    path = tmp_path / "anchor"
    path.write_text(text)
    with pytest.raises(ValueError, match="trust_anchor"):
        replace(steady.net, trust_anchor=str(path)).lookup("kaisha.example", "MX", dnssec=True)


# What nobody can tell


def test_a_chain_that_nobody_answers_for_is_unknown(world):
    response = response_to(world, "kaisha.example", "MX")
    net = replace(world.net, timeout=0.3)
    for kind in ("silence", "servfail"):
        world.resolver.fault("example", kind)  # the keys of the parent
        assert judged(world, response, net) is None


def test_failures_are_not_judged(world):
    world.resolver.fault("kaisha.example", "servfail")
    answer = world.net.lookup("kaisha.example", "MX", dnssec=True)
    assert (answer.status, answer.secure) == (Status.SERVFAIL, None)


def test_dname_and_any_are_not_followed(steady):
    response = response_to(steady, "kaisha.example", "MX")
    response.answer.append(dns.rrset.from_text("example.", 60, "IN", "DNAME", "test."))
    assert judged(steady, response) is None
    assert judged(steady, response_to(steady, "kaisha.example", "ANY")) is None


# What is forged


def forged_value(response: dns.message.Message) -> None:
    response.answer[0] = dns.rrset.from_text("kaisha.example.", 300, "IN", "MX", "10 mx.spoof.example.")


def added_value(response: dns.message.Message) -> None:
    response.answer[0].add(dns.rrset.from_text("a.", 300, "IN", "MX", "20 mx.spoof.example.")[0])


def no_signature(response: dns.message.Message) -> None:
    response.answer.pop()


def signature_of_another_name(response: dns.message.Message) -> None:
    name = dns.name.from_text("other.kaisha.example")
    response.question = [dns.rrset.RRset(name, dns.rdataclass.IN, dns.rdatatype.MX)]
    response.answer = [dns.rrset.from_rdata_list(name, 300, tuple(r)) for r in response.answer]


def signer_of_another_zone(response: dns.message.Message) -> None:
    signature = response.answer[1][0].replace(signer=dns.name.from_text("example.com"))
    response.answer[1] = dns.rrset.from_rdata(response.answer[1].name, 300, signature)


def answer_taken_away(response: dns.message.Message) -> None:
    response.answer.clear()


@pytest.mark.parametrize(
    "forge",
    [forged_value, added_value, no_signature, signature_of_another_name, signer_of_another_zone, answer_taken_away],
)
def test_a_changed_answer_is_not_secure(steady, forge):
    response = response_to(steady, "kaisha.example", "MX")
    assert judged(steady, response) is True
    forge(response)
    assert judged(steady, response) is False


def with_question(response: dns.message.Message, name: str, rdtype: str) -> dns.message.Message:
    response.question = question(name, rdtype).question
    return response


@pytest.mark.parametrize(
    ("proof_of", "name", "rdtype"),
    [
        (("nosuch.kaisha.example", "A"), "mx.kaisha.example", "A"),  # the name exists
        (("nosuch.kaisha.example", "A"), "zz.kaisha.example", "A"),  # in another gap
        (("nosuch.kaisha.example", "A"), "nosuch.wild.kaisha.example", "A"),  # a wildcard would stand in
        (("nosuch.kaisha.example", "A"), "_tcp.mx.kaisha.example", "A"),  # an empty non-terminal
        (("nosuch.example", "A"), "mx.kaisha.example", "A"),  # the parent knows nothing of it
        (("nosuch.kaisha.example", "A"), "nosuch.example.com", "A"),  # another zone
        (("kaisha.example", "AAAA"), "kaisha.example", "MX"),  # the type is there
        (("mx.kaisha.example", "AAAA"), "kaisha.example", "AAAA"),  # another name
        (("isp.example", "DS"), "isp.example", "MX"),  # the parent's side of the cut
        (("kaisha.example", "AAAA"), "kaisha.example", "DS"),  # the child's side of the cut
        (("www.example.com", "CNAME"), "www.example.com", "A"),  # an alias that goes nowhere
    ],
)
def test_a_proof_replayed_for_something_else_proves_nothing(steady, proof_of, name, rdtype):
    response = response_to(steady, *proof_of)
    assert judged(steady, response) is True
    assert judged(steady, with_question(response, name, rdtype)) is False


def test_a_wildcard_must_not_stand_in_for_a_name_that_exists(steady):
    """The record of foo.wild.… given out as that of a name below there.wild.…, where the wildcard does not reach."""
    real = response_to(steady, "foo.wild.kaisha.example", "A")
    for name in ("y.there.wild.kaisha.example", "there.wild.kaisha.example"):
        owner = dns.name.from_text(name)
        response = with_question(response_to(steady, "foo.wild.kaisha.example", "A"), name, "A")
        response.answer = [dns.rrset.from_rdata_list(owner, 300, tuple(r)) for r in real.answer]
        absent = response_to(steady, "y.there.wild.kaisha.example", "A")
        for proofs in (real.authority, absent.authority):
            response.authority = proofs
            assert judged(steady, response) is False


def test_a_zone_cannot_deny_names_outside_it(steady):
    """example.com signs an NSEC record whose gap reaches over all of kaisha.example."""
    response = response_to(steady, "mx.kaisha.example", "AAAA")
    text = ("example.com.", 60, "IN", "NSEC", "zzz.example. A NS SOA RRSIG NSEC")
    response.authority = signed(dns.rrset.from_text(*text), "example.com")
    assert judged(steady, response) is False


# What is hostile


def counted(answer: Callable[..., dns.message.Message | None]) -> tuple[Callable[..., object], list[str]]:
    names: list[str] = []

    def counting(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        names.append(f"{query.question[0].name} {dns.rdatatype.to_text(query.question[0].rdtype)}")
        return answer(query, transport)

    return counting, names


def test_the_chain_is_asked_for_once(steady):
    answer, names = counted(steady.resolver.answer)
    with serving(answer) as port:
        net = replace(steady.net, nameservers=(("127.0.0.1", port),))
        assert net.lookup("nosuch.kaisha.example", "A", dnssec=True).secure is True
    assert sorted(names[1:]) == sorted(
        [". DNSKEY", "example. DS", "example. DNSKEY", "kaisha.example. DS", "kaisha.example. DNSKEY"]
    )


def test_a_chain_without_end_costs_a_bounded_number_of_questions(steady):
    """Every DS is signed by a zone one label up, of which there are a hundred, and each claims several parents."""

    def endless(query: dns.message.Message, transport: str) -> dns.message.Message:
        response = dns.message.make_response(query)
        name, rdtype = query.question[0].name, query.question[0].rdtype
        if rdtype == dns.rdatatype.DS:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "DS", f"1 13 2 {'00' * 32}"))
            parents = [dns.name.Name(name.labels[cut:]) for cut in range(1, min(6, len(name.labels) - 1))]
            text = [f"DS 13 1 60 20491231000000 20200101000000 1 {parent} AAAA" for parent in parents]
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "RRSIG", *text))
        return response

    response = response_to(steady, "kaisha.example", "MX")
    deep = dns.name.from_text(".".join(["a"] * 100) + ".kaisha.example")
    signature = response.answer[1][0].replace(signer=deep)
    response.question = [dns.rrset.RRset(deep, dns.rdataclass.IN, dns.rdatatype.MX)]
    response.answer = [
        dns.rrset.from_rdata(deep, 60, response.answer[0][0]),
        dns.rrset.from_rdata(deep, 60, signature),
    ]
    answer, names = counted(endless)
    with serving(answer) as port:
        assert judged(steady, response, replace(steady.net, nameservers=(("127.0.0.1", port),))) in (None, False)
    assert 0 < len(names) <= 2 * 40  # each perhaps over UDP and again over TCP


def test_too_many_keys_are_not_tried(steady):
    def crowded(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        response = steady.resolver.answer(query, transport)
        if query.question[0].rdtype == dns.rdatatype.DNSKEY and len(query.question[0].name.labels) == 3:
            keys = [f"256 3 13 {'A' * 84}{chr(65 + i)}AA=" for i in range(20)]
            response.answer[0] = dns.rrset.from_text(response.answer[0].name, 60, "IN", "DNSKEY", *keys)
        return response

    with serving(crowded) as port:
        net = replace(steady.net, nameservers=(("127.0.0.1", port),))
        assert net.lookup("kaisha.example", "MX", dnssec=True).secure is False


@pytest.mark.parametrize("algorithm", [5, 8, 10, 13, 14, 15, 16, 200])
def test_a_mangled_key_is_no_reason_to_fail(steady, algorithm):
    """A zone whose DS fits its only key, which is empty."""
    zone = dns.name.from_text("kaisha.example")
    key = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.DNSKEY, bytes([1, 1, 3, algorithm]), 0, 4)
    ds = dns.dnssec.make_ds(zone, key, "SHA256")
    steps: list[str] = []

    def mangled(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        response = steady.resolver.answer(query, transport)
        asked = (query.question[0].name, query.question[0].rdtype)
        if asked == (zone, dns.rdatatype.DS):
            response.answer = signed(dns.rrset.from_rdata(zone, 60, ds), "example")
        elif asked == (zone, dns.rdatatype.DNSKEY):
            steps.append("key")
            tag = dns.dnssec.key_id(key)
            text = f"DNSKEY {algorithm} 2 60 20491231000000 20200101000000 {tag} kaisha.example. AAAA"
            response.answer = [
                dns.rrset.from_rdata(zone, 60, key),
                dns.rrset.from_text(zone, 60, "IN", "RRSIG", text),
            ]
        return response

    with serving(mangled) as port:
        net = replace(steady.net, nameservers=(("127.0.0.1", port),))
        assert net.lookup("kaisha.example", "MX", dnssec=True).secure is False
    assert steps == ["key"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_octet_is_believed_or_raises(steady, data):
    name, rdtype = data.draw(st.sampled_from([("kaisha.example", "MX"), ("foo.wild.kaisha.example", "A")]))
    real = response_to(steady, name, rdtype)
    wire = bytearray(real.to_wire())
    for _ in range(data.draw(st.integers(1, 3))):
        wire[data.draw(st.integers(12, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        response = dns.message.from_wire(bytes(wire))
        query = question(name, rdtype)
        verdict = steady.net.validate(query, response).trusted
    except dns.exception.DNSException:
        return  # what cannot be read is a failed lookup long before it is judged
    if verdict:
        wanted = (query.question[0].name, dns.rdataclass.IN, query.question[0].rdtype)
        assert set(response.get_rrset(response.answer, *wanted)) == set(real.get_rrset(real.answer, *wanted))


# What BIND's validator makes of the same zones


@pytest.mark.parametrize(("name", "rdtype", "status", "secure"), CASES)
def test_delv_agrees(steady, peer, name, rdtype, status, secure):
    tool = peer("delv", "bind9-dnsutils")
    anchor = str(steady.authority.trust_anchor)
    command = [tool, "-a", anchor, "+root=.", "@127.0.0.1", "-p", str(steady.port), name, rdtype]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert ("unsigned" in said) is not secure, said  # one unsigned part is enough
    assert "fully validated" in said or not secure, said
    assert ("ncache" in said) is (status is not Status.NOERROR), said


def test_delv_refuses_what_is_bogus(world, peer):
    tool = peer("delv", "bind9-dnsutils")
    world.authority.publish("kaisha.example", "DS", f"12345 13 2 {'00' * 32}")
    anchor = str(world.authority.trust_anchor)
    command = [tool, "-a", anchor, "+root=.", "@127.0.0.1", "-p", str(world.port), "kaisha.example", "MX"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "fully validated" not in done.stdout
    assert "resolution failed" in done.stdout + done.stderr
