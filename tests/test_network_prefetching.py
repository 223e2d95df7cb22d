"""Questions of many jobs asked at the same time: quickly read answers are the answers, and nothing is lost or waits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from threading import Lock
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_dns import dns_world, raw_dns
from support_servers import patiently

from mailkit.network import Answer, Network, Status
from mailkit.network.dns_lookup import read
from mailkit.network.memory import Memory
from mailkit.network.plain_answers import plain_answer, plain_query, question_of
from mailkit.network.prefetching import Missing, run_all

# Reading quickly: the same as the one reader, or nothing at all.

VALUES = {
    "A": ["192.0.2.1", "192.0.2.2"],
    "AAAA": ["2001:db8::1"],
    "MX": ["10 mx.kaisha.example.", "0 .", "20 MX2.Kaisha.example."],
    "TXT": ['"v=spf1 -all"', '"a" "b"', '"quoted \\" and \\\\ and \\200"', '""', '"' + "x" * 255 + '" "y"'],
    "SPF": ['"v=spf1 -all"'],
}


def response(
    name: str, rdtype: str, values: Iterable[str] = (), ttl: int = 300, **changes: object
) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, use_edns=0)
    message = dns.message.make_response(query, recursion_available=True)
    if values:
        message.answer.append(dns.rrset.from_text(f"{name}.", ttl, "IN", rdtype, *values))
    if soa := changes.get("soa"):
        message.authority.append(
            dns.rrset.from_text(str(soa), int(str(changes.get("soa_ttl", 300))), "IN", "SOA", "ns. h. 1 2 3 4 60")
        )
    message.set_rcode(dns.rcode.from_text(str(changes.get("rcode", "NOERROR"))))
    return message


def slowly(message: dns.message.Message, name: str, rdtype: str) -> Answer:
    return read(name, rdtype, dns.message.from_wire(message.to_wire()))


def quickly(message: dns.message.Message | bytes, name: str, rdtype: str) -> Answer | None:
    question = question_of(name, rdtype)
    assert question is not None
    return plain_answer(name, rdtype, question, message if isinstance(message, bytes) else message.to_wire())


CASES = st.sampled_from(sorted(VALUES)).flatmap(
    lambda rdtype: st.tuples(st.just(rdtype), st.sets(st.sampled_from(VALUES[rdtype]), min_size=1))
)


@settings(deadline=None)
@given(CASES, st.integers(0, 2**31 - 1))
def test_a_plain_answer_is_read_as_the_one_reader_reads_it(case: tuple[str, set[str]], ttl: int) -> None:
    rdtype, values = case
    message = response("kaisha.example", rdtype, sorted(values), ttl)
    found, same = quickly(message, "kaisha.example", rdtype), slowly(message, "kaisha.example", rdtype)
    assert found == same and found is not None and found.rdata == same.rdata


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
@pytest.mark.parametrize("soa", ["example.", "kaisha.example.", "."])
@pytest.mark.parametrize("soa_ttl", [5, 300])
def test_that_there_is_nothing_is_read_as_the_one_reader_reads_it(rcode: str, soa: str, soa_ttl: int) -> None:
    message = response("kaisha.example", "TXT", rcode=rcode, soa=soa, soa_ttl=soa_ttl)
    assert quickly(message, "kaisha.example", "TXT") == slowly(message, "kaisha.example", "TXT")


def alias() -> dns.message.Message:
    message = response("kaisha.example", "TXT")
    message.answer.append(dns.rrset.from_text("kaisha.example.", 300, "IN", "CNAME", "other.example."))
    message.answer.append(dns.rrset.from_text("other.example.", 300, "IN", "TXT", '"v=spf1 -all"'))
    return message


def referral() -> dns.message.Message:
    message = response("kaisha.example", "TXT")
    message.authority.append(dns.rrset.from_text("example.", 300, "IN", "NS", "ns.example."))
    return message


def cut_off() -> dns.message.Message:
    message = response("kaisha.example", "TXT", ['"a"'])
    message.flags |= dns.flags.TC
    return message


NOT_PLAIN = {
    "an alias": alias().to_wire(),
    "a referral": referral().to_wire(),
    "cut off": cut_off().to_wire(),
    "a failure": response("kaisha.example", "TXT", rcode="SERVFAIL").to_wire(),
    "refused": response("kaisha.example", "TXT", rcode="REFUSED").to_wire(),
    "nothing, unproven": response("kaisha.example", "TXT").to_wire(),
    "nothing, proven by a stranger": response("kaisha.example", "TXT", soa="other.").to_wire(),
    "another question": response("other.example", "TXT", ['"a"']).to_wire(),
    "another type": response("kaisha.example", "A", ["192.0.2.1"]).to_wire(),
    "a query": dns.message.make_query("kaisha.example", "TXT").to_wire(),
    "half of one": response("kaisha.example", "TXT", ['"a long text"']).to_wire()[:45],
    "its header": response("kaisha.example", "TXT", ['"a"']).to_wire()[:12],
    "nothing at all": b"",
    "zeros": bytes(200),
}


@pytest.mark.parametrize("message", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_not_plain_is_left_to_the_one_reader(message: bytes) -> None:
    assert quickly(message, "kaisha.example", "TXT") is None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_octets_raise(octets: bytes) -> None:
    question = question_of("kaisha.example", "MX")
    assert question is not None
    plain_answer("kaisha.example", "MX", question, octets)
    head = response("kaisha.example", "MX").to_wire()[:6] + b"\0\x01\0\x01\0\0"
    plain_answer("kaisha.example", "MX", question, head + question + octets)


@pytest.mark.parametrize(
    "name", ["a b.example", "a..example", "x" * 64 + ".example", "", ".", "ä.example", "a\\046b.example"]
)
def test_names_that_are_not_plain_are_not_asked_here(name: str) -> None:
    assert question_of(name, "TXT") is None


def test_a_query_is_what_dnspython_reads() -> None:
    question = question_of("Kaisha.example.", "TXT")
    assert question is not None
    message = dns.message.from_wire(plain_query(4711, question))
    assert (message.id, message.question[0].to_text(), message.edns) == (4711, "kaisha.example. IN TXT", 0)
    assert message.flags & dns.flags.RD and message.payload == 1232


# Many jobs.

ZONE = {
    **{
        f"d{n}.example": {"TXT": [f"v=spf1 include:_spf.example -all # {n}"], "MX": ["10 mx.example."]}
        for n in range(300)
    },
    "_spf.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
    "mx.example": {"A": ["192.0.2.25"]},
    "alias.example": {"CNAME": ["d1.example."]},
    "long.example": {"TXT": ["x" * 200] * 20},
}


def done(jobs: Iterable[str | None], **options: Any) -> list[tuple[str, Any]]:
    return [one for some in run_all(jobs, **options) for one in some]


def look(name: str, net: Network) -> tuple[Status, ...]:
    own = net.lookup(name, "TXT")
    later = net.lookup("mx.example", "A") if own else own
    return own.status, later.status


def test_jobs_get_what_they_would_have_asked_themselves() -> None:
    names = [f"d{n}.example" for n in range(300)] + ["none.example", "alias.example", "long.example", "a\\046b.example"]
    with dns_world(ZONE, timeout=20.0) as net:
        remembering = replace(net, memory=Memory(100))
        found = dict(done(names, first=lambda name: [(name, "TXT")], work=look, net=remembering))
        assert found == {name: look(name, net) for name in names}
    assert found["none.example"] == (Status.NXDOMAIN, Status.NXDOMAIN)
    assert remembering.memory is not None and remembering.memory.questions <= 100


def test_a_question_is_asked_once_for_all_who_wait_for_it_and_what_follows_is_asked_before_the_job_runs() -> None:
    asked: Counter[str] = Counter()
    lock = Lock()

    def answer(query: bytes) -> list[bytes]:
        message = dns.message.from_wire(query)
        with lock:
            asked[message.question[0].to_text()] += 1
        return [_one(message)]

    runs: Counter[str] = Counter()

    def work(name: str, net: Network) -> int:
        runs[name] += 1
        return len(net.lookup("shared.example", "TXT").records) + len(net.lookup("later.example", "TXT").records)

    with raw_dns(answer) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), timeout=20.0, memory=Memory())
        jobs = [f"d{n}.example" for n in range(20)]
        found = list(
            done(
                jobs,
                first=lambda name: [("shared.example", "TXT")],
                following=lambda answer: [("later.example", "TXT")],
                work=work,
                net=net,
            )
        )
    assert [result for _, result in found] == [2] * 20
    assert set(asked.values()) == {1} and set(runs.values()) == {1}


def _one(query: dns.message.Message) -> bytes:
    message = dns.message.make_response(query, recursion_available=True)
    message.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "TXT", '"one"'))
    return message.to_wire()


def test_packets_that_are_lost_forged_or_garbled_cost_no_answer() -> None:
    count = Counter[str]()

    def answer(query: bytes) -> list[bytes]:
        message = dns.message.from_wire(query)
        count[message.question[0].to_text()] += 1
        if count[message.question[0].to_text()] < 3:
            return []
        forged = _one(dns.message.make_query("forged.example", "TXT", id=message.id))
        return [b"", b"\0" * 5, forged, _one(message)]

    jobs = [f"d{n}.example" for n in range(60)]
    with raw_dns(answer) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), timeout=20.0, memory=Memory())
        found = dict(
            done(jobs, first=lambda n: [(n, "TXT")], work=lambda n, net: net.lookup(n, "TXT").records, net=net)
        )
    assert found == dict.fromkeys(jobs, ('"one"',))


def test_what_nobody_answers_is_a_timeout_after_the_time_for_one_lookup_and_is_not_asked_again() -> None:
    with raw_dns(lambda query: []) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), timeout=1.0, memory=Memory())
        jobs = [f"d{n}.example" for n in range(30)]
        found = dict(done(jobs, first=lambda n: [(n, "TXT")], work=lambda n, net: net.lookup(n, "TXT").status, net=net))
    assert found == dict.fromkeys(jobs, Status.TIMEOUT)


def test_answers_that_came_while_a_job_was_run_are_not_late() -> None:
    """However long the jobs take: together longer than the time for a lookup, here."""
    jobs = [f"d{n}.example" for n in range(5)]

    def answer(query: bytes) -> list[bytes]:
        return [_one(dns.message.from_wire(query))]

    def all_found(seconds: float) -> dict[str, Status]:
        def work(name: str, net: Network) -> Status:
            time.sleep(0.3 * seconds)
            return net.lookup(f"later.{name}", "TXT").status

        net = Network("internet", "here", (("127.0.0.1", port),), timeout=seconds, memory=Memory())
        return dict(done(jobs, first=lambda n: [(n, "TXT")], work=work, net=net))

    with raw_dns(answer) as port:
        found = patiently(all_found, early=lambda found: Status.TIMEOUT in found.values(), seconds=2.0)
    assert found == dict.fromkeys(jobs, Status.NOERROR)


def test_a_job_that_raises_raises_and_one_that_never_has_enough_asks_by_itself() -> None:
    with dns_world(ZONE, timeout=20.0) as net:
        remembering = net.remembering()
        with pytest.raises(KeyError):
            list(done(["x"], first=lambda n: [], work=lambda n, net: {}[n], net=remembering))

        def greedy(name: str, net: Network) -> int:
            return sum(net.lookup(f"d{n}.example", "TXT").status is Status.NOERROR for n in range(100))

        assert list(done(["x"], first=lambda n: [], work=greedy, net=remembering)) == [("x", 100)]


def test_missing_passes_by_those_who_catch_exceptions() -> None:
    assert not issubclass(Missing, Exception) and Missing([("a", "TXT")]).questions == (("a", "TXT"),)
