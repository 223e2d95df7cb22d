"""What servers of every kind say, and what all lessons make of it: each case against a server that behaves so.

The numbers are those of the list of cases that people who run mail servers have met.
"""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from support_servers import HOST as ADDRESS
from support_servers import loopback_network, patiently, server_context, smtp, tcp_server, wait_for_end
from support_smtp_server import HOST, Conversation, scripted
from support_tls import Authority, network

from mailkit import op25b, smtp_auth, tls
from mailkit.clients import Credentials, Sent, greet, send
from mailkit.conversation import SMTP, Offer, Rejected, Reply, ReplyError, explain
from mailkit.conversation.alerts import ALERTS, alert_sentence, breakdown
from mailkit.conversation.replies import offer_of
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.results import Outcome, Stage, Verdict

ROOT = Authority()
ACCOUNT = Credentials("hanako@kaisha.example", "Geheim,=7 ü")
PATIENT = 30.0  # seconds: for what answers at once, however busy the machine


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


def probed(net: Network, port: int) -> dict[str, tuple[Outcome, Stage, str]]:
    """What every probe says of one door: outcome, stage and words by probe."""
    seen = {}
    (row,) = op25b.scan(ADDRESS, [port], net=net)
    seen["op25b"] = (row.outcome, row.stage, row.reason)
    offers = smtp_auth.capabilities(ADDRESS, port, net=net)
    seen["capabilities"] = (offers.outcome, offers.stage, offers.reason)
    found = tls.scan(ADDRESS, port, starttls="smtp", net=net)
    seen["tls"] = (found.outcome, found.stage, found.reason)
    sent = send(ADDRESS, port, b"x\r\n", sender="", recipients=["a@b.example"], net=net, credentials=ACCOUNT)
    seen["send"] = (sent.outcome, sent.stage, sent.reason or sent.reply)
    return seen


