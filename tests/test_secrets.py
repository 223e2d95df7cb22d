"""A password shows nowhere: not in a table, a copy, a traceback or what a server says back, and it is not written."""

from __future__ import annotations

import base64
import contextlib
import copy
import dataclasses
import json
import pickle
import signal
from collections.abc import Callable, Iterator

import pandas as pd
import pytest
from support_smtp_server import HOST, Conversation, scripted

from mailkit import smtp_auth
from mailkit.clients import Credentials, Sent, send
from mailkit.conversation import Password
from mailkit.conversation.credentials import Mask
from mailkit.lab import Lab
from mailkit.network import Network
from mailkit.results import Outcome, Rows
from mailkit.start_here import dialogue

USER, SECRET = "hanako@kaisha.example", "Geheim,=7 ü / 'quoted'"
ACCOUNT = Credentials(USER, SECRET)


def forms(secret: str = SECRET) -> list[str]:
    """The password in every encoding in which a login sends it."""
    plain = base64.b64encode(f"\0{USER}\0{secret}".encode()).decode()
    return [secret, base64.b64encode(secret.encode()).decode(), plain, repr(secret.encode())[2:-1]]


def leaks(*texts: str) -> list[str]:
    return [form for form in forms() for text in texts if form in text]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


def everything_of(result: Sent | smtp_auth.Login) -> list[str]:
    lines = result.dialogue
    return [
        repr(result), result._repr_html_(), result.reason, result.reply, result.detail, repr(lines),
        lines._repr_html_(), lines.frame.to_csv(), lines.frame.to_json(), *(line.text for line in lines),
    ]  # fmt: skip


def hears_secret(c: Conversation, mechanism: str) -> str:
    """Be a server that offers *mechanism* inside TLS; return the line in which the client says the most."""
    c.ehlo("STARTTLS")
    c.starttls()
    c.offer(f"AUTH {mechanism}")
    said = c.hear()
    if mechanism == "LOGIN":
        for _ in range(2):
            c.say("334 VXNlcm5hbWU6")
            said = c.hear()
    return said


# Tables, copies, files.


def test_no_table_of_credentials_shows_the_password() -> None:
    rows = Rows(Credentials, [ACCOUNT])
    frame = pd.DataFrame([ACCOUNT])
    shown = [repr(ACCOUNT), str(ACCOUNT), f"{ACCOUNT}", ACCOUNT._repr_html_(), repr(vars(ACCOUNT))]
    shown += [repr(rows), rows._repr_html_(), rows.frame.to_csv(), rows.frame.to_html(), repr(rows.frame.to_dict())]
    shown += [repr(frame), frame.to_csv(), frame.to_html(), frame.to_string(), repr(frame.to_dict())]
    shown += [repr(dataclasses.asdict(ACCOUNT)), repr(dataclasses.astuple(ACCOUNT)), repr([ACCOUNT.secret])]
    with contextlib.suppress(Exception):  # whatever it makes of an object that it does not know
        shown.append(frame.to_json())
    assert leaks(*shown) == [] and all(USER in text for text in shown[:4])
    assert ACCOUNT.password == SECRET


def test_a_password_is_a_value_and_is_not_written_down() -> None:
    assert Password("a") == Password("a") != Password("b") and hash(Password("a")) == hash(Password("a"))
    assert copy.deepcopy(ACCOUNT) == ACCOUNT == Credentials(USER, SECRET) != Credentials(USER, "another")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ACCOUNT)
    with pytest.raises(TypeError):
        json.dumps(dataclasses.asdict(ACCOUNT))
    for wrong in (None, b"bytes", 7):
        with pytest.raises(TypeError):
            Credentials(USER, wrong)  # type: ignore[arg-type]


# Echoes.


