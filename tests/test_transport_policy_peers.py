"""Postfix with DANE, or with a policy map made of an MTA-STS policy, decides as the lab's sender does.

Both see the same DNS and the same server.  The map is what programs such as postfix-mta-sts-resolver tell Postfix.
"""

from __future__ import annotations

import errno
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import dns.message
import dns.query
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from support_daemons import running, unpacked
from support_dns import World, dns_parts
from support_policy import HOST, redirected, response, site
from support_servers import tcp_server
from support_tls import Authority, Pair

from mailkit.clients import send
from mailkit.conversation.demands import TlsDemand
from mailkit.conversation.encryption import unverified_context
from mailkit.network import Network
from mailkit.results import Outcome
from mailkit.transport_policy import Means, MtaSts, dane, decide, mta_sts, value_for

MX = "mx.kaisha.example"
RESOLVERS = [f"127.0.{n}.53" for n in range(11, 60)]  # of loopback; resolv.conf knows no other port than 53

# Its mail for kaisha.example goes to {server}.
_SENDER = """
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_tls_loglevel = 1
smtp_host_lookup = dns
transport_maps = inline:{{kaisha.example=smtp:[mx.kaisha.example]:{server}}}
"""
_DANE = "smtp_dns_support_level = dnssec\nsmtp_tls_security_level = dane"


@contextmanager
def resolver_on_53(port: int) -> Iterator[str]:
    """What port 53 of an address is asked, the server on *port* answers; yields the address.

    Skips where that port may not be opened; where another run of the tests has it, the next address is taken.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for address in RESOLVERS:
        try:
            sock.bind((address, 53))
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE or address == RESOLVERS[-1]:
                sock.close()
                pytest.skip(f"port 53 of {address} cannot be opened here: {error}")
    sock.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                wire, client = sock.recvfrom(4096)
                query = dns.message.from_wire(wire)
                sock.sendto(dns.query.tcp(query, "127.0.0.1", 30, port).to_wire(), client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        over.set()
        thread.join(40)
        sock.close()


def mail_server(pair: Pair | None, folder: Path, taken: list[bytes]):  # type: ignore[no-untyped-def]
    """A server that takes every message, with STARTTLS if it has a *pair*."""
    context = None
    if pair:
        (folder / "mx.pem").write_bytes(pair.pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "mx.pem")

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 mx.kaisha.example\r\n")
        stream = connection.makefile("rb")
        encrypted = False
        while line := stream.readline():
            verb = line.strip().upper()
            if verb.startswith(b"EHLO"):
                more = b"250-STARTTLS\r\n" if context and not encrypted else b""
                connection.sendall(b"250-mx.kaisha.example\r\n" + more + b"250 8BITMIME\r\n")
            elif verb == b"STARTTLS" and context:
                connection.sendall(b"220 go ahead\r\n")
                connection = context.wrap_socket(connection, server_side=True)
                stream, encrypted = connection.makefile("rb"), True
            elif verb == b"DATA":
                connection.sendall(b"354 go ahead\r\n")
                while (text := stream.readline()) not in (b".\r\n", b""):
                    taken.append(text)
                connection.sendall(b"250 taken\r\n")
            elif verb == b"QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                connection.sendall(b"250 ok\r\n")

    return behave


@contextmanager
def postfix(folder: Path, server: int, settings: str, resolver: str) -> Iterator[int]:
    """Postfix as a sender, whose mail for kaisha.example goes to *server*; yields the port that takes mail."""
    more = _SENDER.format(server=server) + settings + "\n"
    with running("postfix", folder, OWN.pem(), "smtp.sender.example", more, resolver=resolver) as ports:
        yield ports[25]


def postfix_says(folder: Path, port: int) -> tuple[str, str]:
    """Hand a message to Postfix, and return what becomes of it: the status in its log, and the line."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.sendmail("shop@sender.example", ["hanako@kaisha.example"], "Subject: hello\r\n\r\nhello\r\n")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in (folder / "log").read_text(errors="replace").splitlines():
            if "status=" in line:
                return line.partition("status=")[2].split()[0], line
        time.sleep(0.1)
    raise AssertionError((folder / "log").read_text(errors="replace"))


