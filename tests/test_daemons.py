"""Real daemons behind the practice internet: what they send passes its router, what comes in they answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailkit import clients, mta, op25b, smtp_auth, tls
from mailkit.lab import Lab, daemons
from mailkit.lab.attacks.attackers import attack
from mailkit.lab.daemons import LiveServer, RecordedServer
from mailkit.lab.daemons.recording import LETTER, RUNS, Run, record
from mailkit.lab.daemons.recordings import Recording, find, name_of
from mailkit.lab.router import Decision
from mailkit.lab.world import Action
from mailkit.mta import Fate
from mailkit.network import Network
from mailkit.results import Outcome

SOFTWARE = ("exim", "postfix")
MESSAGE = LETTER.encode()
SENDER, ALICE = "hanako@kaisha.example", "alice@bigmail.example"
RECORD = '"v=spf1 mx a:smtp.kaisha.example a:smtp.isp.example a:mta.kaisha.example -all"'


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture(params=["live", "recorded"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything that takes this is true of the daemon that runs, and of its recording."""
    monkeypatch.setenv("MAILKIT_DAEMONS", request.param)
    return str(request.param)


def start(software: str, job: str, lab: Lab, broken: str = "", place: str = "") -> LiveServer | RecordedServer:
    """The server; the test skips where it cannot be run."""
    lab.reset()
    configuration = mta.configure(job, software=software, **daemons.describe(job, lab=lab))
    try:
        return daemons.start(configuration, lab=lab, place=place, broken=broken)
    except daemons.Missing as error:
        pytest.skip(str(error))


def results(lab: Lab) -> str:
    (mail,) = lab.inbox(ALICE)
    return mail.fields("Authentication-Results")


@pytest.mark.parametrize("software", SOFTWARE)
def test_from_behind_op25b_through_the_smarthost_into_a_mailbox(software: str, lab: Lab, mode: str) -> None:
    with start(software, "smarthost", lab) as server:
        lab.publish("kaisha.example", "TXT", RECORD)
        assert ("a recording" in str(server.label)) is (mode == "recorded")
        assert server.submit(MESSAGE, sender=SENDER, recipients=[ALICE]).taken
        (row,) = server.deliveries()
        assert (row.fate, row.sender, row.recipient, row.tries) == (Fate.SENT, SENDER, ALICE, 1)
        assert "smtp.isp.example" in row.relay
    said = results(lab)
    assert "spf=pass smtp.mailfrom=kaisha.example" in said and "dmarc=pass header.from=kaisha.example" in said
    assert "dkim=pass header.d=kaisha.example header.s=mta2026" in said
    assert any(entry.event == "AUTH by jiro@isp.example: ok" for entry in lab.log.where(host="smtp.isp.example"))
    assert lab.errors == []


@pytest.mark.parametrize("software", SOFTWARE)
def test_op25b_is_silence_for_a_daemon_too(software: str, lab: Lab, mode: str) -> None:
    with start(software, "submission", lab, place="home") as server:
        assert server.submit(MESSAGE, sender=SENDER, recipients=[ALICE]).taken
        (row,) = server.deliveries()
        assert row.fate is Fate.DEFERRED and "timed out" in row.reply
    assert not lab.inbox(ALICE)


@pytest.mark.parametrize("software", SOFTWARE)
def test_a_server_with_a_fixed_address_delivers_by_itself(software: str, lab: Lab, mode: str) -> None:
    with start(software, "submission", lab) as server:
        lab.publish("kaisha.example", "TXT", RECORD)
        net = lab.network()
        sent = clients.send(
            server.host, 587, MESSAGE, sender=SENDER, recipients=[ALICE], net=net, credentials=server.account
        )
        assert (sent.outcome, sent.encrypted) == (Outcome.OPEN, True)
        (row,) = server.deliveries()
        assert row.fate is Fate.SENT and row.user == SENDER
        assert "192.0.2.20" in row.client, "the daemon knows its client by the address in the practice internet"
    said = results(lab)
    assert "iprev=pass policy.iprev=192.0.2.60" in said and "dmarc=pass" in said


