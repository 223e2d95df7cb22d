"""Name servers that flood, cut off, mangle, stop half-way or know no EDNS: what a lookup makes of each, and in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from support_dns import raw_dns
from support_servers import closed_port, wait_for_end

from mailkit import spf
from mailkit.network import Answer, Network, Status

SERVER = "127.0.0.1"
PATIENT = 30.0  # for lookups that end by what is answered, however busy the machine is
SHORT = 1.0  # for those that end by their deadline


def network(*ports: int, timeout: float = PATIENT) -> Network:
    return Network("internet", "here", tuple((SERVER, port) for port in ports), timeout=timeout)


def answered(question: bytes, *records: str, rcode: int = 0, flags: int = 0, authority: Sequence[str] = ()) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(question))
    response.flags |= dns.flags.RA | flags
    response.set_rcode(dns.rcode.Rcode(rcode))
    for section, lines in ((response.answer, records), (response.authority, authority)):
        for line in lines:
            name, ttl, kind, rdtype, value = line.split(" ", 4)
            section.append(dns.rrset.from_text(name, int(ttl), kind, rdtype, value))
    return response.to_wire()


def asked(question: bytes) -> str:
    return dns.message.from_wire(question).question[0].name.to_text(omit_final_dot=True)


def looked_up(
    answer: Callable[[bytes], Sequence[bytes]],
    stream: Callable[[socket.socket], None] | None = None,
    *,
    timeout: float = PATIENT,
    rdtype: str = "TXT",
) -> Answer:
    with raw_dns(answer, stream) as port:
        return network(port, timeout=timeout).lookup("a.example", rdtype)


# Bounded in time


def test_a_flood_of_strangers_answers_does_not_hold_a_lookup() -> None:
    over = threading.Event()
    floods: list[threading.Thread] = []

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((SERVER, 0))

        def flood() -> None:
            question, client = server.recvfrom(65535)
            wrong = bytes([question[0] ^ 0xFF]) + answered(question, 'a.example. 60 IN TXT "x"')[1:]
            while not over.is_set():
                server.sendto(wrong, client)

        floods.append(threading.Thread(target=flood, daemon=True))
        floods[0].start()
        found = network(server.getsockname()[1], timeout=SHORT).lookup("a.example", "TXT")
        over.set()  # the flood went on until now: a lookup that waits anew for each datagram would not have come back
        floods[0].join(10)
    assert found.status is Status.TIMEOUT


def test_a_true_answer_behind_a_hundred_false_ones_is_found() -> None:
    def answer(question: bytes) -> Sequence[bytes]:
        true = answered(question, 'a.example. 60 IN TXT "true"')
        false = bytes([question[0] ^ 1]) + answered(question, 'a.example. 60 IN TXT "false"')[1:]
        return [*[false] * 100, true]

    assert looked_up(answer).texts == (b"true",)


def test_another_question_answered_first_does_not_hide_the_answer() -> None:
    def answer(question: bytes) -> Sequence[bytes]:
        other = dns.message.make_query("b.example", "TXT", id=dns.message.from_wire(question).id).to_wire()
        return [answered(other, 'b.example. 60 IN TXT "other"'), answered(question, 'a.example. 60 IN TXT "true"')]

    assert looked_up(answer).texts == (b"true",)


def test_a_closed_port_is_noticed_at_once_and_the_next_server_asked() -> None:
    with raw_dns(lambda question: [answered(question, 'a.example. 60 IN TXT "x"')]) as port:
        begun = time.monotonic()
        assert network(closed_port(), port).lookup("a.example", "TXT")
        assert time.monotonic() - begun < PATIENT / 3
    assert network(closed_port()).lookup("a.example", "TXT").status is Status.TIMEOUT


# What an answer is worth


def mangled(question: bytes) -> Sequence[bytes]:
    return [answered(question, 'a.example. 60 IN TXT "x"')[:-3]]


def no_name(question: bytes) -> Sequence[bytes]:
    return [question[:2] + b"\x81\x80" + question[4:12] + b"\xff" * 40]


def wrong_question(question: bytes) -> Sequence[bytes]:
    other = dns.message.make_query("b.example", "TXT", id=dns.message.from_wire(question).id).to_wire()
    return [answered(other, 'b.example. 60 IN TXT "x"')]


def referral(question: bytes) -> Sequence[bytes]:
    return [answered(question, authority=["example. 60 IN NS ns.example."])]


def too_long(question: bytes) -> Sequence[bytes]:
    return [answered(question, flags=dns.flags.TC)]


def over_tcp(text: str) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        length = int.from_bytes(connection.recv(2), "big")
        response = answered(connection.recv(length), f'a.example. 60 IN TXT "{text}"')
        connection.sendall(len(response).to_bytes(2, "big") + response)

    return serve


def garbage(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"\x00\x20" + b"\xff" * 32)


@pytest.mark.parametrize(
    ("answer", "stream", "timeout", "sentence"),
    [
        pytest.param(mangled, None, PATIENT, "malformed: it cannot be read", id="three octets short"),
        pytest.param(no_name, None, PATIENT, "malformed: it cannot be read", id="a label that cannot be"),
        pytest.param(wrong_question, None, SHORT, "another question than was asked", id="another's answer"),
        pytest.param(referral, None, PATIENT, "only refers to others", id="a referral"),
        pytest.param(too_long, None, PATIENT, "does not fit into UDP, and it refuses TCP", id="cut off, TCP refused"),
        pytest.param(too_long, garbage, PATIENT, "none over TCP that can be read", id="cut off, garbage over TCP"),
        pytest.param(too_long, wait_for_end, SHORT, "did not answer over TCP in time", id="cut off, silence over TCP"),
    ],
)
def test_an_answer_that_cannot_be_used_is_not_called_silence(
    answer: Callable[[bytes], Sequence[bytes]],
    stream: Callable[[socket.socket], None] | None,
    timeout: float,
    sentence: str,
) -> None:
    found = looked_up(answer, stream, timeout=timeout)
    assert found.status is Status.SERVFAIL
    assert sentence in found.reason
    assert "no name server answered" not in found.reason


def test_a_long_answer_comes_over_tcp() -> None:
    assert looked_up(too_long, over_tcp("long")).texts == (b"long",)


def test_spf_says_that_tcp_was_refused() -> None:
    with raw_dns(too_long) as port:
        checked = spf.check("192.0.2.1", "taro@a.example", "mx.a.example", net=network(port))
    assert checked.result == "temperror"
    assert "refuses TCP" in checked.reason


# Old servers, and those that stop half-way


@pytest.mark.parametrize("rcode", [dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS])
def test_a_server_that_knows_no_edns_is_asked_again_without(rcode: dns.rcode.Rcode) -> None:
    def old(question: bytes) -> Sequence[bytes]:
        if dns.message.from_wire(question).edns >= 0:
            return [answered(question, rcode=rcode)]
        return [answered(question, 'a.example. 60 IN TXT "v=spf1 -all"')]

    assert looked_up(old).texts == (b"v=spf1 -all",)


def test_a_server_that_answers_with_its_bare_header() -> None:
    def older(question: bytes) -> Sequence[bytes]:
        if dns.message.from_wire(question).edns >= 0:
            return [question[:2] + bytes([0x80, dns.rcode.FORMERR]) + bytes(8)]
        return [answered(question, 'a.example. 60 IN TXT "x"')]

    assert looked_up(older).texts == (b"x",)


def test_a_server_that_fails_either_way_is_asked_no_more_often() -> None:
    questions: list[int] = []

    def broken(question: bytes) -> Sequence[bytes]:
        questions.append(dns.message.from_wire(question).edns)
        return [answered(question, rcode=dns.rcode.FORMERR)]

    found = looked_up(broken)
    assert (found.status, found.reason) == (Status.SERVFAIL, "the name server answered FORMERR")
    assert questions == [0, -1]


SOA = "example. 60 IN SOA ns.example. hostmaster.example. 1 1800 900 604800 60"


def test_an_alias_answered_alone_is_followed_by_asking_again() -> None:
    def half(question: bytes) -> Sequence[bytes]:
        if asked(question) == "a.example":
            return [answered(question, "a.example. 60 IN CNAME b.example.")]
        if asked(question) == "b.example":
            return [answered(question, "b.example. 60 IN CNAME c.example.")]
        return [answered(question, 'c.example. 60 IN TXT "end"')]

    found = looked_up(half)
    assert (found.texts, found.chain, found.name) == ((b"end",), ("b.example", "c.example"), "a.example")


def test_an_alias_to_a_name_without_the_type_is_believed() -> None:
    questions: list[str] = []

    def whole(question: bytes) -> Sequence[bytes]:
        questions.append(asked(question))
        return [answered(question, "a.example. 60 IN CNAME b.example.", authority=[SOA])]

    found = looked_up(whole)
    assert (found.status, found.chain, questions) == (Status.NODATA, ("b.example",), ["a.example"])


def test_an_alias_answered_alone_whose_target_nobody_knows() -> None:
    def half(question: bytes) -> Sequence[bytes]:
        if asked(question) == "a.example":
            return [answered(question, "a.example. 60 IN CNAME b.example.")]
        return [answered(question, rcode=dns.rcode.REFUSED)]

    found = looked_up(half)
    assert (found.status, found.chain) == (Status.SERVFAIL, ("b.example",))
    assert "REFUSED" in found.reason


def test_aliases_that_never_end_by_asking_again() -> None:
    questions: list[str] = []

    def endless(question: bytes) -> Sequence[bytes]:
        questions.append(asked(question))
        return [answered(question, f"{asked(question)}. 60 IN CNAME n{len(questions)}.example.")]

    found = looked_up(endless)
    assert found.status is Status.SERVFAIL and "aliases" in found.reason
    assert len(questions) == 8


def test_an_alias_can_itself_be_asked_for() -> None:
    found = looked_up(lambda question: [answered(question, "a.example. 60 IN CNAME b.example.")], rdtype="CNAME")
    assert (found.records, found.chain) == (("b.example.",), ())


def test_a_name_in_u_labels_is_asked_for_in_a_labels() -> None:
    questions: list[str] = []

    def noted(question: bytes) -> Sequence[bytes]:
        questions.append(asked(question))
        return [answered(question, rcode=dns.rcode.NXDOMAIN)]

    with raw_dns(noted) as port:
        assert network(port).lookup("faß.example", "A").status is Status.NXDOMAIN
    assert questions == ["xn--fa-hia.example"]
