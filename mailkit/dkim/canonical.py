"""The canonical forms in which header fields and bodies are hashed (RFC 6376 section 3.4); they are dkimpy's."""

from __future__ import annotations

import re

from dkim.canonicalization import CanonicalizationPolicy

from mailkit.message.fields import Field

__all__ = ["canonical_body", "canonical_field"]

_WHITE_RUN = re.compile(rb"[ \t]{2,}")


def canonical_field(field: Field, algorithm: str) -> bytes:
    """Return *field* as it is hashed, by the header *algorithm* "simple" or "relaxed" (sections 3.4.1 and 3.4.2)."""
    policy = CanonicalizationPolicy.from_c_value(algorithm.encode())
    [(name, value)] = policy.canonicalize_headers([(field.name, field.value)])
    return bytes(name + b":" + value)


def canonical_body(body: bytes, algorithm: str) -> bytes:
    """Return *body* as it is hashed, by the body *algorithm* "simple" or "relaxed" (sections 3.4.3 and 3.4.4)."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    if algorithm == "relaxed":
        # The same result, but dkimpy's own pattern needs time in the square of the longest run of white space.
        body = _WHITE_RUN.sub(b" ", body)
    return bytes(CanonicalizationPolicy.from_c_value(b"simple/" + algorithm.encode()).canonicalize_body(body))
