"""A memory of what the DNS said, for one job; and the same DNS with records laid over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from support_dns import dns_world, serving

from mailkit.network import DnsRecord, Network, Status
from mailkit.network.memory import Memory

Answerer = Callable[[dns.message.Message], dns.message.Message | None]

ZONE = {
    "kaisha.example": {"MX": ["10 mx.kaisha.example."], "TXT": ["v=spf1 mx -all"], "A": ["192.0.2.80"]},
    "mx.kaisha.example": {"A": ["192.0.2.25"], "AAAA": ["2001:db8::25"]},
    "www.kaisha.example": {"CNAME": ["kaisha.example."]},
    "sel._domainkey.kaisha.example": {"CNAME": ["key.sender.example."]},
    "key.sender.example": {"TXT": ["v=DKIM1; p=old"]},
}


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with dns_world(ZONE, timeout=20.0) as world:
        yield world


@contextmanager
def counting(
    answer: Callable[[dns.message.Message], dns.message.Message | None],
) -> Iterator[tuple[Network, Counter[str]]]:
    """A network whose name server counts its questions."""
    asked: Counter[str] = Counter()

    def noted(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        (question,) = query.question
        asked[f"{question.name.to_text(omit_final_dot=True)} {dns.rdatatype.to_text(question.rdtype)}"] += 1
        return answer(query)

    with serving(noted) as port:
        yield Network("internet", "here", (("127.0.0.1", port),), timeout=20.0), asked


def one_address(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query)
    if query.question[0].rdtype == dns.rdatatype.A:
        response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.1"))
    return response


def test_a_question_is_asked_once_by_whoever_asks() -> None:
    with counting(one_address) as (net, asked):
        job = net.remembering()
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda name: job.lookup(name, "a").records, ["a.example", "A.Example."] * 20))
        assert found == [("192.0.2.1",)] * 40
        assert asked == {"a.example A": 1}
        assert job.memory is not None and job.memory.questions == 1
        # Each asker reads its own spelling.
        assert job.lookup("A.Example.", "A").name == "A.Example."
        net.lookup("a.example", "A")
        assert asked["a.example A"] == 2  # a network without a memory asks each time


def test_questions_can_be_asked_ahead_all_at_once() -> None:
    with counting(one_address) as (net, asked):
        job = net.remembering()
        job.prefetch([("a.example", "A"), ("b.example", "A"), ("a.example", "A"), ("no name..", "A")])
        assert asked == {"a.example A": 1, "b.example A": 1}
        assert job.addresses("a.example") == ("192.0.2.1",)
        assert asked == {"a.example A": 1, "b.example A": 1, "a.example AAAA": 1}
        net.prefetch([("c.example", "A")])  # nowhere to put the answer
        assert "c.example A" not in asked


def test_silence_is_remembered_but_not_against_more_patience() -> None:
    with counting(lambda query: None) as (net, asked):
        job = net.remembering()
        assert job.lookup("a.example", "A", timeout=0.3).status is Status.TIMEOUT
        tried = asked["a.example A"]
        assert job.lookup("a.example", "A", timeout=0.3).status is Status.TIMEOUT
        assert asked["a.example A"] == tried
        assert job.lookup("a.example", "A", timeout=0.6).status is Status.TIMEOUT
        assert asked["a.example A"] > tried


def test_one_deadline_for_all_of_a_job() -> None:
    with counting(lambda query: None) as (net, asked):
        job = net.remembering(0.5)
        assert job.lookup("a.example", "A").status is Status.TIMEOUT  # although the network's timeout is 20 s
        later = job.lookup("b.example", "A")
        assert (later.status, later.reason) == (Status.TIMEOUT, "the time for the whole job was used up")
        assert "b.example A" not in asked
        with pytest.raises(TimeoutError):
            job.dial("192.0.2.1", 25)
        # A job within the job cannot have more time.
        assert job.remembering(60).deadline is not None
        assert job.remembering(60).lookup("c.example", "A").reason == later.reason


def test_a_memory_is_kept_by_the_job_within_the_job(net: Network) -> None:
    job = net.remembering()
    assert job.remembering().memory is job.memory
    assert net.memory is None


def test_places_that_ask_other_servers_do_not_share_answers() -> None:
    with counting(one_address) as (net, asked), counting(lambda query: dns.message.make_response(query)) as (away, _):
        both = replace(net, others={"here": lambda: net, "away": lambda: replace(away, vantage="away")})
        job = both.remembering()
        assert job.lookup("a.example", "A")
        assert job.at("away").lookup("a.example", "A").status is Status.NODATA
        assert job.at("away").memory is job.memory
        assert asked["a.example A"] == 1


@pytest.mark.parametrize("seconds", ["5", -1])
def test_a_job_has_a_number_of_seconds(net: Network, seconds: float) -> None:
    with pytest.raises((TypeError, ValueError), match="a deadline is a number of seconds"):
        net.remembering(seconds)


# Records laid over


def test_what_is_published_replaces_what_is_there(net: Network) -> None:
    tried = net.overlay(
        [DnsRecord("Kaisha.example.", "TXT", "v=spf1 -all", ttl=60), DnsRecord("new.example", "A", "192.0.2.9")]
    )
    answer = tried.lookup("kaisha.EXAMPLE", "txt")
    assert (answer.status, answer.records, answer.ttl) == (Status.NOERROR, ('"v=spf1 -all"',), 60)
    assert answer.texts == (b"v=spf1 -all",)
    assert tried.lookup("kaisha.example", "MX").records == ("10 mx.kaisha.example.",)  # the other types stay
    assert tried.lookup("new.example", "A").records == ("192.0.2.9",)
    assert tried.lookup("new.example", "AAAA").status is Status.NODATA
    assert tried.addresses("new.example") == ("192.0.2.9",)
    assert net.lookup("new.example", "A").status is Status.NXDOMAIN  # the network itself is as it was


def test_a_name_with_something_below_it_exists(net: Network) -> None:
    tried = net.overlay([DnsRecord("a.b.fresh.example", "TXT", "x")])
    assert tried.lookup("b.fresh.example", "A").status is Status.NODATA
    assert tried.lookup("c.fresh.example", "A").status is Status.NXDOMAIN


def test_what_is_withdrawn_is_not_there(net: Network) -> None:
    tried = net.overlay([], withdrawn=[("kaisha.example.", "txt"), ("www.kaisha.example", "CNAME")])
    assert tried.lookup("kaisha.example", "TXT").status is Status.NODATA
    assert tried.lookup("kaisha.example", "A").records == ("192.0.2.80",)
    assert tried.lookup("www.kaisha.example", "A").status is Status.NXDOMAIN


def test_aliases_lead_into_the_overlay_and_out_of_it(net: Network) -> None:
    tried = net.overlay([DnsRecord("key.sender.example", "TXT", "v=DKIM1; p=new")])
    into = tried.lookup("sel._domainkey.kaisha.example", "TXT")
    assert (into.texts, into.chain) == ((b"v=DKIM1; p=new",), ("key.sender.example",))
    tried = net.overlay([DnsRecord("alias.kaisha.example", "CNAME", "www.kaisha.example.")])
    out = tried.lookup("alias.kaisha.example", "A")
    assert (out.records, out.chain) == (("192.0.2.80",), ("www.kaisha.example", "kaisha.example"))
    assert tried.lookup("alias.kaisha.example", "CNAME").records == ("www.kaisha.example.",)
    circle = [DnsRecord("a.example", "CNAME", "b.example."), DnsRecord("b.example", "CNAME", "a.example.")]
    assert net.overlay(circle).lookup("a.example", "A").status is Status.SERVFAIL


def test_a_published_wildcard_stands_in(net: Network) -> None:
    tried = net.overlay([DnsRecord("*._domainkey.parked.example", "TXT", "v=DKIM1; p=")])
    assert tried.lookup("any._domainkey.parked.example", "TXT").texts == (b"v=DKIM1; p=",)
    assert tried.lookup("a.b._domainkey.parked.example", "TXT").texts == (b"v=DKIM1; p=",)
    assert not tried.lookup("any.parked.example", "TXT")
    beside = tried.overlay([DnsRecord("own._domainkey.parked.example", "A", "192.0.2.1")])
    assert beside.lookup("own._domainkey.parked.example", "TXT").status is Status.NODATA  # RFC 4592 section 2.2.1


def test_overlays_are_laid_one_over_the_other(net: Network) -> None:
    first = net.overlay([DnsRecord("a.example", "TXT", "one"), DnsRecord("b.example", "TXT", "one")])
    second = first.overlay([DnsRecord("a.example", "TXT", "two")], withdrawn=[("b.example", "TXT")])
    assert second.lookup("a.example", "TXT").texts == (b"two",)
    assert not second.lookup("b.example", "TXT")
    third = second.overlay([DnsRecord("b.example", "TXT", "three")])
    assert third.lookup("b.example", "TXT").texts == (b"three",)


def test_an_overlay_uses_the_memory_below_it() -> None:
    with counting(one_address) as (net, asked):
        job = net.remembering()
        job.lookup("a.example", "A")
        tried = job.overlay([DnsRecord("b.example", "A", "192.0.2.2")])
        assert tried.lookup("a.example", "A").records == ("192.0.2.1",)
        assert tried.lookup("b.example", "A").records == ("192.0.2.2",)
        assert asked == {"a.example A": 1}
        assert job.lookup("b.example", "A").records == ("192.0.2.1",)  # what is tried is not remembered


def test_an_overlay_is_made_of_records(net: Network) -> None:
    with pytest.raises(TypeError, match="an overlay is made of DnsRecord"):
        net.overlay(["kaisha.example. IN MX 0 ."])  # type: ignore[list-item]


def test_a_fact_is_found_out_once_and_again_after_an_interrupt() -> None:
    memory, calls = Memory(), []

    def interrupted() -> str:
        calls.append("interrupted")
        raise KeyboardInterrupt

    def found() -> str:
        calls.append("found")
        return "so it is"

    with pytest.raises(KeyboardInterrupt):
        memory.fact("key", interrupted)
    assert [memory.fact("key", found), memory.fact("key", found)] == ["so it is"] * 2
    assert calls == ["interrupted", "found"]
