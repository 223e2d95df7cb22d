"""The preflight at odd places: each simulated with real servers on loopback and with the facts of another machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from support_dns import serving
from support_places import NOBODY as SEEN_BY_NOBODY
from support_places import REFUSED, SILENCE, UNREACHABLE, Policy, mail_server, socks
from support_servers import HOST, closed_port, loopback_network, tcp_server
from support_worlds import OTHER_WORLD, served_world

import mailkit
from mailkit.network import Network
from mailkit.results import Finding, Rows, Verdict
from mailkit.start_here import preflight
from mailkit.start_here.preflight import Machine

DOMAIN, MX, SMTP, SIX = "mail.test", "mx.mail.test", "smtp.mail.test", "2001:db8::1"
ADDRESSES = {MX: "192.0.2.25", SMTP: "192.0.2.58", DOMAIN: "192.0.2.80"}

GOOD = Machine((3, 12, 1), {"dnspython": "2.9.2"}, frozenset(), None, True)


def honest(query: dns.message.Message, transport: str) -> dns.message.Message:
    """A resolver that knows one mail domain, with an IPv6 address for its web, and nothing else."""
    (question,) = query.question
    name, rdtype = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
    found = {(DOMAIN, "MX"): f"10 {MX}.", (DOMAIN, "AAAA"): SIX, **{(n, "A"): a for n, a in ADDRESSES.items()}}
    response = dns.message.make_response(query)
    if value := found.get((name, rdtype)):
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", rdtype, value))
    elif name not in ADDRESSES:
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response


def answers_everything(query: dns.message.Message, transport: str) -> dns.message.Message:
    """A resolver of a hotel before one has logged in."""
    (question,) = query.question
    response = dns.message.make_response(query)
    if question.rdtype == dns.rdatatype.A:
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "198.51.100.1"))
    return response


def knows_nobody(query: dns.message.Message, transport: str) -> dns.message.Message:
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.NXDOMAIN)
    return response


def no_answer(query: dns.message.Message, transport: str) -> None:
    """A resolver that keeps silent."""


@dataclass
class Ground:
    """A place to look from, and what its network was asked for."""

    net: Network
    dialled: list[tuple[str, int]]


@contextmanager
def ground(policy: Policy, answer: Callable[..., Any] = honest, timeout: float = 2.0) -> Iterator[Ground]:
    dialled: list[tuple[str, int]] = []

    def noted(address: str, port: int) -> int | str:
        dialled.append((address, port))
        return policy(address, port)

    with ExitStack() as stack:
        servers = [f"{HOST}:{stack.enter_context(serving(answer))}"]
        via = stack.enter_context(socks(noted))
        net = loopback_network(timeout, nameservers=servers, via=via, probe_domains=[DOMAIN])
        yield Ground(replace(net, nobody=SEEN_BY_NOBODY), dialled)


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with tcp_server(mail_server) as port:
        yield port


def letting_out(server: int, *ports: int, otherwise: str = SILENCE, six: str = UNREACHABLE) -> Policy:
    """A network that lets these ports out, to a mail server on *server*."""

    def policy(address: str, port: int) -> int | str:
        if address == SEEN_BY_NOBODY:
            return SILENCE
        if ":" in address:
            return six
        return server if port in ports else otherwise

    return policy


def look(policy: Policy, answer: Callable[..., Any] = honest, machine: Machine = GOOD) -> dict[str, Finding]:
    with ground(policy, answer) as here:
        return by_check(preflight.examine(net=here.net, machine=machine))


def by_check(rows: Rows[Finding]) -> dict[str, Finding]:
    assert len({row.check for row in rows}) == len(rows)
    return {row.check: row for row in [*rows, preflight.verdict(rows)]}


def verdicts(found: dict[str, Finding], *checks: str) -> list[str]:
    return [str(found[check].verdict) for check in checks]


PORTS = tuple(f"port {port}" for port in preflight.PROBED_PORTS)


def test_an_open_line(server: int) -> None:
    with ground(letting_out(server, *preflight.PROBED_PORTS)) as here:
        found = by_check(preflight.examine(net=here.net, machine=GOOD))
    # Port 465 speaks TLS, which this server does not: the connection was made, and that is what was asked.
    assert verdicts(found, "DNS", "way out", *PORTS) == ["pass"] * 7
    assert found["port 465"].evidence.endswith("1 tls_failure")
    assert found["verdict"].verdict is Verdict.PASS and '"internet"' in found["verdict"].advice
    assert sorted(here.dialled) == sorted(
        [(ADDRESSES[MX], 25), (ADDRESSES[SMTP], 465), (ADDRESSES[SMTP], 587)]
        + [(ADDRESSES[DOMAIN], port) for port in (80, 443)]
        + [(SEEN_BY_NOBODY, port) for port in preflight.PROBED_PORTS]
        + [(SIX, 443)]
    )


@pytest.mark.parametrize("how", [SILENCE, REFUSED])
def test_port_25_is_closed(server: int, how: str) -> None:
    found = look(letting_out(server, 465, 587, 80, 443, otherwise=how))
    assert verdicts(found, *PORTS) == ["warn", "pass", "pass", "pass", "pass"]
    assert "no fault" in found["port 25"].advice
    assert found["verdict"].verdict is Verdict.WARN
    assert found["verdict"].evidence == "these do not leave from here: port 25"
    assert "with limits" in found["verdict"].advice


def test_a_resolver_that_answers_everything(server: int) -> None:
    with ground(letting_out(server, *preflight.PROBED_PORTS), answers_everything) as here:
        found = by_check(preflight.examine(net=here.net, machine=GOOD))
    assert found["DNS"].verdict is Verdict.FAIL and "answers everything" in found["DNS"].evidence
    assert {address for address, _ in here.dialled} == {SEEN_BY_NOBODY}  # its false addresses are not dialled
    assert verdicts(found, *PORTS) == ["unknown"] * 5
    assert found["verdict"].verdict is Verdict.WARN and "answers everything" in found["verdict"].evidence
    assert found["verdict"].advice.startswith('NETWORK = "lab" works here')


@pytest.mark.parametrize(
    ("answer", "evidence"), [(no_answer, "no name server answered"), (knows_nobody, "it answers, but does not know")]
)
def test_a_dns_that_is_of_no_use(server: int, answer: Callable[..., Any], evidence: str) -> None:
    found = look(letting_out(server, *preflight.PROBED_PORTS), answer)
    assert found["DNS"].verdict is Verdict.FAIL and found["DNS"].evidence.startswith(evidence)
    assert verdicts(found, "way out", *PORTS, "IPv6") == ["unknown"] * 7
    assert evidence in found["verdict"].evidence


def test_no_resolver_configured(server: int) -> None:
    with ground(letting_out(server, *preflight.PROBED_PORTS)) as here:
        found = by_check(preflight.examine(net=replace(here.net, nameservers=()), machine=GOOD))
    assert found["DNS"].evidence == "this machine has no resolver configured"
    assert found["verdict"].verdict is Verdict.WARN


def test_no_network_at_all() -> None:
    found = look(lambda address, port: UNREACHABLE, no_answer)
    assert verdicts(found, "DNS", "way out") == ["fail", "fail"]
    assert found["verdict"].evidence == "there is no network"
    assert found["verdict"].advice.startswith('NETWORK = "lab" works here')


def test_a_firewall_that_lets_nothing_out() -> None:
    found = look(lambda address, port: SILENCE)
    assert found["DNS"].verdict is Verdict.PASS
    assert found["way out"].verdict is Verdict.FAIL and "no network" not in found["way out"].evidence
    assert verdicts(found, *PORTS) == ["unknown"] * 5


def test_somebody_answers_for_everyone(server: int) -> None:
    found = look(lambda address, port: server)
    assert verdicts(found, "way out", *PORTS) == ["fail"] * 6
    assert found["IPv6"].verdict is Verdict.UNKNOWN
    assert "answers for everyone" in found["verdict"].evidence


def test_somebody_answers_on_port_25_only(server: int) -> None:
    open_line = letting_out(server, *preflight.PROBED_PORTS)
    found = look(lambda address, port: server if port == 25 else open_line(address, port))
    assert verdicts(found, "way out", *PORTS) == ["warn", "fail", "pass", "pass", "pass", "pass"]
    assert found["verdict"].evidence == "these do not leave from here: port 25"


def test_the_socks_proxy_is_down() -> None:
    with ground(lambda address, port: SILENCE) as here:
        net = loopback_network(
            nameservers=[f"{HOST}:{here.net.nameservers[0][1]}"],
            via=f"socks5://{HOST}:{closed_port()}",
            probe_domains=[DOMAIN],
        )
        found = by_check(preflight.examine(net=net, machine=GOOD))
    assert verdicts(found, "way out", *PORTS, "IPv6") == ["unknown"] * 7
    assert "SOCKS proxy" in found["verdict"].evidence


def test_ipv6_without_a_route(server: int) -> None:
    found = look(letting_out(server, *preflight.PROBED_PORTS, six=UNREACHABLE))
    assert found["IPv6"].verdict is Verdict.INFO and "no route" in found["IPv6"].evidence
    assert found["verdict"].verdict is Verdict.PASS  # harmless


def test_ipv6_that_leads_nowhere(server: int) -> None:
    found = look(letting_out(server, *preflight.PROBED_PORTS, six=SILENCE))
    assert found["IPv6"].verdict is Verdict.WARN and found["IPv6"].evidence.startswith("timeout over IPv6")


def test_a_binder(server: int) -> None:
    on_binder = replace(GOOD, variables=frozenset({"BINDER_REPO_URL", "JUPYTERHUB_USER"}))
    found = look(letting_out(server, 80, 443), machine=on_binder)
    assert found["hosted notebook"].verdict is Verdict.WARN and "80 and 443" in found["hosted notebook"].advice
    assert verdicts(found, *PORTS) == ["warn", "warn", "warn", "pass", "pass"]
    assert found["verdict"].evidence == "a Binder lets out ports 80 and 443 only"


def test_a_jupyterhub() -> None:
    found = by_check(preflight.examine(machine=replace(GOOD, variables=frozenset({"JUPYTERHUB_API_URL"}))))
    assert found["hosted notebook"].verdict is Verdict.INFO and "server" in found["hosted notebook"].advice


def test_proxy_variables_without_their_values() -> None:
    environment = {
        "HTTPS_PROXY": "http://trainee:hunter2@proxy.inside.example:8080",
        "http_proxy": "http://proxy.inside.example:8080",
        "ALL_PROXY": " ",  # set, and empty: not set
        "NO_PROXY": "localhost",
        "HOME": "/nowhere",
    }
    machine = preflight.this_machine(environment=environment)
    rows = preflight.examine(machine=machine)
    found = by_check(rows)
    assert found["web proxy"].verdict is Verdict.WARN
    assert found["web proxy"].evidence == "set, values not shown: HTTPS_PROXY, http_proxy"
    everything = f"{machine!r} {rows!r} {rows._repr_html_()} {rows.frame.to_string()} {found['verdict']!r}"
    assert not [secret for secret in ("hunter2", "trainee", "inside.example", "/nowhere") if secret in everything]


HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
ETHERNET = "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"


@pytest.mark.parametrize(
    ("lines", "verdict", "words"),
    [
        (ETHERNET, Verdict.UNKNOWN, "no tunnel"),
        ("tun0\t00000000\t0108080A\t0003\t0\t0\t50\t00000000\t0\t0\t0\n" + ETHERNET, Verdict.WARN, "kind tun"),
        # OpenVPN's way of covering the default route without replacing it: two halves of the internet.
        (ETHERNET + "tun3\t00000080\t0108080A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", Verdict.WARN, "kind tun"),
        ("wg0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n" + ETHERNET, Verdict.UNKNOWN, "no tunnel"),
        ("ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", Verdict.UNKNOWN, "no tunnel"),  # a DSL line
        ("nonsense\n\x00\n", Verdict.UNKNOWN, "no tunnel"),
    ],
)
def test_a_vpn_as_far_as_the_routes_tell(tmp_path: Path, lines: str, verdict: Verdict, words: str) -> None:
    file = tmp_path / "route"
    file.write_text(HEAD + lines, encoding="ascii")
    found = by_check(preflight.examine(machine=preflight.this_machine(environment={}, routes=file)))
    assert (found["VPN"].verdict, words in found["VPN"].evidence) == (verdict, True)


def test_a_vpn_cannot_be_told_without_a_table_of_routes(tmp_path: Path) -> None:
    machine = preflight.this_machine(environment={}, routes=tmp_path / "none")
    assert machine.routes is None
    assert by_check(preflight.examine(machine=machine))["VPN"].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"python": (3, 10, 4)}, "Python"),
        ({"packages": {"dnspython": "2.9.2", "aiosmtpd": ""}}, "packages"),
        ({"loopback": False}, "loopback"),
    ],
)
def test_what_even_the_practice_internet_needs(change: dict[str, Any], check: str) -> None:
    found = by_check(preflight.examine(machine=replace(GOOD, **change)))
    assert found[check].verdict is Verdict.FAIL and found[check].advice
    assert found["verdict"].verdict is Verdict.FAIL and check in found["verdict"].evidence
    assert found[check].advice in found["verdict"].advice


def test_this_machine_can_run_the_practice_internet() -> None:
    machine = preflight.this_machine()
    assert machine.loopback and all(machine.packages.values())
    found = by_check(preflight.examine(machine=machine))
    assert found["verdict"].verdict is Verdict.INFO and found["verdict"].evidence == "the internet was not asked"


def test_every_finding_says_what_to_do(server: int) -> None:
    for policy in (letting_out(server, 80), lambda address, port: UNREACHABLE, lambda address, port: server):
        for finding in look(policy).values():
            assert finding.evidence and finding.lesson == "00_start_here"
            if finding.verdict in (Verdict.WARN, Verdict.FAIL):
                assert finding.advice.endswith("."), finding


def test_a_network_without_domains_to_test_with() -> None:
    with pytest.raises(ValueError, match="probe_domains"):
        preflight.examine(net=loopback_network(probe_domains=[]), machine=GOOD)


def test_a_world_of_ones_own_is_not_called_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lookups and connections work through MAILKIT_…, and the well-known domains are not in that world."""
    with served_world(OTHER_WORLD) as world:
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        net = mailkit.connect("internet", timeout=10)
        blind = by_check(preflight.examine(net=net, machine=GOOD))
        found = by_check(preflight.examine(net=net, machine=GOOD, domains=[world.domain]))
    assert blind["DNS"].verdict is Verdict.INFO and "a world of its own" in blind["DNS"].evidence
    assert verdicts(blind, "way out", *PORTS) == ["unknown"] * 6
    assert blind["verdict"].verdict is Verdict.INFO
    assert not any("no network" in row.evidence for row in blind.values())
    assert verdicts(found, "DNS", "way out", "port 25", "port 587") == ["pass"] * 4
    assert "no network" not in found["verdict"].evidence


