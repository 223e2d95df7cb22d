"""To whom a password goes: never to a server whose certificate bears its name in the common name only (RFC 9525)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from support_servers import server_context, smtp
from support_tls import HOST, Authority, network, serve

from mailkit import smtp_auth, tls
from mailkit.clients import Credentials, send
from mailkit.network import Network
from mailkit.results import Outcome

ROOT = Authority()
SECRET = "a password that stays here"


def by_send(port: int, net: Network) -> tuple[Outcome, str]:
    account = Credentials("hanako@test.example", SECRET)
    sent = send(HOST, port, b"x\r\n", sender="", recipients=["a@test.example"], net=net, credentials=account)
    return sent.outcome, sent.reason


def by_login(port: int, net: Network) -> tuple[Outcome, str]:
    seen = smtp_auth.login(HOST, port, "hanako@test.example", password=SECRET, net=net)
    return seen.outcome, seen.reason


@pytest.mark.parametrize("client", [by_send, by_login])
@pytest.mark.parametrize(
    ("names", "common_name", "outcome"),
    [
        pytest.param((), HOST, Outcome.TLS_FAILURE, id="common name only"),
        pytest.param(("other.example",), HOST, Outcome.TLS_FAILURE, id="common name, and another name beside it"),
        pytest.param((HOST,), "server", Outcome.OPEN, id="subjectAltName"),
    ],
)
def test_the_common_name_gets_no_password(
    client: Callable[[int, Network], tuple[Outcome, str]],
    names: tuple[str, ...],
    common_name: str,
    outcome: Outcome,
    tmp_path: Path,
) -> None:
    """Case N35: the server notes all that reaches it, in the clear and inside TLS."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(ROOT.issue(*names, common_name=common_name).pem())
    heard: list[str] = []
    with serve(smtp(tls=server_context(pem), heard=heard)) as server:
        ended, reason = client(server.port, network(ROOT.write(tmp_path), timeout=20))
    assert ended is outcome, (ended, reason)
    said_auth = any(line.upper().startswith("AUTH") for line in heard)
    assert said_auth is (outcome is Outcome.OPEN), heard
    if outcome is not Outcome.OPEN:
        assert "does not bear this name" in reason


def test_every_context_of_a_network_ignores_the_common_name(tmp_path: Path) -> None:
    net = network(ROOT.write(tmp_path))
    for context in (net.tls_context(), tls.handshakes.strict(net), tls.handshakes.strict(net, "TLS 1.2")):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.hostname_checks_common_name is False