ECHOES = {
    "without a code": "{0}",
    "behind a code": "535 5.7.8 no such thing: {0}",
    "over two lines": "535-{0}\r\n535 {0}",
    "in place of a code": "{0} is wrong",
    "at the end of an over-long line": "535 " + "x" * 12_270 + "{0}",
    "cut by the end of an over-long line": "535 " + "x" * 12_250 + "{0}" * 40,
    "many times": "535 " + "{0} " * 40,
    "glued together": "535 {0}{0}{0}",
    "in the middle of a line that never ends": "HANG UP{0}",
    "as a challenge": "334 {0}",
}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])
@pytest.mark.parametrize("echo", ECHOES)
def test_a_server_that_says_it_back_shows_nothing(lab: Lab, mechanism: str, echo: str) -> None:
    def script(c: Conversation) -> None:
        said = hears_secret(c, mechanism)
        decoded = base64.b64decode(said.split(" ")[-1] + "==").decode("utf-8", "replace") if " " in said else ""
        for form in (said.split(" ")[-1], decoded.rpartition("\0")[2] or SECRET, SECRET):
            text = ECHOES[echo].format(form)
            if text.startswith("HANG UP"):
                c.say(f"535 {text[7:-2]}".encode())  # and the last letters never come
                c.sock.close()
                return
            c.say(text)
            c.hear()

    with scripted(script, lab.network()) as fake:
        login = smtp_auth.login(HOST, 587, USER, password=SECRET, mechanism=mechanism, net=fake)
        sent = send(HOST, 587, b"x\r\n", sender="", recipients=["a@b.example"], net=fake, credentials=ACCOUNT)
    for result in (login, sent):
        assert result.outcome is not Outcome.OPEN
        assert leaks(*everything_of(result)) == []
        # Nor the better part of it, where the line was cut.
        beginnings = [form[: len(form) * 3 // 4] for form in forms()]
        assert not [part for part in beginnings for text in everything_of(result) if part in text]


def test_what_is_typed_by_hand_is_masked_too(lab: Lab) -> None:
    def script(c: Conversation) -> None:
        c.ehlo("AUTH PLAIN LOGIN")
        for _ in range(3):
            said = c.hear().split(" ")[-1]
            decoded = base64.b64decode(said).decode().rpartition("\0")[2]
            c.say(f"535 no: {said} {decoded}")

    plain = smtp_auth.encode("", USER, SECRET)
    with scripted(script, lab.network()) as fake:
        rows = smtp_auth.converse(HOST, 587, f"AUTH PLAIN {plain}", net=fake, tls=False)
        talk = dialogue.open(HOST, 587, net=fake)
        talk.say("EHLO me.example", f"AUTH PLAIN {plain}")
    shown = [repr(rows), rows._repr_html_(), repr(talk), talk._repr_html_(), *(line.text for line in talk.lines)]
    assert leaks(*shown) == [] and "535" in repr(talk) and rows[0].code == "535"


def test_the_mask_works_on_octets_before_anything_is_cut() -> None:
    mask = Mask()
    mask.keep(ACCOUNT)
    secret = SECRET.encode()
    assert mask(b"535 " + secret + b"!") == b"535 (redacted)!"
    for length in range(1, len(secret)):
        assert secret[:length] not in mask(b"-- " + secret[:length], cut=True)[3:]
    assert mask(b"nothing secret", cut=True) == b"nothing secret"


# Tracebacks.


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interrupts the main thread by a signal")
@pytest.mark.parametrize("client", ["login", "send"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_an_interrupt_with_verbose_tracebacks_shows_nothing(lab: Lab, client: str, mechanism: str) -> None:
    """Ctrl-C while the server keeps the login waiting, and IPython prints the variables of every frame."""
    from IPython.core.ultratb import VerboseTB

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def script(c: Conversation) -> None:
        said = hears_secret(c, mechanism)
        c.say(f"535-{said} {SECRET}\r\n535".encode())  # an echo, and half a line that is waited for
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        c.hear()

    before = signal.signal(signal.SIGALRM, interrupted)
    try:
        with scripted(script, lab.network()) as fake, pytest.raises(KeyboardInterrupt) as raised:
            _log_in(client, mechanism, fake)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    formatter: Callable[..., str] = VerboseTB(theme_name="nocolor", include_vars=True, tb_offset=0).text
    text = formatter(raised.type, raised.value, raised.value.__traceback__, context=30)
    ours = text[text.index("_log_in(") :]
    assert "credentials" in ours or "account" in ours, "the traceback reaches the frames that matter"
    assert leaks(ours) == [], [line for line in ours.splitlines() if leaks(line)]


def _log_in(client: str, mechanism: str, net: Network) -> None:
    if client == "login":
        smtp_auth.login(HOST, 587, USER, password=ACCOUNT.secret, mechanism=mechanism, net=net)
    else:
        send(HOST, 587, b"x\r\n", sender="", recipients=["a@b.example"], net=net, credentials=ACCOUNT)