def test_names_that_fail_are_not_no_network(server: int) -> None:
    def fails(query: dns.message.Message, transport: str) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.SERVFAIL)
        return response

    found = look(letting_out(server, *preflight.PROBED_PORTS), fails)
    assert found["DNS"].evidence == "it fails at every question"
    assert found["way out"].verdict is Verdict.UNKNOWN


def test_a_resolver_that_invents_addresses_outside_of_invalid_only(server: int) -> None:
    def selling(query: dns.message.Message, transport: str) -> dns.message.Message:
        name = query.question[0].name.to_text(omit_final_dot=True)
        return answers_everything(query, transport) if name.endswith(".com") else honest(query, transport)

    assert "answers everything" in look(letting_out(server, *preflight.PROBED_PORTS), selling)["DNS"].evidence


def test_a_closed_port_is_cited_by_its_section(server: int) -> None:
    found = look(letting_out(server, 80, 443, otherwise=REFUSED))
    assert [found[f"port {port}"].reference for port in (25, 465, 587)] == ["RFC 5068 section 4.1"] * 3


@pytest.mark.parametrize(("domains", "kind"), [("kaisha.example", TypeError), (["a b"], ValueError), ([25], TypeError)])
def test_domains_to_try_are_a_list_of_domains(domains: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="domain"):
        preflight.examine(net=loopback_network(probe_domains=[]), machine=GOOD, domains=domains)
