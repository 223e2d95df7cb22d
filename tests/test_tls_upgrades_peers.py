"""``tls.scan`` beside ``openssl s_client -starttls``, with Debian's servers of FTP, NNTP, LDAP, Sieve and XMPP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from support_daemons import running, unpacked
from support_neighbours import NEIGHBOURS
from support_servers import PATIENCE
from support_tls import HOST, network
from test_tls_peers import MIDDLE, ROOT, Client, Running, reported, s_client, scanned

from mailkit import tls
from mailkit.results import Outcome, Stage

__all__ = ["s_client"]


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """``neighbours(name)`` starts that daemon, once."""
    started: dict[str, Running] = {}
    with ExitStack() as stack:

        def start(name: str) -> Running:
            if name not in started:
                folder = tmp_path_factory.mktemp(name)
                ca_file = ROOT.write(folder)
                pem = MIDDLE.issue(HOST).pem(MIDDLE.pair)
                root = unpacked(name.removesuffix("-without-tls"))
                started[name] = Running(stack.enter_context(running(name, root, folder, pem, HOST)), ca_file)
            return started[name]

        yield start


@pytest.mark.parametrize(
    ("name", "port"),
    [(name, port) for name, known in NEIGHBOURS.items() for port in known.ports if not name.endswith("-without-tls")],
)
def test_neighbours(name: str, port: int, neighbours: Callable[[str], Running], s_client: Client) -> None:
    ports, ca_file = neighbours(name)
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
    name: str, stage: Stage, offered: bool | None, reason: str, neighbours: Callable[[str], Running]
) -> None:
    """INN offers STARTTLS even without a certificate; vsftpd's refusal does not say whether it knows the command."""
    ports, ca_file = neighbours(f"{name}-without-tls")
    ((port, here),) = ports.items()
    found = tls.scan(HOST, here, starttls=NEIGHBOURS[name].ports[port], net=network(ca_file, timeout=PATIENCE))
    assert (found.outcome, found.stage, found.offered) == (Outcome.REJECTED, stage, offered), found
    assert found.reason == reason
