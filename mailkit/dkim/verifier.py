"""Verifying every DKIM signature of a message (RFC 6376 section 6.1), with a reason a person can act on.

What dkimpy's ``verify`` gets wrong is right here: it looks at the first signature only, turns a silent DNS into a
failure, does not enforce t=s, and raises on malformed messages and mismatched keys.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mailkit.dkim.diagnosis import body_change, header_change
from mailkit.dkim.job import Job
from mailkit.dkim.records import KeyRecord, KeyRecordProblem, PublicKey, is_right, parse_record
from mailkit.dkim.signature import Signature, SignatureProblem, parse_signature, parse_tags
from mailkit.dkim.verification import VERDICTS, Verification, moment
from mailkit.message.fields import MAX_OCTETS, Field, MalformedMessage, parse
from mailkit.network import Network, Status, health
from mailkit.results import AuthResult, Rows, Verdict, visible

__all__ = ["MAX_SIGNATURES", "verify"]

MAX_SIGNATURES = 5  # evaluated on one message, from the top; a verifier may limit them (section 6.1)
_MAX_RECORDS = 5  # key records tried at one name
_DEADLINE = 20.0  # seconds for one message, looking up and computing together

# Fields of which a message has one at most (RFC 5322 section 3.6, RFC 2045 section 3): a reader is shown one of two.
_SINGLE = {
    b"from": "From",
    b"sender": "Sender",
    b"reply-to": "Reply-To",
    b"to": "To",
    b"cc": "Cc",
    b"subject": "Subject",
    b"date": "Date",
    b"message-id": "Message-ID",
    b"in-reply-to": "In-Reply-To",
    b"references": "References",
    b"mime-version": "MIME-Version",
    b"content-type": "Content-Type",
    b"content-transfer-encoding": "Content-Transfer-Encoding",
}


def verify(message: bytes, *, net: Network) -> Rows[Verification]:
    """Return one row for each DKIM signature of *message*, from the top, with keys looked up through *net*.

    A message without a signature gets one row with the result ``none``; so does, with its own reason, one that is
    no message (``permerror``) or too large to read (``policy``).  At most MAX_SIGNATURES are evaluated; one last
    row with the result ``policy`` stands for the rest.  Expiry is judged by ``net.now()``.  Nothing in the message
    or the DNS makes this raise; TypeError is for a message that is not bytes.
    """
    if not isinstance(message, (bytes, bytearray)):
        raise TypeError("the message is given as bytes, as it went over the wire")
    if len(message) > MAX_OCTETS:
        reason = f"the message has more than {MAX_OCTETS >> 20} MiB and was not read"
        return _rows([_without_signature(AuthResult.POLICY, reason)], net)
    try:
        parsed = parse(bytes(message))
    except MalformedMessage as problem:
        return _rows(
            [_without_signature(AuthResult.PERMERROR, f"this is no mail message: {problem}", "RFC 5322 §2.2")], net
        )
    found = [f for f in parsed.fields if f.key == b"dkim-signature"]
    if not found:
        return _rows([_without_signature(AuthResult.NONE, "the message has no DKIM-Signature")], net)
    job = Job(parsed, net.remembering(_DEADLINE), net.now().timestamp())
    rows = [_evaluate(signature, job) for signature in found[:MAX_SIGNATURES]]
    rest = len(found) - MAX_SIGNATURES
    if rest > 0:
        reason = f"{rest} more signatures were not evaluated: only the first {MAX_SIGNATURES} of a message are"
        rows.append(_without_signature(AuthResult.POLICY, reason, "RFC 6376 §6.1"))
    return _rows(rows, net)


def _rows(rows: list[Verification], net: Network) -> Rows[Verification]:
    judged = [replace(r, verdict=Verdict.WARN if r.warnings else VERDICTS[r.result]) for r in rows]
    return Rows(Verification, judged, caption=net.caption)


def _without_signature(result: AuthResult, reason: str, reference: str = "") -> Verification:
    return Verification("", "", "", result, reason, reference=reference)


def _evaluate(signature_field: Field, job: Job) -> Verification:
    """Return what becomes of one signature: syntax, then key, then hash and signature, as section 6.1 orders it."""
    try:
        signature = parse_signature(signature_field)
    except SignatureProblem as problem:
        return replace(_as_far_as_readable(signature_field), reason=f"the signature cannot be used: {problem}")
    row = _described(signature)
    if signature.algorithm == "rsa-sha1":
        reason = "signed with SHA-1, which must no longer be used to sign or verify"
        return replace(row, reason=reason, reference="RFC 8301 §3.1")
    answer = job.net.lookup(signature.key_name, "TXT")  # a TIMEOUT once the time is over, known answer or not
    if answer.status in (Status.TIMEOUT, Status.SERVFAIL):
        row = replace(row, result=AuthResult.TEMPERROR, reference="RFC 6376 §6.1.2", detail=answer.detail)
        return replace(row, reason=f"the key could not be looked up: {answer.reason}")
    if answer.status is Status.NXDOMAIN and (trouble := health.trouble(job.net)):
        reason = f"the key could not be looked up: {trouble}"
        return replace(row, result=AuthResult.TEMPERROR, reason=reason, reference="RFC 6376 §6.1.2")
    if not answer.texts:
        reason = f"there is no key at {visible(answer.name)} ({answer.status})"
        return replace(row, reason=reason, reference="RFC 6376 §6.1.2")
    judged = [_with_record(row, signature, text, job) for text in answer.texts[:_MAX_RECORDS]]
    best = min(judged, key=lambda r: _PREFERENCE.index(r.result))
    if len(judged) > 1 and best.result is AuthResult.PASS:
        several = f"there are {len(answer.texts)} TXT records at the key's name, and verifiers differ in which they try"
        return replace(best, warnings=(*best.warnings, several))
    return best


_PREFERENCE = (AuthResult.PASS, AuthResult.POLICY, AuthResult.FAIL, AuthResult.PERMERROR)


def _as_far_as_readable(signature_field: Field) -> Verification:
    try:
        tags = parse_tags(signature_field.value)
    except SignatureProblem:
        tags = {}
    domain, selector, algorithm = (visible(tags.get(tag, ""), 255) for tag in ("d", "s", "a"))
    return Verification(domain, selector, algorithm, AuthResult.PERMERROR, "", reference="RFC 6376 §6.1.1")


def _described(signature: Signature) -> Verification:
    return Verification(
        domain=visible(signature.domain, 255),
        selector=visible(signature.selector, 255),
        algorithm=signature.algorithm,
        result=AuthResult.PERMERROR,
        reason="",
        identity=visible(signature.identity, 320),
        canonicalization=f"{signature.header_canonicalization}/{signature.body_canonicalization}",
        signed_headers=tuple(visible(name.decode(), 80) for name in signature.signed[:100]),
        body_length=signature.body_length,
        signed_at=moment(signature.signed_at),
        expires_at=moment(signature.expires_at),
    )


def _with_record(row: Verification, signature: Signature, text: bytes, job: Job) -> Verification:
    """Return what becomes of *signature* if *text* is the key record."""
    try:
        record = parse_record(text)
    except KeyRecordProblem as problem:
        return replace(row, reason=f"the key record cannot be used: {problem}", reference="RFC 6376 §6.1.2")
    row = replace(row, key_bits=record.bits or None, testing=record.testing)
    if record.public is None:
        return replace(row, reason="the key was revoked (p= is empty)", reference="RFC 6376 §3.6.1")
    if reason := _unfit(record, signature):
        return replace(row, reason=reason, reference="RFC 6376 §6.1.2")
    if record.key_type == "rsa" and record.bits < 1024:
        reason = f"the RSA key has only {record.bits} bits; less than 1024 must not count as valid"
        return replace(row, reason=reason, reference="RFC 8301 §3.2")
    return _with_key(row, signature, record.public, job)


def _unfit(record: KeyRecord, signature: Signature) -> str:
    """Return why the key may not be used for this signature, nothing when it may (sections 3.6.1 and 6.1.2)."""
    if not signature.algorithm.startswith(record.key_type):
        return f"the key is of type {record.key_type}, but the signature says {signature.algorithm}"
    if not record.allows_sha256:
        return f"the key allows only the hash {', '.join(record.hashes)} (h=)"
    if not record.for_mail:
        return f"the key is not for mail (s={':'.join(record.services)})"
    if record.strict and signature.in_subdomain:
        return "the key forbids identities in subdomains (t=s), but i= is in one"
    return ""


def _with_key(row: Verification, signature: Signature, public: PublicKey, job: Job) -> Verification:
    """Return what becomes of *signature* with a usable key: hash of the body, then signature of the header."""
    body = job.body(signature.body_canonicalization)
    length = len(body) if signature.body_length is None else signature.body_length
    body_fits = length <= len(body) and job.body_hash(signature.body_canonicalization, length) == signature.body_hash
    header_fits = is_right(public, signature.value, job.header(signature))
    if not body_fits or not header_fits:
        hashes = {} if body_fits else job.line_hashes(signature.body_canonicalization)
        reason = "" if body_fits else body_change(signature, body, hashes)
        if not header_fits:
            change = header_change(job.message, signature, public, job.tries)
            reason = f"{reason}; also {change}" if reason else change
        return replace(row, result=AuthResult.FAIL, reason=reason, reference="RFC 6376 §6.1.3")
    if signature.expires_at is not None and job.now > signature.expires_at:
        when = f"{row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else "long ago"
        reason = f"the signature fits, but it expired at {when} (x=)"
        return replace(row, result=AuthResult.POLICY, reason=reason, reference="RFC 6376 §3.5")
    warnings = tuple(_warnings(row, signature, public, len(body), job))
    reason = "the body and the signed header fields are as they were signed"
    return replace(row, result=AuthResult.PASS, reason=reason, warnings=warnings)


def _warnings(row: Verification, signature: Signature, public: PublicKey, octets: int, job: Job) -> list[str]:
    """Return what is wrong with a signature that fits."""
    found = []
    if row.testing:
        found.append("the key is marked as a test (t=y): treat the mail as unsigned (RFC 6376 §3.6.1)")
    if signature.body_length is not None and signature.body_length < octets:
        tail = octets - signature.body_length
        found.append(f"the last {tail} octets of the body are not signed (l=): anyone may have added them")
    elif signature.body_length is not None:
        found.append("whatever is added to the body leaves this signature valid (l=)")
    if isinstance(public, RSAPublicKey) and public.key_size < 2048:
        found.append(f"the RSA key has {public.key_size} bits; 2048 are advised (RFC 8301 §3.2)")
    present, signed = Counter(f.key for f in job.message.fields), Counter(signature.signed)
    for name, shown in _SINGLE.items():
        if present[name] > signed[name] > 0:
            found.append(f"there are more {shown} fields than the signature covers (RFC 6376 §8.15)")
    if signature.signed_at is not None and signature.signed_at > job.now + 300:
        found.append("it claims to have been made in the future (t=)")
    return found