def replies(*lines: bytes) -> Callable[[socket.socket], None]:
    """A server that says the first of *lines*, and each further one after a line of the client's."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(lines[0])
        heard = connection.makefile("rb")
        for line in lines[1:]:
            if not heard.readline():
                return
            connection.sendall(line)
        wait_for_end(connection)

    return behave


HI = b"220 mx ESMTP\r\n"

# Case: what the server says, outcome, stage, words that all four probes show.
DOORS: list[tuple[str, tuple[bytes, ...], Outcome, Stage, str]] = [
    ("N5 421 to EHLO", (HI, b"421 4.3.2 too busy for you\r\n"), Outcome.REJECTED, Stage.EHLO, "421 4.3.2 too busy"),
    ("N8 550 to EHLO", (HI, b"550 5.7.1 no literals\r\n"), Outcome.REJECTED, Stage.EHLO, "550 5.7.1 no literals"),
    ("334 to EHLO", (HI, b"334 \r\n"), Outcome.REJECTED, Stage.EHLO, "334"),
    ("P11 554 greeting", (b"554 5.7.1 listed\r\n",), Outcome.REJECTED, Stage.GREETING, "554 5.7.1 listed"),
    ("N14 long line", (b"220 " + b"x" * 3000 + b"\r\n",), Outcome.PROTOCOL_ERROR, Stage.GREETING, "3,004 octets"),
    ("N14 endless line", (b"2" * 20_000,), Outcome.PROTOCOL_ERROR, Stage.GREETING, "too long"),
    ("N16 HTTP", (b"HTTP/1.1 400 Bad Request\r\n",), Outcome.PROTOCOL_ERROR, Stage.GREETING, "an HTTP server"),
    ("N16 SSH", (b"SSH-2.0-OpenSSH_9.9\r\n",), Outcome.PROTOCOL_ERROR, Stage.GREETING, "an SSH server"),
    ("N16 IMAP", (b"* OK ready\r\n",), Outcome.PROTOCOL_ERROR, Stage.GREETING, "an IMAP server"),
    ("N16 POP3", (b"+OK ready\r\n",), Outcome.PROTOCOL_ERROR, Stage.GREETING, "a POP3 server"),
    ("TLS alert", (b"\x15\x03\x01\x00\x02\x02\x0a\n",), Outcome.PROTOCOL_ERROR, Stage.GREETING, "implicit TLS"),
]


@pytest.mark.parametrize(
    ("answers", "outcome", "stage", "words"), [door[1:] for door in DOORS], ids=[d[0] for d in DOORS]
)
def test_every_probe_says_the_same_of_a_door(
    answers: tuple[bytes, ...], outcome: Outcome, stage: Stage, words: str
) -> None:
    with tcp_server(replies(*answers)) as port:
        seen = probed(loopback_network(PATIENT), port)
    for probe, (ended, where, reason) in seen.items():
        assert (ended, where) == (outcome, stage), (probe, seen)
        assert words in reason, (probe, reason)
    # A 421 or 550 to EHLO is no server without EHLO: HELO is not tried.
    found = tls.Scan(ADDRESS, 25, "smtp", outcome, stage, reason=words)
    (finding,) = tls.judge(found)
    assert finding.verdict is Verdict.UNKNOWN and words in finding.evidence and not finding.fix


def test_a_refused_ehlo_is_not_repeated_as_helo() -> None:
    """Cases N5, N8: only a server that does not know EHLO is asked with HELO (RFC 5321 section 3.2)."""
    for reply, commands in ((b"421 bye\r\n", ["EHLO", "QUIT"]), (b"502 what?\r\n", ["EHLO", "HELO", "QUIT"])):
        heard: list[str] = []
        with tcp_server(smtp({"EHLO": reply}, heard=heard)) as port:
            greet(ADDRESS, port, net=loopback_network(PATIENT))
        assert [line.split()[0] for line in heard] == commands


def test_a_greeting_of_two_lines_is_legible() -> None:
    """Case N1."""
    with tcp_server(smtp(greeting=b"220-c1 says hello\r\n220 ESMTP ready\r\n")) as port:
        attempt = greet(ADDRESS, port, net=loopback_network(PATIENT))
    assert (attempt.outcome, attempt.banner) == (Outcome.OPEN, "c1 says hello / ESMTP ready")


@pytest.mark.parametrize("tarpit", ["greeting", "EHLO"])
def test_a_tarpit_is_bounded_and_unknown(tarpit: str) -> None:
    """Case N17: an octet at a time, at the greeting or at the answer to EHLO."""

    def drip(connection: socket.socket) -> None:
        if tarpit == "EHLO":
            connection.sendall(HI)
            connection.recv(4096)
        while True:
            connection.sendall(b"2")
            time.sleep(0.1)

    with tcp_server(drip) as port:
        stage = Stage.EHLO if tarpit == "EHLO" else Stage.GREETING
        found = patiently(
            lambda seconds: tls.scan(ADDRESS, port, starttls="smtp", net=loopback_network(seconds)),
            early=lambda found: found.stage is not stage,
        )
        offers = patiently(
            lambda seconds: smtp_auth.capabilities(ADDRESS, port, net=loopback_network(seconds)),
            early=lambda offers: offers.stage is not stage,
        )
    assert (found.outcome, found.stage) == (offers.outcome, offers.stage) == (Outcome.TIMEOUT, stage)
    (finding,) = tls.judge(found)
    assert finding.verdict is Verdict.UNKNOWN and not finding.fix


@pytest.mark.parametrize("number", [65, 128, 500])
def test_keywords_behind_the_sixty_fourth_are_seen(number: int) -> None:
    """Case N19: RFC 5321 sets no limit to the keywords."""
    keywords = b"".join(b"250-X%d\r\n" % n for n in range(number)) + b"250-STARTTLS\r\n250 AUTH PLAIN\r\n"
    with tcp_server(smtp({"EHLO": b"250-mx\r\n" + keywords, "STARTTLS": b"454 later\r\n"})) as port:
        net = loopback_network(PATIENT)
        seen, found = smtp_auth.capabilities(ADDRESS, port, net=net), tls.scan(ADDRESS, port, starttls="smtp", net=net)
    assert seen.before_tls is not None and seen.before_tls.starttls and seen.before_tls.mechanisms == ("PLAIN",)
    assert len(seen.before_tls.keywords) == number + 2
    assert found.offered is True and "454 later" in found.reason


def test_a_flood_of_mechanisms_is_cut_and_the_cut_is_said() -> None:
    """Attack 6: tens of thousands of mechanisms cost no time, and the limit shows."""
    words = [f"M{n}" for n in range(40_000)]
    begun = time.process_time()
    offer = offer_of(Reply(250, ("mx", *(f"AUTH {' '.join(words[at : at + 400])}" for at in range(0, 40_000, 400)))))
    assert time.process_time() - begun < 2
    assert len(offer.mechanisms) == 100 and offer.left_out == 39_900
    assert "(and 39,900 more)" in str(offer)


def test_starttls_offered_and_not_to_be_had_is_told_from_not_offered() -> None:
    """Case N20: 454 means trouble with the certificate, not that STARTTLS is missing (RFC 3207 section 4)."""
    with tcp_server(smtp({"EHLO": b"250-mx\r\n250 STARTTLS\r\n", "STARTTLS": b"454 4.7.0 TLS later\r\n"})) as port:
        net = loopback_network(PATIENT)
        found, offers = (
            tls.scan(ADDRESS, port, starttls="smtp", net=net),
            smtp_auth.capabilities(ADDRESS, port, net=net),
        )
    (finding,) = tls.judge(found)
    assert "454 4.7.0 TLS later" in finding.evidence and "log" in finding.advice
    assert "Offer STARTTLS" not in finding.advice and not finding.fix
    assert offers.after_tls is None and "454 4.7.0 TLS later" in offers.reason


@pytest.mark.parametrize("refusal", ["421 4.7.0 too many", "550 5.7.1 go away"])
def test_a_refusal_inside_tls_leaves_what_is_inside_unknown(lab: Lab, refusal: str) -> None:
    """Case N26."""

    def script(c: Conversation) -> None:
        c.ehlo("STARTTLS")
        c.starttls()
        c.hear()
        c.say(refusal)
        c.hear()

    with scripted(script, lab.network()) as fake:
        seen = smtp_auth.capabilities(HOST, 587, net=fake)
        sent = send(HOST, 587, b"x\r\n", sender="", recipients=["a@b.example"], net=fake, credentials=ACCOUNT)
        found = smtp_auth.findings("kaisha.example", net=fake)
    assert (seen.outcome, seen.after_tls) == (Outcome.REJECTED, None) and refusal in seen.reason
    assert (sent.outcome, sent.stage) == (Outcome.REJECTED, Stage.EHLO) and sent.reply == refusal
    unseen = [f for f in found if f.check == "submission"]
    assert {f.verdict for f in unseen} == {Verdict.UNKNOWN}
    assert any(refusal in f.evidence for f in unseen) and not any("must support AUTH" in f.advice for f in unseen)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        (("AUTH",), "only AUTH without a mechanism"),
        (("AUTH XOAUTH2 OAUTHBEARER",), "only XOAUTH2 OAUTHBEARER"),
        ((), "no AUTH inside TLS"),
    ],
)
def test_what_is_offered_is_named_when_nothing_known_is(lab: Lab, keywords: tuple[str, ...], words: str) -> None:
    """Case N13."""

    def script(c: Conversation) -> None:
        c.ehlo("STARTTLS")
        c.starttls()
        c.offer(*keywords)
        c.hear()

    with scripted(script, lab.network()) as fake:
        login = smtp_auth.login(HOST, 587, ACCOUNT.user, password="x", net=fake)
        sent = send(HOST, 587, b"x\r\n", sender="", recipients=["a@b.example"], net=fake, credentials=ACCOUNT)
    for outcome, stage, reason in ((login.outcome, login.stage, login.reason), (sent.outcome, sent.stage, sent.reason)):
        assert (outcome, stage) == (Outcome.REJECTED, Stage.AUTH) and words in reason


# Logins.


def logs_in(lab: Lab, script: Callable[[Conversation], None], mechanisms: str) -> list[tuple[Outcome, str]]:
    """How both clients fare with a server that offers *mechanisms* inside TLS and then follows *script*."""

    def whole(c: Conversation) -> None:
        c.ehlo("STARTTLS")
        c.starttls()
        c.offer(f"AUTH {mechanisms}")
        script(c)
        while True:
            c.hear()
            c.say("354 go" if c.heard[-1] == "DATA" else "250 ok")

    with scripted(whole, lab.network()) as fake:
        login = smtp_auth.login(HOST, 587, ACCOUNT.user, password=ACCOUNT.password, net=fake)
        sent = send(HOST, 587, b"", sender="", recipients=["a@b.example"], net=fake, credentials=ACCOUNT)
    return [(login.outcome, login.reason), (sent.outcome, sent.reason)]


@pytest.mark.parametrize(
    "prompts", [("Username:", "Password:"), ("", ""), ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"), ("!!", "ü")]
)
def test_the_prompts_of_login_do_not_matter(lab: Lab, prompts: tuple[str, str]) -> None:
    """Case N53: both clients go on, whether the prompts are base64 or not."""
    heard: list[list[str]] = []

    def script(c: Conversation) -> None:
        heard.append(c.heard)
        for prompt in prompts:
            c.hear()
            c.say(f"334 {prompt}")
        c.hear()
        c.say("235 welcome")

    assert [outcome for outcome, _ in logs_in(lab, script, "LOGIN")] == [Outcome.OPEN, Outcome.OPEN]
    parts = [base64.b64encode(text.encode()).decode() for text in (ACCOUNT.user, ACCOUNT.password)]
    assert all(lines[3:6] == ["AUTH LOGIN", *parts] for lines in heard)


def test_who_gives_up_says_so(lab: Lab) -> None:
    """RFC 4954 section 4: ``*`` ends an exchange whose challenge makes no sense."""
    last: list[str] = []

    def script(c: Conversation) -> None:
        c.hear()
        c.say("334 !!!")
        last.append(c.hear())
        c.say("501 5.7.0 cancelled")

    ended = logs_in(lab, script, "CRAM-MD5")
    assert [outcome for outcome, _ in ended] == [Outcome.PROTOCOL_ERROR] * 2 and last == ["*", "*"]
    assert all("challenge is not base64" in reason for _, reason in ended)


@pytest.mark.parametrize(("length", "initial"), [(20, True), (351, True), (352, False), (600, False)])
def test_a_long_secret_waits_for_its_turn(lab: Lab, length: int, initial: bool) -> None:
    """Case N55: an AUTH line has at most 512 octets; what does not fit is sent after an empty challenge."""
    heard: list[list[str]] = []
    account = Credentials("user@kaisha.example", "x" * length)

    def script(c: Conversation) -> None:
        heard.append(c.heard)
        c.ehlo("STARTTLS")
        c.starttls()
        c.offer("AUTH PLAIN")
        if c.hear() == "AUTH PLAIN":
            c.say("334 ")
            c.hear()
        c.say("235 welcome")
        while True:
            c.hear()
            c.say("354 go" if c.heard[-1] == "DATA" else "250 ok")

    with scripted(script, lab.network()) as fake:
        login = smtp_auth.login(HOST, 587, account.user, password=account.password, net=fake)
        sent = send(HOST, 587, b"", sender="", recipients=["a@b.example"], net=fake, credentials=account)
    assert login.outcome is sent.outcome is Outcome.OPEN
    for lines in heard:
        auth = next(line for line in lines if line.startswith("AUTH"))
        assert len(auth) + 2 <= 512 and (auth != "AUTH PLAIN") is initial
        assert "x" * length in base64.b64decode(lines[lines.index(auth) + (not initial)].split()[-1]).decode()


@pytest.mark.parametrize("octets", [4_000, 9_216])
def test_a_long_challenge_is_answered(lab: Lab, octets: int) -> None:
    """Case N56: RFC 4954 section 4 has challenges of up to 12,288 octets handled."""
    challenge = b"c" * octets

    def script(c: Conversation) -> None:
        c.hear()
        c.say(b"334 " + base64.b64encode(challenge) + b"\r\n")
        user, _, digest = base64.b64decode(c.hear()).decode().partition(" ")
        right = smtp_auth.mechanisms.cram_md5(ACCOUNT.user, ACCOUNT.password, challenge).decode()
        c.say("235 welcome" if f"{user} {digest}" == right else "535 no")

    assert len(base64.b64encode(challenge)) <= 12_288
    assert [outcome for outcome, _ in logs_in(lab, script, "CRAM-MD5")] == [Outcome.OPEN, Outcome.OPEN]


# TLS: alerts and failures by name.


def record(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + b"\x03\x03" + len(body).to_bytes(2, "big") + body


def server_hello(version: int) -> bytes:
    """A ServerHello without any extension: neither TLS 1.3 nor secure renegotiation (RFC 5746)."""
    body = version.to_bytes(2, "big") + bytes(32) + b"\0" + b"\xc0\x2f" + b"\0"
    return bytes([2]) + len(body).to_bytes(3, "big") + body


def certificate_message(der: bytes) -> bytes:
    one = len(der).to_bytes(3, "big") + der
    body = len(one).to_bytes(3, "big") + one
    return bytes([11]) + len(body).to_bytes(3, "big") + body


def answers_hello(*records: bytes) -> Callable[[socket.socket], None]:
    """A server that takes a ClientHello and says *records*."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        for piece in records:
            connection.sendall(piece)
        wait_for_end(connection)

    return behave


