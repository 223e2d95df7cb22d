"""``tls.scan`` against OpenSSL, Postfix, Exim and Dovecot: the facts that ``openssl s_client`` reports of each port."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from support_daemons import DAEMONS, running
from support_servers import closed_port
from support_tls import HOST, Authority, network

from mailkit import tls
from mailkit.results import Outcome

ROOT = Authority()
MIDDLE = Authority("Test Intermediate", issuer=ROOT)

OPTIONS = {"TLS 1.0": "-tls1", "TLS 1.1": "-tls1_1", "TLS 1.2": "-tls1_2", "TLS 1.3": "-tls1_3"}

Client = Callable[..., str]


@dataclass(frozen=True)
class Facts:
    """What a handshake is about, as two programs may report it."""

    versions: tuple[str, ...]
    cipher: str
    trusted: bool | None
    name_ok: bool | None
    subjects: tuple[str, ...]


@pytest.fixture
def s_client(peer: Callable[[str, str], str]) -> Client:
    """``s_client(port, protocol, *options)`` is what ``openssl s_client`` prints."""
    openssl = peer("openssl", "openssl")

    def run(port: int, protocol: str, *options: str) -> str:
        starttls = ["-starttls", protocol] if protocol else []
        starttls += ["-xmpphost", HOST] if protocol == "xmpp" else []
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{port}", "-servername", HOST, *starttls, *options]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=120
        ).stdout

    return run


def reported(client: Client, port: int, protocol: str, ca_file: Path) -> Facts:
    """The facts that ``openssl s_client`` reports."""
    # Python's own list of ciphers, so that both offer the same.
    shown = client(port, protocol, "-CAfile", str(ca_file), "-showcerts", "-verify_hostname", HOST)
    plain = client(port, protocol, "-CAfile", str(ca_file))
    spoken = [
        name
        for name, option in OPTIONS.items()
        if "Cipher is (NONE)" not in client(port, protocol, option, "-cipher", "DEFAULT:@SECLEVEL=0")
    ]
    cipher = re.search(r"Cipher is (\S+)", shown)
    return Facts(
        versions=tuple(spoken),
        cipher=cipher[1] if cipher else "",
        trusted="Verify return code: 0 (ok)" in plain,
        name_ok="Verify return code: 0 (ok)" in shown if "Verify return code: 0 (ok)" in plain else None,
        subjects=tuple(re.findall(r"^ *\d+ s:(?:CN ?= ?)(.*)$", shown, re.MULTILINE)),
    )


def scanned(port: int, protocol: str, ca_file: Path) -> Facts:
    """The same facts as ``tls.scan`` has them."""
    found = tls.scan(HOST, port, starttls=protocol or "none", net=network(ca_file, timeout=60))
    assert found.outcome is Outcome.OPEN, found
    subjects = tuple(certificate.subject.removeprefix("CN=") for certificate in found.chain)
    return Facts(found.versions, found.cipher, found.trusted, found.name_ok if found.trusted else None, subjects)


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return ROOT.write(tmp_path)


# OpenSSL's own server.


@contextmanager
def s_server(openssl: str, pem: bytes, folder: Path, *options: str) -> Iterator[int]:
    """Run ``openssl s_server`` with *options*; yields its port."""
    (folder / "server.pem").write_bytes(pem)
    port = closed_port()
    files = ["-cert", "server.pem", "-key", "server.pem", "-cert_chain", "server.pem"]
    command = [openssl, "s_server", "-accept", f"127.0.0.1:{port}", *files, "-quiet", *options]
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "s_server did not start"
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


LENIENT = ("-cipher", "DEFAULT:@SECLEVEL=0")


@pytest.mark.parametrize(
    ("options", "versions"),
    [
        (LENIENT, ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")),
        ((*LENIENT, "-no_tls1"), ("TLS 1.1", "TLS 1.2", "TLS 1.3")),
        ((*LENIENT, "-no_tls1_3"), ("TLS 1.0", "TLS 1.1", "TLS 1.2")),
        ((*LENIENT, "-tls1"), ("TLS 1.0",)),
        ((*LENIENT, "-tls1_1"), ("TLS 1.1",)),
        (("-tls1_2",), ("TLS 1.2",)),
        (("-tls1_3",), ("TLS 1.3",)),
        ((), ("TLS 1.2", "TLS 1.3")),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("-") else "",
)
@pytest.mark.parametrize("key", ["ec", "rsa2048"])
def test_versions_of_s_server(
    key: str,
    options: tuple[str, ...],
    versions: tuple[str, ...],
    ca_file: Path,
    s_client: Client,
    peer: Callable[[str, str], str],
) -> None:
    pem = ROOT.issue(HOST, key=key).pem()
    with s_server(peer("openssl", "openssl"), pem, ca_file.parent, *options) as port:
        spoken = [
            name
            for name, option in OPTIONS.items()
            if "Cipher is (NONE)" not in s_client(port, "", option, "-cipher", "DEFAULT:@SECLEVEL=0")
        ]
        if tuple(spoken) != versions:
            pytest.skip(f"this OpenSSL speaks {spoken} where {versions} was asked of it")
        found = tls.scan(HOST, port, net=network(ca_file, timeout=60))
    assert (found.outcome, found.versions) == (Outcome.OPEN, versions)
    assert found.name_ok is True and found.key == {"ec": "EC 256", "rsa2048": "RSA 2048"}[key]


@pytest.mark.parametrize("names", [(HOST,), ("other.example",)], ids=str)
@pytest.mark.parametrize("issuer", [ROOT, MIDDLE, Authority("Strange Root")], ids=["root", "intermediate", "stranger"])
def test_facts_of_s_server(
    issuer: Authority,
    names: tuple[str, ...],
    ca_file: Path,
    s_client: Client,
    peer: Callable[[str, str], str],
) -> None:
    pem = issuer.issue(*names).pem(*([issuer.pair] if issuer is MIDDLE else []))
    with s_server(peer("openssl", "openssl"), pem, ca_file.parent) as port:
        assert scanned(port, "", ca_file) == reported(s_client, port, "", ca_file)


# The daemons of the real world.


class Running(NamedTuple):
    """A daemon on loopback: real port -> loopback port, and the file of its authority."""

    ports: Mapping[int, int]
    ca_file: Path


@pytest.fixture(scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """``daemons(name)`` starts that daemon, once: its ports, and the authority that vouches for its certificate."""
    started: dict[str, Running] = {}
    with ExitStack() as stack:

        def start(name: str) -> Running:
            if name not in started:
                folder = tmp_path_factory.mktemp(name)
                ca_file = ROOT.write(folder)
                pem = MIDDLE.issue(HOST).pem(MIDDLE.pair)
                ports = stack.enter_context(running(name, folder, pem, HOST))
                started[name] = Running(ports, ca_file)
            return started[name]

        yield start


@pytest.mark.parametrize(("name", "port"), [(name, port) for name, known in DAEMONS.items() for port in known.ports])
def test_daemons(name: str, port: int, daemons: Callable[[str], Running], s_client: Client) -> None:
    ports, ca_file = daemons(name)
    protocol = DAEMONS[name].ports[port]
    found = scanned(ports[port], protocol, ca_file)
    assert found == reported(s_client, ports[port], protocol, ca_file)
    assert found.trusted and found.name_ok and found.subjects == ("server", "Test Intermediate")
