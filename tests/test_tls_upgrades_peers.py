"""``tls.scan`` beside ``openssl s_client -starttls``, with Debian's servers of FTP, NNTP, LDAP, Sieve and XMPP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support_neighbours import NEIGHBOURS
from support_servers import PATIENCE
from support_tls import HOST, network
from test_tls_peers import Client, Running, daemons, reported, s_client, scanned

from mailkit import tls
from mailkit.results import Outcome, Stage

__all__ = ["daemons", "s_client"]


@pytest.mark.parametrize(
    ("name", "port"),
    [(name, port) for name, known in NEIGHBOURS.items() for port in known.ports if not name.endswith("-without-tls")],
)
def test_neighbours(name: str, port: int, daemons: Callable[[str], Running], s_client: Client) -> None:
    ports, ca_file = daemons(name)
    protocol = NEIGHBOURS[name].ports[port]
    found = scanned(ports[port], protocol, ca_file)
    assert found == reported(s_client, ports[port], protocol, ca_file)
    assert found.trusted and found.name_ok


@pytest.mark.parametrize(
    ("name", "stage", "offered", "reason"),
    [
        ("vsftpd", Stage.STARTTLS, None, "530 Please login with USER and PASS."),
        ("nnrpd", Stage.STARTTLS, True, "580 Error initializing TLS"),
        ("slapd", Stage.STARTTLS, False, "StartTLS is not offered: unsupported extended operation"),
        ("managesieve", Stage.STARTTLS, False, "STARTTLS is not offered"),
        ("prosody", Stage.EHLO, None, "the server ends the stream: undefined-condition"),
    ],
)
def test_neighbours_without_tls(
    name: str, stage: Stage, offered: bool | None, reason: str, daemons: Callable[[str], Running]
) -> None:
    """INN offers STARTTLS even without a certificate; vsftpd's refusal does not say whether it knows the command."""
    ports, ca_file = daemons(f"{name}-without-tls")
    ((port, here),) = ports.items()
    found = tls.scan(HOST, here, starttls=NEIGHBOURS[name].ports[port], net=network(ca_file, timeout=PATIENCE))
    assert (found.outcome, found.stage, found.offered) == (Outcome.REJECTED, stage, offered), found
    assert found.reason == reason
