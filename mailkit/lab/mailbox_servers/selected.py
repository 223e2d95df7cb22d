"""A selected folder as one IMAP client sees it (RFC 9051 section 6.4): numbers stay until the client is told.

Messages come and go in the mailbox while a client looks at it.  Its sequence numbers change only when the server
says EXISTS or EXPUNGE, which it does at moments when the client expects it (section 7.5.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from mailkit.lab.mail.mailboxes import Mail
from mailkit.lab.mailbox_servers.fetching import Wanted, wanted
from mailkit.lab.mailbox_servers.searching import CHARSETS, Numbered, search
from mailkit.lab.mailbox_servers.session import Session
from mailkit.lab.mailbox_servers.syntax import Atom, Item, Misspelt, flag_list, numbers, ranges, text

__all__ = ["MOST_HELD", "Selected", "ViewLost", "flags_of"]

_T = TypeVar("_T")

_FLAGS = "\\Answered \\Flagged \\Deleted \\Seen \\Draft"
_DELETED, _SEEN = "\\Deleted", "\\Seen"
_MOST_FLAGS, _LONGEST_FLAG = 20, 100
MOST_HELD = 512 * 1024 * 1024  # octets of a mailbox
_CHUNK, _CHUNK_OCTETS = 100, 1024 * 1024  # messages, and octets of them, described at a time


class ViewLost(Exception):
    """The mailbox begins anew, and with it the UIDs: what the client knows of it is worth nothing any more."""


class Selected:
    """The *folder* that *session* has selected, for reading only or not."""

    def __init__(self, session: Session, folder: str, *, read_only: bool) -> None:
        self._session, self._folder, self._read_only = session, folder, read_only
        self._boxes, self._owner = session.services.mailboxes, session.account
        self._validity = self._boxes.uid_validity
        mail = self._boxes.mail(self._owner, folder)
        self._uids = [one.uid for one in mail]  # by number: the first is number 1
        self._flags = {one.uid: one.flags for one in mail}

    async def describe(self) -> None:
        """Say what a client hears first about a folder (RFC 9051 section 6.3.2)."""
        unseen = next((n for n, uid in enumerate(self._uids, 1) if _SEEN not in self._flags[uid]), 0)
        may_change = "" if self._read_only else _FLAGS + " \\*"
        lines = [
            f"* FLAGS ({_FLAGS})",
            f"* {len(self._uids)} EXISTS",
            "* 0 RECENT",
            *([f"* OK [UNSEEN {unseen}] The first that is unread"] if unseen else []),
            f"* OK [UIDVALIDITY {self._validity}] UIDs are valid",
            f"* OK [UIDNEXT {self._boxes.uid_next(self._owner, self._folder)}] The next UID",
            f"* OK [PERMANENTFLAGS ({may_change})] Flags that are kept",
        ]
        await self._session.send("".join(f"{line}\r\n" for line in lines).encode())

    async def catch_up(self) -> None:
        """Tell the client what has changed since it was last told.  Raises ViewLost when the mailbox was reset."""
        now = self._held()
        said = []
        for number in range(len(self._uids), 0, -1):  # from the end, so that no number changes before its turn
            if self._uids[number - 1] not in now:
                self._flags.pop(self._uids.pop(number - 1), None)
                said.append(f"* {number} EXPUNGE\r\n".encode())
        for number, uid in enumerate(self._uids, 1):
            if now[uid].flags != self._flags[uid]:
                said.append(b"* %d FETCH (UID %d FLAGS %s)\r\n" % (number, uid, flag_list(now[uid].flags)))
        new = [uid for uid in now if uid not in self._flags]
        self._uids += new
        self._flags = {uid: mail.flags for uid, mail in now.items()}
        if new:
            said.append(f"* {len(self._uids)} EXISTS\r\n".encode())
        await self._session.send(b"".join(said))

    def _held(self) -> dict[int, Mail]:
        if self._boxes.uid_validity != self._validity:
            raise ViewLost
        return {mail.uid: mail for mail in self._boxes.mail(self._owner, self._folder)}

    # The commands ----------------------------------------------------------------------------------------------------

    async def run(self, word: str, items: list[Item]) -> str:
        """Carry out one of the commands on a selected folder and return the answer.  Raises Misspelt and ViewLost."""
        by_uid = word == "UID"
        if by_uid:
            if not items:
                raise Misspelt("UID with nothing behind it")
            word, items = text(items[0]).upper(), items[1:]
            if word not in ("FETCH", "STORE", "SEARCH", "COPY", "EXPUNGE"):
                raise Misspelt("UID goes with FETCH, STORE, SEARCH, COPY and EXPUNGE")
        match word:
            case "FETCH":
                answer = await self._fetch(items, by_uid)
            case "STORE":
                answer = await self._store(items, by_uid)
            case "SEARCH":
                answer = await self._search(items, by_uid)
            case "COPY":
                answer = self._copy(items, by_uid)
            case "EXPUNGE":
                answer = self._expunge(items, by_uid)
            case "CLOSE":
                return self._close()
            case "UNSELECT":
                return "OK No folder is selected now"
            case _:
                answer = "OK Checked"
        if by_uid or word in ("CHECK", "COPY", "EXPUNGE"):  # the others speak of numbers, so none may change
            await self.catch_up()
        return answer

    def _chosen(self, item: Item, by_uid: bool) -> list[int]:
        """Return the UIDs of the messages that a set means."""
        if by_uid:
            return numbers(text(item), self._uids)
        return [self._uids[number - 1] for number in numbers(text(item), range(1, len(self._uids) + 1))]

    def _numbered(self) -> dict[int, int]:
        return {uid: number for number, uid in enumerate(self._uids, 1)}

    async def _fetch(self, items: list[Item], by_uid: bool) -> str:
        if len(items) != 2:
            raise Misspelt("FETCH takes a set of numbers and what to fetch")
        chosen, asked = self._chosen(items[0], by_uid), wanted(items[1], by_uid=by_uid)
        if asked.sees and not self._read_only:
            self._note(self._boxes.store(self._owner, self._folder, chosen, lambda flags: flags | {_SEEN}))
        held, number_of = self._held(), self._numbered()
        mail = [held[uid] for uid in chosen if uid in held]
        for chunk in _chunks(mail):
            await self._session.send(await self._on_a_thread(_described, chunk, number_of, asked))
        return "OK That is it" if len(mail) == len(chosen) else "NO [EXPUNGEISSUED] Some of them have gone"

    async def _store(self, items: list[Item], by_uid: bool) -> str:
        if len(items) < 3:
            raise Misspelt("STORE takes a set of numbers, FLAGS, and a list of flags")
        how = text(items[1]).upper()
        if how.removesuffix(".SILENT") not in ("FLAGS", "+FLAGS", "-FLAGS"):
            raise Misspelt("STORE changes FLAGS, +FLAGS or -FLAGS")
        given = items[2] if isinstance(items[2], list) else items[2:]
        change = _change(how[0], flags_of(given))
        if self._read_only:
            return "NO [READ-ONLY] The folder was examined, not selected"
        changed = self._boxes.store(self._owner, self._folder, self._chosen(items[0], by_uid), change)
        self._note(changed)
        if not how.endswith(".SILENT"):
            number_of = self._numbered()
            asked = wanted([Atom("FLAGS")], by_uid=by_uid)
            await self._session.send(_described(changed, number_of, asked))
        return "OK Done"

    async def _search(self, items: list[Item], by_uid: bool) -> str:
        if len(items) > 1 and isinstance(items[0], Atom) and items[0].upper() == "CHARSET":
            if text(items[1]).upper() not in CHARSETS:
                return f"NO [BADCHARSET ({' '.join(CHARSETS)})] Another character set, please"
            items = items[2:]
        held = self._held()
        every = [Numbered(number, held[uid]) for number, uid in enumerate(self._uids, 1) if uid in held]
        found = await self._on_a_thread(search, items, every)
        words = "".join(f" {one.mail.uid if by_uid else one.number}" for one in found)
        await self._session.send(f"* SEARCH{words}\r\n".encode())
        return "OK That is it"

    def _copy(self, items: list[Item], by_uid: bool) -> str:
        if len(items) != 2:
            raise Misspelt("COPY takes a set of numbers and a folder")
        folder, chosen, held = text(items[1]), self._chosen(items[0], by_uid), self._held()
        folder = folder.upper() if folder.upper() == "INBOX" else folder
        if folder not in self._boxes.folders(self._owner):
            return "NO [TRYCREATE] There is no such folder"
        mail = [held[uid] for uid in chosen if uid in held]
        if self._boxes.size(self._owner) + sum(len(one.message) for one in mail) > MOST_HELD:
            return "NO [OVERQUOTA] The mailbox is full"
        laid = [
            self._boxes.put(
                self._owner, one.envelope_sender[1:-1], one.message, folder, flags=one.flags, received=one.received
            ).uid
            for one in mail
        ]
        if not laid:
            return "OK Nothing to copy"
        return f"OK [COPYUID {self._validity} {ranges([one.uid for one in mail])} {ranges(laid)}] Copied"

    def _expunge(self, items: list[Item], by_uid: bool) -> str:
        if by_uid and len(items) != 1:
            raise Misspelt("UID EXPUNGE takes a set of UIDs")
        if self._read_only:
            return "NO [READ-ONLY] The folder was examined, not selected"
        self._boxes.expunge(self._owner, self._folder, set(self._chosen(items[0], True)) if by_uid else None)
        return "OK Gone"

    def _close(self) -> str:
        if not self._read_only:
            self._boxes.expunge(self._owner, self._folder)
        return "OK No folder is selected now"

    def _note(self, changed: Sequence[Mail]) -> None:
        """Remember flags that the client knows, since it changed them itself."""
        self._flags.update((mail.uid, mail.flags) for mail in changed if mail.uid in self._flags)

    async def _on_a_thread(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Run *work* where it holds up nobody else's conversation."""
        return await self._session.services.verification.run(work, *arguments)


