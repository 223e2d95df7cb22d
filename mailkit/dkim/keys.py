"""A published key, looked up and judged (RFC 6376 section 3.6, RFC 8301 section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailkit.dkim.names import ascii_name, record_name
from mailkit.dkim.records import KeyRecord, KeyRecordProblem, parse_record
from mailkit.network import Answer, Network, Status, health
from mailkit.results import Record, Verdict, hidden, visible

__all__ = ["Key", "judge", "key"]

_SEVERITY = (Verdict.PASS, Verdict.INFO, Verdict.UNKNOWN, Verdict.WARN, Verdict.FAIL)


@dataclass(frozen=True)
class Key(Record):
    """A published key judged.

    ``bits`` is the size of the key, ``testing`` its flag t=y, ``strict`` t=s, ``hashes`` h=, ``services`` s=,
    ``alias`` the names a CNAME led through, ``records`` how many TXT records there are, ``record`` the text of
    the one judged, ``ttl`` in seconds.
    """

    domain: str
    selector: str
    name: str
    verdict: Verdict
    reason: str
    advice: str = ""
    key_type: str = ""
    bits: int | None = None
    testing: bool = False
    strict: bool = False
    revoked: bool = False
    hashes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    alias: tuple[str, ...] = ()
    records: int = 0
    ttl: int | None = None
    record: str = ""
    reference: str = "RFC 6376 §3.6.1"
    detail: str = hidden()


def key(domain: str, selector: str, *, net: Network) -> Key:
    """Return the key of *selector* at *domain*, looked up through *net* and judged.

    Where the resolver denies names that must exist too, its word that there is no key counts for nothing: ``unknown``.
    Raises ValueError or TypeError when the two cannot make a domain name.
    """
    answer = net.lookup(record_name(selector, domain), "TXT")
    found = judge(ascii_name(domain, "domain"), ascii_name(selector, "selector"), answer)
    if answer.status is Status.NXDOMAIN and (trouble := health.trouble(net)):
        return replace(found, verdict=Verdict.UNKNOWN, reason=trouble, advice="Ask through another resolver.")
    return found


def judge(domain: str, selector: str, answer: Answer) -> Key:
    """Return what *answer*, to the question for the key of *selector* at *domain*, says about it."""
    found = Key(
        domain,
        selector,
        answer.name,
        Verdict.PASS,
        "",
        alias=tuple(visible(name, 255) for name in answer.chain),
        records=len(answer.texts),
        ttl=answer.ttl,
        detail=answer.detail,
    )
    if answer.status in (Status.TIMEOUT, Status.SERVFAIL):
        advice = "Ask again later, or through another resolver."
        return replace(
            found, verdict=Verdict.UNKNOWN, reason=f"the key could not be looked up: {answer.reason}", advice=advice
        )
    if not answer.texts:
        where = f"the alias to {found.alias[-1]} leads to no key" if found.alias else "no key is published"
        advice = "Publish the record, or take the selector from the s= of a message you sent."
        return replace(found, verdict=Verdict.FAIL, reason=f"{where} ({answer.status})", advice=advice)
    parsed: list[tuple[bytes, KeyRecord]] = []
    problems: list[KeyRecordProblem] = []
    for text in answer.texts[:10]:
        try:
            parsed.append((text, parse_record(text)))
        except KeyRecordProblem as problem:
            problems.append(problem)
    if any(problem.private for problem in problems) or not parsed:
        worst = next((p for p in problems if p.private), problems[0])
        advice = (
            "Take it out of the DNS and never use it again: generate a new key under a new selector."
            if worst.private
            else worst.advice or "Replace it by a record made with dkim.generate()."
        )
        shown = "" if worst.private else visible(answer.texts[0].decode(errors="replace"), 500)
        return replace(
            found, verdict=Verdict.FAIL, reason=str(worst), advice=advice, record=shown, reference=worst.reference
        )
    return _judge_record(found, *parsed[0])


def _judge_record(found: Key, text: bytes, record: KeyRecord) -> Key:
    remarks = _remarks(record)
    if found.records > 1:
        several = f"there are {found.records} TXT records at this name, which leaves open what verifiers do"
        remarks.append((Verdict.WARN, several, "Leave one record; give every key a selector of its own."))
    worst = max((verdict for verdict, _, _ in remarks), key=_SEVERITY.index)
    remarks.sort(key=lambda remark: -_SEVERITY.index(remark[0]))
    return replace(
        found,
        verdict=worst,
        reason="; ".join(sentence for _, sentence, _ in remarks),
        advice=" ".join(advice for _, _, advice in remarks if advice),
        key_type=record.key_type,
        bits=record.bits or None,
        testing=record.testing,
        strict=record.strict,
        revoked=record.public is None,
        hashes=record.hashes,
        services=record.services,
        record=visible(text.decode(errors="replace"), 2000),
        reference="RFC 8301 §3.2" if record.key_type == "rsa" and 0 < record.bits < 2048 else found.reference,
    )


def _remarks(record: KeyRecord) -> list[tuple[Verdict, str, str]]:
    """Return (verdict, what was seen, what to do) for everything worth saying about *record*."""
    if record.public is None:
        sentence = "the key was revoked: p= is empty, and every signature with it fails"
        return [(Verdict.WARN, sentence, "Right for a selector you retired; otherwise publish a new key.")]
    found = [_size(record)]
    if not record.allows_sha256:
        hashes = ", ".join(record.hashes)
        found.append((Verdict.FAIL, f"h= allows only {hashes}, and SHA-256 is the one in use", "Remove h=."))
    if not record.for_mail:
        services = ":".join(record.services)
        found.append((Verdict.FAIL, f"s={services} does not let the key sign mail", "Remove s=."))
    if record.testing:
        sentence = "t=y says that you are only testing, so verifiers are to treat the mail as unsigned"
        found.append((Verdict.WARN, sentence, "Remove t=y once your signatures verify."))
    return found


def _size(record: KeyRecord) -> tuple[Verdict, str, str]:
    if record.key_type == "ed25519":
        # Seen in 2025 and 2026: https://github.com/stalwartlabs/stalwart/issues/3193
        advice = "Sign with an RSA key as well: Gmail does not verify Ed25519 and notes a failure for that signature."
        return Verdict.PASS, "an Ed25519 key", advice
    size = f"an RSA key of {record.bits} bits"
    if record.bits < 1024:
        return Verdict.FAIL, f"{size}, too short to count as valid", "Generate a key of 2048 bits."
    if record.bits < 2048:
        return Verdict.WARN, f"{size}, accepted but short", "Generate a key of 2048 bits under a new selector."
    if record.bits > 4096:
        return Verdict.WARN, f"{size}, more than verifiers must be able to use", "Take 2048 bits."
    return Verdict.PASS, size, ""
