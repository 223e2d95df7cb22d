"""What is wrong with the network that one looks through: found out once, and told from what is wrong with a domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from support_dns import serving
from support_places import NOBODY, REFUSED, SILENCE, UNREACHABLE, Place, hangs_up, mail_server, place, says
from support_servers import closed_port, patiently, wait_for_end

from mailkit.network import Network, Status, health
from mailkit.network.health import EgressState, ResolverState
from mailkit.network.socks import Proxy

KNOWN = {
    "bigmail.test": {"MX": ["10 mx.bigmail.test."]},
    "mx.bigmail.test": {"A": ["198.51.100.25"], "AAAA": ["2001:db8:b::25"]},
    "smtp.bigmail.test": {"A": ["198.51.100.58"], "AAAA": ["2001:db8:b::58"]},
}
MX4, MX6, SMTP4, SMTP6 = "198.51.100.25", "2001:db8:b::25", "198.51.100.58", "2001:db8:b::58"
SHORT = 1.0


@contextmanager
def looking(there: dict[Any, Any], **options: Any) -> Iterator[Place]:
    with place(KNOWN, there, probe_domains=("bigmail.test",), **options) as here:
        yield here


def answering(*, rcode: int = 0, root: bool = True, invents: Sequence[str] = ()) -> Callable[..., Any]:
    def answer(query: dns.message.Message, transport: str) -> dns.message.Message:
        name, rdtype = query.question[0].name, query.question[0].rdtype
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.Rcode(rcode))
        text = name.to_text(omit_final_dot=True)
        if rdtype == dns.rdatatype.A and any(text.endswith(end) for end in invents):
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "198.51.100.1"))
        elif text == "." and root and not rcode:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "NS", "ns.example."))
        elif not rcode:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    return answer


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        pytest.param(answering(), ResolverState.WORKS, id="works"),
        pytest.param(answering(rcode=dns.rcode.NXDOMAIN), ResolverState.DENIES, id="denies"),
        pytest.param(answering(root=False), ResolverState.DENIES, id="denies even the root"),
        pytest.param(answering(rcode=dns.rcode.SERVFAIL), ResolverState.FAILS, id="fails"),
        pytest.param(answering(rcode=dns.rcode.REFUSED), ResolverState.FAILS, id="refuses"),
        pytest.param(answering(invents=[""]), ResolverState.INVENTS, id="invents"),
        pytest.param(answering(invents=[".com"]), ResolverState.INVENTS, id="invents outside of .invalid"),
        pytest.param(lambda query, transport: None, ResolverState.SILENT, id="silent"),
    ],
)
def test_resolvers(answer: Callable[..., Any], found: ResolverState) -> None:
    with serving(answer) as port:
        net = Network(
            "internet", "here", (("127.0.0.1", port),), timeout=2.0 if found is ResolverState.SILENT else 20.0
        )
        assert health.resolver(net) is found
        assert bool(health.trouble(net)) is (found is not ResolverState.WORKS)


def test_a_resolver_that_knows_the_root_and_not_the_well_known_domains_works() -> None:
    with serving(answering()) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), timeout=20.0, probe_domains=("bigmail.test",))
        assert health.resolver(net) is ResolverState.WORKS


def test_it_is_found_out_once() -> None:
    asked: list[str] = []
    inner = answering()

    def noted(query: dns.message.Message, transport: str) -> Any:
        asked.append(str(query.question[0]))
        return inner(query, transport)

    with serving(noted) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), timeout=20.0).remembering()
        assert [health.trouble(net) for _ in range(3)] == ["", "", ""]
    assert len(asked) == 3


def test_silence_is_not_waited_for_again() -> None:
    asked: list[str] = []

    def silent(query: dns.message.Message, transport: str) -> None:
        asked.append(str(query.question[0]))

    with serving(silent) as port:
        net = Network("internet", "here", (("127.0.0.1", port),), timeout=0.5).remembering()
        assert health.resolver(net) is ResolverState.SILENT
        number = len(asked)
        answer = net.lookup("kaisha.example", "MX")
        assert (answer.status, answer.reason) == (Status.TIMEOUT, health.trouble(net))
        assert len(asked) == number


SUBMISSION: dict[Any, Any] = {(SMTP4, 587): mail_server, (SMTP4, 465): wait_for_end}
BOTH = {(MX4, 25): mail_server, (MX6, 25): mail_server, (SMTP6, 587): mail_server, **SUBMISSION}


@pytest.mark.parametrize(
    ("there", "otherwise", "port25", "ipv6"),
    [
        pytest.param(BOTH, REFUSED, EgressState.OPEN, EgressState.OPEN, id="all open"),
        pytest.param(SUBMISSION, SILENCE, EgressState.CLOSED, EgressState.CLOSED, id="dropped, no IPv6"),
        pytest.param(SUBMISSION, REFUSED, EgressState.CLOSED, EgressState.CLOSED, id="refused, no IPv6"),
        pytest.param(
            {**SUBMISSION, (SMTP6, 587): mail_server},
            SILENCE,
            EgressState.CLOSED,
            EgressState.OPEN,
            id="IPv6 on 587 only",
        ),
        pytest.param(
            {(MX4, 25): mail_server, **SUBMISSION}, UNREACHABLE, EgressState.OPEN, EgressState.CLOSED, id="no IPv6"
        ),
        pytest.param(
            {(MX4, 25): says(b"554 no\r\n")}, REFUSED, EgressState.OPEN, EgressState.CLOSED, id="refused in words"
        ),
        pytest.param(
            {(NOBODY, 25): mail_server, **BOTH}, REFUSED, EgressState.INTERCEPTED, EgressState.OPEN, id="intercepted"
        ),
        pytest.param({}, UNREACHABLE, EgressState.UNKNOWN, EgressState.UNKNOWN, id="nothing gets out"),
        pytest.param(
            {(MX4, 25): hangs_up, **SUBMISSION}, REFUSED, EgressState.UNKNOWN, EgressState.CLOSED, id="hangs up on 25"
        ),
        pytest.param(
            {(MX4, 25): wait_for_end, **SUBMISSION}, REFUSED, EgressState.UNKNOWN, EgressState.CLOSED, id="mute on 25"
        ),
    ],
)
def test_ways_out(there: dict[Any, Any], otherwise: str, port25: EgressState, ipv6: EgressState) -> None:
    slow = otherwise == SILENCE or wait_for_end in there.values()

    def looked(seconds: float) -> health.Egress:
        with looking(there, otherwise=otherwise, timeout=seconds) as here:
            return health.egress(here.net)

    expected = (port25, ipv6)
    seconds = 2.0 if slow else 60.0
    found = patiently(looked, early=lambda found: (found.port25, found.ipv6) != expected, seconds=seconds)
    assert (found.port25, found.ipv6) == (port25, ipv6)
    assert bool(found.about_port25) is (port25 is not EgressState.OPEN)
    assert bool(found.about_ipv6) is (ipv6 is not EgressState.OPEN)


def test_ways_out_are_found_once_and_politely() -> None:
    with looking(BOTH) as here:
        net = here.net.remembering()
        assert health.egress(net) is health.egress(net)
        assert len(here.dialled) == len(set(here.dialled)) <= 7


def test_without_a_known_server_nothing_is_known() -> None:
    with looking({}) as here:
        found = health.egress(replace(here.net, probe_domains=("nowhere.test",)))
    assert (found.port25, found.ipv6) == (EgressState.UNKNOWN, EgressState.UNKNOWN)


def test_a_dead_proxy_says_nothing_about_the_ways_behind_it() -> None:
    with looking(BOTH) as here:
        found = health.egress(replace(here.net, proxy=Proxy("127.0.0.1", closed_port())))
    assert (found.port25, found.ipv6) == (EgressState.UNKNOWN, EgressState.UNKNOWN)
