"""Dialling: addresses that come late or never, and at most two connections to one address, under whatever name."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from support_dns import dns_world, serving
from support_servers import HOST, closed_port, is_held, loopback_network, patiently, tcp_server, wait_for_end

from mailkit import smtp_auth, tls
from mailkit.clients import greet, send
from mailkit.network import LookupFailed, Network, Slots, Status, internet

PATIENT = 60.0


@contextmanager
def answering(**addresses: str | None) -> Iterator[int]:
    """A name server with *addresses* by record type for every name; None is silence, "" NODATA.  Yields its port."""

    def answer(query: dns.message.Message, transport: str) -> dns.message.Message | None:
        name, rdtype = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        value = addresses[rdtype]
        if value is None:
            return None
        response = dns.message.make_response(query)
        if value:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", rdtype, value))
        return response

    with serving(answer) as port:
        yield port


def hello(connection: socket.socket) -> None:
    connection.sendall(b"hello")


def network(dns_port: int, **options: Any) -> Network:
    return loopback_network(**{"timeout": PATIENT, "nameservers": [f"{HOST}:{dns_port}"], **options})


def test_silence_about_ipv6_does_not_spend_the_time_of_ipv4() -> None:
    with answering(A=HOST, AAAA=None) as dns_port, tcp_server(hello) as port:
        sock = network(dns_port, timeout=20.0).dial("a.example", port)  # with the time spent, it would raise
        with sock:
            assert sock.recv(100) == b"hello"


def test_silence_about_ipv4_leaves_ipv6() -> None:
    with answering(A=None, AAAA="::1") as dns_port:

        def asked(seconds: float) -> tuple[str, ...]:
            with suppress(LookupFailed):
                return network(dns_port, timeout=seconds).addresses("a.example")
            return ()

        assert patiently(asked, early=lambda found: not found) == ("::1",)


def test_silence_about_ipv6_after_a_refusal_over_ipv4() -> None:
    def dialled(seconds: float) -> OSError:
        with pytest.raises(OSError) as failed:
            network(dns_port, timeout=seconds).dial("a.example", closed_port())
        return failed.value

    with answering(A=HOST, AAAA=None) as dns_port:
        failure = patiently(dialled, early=lambda failure: isinstance(failure, LookupFailed))
    assert isinstance(failure, ConnectionRefusedError)


def test_neither_address_and_one_unanswered_is_not_no_such_address() -> None:
    with answering(A="", AAAA=None) as dns_port, pytest.raises(LookupFailed) as failed:
        network(dns_port, timeout=1.0).dial("a.example", 25)
    assert failed.value.answer.status is Status.TIMEOUT


def test_a_host_that_has_ipv6_only_is_dialled() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    port = server.getsockname()[1]
    with server, answering(A="", AAAA="::1") as dns_port, network(dns_port).dial("a.example", port) as sock:
        assert sock.getpeername()[0] == "::1"


@pytest.mark.parametrize("host", [None, 25, b"mx.example"])
def test_a_host_is_text(host: Any) -> None:
    with pytest.raises(TypeError, match="a host is a name or an address as text"):
        loopback_network().dial(host, 25)


# Slots


class Crowd:
    """A server that counts how many it talks to at the same time, and lets nobody go before all have had their turn."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.05)
        connection.sendall(b"220 hello\r\n")
        with suppress(OSError):
            connection.recv(100)
        with self._lock:
            self.now -= 1  # before the client can have left its slot
        connection.sendall(b"554 no\r\n")
        wait_for_end(connection)


def test_one_address_under_many_names_gets_two_connections() -> None:
    crowd = Crowd()
    names = [f"{name}.example" for name in ("mx", "MX", "smtp", "imap", "pop", "mail")]
    with answering(A=HOST, AAAA="") as dns_port, tcp_server(crowd) as port, ThreadPoolExecutor(12) as pool:
        net = network(dns_port)
        jobs = [pool.submit(greet, name, port, net=net) for name in [*names, HOST, *names[:5]]]
        assert {str(job.result().outcome) for job in jobs} == {"rejected"}
    assert crowd.most == 2


def test_a_block_holds_the_slot_of_each_address_once_until_it_ends() -> None:
    net = loopback_network(PATIENT)
    with tcp_server(wait_for_end) as port:
        with net.slot(HOST):
            for _ in range(3):  # one conversation may dial its host again
                net.dial(HOST, port).close()
            assert _free(net) == 1
        with net.slot("localhost"):
            assert _free(net) == 2  # a name takes its slot when it is dialled
            net.dial(HOST, port).close()
            assert _free(net) == 1
        assert _free(net) == 2


def test_a_connection_that_came_to_nothing_gives_its_slot_back() -> None:
    net = loopback_network(PATIENT)
    with net.slot("localhost"):
        with pytest.raises(ConnectionRefusedError):
            net.dial(HOST, closed_port())
        assert _free(net) == 2


