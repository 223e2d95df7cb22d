"""A POP3 server (RFC 1939) over the mailboxes of the practice internet: it sees INBOX, and nothing else of them.

110 begins in the clear and offers STLS (RFC 2595 section 4), 995 is inside TLS from the first octet (RFC 8314
section 3.1).  A host may offer APOP, the login of a time without TLS (RFC 1939 section 7).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Awaitable, Callable

from mailkit.lab.mail import auth
from mailkit.lab.mail.mailboxes import INBOX, Mail
from mailkit.lab.mailbox_servers.session import Session, TooLong

__all__ = ["POP3"]

_DELETED = "\\Deleted"
_LINES = re.compile(rb"\r\n|\n")
_GREETINGS = itertools.count(1)

Run = Callable[[list[str]], Awaitable[None]]


class _No(Exception):
    """A command cannot be carried out; the text is what to say behind -ERR."""


class POP3(Session):
    """One POP3 conversation; a session is a snapshot of INBOX, and what it deletes goes at QUIT."""

    too_many = b"-ERR [SYS/TEMP] Too many connections, try again later\r\n"
    make_room_words = b"-ERR [SYS/TEMP] You have been silent, and others wait for a connection\r\n"

    async def converse(self) -> None:
        """Greet, and answer command after command."""
        self._user = ""
        self._mail: list[Mail] = []
        self._deleted: set[int] = set()  # numbers
        self._left = False
        # What APOP hashes together with the password, different each time (RFC 1939 section 7).
        self._stamp = f"<{next(_GREETINGS)}.{int(self.services.clock.now().timestamp())}@{self.host.name}>"
        self._say(f"+OK {self.host.name} is ready" + (f" {self._stamp}" if self.host.apop else ""))
        while not self._left:
            try:
                line = (await self.read_line()).decode("utf-8", "replace")
                word, _, rest = line.partition(" ")
                await self._run(word.upper(), rest)
            except TooLong:
                self._say("-ERR A line is longer than any needs to be")
                return
            except _No as problem:
                self._say(f"-ERR {problem}")
                self.mistaken()

    def _say(self, line: str) -> None:
        self.write(line.encode("utf-8", "replace") + b"\r\n")

    async def _run(self, word: str, rest: str) -> None:
        before: dict[str, Run] = {"STLS": self._stls, "USER": self._name, "APOP": self._apop, "AUTH": self._auth}
        after: dict[str, Run] = {
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "RETR": self._retr,
            "TOP": self._top,
            "DELE": self._dele,
            "RSET": self._rset,
            "NOOP": self._noop,
        }
        if word == "CAPA":
            await self._capa()
        elif word == "QUIT":
            self._quit()
        elif word == "PASS" and not self.account:
            self._pass(rest)  # a password may have spaces in it
        elif word in before and not self.account:
            await before[word](rest.split())
        elif word in after and self.account:
            await after[word](rest.split())
        elif word in after:
            raise _No("Log in first")
        elif word in before or word == "PASS":
            raise _No("You have logged in already")
        else:
            raise _No("There is no such command")

    @property
    def offered(self) -> list[str]:
        """The capabilities as they are now (RFC 2449)."""
        words = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
        if not self.encrypted:
            words.append("STLS")
        if self.account or not self.may_log_in:
            return words
        return [*words, "USER", f"SASL {' '.join(self.host.mechanisms)}"]

    async def _capa(self) -> None:
        await self._lines("+OK What this server can do", self.offered)

    async def _lines(self, first: str, lines: list[str]) -> None:
        await self.send("".join(f"{line}\r\n" for line in [first, *lines, "."]).encode())

    def _quit(self) -> None:
        if self.account and self._deleted:
            uids = {self._mail[number - 1].uid for number in self._deleted}
            self.services.mailboxes.store(self.account, INBOX, uids, lambda flags: flags | {_DELETED})
            self.services.mailboxes.expunge(self.account, INBOX, uids)
        self._say("+OK Goodbye")
        self._left = True

    # Before the login ------------------------------------------------------------------------------------------------

    async def _stls(self, words: list[str]) -> None:
        if self.encrypted:
            raise _No("This is inside TLS already")
        if self.said_ahead:
            # Said in the clear, so perhaps by somebody on the way: inside TLS it would pass for the client's own word.
            self.forget_what_was_said()
            raise _No("Nothing may follow STLS before TLS begins")
        self._say("+OK Begin TLS now")
        await self.begin_tls()
        self._user = ""  # RFC 2595 section 4: what was learned before is forgotten

    def _may_try(self) -> None:
        if not self.may_log_in:
            raise _No("Logins are disabled before TLS: the password is as good as read by now")
        if self.host.accounts_down:
            raise _No("[SYS/TEMP] The list of accounts cannot be read just now")

    async def _name(self, words: list[str]) -> None:
        self._may_try()
        if len(words) != 1:
            raise _No("USER takes a name")
        self._user = words[0]
        self._say("+OK And the password?")  # the same for a name that there is not

    def _pass(self, given: str) -> None:
        self._may_try()
        if not self._user:
            raise _No("USER comes first")
        user, self._user = self._user, ""
        good = auth.same(given.encode(), self.password_of(user))
        self.logged_in(user, good=good)
        self._welcome(good)

    async def _apop(self, words: list[str]) -> None:
        if not self.host.apop:
            raise _No("APOP is not offered here")
        if len(words) != 2:
            raise _No("APOP takes a name and a digest")
        password = self.password_of(words[0])
        digest = None
        if password is not None:
            digest = hashlib.md5((self._stamp + password).encode(), usedforsecurity=False).hexdigest()
        good = auth.same(words[1].lower().encode(), digest)
        self.logged_in(words[0], good=good)
        self._welcome(good)

    async def _auth(self, words: list[str]) -> None:
        self._may_try()
        result = await self.authenticate(" ".join(words), self._challenge)
        if not result.good and not result.reply.startswith("535"):
            raise _No(result.reply.split(" ", 2)[2])
        self._welcome(result.good)

    async def _challenge(self, challenge: bytes) -> bytes:
        self.write(b"+ " + challenge + b"\r\n")
        return await self.read_line()

    def _welcome(self, good: bool) -> None:
        if not good:
            raise _No("[AUTH] Wrong user name or password")
        self.services.readers.note(self.host.name, self.client)
        self._mail = self.services.mailboxes.mail(self.account)
        self._say(f"+OK {len(self._mail)} messages")

    # After it --------------------------------------------------------------------------------------------------------

    def _one(self, words: list[str]) -> int:
        """Return the number of a message that is there and not deleted."""
        if not words or not words[0].isdecimal() or len(words[0]) > 9:
            raise _No("Which message?")
        number = int(words[0])
        if not 0 < number <= len(self._mail) or number in self._deleted:
            raise _No("There is no such message")
        return number

    def _left_over(self) -> list[tuple[int, Mail]]:
        return [(number, mail) for number, mail in enumerate(self._mail, 1) if number not in self._deleted]

    async def _stat(self, words: list[str]) -> None:
        mail = self._left_over()
        self._say(f"+OK {len(mail)} {sum(len(one.message) for _, one in mail)}")

    async def _list(self, words: list[str]) -> None:
        if words:
            number = self._one(words)
            self._say(f"+OK {number} {len(self._mail[number - 1].message)}")
        else:
            await self._lines("+OK", [f"{number} {len(mail.message)}" for number, mail in self._left_over()])

    async def _uidl(self, words: list[str]) -> None:
        if words:
            number = self._one(words)
            self._say(f"+OK {number} {self._unique(self._mail[number - 1])}")
        else:
            await self._lines("+OK", [f"{number} {self._unique(mail)}" for number, mail in self._left_over()])

    def _unique(self, mail: Mail) -> str:
        return f"{self.services.mailboxes.uid_validity:08x}{mail.uid:08x}"

    async def _retr(self, words: list[str]) -> None:
        mail = self._mail[self._one(words) - 1]
        self._say(f"+OK {len(mail.message)} octets")
        await self.send(_stuffed(mail.message))

    async def _top(self, words: list[str]) -> None:
        mail = self._mail[self._one(words[:1]) - 1]
        if len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 9:
            raise _No("TOP takes a message and a number of lines")
        head, gap, body = mail.message.partition(b"\r\n\r\n")
        shown = b"\r\n".join(body.split(b"\r\n", int(words[1]))[: int(words[1])])
        self._say("+OK")
        await self.send(_stuffed(head + gap + shown))

    async def _dele(self, words: list[str]) -> None:
        number = self._one(words)
        self._deleted.add(number)
        self._say(f"+OK Message {number} goes at QUIT")

    async def _rset(self, words: list[str]) -> None:
        self._deleted.clear()
        self._say(f"+OK {len(self._mail)} messages")

    async def _noop(self, words: list[str]) -> None:
        self._say("+OK")


def _stuffed(content: bytes) -> bytes:
    """Return *content* as it travels: lines with CRLF, a dot at a line's beginning doubled, and the final dot."""
    if b"\n" in content.replace(b"\r\n", b""):
        content = _LINES.sub(b"\r\n", content)
    content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content + (b".\r\n" if content.endswith(b"\r\n") or not content else b"\r\n.\r\n")