def of_implicit_tls(behave: Callable[[socket.socket], None]) -> dict[str, tuple[Outcome, str]]:
    """What three probes say of a port of implicit TLS."""
    net = network(timeout=PATIENT)
    with tcp_server(behave) as port:
        found = tls.scan("mx.test.example", port, net=net)
        offers = smtp_auth.capabilities("mx.test.example", port, net=net, implicit_tls=True)
        login = smtp_auth.login("mx.test.example", port, "a@test.example", password="x", net=net, implicit_tls=True)
    return {
        "scan": (found.outcome, found.reason),
        "capabilities": (offers.outcome, offers.reason),
        "login": (login.outcome, login.reason),
    }


@pytest.mark.parametrize(("number", "name"), [item for item in ALERTS.items() if item[0]])
def test_a_fatal_alert_is_named(number: int, name: str) -> None:
    """Cases N31 and others: what the server says when it refuses, the same from every probe."""
    with tcp_server(answers_hello(record(21, bytes([2, number])))) as port:
        attempt = greet("mx.test.example", port, net=network(timeout=PATIENT), implicit_tls=True)
    assert (attempt.outcome, attempt.stage) == (Outcome.TLS_FAILURE, Stage.TLS)
    assert f"(alert {number}, {name})" in attempt.reason


