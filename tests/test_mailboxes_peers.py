"""Dovecot on loopback and the practice internet's servers: the same settings, the same offer of logins."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support_daemons import running
from support_tls import HOST, Authority, Loopback

from mailkit import mailboxes
from mailkit.conversation import MailboxOffer
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.results import Outcome

ROOT = Authority()

# Dovecot takes loopback for as good as TLS.  So the test says, as a proxy may, that it comes from far away.
_SETTINGS = """
auth_mechanisms = plain login
haproxy_trusted_networks = 127.0.0.0/8
service imap-login {
  inet_listener imap {
    haproxy = yes
  }
  inet_listener imaps {
    haproxy = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    haproxy = yes
  }
  inet_listener pop3s {
    haproxy = yes
  }
}
"""
# The setting of Dovecot -> the host of the practice internet that is set like that.
HOSTS = {"yes": "pop.isp.example", "no": "imap.mistakes.example"}


class FromFarAway(Loopback):
    """Loopback, where each connection begins with the line of a proxy (PROXY protocol, version 1)."""

    def dial(self, host: str, port: int, *, timeout: float | None = None) -> socket.socket:
        sock = super().dial(host, port, timeout=timeout)
        sock.sendall(f"PROXY TCP4 192.0.2.77 192.0.2.78 50000 {port}\r\n".encode())
        return sock


@pytest.fixture(scope="module")
def lab() -> Iterator[Network]:
    with Lab() as world:
        yield world.network()


@pytest.fixture(scope="module", params=list(HOSTS))
def dovecot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, object]]:
    setting = str(request.param)
    folder = tmp_path_factory.mktemp("dovecot")
    pem = ROOT.issue(HOST).pem()
    more = f"{_SETTINGS}disable_plaintext_auth = {setting}\n"
    with running("dovecot", folder, pem, HOST, more) as ports:
        yield setting, ports


def deciding(offer: MailboxOffer | None) -> tuple[object, ...]:
    """What decides whether and how somebody may log in."""
    assert offer is not None
    return offer.starttls, offer.password_command, set(offer.mechanisms)


@pytest.mark.parametrize("port", [143, 993, 110, 995])
def test_the_same_offer(port: int, dovecot: tuple[str, dict[int, int]], lab: Network) -> None:
    setting, ports = dovecot
    protocol, implicit = ("imap" if port in (143, 993) else "pop3"), port in (993, 995)
    net = FromFarAway("test", "here", (), timeout=20.0)
    theirs = mailboxes.capabilities(HOST, ports[port], net=net, protocol=protocol, implicit_tls=implicit)
    ours = mailboxes.capabilities(HOSTS[setting], port, net=lab)
    assert theirs.outcome is ours.outcome is Outcome.OPEN, (theirs, ours)
    assert (theirs.before_tls is None) == (ours.before_tls is None) == implicit
    if not implicit:
        assert deciding(theirs.before_tls) == deciding(ours.before_tls)
    assert deciding(theirs.after_tls) == deciding(ours.after_tls)
    assert theirs.apop is ours.apop is False


@pytest.mark.parametrize("port", [143, 110])
def test_the_lab_offers_nothing_that_dovecot_does_not_know(
    port: int, dovecot: tuple[str, dict[int, int]], lab: Network
) -> None:
    setting, ports = dovecot
    protocol = "imap" if port == 143 else "pop3"
    net = FromFarAway("test", "here", (), timeout=20.0)
    theirs = mailboxes.capabilities(HOST, ports[port], net=net, protocol=protocol)
    ours = mailboxes.capabilities(HOSTS[setting], port, net=lab)
    for mine, other in ((ours.before_tls, theirs.before_tls), (ours.after_tls, theirs.after_tls)):
        assert mine is not None and other is not None
        assert set(mine.words) <= set(other.words), (mine.words, other.words)


@pytest.mark.parametrize(
    ("first", "more", "open_before"),
    [
        ("no", "", True),  # both settings are as a careless server has them
        ("yes", "", True),  # CRAM-MD5 stays
        ("yes", "ssl = required\n", False),
    ],
)
def test_what_is_offered_to_paste_closes_every_login_before_tls(
    first: str, more: str, open_before: bool, tmp_path: Path
) -> None:
    """The lines that a finding offers, by what they leave: see mailkit.mailboxes.findings."""
    settings = _SETTINGS.replace("plain login", "plain login cram-md5") + f"disable_plaintext_auth = {first}\n{more}"
    net = FromFarAway("test", "here", (), timeout=20.0)
    with running("dovecot", tmp_path, ROOT.issue(HOST).pem(), HOST, settings) as ports:
        for port, protocol in ((143, "imap"), (110, "pop3")):
            seen = mailboxes.capabilities(HOST, ports[port], net=net, protocol=protocol, implicit_tls=False)
            assert seen.outcome is Outcome.OPEN and seen.before_tls is not None and seen.after_tls is not None
            assert seen.before_tls.logins is open_before and seen.after_tls.logins
            saying = bool({"PLAIN", "LOGIN"} & set(seen.before_tls.mechanisms)) or seen.before_tls.password_command
            assert saying is (first == "no")