def ours_by_dane(world: World, port: int) -> tuple[bool, str]:
    """Return whether a sender made of the same parts as the lab's delivers, and why."""
    net = replace(world.net, timeout=20.0)
    found = dane(MX, port, net=net)
    if found.means is Means.OPPORTUNISTIC:
        demand = None
    elif found.means is Means.ENCRYPT:
        demand = TlsDemand(unverified_context())
    elif found.means is Means.AUTHENTICATE:
        demand = TlsDemand(
            unverified_context(),
            lambda chain: found.holds(chain, now=net.now(), names=["kaisha.example"]).reason,
        )
    else:
        return False, found.reason
    sent = send(
        MX, port, b"Subject: hello\r\n\r\nhello\r\n", sender="shop@sender.example",
        recipients=["hanako@kaisha.example"], net=net, demand=demand,
    )  # fmt: skip
    return sent.outcome is Outcome.OPEN, f"{found.means}: {sent.reason}"


AUTHORITY = Authority()
OWN, OTHER = AUTHORITY.issue(MX), AUTHORITY.issue(MX)


def value(pair: Pair, usage: int = 3) -> str:
    return value_for(pair.certificate.public_bytes(Encoding.DER), usage=usage)


@pytest.mark.parametrize(
    ("case", "records", "pair", "delivered"),
    [
        ("its certificate is the one in the DNS", [value(OWN)], OWN, True),
        ("the old and the new key are in the DNS", [value(OTHER), value(OWN)], OWN, True),
        ("another certificate", [value(OTHER)], OWN, False),
        ("STARTTLS hidden", [value(OWN)], None, False),
        ("usage 1 only: any certificate, but TLS", ["1" + value(OTHER)[1:]], OWN, True),
        ("usage 1 only, STARTTLS hidden", ["1" + value(OTHER)[1:]], None, False),
        ("a whole key that is none: any certificate, but TLS", ["3 1 0 30"], OTHER, True),
        ("a whole certificate that is none, and the right key", ["3 0 0 30", value(OWN)], OWN, True),
        ("an authority that the server does not send", [value(AUTHORITY.pair, 2)], OWN, False),
        ("no record, STARTTLS hidden", [], None, True),
        ("no record", [], OTHER, True),
    ],
)
def test_postfix_with_dane_decides_as_we_do(tmp_path, case, records, pair, delivered):
    unpacked("postfix")  # skips where it is missing
    taken: list[bytes] = []
    with tcp_server(mail_server(pair, tmp_path, taken)) as server:
        published = {"kaisha.example": {"MX": [f"10 {MX}."]}, MX: {"A": ["127.0.0.1"]}}
        if records:
            published[f"_{server}._tcp.{MX}"] = {"TLSA": records}
        with dns_parts(published, zones=["kaisha.example"], timeout=20.0) as world:
            good, why = ours_by_dane(world, server)
            assert good is delivered, why
            assert bool(taken) is delivered
            taken.clear()
            with resolver_on_53(world.port) as resolver, postfix(tmp_path, server, _DANE, resolver) as port:
                status, line = postfix_says(tmp_path, port)
            assert status == ("sent" if delivered else "deferred"), line
            assert bool(taken) is delivered, line


# MTA-STS


def policy_map(found: MtaSts, nexthop: str) -> str:
    """The settings that make Postfix keep to the policy *found* for mail to *nexthop*.

    A policy that is not enforced gets no entry, and a wildcard loses its asterisk: so postfix-mta-sts-resolver answers.
    """
    patterns = ":".join(pattern.removeprefix("*") for pattern in found.mx)
    entry = f"{{{nexthop} = secure match={patterns}}}" if found.valid and found.mode == "enforce" else "{x = may}"
    return (
        "smtp_tls_security_level = may\n"
        "smtp_tls_CAfile = $data_directory/../ca.pem\n"
        f"smtp_tls_policy_maps = inline:{{ {entry} }}"
    )