def test_every_probe_names_the_alert() -> None:
    """Case N31: it speaks TLS but has no certificate for this name (RFC 6066 section 3)."""
    for outcome, reason in of_implicit_tls(answers_hello(record(21, b"\x02\x70"))).values():
        assert outcome is Outcome.TLS_FAILURE and "it has no certificate for this name" in reason


def test_openssls_own_names_of_alerts_are_understood() -> None:
    for reason, number in (
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", 116),
        ("TLSV1_UNRECOGNIZED_NAME", 112),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", 40),
        ("TLSV1_ALERT_PROTOCOL_VERSION", 70),
    ):
        error = ssl.SSLError(1, f"[SSL: {reason}]")
        error.reason = reason
        assert breakdown(error) == alert_sentence(number)


def test_a_warning_is_no_refusal(tmp_path: Path) -> None:
    """Attack 4: a warning alert is followed by the handshake."""
    context = server_context(_pem(tmp_path, "mx.test.example"))

    def behave(connection: socket.socket) -> None:
        connection.recv(5, socket.MSG_PEEK)
        connection.sendall(record(21, b"\x01\x70"))
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.sendall(b"220 ready\r\n")
            wait_for_end(secure)

    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tcp_server(behave) as port:
        found = tls.scan("mx.test.example", port, net=network(ROOT.write(tmp_path), timeout=PATIENT))
    assert (found.outcome, found.trusted, found.versions[-1]) == (Outcome.OPEN, True, "TLS 1.2"), found


