"""The lexical elements of structured header fields: words, quoted strings, comments (RFC 5322 section 3.2).

Fields come from strangers: the scanner takes whatever it is given, in linear time, and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Token", "TokenKind", "tokens"]


class TokenKind(StrEnum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"  # a quoted string, its quotes and backslashes taken away
    COMMENT = "comment"  # what stands in the outermost parentheses
    SPECIAL = "special"  # one of the characters that separate


@dataclass(frozen=True)
class Token:
    """One element of a field; ``glued`` is True where nothing stands between it and the one before."""

    kind: TokenKind
    text: str
    glued: bool = False


_SPACE = re.compile(r"[ \t\r\n]+")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)("|\\?\Z)', re.DOTALL)  # one without its end goes on to the end
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_NESTING = re.compile(r"\\.|[()]", re.DOTALL)


def tokens(text: str, specials: str = ";=") -> Iterator[Token]:
    """Yield the elements of *text*, a field's value; each character of *specials* is a token of its own.

    A comment or a quoted string that is never closed reaches to the end.
    """
    word = re.compile(rf'[^ \t\r\n("{re.escape(specials)}]+')
    position, glued = 0, False
    while position < len(text):
        char = text[position]
        if match := _SPACE.match(text, position):
            position, glued = match.end(), False
            continue
        if char == "(":
            end = _end_of_comment(text, position)
            yield Token(TokenKind.COMMENT, _PAIR.sub(r"\1", text[position + 1 : end].removesuffix(")")))
            position, glued = end, False
            continue
        if match := _QUOTED.match(text, position):
            yield Token(TokenKind.QUOTED, _PAIR.sub(r"\1", match[1]), glued)
            position = match.end()
        elif char in specials:
            yield Token(TokenKind.SPECIAL, char, glued)
            position += 1
        else:
            match = word.match(text, position)
            assert match is not None  # whatever begins none of the others
            yield Token(TokenKind.WORD, match[0], glued)
            position = match.end()
        glued = True


def _end_of_comment(text: str, start: int) -> int:
    """Return where the comment that begins at *start* ends; comments nest (RFC 5322 section 3.2.2)."""
    depth = 0
    for match in _NESTING.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return len(text)
