"""The DKIM-Signature header field taken apart (RFC 6376 sections 3.2 and 3.5)."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailkit.dkim.canonical import canonical_field
from mailkit.dkim.names import ascii_name, record_name
from mailkit.message.fields import Field, select
from mailkit.results import visible

__all__ = [
    "Signature",
    "SignatureProblem",
    "covered",
    "decode",
    "parse_signature",
    "parse_tags",
    "signed_data",
    "without_b",
]

_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")
_ALGORITHMS = ("rsa-sha256", "ed25519-sha256", "rsa-sha1")
_CANONICALIZATIONS = ("simple", "relaxed")
_TAG_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_HEADER_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]+")
_NUMBER = re.compile(r"[0-9]{1,12}")
_LENGTH = re.compile(r"[0-9]{1,76}")


class SignatureProblem(ValueError):
    """A tag list that cannot be used; the text is a sentence that says why."""


@dataclass(frozen=True)
class Signature:
    """What one DKIM-Signature field says.

    ``signed`` are the names of its h= tag in lower case, ``body_length`` is its l= tag in octets, ``signed_at``
    and ``expires_at`` are seconds since 1970 (t=, x=), ``copies`` the header fields copied into z=.  ``domain``,
    ``selector`` and ``identity`` stand as they were written; ``key_name`` is where the key is, in A-labels, and
    ``in_subdomain`` is True when the identity lies below the domain and not in it.
    """

    field: Field
    key_name: str
    algorithm: str
    header_canonicalization: str
    body_canonicalization: str
    domain: str
    selector: str
    identity: str
    in_subdomain: bool
    signed: tuple[bytes, ...]
    body_hash: bytes
    value: bytes
    body_length: int | None
    signed_at: int | None
    expires_at: int | None
    copies: tuple[Field, ...]


def parse_tags(text: bytes) -> dict[str, str]:
    """Return the tag=value list *text* as a dictionary (section 3.2).  Raises SignatureProblem."""
    pieces = text.replace(b"\r\n", b"").strip().split(b";")
    if not pieces[-1]:  # the last one may end in a semicolon too
        pieces.pop()
    tags: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = (part.strip() for part in piece.partition(b"="))
        if not equals or not _TAG_NAME.fullmatch(name):
            shown = visible(piece.decode(errors="replace").strip(), limit=60)
            raise SignatureProblem(f"{shown or 'an empty piece'} is no tag=value pair")
        if (tag := name.decode()) in tags:
            raise SignatureProblem(f"the tag {visible(tag, 60)}= is there twice")
        try:
            tags[tag] = value.decode()
        except UnicodeDecodeError:
            raise SignatureProblem("it is not a list of tag=value pairs in UTF-8") from None
    return tags


def decode(text: str, tag: str) -> bytes:
    """Return the octets of the base64 *text* of *tag*, which may be folded.  Raises SignatureProblem."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureProblem(f"{tag}= is not base64") from None


def parse_signature(field: Field) -> Signature:
    """Return what the DKIM-Signature *field* says.  Raises SignatureProblem (RFC 6376 section 6.1.1)."""
    tags = parse_tags(field.value)
    if missing := [tag for tag in _REQUIRED if tag not in tags]:
        raise SignatureProblem(f"the tag {missing[0]}= is missing")
    if tags["v"] != "1":
        raise SignatureProblem(f"version v={visible(tags['v'], 20)} is unknown; only v=1 exists")
    if tags["a"] not in _ALGORITHMS:
        raise SignatureProblem(f"the algorithm a={visible(tags['a'], 40)} is unknown")
    if "dns/txt" not in [method.strip() for method in tags.get("q", "dns/txt").split(":")]:
        raise SignatureProblem("q= names no known way to find the key; only dns/txt exists")
    try:
        key_name = record_name(tags["s"], tags["d"])
    except ValueError:
        raise SignatureProblem("s= and d= do not make a domain name to find the key at") from None
    header, body = _canonicalization(tags.get("c", "simple/simple"))
    body_hash = decode(tags["bh"], "bh")
    if tags["a"] != "rsa-sha1" and len(body_hash) != 32:
        raise SignatureProblem(f"bh= holds {len(body_hash)} octets, but SHA-256 makes 32")
    signed_at, expires_at = _number(tags, "t"), _number(tags, "x")
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise SignatureProblem("it expires (x=) before it was made (t=)")
    length = tags.get("l")
    if length is not None and not _LENGTH.fullmatch(length):
        raise SignatureProblem("l= is not a number")
    identity = tags.get("i", f"@{tags['d']}")
    return Signature(
        field=field,
        key_name=key_name,
        algorithm=tags["a"],
        header_canonicalization=header,
        body_canonicalization=body,
        domain=tags["d"],
        selector=tags["s"],
        identity=identity,
        in_subdomain=_in_subdomain(identity, tags["d"]),
        signed=_header_names(tags["h"]),
        body_hash=body_hash,
        value=decode(tags["b"], "b"),
        body_length=None if length is None else int(length),
        signed_at=signed_at,
        expires_at=expires_at,
        copies=_copies(tags.get("z", "")),
    )


