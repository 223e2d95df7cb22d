"""Why a signature does not fit: what can be known about a change, and what cannot.

A hash tells that something changed, never what.  But a guess can be tried: take the change back and see whether
the signature fits again.  That finds the commonest ones: lines added at the end, a tag in the subject, a second
header field.  Copies in z= (RFC 6376 section 3.5), where there are any, name the field outright.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from mailkit.dkim.canonical import canonical_field
from mailkit.dkim.records import PublicKey, is_right
from mailkit.dkim.signature import Signature, signed_data
from mailkit.message.fields import Field, Message, select
from mailkit.results import visible

__all__ = ["body_change", "header_change", "header_fits"]

_MAX_LINES = 20_000
_MAX_GUESSES = 40
_MAX_HEADER_OCTETS = 64 * 1024  # above that no change is guessed: every guess hashes the header once more
_SUBJECT_TAG = re.compile(rb"\s*(?:\[[^\]]*\]|\*+[^*]*\*+)\s*")  # [list-name] or ***SPAM***


def header_fits(message: Message, signature: Signature, public: PublicKey) -> bool:
    """Return whether *signature* fits the header fields of *message* that it covers."""
    chosen = [message.fields[position] for position in select(message.fields, signature.signed)]
    return is_right(public, signature.value, signed_data(chosen, signature.field, signature.header_canonicalization))


def body_change(signature: Signature, body: bytes) -> str:
    """Return a sentence on how the canonical *body* differs from the one that was signed."""
    length = signature.body_length
    if length is not None and length > len(body):
        return f"the body has {len(body)} octets, but {length} were signed (l=): its end is gone"
    if body.count(b"\n") <= _MAX_LINES:
        lines = body[:length].split(b"\r\n")[:-1]
        so_far = hashlib.sha256()
        for number, line in enumerate(lines, start=1):
            so_far.update(line + b"\r\n")
            if so_far.copy().digest() == signature.body_hash:
                added = len(lines) - number
                kept = "its first line is" if number == 1 else f"lines 1 to {number} are"
                return f"the body differs: {kept} as signed, {added} more were added at the end"
    return "the body differs from the one that was signed (body hash)"


def header_change(message: Message, signature: Signature, public: PublicKey) -> str:
    """Return a sentence on why *signature* does not fit the header of *message*, though its key is usable."""
    if sum(len(field.name) + len(field.value) for field in message.fields) <= _MAX_HEADER_OCTETS:
        if changed := _differing_copies(message, signature):
            return f"a signed header field was changed: {changed} (by the copies in z=)"
        for guess, fields in _guesses(message, signature):
            if header_fits(replace(message, fields=fields), signature, public):
                return f"a signed header field was changed: {guess}"
    names = ", ".join(visible(name.decode(), 60) for name in dict.fromkeys(signature.signed))
    which = f"the signature cannot tell which of {visible(names, 200)}"
    if isinstance(public, RSAPublicKey):
        if _made_with(public, signature.value):
            return f"a signed header field, or the signature field itself, was changed; {which}"
        return "the signature was not made with the published key, or its b= was damaged"
    return f"a signed header field was changed or the signature was made with another key; {which}"


def _differing_copies(message: Message, signature: Signature) -> str:
    """Return what differs between the header and the copies in z=, compared in relaxed form."""
    now: dict[bytes, list[str]] = {}
    for field in message.fields:
        now.setdefault(field.key, []).append(_relaxed_value(field))
    differing = []
    for copy in signature.copies[:_MAX_GUESSES]:
        old = _relaxed_value(copy)
        if copy.key in signature.signed and old not in (present := now.get(copy.key, [])):
            name = visible(copy.name.decode(errors="replace"), 40)
            new = f"“{visible(present[-1], 80)}”" if present else "missing"
            differing.append(f"{name} was “{visible(old, 80)}” and is {new}")
    return "; ".join(differing[:3])


def _relaxed_value(field: Field) -> str:
    return canonical_field(field, "relaxed").partition(b":")[2].decode(errors="replace").strip()


def _guesses(message: Message, signature: Signature) -> Iterator[tuple[str, tuple[Field, ...]]]:
    """Yield changes that may have happened, each with the header fields as they would have been before."""
    fields = message.fields
    for position in select(fields, signature.signed)[:_MAX_GUESSES]:
        field = fields[position]
        name = visible(field.name.decode(), 40)
        yield f"one more {name} was added", (*fields[:position], *fields[position + 1 :])
        if field.key == b"subject" and (tag := _SUBJECT_TAG.match(field.value)):
            untagged = replace(field, value=b" " + field.value[tag.end() :])
            marked = visible(tag[0].decode(errors="replace").strip(), 40)
            yield f"“{marked}” was put before the Subject", (*fields[:position], untagged, *fields[position + 1 :])


def _made_with(public: RSAPublicKey, signature: bytes) -> bool:
    """Return whether *signature* holds a hash signed with the private half of *public*, whatever it is a hash of."""
    try:
        public.recover_data_from_signature(signature, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
