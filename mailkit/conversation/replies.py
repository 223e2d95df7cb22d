"""What an SMTP server says: replies (RFC 5321 section 4.2), and what its answer to EHLO offers (section 4.1.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.conversation.bounded import ReplyError
from mailkit.conversation.credentials import Password
from mailkit.conversation.wire import Wire
from mailkit.results import Record, hidden, visible

__all__ = ["NotOffered", "Offer", "Rejected", "Reply", "offer_of", "read_reply"]

_LONGEST = 2048  # octets of a line; RFC 5321 section 4.5.3.1.5 allows 512
_LONGEST_CHALLENGE = 12_288 + 4  # octets after "334 ": RFC 4954 section 4
_MOST_LINES = 1000  # of one reply; the octet budget ends most of them sooner
_MOST_MECHANISMS = 100

# What begins the greeting of other protocols.
_OTHERS = (
    (b"HTTP/", "an HTTP server answers"),
    (b"<!DOCTYPE", "an HTTP server answers"),
    (b"<html", "an HTTP server answers"),
    (b"SSH-", "an SSH server answers"),
    (b"* OK", "an IMAP server answers"),
    (b"* PREAUTH", "an IMAP server answers"),
    (b"* BYE", "an IMAP server answers"),
    (b"+OK", "a POP3 server answers"),
    (b"-ERR", "a POP3 server answers"),
    (b"\x15\x03", "it speaks TLS from the first octet, so this is a port of implicit TLS"),
    (b"\x16\x03", "it speaks TLS from the first octet, so this is a port of implicit TLS"),
)


@dataclass(frozen=True)
class Reply(Record):
    """A reply: its ``code`` and the text of each of its lines, without passwords that the server may have echoed.

    ``challenge`` is what a login has to answer to, as it came.
    """

    code: int
    lines: tuple[str, ...]
    challenge: Password = hidden(Password(""))

    @property
    def text(self) -> str:
        """The lines' texts as one."""
        return " ".join(self.lines)

    def __str__(self) -> str:
        return visible(f"{self.code} {self.text}")


class Rejected(Exception):
    """The server said no; ``reply`` is what it said."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class NotOffered(Exception):
    """The server does not offer what was to be used; the text is our own sentence."""


def read_reply(wire: Wire) -> Reply:
    """Return the next reply.  Raises ReplyError for what is no SMTP reply, EOFError and OSError."""
    texts: list[str] = []
    while True:
        line = _read_line(wire)
        texts.append(line.text)
        if not line.continued:
            return Reply(line.code, tuple(texts), line.challenge)
        if len(texts) >= _MOST_LINES:
            raise ReplyError("the reply never ends")


@dataclass(frozen=True)
class _ReplyLine:
    """One line of a reply, without what is secret: while the next is waited for, a traceback may show this one."""

    code: int
    continued: bool
    text: str
    challenge: Password


def _read_line(wire: Wire) -> _ReplyLine:
    line = wire.read_line(_LONGEST_CHALLENGE)
    if len(line) > _LONGEST and not line.startswith(b"334"):
        raise ReplyError(
            f"a line of the reply is too long: {len(line):,} octets, RFC 5321 section 4.5.3.1.5 allows 512"
        )
    code, more = line[:3], line[3:4]
    if not code.isdigit() or more not in (b" ", b"-", b""):
        raise ReplyError(f"the reply is not SMTP{_what_answers(line)}")
    text = visible(wire.mask(line[4:]).decode("utf-8", "replace").strip(), _LONGEST_CHALLENGE)
    return _ReplyLine(int(code), more == b"-", text, Password(line[4:].decode("ascii", "replace").strip()))


def _what_answers(line: bytes) -> str:
    return next((f": {what}" for beginning, what in _OTHERS if line.lower().startswith(beginning.lower())), "")


@dataclass(frozen=True)
class Offer(Record):
    """One reply to EHLO: its ``keywords`` with their parameters, and the ``mechanisms`` of AUTH among them.

    ``left_out`` counts mechanisms behind the hundredth, which are not listed.
    """

    keywords: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    left_out: int = 0

    def __str__(self) -> str:
        return ", ".join(self.keywords) or "nothing"

    def has(self, keyword: str) -> bool:
        """True when *keyword* is offered, with parameters or without."""
        return any(word.split(" ", 1)[0] == keyword.upper() for word in self.keywords)

    @property
    def starttls(self) -> bool:
        """True when the server offers to switch to TLS."""
        return self.has("STARTTLS")


def offer_of(reply: Reply) -> Offer:
    """Return what the *reply* to EHLO offers; its first line is a greeting and no keyword."""
    keywords: list[str] = []
    mechanisms: dict[str, None] = {}
    has_auth = False
    for line in reply.lines[1:]:
        # "AUTH=PLAIN LOGIN" is how servers of the nineties said it; some still say it both ways.
        words = line.upper().replace("AUTH=", "AUTH ", 1).split()
        if words and words[0] == "AUTH":
            has_auth = True
            mechanisms.update(dict.fromkeys(visible(word, 40) for word in words[1:]))
        elif words:
            keywords.append(visible(" ".join(words), 120))
    listed = tuple(mechanisms)[:_MOST_MECHANISMS]
    left_out = len(mechanisms) - len(listed)
    if has_auth:
        more = f"(and {left_out:,} more)" if left_out else ""
        keywords.append(" ".join(filter(None, ("AUTH", *listed, more))))
    return Offer(tuple(keywords), listed, left_out)
