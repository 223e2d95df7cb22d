"""Lesson 03: what ``tls.scan`` says of certificates of every kind, of hostile servers and of a whole domain."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support_servers import PATIENCE, closed_port, patiently
from support_tls import DAY, HOST, NOW, Authority, network, serve, serve_tls

from mailkit import tls
from mailkit.lab import Lab
from mailkit.network.parallel import each
from mailkit.results import Outcome, Stage, Verdict
from mailkit.tls.hello import VERSIONS
from mailkit.tls.upgrading import protocol_of

ROOT = Authority()


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return ROOT.write(tmp_path)


def scan(pem: bytes, ca_file: Path, host: str = HOST, **options: object) -> tls.Scan:
    """Scan a server that shows *pem*."""
    with serve_tls(pem, ca_file.parent, **options) as server:  # type: ignore[arg-type]
        found = tls.scan(host, server.port, net=network(ca_file))
        assert server.connections <= 4
        return found


# Certificates.


def test_a_good_certificate(ca_file: Path) -> None:
    found = scan(ROOT.issue(HOST).pem(), ca_file)
    assert (found.outcome, found.stage, found.reason) == (Outcome.OPEN, Stage.TLS, "")
    assert found.versions == ("TLS 1.2", "TLS 1.3")
    assert (found.name_ok, found.trusted, found.forward_secrecy) == (True, True, True)
    assert (found.names, found.key, found.signature) == ((HOST,), "EC 256", "ecdsa-with-SHA256")
    assert found.not_after == NOW + 90 * DAY and found.days_left == 90
    assert [certificate.subject for certificate in found.chain] == ["CN=server"]


def test_expired(ca_file: Path) -> None:
    found = scan(ROOT.issue(HOST, start=NOW - 10 * DAY, end=NOW - 2 * DAY).pem(), ca_file)
    assert (found.trusted, found.name_ok, found.days_left) == (False, True, -2)
    assert found.reason == f"its certificate expired on {NOW - 2 * DAY:%Y-%m-%d}"


def test_not_yet_valid(ca_file: Path) -> None:
    found = scan(ROOT.issue(HOST, start=NOW + 2 * DAY).pem(), ca_file)
    assert (found.trusted, found.name_ok) == (False, True)
    assert found.reason == f"its certificate is not valid before {NOW + 2 * DAY:%Y-%m-%d}"


def test_expiry_goes_by_the_clock_of_the_network(ca_file: Path) -> None:
    from dataclasses import replace

    later = replace(network(ca_file), clock=lambda: NOW + 100 * DAY)
    with serve_tls(ROOT.issue(HOST).pem(), ca_file.parent) as server:
        found = tls.scan(HOST, server.port, net=later)
    assert found.days_left == -10 and "expired" in found.reason


def test_wrong_name(ca_file: Path) -> None:
    found = scan(ROOT.issue("other.example", "third.example").pem(), ca_file)
    assert (found.trusted, found.name_ok) == (True, False)
    assert found.reason == "its certificate is for other.example and 1 more, not for this host"


def test_a_name_in_the_subject_alone_does_not_count(ca_file: Path) -> None:
    found = scan(ROOT.issue().pem(), ca_file, host="server")
    assert found.name_ok is False and "bears this name in the common name only" in found.reason
    (judged,) = [finding for finding in tls.judge(found) if finding.check == "certificate"]
    assert "subjectAltName" in judged.advice
    assert "names no host" in scan(ROOT.issue().pem(), ca_file, host="another").reason


@pytest.mark.parametrize(("pattern", "matches"), [("*.test.example", True), ("*.example", False)])
def test_wildcard_stands_for_one_label(pattern: str, matches: bool, ca_file: Path) -> None:
    assert scan(ROOT.issue(pattern).pem(), ca_file).name_ok is matches


def test_internationalised_name(ca_file: Path) -> None:
    found = scan(ROOT.issue("xn--wgv71a119e.example").pem(), ca_file, host="日本語.example")
    assert (found.name_ok, found.trusted) == (True, True)


def test_self_signed(ca_file: Path) -> None:
    found = scan(ROOT.issue(HOST, self_signed=True).pem(), ca_file)
    assert (found.trusted, found.name_ok, found.reason) == (False, True, "its certificate is self-signed")


def test_intermediate_sent_and_missing(ca_file: Path) -> None:
    middle = Authority("Test Intermediate", issuer=ROOT)
    pair = middle.issue(HOST)
    whole = scan(pair.pem(middle.pair), ca_file)
    assert whole.trusted is True and len(whole.chain) == 2
    assert whole.chain[1].subject == "CN=Test Intermediate"
    alone = scan(pair.pem(), ca_file)
    assert alone.trusted is False and "an intermediate certificate was not sent" in alone.reason


def test_root_that_nobody_trusts(ca_file: Path) -> None:
    stranger = Authority("Strange Root")
    found = scan(stranger.issue(HOST).pem(stranger.pair), ca_file)
    assert found.trusted is False and "authority that is not trusted" in found.reason


def test_rsa_1024(ca_file: Path) -> None:
    found = scan(ROOT.issue(HOST, key="rsa1024").pem(), ca_file)
    assert found.key == "RSA 1024" and "its RSA key has 1024 bits, fewer than 2048" in found.reason


def test_ed25519(ca_file: Path) -> None:
    found = scan(ROOT.issue(HOST, key="ed25519").pem(), ca_file)
    assert (found.key, found.trusted, found.name_ok, found.reason) == ("Ed25519", True, True, "")


def test_sha1(ca_file: Path, peer: Callable[[str, str], str]) -> None:
    folder = ca_file.parent
    (folder / "root.pem").write_bytes(ROOT.pair.pem())
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST}\n")
    openssl = peer("openssl", "openssl")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-subj", "/CN=server", "-out", "request")
    signer = ("-CA", "root.pem", "-CAkey", "root.pem", "-set_serial", "7")
    run("x509", "-req", "-in", "request", *signer, "-sha1", "-days", "9", "-extfile", "names", "-out", "certificate")
    found = scan((folder / "key").read_bytes() + (folder / "certificate").read_bytes(), ca_file)
    assert found.signature == "ecdsa-with-SHA1" and "signed with ecdsa-with-SHA1" in found.reason


def test_huge_chain(ca_file: Path) -> None:
    ballast = [ROOT.issue("ballast.example", padding=6000) for _ in range(25)]
    found = scan(ROOT.issue(HOST).pem(*ballast), ca_file)
    assert (found.outcome, found.trusted, found.name_ok) == (Outcome.OPEN, None, None)
    assert "no certificate was seen" in found.reason and "cannot finish a handshake" in found.reason


def test_a_certificate_for_an_address(ca_file: Path) -> None:
    assert tls.covers(("192.0.2.1",), "192.0.2.1") and not tls.covers(("192.0.2.1",), "192.0.2.2")
    assert tls.covers((str(ipaddress.ip_address("2001:db8::1")),), "2001:db8:0::1")


@pytest.mark.parametrize(
    ("names", "host", "matches"),
    [
        (("MX.Example",), "mx.example", True),
        (("mx.example",), "mx.example.", True),
        (("*.a.example",), "x.a.example", True),
        (("*.a.example",), "a.example", False),
        (("*.a.example",), "y.x.a.example", False),
        (("m*.a.example",), "mx.a.example", False),
        (("x.*.example",), "x.a.example", False),
        (("*",), "example", False),
        (("*.xn--wgv71a119e.example",), "mx.日本語.example", True),
        (("a.example",), "not a name..", False),
        ((), "a.example", False),
    ],
)
def test_names(names: tuple[str, ...], host: str, matches: bool) -> None:
    assert tls.covers(names, host) is matches


def test_a_name_with_a_final_dot_is_no_name(ca_file: Path) -> None:
    """Case N40: RFC 5280 section 4.2.1.6; OpenSSL does not match it, and no login takes it."""
    pem = ROOT.issue(f"{HOST}.").pem()
    found = scan(pem, ca_file)
    assert (found.trusted, found.name_ok) == (True, False) and f"is for {HOST}., not for this host" in found.reason
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    with (
        serve_tls(pem, ca_file.parent) as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
        pytest.raises(ssl.SSLCertVerificationError, match="match"),
    ):
        context.wrap_socket(sock, server_hostname=HOST)


def test_an_authoritys_certificate_is_told_from_the_servers_own(ca_file: Path) -> None:
    """Case N41: the intermediate has expired, the server's own has not (RFC 5280 section 6.1.3)."""
    middle = Authority("Old Intermediate", issuer=ROOT, end=NOW - 3 * DAY)
    pair = middle.issue(HOST)
    found = scan(pair.pem(middle.pair), ca_file)
    assert (found.trusted, found.name_ok, found.days_left) == (False, True, 90)
    assert "not its own certificate, but an authority's above it has expired" in found.reason
    assert "CN=Old Intermediate" in found.reason and f"to {NOW - 3 * DAY:%Y-%m-%d}" in found.reason
    finding = next(f for f in tls.judge(found) if f.check == "certificate")
    assert finding.verdict is Verdict.FAIL and "look above it" in finding.advice


