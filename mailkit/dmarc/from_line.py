"""Who is the author?  The domain in the From field, found by one written rule for every way it can be written.

DMARC speaks of exactly one domain (RFC 9989 section 5.3.1).  A message with none or with several is outside its scope,
which is what attackers make use of (section 11.5): a check sees one author, the reader another.  ``RULES`` says what
is done in each case.  Nothing is guessed and nothing is cut off: what cannot be read has no author.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailkit.message.encoded_words import decoded_words
from mailkit.message.fields import Message
from mailkit.message.lexical import Token, TokenKind, tokens
from mailkit.network.names import to_ascii
from mailkit.results import Record, Rows, visible

__all__ = ["MAX_AUTHORS", "RULES", "Author", "Rule", "author", "rules"]

MAX_AUTHORS = 4  # domains of one From field that are evaluated
_MAX_OCTETS = 10_000
_MAX_ADDRESSES = 100
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
_ATOM = re.compile(r"[^\s()<>\[\]:;@,\"\\]+")


@dataclass(frozen=True)
class Rule(Record):
    """One way to write a From field, what is done then, and why."""

    name: str
    when: str
    then: str
    reference: str


RULES = {
    rule.name: rule
    for rule in (
        Rule("one author", "one field with one address", "its domain is the author's", "RFC 9989 section 5.3.1"),
        Rule("no field", "the message has no From field", "there is no author: permerror", "RFC 9989 section 5.3.1"),
        Rule(
            "two fields",
            "there is more than one From field, also with a space before the colon or in other case",
            "nobody knows which one the reader will see: permerror",
            "RFC 5322 section 3.6, RFC 9989 section 4.4",
        ),
        Rule("empty", "the field holds no address", "there is no author: permerror", "RFC 5322 section 3.6.2"),
        Rule(
            "group without members",
            "the field is a group such as 'undisclosed:;'",
            "there is no author: permerror",
            "RFC 6854 section 3, RFC 9989 section 5.3.1",
        ),
        Rule(
            "several domains",
            f"the addresses are of 2 to {MAX_AUTHORS} domains",
            "each is evaluated; one that fails makes it fail, and the strictest policy of those counts",
            "RFC 9989 section 11.5",
        ),
        Rule(
            "too many domains",
            f"the addresses are of more than {MAX_AUTHORS} domains, or more than {_MAX_ADDRESSES}",
            "the evaluation would be incomplete: permerror",
            "RFC 9989 section 11.5",
        ),
        Rule(
            "no domain name",
            "an address without a domain, with an address literal, or with what cannot be a name",
            "there is no domain to ask: permerror",
            "RFC 9989 section 5.3.1",
        ),
        Rule(
            "unreadable",
            "the field does not follow the grammar: two addresses without a comma, text after the address …",
            "programs differ in what they make of it: permerror",
            "RFC 5322 section 3.4, RFC 9989 section 4.2",
        ),
        Rule(
            "encoded address",
            "there is no address but an encoded word, which may hide one",
            "encoded words are not decoded where an address stands: permerror",
            "RFC 2047 section 5",
        ),
        Rule(
            "control characters",
            "the field holds NUL or another control character",
            "programs cut or skip there: permerror",
            "RFC 5322 section 2.2",
        ),
        Rule(
            "too long", f"the field has more than {_MAX_OCTETS} octets", "it is not read: permerror", "RFC 5322 2.1.1"
        ),
        Rule("no message", "the header cannot be read", "there is no author: permerror", "RFC 5322 section 2.2"),
    )
}


@dataclass(frozen=True)
class Author(Record):
    """What the From field says.

    ``rule`` is the name of the rule that decided, ``domains`` the authors' domains as A-labels (none: permerror),
    ``addresses`` what stands in the field, ``note`` what a person should know of it.
    """

    rule: str
    domains: tuple[str, ...]
    addresses: tuple[str, ...]
    note: str


class _Problem(ValueError):
    """A field that has no author; the first argument is the rule, the second a detail."""


def rules() -> Rows[Rule]:
    """Return the rules as a table."""
    return Rows(Rule, RULES.values())


def author(message: Message | None, unread: str = "") -> Author:
    """Return the author of *message*, None for one that cannot be read; *unread* says why, as far as that is known."""
    if message is None:
        return _none("no message", unread)
    found = [field.value for field in message.fields if field.key == b"from"]
    if not found:
        return _none("no field")
    if len(found) > 1:
        shown = tuple(visible(value.decode(errors="replace").strip(), 200) for value in found[:10])
        return Author("two fields", (), shown, f"{len(found)} From fields")
    try:
        return _read(found[0])
    except _Problem as problem:
        rule, note = problem.args
        begin = visible(found[0][:400].decode(errors="replace").strip(), 200)
        return Author(rule, (), (begin,), note or RULES[rule].when)


def _none(rule: str, note: str = "") -> Author:
    return Author(rule, (), (), note or RULES[rule].when)


def _read(octets: bytes) -> Author:
    if len(octets) > _MAX_OCTETS:
        raise _Problem("too long", f"{len(octets)} octets")
    text = octets.decode("utf-8", "surrogateescape").removesuffix("\r\n")
    if match := _CONTROL.search(text):
        raise _Problem("control characters", f"it holds {visible(match[0])}")
    mailboxes, grouped = _mailboxes([t for t in tokens(text, "<>:;@,[]") if t.kind is not TokenKind.COMMENT])
    if not mailboxes:
        rule = "group without members" if grouped else "encoded address" if "=?" in text else "empty"
        raise _Problem(rule, "")
    if len(mailboxes) > _MAX_ADDRESSES:
        raise _Problem("too many domains", f"{len(mailboxes)} addresses")
    if len(mailboxes) > 1 and (loose := next((m for m in mailboxes if not _has_at(m)), None)):
        name = visible(" ".join(token.text for token in loose), 40)
        raise _Problem("no domain name", f"a comma parts addresses, and {name} has no @: such a name stands in quotes")
    read = [_address(mailbox, encoded="=?" in text) for mailbox in mailboxes]
    domains = tuple(dict.fromkeys(domain for _, domain, _ in read))
    if len(domains) > MAX_AUTHORS:
        raise _Problem("too many domains", f"{len(domains)} domains")
    addresses = tuple(visible(f"{local}@{domain}", 320) for local, domain, _ in read[:10])
    notes = list(dict.fromkeys(note for _, _, note in read if note))
    if len(read) > 1:
        notes.insert(0, f"{len(read)} addresses of {len(domains)} domain{'s' if len(domains) > 1 else ''}")
    rule = "several domains" if len(domains) > 1 else "one author"
    return Author(rule, domains, addresses, "; ".join(notes[:3]))


def _mailboxes(elements: Sequence[Token]) -> tuple[list[list[Token]], bool]:
    """Return the elements of each mailbox in an address list, and whether there was a group (RFC 5322 section 3.4)."""
    found: list[list[Token]] = [[]]
    inside = grouped = open_group = False
    for token in elements:
        sign = token.text if token.kind is TokenKind.SPECIAL else ""
        if sign == "<":
            inside = True
        elif sign == ">":
            inside = False
        if sign == "," and not inside:
            found.append([])
        elif sign == ";" and not inside:
            if not open_group:
                raise _Problem("unreadable", "a semicolon outside a group")
            open_group = False
            found.append([])
        elif sign == ":" and not inside:
            if open_group or any(t.kind is TokenKind.SPECIAL for t in found[-1]) or not found[-1]:
                raise _Problem("unreadable", "a colon where no group begins")
            grouped = open_group = True
            found[-1] = []
        else:
            found[-1].append(token)
    return [mailbox for mailbox in found if mailbox], grouped


def _has_at(elements: Sequence[Token]) -> bool:
    return any(token.kind is TokenKind.SPECIAL and token.text == "@" for token in elements)


def _address(mailbox: Sequence[Token], *, encoded: bool) -> tuple[str, str, str]:
    """Return local part, domain (A-labels), and what there is to say of one mailbox."""
    signs = [token.text if token.kind is TokenKind.SPECIAL else "" for token in mailbox]
    note = ""
    if "<" in signs or ">" in signs:
        if signs.count("<") != 1 or signs.count(">") != 1 or signs[-1] != ">":
            raise _Problem("unreadable", "angle brackets that do not hold one address at the end")
        start = signs.index("<")
        name = "".join(token.text for token in mailbox[:start])
        if "@" in decoded_words(name):
            note = "the name in front of the address looks like an address too; DMARC does not speak of names"
        inner, inner_signs = mailbox[start + 1 : -1], signs[start + 1 : -1]
        if inner_signs[:1] == ["@"] and ":" in inner_signs:
            note = "a route stands before the address (obsolete, RFC 5322 section 4.4): it does not count"
            inner = inner[inner_signs.index(":") + 1 :]
    else:
        inner = mailbox
    signs = [token.text if token.kind is TokenKind.SPECIAL else "" for token in inner]
    if not inner:
        raise _Problem("empty", "the angle brackets are empty")
    if "@" not in signs:
        raise _Problem("encoded address" if encoded and len(inner) == 1 else "no domain name", "no @ in the address")
    if signs.count("@") > 1:
        raise _Problem("unreadable", "more than one @ in the address")
    at = signs.index("@")
    local = _dotted(inner[:at], "the local part")
    return local, _domain(inner[at + 1 :]), note


def _dotted(elements: Sequence[Token], what: str) -> str:
    """Return *elements* as one text; spaces may stand around its dots only (obsolete, RFC 5322 section 4.4)."""
    text = ""
    for token in elements:
        if token.kind is TokenKind.SPECIAL or (token.kind is TokenKind.WORD and not _ATOM.fullmatch(token.text)):
            raise _Problem("unreadable", f"{what} holds {visible(token.text, 40)}")
        if text and not token.glued and not text.endswith(".") and not token.text.startswith("."):
            raise _Problem("unreadable", f"{what} is in two pieces")
        text += token.text
    if not text:
        raise _Problem("no domain name" if what == "the domain" else "unreadable", f"{what} is empty")
    return text


def _domain(elements: Sequence[Token]) -> str:
    if any(token.kind is TokenKind.SPECIAL and token.text in "[]" for token in elements):
        raise _Problem("no domain name", "an address literal in place of a domain")
    if any(token.kind is TokenKind.QUOTED for token in elements):
        raise _Problem("unreadable", "a quoted string in the domain")
    text = _dotted(elements, "the domain")
    try:
        return to_ascii(text)
    except ValueError:
        raise _Problem("no domain name", f"{visible(text, 80)} cannot be a domain name") from None
