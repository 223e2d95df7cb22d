"""A real Postfix or Exim, running behind the practice internet."""

from __future__ import annotations

import atexit
import smtplib
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from mailkit.clients import Credentials
from mailkit.lab.core import Lab
from mailkit.lab.daemons.machine import Machine
from mailkit.lab.daemons.recordings import Handed, caption, rows_of
from mailkit.lab.daemons.setting_up import DOORS, LOGS, roots, set_up, start_daemons
from mailkit.lab.daemons.wires import Wires, addresses
from mailkit.mta import Configuration, Delivery, Fate
from mailkit.results import Rows, Sentence

__all__ = ["LiveServer"]

_MARK = "postfix/mark"
_STILL, _PAUSE = 120.0, 0.05  # seconds without any progress; from one look into the log to the next
_SECONDS = 60  # for a reply of the daemon's on this machine


class _Local(smtplib.SMTP):
    """A conversation with the daemon from its own machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        super().__init__("127.0.0.1", 25, local_hostname="localhost", timeout=_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = self._machine.near.socket("tcp")
        sock.settimeout(timeout)
        sock.connect((host, port))
        return sock


class LiveServer:
    """A daemon on a machine at *place* in *lab*; :func:`mailkit.lab.daemons.start` makes one."""

    def __init__(
        self,
        lab: Lab,
        place: str,
        configuration: Configuration,
        breaks: Sequence[tuple[str, str, str]] = (),
        *,
        signer: bool = True,
    ) -> None:
        self.configuration = configuration
        wanted = configuration.description
        self.software, self.job, self.host = wanted.software, wanted.job, wanted.hostname
        self.address = lab.router.source_of(place) or ""
        self._lab = lab
        self._taken = self._marks = 0
        at = roots(self.software, self.job)
        others = [one for one in addresses(lab) if one != self.address]
        self.machine = Machine(self.host, self.address, others, at)
        self._wires = Wires(lab, self.machine, place)
        atexit.register(self.stop)
        try:
            self._wires.open()
            set_up(self.machine, configuration, lab, at)
            for path, old, new in breaks:
                _break(self.machine.folder / path.lstrip("/"), old, new)
            start_daemons(self.machine, configuration, signer=signer)
            self._since = len(self._whole_log())
            self._wires.publish(DOORS[self.job])
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def version(self) -> str:
        """What runs, such as "Postfix 3.7.11"."""
        if self.software == "postfix":
            return f"Postfix {self.machine.run('postconf', '-d', '-h', 'mail_version').strip()}"
        return f"Exim {self.machine.run('exim4', '-bV', check=False).split()[2]}"

    @property
    def label(self) -> Sentence:
        """What the reader sees: a daemon that runs here."""
        return Sentence(f"live: {self.version} runs on this machine, behind the practice internet.")

    @property
    def account(self) -> Credentials:
        """A login for the ports 587 and 465."""
        return self._lab.account(f"hanako@{self.configuration.description.domain}")

    @property
    def doors(self) -> tuple[int, ...]:
        """The ports at which the world reaches the daemon."""
        return DOORS[self.job]

    def expect(self, recipients: int) -> None:
        """Know that the daemon has taken a message for as many *recipients* by another way than :meth:`submit`."""
        self._taken += recipients

    def submit(self, message: bytes, *, sender: str, recipients: Sequence[str]) -> Handed:
        """Hand *message* in on the machine itself, as its own programs do, and return what the daemon said."""
        return self.submit_all([message], sender=sender, recipients=recipients)[0]

    def submit_all(self, messages: Sequence[bytes], *, sender: str, recipients: Sequence[str]) -> list[Handed]:
        """Hand *messages* in one after the other over one connection."""
        replies: list[Handed] = []
        try:
            with _Local(self.machine) as smtp:
                for message in messages:
                    replies.append(_hand_in(smtp, message, sender, recipients))
        except (smtplib.SMTPException, OSError) as error:
            words = getattr(error, "smtp_error", b"")
            said = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
            code = getattr(error, "smtp_code", "")
            replies += [Handed(False, f"{code} {said}".strip())] * (len(messages) - len(replies))
        self._taken += sum(one.taken for one in replies) * len(recipients)
        return replies

    @property
    def log_file(self) -> Path:
        """Where the daemon writes its log, as this process reaches it; a few lines about its start come first."""
        return self.machine.folder / LOGS[self.software]

    @property
    def log(self) -> str:
        """The daemon's log since it listens."""
        lines = self._whole_log()[self._since :].splitlines(keepends=True)
        return "".join(line for line in lines if f" {_MARK}" not in line)

    def _whole_log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    def deliveries(self) -> Rows[Delivery]:
        """What the log says, one row for each recipient of each message, once all has been tried that was taken."""
        self.settle()
        return rows_of(self.log, caption(self.software, self.host, self._lab))

    def settle(self) -> None:
        """Wait until each message that the daemon took has been tried, and what left it has arrived.

        Raises RuntimeError when for two minutes no further message is tried.
        """
        self._flush()
        before, since = -1, 0.0
        while True:
            rows = rows_of(self.log)
            tried = sum(row.tries > 0 for row in rows)
            if tried >= self._taken and not any(row.fate is Fate.QUEUED for row in rows):
                break
            if tried != before:
                before, since = tried, time.monotonic()
            if time.monotonic() > since + _STILL:
                raise RuntimeError(
                    f"{tried} of {self._taken} messages have been tried, and no more: {self.log[-1000:]}"
                )
            time.sleep(_PAUSE)
        self._lab.settle()

    def _flush(self) -> None:
        """Return when all that the daemon has said is in its log, which a program of its own writes for Postfix."""
        if self.software == "postfix":
            self._marks += 1
            mark = f"mark {self._marks}."
            self.machine.run("postlog", "-t", _MARK, mark)
            self.machine.until(lambda: mark in self._whole_log(), "a mark in the log")

    def stop(self) -> None:
        """End the daemon and its machine; the practice internet goes on."""
        atexit.unregister(self.stop)
        self._wires.close()
        self.machine.stop()


def _hand_in(smtp: smtplib.SMTP, message: bytes, sender: str, recipients: Sequence[str]) -> Handed:
    smtp.ehlo_or_helo_if_needed()
    for verb, argument in [("MAIL", f"FROM:<{sender}>"), *[("RCPT", f"TO:<{one}>") for one in recipients]]:
        code, said = smtp.docmd(verb, argument)
        if code != 250:
            smtp.rset()
            return Handed(False, f"{code} {said.decode('utf-8', 'replace')}")
    code, said = smtp.data(message)
    return Handed(code == 250, f"{code} {said.decode('utf-8', 'replace')}")


def _break(file: Path, old: str, new: str) -> None:
    """Put *new* in the place of *old* in *file*.  Raises ValueError where *old* does not stand there once."""
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{old!r} does not stand once in {file.name}")
    file.write_text(text.replace(old, new), encoding="utf-8")
