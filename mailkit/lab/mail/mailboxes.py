"""The mailboxes of a practice internet: folders of messages with UIDs and flags, as IMAP sees them (RFC 9051 2.3)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Any

from mailkit.lab.clock import Clock
from mailkit.results import Record, Sentence, hidden, visible

__all__ = ["INBOX", "JUNK", "Mail", "Mailboxes", "header_of"]

INBOX, JUNK = "INBOX", "Junk"
_DELETED = "\\Deleted"
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_MOST_FOLDERS = 100  # of one mailbox
_MAX_HEADER = 256 * 1024  # octets of a header that are looked at


def header_of(content: bytes) -> Message[Any, Any]:
    """Return the header of the message *content*: its body, which may nest a thousand parts, is not parsed."""
    end = min((at for mark in (b"\r\n\r\n", b"\n\n") if (at := content.find(mark)) >= 0), default=len(content))
    return BytesParser(policy=compat32).parsebytes(content[: min(end, _MAX_HEADER)] + b"\r\n\r\n", headersonly=True)


@dataclass(frozen=True)
class Mail(Record):
    """One message in a mailbox: its envelope, three header fields, and the whole of it in ``message``.

    ``uid`` is its number in its ``folder``, given once and never again; ``flags`` are IMAP's, such as ``\\Seen``.
    """

    received: datetime
    mailbox: str
    envelope_sender: str
    header_from: str
    subject: str
    message: bytes = hidden(b"")
    folder: str = hidden(INBOX)
    uid: int = hidden(0)
    flags: frozenset[str] = hidden(frozenset())

    @classmethod
    def of(cls, received: datetime, mailbox: str, sender: str, content: bytes, folder: str = INBOX) -> Mail:
        """Return *content*, addressed from *sender* in the envelope, as it lies in *mailbox*."""
        head = header_of(content)
        unfolded = (_FOLD.sub("", str(head.get(name, ""))) for name in ("From", "Subject"))  # RFC 5322 section 2.2.3
        header_from, subject = (visible(text, 200) for text in unfolded)
        return cls(received, mailbox, f"<{visible(sender, 200)}>", header_from, subject, content, folder)

    def fields(self, name: str) -> Sentence:
        """Return the header fields called *name* as they stand, topmost first: ``mail.fields("Received")``."""
        found = [f"{name}: {value}" for value in header_of(self.message).get_all(name, [])]
        lines = [visible(line.replace("\t", "    "), 400) for field in found for line in field.splitlines()]
        return Sentence("\n".join(lines) or f"There is no {name} field.")


class Mailboxes:
    """All mailboxes of a world; used from several threads.

    Each has the folders INBOX and Junk.  ``uid_validity`` changes when UIDs begin anew (RFC 9051 section 2.3.1.1).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._folders: dict[tuple[str, str], list[Mail]] = {}
        self._uids: dict[tuple[str, str], int] = {}
        self.uid_validity = 1

    def put(
        self,
        mailbox: str,
        sender: str,
        content: bytes,
        folder: str = INBOX,
        *,
        flags: Iterable[str] = (),
        received: datetime | None = None,
    ) -> Mail:
        """Lay *content* into *folder* of *mailbox*, with *flags*, and return it as it lies there.

        *received* is the time it bears, by default the clock's.
        """
        mail = Mail.of(received or self._clock.now(), mailbox, sender, content, folder)
        mail = replace(mail, flags=frozenset(flags))
        place = mailbox, folder
        with self._lock:
            self._uids[place] = self._uids.get(place, 0) + 1
            mail = replace(mail, uid=self._uids[place])
            self._folders.setdefault(place, []).append(mail)
        return mail

    def folders(self, mailbox: str) -> tuple[str, ...]:
        """Return the names of the folders of *mailbox*: INBOX, Junk, and any other that mail was put into."""
        with self._lock:
            own = sorted(folder for owner, folder in self._folders if owner == mailbox)
        return tuple(dict.fromkeys([INBOX, JUNK, *own]))

    def mail(self, mailbox: str, folder: str = INBOX) -> list[Mail]:
        """Return what lies in *folder* of *mailbox*, by UID."""
        with self._lock:
            return list(self._folders.get((mailbox, folder), ()))

    def uid_next(self, mailbox: str, folder: str = INBOX) -> int:
        """Return the UID that the next message in *folder* of *mailbox* will have."""
        with self._lock:
            return self._uids.get((mailbox, folder), 0) + 1

    def flag(self, mailbox: str, folder: str, uid: int, flags: Iterable[str]) -> None:
        """Give the message *uid* the *flags* in place of those it had; nothing happens when it has gone."""
        with self._lock:
            held = self._folders.get((mailbox, folder), [])
            held[:] = [replace(mail, flags=frozenset(flags)) if mail.uid == uid else mail for mail in held]

    def store(
        self, mailbox: str, folder: str, uids: Collection[int], change: Callable[[frozenset[str]], frozenset[str]]
    ) -> list[Mail]:
        """Give the messages *uids* the flags that *change* makes of theirs, and return them as they are then."""
        chosen, changed = set(uids), []
        with self._lock:
            held = self._folders.get((mailbox, folder), [])
            for at, mail in enumerate(held):
                if mail.uid in chosen:
                    held[at] = replace(mail, flags=change(mail.flags))
                    changed.append(held[at])
        return changed

    def expunge(self, mailbox: str, folder: str = INBOX, uids: Collection[int] | None = None) -> list[int]:
        """Remove what is flagged ``\\Deleted`` from *folder* and return the UIDs (RFC 9051 section 6.4.3).

        With *uids* only those among them.
        """
        with self._lock:
            held = self._folders.get((mailbox, folder), [])
            gone = [mail.uid for mail in held if _DELETED in mail.flags and (uids is None or mail.uid in uids)]
            leaving = set(gone)
            held[:] = [mail for mail in held if mail.uid not in leaving]
        return gone

    def create(self, mailbox: str, folder: str) -> bool:
        """Make an empty *folder*; False when it is there already or there are a hundred."""
        known = self.folders(mailbox)
        with self._lock:
            if folder in known or len(known) >= _MOST_FOLDERS:
                return False
            self._folders[mailbox, folder] = []
        return True

    def delete(self, mailbox: str, folder: str) -> bool:
        """Remove *folder* with all that is in it; False for INBOX, Junk and what is not there.

        Its UIDs are not given again, should it be made again.
        """
        with self._lock:
            return folder not in (INBOX, JUNK) and self._folders.pop((mailbox, folder), None) is not None

    def size(self, mailbox: str) -> int:
        """Return how many octets all that is in *mailbox* takes."""
        with self._lock:
            return sum(len(m.message) for place, held in self._folders.items() if place[0] == mailbox for m in held)

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._folders.clear()
            self._uids.clear()
            self.uid_validity += 1
