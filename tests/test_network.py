"""One interface to two networks: arguments, lookups, dialling, and who is to blame when a proxy stands between."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support_servers import HOST, closed_port, loopback_network, patiently, tcp_server, wait_for_end
from support_worlds import patient

import mailkit
from mailkit.lab import Lab
from mailkit.network import LookupFailed, Network, NotConnected, ProxyError, Status, internet
from mailkit.network.dns_lookup import parse_nameserver
from mailkit.network.socks import Proxy

MX = "192.0.2.25"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture
def net(lab: Lab) -> Network:
    return patient(lab.network())


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NAMESERVERS", "VIA", "CA_FILE", "TRUST_ANCHOR"):
        monkeypatch.delenv(f"MAILKIT_{name}", raising=False)


# Arguments


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda: mailkit.connect("intranet"), ValueError, '"lab" .*or "internet".*not .intranet'),
        (lambda: mailkit.connect(None), ValueError, '"lab" .*or "internet"'),  # type: ignore[arg-type]
        (lambda: mailkit.connect("lab", via="socks5://127.0.0.1"), TypeError, r"takes no via.*connect\('internet'\)"),
        (lambda: mailkit.connect("lab", vantage="moon"), ValueError, "'moon'; this network has office, home"),
        (lambda: mailkit.connect("internet", vantage="moon"), ValueError, "'moon'; this network has here"),
        (lambda: mailkit.connect("internet", nameservers="192.0.2.53"), TypeError, "is a list.*nameservers=\\["),
        (lambda: mailkit.connect("internet", nameservers=["ns.example"]), ValueError, "an IP address like.*ns.example"),
        (lambda: mailkit.connect("internet", nameservers=[53]), TypeError, "a text like '192.0.2.53'"),
        (lambda: mailkit.connect("internet", via="127.0.0.1:1080"), ValueError, "must look like 'socks5://"),
        (lambda: mailkit.connect("internet", via="http://127.0.0.1:1080"), ValueError, "must look like 'socks5://"),
        (lambda: mailkit.connect("internet", via="socks5://[::1"), ValueError, "must look like 'socks5://"),
        (lambda: mailkit.connect("internet", via="socks5://h:99999"), ValueError, "must look like 'socks5://"),
        (lambda: mailkit.connect("internet", via=1080), TypeError, "a text like 'socks5://"),
        (lambda: mailkit.connect("internet", vantages="socks5://h"), TypeError, "vantages={'vps': "),
        (lambda: mailkit.connect("internet", vantages={"vps": "h"}), ValueError, "must look like 'socks5://"),
        (lambda: mailkit.connect("internet", timeout=0), ValueError, "seconds greater than 0"),
        (lambda: mailkit.connect("internet", timeout="5"), ValueError, "seconds greater than 0"),
        (lambda: mailkit.connect("internet", timeout=float("inf")), ValueError, "seconds greater than 0"),
        (
            lambda: mailkit.connect("internet", ca_file="/nowhere.pem"),
            ValueError,
            "ca_file: there is no file '/nowhere",
        ),
        (lambda: mailkit.connect("internet", trust_anchor="/nowhere"), ValueError, "trust_anchor: there is no file"),
        (lambda: mailkit.connect("internet", probe_domains="kaisha.example"), TypeError, "probe_domains is a list"),
    ],
)
def test_bad_arguments_are_answered_with_what_to_pass(
    call: Callable[[], Network], kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        call()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        (" 192.0.2.53 ", ("192.0.2.53", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
    ],
)
def test_nameservers_are_read(text: str, found: tuple[str, int]) -> None:
    assert parse_nameserver(text) == found


@pytest.mark.parametrize("text", ["", "ns.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "[::1", "1.2.3"])
def test_what_is_no_nameserver_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an IP address like"):
        parse_nameserver(text)


def test_the_environment_gives_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lab: Lab) -> None:
    anchor = tmp_path / "root.key"
    anchor.write_text(Path(lab.trust_anchor).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("MAILKIT_NAMESERVERS", "127.0.0.1:5353, ::1")
    monkeypatch.setenv("MAILKIT_VIA", "socks5://user:pass@127.0.0.1:1081")
    monkeypatch.setenv("MAILKIT_CA_FILE", lab.ca_file)
    monkeypatch.setenv("MAILKIT_TRUST_ANCHOR", str(anchor))
    net = mailkit.connect("internet")
    assert net.nameservers == (("127.0.0.1", 5353), ("::1", 53))
    assert net.proxy == Proxy("127.0.0.1", 1081, "user", "pass")
    assert "pass" not in repr(net).replace("password", "")
    assert (net.ca_file, net.trust_anchor) == (lab.ca_file, str(anchor))
    named = mailkit.connect("internet", nameservers=["192.0.2.1"], via="socks5://127.0.0.1:1082")
    assert named.nameservers == (("192.0.2.1", 53),)
    assert named.proxy == Proxy("127.0.0.1", 1082)


def test_vantages_are_ways_out() -> None:
    net = mailkit.connect("internet", nameservers=["192.0.2.53"], vantages={"vps": "socks5://127.0.0.1:1081"})
    assert net.vantages == ("here", "vps")
    assert net.proxy is None
    away = net.at("vps")
    assert away.vantage == "vps" and away.proxy == Proxy("127.0.0.1", 1081)
    assert away.nameservers == net.nameservers
    assert away.at("here").proxy is None
    assert away.at("vps") is away


def test_the_lab_has_its_vantages(net: Network) -> None:
    assert net.vantage == "office"
    assert net.vantages[:3] == ("office", "home", "hotel")
    assert net.at("home").at("office").vantage == "office"
    with pytest.raises(ValueError, match="no vantage point 'moon'; this network has office, home"):
        net.at("moon")


def test_the_practice_internet_is_the_ordinary_network(lab: Lab) -> None:
    same = internet(
        nameservers=[f"127.0.0.1:{lab.dns_port}"], via=f"socks5://home@127.0.0.1:{lab.socks_port}", timeout=30
    )
    assert type(same) is type(lab.network("home"))
    assert same.lookup("kaisha.example", "MX") == lab.network().lookup("kaisha.example", "MX")

    def dialled(seconds: float) -> OSError:
        with pytest.raises(OSError) as failed:
            same.dial(MX, 25, timeout=seconds)
        return failed.value

    # The proxy must answer first, and then nothing may come.
    failure = patiently(dialled, early=lambda failure: isinstance(failure, ProxyError), seconds=1.0)
    assert isinstance(failure, TimeoutError)


# Lookups


def test_what_the_dns_says_is_an_answer(net: Network, lab: Lab) -> None:
    found = net.lookup("kaisha.example", "MX")
    assert (found.status, found.records, found.ttl) == (Status.NOERROR, ("10 mx.kaisha.example.",), 300)
    assert found and found.rdata[0].preference == 10
    assert [text.lower() for text in net.lookup("KAISHA.example.", "mx").records] == list(found.records)
    nothing = net.lookup("kaisha.example", "AAAA")
    assert (nothing.status, bool(nothing), nothing.records) == (Status.NODATA, False, ())
    assert nothing.reason == "the name has no AAAA"
    assert net.lookup("nowhere.kaisha.example", "A").status is Status.NXDOMAIN
    assert net.lookup("alias.mistakes.example", "A").chain == ("mx.mistakes.example",)
    lab.resolver.fault("broken.example", "servfail")
    assert net.lookup("broken.example", "A").status is Status.SERVFAIL
    lab.resolver.fault("silent.example", "silence")
    assert net.lookup("silent.example", "A", timeout=0.2).status is Status.TIMEOUT


def test_texts_join_their_pieces_without_a_space(lab: Lab, net: Network) -> None:
    lab.publish("long.kaisha.example", "TXT", "v=" + "x" * 600)
    assert net.lookup("long.kaisha.example", "TXT").texts == (b"v=" + b"x" * 600,)


def test_a_dead_nameserver_is_passed_over(lab: Lab) -> None:
    net = internet(nameservers=[f"127.0.0.1:{closed_port()}", f"127.0.0.1:{lab.dns_port}"], timeout=30)
    assert net.lookup("kaisha.example", "MX")


def test_no_nameserver_at_all_is_said(net: Network) -> None:
    answer = replace(net, nameservers=()).lookup("kaisha.example", "A")
    assert (answer.status, answer.reason) == (Status.TIMEOUT, "this machine has no DNS resolver configured")


@pytest.mark.parametrize(
    ("name", "rdtype", "kind"),
    [
        ("a..b", "A", ValueError),
        ("x" * 64 + ".example", "A", ValueError),
        ("a." * 128 + "example", "A", ValueError),
        ("kaisha.example", "ADDRESS", ValueError),
        ("kaisha.example", "", ValueError),
        (b"kaisha.example", "A", TypeError),
        ("kaisha.example", 1, TypeError),
    ],
)
def test_questions_that_cannot_be_asked(net: Network, name: str, rdtype: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"domain name|record type"):
        net.lookup(name, rdtype)


def test_the_other_network_is_named(net: Network, lab: Lab) -> None:
    asked_here = net.lookup("nowhere.mail.invalid", "MX")
    assert asked_here.status is Status.NXDOMAIN
    assert 'set NETWORK = "internet"' in asked_here.reason
    assert "NETWORK" not in net.lookup("nowhere.kaisha.example", "MX").reason
    # A resolver of one's own on loopback may well be a practice internet, so it gets no such advice; others do.
    local = internet(nameservers=[f"127.0.0.1:{lab.dns_port}"])
    assert "NETWORK" not in local.lookup("nowhere.kaisha.example", "MX").reason
    real = replace(local, nameservers=(("192.0.2.53", 53),))
    assert 'set NETWORK = "lab"' in real._other_network("nowhere.kaisha.example")
    assert 'set NETWORK = "lab"' in real._other_network("Kaisha.Example.")
    assert 'set NETWORK = "lab"' in replace(local, nameservers=(("127.0.0.53", 53),))._other_network("a.example")
    assert real._other_network("nowhere.notanexample") == ""


def test_addresses(net: Network) -> None:
    assert net.addresses("mx1.bigmail.example") == ("203.0.113.10", "2001:db8:b::10")
    assert net.addresses("192.0.2.1") == ("192.0.2.1",)
    assert net.addresses("2001:DB8::1") == ("2001:db8::1",)
    with pytest.raises(LookupFailed) as failed:
        net.addresses("gone.mistakes.example")
    assert failed.value.answer.status is Status.NXDOMAIN
    with pytest.raises(TypeError, match="as text"):
        net.addresses(3221226009)  # type: ignore[arg-type]


def test_a_timeout_is_a_number(net: Network) -> None:
    with pytest.raises(TypeError, match="timeout is a number of seconds, not '1'"):
        net.lookup("kaisha.example", "MX", timeout="1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="timeout is a number of seconds, not '1'"):
        net.dial(MX, 25, timeout="1")  # type: ignore[arg-type]


# Dialling


def hello(sock: socket.socket) -> bytes:
    with sock:
        return sock.recv(100)


def test_dialling_reaches_the_server_behind_a_documentation_address(net: Network) -> None:
    assert hello(net.dial("mx.kaisha.example", 25)).startswith(b"220 mx.kaisha.example ")
    assert hello(net.dial(MX, 25)).startswith(b"220 mx.kaisha.example ")
    assert hello(net.dial("2001:db8:b::11", 25)).startswith(b"220 mx2.bigmail.example ")


def test_each_policy_looks_as_it_does_in_the_wild(net: Network, lab: Lab) -> None:
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        net.at("home").dial(MX, 25, timeout=2)
    assert time.monotonic() - begun >= 1.9
    with pytest.raises(ConnectionRefusedError):
        net.at("hotel").dial(MX, 25)
    with pytest.raises(OSError) as unreachable:
        net.at("offline").dial(MX, 25)
    assert unreachable.value.errno == errno.EHOSTUNREACH
    assert hello(net.at("intercepted").dial(MX, 25)).startswith(b"220 filter.isp.example ")
    assert hello(net.at("intercepted").dial(net.nobody, 25)).startswith(b"220 filter.isp.example ")
    with pytest.raises(TimeoutError):
        net.dial("192.0.2.202", 25, timeout=2)  # the machine is off
    with pytest.raises(ConnectionRefusedError):
        net.dial(MX, 26)  # it is on, and nothing listens there
    with pytest.raises(OSError) as nobody:
        net.dial(net.nobody, 25)
    assert nobody.value.errno == errno.EHOSTUNREACH
    assert lab.errors == []


def test_home_reaches_its_own_provider(net: Network) -> None:
    assert hello(net.at("home").dial("smtp.isp.example", 25)).startswith(b"220 smtp.isp.example ")


def test_a_name_without_address_is_no_connection_error(net: Network) -> None:
    with pytest.raises(LookupFailed, match="NXDOMAIN"):
        net.dial("gone.mistakes.example", 25)
    with pytest.raises(LookupFailed, match="TIMEOUT"):
        net.at("offline").dial("mx.kaisha.example", 25, timeout=0.2)


@pytest.mark.parametrize("port", [0, 65536, -1, "25", None, 25.0])
def test_a_port_is_a_number(net: Network, port: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 65535"):
        net.dial(MX, port)


def test_dialling_without_a_proxy() -> None:
    net = loopback_network(timeout=20.0)
    with tcp_server(lambda connection: connection.sendall(b"hi")) as port:
        assert hello(net.dial(HOST, port)) == b"hi"
    with pytest.raises(ConnectionRefusedError):
        net.dial(HOST, closed_port())


def test_a_silent_address_leaves_time_for_the_next(lab: Lab, net: Network) -> None:
    lab.publish("two.kaisha.example", "A", "192.0.2.202", MX)
    assert hello(net.dial("two.kaisha.example", 25, timeout=6)).startswith(b"220 mx.kaisha.example ")
    lab.publish("mixed.kaisha.example", "A", "192.0.2.202")
    lab.publish("mixed.kaisha.example", "AAAA", "2001:db8:b::10")
    assert hello(net.dial("mixed.kaisha.example", 25, timeout=6)).startswith(b"220 mx1.bigmail.example ")


# Proxies


def socks_proxy(reply: bytes, *, then_wait: bool = False, methods: bytes = b"\x05\x00") -> Callable[..., None]:
    """A proxy that greets with *methods*, takes one request and answers it with *reply*."""

    def behave(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(methods)
        if methods == b"\x05\x00":
            connection.recv(100)
            connection.sendall(reply)
        if then_wait:
            wait_for_end(connection)

    return behave


def hang_up(connection: socket.socket) -> None:
    """Close at once."""


def hang_up_after_greeting(connection: socket.socket) -> None:
    connection.recv(100)


def reset(connection: socket.socket) -> None:
    connection.recv(100)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def http_proxy(connection: socket.socket) -> None:
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


OK = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("proxy", "kind", "number"),
    [
        pytest.param(hang_up, ProxyError, None, id="hangs up at once"),
        pytest.param(hang_up_after_greeting, ProxyError, None, id="hangs up after the greeting"),
        pytest.param(reset, ProxyError, None, id="resets"),
        pytest.param(http_proxy, ProxyError, None, id="speaks HTTP"),
        pytest.param(socks_proxy(b"", methods=b"\x05\xff"), ProxyError, None, id="accepts no method"),
        pytest.param(socks_proxy(b"", methods=b"\x05"), ProxyError, None, id="half a method"),
        pytest.param(socks_proxy(b"", methods=b"\x04\x00"), ProxyError, None, id="another version"),
        pytest.param(socks_proxy(b""), NotConnected, None, id="no reply, as ssh -D"),
        pytest.param(socks_proxy(OK[:2]), ProxyError, None, id="half a reply"),
        pytest.param(socks_proxy(OK[:6]), ProxyError, None, id="reply breaks off in the address"),
        pytest.param(socks_proxy(b"\x04" + OK[1:]), ProxyError, None, id="reply of another version"),
        pytest.param(socks_proxy(OK[:3] + b"\x09" + OK[4:]), ProxyError, None, id="unknown address type"),
        pytest.param(socks_proxy(b"\x05\x01" + OK[2:]), NotConnected, None, id="general failure"),
        pytest.param(socks_proxy(b"\x05\x02" + OK[2:]), NotConnected, None, id="not allowed by ruleset"),
        pytest.param(socks_proxy(b"\x05\x03" + OK[2:]), OSError, errno.ENETUNREACH, id="network unreachable"),
        pytest.param(socks_proxy(b"\x05\x04" + OK[2:]), OSError, errno.EHOSTUNREACH, id="host unreachable"),
        pytest.param(socks_proxy(b"\x05\x05" + OK[2:]), ConnectionRefusedError, errno.ECONNREFUSED, id="refused"),
        pytest.param(socks_proxy(b"\x05\x06" + OK[2:]), OSError, errno.EHOSTUNREACH, id="TTL expired"),
        pytest.param(socks_proxy(b"\x05\xee" + OK[2:]), NotConnected, None, id="unheard-of code"),
        pytest.param(socks_proxy(b"", then_wait=True), TimeoutError, None, id="still trying"),
    ],
)
def test_whose_fault_it_is(proxy: Callable[..., None], kind: type[OSError], number: int | None) -> None:
    with tcp_server(proxy) as port:

        def dialled(seconds: float) -> OSError:
            with pytest.raises(OSError) as failed:
                loopback_network(seconds, via=f"socks5://127.0.0.1:{port}").dial("192.0.2.25", 25)
            return failed.value

        # Only the proxy that is still trying takes all of the time, and it greets first.
        failure = patiently(
            dialled,
            early=lambda failure: kind is TimeoutError and isinstance(failure, ProxyError),
            seconds=0.5 if kind is TimeoutError else 60.0,
        )
    if number is None:
        assert type(failure) is kind
    else:
        assert isinstance(failure, kind) and failure.errno == number


def test_a_proxy_that_is_not_there() -> None:
    net = loopback_network(via=f"socks5://127.0.0.1:{closed_port()}")
    with pytest.raises(ProxyError, match="cannot reach the proxy"):
        net.dial("192.0.2.25", 25)


def test_a_proxy_that_never_greets_is_the_proxys_fault() -> None:
    with tcp_server(wait_for_end) as port:
        net = loopback_network(timeout=0.3, via=f"socks5://127.0.0.1:{port}")
        with pytest.raises(ProxyError, match="handshake"):
            net.dial("192.0.2.25", 25)


@pytest.mark.parametrize("verdict", [b"\x01\x00", b"\x01\x01", b""])
def test_the_login(verdict: bytes) -> None:
    heard: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        heard.append(connection.recv(100))
        connection.sendall(b"\x05\x02")
        heard.append(connection.recv(100))
        connection.sendall(verdict)
        if verdict == b"\x01\x00":
            heard.append(connection.recv(100))
            connection.sendall(OK + b"220 welcome\r\n")

    with tcp_server(behave) as port:
        net = loopback_network(via=f"socks5://us%65r:secret@127.0.0.1:{port}")
        if verdict == b"\x01\x00":
            assert hello(net.dial("2001:db8::25", 25)) == b"220 welcome\r\n"
            assert heard[2] == b"\x05\x01\x00\x04" + socket.inet_pton(socket.AF_INET6, "2001:db8::25") + b"\x00\x19"
        else:
            with pytest.raises(ProxyError) as failed:
                net.dial("2001:db8::25", 25)
            assert "secret" not in str(failed.value) + repr(net)
    assert heard[:2] == [b"\x05\x02\x00\x02", b"\x01\x04user\x06secret"]


# Manners and threads


def test_two_connections_to_a_host_and_no_more() -> None:
    net = loopback_network()
    now, most = 0, 0
    lock = threading.Lock()

    def behave(connection: socket.socket) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        connection.sendall(b"220 hello\r\n")
        connection.recv(100)
        with lock:
            now -= 1  # before the client can have left its slot
        connection.sendall(b"250 hello\r\n")
        connection.recv(100)
        connection.sendall(b"221 bye\r\n")

    with tcp_server(behave) as port:
        rows = mailkit.op25b.scan_from_vantages([HOST] * 6, [port], net=net)
        assert len(rows) == 1  # a host named twice is asked once
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(mailkit.clients.greet, HOST, port, net=net) for _ in range(6)]
            assert [a.result().outcome for a in asked] == ["open"] * 6
    assert most == 2


def test_waiting_for_a_slot_does_not_eat_up_the_time_to_talk() -> None:
    def all_greeted(seconds: float) -> set[str]:
        net = loopback_network(seconds)  # a conversation may take twice that, and the last waits longer for its slot

        def slow(connection: socket.socket) -> None:
            time.sleep(0.8 * seconds)
            connection.sendall(b"554 go away\r\n")
            connection.recv(100)
            connection.sendall(b"221 bye\r\n")

        with tcp_server(slow) as port, ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(mailkit.clients.greet, HOST, port, net=net) for _ in range(8)]
            return {str(a.result().outcome) for a in asked}

    # Two at a time: the last waits three times 0.8 of it.
    assert patiently(all_greeted, early=lambda seen: "timeout" in seen, seconds=1.0) == {"rejected"}


def test_slots_are_shared_by_all_vantage_points() -> None:
    net = internet(nameservers=["192.0.2.53"], vantages={"vps": "socks5://127.0.0.1:1081"})
    assert net.at("vps")._slots is net._slots


def test_several_networks_in_several_threads(lab: Lab) -> None:
    def ask(number: int) -> str:
        place = list(lab.world.vantage_points)[number % 3]
        try:
            # At home nothing will come back.
            sock = lab.network(place).dial("mx.kaisha.example", 25, timeout=3 if place == "home" else 30)
            return hello(sock)[:3].decode()
        except OSError as error:
            return type(error).__name__

    with ThreadPoolExecutor(12) as pool:
        seen = list(pool.map(ask, range(30)))
    assert seen == ["220", "TimeoutError", "ConnectionRefusedError"] * 10


def test_the_clock_and_the_caption(lab: Lab, net: Network) -> None:
    assert net.caption == f"practice internet, seen from office, {lab.clock.now():%Y-%m-%d}"
    assert "internet, seen from here, " in internet(nameservers=["192.0.2.53"]).caption
    assert net.now() == lab.clock.now()


def test_certificates_are_verified_against_the_networks_own_authority(net: Network) -> None:
    with net.dial("smtp.kaisha.example", 465) as sock:
        secure = net.tls_context().wrap_socket(sock, server_hostname="smtp.kaisha.example")
        assert secure.getpeercert()["subject"] == ((("commonName", "smtp.kaisha.example"),),)
        secure.close()
