"""Recording anew what lesson 09 shows where no daemon runs: ``python -m mailkit.lab.daemons.recording [NAME …]``.

Each run of the lesson is made with the daemons of this machine, and written to ``data/mta_runs``.  A test makes them
again and compares what the reader would see.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailkit import mta
from mailkit.clients import SMTP, send
from mailkit.conversation import FAILURES
from mailkit.lab.attacks.attackers import attack
from mailkit.lab.core import Lab
from mailkit.lab.daemons.faults import fault
from mailkit.lab.daemons.live import LiveServer
from mailkit.lab.daemons.recordings import Onward, Recording, name_of, summary, write
from mailkit.lab.daemons.running import describe
from mailkit.lab.daemons.setting_up import require
from mailkit.results import Outcome

__all__ = ["LETTER", "RUNS", "Run", "record"]

_FROM, _TO = "hanako@kaisha.example", "alice@bigmail.example"
LETTER = (
    f"From: Hanako <{_FROM}>\r\nTo: {_TO}\r\nSubject: Hello\r\n"
    "Date: Tue, 24 Nov 2026 09:00:00 +0900\r\nMessage-ID: <1@kaisha.example>\r\n\r\nFrom our own server.\r\n"
)
"""The letter of the lesson."""

_PAST = {"submission": ("mx1.bigmail.example", 25), "smarthost": ("smtp.isp.example", 587)}
_WRONG = "AGhhbmFrb0BrYWlzaGEuZXhhbXBsZQBndWVzcw=="  # hanako@kaisha.example with the password "guess"
# State -> what is said in it, each in a conversation of its own, since some of it ends one.
_SAID = {
    "clear": [["NOOP"], ["RSET"], ["VRFY hanako"], [f"AUTH PLAIN {_WRONG}"], ["STARTTLS"],
              ["MAIL FROM:<x@spoof.example>", f"RCPT TO:<{_TO}>", "DATA"]],
    "tls": [["NOOP"], ["RSET"], ["VRFY hanako"], [f"AUTH PLAIN {_WRONG}"],
            [f"MAIL FROM:<{_FROM}>", f"RCPT TO:<{_TO}>", "DATA"]],
    "in": [[f"MAIL FROM:<{_FROM}>", f"RCPT TO:<{_TO}>", "DATA"]],
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run of the lesson; ``tapped`` is the man in the middle that it happens under."""

    software: str
    job: str
    place: str = ""
    broken: str = ""
    by_port: int = 25
    tapped: str = ""


RUNS = tuple(
    Run(software, job, **more)
    for software in ("postfix", "exim")
    for job, more in (
        ("submission", {"place": "home"}),
        ("submission", {"by_port": 587}),
        ("submission", {"broken": "relay"}),
        ("smarthost", {}),
        ("smarthost", {"broken": "password"}),
        ("smarthost", {"broken": "certificate"}),
        ("smarthost", {"broken": "signer"}),
        ("smarthost", {"broken": "tls"}),
        ("smarthost", {"tapped": "strip"}),
        ("smarthost", {"broken": "tls", "tapped": "strip"}),
    )
)
"""Every run that the lesson shows."""


def record(run: Run, lab: Lab) -> tuple[str, Recording]:
    """Make *run* in *lab* with a live daemon, and return its name and recording.  Raises Missing where none runs."""
    require(run.software, run.job)
    lab.reset()
    configuration = mta.configure(run.job, software=run.software, **describe(run.job, lab=lab))
    wanted = configuration.description
    place = run.place or ("home" if run.job == "smarthost" else wanted.hostname)
    breaks, signer = fault(run.broken, configuration)
    with ExitStack() as stack:
        server = stack.enter_context(LiveServer(lab, place, configuration, breaks, signer=signer))
        if run.tapped:
            stack.enter_context(attack(lab, run.tapped, vantage=place))
        if run.by_port == 25:
            handed = server.submit(LETTER.encode(), sender=_FROM, recipients=[_TO])
            taken, reply = handed.taken, handed.reply
        else:
            sent = send(
                server.host, run.by_port, LETTER.encode(), sender=_FROM, recipients=[_TO], net=lab.network(),
                credentials=server.account, timeout=60,
            )  # fmt: skip
            taken, reply = sent.outcome is Outcome.OPEN, sent.reply
            server.expect(1)
        server.deliveries()
        log = server.log
        onward = next(_onward(lab, run), None)
        answers = {str(port): _answers(server, port, lab) for port in server.doors}
        found = Recording(
            run.software, server.version, _system(), f"{datetime.now(UTC):%Y-%m-%d}", summary(configuration), place,
            run.broken, run.by_port, LETTER, taken, reply, log, onward, answers,
        )  # fmt: skip
    return name_of(configuration, place, run.broken, tapped=bool(run.tapped)), found


