"""One POP3 conversation (RFC 1939): open, capabilities (RFC 2449), STLS (RFC 2595), log in, say, leave."""

from __future__ import annotations

import re

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.credentials import Credentials
from mailkit.conversation.mailbox import Mailbox, MailboxOffer, Refused, listed
from mailkit.results import Stage, visible

__all__ = ["POP3"]

_STAMP = re.compile(r"<[^<>@\s]{1,200}@[^<>@\s]{1,255}>\s*\Z")
# Commands whose answer goes on to a line with a dot when it is a yes; LIST and UIDL only without an argument.
_MANY_LINES = re.compile(r"(?:CAPA|RETR\b.*|TOP\b.*|LIST|UIDL)\s*\Z", re.IGNORECASE)


class POP3(Mailbox):
    """A POP3 conversation; see :class:`mailkit.conversation.mailbox.Mailbox`."""

    @property
    def apop(self) -> bool:
        """True when the greeting bears the timestamp that APOP needs (RFC 1939 section 7)."""
        return _STAMP.search(self.banner) is not None

    def greeted(self) -> None:
        """Take the greeting, ``+OK``.  Raises Refused for ``-ERR``."""
        if self.greeting(("+OK", "-ERR"), "POP3") == "-ERR":
            raise Refused(f"-ERR {self.banner}")

    def introduce(self) -> None:
        """Ask for the capabilities; a server that knows no CAPA has USER and PASS only (RFC 2449 section 1).

        Raises Refused for a no with a response code, such as ``[SYS/TEMP]`` (RFC 2449 section 8, RFC 3206): who gives
        a reason knows the command.
        """
        self.wire.stage = Stage.EHLO
        lines = self.say("CAPA")
        if lines[0].upper().startswith("-ERR ["):
            raise Refused(visible(lines[0], 200))
        self.offer = _offer(lines[1:-1]) if lines[0].upper().startswith("+OK") else MailboxOffer(password_command=True)

    def ask_for_tls(self) -> None:
        """Say STLS (RFC 2595 section 4)."""
        self.wire.stage = Stage.STARTTLS
        self.need(self.offer.starttls, "STARTTLS (STLS)")
        self.expect(self.say("STLS")[0], "+OK")

    def login(self, account: Credentials) -> None:
        """Log in with USER and PASS."""
        self.wire.stage = Stage.AUTH
        self.need(self.offer.password_command, "a login with user name and password")
        self.wire.mask.keep(account)
        if set(account.user + account.secret.reveal()) & set("\r\n"):
            raise ValueError("a user name and a password have no line ends in them")
        self.expect(self.say(f"USER {account.user}")[0], "+OK")
        self.wire.send(memoryview(f"PASS {account.secret.reveal()}\r\n".encode()), shown="PASS (redacted)")
        self.expect(self._status(), "+OK")

    def say(self, command: str) -> list[str]:
        """Say *command* and return the lines of the answer; the last of several is the dot that ends them."""
        self.wire.send(f"{command}\r\n".encode())
        lines = [self._status()]
        while _MANY_LINES.match(command) and lines[0].upper().startswith("+OK") and lines[-1] != ".":
            self.room_for(lines)
            lines.append(self.line())
        return lines

    def goodbye(self) -> None:
        """Say QUIT."""
        self.say("QUIT")

    def _status(self) -> str:
        line = self.line()
        if not line.upper().startswith(("+OK", "-ERR", "+ ")):
            raise ReplyError("the reply is not POP3")
        return line


def _offer(lines: list[str]) -> MailboxOffer:
    words = [" ".join(line.upper().split()) for line in lines]
    shown, left_out = listed([word for word in words if word])
    sasl = next((word for word in shown if word.split()[0] == "SASL"), "")
    return MailboxOffer(
        shown,
        tuple(sasl.split()[1:]),
        starttls="STLS" in words,
        password_command="USER" in words,
        left_out=left_out,
    )
