"""The ARC sets of a message: three header fields for each host that took part (RFC 8617 sections 4.1 and 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailkit.dkim.names import record_name
from mailkit.dkim.signature import SignatureProblem, decode, parse_tags
from mailkit.message.fields import Field
from mailkit.results import visible

__all__ = ["MAX_INSTANCES", "ArcProblem", "ArcSet", "MessageSignature", "Seal", "collect"]

MAX_INSTANCES = 50  # section 4.2.1
_NAMES = {b"arc-authentication-results": "results", b"arc-message-signature": "signature", b"arc-seal": "seal"}
_INSTANCE = re.compile(r"0*([1-9][0-9]{0,2})")
_SIGNED_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]{1,200}")
_CANONICALIZATIONS = ("simple", "relaxed")


class ArcProblem(ValueError):
    """A chain that cannot be valid; the text is a sentence that says why."""


@dataclass(frozen=True)
class MessageSignature:
    """What an ARC-Message-Signature says (section 4.1.2): a DKIM signature with i= in place of v= and of the agent."""

    field: Field
    domain: str
    selector: str
    signed: tuple[bytes, ...]
    header_canonicalization: str
    body_canonicalization: str
    body_hash: bytes
    value: bytes
    body_length: int | None


@dataclass(frozen=True)
class Seal:
    """What an ARC-Seal says (section 4.1.3); ``chain`` is its cv=: none, pass or fail."""

    field: Field
    domain: str
    selector: str
    chain: str
    value: bytes


@dataclass(frozen=True)
class ArcSet:
    """What one host added: its results, its signature of the message, and its seal over the chain."""

    instance: int
    results: Field
    signature: MessageSignature
    seal: Seal

    @property
    def fields(self) -> tuple[Field, Field, Field]:
        """The three fields in the order they are sealed (section 5.1.1)."""
        return self.results, self.signature.field, self.seal.field


def collect(fields: Sequence[Field]) -> tuple[ArcSet, ...]:
    """Return the ARC sets among *fields*, instance 1 first.  Raises ArcProblem when they make no chain."""
    found: dict[int, dict[str, Field]] = {}
    for field in fields:
        kind = _NAMES.get(field.key)
        if kind is None:
            continue
        instance = _instance(field, kind)
        if kind in found.setdefault(instance, {}):
            raise ArcProblem(f"instance {instance} has {_name(field)} twice")
        found[instance][kind] = field
    if found and sorted(found) != list(range(1, len(found) + 1)):
        raise ArcProblem(f"the instances are {', '.join(map(str, sorted(found)))}, not 1 to {len(found)}")
    return tuple(_set(instance, found[instance]) for instance in sorted(found))


def _name(field: Field) -> str:
    return field.name.strip().decode("ascii", "replace")


def _instance(field: Field, kind: str) -> int:
    """Return i= of *field*; in ARC-Authentication-Results it stands first (section 4.1.1)."""
    if kind == "results":
        name, _, value = field.value.partition(b";")[0].partition(b"=")
        text = value.decode("ascii", "replace").strip() if name.strip().lower() == b"i" else ""
    else:
        text = _tags(field).get("i", "")
    match = _INSTANCE.fullmatch(text)
    if match is None or int(match[1]) > MAX_INSTANCES:
        raise ArcProblem(f"{_name(field)} has no instance i= from 1 to {MAX_INSTANCES}")
    return int(match[1])


def _tags(field: Field) -> dict[str, str]:
    try:
        return parse_tags(field.value)
    except SignatureProblem as problem:
        raise ArcProblem(f"{_name(field)} cannot be read: {problem}") from None


def _set(instance: int, fields: dict[str, Field]) -> ArcSet:
    for name, kind in _NAMES.items():
        if kind not in fields:
            raise ArcProblem(f"instance {instance} has no {name.decode().title()}")
    return ArcSet(instance, fields["results"], _signature(fields["signature"]), _seal(fields["seal"]))


def _common(field: Field, required: Sequence[str]) -> dict[str, str]:
    """Return the tags of *field* once those that both kinds share are right."""
    tags = _tags(field)
    if missing := [tag for tag in required if tag not in tags]:
        raise ArcProblem(f"{_name(field)} has no {missing[0]}=")
    if tags["a"] != "rsa-sha256":
        raise ArcProblem(f"{_name(field)} has the algorithm {visible(tags['a'], 40)}; ARC has only rsa-sha256")
    try:
        record_name(tags["s"], tags["d"])
    except ValueError:
        raise ArcProblem(f"{_name(field)}: s= and d= do not make a domain name to find the key at") from None
    if "t" in tags and not (tags["t"].isascii() and tags["t"].isdigit() and len(tags["t"]) <= 12):
        raise ArcProblem(f"{_name(field)}: t= is no time")
    return tags


def _octets(tags: dict[str, str], tag: str, field: Field) -> bytes:
    try:
        return decode(tags[tag], tag)
    except SignatureProblem as problem:
        raise ArcProblem(f"{_name(field)}: {problem}") from None


def _signature(field: Field) -> MessageSignature:
    tags = _common(field, ("i", "a", "b", "bh", "d", "h", "s"))
    # RFC 6376 would have "simple" stand in for a missing c=; the conformance suite and the verifiers take "relaxed".
    header, _, body = tags.get("c", "relaxed/relaxed").partition("/")
    if header not in _CANONICALIZATIONS or (body := body or "simple") not in _CANONICALIZATIONS:
        raise ArcProblem(f"{_name(field)} has an unknown canonicalization c={visible(tags['c'], 40)}")
    # An empty name names nothing; unlike DKIM, ARC does not demand that From be among them.
    names = [name.strip().lower() for name in tags["h"].split(":") if name.strip()]
    if not all(_SIGNED_NAME.fullmatch(name) for name in names):
        raise ArcProblem(f"{_name(field)}: h= is no list of header field names")
    if "arc-seal" in names:
        raise ArcProblem(f"{_name(field)} covers ARC-Seal, which it must not (RFC 8617 section 4.1.2)")
    length = tags.get("l")
    if length is not None and not re.fullmatch(r"[0-9]{1,18}", length):
        raise ArcProblem(f"{_name(field)}: l= is no number")
    return MessageSignature(
        field=field,
        domain=tags["d"],
        selector=tags["s"],
        signed=tuple(name.encode() for name in names),
        header_canonicalization=header,
        body_canonicalization=body,
        body_hash=_octets(tags, "bh", field),
        value=_octets(tags, "b", field),
        body_length=None if length is None else int(length),
    )


def _seal(field: Field) -> Seal:
    tags = _common(field, ("i", "a", "b", "cv", "d", "s"))
    for tag in ("h", "bh"):
        if tag in tags:
            raise ArcProblem(f"{_name(field)} has {tag}=, which makes the chain fail (RFC 8617 section 4.1.3)")
    chain = tags["cv"].lower()
    if chain not in ("none", "pass", "fail"):
        raise ArcProblem(f"{_name(field)} has cv={visible(tags['cv'], 20)}, which is not none, pass or fail")
    return Seal(field, tags["d"], tags["s"], chain, _octets(tags, "b", field))
