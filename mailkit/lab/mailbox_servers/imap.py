"""An IMAP server (RFC 3501, which RFC 9051 replaces) over the mailboxes of the practice internet; without IDLE.

143 begins in the clear and offers STARTTLS, 993 is inside TLS from the first octet (RFC 8314 section 3.2).  Logging in
is possible inside TLS only, unless the host makes the mistake: until then the server says LOGINDISABLED.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from mailkit.lab.mail import auth
from mailkit.lab.mailbox_servers.folders import MOST_OCTETS, CannotDo, Folders
from mailkit.lab.mailbox_servers.selected import Selected, ViewLost
from mailkit.lab.mailbox_servers.session import Closed, Session, TooLong
from mailkit.lab.mailbox_servers.syntax import (
    Item,
    Misspelt,
    literal_at_end,
    parse,
    text,
)

__all__ = ["IMAP"]

_LONGEST_ARGUMENT = 64 * 1024  # octets of the literals of any other command
_MOST_LITERALS = 20  # of one command
_TAG = re.compile(r"[!#$&',\-./0-9:;<=>?@A-Z^_`a-z|}~\[]{1,80}\Z")

Run = Callable[[list[Item]], Awaitable[str]]


class IMAP(Session):
    """One IMAP conversation."""

    too_many = b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n"
    make_room_words = b"* BYE You have been silent, and others wait for a connection\r\n"
    selected: Selected | None = None

    async def converse(self) -> None:
        """Greet, and answer command after command."""
        self.write(f"* OK [CAPABILITY {self.offered}] {self.host.name} is ready\r\n".encode())
        self._left = False
        self.folders = Folders(self)
        while not self._left:
            try:
                await self._command()
            except TooLong:
                self.write(b"* BYE A line is longer than any needs to be\r\n")
                return
            except ViewLost:
                self.write(b"* BYE The mailbox begins anew\r\n")
                return

    @property
    def offered(self) -> str:
        """The capabilities as they are now (RFC 9051 section 7.2.2)."""
        words = ["IMAP4rev1", "LITERAL+", "SASL-IR"]
        if self.account:
            words += ["UIDPLUS", "UNSELECT", f"APPENDLIMIT={MOST_OCTETS}"]
        else:
            words += [] if self.encrypted else ["STARTTLS"]
            words += [f"AUTH={name}" for name in self.host.mechanisms] if self.may_log_in else ["LOGINDISABLED"]
        return " ".join(words)

    # One command -----------------------------------------------------------------------------------------------------

    async def _command(self) -> None:
        line = await self.read_line()
        tag, _, rest = line.decode("latin-1").partition(" ")
        word = rest.partition(" ")[0].upper()
        if not _TAG.match(tag) or not word:
            self.write(b"* BAD A command is a tag, a space and a word\r\n")
            self.mistaken()
            return
        try:
            items = await self._arguments(line[len(tag) + 1 :], word)
            answer = await self._run(word, items)
        except (Misspelt, CannotDo) as problem:
            answer = str(problem) if isinstance(problem, CannotDo) else f"BAD {problem}"
            if answer.startswith("BAD"):
                self.mistaken()
        await self.send(f"{tag} {answer}\r\n".encode())
        if word == "STARTTLS" and answer.startswith("OK"):
            await self.begin_tls()

    async def _arguments(self, line: bytes, word: str) -> list[Item]:
        """Return the items of the command, with the literals that it announces."""
        if word in ("LOGIN", "AUTHENTICATE") and not self.may_log_in:
            line = line.partition(b" ")[0]  # whatever it is, nobody looks at it
        lines, octets = [line], 0
        literals: list[bytes] = []
        while found := literal_at_end(lines[-1]):
            size, waits = found
            octets += size
            most = MOST_OCTETS if self.account and word == "APPEND" else _LONGEST_ARGUMENT
            if octets > most or len(literals) >= _MOST_LITERALS:
                if not waits:  # it is on its way already, and too much to read
                    self.write(b"* BYE That is more than is taken here\r\n")
                    raise Closed
                raise CannotDo("NO [TOOBIG] That is more than is taken here")
            if waits:
                self.write(b"+ Go ahead\r\n")
            literals.append(await self.read_octets(size))
            lines.append(await self.read_line())
        return parse(lines, literals)[1:]

    async def _run(self, word: str, items: list[Item]) -> str:
        anytime: dict[str, Run] = {"CAPABILITY": self._capability, "NOOP": self._noop, "LOGOUT": self._logout}
        before: dict[str, Run] = {
            "STARTTLS": self._starttls,
            "LOGIN": self._login,
            "AUTHENTICATE": self._authenticate,
        }
        after: dict[str, Run] = {
            "SELECT": self._select,
            "EXAMINE": self._select_to_read,
            "APPEND": self._append,
        }
        inside = {"CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY", "UID"}
        if word in anytime:
            return await anytime[word](items)
        if word in before:
            if self.account:
                raise CannotDo("BAD You have logged in already")
            return await before[word](items)
        if word not in after and word not in inside and word not in self.folders.words:
            raise CannotDo(f"BAD There is no command {ascii(word[:40])[1:-1]}")
        if not self.account:
            raise CannotDo("BAD Log in first")
        if word in after:
            return await after[word](items)
        if word in self.folders.words:
            return self.folders.run(word, items)
        if self.selected is None:
            raise CannotDo("BAD Select a folder first")
        answer = await self.selected.run(word, items)
        if word in ("CLOSE", "UNSELECT"):
            self.selected = None
        return answer

    # At any time -----------------------------------------------------------------------------------------------------

    async def _capability(self, items: list[Item]) -> str:
        self.write(f"* CAPABILITY {self.offered}\r\n".encode())
        return "OK That is it"

    async def _noop(self, items: list[Item]) -> str:
        if self.selected:
            await self.selected.catch_up()
        return "OK Nothing done"

    async def _logout(self, items: list[Item]) -> str:
        self.write(b"* BYE Goodbye\r\n")
        self._left = True
        return "OK Logged out"

    # Before the login ------------------------------------------------------------------------------------------------

    async def _starttls(self, items: list[Item]) -> str:
        if self.encrypted:
            return "BAD This is inside TLS already"
        if self.said_ahead:
            # Said in the clear, so perhaps by somebody on the way: inside TLS it would pass for the client's own word.
            self.forget_what_was_said()
            return "BAD Nothing may follow STARTTLS before TLS begins"
        return "OK Begin TLS now"

    async def _login(self, items: list[Item]) -> str:
        self._may_try()
        if len(items) != 2:
            return "BAD LOGIN takes a user name and a password"
        user, given = text(items[0]), text(items[1])
        good = auth.same(given.encode(), self.password_of(user))
        self.logged_in(user, good=good)
        return self._welcome(good)

    async def _authenticate(self, items: list[Item]) -> str:
        self._may_try()
        result = await self.authenticate(" ".join(text(item) for item in items), self._challenge)
        if not result.good and not result.reply.startswith("535"):
            return f"{'NO' if result.reply.startswith('504') else 'BAD'} {result.reply.split(' ', 2)[2]}"
        return self._welcome(result.good)

    async def _challenge(self, challenge: bytes) -> bytes:
        self.write(b"+ " + challenge + b"\r\n")
        return await self.read_line()

    def _may_try(self) -> None:
        if not self.may_log_in:
            raise CannotDo(
                "NO [PRIVACYREQUIRED] Logins are disabled before TLS: the password is as good as read by now"
            )
        if self.host.accounts_down:
            raise CannotDo("NO [UNAVAILABLE] The list of accounts cannot be read just now")

    def _welcome(self, good: bool) -> str:
        if not good:
            self.mistaken()
            return "NO [AUTHENTICATIONFAILED] Wrong user name or password"
        return f"OK [CAPABILITY {self.offered}] Logged in"

    # Folders ----------------------------------------------------------------------------------------------------------

    async def _select(self, items: list[Item], *, read_only: bool = False) -> str:
        self.selected = None
        folder = self.folders.existing(items)
        self.selected = Selected(self, folder, read_only=read_only)
        await self.selected.describe()
        return f"OK [READ-{'ONLY' if read_only else 'WRITE'}] {'Examined' if read_only else 'Selected'}"

    async def _select_to_read(self, items: list[Item]) -> str:
        return await self._select(items, read_only=True)

    async def _append(self, items: list[Item]) -> str:
        answer = self.folders.run("APPEND", items)
        if self.selected and answer.startswith("OK"):
            await self.selected.catch_up()
        return answer
