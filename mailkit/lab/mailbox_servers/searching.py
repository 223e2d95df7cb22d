"""SEARCH: which messages a client is looking for (RFC 9051 section 6.4.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime

from mailkit.lab.mail.mailboxes import Mail, header_of
from mailkit.lab.mailbox_servers.syntax import Atom, Item, Misspelt, day, numbers, text
from mailkit.message.encoded_words import decoded_words

__all__ = ["CHARSETS", "Numbered", "search"]

CHARSETS = ("US-ASCII", "UTF-8")
_MOST_KEYS = 64
_DEEPEST = 10
_FLAGS = {name.upper(): f"\\{name}" for name in ("Answered", "Deleted", "Draft", "Flagged", "Seen")}
_FIELDS = ("BCC", "CC", "FROM", "SUBJECT", "TO")
_DATES = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")


@dataclass(frozen=True)
class Numbered:
    """A message with its number in the folder."""

    number: int
    mail: Mail


Test = Callable[[Numbered], bool]


def search(keys: Sequence[Item], held: Sequence[Numbered]) -> list[Numbered]:
    """Return those of *held* that fit all *keys*.  Raises Misspelt for what is no key."""
    test = _Keys(keys, held).all()
    return [one for one in held if test(one)]


class _Keys:
    """The keys of a search, taken one after the other; *budget* counts them over all parentheses."""

    def __init__(self, keys: Sequence[Item], held: Sequence[Numbered], depth: int = 0, budget: list[int] | None = None):
        self._rest = list(keys)[::-1]
        self._held = held
        self._depth = depth
        self._budget = budget if budget is not None else [_MOST_KEYS]

    def all(self) -> Test:
        """Return the test that all keys left make together."""
        tests = []
        while self._rest:
            tests.append(self._key())
        if not tests:
            raise Misspelt("SEARCH without a key")
        return lambda one: all(test(one) for test in tests)

    def _next(self) -> Item:
        if not self._rest:
            raise Misspelt("a key of SEARCH lacks what it is about")
        return self._rest.pop()

    def _key(self) -> Test:
        self._budget[0] -= 1
        if self._budget[0] < 0 or self._depth > _DEEPEST:
            raise Misspelt("a search with too many keys")
        item = self._next()
        if isinstance(item, list):
            return _Keys(item, self._held, self._depth + 1, self._budget).all()
        if not isinstance(item, Atom):
            raise Misspelt("SEARCH has a string where a key belongs")
        word = item.upper()
        if word in _FLAGS or word.removeprefix("UN") in _FLAGS:
            return _flag(_FLAGS[word] if word in _FLAGS else _FLAGS[word[2:]], word in _FLAGS)
        if word in ("KEYWORD", "UNKEYWORD"):
            return _flag(text(self._next()), word == "KEYWORD")
        if word in _FIELDS:
            return _field(word, text(self._next()))
        if word in _DATES:
            return _date(word, text(self._next()))
        if word in ("LARGER", "SMALLER"):
            return _size(word, text(self._next()))
        return self._other(word, item)

    def _other(self, word: str, item: Atom) -> Test:
        match word:
            case "ALL" | "OLD":
                return lambda one: True
            case "NEW" | "RECENT":
                return lambda one: False  # nothing is \\Recent here, which RFC 9051 did away with
            case "NOT":
                test = self._nested()
                return lambda one: not test(one)
            case "OR":
                left, right = self._nested(), self._nested()
                return lambda one: left(one) or right(one)
            case "HEADER":
                return _field(text(self._next()), text(self._next()))
            case "BODY" | "TEXT":
                return _content(text(self._next()), whole=word == "TEXT")
            case "UID":
                chosen = set(numbers(text(self._next()), [one.mail.uid for one in self._held]))
                return lambda one: one.mail.uid in chosen
        if not (word[:1].isdigit() or word.startswith("*")):
            raise Misspelt(f"SEARCH knows no {word[:40]}")
        picked = set(numbers(item, [one.number for one in self._held]))
        return lambda one: one.number in picked

    def _nested(self) -> Test:
        self._depth += 1
        try:
            return self._key()
        finally:
            self._depth -= 1


def _flag(flag: str, wanted: bool) -> Test:
    sought = flag.lower()
    return lambda one: (sought in (held.lower() for held in one.mail.flags)) == wanted


def _field(name: str, sought: str) -> Test:
    low = sought.lower()

    def test(one: Numbered) -> bool:
        values = header_of(one.mail.message).get_all(name, [])
        return any(low in decoded_words(str(value)).lower() for value in values)

    return test


def _content(sought: str, *, whole: bool) -> Test:
    low = sought.lower().encode("utf-8", "replace")

    def test(one: Numbered) -> bool:
        content = one.mail.message
        return low in (content if whole else content.partition(b"\r\n\r\n")[2]).lower()

    return test


def _date(word: str, spelt: str) -> Test:
    wanted = day(spelt)

    def test(one: Numbered) -> bool:
        found = one.mail.received.date()
        if word.startswith("SENT"):
            sent = _sent(one.mail)
            if sent is None:
                return False
            found = sent
        kind = word.removeprefix("SENT")
        return found < wanted if kind == "BEFORE" else found == wanted if kind == "ON" else found >= wanted

    return test


def _sent(mail: Mail) -> date | None:
    """Return the date of the header, as its author wrote it; None when it is none."""
    try:
        return parsedate_to_datetime(str(header_of(mail.message).get("Date", ""))).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _size(word: str, spelt: str) -> Test:
    if not spelt.isdecimal() or len(spelt) > 12:
        raise Misspelt("a size is a number")
    size = int(spelt)
    if word == "LARGER":
        return lambda one: len(one.mail.message) > size
    return lambda one: len(one.mail.message) < size