def _onward(lab: Lab, run: Run) -> Iterator[Onward]:
    """Yield what the daemon sent on, as the next server took it: all below that server's own trace."""
    host, port = _PAST[run.job]
    for mail in lab.inbox(_TO) + lab.inbox(_TO, "Junk"):
        text = mail.message.decode("utf-8")
        trace = re.search(rf"^Received: [^\n]*\n\tby {re.escape(host)} .*?(?=^\S)", text, re.MULTILINE | re.DOTALL)
        if trace:
            login = ("clear" if run.tapped else "verified") if run.job == "smarthost" else ""
            queue_id = re.search(r" id (\w+)", trace[0])
            reply = f"250 2.0.0 Ok: queued as {queue_id[1] if queue_id else ''}"
            yield Onward(host, port, login, _FROM, (_TO,), text[trace.end() :], reply)


def _answers(server: LiveServer, port: int, lab: Lab) -> dict[str, list[str]]:
    """Return what the daemon answers at *port*, in every state that a client can be in."""
    net = lab.network("office")
    name, address = net.local_hostname, lab.world.vantage_points["office"].address
    found: dict[str, list[str]] = {}

    def keep(key: str, smtp: SMTP) -> None:
        if smtp.reply is not None and key not in found:
            code, lines = smtp.reply.code, smtp.reply.lines
            marks = ["-"] * (len(lines) - 1) + [" "]
            whole = [f"{code}{mark}{line}" for mark, line in zip(marks, lines)]
            found[key] = [line.replace(name, "{name}").replace(address, "{client}") for line in whole]

    for state, conversations in _SAID.items():
        if (state == "clear" and port == 465) or (state == "in" and port == 25):
            continue
        for commands in conversations:
            smtp = SMTP(net, server.host, port, timeout=60)
            try:
                smtp.open(context=net.tls_context() if port == 465 else None)
                keep("greeting", smtp)
                smtp.introduce()
                if state != "clear" and port != 465:
                    smtp.secure(net.tls_context())
                keep(f"{state if state != 'in' else 'tls'} EHLO", smtp)
                if state == "in":
                    smtp.login(server.account, ("PLAIN",))
                    keep("in AUTH", smtp)
                    smtp.introduce()
                    keep("in EHLO", smtp)
                for command in commands:
                    smtp.say(command)
                    keep(f"{state} {command.split()[0]}", smtp)
                if commands[-1] == "DATA" or commands == ["STARTTLS"]:
                    smtp.close()  # neither text nor TLS follows
                    continue
                smtp.say("QUIT")
                keep(f"{state} QUIT", smtp)
            except FAILURES:
                pass
            smtp.close()
    for state in ("clear", "tls"):
        if f"{state} QUIT" in found:
            found.setdefault("in QUIT", found[f"{state} QUIT"])
    return found


def _system() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "Linux")


def main(names: list[str]) -> None:
    """Record the runs called *names*, or all of them."""
    with Lab() as lab:
        for run in RUNS:
            configuration = mta.configure(run.job, software=run.software, **describe(run.job, lab=lab))
            place = run.place or ("home" if run.job == "smarthost" else configuration.description.hostname)
            if not names or name_of(configuration, place, run.broken, tapped=bool(run.tapped)) in names:
                print(write(*record(run, lab)).name)


if __name__ == "__main__":
    main(sys.argv[1:])
