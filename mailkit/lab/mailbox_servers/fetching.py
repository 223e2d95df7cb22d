"""What FETCH says about a message (RFC 9051 sections 6.4.5 and 7.5.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailkit.lab.mail.mailboxes import Mail
from mailkit.lab.mailbox_servers.describing import envelope, structure
from mailkit.lab.mailbox_servers.parts import Part
from mailkit.lab.mailbox_servers.syntax import Atom, Item, Misspelt, flag_list, internal_date

__all__ = ["Wanted", "wanted"]

_MACROS = {
    "ALL": "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE",
    "FAST": "FLAGS INTERNALDATE RFC822.SIZE",
    "FULL": "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY",
}
_PLAIN = ("FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE")
_OLD = {"RFC822": "BODY[]", "RFC822.HEADER": "BODY.PEEK[HEADER]", "RFC822.TEXT": "BODY[TEXT]"}
_SECTION = re.compile(r"BODY(\.PEEK)?\[([^\]]*)\](?:<([0-9]{1,10})\.([1-9][0-9]{0,9})>)?", re.IGNORECASE)
_SPEC = re.compile(
    r"(?P<part>[1-9][0-9]{0,3}(?:\.[1-9][0-9]{0,3}){0,9})?\.?"
    r"(?P<what>HEADER\.FIELDS(?:\.NOT)?|HEADER|TEXT|MIME)?(?: \((?P<names>[^()]*)\))?",
    re.IGNORECASE,
)
_MOST_ITEMS = 50


@dataclass(frozen=True)
class Wanted:
    """What a FETCH asks for, in order; ``sees`` says whether it marks the messages as read."""

    items: tuple[str, ...]
    sees: bool

    def of(self, mail: Mail) -> bytes:
        """Return what is to be said about *mail*, as it stands between the parentheses."""
        return b" ".join(_one(item, mail) for item in self.items)


def wanted(asked: Item, *, by_uid: bool) -> Wanted:
    """Return what the items *asked* of FETCH mean.  Raises Misspelt."""
    given = asked if isinstance(asked, list) else [asked]
    items: list[str] = ["UID"] if by_uid else []
    for item in given[:_MOST_ITEMS]:
        if not isinstance(item, Atom):
            raise Misspelt("FETCH asks for what is no item")
        word = str(item) if "[" in item else item.upper()
        items += _MACROS[word].split() if word in _MACROS and not isinstance(asked, list) else [word]
    if len(given) > _MOST_ITEMS:
        raise Misspelt("too many items")
    for word in items:
        if word not in _PLAIN and word not in _OLD:
            _spec(word)
    items = list(dict.fromkeys(items))
    sees = any(_reads(item) for item in items)
    if sees and "FLAGS" not in items:
        items.append("FLAGS")  # they change, so the client has to hear of it
    return Wanted(tuple(items), sees)


def _reads(item: str) -> bool:
    found = _SECTION.fullmatch(_OLD.get(item, item))
    return found is not None and not found[1]


def _spec(item: str) -> tuple[re.Match[str], re.Match[str]]:
    outer = _SECTION.fullmatch(_OLD.get(item, item))
    inner = _SPEC.fullmatch(outer[2]) if outer else None
    if outer is None or inner is None or bool(inner["names"]) != ("FIELDS" in (inner["what"] or "").upper()):
        raise Misspelt(f"FETCH knows no {item[:60]}")
    return outer, inner


def _one(item: str, mail: Mail) -> bytes:
    name = item.encode()
    match item:
        case "FLAGS":
            return b"FLAGS " + flag_list(mail.flags)
        case "UID":
            return b"UID %d" % mail.uid
        case "INTERNALDATE":
            return b"INTERNALDATE " + internal_date(mail.received).encode()
        case "RFC822.SIZE":
            return b"RFC822.SIZE %d" % len(mail.message)
        case "ENVELOPE":
            return b"ENVELOPE " + envelope(mail.message)
        case "BODY" | "BODYSTRUCTURE":
            return name + b" " + structure(Part.of(mail.message), extended=item == "BODYSTRUCTURE")
    outer, inner = _spec(item)
    value = _section(Part.of(mail.message), mail.message, inner)
    if item not in _OLD:
        name = f"BODY[{outer[2]}]".encode()
        if outer[3]:
            start, count = int(outer[3]), int(outer[4])
            value = None if value is None else value[start : start + count]
            name += b"<%d>" % start
    return name + b" " + (b"NIL" if value is None else b"{%d}\r\n%s" % (len(value), value))


def _section(whole: Part, content: bytes, spec: re.Match[str]) -> bytes | None:
    part: Part | None = whole.numbered(spec["part"]) if spec["part"] else whole
    what = (spec["what"] or "").upper()
    if part is None:
        return None
    if what == "MIME":
        return part.header if spec["part"] else None
    if not what:
        return part.body if spec["part"] else content
    if spec["part"]:  # HEADER and TEXT of a part are those of the message it is
        if part.fields.get_content_type() != "message/rfc822":
            return None
        part = Part.of(part.body)
    if what == "TEXT":
        return part.body
    if what == "HEADER":
        return part.header
    names = {name.strip('"').lower() for name in spec["names"].split()}
    return _fields(part.header, names, keep=what == "HEADER.FIELDS")


def _fields(header: bytes, names: set[str], *, keep: bool) -> bytes:
    """Return those lines of *header* whose field is among *names*, or with *keep* False the others."""
    kept, taking = bytearray(), False
    for line in header.splitlines(keepends=True):
        if not line.strip(b"\r\n"):
            break
        if line[:1] not in (b" ", b"\t"):
            taking = (line.partition(b":")[0].strip().lower().decode("latin-1") in names) == keep
        if taking:
            kept += line
    return bytes(kept + b"\r\n")
