"""The Authentication-Results field: what a receiver found out about a message, written and read (RFC 8601).

Whatever a client said may end up in this field as a value, and later software believes it: every value is made
visible first, quoted unless it is a token, and no line break gets in.  ``authres`` does not do that, reads no quoted
authserv-id and gives up at nested comments, so it serves as a peer in the tests only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mailkit.message.lexical import Token, TokenKind, tokens
from mailkit.results import Record, visible

__all__ = ["AuthenticationResults", "Result", "parse", "without_claims"]

_NAME = "Authentication-Results"
_MAX_CHARACTERS = 64 * 1024  # of a field that is read
_MAX_RESULTS = 100
_MAX_PROPERTIES = 50
_MAX_VALUE = 320  # characters: the longest address has 64 + 1 + 255 (RFC 5321 section 4.5.3.1)
_LINE = 78  # characters of a line, where there is a choice (RFC 5322 section 2.1.1)

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_PROPERTY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9][A-Za-z0-9_-]{0,63})?\Z")
_PLAIN = {ord(mark): plain for mark, plain in zip("“”‘’–—…", ("'", "'", "'", "'", "-", "-", "..."))}
_TOKEN = r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+"  # RFC 2045 section 5.1
_BARE = re.compile(rf"{_TOKEN}(@[A-Za-z0-9.-]+)?\Z")  # RFC 8601 section 2.2 lets an address stand bare, too


@dataclass(frozen=True)
class Result(Record):
    """What one method said: ``spf=pass smtp.mailfrom=kaisha.example`` (the resinfo of RFC 8601 section 2.2).

    ``properties`` are pairs such as ("smtp.mailfrom", "kaisha.example").  Raises ValueError for a method, a result or
    a property's name that is no keyword; a value may be any text.
    """

    method: str
    result: str
    reason: str = ""
    properties: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for word in (self.method, self.result):
            if not _KEYWORD.match(word):
                raise ValueError(f"methods and results are keywords such as 'spf' and 'pass', not {word[:80]!r}")
        for name, _ in self.properties:
            if not _PROPERTY.match(name):
                raise ValueError(f"a property is called like 'smtp.mailfrom', not {name[:80]!r}")

    def value(self, name: str) -> str:
        """Return the value of the first property called *name*, "" when there is none."""
        return next((value for other, value in self.properties if other.lower() == name.lower()), "")

    @property
    def words(self) -> tuple[str, ...]:
        """The parts between which a line may be broken."""
        reason = (f'reason="{_escaped(self.reason)}"',) if self.reason else ()
        return (f"{self.method}={self.result}", *reason, *(f"{name}={_value(text)}" for name, text in self.properties))

    @property
    def text(self) -> str:
        """The result on one line."""
        return " ".join(self.words)


@dataclass(frozen=True)
class AuthenticationResults(Record):
    """A whole field: the receiver who answers for it, and its results.

    ``problems`` are sentences about the parts of a field that could not be read.
    """

    authserv_id: str
    results: tuple[Result, ...] = ()
    problems: tuple[str, ...] = field(default=(), compare=False)

    @property
    def text(self) -> str:
        """The value of the field, folded, without an end of line after the last one."""
        if not self.results:
            return f"{_value(self.authserv_id)}; none"
        return ";\r\n\t".join([_value(self.authserv_id), *(_folded(result.words) for result in self.results)])

    @property
    def header(self) -> str:
        """The whole field, folded, without an end of line after the last one; its reasons are in ASCII (RFC 5322)."""
        plain = tuple(replace(result, reason=_in_ascii(result.reason)) for result in self.results)
        return f"{_NAME}: {replace(self, results=plain).text}"


def _in_ascii(text: str) -> str:
    """Return our own *text* for a header: its marks plain, what else is not ASCII spelled out."""
    return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode("ascii")


def _escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", visible(text, _MAX_VALUE))


def _value(text: str) -> str:
    """Return *text* as a value: bare where it is a token or a plain address, else quoted."""
    return text if len(text) <= _MAX_VALUE and _BARE.match(text) else f'"{_escaped(text)}"'


def _folded(words: tuple[str, ...]) -> str:
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 8 > _LINE:  # a tab may be shown as eight columns
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return "\r\n\t".join(lines)


def parse(value: str) -> AuthenticationResults:
    """Return what stands in *value*, the text after ``Authentication-Results:``, in lines or unfolded.

    It never raises: what cannot be read is named in ``problems``, and a field of another version than 1 has no
    results (section 2.2).  Methods and results come in lower case.
    """
    problems: list[str] = []
    if len(value) > _MAX_CHARACTERS:
        problems.append(f"only the first {_MAX_CHARACTERS} characters of the field were read")
    head, *clauses = _clauses(value[:_MAX_CHARACTERS])
    name = ""
    if any(token.kind is TokenKind.SPECIAL for token in head):  # some large receivers begin with a result at once
        clauses.insert(0, head)
    else:
        end = next((i for i, token in enumerate(head) if i and not token.glued), len(head))
        name = "".join(token.text for token in head[:end])
        version = " ".join(token.text for token in head[end:])
        if version not in ("", "1"):
            return AuthenticationResults(name, (), (*problems, f"it is of version {visible(version, 20)}, not 1"))
    if not name:
        problems.append("the field does not say who answers for it")
    results: list[Result] = []
    for clause in clauses:
        if [token.text.lower() for token in clause] in ([], ["none"]):
            continue
        if len(results) >= _MAX_RESULTS:
            problems.append(f"only the first {_MAX_RESULTS} results were read")
            break
        found, problem = _result(clause)
        results += [found] if found else []
        problems += [problem] if problem else []
    return AuthenticationResults(name, tuple(results), tuple(problems[:_MAX_RESULTS]))


def _clauses(text: str) -> Iterator[list[Token]]:
    """Yield the tokens between semicolons, comments left out."""
    clause: list[Token] = []
    for token in tokens(text):
        if token.kind is TokenKind.SPECIAL and token.text == ";":
            yield clause
            clause = []
        elif token.kind is not TokenKind.COMMENT:
            clause.append(token)
    yield clause


def _assignments(clause: list[Token]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of ``name=value`` in *clause*; a word that nothing is assigned to has the value ""."""
    position = 0
    while position < len(clause):
        name = clause[position].text
        position += 1
        if position >= len(clause) or clause[position].text != "=" or clause[position].kind is not TokenKind.SPECIAL:
            yield name, ""
            continue
        position += 1
        begin = position
        position += 1
        while position < len(clause) and clause[position].glued:
            position += 1
        yield name, "".join(token.text for token in clause[begin:position])


