"""The mailboxes of a practice internet: folders of messages with UIDs and flags, as IMAP sees them (RFC 9051 2.3)."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
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

    def put(self, mailbox: str, sender: str, content: bytes, folder: str = INBOX) -> Mail:
        """Lay *content* into *folder* of *mailbox* and return it as it lies there."""
        mail = Mail.of(self._clock.now(), mailbox, sender, content, folder)
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

    def expunge(self, mailbox: str, folder: str = INBOX) -> list[int]:
        """Remove what is flagged ``\\Deleted`` from *folder* and return the UIDs (RFC 9051 section 6.4.3)."""
        with self._lock:
            held = self._folders.get((mailbox, folder), [])
            gone = [mail.uid for mail in held if _DELETED in mail.flags]
            held[:] = [mail for mail in held if mail.uid not in gone]
        return gone

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._folders.clear()
            self._uids.clear()
            self.uid_validity += 1
