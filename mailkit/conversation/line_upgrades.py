"""FTP, NNTP and ManageSieve up to the go-ahead for TLS: the three neighbours of mail that speak in lines.

FTP: RFC 959 section 4.2 for replies, RFC 4217 section 4 for ``AUTH TLS``.  NNTP: RFC 3977 sections 3.2 and 5.2, RFC
4642 section 2.  ManageSieve: RFC 5804 sections 1.2, 1.7 and 2.2.
"""

from __future__ import annotations

import re

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.mailbox import Refused
from mailkit.conversation.replies import NotOffered
from mailkit.conversation.upgrade import Upgrade
from mailkit.results import visible

__all__ = ["FTP", "NNTP", "ManageSieve"]

_LITERAL = re.compile(r"\{([0-9]{1,9})\+?\}\Z")
_LONGEST_LITERAL = 64 * 1024  # octets
_MOST_LITERALS = 20  # of one line
_CODE = re.compile(r"[1-5][0-9][0-9](?=[ -]|\Z)")

# How FTP servers say that they do not know AUTH, or not this mechanism (RFC 959 section 4.2.1, RFC 2228 section 3).
_FTP_UNKNOWN = (500, 501, 502, 504)


class _Coded(Upgrade):
    """A protocol whose replies begin with three digits."""

    name = ""

    def reply(self) -> tuple[int, str]:
        """Return the code of the next line, and the line as it may be shown.  Raises ReplyError for no such line."""
        line = self.line()
        code = _CODE.match(line)
        if code is None:
            raise ReplyError(f"the reply is not {self.name}")
        return int(code[0]), visible(line, 200)


class FTP(_Coded):
    """FTP up to ``AUTH TLS``; see :class:`mailkit.conversation.upgrade.Upgrade`.

    What FEAT would list is not asked for: servers need not answer it before the login, and AUTH answers for itself.
    """

    name = "FTP"

    def greeted(self) -> None:
        """Take the greeting, ``220``; before it may come a ``120``, ready in some minutes."""
        code, said = self._whole()
        if code == 120:
            code, said = self._whole()
        if code != 220:
            raise Refused(said)

    def look(self) -> None:
        """Nothing is announced that could be relied on."""

    def request(self) -> None:
        """Say ``AUTH TLS`` and take the ``234``."""
        self.wire.send(b"AUTH TLS\r\n")
        code, said = self._whole()
        if code in _FTP_UNKNOWN:
            raise NotOffered(f"AUTH TLS is not offered: {said}")
        if code != 234:
            raise Refused(said)

    def _whole(self) -> tuple[int, str]:
        """Return code and first line of a reply, which may have several lines, those between without a code."""
        code, said = self.reply()
        if said[3:4] == "-":
            lines = [said]
            while not (last := self.line()).startswith(f"{code} "):
                self.room_for(lines)
                lines.append(last)
        return code, said


class NNTP(_Coded):
    """NNTP up to ``STARTTLS``; see :class:`mailkit.conversation.upgrade.Upgrade`."""

    name = "NNTP"
    _offered = False

    def greeted(self) -> None:
        """Take the greeting, ``200`` or ``201``."""
        code, said = self.reply()
        if code not in (200, 201):
            raise Refused(said)

    def look(self) -> None:
        """Ask for the capabilities; a server that does not know the command offers no TLS (RFC 4642 section 2.1)."""
        self.wire.send(b"CAPABILITIES\r\n")
        code, said = self.reply()
        if code == 101:
            lines = [""]
            while lines[-1] != ".":
                self.room_for(lines)
                lines.append(self.line())
            self._offered = "STARTTLS" in {line.strip().upper() for line in lines}
        elif code not in (500, 501, 502, 503):
            raise Refused(said)

    def request(self) -> None:
        """Say ``STARTTLS`` and take the ``382``."""
        self.need(self._offered, "STARTTLS")
        self.wire.send(b"STARTTLS\r\n")
        code, said = self.reply()
        if code != 382:
            raise Refused(said)


class ManageSieve(Upgrade):
    """ManageSieve up to ``STARTTLS``; see :class:`mailkit.conversation.upgrade.Upgrade`."""

    _offered = False

    def greeted(self) -> None:
        """Take the greeting, which lists the capabilities."""
        self._offered = any(re.match(r'"STARTTLS"(?:\s|\Z)', line, re.IGNORECASE) for line in self._yes())

    def look(self) -> None:
        """The greeting has said it."""

    def request(self) -> None:
        """Say ``STARTTLS`` and take the ``OK``."""
        self.need(self._offered, "STARTTLS")
        self.wire.send(b"STARTTLS\r\n")
        self._yes()

    def _yes(self) -> list[str]:
        """Return the lines before an ``OK``; raises Refused for ``NO`` and ``BYE``."""
        lines: list[str] = []
        while True:
            line = self._with_literals()
            word = re.split(r"[\s(]", line, maxsplit=1)[0].upper()
            if word == "OK":
                return lines
            if word in ("NO", "BYE"):
                raise Refused(visible(line, 200))
            if not line.startswith(('"', "{")):
                raise ReplyError("the reply is not ManageSieve")
            self.room_for(lines)
            lines.append(line)

    def _with_literals(self) -> str:
        """Return the next line, with what stands in literals after it (RFC 5804 section 4: *string*) left out.

        A literal may hold anything, line ends and an ``OK`` too.
        """
        line = self.line()
        for _ in range(_MOST_LITERALS):
            announced = _LITERAL.search(line)
            if announced is None:
                return line
            self._skip(int(announced[1]))
            line = f"{line[: announced.start()]}(literal){self.line()}"
        raise ReplyError("the answer never ends")

    def _skip(self, octets: int) -> None:
        if octets > _LONGEST_LITERAL:
            raise ReplyError(f"a literal of the reply is too long: {octets:,} octets")
        while octets:
            came = self.wire.receive(octets)
            if not came:
                raise EOFError("the server closed the connection in the middle of a literal")
            octets -= len(came)
