"""The man in the middle: whom he robs, who escapes him, and that he keeps no secret but the victim's."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator

import pytest

from mailkit import tls
from mailkit.clients import SMTP, send
from mailkit.lab import Lab
from mailkit.lab.attacks.attackers import KINDS, VICTIM, Attacker, attack
from mailkit.lab.attacks.careless import BufferingClient, ClientTrial, deaf_server, greet_inside, submit, trials
from mailkit.results import Outcome, Rows, Stage, Verdict
from mailkit.smtp_auth import encode, login

SERVER = "smtp.kaisha.example"
MESSAGE = b"From: hanako@kaisha.example\r\nTo: taro@kaisha.example\r\nSubject: hello\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab
        lab.settle()
        assert lab.errors == []


@pytest.fixture(scope="module")
def table(lab: Lab) -> Rows[ClientTrial]:
    return trials(lab)


def test_who_leaks(table: Rows[ClientTrial]) -> None:
    leaking = {(row.attack, row.setting) for row in table if row.leaked}
    forged = {
        (kind, setting) for kind in ("self_signed", "expired", "wrong_name") for setting in ("opportunistic", "encrypt")
    }
    assert leaking == {("strip", "opportunistic")} | forged


def test_who_gets_the_message_through(table: Rows[ClientTrial]) -> None:
    stopped = {(row.attack, row.setting): (row.outcome, row.stage) for row in table if not row.sent}
    assert stopped.pop(("strip", "encrypt")) == stopped.pop(("strip", "verify")) == (Outcome.REJECTED, Stage.STARTTLS)
    assert {setting for _, setting in stopped} == {"verify", "implicit"} and len(stopped) == 6
    assert {outcome for outcome, _ in stopped.values()} == {Outcome.TLS_FAILURE}
    assert {row.attack for row in table if row.setting == "verify" and row.sent} == {"watch"}
    assert {row.attack for row in table if row.setting == "implicit" and row.sent} == {"watch", "strip"}


def test_the_robbed_notice_nothing(lab: Lab) -> None:
    lab.reset()
    with attack(lab, "strip") as attacker:
        assert submit(lab, "opportunistic").sent
    assert [(c.user, c.password, c.server) for c in attacker.caught] == [(VICTIM, "practice-only", f"{SERVER}:587")]
    assert [mail.envelope_sender for mail in lab.inbox("hanako@kaisha.example")] == [f"<{VICTIM}>"]
    texts = [line.text for line in attacker.overheard]
    assert "All is well here." in texts and not any("STARTTLS" in text for text in texts)
    assert any("[203.0.113.200]" in line.event for line in lab.log), "the server saw the address of the hotel"


def test_a_watcher_sees_the_dialogue_up_to_starttls(lab: Lab) -> None:
    with attack(lab, "watch") as attacker:
        assert submit(lab, "verify").sent
    assert len(attacker.caught) == 0
    assert attacker.overheard[-2].text == "STARTTLS" and attacker.overheard[-1].text.startswith("220")


def test_the_sound_client_gives_him_nothing(lab: Lab) -> None:
    for kind in KINDS:
        with attack(lab, kind) as attacker:
            send(
                SERVER,
                587,
                MESSAGE,
                sender="hanako@kaisha.example",
                recipients=["taro@kaisha.example"],
                credentials=lab.account("hanako@kaisha.example"),
                net=lab.network("hotel"),
            )
        assert len(attacker.caught) == 0, kind
        assert not any("AUTH PLAIN " in line.text or "(redacted)" in line.text for line in attacker.overheard)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("initial", [True, False])
def test_another_password_than_the_victims_is_kept_nowhere(mechanism: str, initial: bool, lab: Lab) -> None:
    account = lab.account("taro@kaisha.example")
    with attack(lab, "strip") as attacker:
        smtp = SMTP(lab.network("hotel"), SERVER, 587)
        smtp.open()
        smtp.introduce()
        user, password = encode(account.user), encode(account.password)
        both = encode("", account.user, account.password)
        said = {"PLAIN": [f"AUTH PLAIN {both}"], "LOGIN": [f"AUTH LOGIN {user}", password]}[mechanism]
        if not initial:
            said = [f"AUTH {mechanism}", said[0].rpartition(" ")[2], *said[1:]]
        for command in said:
            smtp.say(command)
        smtp.leave()
    kept = repr((attacker.overheard, attacker.caught, smtp.lines, lab.log)) + attacker.caught._repr_html_()
    secret = account.password.encode()
    plain = base64.b64encode(b"\0" + account.user.encode() + b"\0" + secret).decode()
    for form in (account.password, base64.b64encode(secret).decode(), plain):
        assert form not in kept
    assert "(redacted)" in repr(attacker.overheard)
    assert [c.password for c in attacker.caught] == ["(not shown)"] * (mechanism == "PLAIN")


def test_his_certificate_is_what_a_scan_sees(lab: Lab) -> None:
    net = lab.network("hotel")
    with attack(lab, "self_signed"):
        found = tls.scan(SERVER, 587, net=net)
        assert (found.name_ok, found.trusted, found.reason) == (True, False, "its certificate is self-signed")
    with attack(lab, "strip"):
        found = tls.scan(SERVER, 587, net=net)
        assert (found.outcome, found.stage, found.reason) == (
            Outcome.REJECTED,
            Stage.STARTTLS,
            "STARTTLS is not offered",
        )
        assert tls.scan(SERVER, 465, net=net).trusted is True
    assert tls.scan(SERVER, 587, net=net).trusted is True, "he has gone"


@pytest.mark.parametrize("port", [465, 587])
def test_a_name_in_the_common_name_only_gets_no_password(port: int, lab: Lab) -> None:
    """RFC 9525 section 2: only subjectAltName counts, whoever signed it."""
    host, net = "common-name.mistakes.example", lab.network()
    account = lab.account("carol@mistakes.example")
    tried = login(host, port, account.user, password=account.password, net=net)
    assert (tried.outcome, tried.mechanism) == (Outcome.TLS_FAILURE, "")
    assert not any("AUTH PLAIN" in line.text for line in tried.dialogue)
    seen = tls.scan(host, port, net=net)
    assert (seen.names, seen.name_ok, seen.trusted) == ((), False, True)
    assert [certificate.subject for certificate in seen.chain] == [f"CN={host}"]
    assert [found.verdict for found in tls.judge(seen) if found.check == "certificate"] == [Verdict.FAIL]


def test_he_sits_in_one_place_only(lab: Lab) -> None:
    with attack(lab, "strip", vantage="hotel"):
        assert tls.scan(SERVER, 587, net=lab.network("office")).trusted is True


def test_bad_arguments(lab: Lab) -> None:
    with pytest.raises(ValueError, match="no attack 'bribe'; there are watch"), attack(lab, "bribe"):
        pass
    with pytest.raises(ValueError, match="no vantage point"), attack(lab, "strip", vantage="moon"):
        pass
    with pytest.raises(ValueError, match="no setting 'hope'"):
        submit(lab, "hope")


def test_injected_command(lab: Lab) -> None:
    with deaf_server(lab):
        deaf = tls.inject("old.mistakes.example", net=lab.network())
    assert (deaf.outcome, deaf.vulnerable) == (Outcome.OPEN, True)
    assert next(line.text for line in deaf.dialogue if line.who == "S" and line.encrypted) == "250 2.0.0 Ok"
    sound = tls.inject("mx.kaisha.example", net=lab.network())
    assert (sound.outcome, sound.vulnerable) == (Outcome.OPEN, False)
    gone = tls.inject("old.mistakes.example", net=lab.network())
    assert gone.outcome is Outcome.UNREACHABLE and gone.vulnerable is None and gone.reason


def test_injection_where_there_is_no_tls(lab: Lab) -> None:
    with attack(lab, "strip"):
        found = tls.inject(SERVER, 587, net=lab.network("hotel"))
    assert (found.outcome, found.vulnerable) == (Outcome.REJECTED, None)
    assert found.reason == "the server does not begin TLS: STARTTLS is not offered"


def test_injected_reply(lab: Lab) -> None:
    with attack(lab, "inject_reply"):
        careless, sound = greet_inside(lab, BufferingClient), greet_inside(lab, SMTP)
        scanned = tls.scan(SERVER, 587, net=lab.network("hotel"))

    def inside(lines: Rows) -> list[str]:  # type: ignore[type-arg]
        return [line.text for line in lines if line.encrypted and line.who == "S"]

    assert inside(careless)[0] == "250-mx.spoof.example at your service (said before TLS began)"
    assert inside(sound)[0].startswith(f"250-{SERVER}") and not any("spoof" in text for text in inside(sound))
    assert scanned.outcome is Outcome.PROTOCOL_ERROR and "injects replies" in scanned.reason


def test_a_client_that_breaks_off_does_not_disturb_him(lab: Lab) -> None:
    net = lab.network("hotel")
    with attack(lab, "self_signed") as attacker:
        for octets in (b"", b"\xff" * 100_000, b"STARTTLS\r\n", b"STARTTLS\r\nnot TLS at all, but long enough\r\n"):
            with net.dial(SERVER, 587) as sock:
                sock.sendall(octets)
        with net.dial(SERVER, 465) as sock, pytest.raises(ssl.SSLError):
            net.tls_context().wrap_socket(sock, server_hostname=SERVER)
        assert submit(lab, "encrypt").sent
    assert isinstance(attacker, Attacker) and len(attacker.overheard) <= 1000
