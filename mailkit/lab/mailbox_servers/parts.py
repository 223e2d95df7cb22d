"""The parts of a message as IMAP numbers them (RFC 9051 section 6.4.5.1), found without decoding anything.

The whole tree of a hostile message may be deep and wide: beyond the limits what is left counts as one part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any

from mailkit.lab.mail.mailboxes import header_of

__all__ = ["DEEPEST", "Part"]

DEEPEST = 10
_MOST = 200  # parts within each other and side by side


@dataclass(frozen=True)
class Part:
    """A message, or a part of one: its header with the empty line, and its body."""

    header: bytes
    body: bytes
    depth: int = 0

    @classmethod
    def of(cls, content: bytes, depth: int = 0) -> Part:
        """Return *content* with its header told from its body."""
        if content[:2] == b"\r\n" or content[:1] == b"\n":
            size = 2 if content[:1] == b"\r" else 1
            return cls(content[:size], content[size:], depth)
        ends = [at + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (at := content.find(mark)) >= 0]
        end = min(ends, default=len(content))
        return cls(content[:end], content[end:], depth)

    @property
    def fields(self) -> Message[Any, Any]:
        """The header, parsed."""
        return header_of(self.header)

    def children(self) -> list[Part]:
        """Return the parts of a multipart, or of a message that is attached; none for anything else."""
        fields = self.fields
        if self.depth >= DEEPEST:
            return []
        if fields.get_content_type() == "message/rfc822":
            inner = Part.of(self.body, self.depth + 1)
            return inner.children() or [inner]
        boundary = fields.get_boundary() if fields.get_content_maintype() == "multipart" else None
        if not boundary:
            return []
        return [Part.of(piece, self.depth + 1) for piece in _pieces(self.body, boundary.encode("utf-8", "replace"))]

    def numbered(self, number: str) -> Part | None:
        """Return the part called *number* ("1", "2.1"); part 1 of what has no parts is its body."""
        part = self
        for step in number.split("."):
            children = part.children()
            if not children and step == "1" and part.depth == 0:
                return Part(part.header, part.body, 1)
            if not 0 < int(step) <= len(children):
                return None
            part = children[int(step) - 1]
        return part


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Yield what stands between the lines that begin with the *boundary* (RFC 2046 section 5.1.1)."""
    mark = b"--" + boundary
    start = 0 if body.startswith(mark) else body.find(b"\n" + mark) + 1
    if not body.startswith(mark, start):
        return
    for _ in range(_MOST):
        end_of_line = body.find(b"\n", start)
        if body.startswith(b"--", start + len(mark)) or end_of_line < 0:
            return
        following = body.find(b"\n" + mark, end_of_line)
        piece = body[end_of_line + 1 : following if following >= 0 else len(body)]
        yield piece.removesuffix(b"\r")
        if following < 0:
            return
        start = following + 1