@pytest.mark.parametrize("software", SOFTWARE)
def test_the_probes_of_the_lessons_see_the_daemon(software: str, lab: Lab, mode: str) -> None:
    with start(software, "submission", lab) as server:
        for place, at_25 in (("office", Outcome.OPEN), ("home", Outcome.TIMEOUT), ("hotel", Outcome.REFUSED)):
            doors = op25b.scan([server.host], ports=(25, 465, 587, 2525), net=lab.network(place))
            outcomes = {row.port: row.outcome for row in doors}
            assert outcomes == {25: at_25, 465: Outcome.OPEN, 587: Outcome.OPEN, 2525: Outcome.REFUSED}, place
        office = lab.network("office")
        seen = smtp_auth.capabilities(server.host, 587, net=office)
        assert seen.before_tls is not None and seen.after_tls is not None
        assert seen.before_tls.mechanisms == () and set(seen.after_tls.mechanisms) == {"PLAIN", "LOGIN"}
        shown = tls.scan(server.host, 465, net=office)
        assert shown.name_ok and shown.trusted
        assert open_relay(server, office) is False
    closed = op25b.scan([server.host], ports=(587,), net=lab.network("office"))
    assert closed[0].outcome is Outcome.REFUSED, "after the daemon nothing listens there"


def open_relay(server: LiveServer | RecordedServer, net: Network) -> bool:
    """Whether a stranger's RCPT to another domain is taken on port 25."""
    asked = smtp_auth.converse(server.host, 25, "MAIL FROM:<x@spoof.example>", f"RCPT TO:<{ALICE}>", net=net, tls=False)
    return asked[1].code == "250"


@pytest.mark.parametrize("software", SOFTWARE)
def test_who_lets_everybody_in_has_an_open_relay(software: str, lab: Lab, mode: str) -> None:
    with start(software, "submission", lab, broken="relay") as server:
        assert open_relay(server, lab.network("office")) is True


@pytest.mark.parametrize(
    ("broken", "taken", "postfix", "exim"),
    [
        ("password", True, "535 5.7.8", "535 5.7.8"),
        ("certificate", True, "Server certificate not verified", "certificate verification failed"),
        ("signer", None, "connect to Milter service", "unable to open file for reading"),
    ],
)
@pytest.mark.parametrize("software", SOFTWARE)
def test_what_a_broken_line_writes_into_the_log(
    software: str, broken: str, taken: bool | None, postfix: str, exim: str, lab: Lab, mode: str
) -> None:
    with start(software, "smarthost", lab, broken=broken) as server:
        handed = server.submit(MESSAGE, sender=SENDER, recipients=[ALICE])
        assert handed.taken is (software == "exim" if taken is None else taken)
        said = " ".join(row.reply for row in server.deliveries())
        assert (postfix if software == "postfix" else exim) in said
        assert Fate.SENT not in {row.fate for row in server.deliveries()}
    assert not lab.inbox(ALICE)


@pytest.mark.parametrize("software", SOFTWARE)
@pytest.mark.parametrize("broken", ["", "tls"])
def test_only_who_insists_on_tls_is_safe_from_a_man_in_the_middle(
    software: str, broken: str, lab: Lab, mode: str
) -> None:
    with start(software, "smarthost", lab, broken=broken) as server, attack(lab, "strip", vantage="home") as man:
        server.submit(MESSAGE, sender=SENDER, recipients=[ALICE])
        (row,) = server.deliveries().where(recipient=ALICE)
        assert row.fate is (Fate.SENT if broken else Fate.DEFERRED)
        assert bool(man.caught) is bool(broken)
        assert any("From our own server." in line.text for line in man.overheard) is bool(broken)