def _pem(folder: Path, *names: str) -> Path:
    path = folder / "server.pem"
    path.write_bytes(ROOT.issue(*names).pem())
    return path


def test_an_old_version_is_named() -> None:
    """Case N28: the server chose SSL 3.0 (RFC 7568)."""
    for probe, (outcome, reason) in of_implicit_tls(answers_hello(record(22, server_hello(0x0300)))).items():
        assert outcome is Outcome.TLS_FAILURE and "too old" in reason, (probe, reason)


def test_no_secure_renegotiation_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    """Case N34: clients break off (RFC 9325 section 3.5); version and certificate are read all the same."""
    der = ROOT.issue("mx.test.example").certificate.public_bytes(Encoding.DER)
    flight = server_hello(0x0303) + certificate_message(der) + bytes([14, 0, 0, 0])
    with tcp_server(answers_hello(record(22, flight))) as port:
        found = tls.scan("mx.test.example", port, net=network(ROOT.write(tmp_path), timeout=PATIENT))
    assert (found.outcome, found.versions[-1:], found.name_ok) == (Outcome.OPEN, ("TLS 1.2",), True)
    assert found.finished is False and "no secure renegotiation (RFC 5746)" in found.reason
    finding = next(f for f in tls.judge(found) if f.check == "TLS")
    assert finding.verdict is Verdict.FAIL and "RFC 5746" in finding.evidence


