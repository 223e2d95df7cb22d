"""``verify``: is the chain of a message whole?  (RFC 8617 section 5.2)

The machinery is DKIM's: the same canonical forms, key records and signatures, put together another way.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mailkit.arc.sets import ArcProblem, ArcSet, collect
from mailkit.dkim.canonical import canonical_body
from mailkit.dkim.names import record_name
from mailkit.dkim.records import KeyRecordProblem, is_right, parse_record
from mailkit.dkim.signature import signed_data
from mailkit.message.fields import MAX_OCTETS, MalformedMessage, Message, parse, select
from mailkit.network import Answer, Network, Status
from mailkit.results import Record, Rows, hidden, visible

__all__ = ["ChainVerification", "Instance", "verify"]

_DEADLINE = 20.0  # seconds for all lookups together
_MIN_BITS, _MAX_BITS = 1024, 4096  # RFC 8301 section 3.2; longer keys only cost time


@dataclass(frozen=True)
class Instance(Record):
    """One host of the chain.

    ``domain`` sealed it, ``chain`` is what it found of the chain before it (cv=), ``results`` what it says to have
    seen.  ``seal`` and ``signature`` are "pass", "fail" or "temperror"; the signature of an earlier host may well fail,
    since a later one may change the message: only the last one must fit.
    """

    instance: int
    domain: str
    chain: str
    seal: str
    signature: str
    results: str
    note: str


@dataclass(frozen=True)
class ChainVerification(Record):
    """What became of the chain: ``result`` is none, pass or fail (RFC 8617 section 4.4).

    ``reason`` says why; ``temporary`` is True where a key could not be looked up, so that another try may pass.
    ``instances`` are the hosts, the last one first, as far as the chain could be read.
    """

    result: str
    reason: str
    temporary: bool = False
    instances: Rows[Instance] = hidden(None)


def verify(message: bytes, *, net: Network) -> ChainVerification:
    """Return whether the ARC chain of *message* is whole; keys are looked up through *net*, in 20 seconds at most.

    ARC is history in the making (see :mod:`mailkit.arc`), and a whole chain says only that its hosts vouch for what
    they saw: whether to believe them is the reader's own decision.  Nothing in the message or the DNS makes this
    raise; TypeError is for a message that is not bytes.
    """
    if not isinstance(message, (bytes, bytearray)):
        raise TypeError("the message is given as bytes, as it went over the wire")
    if len(message) > MAX_OCTETS:
        return _outcome("fail", f"the message has more than {MAX_OCTETS >> 20} MiB and was not read", [], net)
    try:
        parsed = parse(bytes(message))
        sets = collect(parsed.fields)
    except MalformedMessage as problem:
        return _outcome("none", f"this is no mail message: {problem}", [], net)
    except ArcProblem as problem:
        return _outcome("fail", str(problem), [], net)
    if not sets:
        return _outcome("none", "the message has no ARC fields", [], net)
    job = _Job(parsed, net, time.monotonic() + _DEADLINE)
    instances = [_instance(sets, position, job) for position in reversed(range(len(sets)))]
    result, reason = _judge(sets, instances)
    temporary = result == "fail" and any("temperror" in (i.seal, i.signature) for i in instances)
    return _outcome(result, reason, instances, net, temporary)


def _outcome(
    result: str, reason: str, instances: list[Instance], net: Network, temporary: bool = False
) -> ChainVerification:
    return ChainVerification(result, reason, temporary, Rows(Instance, instances, caption=net.caption))


def _judge(sets: tuple[ArcSet, ...], instances: list[Instance]) -> tuple[str, str]:
    """Return the result and why, in the order of section 5.2; *instances* begin with the last one."""
    newest = sets[-1]
    if newest.seal.chain == "fail":
        return "fail", f"{newest.seal.domain}, the last host, already found the chain broken (cv=fail)"
    for each in sets:
        right = "none" if each.instance == 1 else "pass"
        if each.seal.chain != right:
            return "fail", f"instance {each.instance} says cv={each.seal.chain}, and only cv={right} can stand there"
    if instances[0].signature != "pass":
        return "fail", f"the signature of the last host, {newest.signature.domain}, does not fit: {instances[0].note}"
    for instance in instances:
        if instance.seal != "pass":
            return "fail", f"the seal of instance {instance.instance}, {instance.domain}, does not fit: {instance.note}"
    return "pass", f"{len(sets)} seal{'s' if len(sets) > 1 else ''}, and the last host's signature fits the message"


@dataclass
class _Job:
    """One call of verify: the message, where to ask, until when, and what need not be done twice."""

    message: Message
    net: Network
    deadline: float
    answers: dict[str, Answer] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)

    def answer(self, name: str) -> Answer:
        if name not in self.answers:
            left = self.deadline - time.monotonic()
            if left <= 0:
                return Answer(name, "TXT", Status.TIMEOUT, reason="the time for this message had run out")
            self.answers[name] = self.net.lookup(name, "TXT", timeout=min(self.net.timeout, left))
        return self.answers[name]

    def body(self, algorithm: str) -> bytes:
        if algorithm not in self.bodies:
            self.bodies[algorithm] = canonical_body(self.message.body, algorithm)
        return self.bodies[algorithm]


def _instance(sets: tuple[ArcSet, ...], position: int, job: _Job) -> Instance:
    each = sets[position]
    seal, why_seal = _check(each.seal.domain, each.seal.selector, each.seal.value, _sealed(sets, position), job)
    signature, why_signature = _signature(each, job)
    notes = [f"seal: {why_seal}" if why_seal else "", f"signature: {why_signature}" if why_signature else ""]
    if signature == "pass" and b"from" not in each.signature.signed:
        notes.append("signature: it fits, but does not cover From")
    results = b" ".join(each.results.value.partition(b";")[2].split()).decode(errors="replace")
    return Instance(
        instance=each.instance,
        domain=visible(each.seal.domain, 255),
        chain=each.seal.chain,
        seal=seal,
        signature=signature,
        results=visible(results, 1000),
        note="; ".join(filter(None, notes)),
    )


def _sealed(sets: tuple[ArcSet, ...], position: int) -> bytes:
    """Return the octets that the seal at *position* signs: all sets up to its own, relaxed, without its b=."""
    before = [field for each in sets[:position] for field in each.fields]
    own = sets[position]
    return signed_data([*before, own.results, own.signature.field], own.seal.field, "relaxed")


def _signature(each: ArcSet, job: _Job) -> tuple[str, str]:
    """Return what becomes of the message signature of one set (section 5.2 step 4)."""
    own = each.signature
    body = job.body(own.body_canonicalization)
    if own.body_length is not None and own.body_length > len(body):
        return "fail", "the body is shorter than what was signed (l=)"
    if hashlib.sha256(body[: own.body_length]).digest() != own.body_hash:
        return "fail", "the body differs from the one that was signed"
    chosen = [job.message.fields[position] for position in select(job.message.fields, own.signed)]
    data = signed_data(chosen, own.field, own.header_canonicalization)
    return _check(own.domain, own.selector, own.value, data, job)


def _check(domain: str, selector: str, value: bytes, data: bytes, job: _Job) -> tuple[str, str]:
    """Return whether *value* is the signature over *data* by the key of *domain*, and why not."""
    answer = job.answer(record_name(selector, domain))
    if answer.status in (Status.SERVFAIL, Status.TIMEOUT):
        return "temperror", f"the key could not be looked up: {answer.reason}"
    if not answer.texts:
        return "fail", f"there is no key at {visible(answer.name)} ({answer.status})"
    try:
        record = parse_record(answer.texts[0])
    except KeyRecordProblem as problem:
        return "fail", f"the key record cannot be used: {problem}"
    if record.public is None:
        return "fail", "the key was revoked (p= is empty)"
    if not isinstance(record.public, RSAPublicKey) or not record.allows_sha256 or not record.for_mail:
        return "fail", "the key is not for this"
    if not _MIN_BITS <= record.bits <= _MAX_BITS:
        return "fail", f"the key has {record.bits} bits; {_MIN_BITS} to {_MAX_BITS} are usable (RFC 8301 section 3.2)"
    if not is_right(record.public, value, data):
        return "fail", "what was signed has been changed, or another key signed it"
    return "pass", ""
