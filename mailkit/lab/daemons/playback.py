"""A recorded Postfix or Exim: what it did once, done again in the practice internet of today.

Its answers, its log and each octet that it sent on are the daemon's own, as recorded.  The practice internet does its
part anew: the relay asks for the login, the receiver checks SPF, DKIM and DMARC, the mailbox takes the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from mailkit.clients import SMTP, Credentials, send
from mailkit.conversation import FAILURES
from mailkit.conversation.handing_over import hand_over
from mailkit.lab.core import Lab
from mailkit.lab.daemons.doors import doors
from mailkit.lab.daemons.recordings import Handed, Onward, Recording, caption, rows_of
from mailkit.mta import Configuration, Delivery
from mailkit.results import Outcome, Rows, Sentence

__all__ = ["RecordedServer"]

_ANOTHER = "554 5.0.0 This is a recording: it knows the lesson's own letter only"
_OTHERWISE = "451 4.3.0 This is a recording: it was made where the practice internet answered otherwise"
_SECONDS = 60.0


class RecordedServer:
    """The *recording* of a daemon at *place*, played back in *lab*; it has the face of a live server.

    *tapped* is the recording of the same with a man in the middle, if there is one; *why* says why no daemon runs.
    """

    def __init__(
        self,
        lab: Lab,
        place: str,
        configuration: Configuration,
        recording: Recording,
        tapped: Recording | None,
        why: str,
    ) -> None:
        wanted = configuration.description
        self.configuration, self._untapped, self._tapped = configuration, recording, tapped
        self.software, self.job, self.host = wanted.software, wanted.job, wanted.hostname
        self.address = lab.router.source_of(place) or ""
        self._lab, self._place, self._why = lab, place, why
        self._log: list[str] = []
        self._due = False
        self._stack = ExitStack()
        self._stack.enter_context(doors(lab, self.host, self.address, recording.doors, self._submitted))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def recording(self) -> Recording:
        """What is played back: whether a man in the middle sits on the way, the practice internet knows."""
        return self._tapped if self._tapped and self._place in self._lab.router.taps else self._untapped

    @property
    def version(self) -> str:
        """What was recorded, such as "Postfix 3.7.11"."""
        return self.recording.version

    @property
    def label(self) -> Sentence:
        """What the reader sees: a recording, of what, and when it was made."""
        found = self.recording
        return Sentence(f"a recording: {found.version} on {found.system}, {found.date}. {self._why}")

    @property
    def account(self) -> Credentials:
        """A login for the ports 587 and 465."""
        return self._lab.account(f"hanako@{self.configuration.description.domain}")

    def submit(self, message: bytes, *, sender: str, recipients: Sequence[str]) -> Handed:
        """Hand *message* in on the machine itself; anything but the recorded letter is refused."""
        if self.recording.by_port != 25 or message != self.recording.given.encode():
            return Handed(False, _ANOTHER)
        if not self._play():
            return Handed(False, _OTHERWISE)
        return Handed(self.recording.taken, self.recording.reply)

    def submit_all(self, messages: Sequence[bytes], *, sender: str, recipients: Sequence[str]) -> list[Handed]:
        """Hand *messages* in one after the other."""
        return [self.submit(message, sender=sender, recipients=recipients) for message in messages]

    def _submitted(self, message: bytes) -> str:
        """Answer a message that came to a door; this runs on the practice internet's loop, which must not wait."""
        if self.recording.by_port == 25 or message != self.recording.given.encode():
            return _ANOTHER
        self._due = True
        return self.recording.reply

    def _play(self) -> bool:
        """Send on what was sent on then, and write the log; False where the practice internet does not take it."""
        onward, log = self.recording.onward, self.recording.log
        if onward:
            reply = self._sent(onward)
            if reply is None:
                return False
            log = log.replace(onward.reply, reply)  # the practice internet numbers its messages anew
        self._log.append(log)
        return True

    def _sent(self, onward: Onward) -> str | None:
        """Return the last reply to what was sent on; None where it was not taken."""
        lab = self._lab
        at_home = self._place in lab.world.vantage_points
        net = lab.network(self._place) if at_home else lab.host_network(self._place)
        wanted = self.configuration.description
        login = Credentials(wanted.user, wanted.password) if onward.login else None
        message = onward.message.encode()
        if onward.login != "clear":
            sent = send(
                onward.host, onward.port, message, net=net, credentials=login, timeout=_SECONDS,
                sender=onward.sender, recipients=onward.recipients,
            )  # fmt: skip
            lab.settle()
            return sent.reply if sent.outcome is Outcome.OPEN else None
        smtp = SMTP(net, onward.host, onward.port, timeout=_SECONDS)
        try:
            smtp.open()
            smtp.introduce()
            assert login is not None
            smtp.login(login, ("PLAIN",))  # as the daemon did, which was told not to insist on TLS
            reply = hand_over(smtp, message, sender=onward.sender, recipients=onward.recipients)
            smtp.leave()
        except FAILURES:
            smtp.close()
            return None
        lab.settle()
        return str(reply)

    @property
    def log(self) -> str:
        """The daemon's log as far as it has been played."""
        self.settle()
        return "".join(self._log)

    def deliveries(self) -> Rows[Delivery]:
        """What the log says, one row for each recipient of each message."""
        return rows_of(self.log, caption(self.software, self.host, self._lab))

    def settle(self) -> None:
        """Play what came to a door, and wait until it has arrived."""
        if self._due:
            self._due = False
            self._play()
        self._lab.settle()

    def stop(self) -> None:
        """Close the doors."""
        self._stack.close()
