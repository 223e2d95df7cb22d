"""The folders of one account in IMAP: listed, counted, made, deleted, filled (RFC 9051 section 6.3)."""

from __future__ import annotations

import re

from mailkit.lab.mail.mailboxes import INBOX
from mailkit.lab.mailbox_servers.selected import MOST_HELD, flags_of
from mailkit.lab.mailbox_servers.session import Session
from mailkit.lab.mailbox_servers.syntax import Item, Misspelt, moment, quoted, text

__all__ = ["MOST_OCTETS", "CannotDo", "Folders"]

MOST_OCTETS = 64 * 1024 * 1024  # of a message that is laid into a folder (RFC 7889)
_LONGEST_NAME = 200  # characters of a folder


class CannotDo(Exception):
    """A command cannot be carried out; the text is the answer behind its tag."""


class Folders:
    """The folders of whoever has logged in on *session*."""

    words = frozenset({"LIST", "LSUB", "STATUS", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "APPEND"})

    def __init__(self, session: Session) -> None:
        self._session, self._boxes = session, session.services.mailboxes

    def run(self, word: str, items: list[Item]) -> str:
        """Carry out one of :attr:`words` and return the answer.  Raises Misspelt and CannotDo."""
        match word:
            case "LIST" | "LSUB":  # every folder is subscribed to
                return self._list(items, word)
            case "STATUS":
                return self._status(items)
            case "CREATE":
                return self._create(items)
            case "DELETE":
                return self._delete(items)
            case "APPEND":
                return self._append(items)
            case "RENAME":
                return "NO [CANNOT] Folders keep their names here"
            case _:
                return "OK Every folder is subscribed to here"

    def _named(self, item: Item) -> str:
        """Return the folder that *item* names, whether it is there or not."""
        name = text(item)
        if not 0 < len(name) <= _LONGEST_NAME or any(ord(char) < 32 for char in name):
            raise CannotDo("NO [CANNOT] That is no name for a folder")
        return INBOX if name.upper() == INBOX else name

    def existing(self, items: list[Item]) -> str:
        """Return the folder that the first of *items* names.  Raises CannotDo where there is none."""
        if not items:
            raise Misspelt("which folder?")
        name = self._named(items[0])
        if name not in self._boxes.folders(self._session.account):
            raise CannotDo("NO [NONEXISTENT] There is no such folder")
        return name

    def _list(self, items: list[Item], command: str) -> str:
        if len(items) != 2:
            return f"BAD {command} takes a reference and a pattern"
        pattern = text(items[0]) + text(items[1])
        if not text(items[1]):  # a question for the delimiter
            self._session.write(f'* {command} (\\Noselect) "/" ""\r\n'.encode())
            return "OK That is it"
        for folder in self._boxes.folders(self._session.account):
            if _fits(folder, pattern[:_LONGEST_NAME]):
                self._session.write(b'* %s (\\HasNoChildren) "/" %s\r\n' % (command.encode(), quoted(folder)))
        return "OK That is it"

    def _status(self, items: list[Item]) -> str:
        folder = self.existing(items)
        if len(items) != 2 or not isinstance(items[1], list):
            return "BAD STATUS takes a folder and a list of items"
        mail = self._boxes.mail(self._session.account, folder)
        known = {
            "MESSAGES": len(mail),
            "RECENT": 0,
            "UIDNEXT": self._boxes.uid_next(self._session.account, folder),
            "UIDVALIDITY": self._boxes.uid_validity,
            "UNSEEN": sum("\\Seen" not in one.flags for one in mail),
        }
        asked = [text(item).upper() for item in items[1]]
        if unknown := [word for word in asked if word not in known]:
            return f"BAD STATUS knows no {ascii(unknown[0][:40])[1:-1]}"
        values = " ".join(f"{word} {known[word]}" for word in dict.fromkeys(asked))
        self._session.write(b"* STATUS %s (%s)\r\n" % (quoted(folder), values.encode()))
        return "OK That is it"

    def _create(self, items: list[Item]) -> str:
        if len(items) != 1:
            return "BAD CREATE takes a name"
        made = self._boxes.create(self._session.account, self._named(items[0]).rstrip("/") or "/")
        return "OK Made" if made else "NO [ALREADYEXISTS] It is there already, or there are too many"

    def _delete(self, items: list[Item]) -> str:
        folder = self.existing(items)
        gone = self._boxes.delete(self._session.account, folder)
        return "OK It is gone" if gone else "NO [CANNOT] INBOX and Junk stay"

    def _append(self, items: list[Item]) -> str:
        if len(items) < 2 or not isinstance(items[-1], bytes):
            return "BAD APPEND takes a folder, perhaps flags and a time, and a message"
        try:
            folder = self.existing(items)
        except CannotDo:
            return "NO [TRYCREATE] There is no such folder"
        flags: frozenset[str] = frozenset()
        received = None
        for item in items[1:-1]:
            if isinstance(item, list):
                flags = flags_of(item)
            else:
                received = moment(text(item))
        if self._boxes.size(self._session.account) + len(items[-1]) > MOST_HELD:
            return "NO [OVERQUOTA] The mailbox is full"
        mail = self._boxes.put(
            self._session.account, self._session.account, items[-1], folder, flags=flags, received=received
        )
        return f"OK [APPENDUID {self._boxes.uid_validity} {mail.uid}] It is there"


def _fits(folder: str, pattern: str) -> bool:
    """Return whether *folder* fits a *pattern* with * and % (RFC 9051 section 6.3.9)."""
    spelt = re.sub(r"[*%]+", lambda found: "*" if "*" in found[0] else "%", pattern)
    parts = [".*" if char == "*" else "[^/]*" if char == "%" else re.escape(char) for char in spelt]
    return spelt.count("*") + spelt.count("%") <= 4 and re.fullmatch("".join(parts), folder) is not None
