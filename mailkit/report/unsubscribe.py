"""One-click unsubscribe as RFC 8058 has it: two fields, one HTTPS address, and a signature over both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailkit import dkim
from mailkit.message.fields import Field
from mailkit.results import AuthResult, Record, visible

__all__ = ["Unsubscribe", "unsubscribe"]

_URI = re.compile(r"<\s*([^<>\s]{1,2000})\s*>")
_NAMES = ("list-unsubscribe", "list-unsubscribe-post")


@dataclass(frozen=True)
class Unsubscribe(Record):
    """Whether a reader's program can offer one-click unsubscribe.

    ``offered`` is True when there is a List-Unsubscribe field (RFC 2369) at all; ``one_click`` when all that RFC 8058
    asks for is there, None when the signature could not be checked.  ``problems`` are what is missing.
    """

    offered: bool
    one_click: bool | None
    uri: str
    problems: tuple[str, ...]


def unsubscribe(fields: Sequence[Field], signatures: Sequence[dkim.Verification]) -> Unsubscribe:
    """Return what the header *fields* offer, given what became of the *signatures*."""
    lists, posts = ([f.value for f in fields if f.key == name.encode()] for name in _NAMES)
    if not lists:
        lonely = ("there is a List-Unsubscribe-Post without a List-Unsubscribe field",) if posts else ()
        return Unsubscribe(False, False, "", lonely)
    uris = _URI.findall(_text(lists[0]))
    secure = [uri for uri in uris if uri.lower().startswith("https:")]
    problems: list[str] = []
    if len(lists) > 1:
        problems.append("there is more than one List-Unsubscribe field")
    if not secure:
        problems.append("List-Unsubscribe holds no HTTPS address")
    elif len(secure) > 1:
        problems.append(f"List-Unsubscribe holds {len(secure)} HTTPS addresses, and one is asked for")
    if any(uri.lower().startswith("http:") for uri in uris):
        problems.append("List-Unsubscribe holds an address without TLS (http:)")
    if not posts:
        problems.append("there is no List-Unsubscribe-Post field")
    elif len(posts) > 1 or "".join(_text(posts[0]).split()).lower() != "list-unsubscribe=one-click":
        problems.append("List-Unsubscribe-Post does not say List-Unsubscribe=One-Click, and that alone")
    covering = [row for row in signatures if set(_NAMES) <= {name.lower() for name in row.signed_headers}]
    unknown = False
    if posts and not any(row.result is AuthResult.PASS for row in covering):
        unknown = any(row.result is AuthResult.TEMPERROR for row in covering)
        if covering and not unknown:
            problems.append("the signature that covers both fields (h=) does not pass")
        elif not covering:
            problems.append("no DKIM signature covers both fields (h=)")
    whole: bool | None = not problems
    if whole and unknown:
        whole = None
    return Unsubscribe(True, whole, visible((secure or uris or [""])[0], 300), tuple(problems))


def _text(value: bytes) -> str:
    return value[:10_000].decode("utf-8", "replace")
