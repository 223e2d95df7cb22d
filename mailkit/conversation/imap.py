"""One IMAP conversation (RFC 9051, RFC 3501): open, capabilities, STARTTLS, log in, say, leave.

What is needed to look at a server and to log in is here; reading mail is for the standard library's imaplib.
"""

from __future__ import annotations

import base64
import re

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.credentials import Credentials
from mailkit.conversation.mailbox import Mailbox, MailboxOffer, Refused, listed
from mailkit.results import Stage, visible

__all__ = ["IMAP"]

_LITERAL = re.compile(r"\{[0-9]{1,9}\}\Z")


class IMAP(Mailbox):
    """An IMAP conversation; see :class:`mailkit.conversation.mailbox.Mailbox`."""

    _tags = 0

    def greeted(self) -> None:
        """Take the greeting, ``* OK`` (RFC 9051 section 7.1).

        Raises Refused for ``* BYE``, and ReplyError for ``* PREAUTH``: who is taken for logged in can begin no TLS.
        """
        said = self.greeting(("* OK", "* BYE", "* PREAUTH"), "IMAP")
        if said == "* BYE":
            raise Refused(f"* BYE {self.banner}")
        if said == "* PREAUTH":
            raise ReplyError("it takes us for logged in before a word was said (PREAUTH): TLS cannot begin then")

    def introduce(self) -> None:
        """Ask for the capabilities (RFC 9051 section 6.1.1)."""
        self.wire.stage = Stage.EHLO
        lines = self.say("CAPABILITY")
        self._done(lines)
        said = [line.split()[2:] for line in lines[:-1] if line.upper().startswith("* CAPABILITY")]
        named = [word.upper() for words in said for word in words]
        if not any(word.startswith("IMAP4") for word in named):  # each list has to have one (RFC 9051 section 7.2.2)
            raise ReplyError("the reply lists no capabilities of an IMAP server, neither IMAP4rev1 nor IMAP4rev2")
        self.offer = _offer(named)

    def ask_for_tls(self) -> None:
        """Say STARTTLS (RFC 9051 section 6.2.1)."""
        self.wire.stage = Stage.STARTTLS
        self.need(self.offer.starttls, "STARTTLS")
        self._done(self.say("STARTTLS"))

    def login(self, account: Credentials) -> None:
        """Log in with AUTHENTICATE PLAIN, or with the command LOGIN where that is not offered."""
        self.wire.stage = Stage.AUTH
        self.wire.mask.keep(account)
        if "PLAIN" in self.offer.mechanisms:
            response = base64.b64encode(f"\0{account.user}\0{account.secret.reveal()}".encode())
            self.wire.mask.add(response)
            tag = self._send("AUTHENTICATE PLAIN")
            lines = self._answer(tag)
            if lines[-1].startswith("+"):
                self.wire.send(memoryview(b"%s\r\n" % response), shown="(redacted)")
                lines = self._answer(tag)
        else:
            self.need(self.offer.password_command, "a login with user name and password")
            words = [re.sub(r'(["\\])', r"\\\1", word) for word in (account.user, account.secret.reveal())]
            if any(set(word) & set("\r\n\0") for word in words):
                raise ValueError("a user name and a password for LOGIN have no line ends in them")
            tag = self._tag()
            command = memoryview(f'{tag} LOGIN "{words[0]}" "{words[1]}"\r\n'.encode())
            self.wire.send(command, shown=f"{tag} LOGIN {visible(account.user, 200)} (redacted)")
            lines = self._answer(tag)
        self._done(lines)

    def say(self, command: str) -> list[str]:
        """Say *command*, with a tag of ours, and return the lines of the answer, the tagged one last."""
        return self._answer(self._send(command), leaving=command.strip().upper() == "LOGOUT")

    def goodbye(self) -> None:
        """Say LOGOUT."""
        self.say("LOGOUT")

    def _done(self, lines: list[str]) -> None:
        """Raise Refused unless the answer of these *lines* is a yes."""
        if lines[-1].upper().split(" ")[1:2] != ["OK"]:  # capitals do not count (RFC 9051 section 9)
            raise Refused(visible(lines[-1], 200))

    def _tag(self) -> str:
        self._tags += 1
        return f"a{self._tags}"

    def _send(self, command: str) -> str:
        tag = self._tag()
        self.wire.send(f"{tag} {command}\r\n".encode())
        return tag

    def _answer(self, tag: str, *, leaving: bool = False) -> list[str]:
        """Return the lines up to the one that answers *tag*, or that asks for more.

        A ``* BYE`` says that the server hangs up (RFC 9051 section 7.1.5): Refused, unless we are *leaving*.
        """
        lines = [self.line()]
        while not lines[-1].startswith((f"{tag} ", "+")):
            inside = _inside_a_literal(lines)
            if lines[-1][:2] != "* " and not inside:
                raise ReplyError("the reply is not IMAP")
            if lines[-1][:5].upper() == "* BYE" and not inside and not leaving:
                raise Refused(visible(lines[-1], 200))
            self.room_for(lines)
            lines.append(self.line())
        return lines


def _inside_a_literal(lines: list[str]) -> bool:
    """Return whether the last of *lines* may belong to a literal that an earlier one announced."""
    return any(_LITERAL.search(line) for line in lines[:-1])


def _offer(words: list[str]) -> MailboxOffer:
    shown, left_out = listed(words)
    mechanisms = tuple(word.removeprefix("AUTH=") for word in shown if word.startswith("AUTH="))
    return MailboxOffer(
        shown,
        mechanisms,
        starttls="STARTTLS" in words,
        password_command="LOGINDISABLED" not in words,
        left_out=left_out,
    )
