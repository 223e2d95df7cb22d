"""What ``mta.configure`` writes, in Postfix and Exim themselves: taken without a warning, and behaving as promised."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
import support_mta_promises as promises
from support_machine import ADDRESSES
from support_mta import AUTHORITY, DOMAIN, HOST, PASSWORD, RELAY, SIGNING, USER, Running, client, running
from support_mta_promises import MESSAGE, SMUGGLED, accepted, hand_in, logged_in, where

from mailkit import dkim, mta
from mailkit.network import internet
from mailkit.results import AuthResult

SOFTWARE = ("postfix", "exim")
SIGNER_DOWN = {"postfix": (("rsa",), ("ed25519",), ("rsa", "ed25519")), "exim": (("r2026",), ("e2026",))}


@pytest.fixture(scope="module", params=SOFTWARE)
def submission(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("m"), "submission", request.param) as one:
        yield one


@pytest.fixture(scope="module", params=SOFTWARE)
def receiving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    records = {
        (DOMAIN, "TXT"): ['"v=spf1 ip4:192.0.2.99 -all"'],
        (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=none"'],
        ("never.example", "TXT"): ['"v=spf1 -all"'],
    }
    with running(tmp_path_factory.mktemp("m"), "receiving", request.param, records) as one:
        yield one


def test_587_refuses_mail_before_a_login_and_a_login_before_tls(submission: Running) -> None:
    promises.no_login_before_tls(submission)


def test_465_speaks_tls_at_once_and_refuses_mail_before_a_login(submission: Running) -> None:
    promises.at_465_too(submission)


def test_the_doors_speak_tls_of_today_alone(submission: Running) -> None:
    promises.no_old_tls(submission)


def test_25_greets_and_introduces_itself(submission: Running, receiving: Running) -> None:
    for one in (submission, receiving):
        promises.introduces_itself(one)


def test_25_refuses_to_relay(submission: Running) -> None:
    promises.no_relaying(submission)


def test_a_command_whispered_before_tls_is_forgotten(submission: Running, receiving: Running) -> None:
    for one in (submission, receiving):
        promises.forgets_what_was_whispered(one)


def test_who_talks_ahead_is_hung_up_on(receiving: Running) -> None:
    promises.no_synchronization_no_talk(receiving)


def test_what_goes_out_is_signed_and_verifies_with_both_keys(submission: Running) -> None:
    promises.signs_with_both_keys(submission)


@pytest.mark.parametrize("end", SMUGGLED)
def test_no_second_message_is_smuggled_in(receiving: Running, end: bytes) -> None:
    promises.hides_no_second_message(receiving, end)


@pytest.mark.parametrize("software", SOFTWARE)
def test_nothing_is_smuggled_out(software: str, tmp_path: Path) -> None:
    with running(tmp_path, "submission", software) as one:
        sink = one.sink("receiver", 25)
        for end in SMUGGLED:
            promises.sends_no_bare_line_end(one, sink, end)


def test_what_comes_in_is_checked_and_recorded(receiving: Running) -> None:
    promises.records_what_it_checked(receiving)
    promises.takes_what_fails_spf(receiving)


def test_a_verifier_that_is_down_lets_nothing_in_unchecked(tmp_path: Path) -> None:
    with running(tmp_path, "receiving", "postfix") as one:
        one.machine.run("pkill", "opendmarc")
        one.machine.until(lambda: "opendmarc" not in one.machine.run("ps", "axww"), "down")
        with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as refused:
            client(one.machine, 25).sendmail(f"hanako@{DOMAIN}", [f"postmaster@{DOMAIN}"], MESSAGE)
        code = getattr(refused.value, "smtp_code", None) or refused.value.recipients[f"postmaster@{DOMAIN}"][0]
        assert 400 <= code < 500 and one.mailbox() == ""


def test_a_stranger_may_not_relay_and_an_unknown_name_is_refused(receiving: Running) -> None:
    connection = client(receiving.machine, 25)
    connection.ehlo()
    assert "auth" not in connection.esmtp_features and "starttls" in connection.esmtp_features
    connection.docmd("MAIL", "FROM:<x@evil.example>")
    assert 500 <= connection.docmd("RCPT", "TO:<taro@other.example>")[0] < 600
    assert 500 <= connection.docmd("RCPT", f"TO:<nobody-here@{DOMAIN}>")[0] < 600
    assert connection.docmd("RCPT", f"TO:<postmaster@{DOMAIN}>")[0] == 250
    connection.close()


def test_what_comes_for_root_is_delivered(tmp_path: Path) -> None:
    for software in SOFTWARE:
        folder = tmp_path / software
        folder.mkdir()
        with running(folder, "receiving", software) as one:
            client(one.machine, 25).sendmail(f"hanako@{DOMAIN}", [f"root@{DOMAIN}"], MESSAGE)
            one.machine.until(lambda: one.mailbox("hanako" if one.software == "exim" else "root"), "delivered")


@pytest.mark.parametrize(("software", "down"), [(name, down) for name in SOFTWARE for down in SIGNER_DOWN[name]])
def test_nothing_unsigned_leaves_when_a_signer_is_down(software: str, down: tuple[str, ...], tmp_path: Path) -> None:
    with running(tmp_path, "submission", software) as one:
        sink = one.sink("receiver", 25)
        if software == "postfix":
            for name in down:
                one.machine.run("pkill", "-f", f"/etc/opendkim/{name}.conf")
                one.machine.until(lambda name=name: f"opendkim/{name}" not in one.machine.run("ps", "axww"), "down")
            with pytest.raises(smtplib.SMTPResponseException) as refused:
                logged_in(one).sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], MESSAGE)
            assert 400 <= refused.value.smtp_code < 500
            # Mail of the machine's own programs meets the same milters, and waits.
            hand_in(one)
            one.machine.until(lambda: "milter-reject: " in one.log or "warning: " in one.log, f"refused: {one.log}")
        else:
            one.machine.run("rm", f"/etc/dkimkeys/{down[0]}.pem")
            logged_in(one).sendmail(f"hanako@{DOMAIN}", ["taro@other.example"], MESSAGE)
            one.machine.until(lambda: one.log.count(" == ") >= 1, f"deferred: {one.log}")
            hand_in(one)
            one.machine.until(lambda: one.log.count(" == ") >= 2, f"deferred: {one.log}")
        assert sink.messages == []
        assert not mta.read_log(where(one)).where(fate=mta.Fate.SENT)


@pytest.mark.parametrize("port", [587, 465])
@pytest.mark.parametrize("software", SOFTWARE)
def test_a_smarthost_gets_the_password_over_verified_tls(software: str, port: int, tmp_path: Path) -> None:
    with running(tmp_path, "smarthost", software, relay_port=port) as one:
        sink = one.sink("relay", port, AUTHORITY.issue(RELAY).pem(), auth=True)
        hand_in(one)
        one.machine.until(lambda: sink.messages, f"delivered: {one.log}")
        assert sink.logins[0] == (USER, PASSWORD)
        assert accepted(one) == ""
        read = mta.read_log(where(one))
        (row,) = one.machine.until(lambda: mta.read_log(where(one)).where(fate=mta.Fate.SENT), f"sent: {read}")
        assert (row.sender, row.recipient, row.tries) == (f"hanako@{DOMAIN}", "taro@other.example", 1)
        assert RELAY in row.relay


@pytest.mark.parametrize("software", SOFTWARE)
def test_the_name_of_a_smarthost_may_be_an_alias(software: str, tmp_path: Path) -> None:
    """As those of the large services are; the certificate and the password go by the name that was written."""
    records = {
        (RELAY, "A"): [], (RELAY, "CNAME"): ["farm7.relay.example."], ("farm7.relay.example", "A"): [ADDRESSES["relay"]]
    }  # fmt: skip
    with running(tmp_path, "smarthost", software, records) as one:
        sink = one.sink("relay", 587, AUTHORITY.issue(RELAY).pem(), auth=True)
        hand_in(one)
        one.machine.until(lambda: sink.messages, f"delivered: {one.log}")
        assert sink.logins == [(USER, PASSWORD)]


@pytest.mark.parametrize("software", SOFTWARE)
def test_a_smarthost_may_offer_one_way_to_log_in_alone(software: str, tmp_path: Path) -> None:
    for other in ("PLAIN", "LOGIN"):
        folder = tmp_path / other
        folder.mkdir()
        with running(folder, "smarthost", software) as one:
            options = {"auth_exclude_mechanism": [other]}
            sink = one.sink("relay", 587, AUTHORITY.issue(RELAY).pem(), auth=True, options=options)
            hand_in(one)
            one.machine.until(lambda sink=sink: sink.messages, f"delivered without {other}: {one.log}")
            assert sink.logins == [(USER, PASSWORD)]


@pytest.mark.parametrize(("bad", "port"), [(bad, 587) for bad in promises.CERTIFICATES] + [("another name", 465)])
@pytest.mark.parametrize("software", SOFTWARE)
def test_a_smarthost_that_does_not_verify_gets_no_password_and_no_mail(
    software: str, bad: str, port: int, tmp_path: Path
) -> None:
    with running(tmp_path, "smarthost", software, relay_port=port) as one:
        promises.no_trust_no_password(one, bad, port)
        with pytest.raises(ConnectionRefusedError):
            client(one.machine, 25)  # from outside nothing answers


# A stranger without a reverse name, a wrong password and handshakes to be refused are what the tests send.
NOT_OURS = (
    "TLS library problem",
    "hostname",
    "authentication failed",
    "does not resolve",
    "group or other writable",
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
    many = 40
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