def test_a_certificate_with_an_extension_twice_gives_a_row(tmp_path: Path) -> None:
    """Attack 5: RFC 5280 section 4.2 allows each extension once; OpenSSL's own servers would not load it."""
    der = ROOT.issue("mx.test.example").certificate.public_bytes(Encoding.DER)
    authority, subject = b"\x06\x03\x55\x1d\x23", b"\x06\x03\x55\x1d\x0e"  # the identifiers of two keys
    twice = der.replace(authority, subject, 1)
    assert twice.count(subject) == 2
    flight = server_hello(0x0303) + certificate_message(twice) + bytes([14, 0, 0, 0])
    with tcp_server(answers_hello(record(22, flight))) as port:
        found = tls.scan("mx.test.example", port, net=network(ROOT.write(tmp_path), timeout=PATIENT))
    assert (found.outcome, found.name_ok) == (Outcome.OPEN, None) and "cannot be read" in found.reason
    assert next(f.verdict for f in tls.judge(found) if f.check == "certificate") is Verdict.UNKNOWN


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("required", [False, True])
def test_a_server_that_wants_a_certificate_of_the_client(version: str, required: bool, tmp_path: Path) -> None:
    """Case N32: optional, all is well; required, no client gets in, and the reason names it (alert 116 in TLS 1.3)."""
    context = server_context(_pem(tmp_path, "mx.test.example"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    context.load_verify_locations(ROOT.write(tmp_path))
    net = network(ROOT.write(tmp_path), timeout=PATIENT)
    with tcp_server(smtp({"EHLO": b"250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"}, tls=context)) as port:
        found = tls.scan("mx.test.example", port, starttls="smtp", net=net)
        login = smtp_auth.login("mx.test.example", port, "a@test.example", password="x", net=net)
    verdict = next(f.verdict for f in tls.judge(found) if f.check == "TLS")
    if required:
        assert login.outcome is Outcome.TLS_FAILURE and "certificate of the client" in login.reason
        assert found.finished is not True and "certificate of the client" in found.reason
        assert verdict is Verdict.FAIL
    else:
        assert (login.outcome, found.finished, verdict) == (Outcome.OPEN, True, Verdict.PASS)


def test_a_port_that_greets_in_the_clear_where_tls_was_to_begin() -> None:
    """Case N47: 465 speaks STARTTLS."""

    def greets(connection: socket.socket) -> None:
        connection.sendall(b"220 mail.test.example ESMTP\r\n")
        wait_for_end(connection)

    for outcome, reason in of_implicit_tls(greets).values():
        assert outcome is Outcome.TLS_FAILURE
        assert "greets in the clear" in reason and "220 mail.test.example ESMTP" in reason


def test_a_port_that_waits_for_tls_where_a_greeting_was_expected() -> None:
    """Case N47: 587 waits for a ClientHello."""
    with tcp_server(wait_for_end) as port:
        net = loopback_network(0.4)
        found, attempt = tls.scan(ADDRESS, port, starttls="smtp", net=net), greet(ADDRESS, port, net=net)
    assert (found.outcome, found.stage) == (attempt.outcome, attempt.stage) == (Outcome.TIMEOUT, Stage.GREETING)
    assert "waits for TLS from the first octet" in found.reason and found.reason == attempt.reason
    (finding,) = tls.judge(found)
    assert finding.verdict is Verdict.UNKNOWN and "mixed up (RFC 8314 section 3)" in finding.advice


def test_a_handshake_that_stalls_is_unknown_with_a_hint_at_the_way() -> None:
    """Case N82: 220 to STARTTLS, then nothing, as behind a path MTU black hole."""
    stalls = replies(HI, b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n")
    with tcp_server(stalls) as port:
        found = patiently(
            lambda seconds: tls.scan(ADDRESS, port, starttls="smtp", net=loopback_network(seconds)),
            early=lambda found: found.stage is not Stage.TLS,
        )
    assert (found.outcome, found.stage) == (Outcome.TIMEOUT, Stage.TLS) and "nothing came" in found.reason
    (finding,) = tls.judge(found)
    assert finding.verdict is Verdict.UNKNOWN and "MTU" in finding.advice


@pytest.mark.parametrize("answered", [1, 2])
def test_versions_that_could_not_be_asked_for_are_not_passed_over(answered: int, tmp_path: Path) -> None:
    """Case N7: from the second, or the third connection on the server says 421."""
    context = server_context(_pem(tmp_path, "mx.test.example"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    connections: list[int] = []

    def behave(connection: socket.socket) -> None:
        connections.append(1)
        welcome = smtp({"EHLO": b"250-mx\r\n250 STARTTLS\r\n"}, tls=context)
        refused = replies(b"421 4.7.0 too many connections\r\n")
        (welcome if len(connections) <= answered else refused)(connection)

    with tcp_server(behave) as port:
        net = network(ROOT.write(tmp_path), timeout=PATIENT)
        found = tls.scan("mx.test.example", port, starttls="smtp", net=net)
    assert found.versions == ("TLS 1.2",) and "421 4.7.0 too many connections" in found.unasked
    verdicts = {finding.check: finding for finding in tls.judge(found)}
    assert verdicts["TLS versions"].verdict is Verdict.UNKNOWN and "421" in verdicts["TLS versions"].evidence
    assert verdicts["TLS"].verdict is (Verdict.PASS if answered > 1 else Verdict.UNKNOWN)


# Handing a message over.


def taken(message: bytes) -> tuple[list[bytes], Sent]:
    """What reaches a server of *message*, line by line as it came, and what the client says."""
    received = bytearray()

    def behave(connection: socket.socket) -> None:
        connection.sendall(HI)
        lines = connection.makefile("rb")
        for verb, reply in (
            (b"EHLO", b"250-mx\r\n250 8BITMIME\r\n"),
            (b"MAIL", b"250 ok\r\n"),
            (b"RCPT", b"250 ok\r\n"),
        ):
            assert lines.readline().startswith(verb)
            connection.sendall(reply)
        lines.readline()
        connection.sendall(b"354 go\r\n")
        while (line := lines.readline()) not in (b".\r\n", b""):
            received.extend(line)
        connection.sendall(b"250 queued\r\n")
        wait_for_end(connection)

    with tcp_server(behave) as port:
        sent = send(ADDRESS, port, message, sender="", recipients=["a@b.example"], net=loopback_network(PATIENT))
    return bytes(received).splitlines(keepends=True), sent


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (b"S: x\r\n\r\n.\r\n..\r\n.a\r\na.\r\n", [b"S: x\r\n", b"\r\n", b"..\r\n", b"...\r\n", b"..a\r\n", b"a.\r\n"]),
        (b".", [b"..\r\n"]),
        (b"no end", [b"no end\r\n"]),
        (b"", []),
        (b"\r\n", [b"\r\n"]),
        (b"x" * 2000 + b"\r\n\xff\x00\r\n", [b"x" * 2000 + b"\r\n", b"\xff\x00\r\n"]),
    ],
)  # fmt: skip
def test_a_message_goes_octet_for_octet(message: bytes, lines: list[bytes]) -> None:
    """RFC 5321 section 4.5.2: dots at the beginning of a line are doubled, everything else goes as it is."""
    received, sent = taken(message)
    assert sent.outcome is Outcome.OPEN
    assert received == lines


@pytest.mark.parametrize(
    "message", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n\n.\n", b"\n", b"a\r", b"\r\r\n", b"x\r\n.\nQUIT"]
)
def test_a_bare_cr_or_lf_is_refused_before_anything_is_said(message: bytes) -> None:
    """RFC 5321 section 2.3.8; such lines are also how mail is smuggled."""
    heard: list[str] = []
    with tcp_server(smtp(heard=heard)) as port, pytest.raises(ValueError, match=r"line \d+ of the message has a bare"):
        send(ADDRESS, port, message, sender="", recipients=["a@b.example"], net=loopback_network(PATIENT))
    assert not heard


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_refusal_in_the_middle_of_a_message_is_heard(encrypted: bool, tmp_path: Path) -> None:
    """The server says 552 and hangs up while the client still sends."""
    context = server_context(_pem(tmp_path, "mx.test.example"))

    def behave(connection: socket.socket) -> None:
        if encrypted:
            connection = context.wrap_socket(connection, server_side=True)
        connection.sendall(HI)
        lines = connection.makefile("rb")
        for reply in (b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            lines.readline()
            connection.sendall(reply)
        lines.readline()
        connection.sendall(b"552 5.3.4 too big\r\n")
        lines.close()
        connection.close()

    with tcp_server(behave) as port:
        sent = send(
            ADDRESS, port, b"line\r\n" * 4_000_000, sender="", recipients=["a@b.example"],
            net=loopback_network(PATIENT), implicit_tls=encrypted,
        )  # fmt: skip
    assert (sent.outcome, sent.reply, sent.maybe_taken) == (Outcome.REJECTED, "552 5.3.4 too big", False)


@pytest.mark.parametrize("offered", [False, True])
def test_an_address_that_is_not_ascii_needs_smtputf8(offered: bool) -> None:
    """Case N61: RFC 6531 sections 3.2 and 3.4."""
    heard: list[str] = []
    keywords = b"250-8BITMIME\r\n250-SMTPUTF8\r\n" if offered else b""
    with tcp_server(smtp({"EHLO": b"250-mx\r\n" + keywords + b"250 SIZE\r\n"}, heard=heard)) as port:
        net = loopback_network(PATIENT)
        sent = send(ADDRESS, port, b"x\r\n", sender="", recipients=["太郎@b.example"], net=net)
    if offered:
        assert sent.outcome is Outcome.OPEN
        assert heard[1:3] == ["MAIL FROM:<> BODY=8BITMIME SMTPUTF8", "RCPT TO:<太郎@b.example>"]
    else:
        assert (sent.outcome, sent.stage) == (Outcome.REJECTED, Stage.MAIL) and "SMTPUTF8" in sent.reason
        assert [line.split()[0] for line in heard] == ["EHLO", "QUIT"]


@pytest.mark.parametrize("after", ["nothing", "half a line", "nonsense", "a refusal"])
def test_what_is_lost_after_the_final_dot_may_have_been_taken(after: str) -> None:
    """Case N62: RFC 1047, RFC 5321 section 4.2.5."""
    words = {"nothing": b"", "half a line": b"250 qu", "nonsense": b"queued\r\n", "a refusal": b"552 too big\r\n"}

    def behave(connection: socket.socket) -> None:
        connection.sendall(HI)
        lines = connection.makefile("rb")
        for reply in (b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            lines.readline()
            connection.sendall(reply)
        while lines.readline() not in (b".\r\n", b""):
            pass
        connection.sendall(words[after])

    with tcp_server(behave) as port:
        net = loopback_network(PATIENT)
        sent = send(ADDRESS, port, b"x\r\n", sender="", recipients=["a@b.example"], net=net)
    assert sent.stage is Stage.DATA and sent.outcome is not Outcome.OPEN
    if after == "a refusal":
        assert (sent.outcome, sent.maybe_taken, sent.reply) == (Outcome.REJECTED, False, "552 too big")
    else:
        assert sent.maybe_taken and "may have been taken" in sent.reason and "RFC 1047" in sent.reason


@pytest.mark.parametrize("failure", ["454", "handshake", "hang up"])
def test_between_servers_mail_goes_on_in_the_clear(failure: str) -> None:
    """Case N23: as Postfix at its level "may", on a new connection; with a password to lose it stops."""
    heard: list[str] = []

    def behave(connection: socket.socket) -> None:
        tls_replies = {"454": b"454 4.7.0 later\r\n", "handshake": b"220 go\r\n", "hang up": b"220 go\r\n"}
        ehlo = b"250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
        answers = smtp({"EHLO": ehlo, "STARTTLS": tls_replies[failure]}, heard=heard)
        if failure == "hang up":
            _hangs_up_behind_starttls(connection, heard)
        else:
            answers(connection)

    with tcp_server(behave) as port:
        net = loopback_network(PATIENT)
        given = {"sender": "", "recipients": ["a@b.example"], "net": net}
        sent = send(ADDRESS, port, b"x\r\n", **given)  # type: ignore[arg-type]
        with_password = send(ADDRESS, port, b"x\r\n", credentials=ACCOUNT, **given)  # type: ignore[arg-type]
    assert (sent.outcome, sent.encrypted) == (Outcome.OPEN, False)
    assert sent.reason.startswith("in the clear, since TLS failed: ")
    assert [line.text for line in sent.dialogue if line.who == "C"].count("STARTTLS") == 1
    assert with_password.outcome is not Outcome.OPEN
    assert not any("AUTH" in line for line in heard)


def _hangs_up_behind_starttls(connection: socket.socket, heard: list[str]) -> None:
    lines = connection.makefile("rb")
    connection.sendall(HI)
    while line := lines.readline():
        heard.append(line.decode("utf-8", "replace").strip())
        verb = heard[-1].partition(" ")[0]
        said = {"EHLO": b"250-mx\r\n250 STARTTLS\r\n", "DATA": b"354 go\r\n", "STARTTLS": b"220 go\r\n"}
        connection.sendall(said.get(verb, b"250 ok\r\n"))
        if verb in ("STARTTLS", "QUIT"):
            return
        if verb == "DATA":
            while lines.readline() not in (b".\r\n", b""):
                pass
            connection.sendall(b"250 queued\r\n")


# The pieces.


def test_explain_knows_every_refusal() -> None:
    refused = explain(Rejected(Reply(421, ("4.3.2 bye",))), Stage.EHLO)
    assert (refused.outcome, refused.stage) == (Outcome.REJECTED, Stage.EHLO) and "421 4.3.2 bye" in refused.reason
    assert explain(ReplyError("too long"), Stage.EHLO).reason == "too long"


def test_an_offer_knows_its_keywords() -> None:
    offer = offer_of(Reply(250, ("mx at your service", "SIZE 100", "auth=plain", "AUTH PLAIN LOGIN", "XSTARTTLS")))
    assert offer == Offer(("SIZE 100", "XSTARTTLS", "AUTH PLAIN LOGIN"), ("PLAIN", "LOGIN"))
    assert offer.has("size") and not offer.starttls and not Offer().has("AUTH")


def test_a_wire_serves_other_protocols_too() -> None:
    """IMAP and POP3 use the same connection: lines, deadline, transcript, TLS."""
    with tcp_server(replies(b"* OK ready\r\n", b"* CAPABILITY IMAP4rev2\r\na1 OK done\r\n")) as port:
        wire = SMTP(loopback_network(PATIENT), ADDRESS, port).wire
        wire.connect()
        assert wire.read_line(100) == b"* OK ready"
        wire.send(b"a1 CAPABILITY\r\n")
        assert [wire.read_line(100), wire.read_line(100)] == [b"* CAPABILITY IMAP4rev2", b"a1 OK done"]
        wire.close()
    assert [(line.who, line.text) for line in wire.lines][1] == ("C", "a1 CAPABILITY")