def altered(pem: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """*pem* with the octets of its certificate changed; OpenSSL on a server loads what it can parse."""
    head, _, rest = pem.partition(b"-----BEGIN CERTIFICATE-----")
    der = ssl.PEM_cert_to_DER_cert((b"-----BEGIN CERTIFICATE-----" + rest).decode())
    return head + ssl.DER_cert_to_PEM_cert(change(der)).encode()


def test_a_certificate_of_version_5_gives_a_row(ca_file: Path) -> None:
    """Attack 5: what nobody can read costs one row and raises nothing."""
    pem = altered(ROOT.issue(HOST).pem(), lambda der: der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1))
    found = scan(pem, ca_file)
    assert found.outcome is Outcome.OPEN and "cannot be read" in found.reason and found.name_ok is None
    assert next(f.verdict for f in tls.judge(found) if f.check == "certificate") is Verdict.UNKNOWN


def test_what_is_no_certificate_is_a_value_error() -> None:
    for octets in (b"", b"\x30\x82", b"x" * 1000):
        with pytest.raises(ValueError, match="cannot be read"):
            tls.read_certificate(octets)


def test_hostile_text_in_a_certificate_is_made_visible() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    stranger = Authority("bold\x1b[1m\u202eevil")
    found = tls.read_certificate(stranger.issue(HOST).certificate.public_bytes(Encoding.DER))
    assert "\x1b" not in found.issuer and "\u202e" not in found.issuer and "evil" in found.issuer