def _result(clause: list[Token]) -> tuple[Result | None, str]:
    """Return the result that *clause* states, if it does, and what could not be read of it."""
    pairs = _assignments(clause)
    method, said = next(pairs)
    method, _, version = method.partition("/")
    if version not in ("", "1") or not _KEYWORD.match(method) or not _KEYWORD.match(said):
        return None, f"{visible(' '.join(token.text for token in clause[:8]), 80)} is no result"
    reason, problem = "", ""
    properties: list[tuple[str, str]] = []
    for name, value in pairs:
        if name.lower() == "reason":
            reason = value
        elif not _PROPERTY.match(name):
            problem = f"{visible(name, 80)} is no property"
        elif len(properties) >= _MAX_PROPERTIES:
            problem = f"only the first {_MAX_PROPERTIES} properties of {method} were read"
            break
        else:
            properties.append((name, value))
    return Result(method.lower(), said.lower(), reason, tuple(properties)), problem


_LINE_END = re.compile(rb"(\r\n|\n|\r)")


def without_claims(message: bytes, authserv_id: str) -> bytes:
    """Return *message* without the Authentication-Results fields that speak in the name of *authserv_id*.

    A receiver does so before it adds its own: those are forged (RFC 8601 section 5).  The name is recognised
    whatever its case, folded, quoted, behind comments, or with something stuck to it.  The body is not touched.
    """
    pieces = _LINE_END.split(message)
    lines = [line + end for line, end in zip(pieces[::2], [*pieces[1::2], b""])]
    kept: list[bytes] = []
    field_lines: list[bytes] = []

    def flush() -> None:
        if not _claims(b"".join(field_lines), authserv_id):
            kept.extend(field_lines)
        field_lines.clear()

    for number, line in enumerate(lines):
        if not line.strip(b"\r\n"):
            flush()
            return b"".join([*kept, *lines[number:]])
        if line[:1] not in (b" ", b"\t"):
            flush()
        field_lines.append(line)
    flush()
    return b"".join(kept)


def _claims(header_field: bytes, authserv_id: str) -> bool:
    name, colon, value = header_field.partition(b":")
    if not colon or name.strip().lower() != _NAME.lower().encode():
        return False
    text = value[:_MAX_CHARACTERS].decode("utf-8", "replace")
    head = " ".join(token.text for token in next(_clauses(text))).lower()
    return authserv_id.lower().rstrip(".") in {word.strip(".") for word in re.split(r"[^\w.-]+", head)}
