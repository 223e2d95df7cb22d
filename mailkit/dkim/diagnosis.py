"""Why a signature does not fit: what can be known about a change, and what cannot.

A hash tells that something changed, never what.  But a guess can be tried: take the change back and see whether
the signature fits again.  That finds the commonest ones: lines added at the end, a tag in the subject, a second
header field.  Copies in z= (RFC 6376 section 3.5), where there are any, name the field outright.

Who sent the message chooses its size, its signatures and, with the DNS, its keys.  So what is tried is counted for
the message as a whole: a body is hashed line by line once, and there are MAX_GUESSES guesses for all signatures.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from mailkit.dkim.canonical import canonical_field
from mailkit.dkim.records import PublicKey, is_right
from mailkit.dkim.signature import Signature, covered, signed_data
from mailkit.message.fields import Field, Message
from mailkit.results import visible

__all__ = ["MAX_GUESSES", "body_change", "header_change", "line_hashes"]

MAX_GUESSES = 100  # changes taken back for one message
_MAX_LINES = 20_000
_MAX_COPIES = 40
_MAX_HEADER_OCTETS = 64 * 1024  # above that no change is guessed: every guess hashes the header once more
_SUBJECT_TAG = re.compile(rb"\s*(?:\[[^\]]*\]|\*+[^*]*\*+)\s*")  # [list-name] or ***SPAM***


def line_hashes(body: bytes) -> dict[bytes, int]:
    """Return {hash: n}, where the hash is that of the first n lines of the canonical *body*; {} for a long one."""
    if body.count(b"\n") > _MAX_LINES:
        return {}
    so_far, found = hashlib.sha256(), {}
    for number, line in enumerate(body.split(b"\r\n")[:-1], start=1):
        so_far.update(line + b"\r\n")
        found[so_far.copy().digest()] = number
    return found


def body_change(signature: Signature, body: bytes, hashes: dict[bytes, int]) -> str:
    """Return a sentence on how the canonical *body*, whose *hashes* are given, differs from the one signed."""
    length = signature.body_length
    if length is not None and length > len(body):
        return f"the body has {len(body)} octets, but {length} were signed (l=): its end is gone"
    number, lines = hashes.get(signature.body_hash, 0), body[:length].count(b"\r\n")
    if not 0 < number < lines:
        return "the body differs from the one that was signed (body hash)"
    kept = "its first line is" if number == 1 else f"lines 1 to {number} are"
    return f"the body differs: {kept} as signed, {lines - number} more were added at the end"


def header_change(message: Message, signature: Signature, public: PublicKey, tries: Iterator[int]) -> str:
    """Return a sentence on why *signature* does not fit the header of *message*, though its key is usable.

    Every guess takes one of *tries*, of which there are as many as may still be made.
    """
    fits = _test_of(public, signature.value)
    if fits is None:
        return "the signature was not made with the published key, or its b= was damaged"
    if sum(len(field.name) + len(field.value) for field in message.fields) <= _MAX_HEADER_OCTETS:
        if changed := _differing_copies(message, signature):
            return f"a signed header field was changed: {changed} (by the copies in z=)"
        for (guess, fields), _ in zip(_guesses(message, signature), tries):
            chosen = covered(fields, signature)
            if fits(signed_data(chosen, signature.field, signature.header_canonicalization)):
                return f"a signed header field was changed: {guess}"
    names = ", ".join(visible(name.decode(), 60) for name in dict.fromkeys(signature.signed[:100]))
    which = f"the signature cannot tell which of {visible(names, 200)}"
    if isinstance(public, RSAPublicKey):
        return f"a signed header field, or the signature field itself, was changed; {which}"
    return f"a signed header field was changed or the signature was made with another key; {which}"


def _test_of(public: PublicKey, value: bytes) -> Callable[[bytes], bool] | None:
    """Return what tells whether the signature *value* is one of given octets; None when it is one of nothing.

    An RSA signature gives back the hash that was signed, so each guess costs no more than a hash.
    """
    if not isinstance(public, RSAPublicKey):
        return lambda data: is_right(public, value, data)
    try:
        signed_hash = public.recover_data_from_signature(value, PKCS1v15(), SHA256())
    except InvalidSignature:
        return None
    return lambda data: hashlib.sha256(data).digest() == signed_hash


def _differing_copies(message: Message, signature: Signature) -> str:
    """Return what differs between the header and the copies in z=, compared in relaxed form."""
    now: dict[bytes, list[str]] = {}
    for field in message.fields:
        now.setdefault(field.key, []).append(_relaxed_value(field))
    differing = []
    for copy in signature.copies[:_MAX_COPIES]:
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
    for changed in covered(message.fields, signature):
        before, after = _around(message.fields, changed)
        name = visible(changed.name.decode(), 40)
        yield f"one more {name} was added", (*before, *after)
        if changed.key == b"subject" and (tag := _SUBJECT_TAG.match(changed.value)):
            untagged = replace(changed, value=b" " + changed.value[tag.end() :])
            marked = visible(tag[0].decode(errors="replace").strip(), 40)
            yield f"“{marked}” was put before the Subject", (*before, untagged, *after)


def _around(fields: tuple[Field, ...], one: Field) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    position = next(number for number, field in enumerate(fields) if field is one)
    return fields[:position], fields[position + 1 :]
