"""The canonical forms in which header fields and bodies are hashed (RFC 6376 section 3.4).

Octet for octet those of dkimpy, in time that grows with the length alone.  Most bodies need no change, and finding
that out must not cost more than hashing them: so blanks are looked for as they stand, not by a pattern of either kind.
"""

from __future__ import annotations

import re

from mailkit.message.fields import Field

__all__ = ["canonical_body", "canonical_field"]

_BLANKS = re.compile(rb"   *")  # two literal blanks first: those the engine finds as fast as it reads


def canonical_field(field: Field, algorithm: str) -> bytes:
    """Return *field* as it is hashed, by the header *algorithm* "simple" or "relaxed" (sections 3.4.1 and 3.4.2)."""
    if algorithm == "simple":
        return field.name + b":" + field.value
    unfolded = field.value.replace(b"\r\n", b"").replace(b"\n", b"")
    return field.name.lower().rstrip() + b":" + _with_single_blanks(unfolded).strip() + b"\r\n"


def canonical_body(body: bytes, algorithm: str) -> bytes:
    """Return *body* as it is hashed, by the body *algorithm* "simple" or "relaxed" (sections 3.4.3 and 3.4.4)."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    if algorithm == "simple":
        return _without_last_lines(body) or b"\r\n"
    body = _with_single_blanks(body)
    if body.rfind(b" \r\n") >= 0:  # Python looks from the end twice as fast as from the beginning
        body = body.replace(b" \r\n", b"\r\n")
    return _without_last_lines(body)


def _with_single_blanks(text: bytes) -> bytes:
    """Return *text* with every run of blanks and tabs as one blank."""
    text = text.replace(b"\t", b" ")
    return _BLANKS.sub(b" ", text) if text.rfind(b"  ") >= 0 else text  # most have none, and that is seen faster


def _without_last_lines(body: bytes) -> bytes:
    """Return *body* without the empty lines at its end; nothing is left of one that has no other lines."""
    if not body.endswith(b"\r\n\r\n") and body != b"\r\n":
        return body
    text = body.rstrip(b"\r\n")
    tail = body[len(text) :]
    # Empty lines are CRLF after CRLF; what is before a CR or LF that stands otherwise belongs to the text.
    start = max(tail.rfind(b"\r\r"), tail.rfind(b"\n\n")) + 1
    kept = text + tail[: start + (tail[start : start + 1] == b"\n")]
    return kept + b"\r\n" if kept else b""
