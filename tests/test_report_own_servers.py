"""The resolver's answers beside those of the zone's own servers: a cache that is old, a resolver that lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import dns.flags
import dns.message
import pytest
from support_dns import dns_world, keeping_out

from mailkit import report
from mailkit.lab import Lab
from mailkit.network import Network, Status
from mailkit.network.zone_servers import ask_zone, compare_with_zone
from mailkit.report.portfolio import PortfolioDomain
from mailkit.results import Finding, Rows, Verdict

DOMAIN = "kaisha.example"


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def lab(running: Lab) -> Lab:
    running.reset()
    return running


def audited(lab: Lab, domains: Any = DOMAIN, **options: Any) -> Rows[Finding]:
    options = {"net": lab.network(), "dns_only": True, "own_servers": True, "progress": False} | options
    return report.audit(domains, **options)


def about_servers(found: Rows[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.check == "name servers"]


def test_where_they_agree_one_line_says_so_and_nothing_else_changes(lab: Lab) -> None:
    found = audited(lab, selectors=["s2026"])
    (said,) = about_servers(found)
    assert said.verdict is Verdict.INFO and "s2026._domainkey.kaisha.example TXT" in said.evidence
    assert [f for f in found if f is not said] == list(audited(lab, selectors=["s2026"], own_servers=False))


def test_a_cache_that_is_old_makes_everything_unknown_and_says_how_long(lab: Lab) -> None:
    lab.network().lookup(DOMAIN, "TXT")
    lab.publish(DOMAIN, "TXT", "v=spf1 -all", wait=False)
    (found,) = audited(lab)
    assert (found.check, found.verdict) == ("name servers", Verdict.UNKNOWN)
    assert 'resolver says "v=spf1 mx a:smtp.kaisha.example -all", the zone itself "v=spf1 -all"' in found.evidence
    assert "for 300 seconds more" in found.advice and "04_spf" in found.evidence
    lab.advance(300)
    assert {f.verdict for f in about_servers(audited(lab))} == {Verdict.INFO}


@pytest.mark.parametrize("fault", ["lie", "hide"])
def test_a_resolver_that_lies_about_one_domain_fails_nobody(lab: Lab, fault: str) -> None:
    lab.resolver.fault(f"_dmarc.{DOMAIN}", fault)
    assert Verdict.FAIL in {f.verdict for f in audited(lab, own_servers=False)}
    found = audited(lab, [DOMAIN, "example.com"])
    assert [f.verdict for f in found.where(domain=DOMAIN)] == [Verdict.UNKNOWN]
    assert len(found.where(domain="example.com")) > 5


def test_with_mail_servers_and_a_store_too(lab: Lab, tmp_path: Path) -> None:
    lab.network().lookup(DOMAIN, "MX")
    lab.publish(DOMAIN, "MX", "10 smtp.kaisha.example.", wait=False)
    options = {"dns_only": False, "lessons": ["01_op25b"], "store": tmp_path / "x.sqlite"}
    assert [f.verdict for f in audited(lab, **options)] == [Verdict.UNKNOWN]
    assert len(audited(lab, **options, own_servers=False)) > 1, "another wish is another run"


def test_aliases_are_compared_by_their_target(lab: Lab) -> None:
    question = [(f"s1._domainkey.{DOMAIN}", "TXT")]
    assert compare_with_zone(question, net=lab.network()) == ([], "")
    lab.publish(question[0][0], "CNAME", "news._domainkey.sender.example.", wait=False)
    differences, unasked = compare_with_zone(question, net=lab.network())
    assert not unasked and differences[0].zone == "CNAME news._domainkey.sender.example"


def test_what_is_no_domain_and_a_dead_resolver_are_said_once(lab: Lab) -> None:
    found = audited(lab, [PortfolioDomain("a..b"), PortfolioDomain(DOMAIN)])
    assert [f.check for f in found.where(domain="a..b")] == ["domain name"]
    assert len(audited(lab, net=lab.network("offline"))) == 1


def test_where_nobody_can_be_asked_the_other_findings_stand(lab: Lab) -> None:
    with own_server(lab, refused, listening=False):
        found = audited(lab)
    (said,) = about_servers(found)
    assert said.verdict is Verdict.UNKNOWN and "cannot be asked over TCP" in said.evidence
    assert len(found) > 10


# A server of the zone that says anything.


@contextmanager
def own_server(
    lab: Lab, answer: Callable[[dns.message.Message], bytes], *, listening: bool = True
) -> Iterator[Network]:
    """Let *answer* be what the name servers of the zones say over TCP, through the router; or let nobody listen."""
    import socket

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(30)
                head = client.recv(2, socket.MSG_WAITALL)
                wire = client.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                said = answer(dns.message.from_wire(wire))
                client.sendall(len(said).to_bytes(2, "big") + said)

    places = [place for place in lab.router.listeners if place[1] == 53]
    before = {place: lab.router.listeners[place] for place in places}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            port = listener.getsockname()[1] if listening else 0
            lab.router.listeners.update(dict.fromkeys(places, port))  # type: ignore[attr-defined]
            yield lab.network()
        finally:
            lab.router.listeners.update(before)  # type: ignore[attr-defined]
            listener.shutdown(socket.SHUT_RDWR)


def refused(query: dns.message.Message) -> bytes:
    response = dns.message.make_response(query)
    response.set_rcode(5)
    return response.to_wire()


def lame(query: dns.message.Message) -> bytes:
    response = dns.message.make_response(query)
    response.flags &= ~dns.flags.AA
    return response.to_wire()


def test_a_zone_does_not_steer_us_to_our_own_machine() -> None:
    records = {"a.example": {"TXT": ["x"]}, "ns.example": {"A": ["127.0.0.1"]}}
    with dns_world(records, zones=["a.example"]) as net:
        said = ask_zone("a.example", "TXT", net=keeping_out(net))
    assert said.status is Status.TIMEOUT
    assert said.reason.startswith("ns.example cannot be asked: it leads to 127.0.0.1, which is no public address")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refused, "says nothing of its own"),
        (lame, "says nothing of its own"),
        (lambda query: b"\0\1\2", "no answer over TCP that can be read"),
        (lambda query: b"\xff" * 4000, "no answer over TCP that can be read"),
        (lambda query: b"", "no answer over TCP that can be read"),
    ],
    ids=["refused", "lame", "short", "mangled", "empty"],
)
def test_a_server_that_says_nothing_of_use_is_no_difference(
    lab: Lab, answer: Callable[[dns.message.Message], bytes], reason: str
) -> None:
    with own_server(lab, answer) as net:
        said = ask_zone(DOMAIN, "TXT", net=net)
        assert said.status is Status.TIMEOUT and reason in said.reason
        differences, unasked = compare_with_zone([(DOMAIN, "TXT")], net=net)
    assert differences == [] and reason in unasked


def test_the_command_asks_them_too() -> None:
    import subprocess
    import sys

    line = [sys.executable, "-m", "mailkit.report", "example.com", "--dns-only", "--own-servers"]
    ran = subprocess.run(line, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, timeout=300)
    assert ran.returncode == 0 and "the zone's own servers say the same" in ran.stdout.replace("\n           ", " ")