@pytest.mark.parametrize("software", SOFTWARE)
def test_none_of_many_messages_is_lost_or_doubled(software: str, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILKIT_DAEMONS", "live")
    with start(software, "smarthost", lab) as server:
        many = [MESSAGE.replace(b"Hello", b"number %d." % number) for number in range(50)]
        assert all(one.taken for one in server.submit_all(many, sender=SENDER, recipients=["ben@bigmail.example"]))
        assert len(server.deliveries().where(fate=Fate.SENT)) == 50
    subjects = sorted(mail.subject for mail in lab.inbox("ben@bigmail.example"))
    assert subjects == sorted(f"number {number}." for number in range(50))


def masked(text: str) -> str:
    """*text* without what differs from one run to the next: the names of messages, times, versions."""
    text = re.sub(r"\b[0-9A-F]{9,12}\b|\b\w{6}-\w{6}-\w\w\b", "ID", text)
    return re.sub(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000", "TIME", text)


def shown(recording: Recording, folder: Path) -> list[object]:
    """What the reader sees of *recording*."""
    (folder / "log").write_text(recording.log)
    rows = [
        (row.fate, row.sender, row.recipient, row.relay, masked(row.reply), masked(row.client), row.user)
        for row in mta.read_log(folder / "log")
    ]
    doors = {port: {key: masked(str(lines)) for key, lines in one.items()} for port, one in recording.doors.items()}
    onward = recording.onward and (recording.onward.host, recording.onward.login, recording.onward.reply)
    return [recording.version, recording.taken, masked(recording.reply), rows, doors, onward]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.software}-{run.job}-{run.place}{run.broken}{run.tapped}")
def test_a_recording_is_what_the_daemon_does(run: Run, lab: Lab, tmp_path: Path) -> None:
    configuration = mta.configure(run.job, software=run.software, **daemons.describe(run.job, lab=lab))
    place = run.place or ("home" if run.job == "smarthost" else "mta.kaisha.example")
    stored = find(configuration, place, run.broken, tapped=bool(run.tapped))
    try:
        name, again = record(run, lab)
    except daemons.Missing as error:
        pytest.skip(str(error))
    assert name == name_of(configuration, place, run.broken, tapped=bool(run.tapped))
    assert shown(again, tmp_path) == shown(stored, tmp_path)


def test_a_recording_plays_one_letter_of_one_server(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILKIT_DAEMONS", "recorded")
    about = daemons.describe("smarthost", lab=lab)
    with start("exim", "smarthost", lab) as server:
        another = server.submit(b"Subject: other\r\n\r\n", sender=SENDER, recipients=[ALICE])
        assert not another.taken and "a recording" in another.reply
        assert list(server.deliveries()) == []
        assert "practice-only" not in repr(server.label) and about["password"] not in server.log
    other = mta.configure("smarthost", software="exim", **about | {"relay": "smtp.kaisha.example"})
    with pytest.raises(daemons.Missing, match="the recording of exim_smarthost is of another relay"):
        daemons.start(other, lab=lab)
    with pytest.raises(daemons.Missing, match="there is no recording of exim_smarthost_office"):
        daemons.start(mta.configure("smarthost", software="exim", **about), lab=lab, place="office")


def test_a_recording_says_when_the_practice_internet_answers_otherwise(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILKIT_DAEMONS", "recorded")
    with start("exim", "smarthost", lab) as server:
        monkeypatch.setattr(lab.router, "decide", lambda *_: Decision(Action.REJECT))
        handed = server.submit(MESSAGE, sender=SENDER, recipients=[ALICE])
        assert not handed.taken and "answered otherwise" in handed.reply and server.log == ""


def test_what_cannot_be_run_says_why(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert daemons.why_not("exim") == "MAILKIT_DAEMONS asks for recordings."
    monkeypatch.delenv("MAILKIT_DAEMONS")
    monkeypatch.setattr("sys.platform", "darwin")
    assert daemons.why_not("exim") == "Exim cannot be run here: a machine of its own takes Linux"


def test_arguments_that_mean_nothing_are_refused(lab: Lab) -> None:
    with pytest.raises(ValueError, match="submission, smarthost or receiving"):
        daemons.describe("sending", lab=lab)
    configuration = mta.configure("smarthost", software="exim", **daemons.describe("smarthost", lab=lab))
    with pytest.raises(ValueError, match="no place 'moon'; there are office"):
        daemons.start(configuration, lab=lab, place="moon")
    with pytest.raises(ValueError, match="no fault 'relay' for the job 'smarthost'; there are: password"):
        daemons.start(configuration, lab=lab, broken="relay")


WITHOUT_ROOT = """
from mailkit import mta
from mailkit.lab import Lab, daemons
with Lab() as lab:
    print("why not:", daemons.why_not("exim"), daemons.why_not("postfix"))
    configuration = mta.configure("smarthost", software="exim", **daemons.describe("smarthost", lab=lab))
    try:
        server = daemons.start(configuration, lab=lab)
    except daemons.Missing as error:
        raise SystemExit(f"missing: {error}")
    with server:
        server.submit(%r, sender=%r, recipients=[%r])
        print(server.deliveries()[0].fate, len(lab.inbox(%r)))
"""


def test_exim_takes_no_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILKIT_DAEMONS")
    if why := daemons.why_not("exim"):
        pytest.skip(why)
    script = WITHOUT_ROOT % (MESSAGE, SENDER, ALICE, ALICE)
    path = os.pathsep.join([str(root), *[one for one in sys.path if "site-packages" in one]])
    change = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import numpy, mailkit"]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": path,
            "HOME": "/nowhere",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        try:
            subprocess.run(command, env=environment, cwd="/", check=True, capture_output=True, **change)
            break
        except (OSError, subprocess.CalledProcessError):
            continue
    else:
        pytest.skip("no Python that another user may run")
    ran = subprocess.run(
        [python, "-c", script], env=environment, cwd="/", capture_output=True, text=True, timeout=300, **change
    )
    if "missing: this machine lets nobody" in ran.stderr:
        pytest.skip(ran.stderr.strip())
    assert "why not:  Postfix cannot be run here: it takes root" in ran.stdout, ran.stderr
    assert ran.stdout.endswith("sent 1\n"), ran.stderr