def _described(mail: Sequence[Mail], number_of: Mapping[int, int], asked: Wanted) -> bytes:
    known = [one for one in mail if one.uid in number_of]
    return b"".join(b"* %d FETCH (%s)\r\n" % (number_of[one.uid], asked.of(one)) for one in known)


def _chunks(mail: Sequence[Mail]) -> Iterator[list[Mail]]:
    chunk: list[Mail] = []
    octets = 0
    for one in mail:
        chunk.append(one)
        octets += len(one.message)
        if len(chunk) >= _CHUNK or octets >= _CHUNK_OCTETS:
            yield chunk
            chunk, octets = [], 0
    if chunk:
        yield chunk


def _change(how: str, flags: frozenset[str]) -> Callable[[frozenset[str]], frozenset[str]]:
    if how == "+":
        return lambda before: before | flags if len(before | flags) <= _MOST_FLAGS else before
    if how == "-":
        return lambda before: before - flags
    return lambda before: flags


def flags_of(given: Sequence[Item]) -> frozenset[str]:
    """Return the flags that a client names; those of the standard are written as there.  Raises Misspelt."""
    standard = {flag.lower(): flag for flag in _FLAGS.split()}
    flags = set()
    for item in given:
        flag = text(item)
        if not isinstance(item, Atom) or len(flag) > _LONGEST_FLAG or not flag.isascii():
            raise Misspelt("that is no flag")
        if flag.startswith("\\") and flag.lower() not in standard:
            raise Misspelt("there is no such flag")
        flags.add(standard.get(flag.lower(), flag))
    if len(flags) > _MOST_FLAGS:
        raise Misspelt("too many flags")
    return frozenset(flags)
