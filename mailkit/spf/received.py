"""The Received-SPF header field (RFC 7208 section 9.1)."""

from __future__ import annotations

import re

__all__ = ["received_spf"]

_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def _printable(text: str, limit: int) -> str:
    """Return *text* as printable ASCII: what others chose must not start a new header line (RFC 5322 section 2.2)."""
    escaped = (
        text[:limit].encode("unicode_escape").decode("ascii") if not text.isascii() or not text.isprintable() else text
    )
    return escaped if len(escaped) <= limit else escaped[: limit - 3] + "..."


def _value(text: str) -> str:
    text = _printable(text, 255)
    if _DOT_ATOM.fullmatch(text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def received_spf(result: str, comment: str, values: dict[str, str]) -> str:
    """Return the whole field on one line, name included: ``Received-SPF: pass (comment) client-ip=192.0.2.1; …``.

    *values* are the pairs in the order they shall appear; an empty value is left out.
    """
    note = re.sub(r"([()\\])", r"\\\1", _printable(comment, 400))
    pairs = "; ".join(f"{key}={_value(text)}" for key, text in values.items() if text)
    return f"Received-SPF: {result} ({note}) {pairs}"