def _canonicalization(text: str) -> tuple[str, str]:
    header, _, body = text.partition("/")
    body = body or "simple"
    if header not in _CANONICALIZATIONS or body not in _CANONICALIZATIONS:
        raise SignatureProblem(f"the canonicalization c={visible(text, 40)} is unknown")
    return header, body


def _number(tags: dict[str, str], tag: str) -> int | None:
    if tag not in tags:
        return None
    if not _NUMBER.fullmatch(tags[tag]):
        raise SignatureProblem(f"{tag}= is not a number of seconds")
    return int(tags[tag])


def _in_subdomain(identity: str, domain: str) -> bool:
    """Return whether *identity* lies below *domain*, compared in A-labels (RFC 8616 section 5)."""
    _, at, host = identity.rpartition("@")
    try:
        below, above = ascii_name(host, "domain"), ascii_name(domain, "domain")
    except ValueError:
        raise SignatureProblem("i= is no identity: it ends in @ and a domain name") from None
    if not at or not f".{below}".endswith(f".{above}"):
        raise SignatureProblem("the identity i= lies outside the domain d=")
    return below != above


def _header_names(text: str) -> tuple[bytes, ...]:
    names = [name.strip() for name in text.split(":")]
    if not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise SignatureProblem("h= is not a list of header field names")
    if "from" not in (lower := [name.lower() for name in names]):
        raise SignatureProblem("h= does not list From, which every signature must cover")
    return tuple(name.encode() for name in lower)


def _copies(text: str) -> tuple[Field, ...]:
    """Return the fields copied into z=, for diagnosis only; what cannot be read there is left out."""
    copies = []
    for piece in filter(None, "".join(text.split()).split("|")):
        name, colon, value = quopri.decodestring(piece.encode()).partition(b":")
        if colon:
            copies.append(Field(name, value + b"\r\n"))
    return tuple(copies)


def covered(fields: Sequence[Field], signature: Signature) -> list[Field]:
    """Return the header *fields* that *signature* covers, in its order.  It never covers itself (section 3.5, h=)."""
    others = [field for field in fields if field is not signature.field]
    return [others[position] for position in select(others, signature.signed)]


def without_b(value: bytes) -> bytes:
    """Return the DKIM-Signature field *value* with the value of its b= tag taken out (section 3.5)."""
    pieces = value.split(b";")
    for position, piece in enumerate(pieces):
        name, equals, _ = piece.partition(b"=")
        if equals and name.strip() == b"b":
            pieces[position] = name + equals
    return b";".join(pieces)


def signed_data(fields: Sequence[Field], signature: Field, algorithm: str) -> bytes:
    """Return the octets that are signed (section 3.7): *fields*, then *signature* without b= and its last CRLF.

    *algorithm* is the header canonicalization.
    """
    last = Field(signature.name, without_b(signature.value))
    parts = [canonical_field(field, algorithm) for field in (*fields, last)]
    return b"".join(parts).removesuffix(b"\r\n")