# Versions.


@pytest.mark.parametrize(
    ("lowest", "highest", "versions"),
    [
        ("TLSv1_3", "TLSv1_3", ("TLS 1.3",)),
        ("TLSv1_2", "TLSv1_2", ("TLS 1.2",)),
        ("TLSv1_2", "TLSv1_3", ("TLS 1.2", "TLS 1.3")),
    ],
)
def test_versions(lowest: str, highest: str, versions: tuple[str, ...], ca_file: Path) -> None:
    def tune(context: ssl.SSLContext) -> None:
        context.minimum_version, context.maximum_version = ssl.TLSVersion[lowest], ssl.TLSVersion[highest]

    found = scan(ROOT.issue(HOST).pem(), ca_file, tune=tune)
    assert (found.versions, found.trusted) == (versions, True)


def test_no_forward_secrecy(ca_file: Path) -> None:
    def tune(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-GCM-SHA256:@SECLEVEL=0")

    found = scan(ROOT.issue(HOST, key="rsa2048").pem(), ca_file, tune=tune)
    assert (found.cipher, found.forward_secrecy) == ("AES128-GCM-SHA256", False)
    assert found.versions == ("TLS 1.2",)


def test_a_key_exchange_over_a_finite_field(ca_file: Path, peer: Callable[[str, str], str]) -> None:
    group = ca_file.with_name("group.pem")
    make = [peer("openssl", "openssl"), "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
    subprocess.run([*make, "-out", str(group)], check=True, capture_output=True)

    def tune(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
        context.load_dh_params(str(group))

    found = scan(ROOT.issue(HOST, key="rsa2048").pem(), ca_file, tune=tune)
    assert (found.cipher, found.forward_secrecy) == ("DHE-RSA-AES128-GCM-SHA256", True)
    assert [finding.check for finding in tls.judge(found)][3:] == ["key exchange"]


def test_waiting_for_a_slot_is_no_fault_of_the_server(ca_file: Path) -> None:
    """Attack 4: many scans of one address, two at a time; all together take longer than each may."""
    pem = ca_file.parent / "server.pem"
    pem.write_bytes(ROOT.issue(HOST).pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def all_scans(seconds: float) -> list[str]:
        def slow(sock: socket.socket) -> None:
            time.sleep(seconds / 16)
            with context.wrap_socket(sock, server_side=True) as secure:
                stall(secure)

        begun = time.monotonic()
        with serve(slow) as server:
            net = network(ca_file, timeout=PATIENCE)
            rows = each(lambda _: tls.scan(HOST, server.port, net=net, timeout=seconds), range(14))
        assert time.monotonic() - begun > seconds
        return [row.reason for row in rows if row.outcome is not Outcome.OPEN or row.unasked or row.reason]

    assert patiently(all_scans, early=bool, seconds=4.0) == []


def test_a_scan_keeps_the_deadline_of_the_job_it_is_a_part_of() -> None:
    with serve(stall) as server:
        begun = time.monotonic()
        found = tls.scan(HOST, server.port, net=network(timeout=600).remembering(1.0))
        assert time.monotonic() - begun < 300, "the deadline of one scan was kept, and not that of the job"
    assert (found.outcome, found.stage) == (Outcome.TIMEOUT, Stage.TLS)


# Servers that are no help.  Each takes the connection and then does what its name says.


def garbage(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def stall(sock: socket.socket) -> None:
    while sock.recv(4096):
        pass


def flood(sock: socket.socket) -> None:
    while True:
        sock.sendall(b"\x16\x03\x03\x40\x00" + b"\x0b" + b"\xff" * 16383)


def refuse(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.sendall(bytes([21, 3, 3, 0, 2, 2, 40]))


def hang_up(sock: socket.socket) -> None:
    sock.recv(4096)


def drip(sock: socket.socket) -> None:
    while True:
        sock.sendall(b"\x16")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("handle", "outcome", "reason"),
    [
        (garbage, Outcome.TLS_FAILURE, "does not speak TLS here"),
        (stall, Outcome.TIMEOUT, "did not finish in time"),
        (flood, Outcome.TLS_FAILURE, "does not speak TLS here"),
        (refuse, Outcome.TLS_FAILURE, "refuses the handshake (alert 40, handshake failure)"),
        (drip, Outcome.TLS_FAILURE, "does not speak TLS here"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_hostile_servers(handle: Callable[[socket.socket], None], outcome: Outcome, reason: str) -> None:
    with serve(handle) as server:
        found = tls.scan(HOST, server.port, net=network(timeout=0.4 if outcome is Outcome.TIMEOUT else PATIENCE))
        assert server.connections <= 4
    assert (found.outcome, found.stage, found.versions) == (outcome, Stage.TLS, ())
    assert reason in found.reason and found.trusted is None and found.name_ok is None


def test_a_server_that_hangs_up() -> None:
    with serve(hang_up) as server:
        found = tls.scan(HOST, server.port, net=network(timeout=PATIENCE))
    assert found.outcome in (Outcome.TLS_FAILURE, Outcome.RESET) and found.reason


def test_nobody_there() -> None:
    found = tls.scan(HOST, closed_port(), net=network())
    assert (found.outcome, found.stage) == (Outcome.REFUSED, Stage.CONNECT) and found.reason


# STARTTLS: what is said before TLS.


def dialogue(*answers: bytes) -> Callable[[socket.socket], None]:
    """A server that says the first of *answers*, and each of the others after a line of the client's."""

    def handle(sock: socket.socket) -> None:
        sock.sendall(answers[0])
        for answer in answers[1:]:
            sock.recv(4096)
            sock.sendall(answer)
        stall(sock)

    return handle


HI, CAPABLE = b"* OK hi\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK\r\n"
GREETING, KEYWORDS = b"220 mx ESMTP\r\n", b"250-mx\r\n250 STARTTLS\r\n"


@pytest.mark.parametrize(
    ("protocol", "answers", "outcome", "stage", "reason"),
    [
        ("smtp", (GREETING, b"250 mx\r\n"), Outcome.REJECTED, Stage.STARTTLS, "STARTTLS is not offered"),
        ("smtp", (GREETING, b"250-mx\r\n250 XSTARTTLS\r\n"), Outcome.REJECTED, Stage.STARTTLS, "not offered"),
        ("smtp", (GREETING, KEYWORDS, b"454 4.7.0 later\r\n"), Outcome.REJECTED, Stage.STARTTLS, "454 4.7.0 later"),
        ("smtp", (b"554 5.7.1 no\x1b[1m\r\n",), Outcome.REJECTED, Stage.GREETING, r"554 5.7.1 no\x1b[1m"),
        ("smtp", (b"SSH-2.0-OpenSSH\r\n",), Outcome.PROTOCOL_ERROR, Stage.GREETING, "not SMTP"),
        ("smtp", (b"220-x\r\n" * 5000,), Outcome.PROTOCOL_ERROR, Stage.GREETING, "never ends"),
        ("smtp", (b"2" * 20_000,), Outcome.PROTOCOL_ERROR, Stage.GREETING, "a line of the reply is too long"),
        ("smtp", (GREETING, KEYWORDS, b"220 go\r\n250 ha\r\n"), Outcome.PROTOCOL_ERROR, Stage.STARTTLS, "injects"),
        ("smtp", (GREETING,), Outcome.TIMEOUT, Stage.EHLO, "stopped answering"),
        ("smtp", (b"",), Outcome.TIMEOUT, Stage.GREETING, "no greeting in time"),
        ("imap", (HI, b"* CAPABILITY IMAP4rev1\r\na1 OK\r\n"), Outcome.REJECTED, Stage.STARTTLS, "not offered"),
        ("imap", (b"* BYE no\r\n",), Outcome.REJECTED, Stage.GREETING, "* BYE no"),
        ("imap", (HI, CAPABLE, b"a2 NO\r\n"), Outcome.REJECTED, Stage.STARTTLS, "a2 NO"),
        ("pop3", (b"+OK hi\r\n", b"-ERR what\r\n"), Outcome.REJECTED, Stage.STARTTLS, "not offered"),
        ("pop3", (b"+OK hi\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"-ERR no\r\n"), Outcome.REJECTED, Stage.STARTTLS, "-ERR no"),
    ],
)  # fmt: skip
def test_before_tls(protocol: str, answers: tuple[bytes, ...], outcome: Outcome, stage: Stage, reason: str) -> None:
    with serve(dialogue(*answers)) as server:
        found = patiently(
            lambda seconds: tls.scan(HOST, server.port, starttls=protocol, net=network(timeout=seconds)),
            early=lambda found: found.outcome is Outcome.TIMEOUT and (outcome, stage) != (found.outcome, found.stage),
            seconds=0.5 if outcome is Outcome.TIMEOUT else PATIENCE,
        )
    assert (found.outcome, found.stage) == (outcome, stage) and reason in found.reason


def test_the_protocol_goes_by_the_port() -> None:
    guessed = {port: protocol_of(port, None) for port in (25, 587, 2525, 143, 110, 465, 993, 995, 4711)}
    assert guessed == {
        25: "smtp", 587: "smtp", 2525: "smtp", 143: "imap", 110: "pop3", 465: "", 993: "", 995: "", 4711: ""
    }  # fmt: skip
    assert protocol_of(25, "none") == protocol_of(25, "") == "" and protocol_of(4711, "IMAP") == "imap"


@pytest.mark.parametrize(
    "bad", [{"port": 0}, {"port": "25"}, {"host": ""}, {"host": 7}, {"starttls": "gopher"}], ids=str
)
def test_bad_arguments(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        tls.scan(**({"host": HOST, "port": 25, "net": network()} | bad))  # type: ignore[arg-type]


# A whole domain, in the practice internet.


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


def test_a_sound_domain_has_nothing_to_mend(lab: Lab) -> None:
    net = lab.network()
    rows = tls.scan_domain("kaisha.example", net=net)
    assert {("mx.kaisha.example", 25), ("smtp.kaisha.example", 465), ("smtp.kaisha.example", 587)} <= {
        (row.host, row.port) for row in rows
    }
    assert all(row.outcome is Outcome.OPEN and row.trusted and row.name_ok and not row.reason for row in rows)
    assert {finding.verdict for finding in tls.findings("kaisha.example", net=net)} == {Verdict.PASS}


def test_where_port_25_is_blocked_the_mx_is_unknown(lab: Lab) -> None:
    found = tls.findings("kaisha.example", net=lab.network("home"))
    by_door = {finding.subject: finding for finding in found if finding.check == "TLS"}
    assert by_door["mx.kaisha.example:25"].verdict is Verdict.UNKNOWN
    assert "another network" in by_door["mx.kaisha.example:25"].advice
    assert by_door["smtp.kaisha.example:587"].verdict is Verdict.PASS


def test_where_somebody_answers_for_everyone_nothing_is_said_of_the_mx(lab: Lab) -> None:
    rows = tls.scan_domain("kaisha.example", net=lab.network("intercepted"))
    by_port = {row.port: row for row in rows}
    assert by_port[25].outcome is Outcome.INTERCEPTED and not by_port[25].chain and not by_port[25].versions
    assert by_port[465].trusted and by_port[587].trusted
    verdicts = {f.verdict for f in tls.findings("kaisha.example", net=lab.network("intercepted")) if ":25" in f.subject}
    assert verdicts == {Verdict.UNKNOWN}


def test_in_words(lab: Lab) -> None:
    said = str(tls.in_words(tls.scan_domain("kaisha.example", net=lab.network("home"))))
    assert said.startswith("4 of 5 doors shook hands with us. Not so mx.kaisha.example:25: nothing came back")
    assert "TLS 1.0 or 1.1 is still spoken at none of them." in said and "on 2049-12-31" in said
    nothing = tls.in_words(tls.scan_domain("nothing.kaisha.example", net=lab.network()))
    assert str(nothing).startswith("No door was found")


def test_offline_everything_is_unknown_or_unfound(lab: Lab) -> None:
    assert {f.verdict for f in tls.findings("kaisha.example", net=lab.network("offline"))} == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("host", "trusted", "name_ok", "words"),
    [
        ("expired", False, True, "its certificate expired on 2019-12-31"),
        ("wrong-name", True, False, "not for this host"),
        ("self-signed", False, True, "self-signed"),
        ("common-name", True, False, "in the common name only"),
    ],
)
def test_mistakes(host: str, trusted: bool, name_ok: bool, words: str, lab: Lab) -> None:
    for port in (25, 465, 587):
        found = tls.scan(f"{host}.mistakes.example", port, net=lab.network())
        assert (found.outcome, found.trusted, found.name_ok) == (Outcome.OPEN, trusted, name_ok)
        assert words in found.reason


@pytest.mark.parametrize("source", ["announced", "usual name", "a provider's"])
def test_whose_door_it_is_and_how_it_was_found_decide_about_blame(source: str, lab: Lab) -> None:
    """Cases P9 and P10: the same self-signed certificate is a fault, a guess, or somebody else's."""
    domain = "shop.kaisha.example"
    own = f"smtp.{domain}"
    (address,) = lab.network().addresses("self-signed.mistakes.example")
    if source == "a provider's":
        lab.publish(domain, "MX", "10 self-signed.mistakes.example.")
        lab.publish(f"_submission._tcp.{domain}", "SRV", "0 0 587 self-signed.mistakes.example.")
    else:
        lab.publish(own, "A", address)
        lab.publish(domain, "MX", f"10 {own}")
    if source == "announced":
        lab.publish(f"_submission._tcp.{domain}", "SRV", f"0 0 587 {own}.")
    found = tls.findings(domain, net=lab.network())
    lab.reset()
    blamed = {f.subject.rpartition(":")[2]: f.verdict for f in found if f.check == "certificate"}
    if source == "announced":
        assert blamed == {"25": Verdict.WARN, "587": Verdict.FAIL}
    elif source == "usual name":
        assert blamed == {"25": Verdict.WARN, "465": Verdict.INFO, "587": Verdict.INFO}
    else:
        (once,) = [f for f in found if f.check == "TLS at a provider"]
        assert once.verdict is Verdict.INFO and ":25" in once.evidence and ":587" in once.evidence
        assert not blamed and not any(f.fix for f in found)


def door(port: int = 587, **changes: object) -> tls.Scan:
    """What was seen at a door as it should be, but for *changes*."""
    facts: dict[str, object] = {
        "outcome": Outcome.OPEN, "stage": Stage.TLS, "versions": ("TLS 1.2", "TLS 1.3"), "forward_secrecy": True,
        "name_ok": True, "trusted": True, "not_after": NOW, "days_left": 60, "finished": True,
    }  # fmt: skip
    return tls.Scan(HOST, port, "smtp", **facts | changes)  # type: ignore[arg-type]


def test_a_self_signed_certificate_needs_an_authority_and_no_chain() -> None:
    judged = tls.judge(door(trusted=False, reason="its certificate is self-signed"))
    (refused,) = [finding for finding in judged if finding.verdict is Verdict.FAIL]
    assert "from an authority" in refused.advice and "intermediate" not in refused.advice


def unseen(outcome: str, stage: str, **more: object) -> dict[str, object]:
    """The changes of a scan that ended early."""
    return {"outcome": Outcome[outcome], "stage": Stage[stage], "finished": None, **more}


@pytest.mark.parametrize(
    ("check", "changes", "relay", "submission"),
    [
        ("TLS", {}, Verdict.PASS, Verdict.PASS),
        ("TLS", {"finished": False, "reason": "it wants a certificate of the client"}, Verdict.WARN, Verdict.FAIL),
        ("TLS", {"finished": None, "reason": "421 too many"}, Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("REJECTED", "STARTTLS", offered=False), Verdict.WARN, Verdict.FAIL),
        ("TLS", unseen("REJECTED", "STARTTLS", offered=True, reason="454 4.7.0 later"), Verdict.WARN, Verdict.FAIL),
        ("TLS", unseen("REJECTED", "STARTTLS", offered=True, reason="421 4.3.2 bye"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("REJECTED", "GREETING"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("REJECTED", "EHLO"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("TLS_FAILURE", "TLS"), Verdict.WARN, Verdict.FAIL),
        ("TLS", unseen("TIMEOUT", "CONNECT"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("TIMEOUT", "GREETING"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("TIMEOUT", "EHLO"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("TIMEOUT", "TLS"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("RESET", "TLS"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("RESET", "STARTTLS"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("PROTOCOL_ERROR", "GREETING"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("PROTOCOL_ERROR", "STARTTLS"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("DNS_FAILURE", "DNS"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("INTERCEPTED", "GREETING"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS", unseen("REFUSED", "CONNECT"), Verdict.UNKNOWN, Verdict.WARN),
        ("TLS versions", {}, Verdict.PASS, Verdict.PASS),
        # RFC 9325 section 5.2: on port 25 refusing them may mean clear text.
        ("TLS versions", {"versions": ("TLS 1.0", "TLS 1.2")}, Verdict.INFO, Verdict.WARN),
        ("TLS versions", {"versions": ("TLS 1.2",), "unasked": "421 too many"}, Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("TLS versions", {"versions": ("TLS 1.0", "TLS 1.1")}, Verdict.WARN, Verdict.FAIL),
        ("TLS versions", {"versions": ("TLS 1.2",)}, Verdict.INFO, Verdict.INFO),
        ("certificate", {}, Verdict.PASS, Verdict.PASS),
        ("certificate", {"days_left": 3}, Verdict.WARN, Verdict.WARN),
        ("certificate", {"trusted": False, "reason": "it is self-signed"}, Verdict.WARN, Verdict.FAIL),
        ("certificate", {"name_ok": False, "reason": "another name"}, Verdict.WARN, Verdict.FAIL),
        ("certificate", {"name_ok": False, "trusted": None, "reason": "another name"}, Verdict.WARN, Verdict.FAIL),
        ("certificate", {"days_left": -1, "trusted": False, "reason": "expired"}, Verdict.WARN, Verdict.FAIL),
        ("certificate", {"reason": "its RSA key has 1024 bits"}, Verdict.WARN, Verdict.WARN),
        ("certificate", {"trusted": None, "reason": "asked again, it failed"}, Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("certificate", {"name_ok": None, "trusted": None}, Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("forward secrecy", {"forward_secrecy": False}, Verdict.WARN, Verdict.WARN),
        # RFC 10015 forbids it in TLS 1.2; on port 25 RFC 9325 section 5.2 speaks for what is better than clear text.
        ("key exchange", {"cipher": "DHE-RSA-AES128-GCM-SHA256"}, Verdict.INFO, Verdict.WARN),
    ],
)
def test_verdicts(check: str, changes: dict[str, object], relay: Verdict, submission: Verdict) -> None:
    for port, expected in ((25, relay), (587, submission)):
        (finding,) = [f for f in tls.judge(door(port, **changes)) if f.check == check]
        assert finding.verdict is expected and finding.lesson == "03_tls" and finding.reference
        assert finding.advice or expected is Verdict.PASS
        (guess,) = [f for f in tls.judge(door(port, **changes), announced=False) if f.check == check]
        assert guess.verdict not in (Verdict.WARN, Verdict.FAIL) and not guess.fix
        assert guess.verdict is expected or expected in (Verdict.WARN, Verdict.FAIL)


def test_doors_of_a_domain_that_publishes_nothing(lab: Lab) -> None:
    assert tls.mail_servers("nothing.kaisha.example", net=lab.network()) == []
    assert len(tls.scan_domain("nothing.kaisha.example", net=lab.network())) == 0
    with pytest.raises(ValueError, match="is no domain name"):
        tls.mail_servers("two..dots", net=lab.network())


def test_records_show_their_facts_and_no_certificates(lab: Lab) -> None:
    rows = tls.scan_domain("kaisha.example", net=lab.network())
    assert {"versions", "cipher", "name_ok", "trusted", "not_after", "days_left"} <= set(rows.frame.columns)
    assert "chain" not in rows.frame.columns and "der" not in rows[0].chain.frame.columns
    assert rows[0].not_after is not None and rows[0].not_after - lab.clock.now() > timedelta(days=365)
    assert set(rows[0].versions) <= set(VERSIONS)