def _free(net: Network) -> int:
    """How many slots of the loopback address another thread gets."""

    def count() -> int:
        with ExitStack() as blocks:
            for number in range(3):
                blocks.enter_context(net._slots.block())
                try:
                    net._slots.take(HOST, 0.01)
                except TimeoutError:
                    return number
        return 3

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(count).result()


MESSAGE = b"From: a@kaisha.example\r\n\r\nhello\r\n"
PROBES: dict[str, Callable[[int, Network], object]] = {
    "greet": lambda port, net: greet(HOST, port, net=net),
    "send": lambda port, net: send(HOST, port, MESSAGE, sender="a@b.example", recipients=["c@d.example"], net=net),
    "capabilities": lambda port, net: smtp_auth.capabilities(HOST, port, net=net),
    "login": lambda port, net: smtp_auth.login(HOST, port, "a@b.example", password="x", outside=True, net=net),
    "converse": lambda port, net: smtp_auth.converse(HOST, port, "NOOP", net=net),
    "tls.scan": lambda port, net: tls.scan(HOST, port, starttls="smtp", net=net),
    "tls.scan of implicit TLS": lambda port, net: tls.scan(HOST, port, starttls="none", net=net),
    "tls.inject": lambda port, net: tls.inject(HOST, port, net=net),
}


@pytest.mark.parametrize("said", [b"554 no\r\n", b"HTTP/1.1 400 Bad Request\r\n"])
@pytest.mark.parametrize("probe", PROBES)
def test_a_connection_ends_before_its_slot_is_given_back(
    probe: str, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the conversation comes to a bad end: else the next one is a third at the same time."""
    there: list[socket.socket] = []
    open_at_the_end: list[int] = []
    original = Slots.block

    @contextmanager
    def watched(slots: Slots) -> Iterator[None]:
        with original(slots):
            try:
                yield
            finally:
                open_at_the_end.append(sum(is_held(connection) for connection in there))

    def behave(connection: socket.socket) -> None:
        there.append(connection.dup())
        connection.sendall(said)
        wait_for_end(connection)

    monkeypatch.setattr(Slots, "block", watched)
    with tcp_server(behave) as port:
        PROBES[probe](port, loopback_network(PATIENT))
    assert there and set(open_at_the_end) == {0}
    for connection in there:
        connection.close()


def test_waiting_for_a_slot_is_no_time_of_the_connection() -> None:
    net = loopback_network(1.0)
    with tcp_server(hello) as port, net.slot(HOST):
        held = threading.Event()
        done = threading.Event()

        def hold() -> None:
            with net.slot(HOST):
                held.set()
                done.wait(PATIENT)

        keeper = threading.Thread(target=hold)
        keeper.start()
        held.wait(PATIENT)
        with ThreadPoolExecutor(1) as pool:

            def dial() -> bytes:
                with net.slot("localhost"), net.dial(HOST, port) as sock:
                    return sock.recv(100)

            third = pool.submit(dial)
            time.sleep(1.5)  # longer than the connection itself may take
            assert not third.done()
            done.set()
            assert third.result() == b"hello"
        keeper.join()


def test_mapped_addresses_are_the_same_address() -> None:
    slots = Slots(1)
    with slots.block():
        assert slots.take("192.0.2.1", 1)
        assert not slots.take("::ffff:192.0.2.1", 1)


def test_outside_of_a_block_nothing_is_held() -> None:
    slots = Slots(1)
    assert not slots.take("192.0.2.1", 1)
    assert not slots.take("192.0.2.1", 1)


def test_nobody_waits_for_ever() -> None:
    slots = Slots(1)
    with slots.block():
        slots.take("192.0.2.1", 1)
        with slots.block(), pytest.raises(TimeoutError):
            slots.take("192.0.2.1", 0.05)


# The file of the authorities


@pytest.mark.parametrize(
    "content", ["", "no certificate\n", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"]
)
def test_a_ca_file_that_is_no_pem_is_refused_at_once(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(content, encoding="ascii")
    with pytest.raises(ValueError, match=r"ca_file: .* holds no certificate in PEM form"):
        internet(nameservers=["192.0.2.53"], ca_file=file)


def test_a_ca_file_in_der_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "ca.der"
    file.write_bytes(b"0\x82\x01\x00" + bytes(range(256)))
    with pytest.raises(ValueError, match="PEM form"):
        internet(nameservers=["192.0.2.53"], ca_file=file)


def test_a_job_keeps_its_deadline_over_many_dials() -> None:
    with dns_world({"a.example": {"A": ["192.0.2.1"]}}, timeout=20.0) as net:
        job = net.remembering(0)
        with pytest.raises(OSError):
            job.dial("a.example", 25)
        assert job.lookup("a.example", "A").status is Status.TIMEOUT
