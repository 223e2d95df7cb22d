"""What ``mta.configure`` writes, in Postfix and Exim themselves: taken without a warning, and behaving as promised."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from support_mta import AUTHORITY, DOMAIN, HOST, KEYS, PASSWORD, RELAY, ROOT_PEM, SIGNING, Running, client, running

from mailkit import dkim, mta, smtp_auth, tls
from mailkit.network import internet
from mailkit.results import AuthResult, Outcome

SOFTWARE = ("postfix", "exim")
MESSAGE = (
    f"From: Hanako <hanako@{DOMAIN}>\r\nTo: taro@other.example\r\nSubject: test\r\n"
    f"Date: Tue, 24 Nov 2026 12:00:00 +0900\r\nMessage-ID: <1@{DOMAIN}>\r\n\r\nHello.\r\n"
).encode()
TLS = ssl.create_default_context(cadata=ROOT_PEM)
SMUGGLED = (
    b"\n.\nMAIL FROM:<x@smuggler.example>\r\nRCPT TO:<taro@other.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx",
    b"\n.\r\nMAIL FROM:<x@smuggler.example>\r\nRCPT TO:<taro@other.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx",
    b"\r\n.\nMAIL FROM:<x@smuggler.example>\r\nRCPT TO:<taro@other.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx",
    b"\r.\rMAIL FROM:<x@smuggler.example>\r\nRCPT TO:<taro@other.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx",
)


def starttls(connection: smtplib.SMTP) -> None:
    connection._host = HOST  # type: ignore[attr-defined]
    connection.starttls(context=TLS)
    connection.ehlo()


def logged_in(one: Running, port: int = 587) -> smtplib.SMTP:
    connection = client(one.machine, port)
    if port == 587:
        starttls(connection)
    connection.login("hanako", "practice-only")
    return connection


@pytest.fixture(scope="module", params=SOFTWARE)
def submission(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("m"), "submission", request.param) as one:
        yield one


@pytest.fixture(scope="module", params=SOFTWARE)
def receiving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    records = {
        (DOMAIN, "TXT"): ['"v=spf1 ip4:192.0.2.99 -all"'],
        (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=none"'],
    }
    with running(tmp_path_factory.mktemp("m"), "receiving", request.param, records) as one:
        yield one


def test_587_refuses_mail_before_a_login_and_a_login_before_tls(submission: Running) -> None:
    connection = client(submission.machine, 587)
    connection.ehlo()
    assert "starttls" in connection.esmtp_features and "auth" not in connection.esmtp_features
    assert 500 <= connection.docmd("AUTH", "PLAIN AGhhbmFrbwBwcmFjdGljZS1vbmx5")[0] < 600
    assert connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")[0] == 530
    starttls(connection)
    assert {"plain", "login"} <= set(connection.esmtp_features["auth"].lower().split())
    assert connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")[0] in (530, 554)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        connection.login("hanako", "wrong")
    connection.close()


def test_465_speaks_tls_at_once_and_refuses_mail_before_a_login(submission: Running) -> None:
    connection = client(submission.machine, 465)
    connection.ehlo()
    assert connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")[0] in (530, 554)
    connection.login("hanako", "practice-only")
    assert connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")[0] == 250
    connection.close()


def test_25_refuses_to_relay(submission: Running) -> None:
    connection = client(submission.machine, 25)
    connection.ehlo()
    assert "auth" not in connection.esmtp_features
    connection.docmd("MAIL", "FROM:<x@evil.example>")
    for target in ("taro@other.example", "taro%other.example@" + HOST, "@mail.kaisha.example:taro@other.example"):
        assert 500 <= connection.docmd("RCPT", f"TO:<{target}>")[0] < 600, target
    connection.close()


def test_the_workbooks_own_probe_sees_what_the_lines_promise(submission: Running) -> None:
    net = internet(nameservers=["127.0.0.1:53"], timeout=30)
    seen = submission.machine.inside(lambda: smtp_auth.capabilities(HOST, 587, net=net))
    assert seen.before_tls is not None and seen.before_tls.mechanisms == ()
    promised = " ".join(line.sees for line in submission.configuration.lines)
    assert "AUTH stands in EHLO only after STARTTLS" in promised


def test_a_command_whispered_before_tls_is_forgotten(submission: Running) -> None:
    net = internet(nameservers=["127.0.0.1:53"], timeout=30)
    for port in (25, 587):
        found = submission.machine.inside(partial(tls.inject, HOST, port, net=net))
        assert (found.outcome, found.vulnerable) == (Outcome.OPEN, False), found


def test_what_goes_out_is_signed_and_verifies_with_both_keys(submission: Running) -> None:
    sink = submission.sink("receiver", 25)
    connection = logged_in(submission)
    connection.sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], MESSAGE)
    connection.quit()
    submission.machine.until(lambda: sink.messages, f"delivered: {submission.log}")
    net = internet(nameservers=["127.0.0.1:53"], timeout=30)
    rows = submission.machine.inside(lambda: dkim.verify(sink.messages[0][1], net=net))
    assert sorted((row.algorithm, row.selector, row.result) for row in rows) == [
        ("ed25519-sha256", "e2026", AuthResult.PASS),
        ("rsa-sha256", "r2026", AuthResult.PASS),
    ]


@pytest.mark.parametrize("smuggled", SMUGGLED)
def test_no_second_message_is_smuggled_in(receiving: Running, smuggled: bytes) -> None:
    before = receiving.mailbox().count("Subject: outer")
    connection = client(receiving.machine, 25)
    connection.ehlo()
    connection.docmd("MAIL", f"FROM:<hanako@{DOMAIN}>")
    connection.docmd("RCPT", f"TO:<hanako@{DOMAIN}>")
    assert connection.docmd("DATA")[0] == 354
    second = smuggled.replace(b"taro@other.example", f"hanako@{DOMAIN}".encode())
    connection.send(b"Subject: outer\r\n\r\nx" + second + b"\r\n.\r\n")
    answered = connection.getreply()[0]
    # One message, or none; the commands in its text are text, and the next reply is to QUIT.
    assert answered == 250 or answered >= 500
    with suppress(smtplib.SMTPServerDisconnected):
        assert connection.docmd("QUIT")[0] in (221, 500, 503, 550, 554)
    if answered == 250:
        receiving.machine.until(lambda: receiving.mailbox().count("Subject: outer") > before, "delivered")
    # Postfix's and Exim's words for a message that came in.
    assert "from=<x@smuggler.example>" not in receiving.log and "<= x@smuggler.example" not in receiving.log
    assert not receiving.mailbox().startswith("From x@smuggler") and "\nFrom x@smuggler" not in receiving.mailbox()


def test_what_comes_in_is_checked_and_recorded(receiving: Running) -> None:
    signed = dkim.sign(MESSAGE, domain=DOMAIN, selector="r2026", key=KEYS["r2026"].private_key)
    forged = f"Authentication-Results: {HOST}; spf=pass; dkim=pass; dmarc=pass\r\n".encode()
    connection = client(receiving.machine, 25)
    connection.sendmail(
        f"hanako@{DOMAIN}", [f"postmaster@{DOMAIN}"], forged + signed.replace(b"Subject: test", b"Subject: test")
    )
    connection.quit()
    receiving.machine.until(lambda: "Message-ID: <1@" in receiving.mailbox(), f"delivered: {receiving.log}")
    text = receiving.mailbox()
    assert "Received-SPF: pass" in text.replace("Pass", "pass")
    assert "dkim=pass" in text.replace("spf=pass; dkim=pass; dmarc=pass", "")
    assert "spf=pass; dkim=pass; dmarc=pass" not in text
    if receiving.software == "postfix":
        assert "dmarc=pass" in text


def test_a_stranger_may_not_relay_and_an_unknown_name_is_refused(receiving: Running) -> None:
    connection = client(receiving.machine, 25)
    connection.ehlo()
    assert "auth" not in connection.esmtp_features and "starttls" in connection.esmtp_features
    connection.docmd("MAIL", "FROM:<x@evil.example>")
    assert 500 <= connection.docmd("RCPT", "TO:<taro@other.example>")[0] < 600
    assert 500 <= connection.docmd("RCPT", f"TO:<nobody-here@{DOMAIN}>")[0] < 600
    assert connection.docmd("RCPT", f"TO:<postmaster@{DOMAIN}>")[0] == 250
    connection.close()


@pytest.mark.parametrize("software", SOFTWARE)
def test_nothing_unsigned_leaves_when_the_signer_is_down(software: str, tmp_path: Path) -> None:
    with running(tmp_path, "submission", software) as one:
        sink = one.sink("receiver", 25)
        if software == "postfix":
            for signer in one.signers:
                signer.terminate()
            one.machine.run("sh", "-c", "kill $(pidof opendkim)", check=False)
            one.machine.until(lambda: "opendkim" not in one.machine.run("ps", "ax"), "down")
        else:
            one.machine.run("rm", "/etc/dkimkeys/r2026.pem")
        if software == "postfix":
            with pytest.raises(smtplib.SMTPResponseException) as refused:
                logged_in(one).sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], MESSAGE)
            assert 400 <= refused.value.smtp_code < 500
        else:
            connection = logged_in(one)
            connection.sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], MESSAGE)
            one.machine.until(lambda: "==" in one.log, f"deferred: {one.log}")
        assert sink.messages == []


def where(one: Running) -> Path:
    """The log as a file that this process can open."""
    path = one.machine.folder / "copy.log"
    path.write_text(one.log)
    return path


def hand_in(one: Running) -> None:
    one.machine.run(
        "sendmail", "-f", f"hanako@{DOMAIN}", "taro@other.example", given=MESSAGE.decode().replace("\r", "")
    )


@pytest.mark.parametrize("port", [587, 465])
@pytest.mark.parametrize("software", SOFTWARE)
def test_a_smarthost_gets_the_password_over_verified_tls(software: str, port: int, tmp_path: Path) -> None:
    with running(tmp_path, "smarthost", software, relay_port=port) as one:
        sink = one.sink("relay", port, AUTHORITY.issue(RELAY).pem(), auth=True)
        hand_in(one)
        one.machine.until(lambda: sink.messages, f"delivered: {one.log}")
        assert sink.logins[0] == ("hanako@relay.example", PASSWORD)
        assert accepted(one) == ""
        read = mta.read_log(where(one))
        (row,) = one.machine.until(lambda: mta.read_log(where(one)).where(fate=mta.Fate.SENT), f"sent: {read}")
        assert (row.sender, row.recipient, row.tries) == (f"hanako@{DOMAIN}", "taro@other.example", 1)
        assert RELAY in row.relay


@pytest.mark.parametrize("bad", ["another name", "self-signed", "no TLS"])
@pytest.mark.parametrize("software", SOFTWARE)
def test_a_smarthost_that_does_not_verify_gets_no_password_and_no_mail(software: str, bad: str, tmp_path: Path) -> None:
    certificate = {
        "another name": AUTHORITY.issue("evil.example").pem(),
        "self-signed": AUTHORITY.issue(RELAY, self_signed=True).pem(),
        "no TLS": None,
    }[bad]
    with running(tmp_path, "smarthost", software) as one:
        sink = one.sink("relay", 587, certificate)
        hand_in(one)
        waits = "status=deferred" if software == "postfix" else " == "
        one.machine.until(lambda: waits in one.log, f"deferred: {one.log}")
        assert (sink.messages, sink.logins, sink.commands) == ([], [], [])
        fates = {row.fate for row in mta.read_log(where(one)).where(sender=f"hanako@{DOMAIN}")}
        assert fates == {mta.Fate.DEFERRED}


# A stranger without a reverse name and a wrong password are what the tests send.
NOT_OURS = (
    "hostname",
    "authentication failed",
    "does not resolve",
    "group or other writable",
)


def accepted(one: Running) -> str:
    """What the program says about its files; "" when it has nothing to complain of."""
    if one.software == "exim":
        said = one.machine.run("exim4", "-bV") + one.machine.run("sh", "-c", "cat /var/log/exim4/paniclog", check=False)
        return "" if "No such file" in said and "rror" not in said else said
    return one.machine.run("postfix", "check") + one.machine.run(
        "sh", "-c", "postconf -n 2>&1 >/dev/null; postconf -M 2>&1 >/dev/null"
    )


def test_the_program_takes_the_files_without_a_warning(submission: Running, receiving: Running) -> None:
    for one in (submission, receiving):
        assert accepted(one) == ""
        ours = [line for line in one.log.splitlines() if "warning: " in line and not any(map(line.count, NOT_OURS))]
        assert ours == []


def test_an_exim_without_spf_takes_the_same_file_and_records_dkim_alone(tmp_path: Path) -> None:
    with running(tmp_path, "receiving", "exim", build="light") as one:
        assert accepted(one) == ""
        connection = client(one.machine, 25)
        connection.sendmail(f"hanako@{DOMAIN}", [f"postmaster@{DOMAIN}"], MESSAGE)
        connection.quit()
        one.machine.until(lambda: "Message-ID: <1@" in one.mailbox(), f"delivered: {one.log}")
        assert "Authentication-Results: " + HOST in one.mailbox() and "Received-SPF" not in one.mailbox()
        assert any("exim4-daemon-heavy" in note for note in one.configuration.notes)


@pytest.mark.parametrize("software", SOFTWARE)
def test_many_messages_reach_the_smarthost_signed_once_each(software: str, tmp_path: Path) -> None:
    many = 100
    with running(tmp_path, "smarthost", software, **SIGNING) as one:
        sink = one.sink("relay", 587, AUTHORITY.issue(RELAY).pem(), auth=True)
        own = one.machine.inside(lambda: smtplib.SMTP("127.0.0.1", 25, timeout=60))
        for number in range(many):
            message = MESSAGE.replace(b"Subject: test", b"Subject: number %d." % number)
            own.sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], message)
        own.quit()
        one.machine.until(lambda: len(sink.messages) >= many, f"all delivered: {one.log[-2000:]}")
        one.machine.until(lambda: len(mta.read_log(where(one)).where(fate=mta.Fate.SENT)) == many, "all in the log")
        arrived = sorted(int(content.partition(b"number ")[2].partition(b".")[0]) for _, content in sink.messages)
        assert arrived == list(range(many))
        assert {content.count(b"DKIM-Signature:") for _, content in sink.messages} == {2}
        net = internet(nameservers=["127.0.0.1:53"], timeout=30)
        rows = one.machine.inside(lambda: dkim.verify(sink.messages[-1][1], net=net))
        assert [row.result for row in rows] == [AuthResult.PASS] * 2
