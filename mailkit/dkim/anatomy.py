"""What a signature covers: every part of a message as signed, oversigned or unsigned (RFC 6376 sections 3.7, 5.4.2)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from mailkit.dkim.canonical import canonical_body
from mailkit.dkim.signature import Signature, SignatureProblem, covered, parse_signature
from mailkit.message.fields import MAX_OCTETS, Field, MalformedMessage, Message, parse
from mailkit.results import Record, Rows, visible

__all__ = ["Coverage", "Part", "anatomy"]

_SHOWN_FIELDS = 200


class Coverage(StrEnum):
    """How a signature covers a part; ``oversigned``: a further field of that name would break the signature."""

    SIGNED = "signed"
    OVERSIGNED = "oversigned"
    UNSIGNED = "unsigned"


@dataclass(frozen=True)
class Part(Record):
    """One header field, or one stretch of the body.

    ``place`` is "header" or "body"; ``octets`` is the length in the canonical form for the body, as it stands for
    a header field, 0 for a field that is signed as absent.
    """

    place: str
    name: str
    coverage: Coverage
    content: str
    octets: int
    note: str = ""


def anatomy(message: bytes, signature: int = 0) -> Rows[Part]:
    """Return the parts of *message* from top to bottom, and how its DKIM signature number *signature* covers each.

    Signatures count from 0 at the top.  A message without one has only unsigned parts; octets that are no message
    are one part with a note.  The signature is not verified.  Raises ValueError when there are signatures but not
    this one, TypeError when the message is not bytes.
    """
    try:
        if len(message) > MAX_OCTETS:
            raise MalformedMessage(f"the message has more than {MAX_OCTETS >> 20} MiB and was not read")
        parsed = parse(message)
    except MalformedMessage as problem:
        content = visible(bytes(message[:200]).decode(errors="replace"), 120)
        return Rows(Part, [Part("header", "", Coverage.UNSIGNED, content, len(message), str(problem))])
    found = [field for field in parsed.fields if field.key == b"dkim-signature"]
    if not found:
        return Rows(Part, _parts(parsed, None, None, ""), caption="the message has no DKIM-Signature")
    if not 0 <= signature < len(found):
        raise ValueError(f"the message has {len(found)} signatures, numbered from 0: there is no number {signature}")
    field = found[signature]
    try:
        read = parse_signature(field)
    except SignatureProblem as problem:
        return Rows(Part, _parts(parsed, field, None, f"it cannot be used: {problem}"))
    caption = f"as signed by {visible(read.domain, 80)}, selector {visible(read.selector, 80)}"
    return Rows(Part, _parts(parsed, field, read, "covers itself, apart from the value of b="), caption=caption)


def _parts(message: Message, own: Field | None, signature: Signature | None, note: str) -> list[Part]:
    names = signature.signed if signature else ()
    chosen = {id(field) for field in covered(message.fields, signature)} if signature else set()
    listed, present = Counter(names), Counter(field.key for field in message.fields if field is not own)
    parts = []
    for field in message.fields[:_SHOWN_FIELDS]:
        if field is own:
            parts.append(_field_part(field, Coverage.SIGNED if signature else Coverage.UNSIGNED, note))
        elif id(field) not in chosen:
            parts.append(_field_part(field, Coverage.UNSIGNED, ""))
        elif listed[field.key] > present[field.key]:
            parts.append(_field_part(field, Coverage.OVERSIGNED, "one more of this name breaks the signature"))
        else:
            parts.append(_field_part(field, Coverage.SIGNED, ""))
    more = len(message.fields) - _SHOWN_FIELDS
    if more > 0:
        parts.append(Part("header", "…", Coverage.UNSIGNED, "", 0, f"{more} more fields are not shown"))
    for name in dict.fromkeys(names[:_SHOWN_FIELDS]):
        if not present[name]:
            shown = visible(name.decode().title(), 80)
            parts.append(Part("header", shown, Coverage.OVERSIGNED, "", 0, "absent, and signed as absent"))
    return parts + _body_parts(message, signature)


def _field_part(field: Field, coverage: Coverage, note: str) -> Part:
    unfolded = field.value.replace(b"\r\n\t", b" ").replace(b"\r\n", b"")  # a tab that only continues a line
    content = visible(unfolded.decode(errors="replace").strip(), 120)
    octets = len(field.name) + 1 + len(field.value)
    return Part("header", visible(field.name.decode().strip(), 80), coverage, content, octets, note)


def _body_parts(message: Message, signature: Signature | None) -> list[Part]:
    body = canonical_body(message.body, signature.body_canonicalization if signature else "simple")
    if signature is None:
        return [_body_part(body, Coverage.UNSIGNED, "")]
    length = signature.body_length
    if length is None:
        return [_body_part(body, Coverage.SIGNED, "the whole body, by its hash bh=")]
    signed = _body_part(body[:length], Coverage.SIGNED, f"the first {length} octets (l=)")
    if length >= len(body):
        return [signed]
    return [signed, _body_part(body[length:], Coverage.UNSIGNED, "beyond l=: anyone may have added it")]


def _body_part(body: bytes, coverage: Coverage, note: str) -> Part:
    return Part("body", "", coverage, visible(body[:200].decode(errors="replace").strip(), 120), len(body), note)