def ours_by_sts(net: Network, port: int) -> bool:
    """Return whether a sender made of the same parts as the lab's delivers."""
    decision = decide("kaisha.example", MX, net=net, honours=["mta_sts"])
    if decision.enforced and not decision.may_try:
        return False
    sent = send(
        MX, port, b"Subject: hello\r\n\r\nhello\r\n", sender="shop@sender.example",
        recipients=["hanako@kaisha.example"], net=net, demand=decision.demand(net) if decision.enforced else None,
    )  # fmt: skip
    return sent.outcome is Outcome.OPEN


STRANGER, WRONG = Authority("Strange Root").issue(MX), AUTHORITY.issue("www.kaisha.example")


def policy(mode: str = "enforce", mx: str = MX) -> bytes:
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in mx.split()), "max_age: 604800"]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("case", "served", "pair", "delivered"),
    [
        ("its certificate is right", policy(), OWN, True),
        ("the policy names it with a wildcard", policy(mx="*.kaisha.example"), OWN, True),
        ("STARTTLS hidden", policy(), None, False),
        ("nobody vouches for its certificate", policy(), STRANGER, False),
        ("its certificate is for another host", policy(), WRONG, False),
        ("the policy names another server", policy(mx="mx2.kaisha.example"), OWN, False),
        ("testing, nobody vouches for its certificate", policy("testing"), STRANGER, True),
        ("testing, STARTTLS hidden", policy("testing"), None, True),
        ("the policy is withdrawn, STARTTLS hidden", policy("none"), None, True),
        ("the policy cannot be read, STARTTLS hidden", policy("enforced"), None, True),
    ],
)
def test_postfix_with_a_policy_map_decides_as_we_do(tmp_path, case, served, pair, delivered):
    assert decisions(tmp_path, served, pair) == (delivered, delivered)


def test_postfix_with_a_policy_map_alone_takes_any_server_of_the_policy_for_the_other(tmp_path):
    """RFC 8461 section 4.2 wants the name of the very host in its certificate; Postfix compares with the whole policy.

    Its setting ``smtp_tls_enforce_sts_mx_patterns``, from 3.10.5 on, is about this.
    """
    assert decisions(tmp_path, policy(mx=f"{MX} www.kaisha.example"), WRONG) == (False, True)


def decisions(folder: Path, served: bytes, pair: Pair | None) -> tuple[bool, bool]:
    """Return whether we deliver and whether Postfix does, where *served* is the policy and *pair* is the server's."""
    unpacked("postfix")  # skips where it is missing
    taken: list[bytes] = []
    records = {
        "kaisha.example": {"MX": [f"10 {MX}."]}, MX: {"A": ["127.0.0.1"]},
        "_mta-sts.kaisha.example": {"TXT": ["v=STSv1; id=1"]}, HOST: {"A": ["192.0.2.80"]},
    }  # fmt: skip
    with (
        tcp_server(mail_server(pair, folder, taken)) as server,
        site(folder, response(served), records=records, authority=AUTHORITY) as (net, web),
    ):
        net = redirected(net, {**net.ports, ("127.0.0.1", server): server})
        we = ours_by_sts(net, server)
        assert bool(taken) is we
        taken.clear()
        settings = policy_map(mta_sts("kaisha.example", net=net), f"[{MX}]:{server}")
        with resolver_on_53(web.world.port) as resolver, postfix(folder, server, settings, resolver) as port:
            status, line = postfix_says(folder, port)
        assert bool(taken) is (status == "sent"), line
        assert status in ("sent", "deferred"), line
        return we, status == "sent"
