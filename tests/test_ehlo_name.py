"""What a probe says in EHLO: a name or an address that filters accept, or what the user chose."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from support_servers import tcp_server
from support_smtp_server import Conversation

import mailkit
from mailkit import clients
from mailkit.network import ehlo_names
from mailkit.results import Outcome


@pytest.mark.parametrize("name", ["mail.kaisha.example", "[192.0.2.7]", "[IPv6:2001:db8::7]", "a-b.c3.example"])
def test_the_name_that_is_given_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mailkit.connect("internet", ehlo_name=name).local_hostname == name
    monkeypatch.setenv("MAILKIT_EHLO_NAME", name)
    assert mailkit.connect("internet").local_hostname == name
    assert mailkit.connect("internet", ehlo_name="other.example").local_hostname == "other.example"


@pytest.mark.parametrize(
    "name",
    ["localhost", "a b.example", "x.example\r\nRCPT TO:<a@b.example>", "[192.0.2.7", "192.0.2.7", "[2001:db8::7]",
     "[IPv6:192.0.2.7]", "[IPv6:2001:DB8::7]", "-a.example", "a..example", "a_b.example", "x" * 64 + ".example", 5],
)  # fmt: skip
def test_what_no_server_would_take_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match=r"ehlo_name is a full host name, or an address in brackets \(\[192.0.2.7\]\)"):
        mailkit.connect("internet", ehlo_name=name)


def test_a_machine_with_a_full_name_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "pc7.kaisha.example")
    assert ehlo_names.own_ehlo_name() == "pc7.kaisha.example"


@pytest.mark.parametrize("hostname", ["pc7", "pc7.local", "PC7.LAN", "pc7.localdomain", "x.1.168.192.in-addr.arpa"])
def test_a_machine_without_one_says_the_address_it_sends_from(hostname: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: hostname)
    name = ehlo_names.own_ehlo_name()
    assert name.startswith("[") and name.endswith("]")
    address = ipaddress.ip_address(name.strip("[]").removeprefix("IPv6:"))
    assert name == "[127.0.0.1]" or not address.is_loopback, "loopback only where there is no network"
    assert ehlo_names.check_ehlo_name(name) == name


def test_a_machine_without_a_network_is_left_with_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "pc7")
    monkeypatch.setattr(ehlo_names, "_ELSEWHERE", ())
    assert ehlo_names.own_ehlo_name() == "[127.0.0.1]"


def test_it_is_what_the_server_hears() -> None:
    heard = []

    def behave(sock: socket.socket) -> None:
        conversation = Conversation(sock)
        conversation.ehlo()
        heard.extend(conversation.heard)

    net = mailkit.connect("internet", ehlo_name="probe.kaisha.example", timeout=60)
    with tcp_server(behave) as port:
        assert clients.greet("127.0.0.1", port, net=net).outcome is Outcome.OPEN
    assert heard == ["EHLO probe.kaisha.example"]
