"""Why a message failed: every cause by its name.

A cause is decided from results, never from guesses; where two readings are left, the sentence gives both.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from mailkit.dkim import Verification
from mailkit.dmarc import Missed
from mailkit.results import AuthResult

__all__ = ["Cause", "cause_of_signature", "cause_of_spf", "of_author"]


class Cause(StrEnum):
    """What made an identifier, or the whole message, not count."""

    # The From line.
    NO_FROM = "no From line"
    SEVERAL_FROM = "several From lines"
    NO_AUTHOR = "no author in the From line"
    SEVERAL_AUTHORS = "several authors"
    UNREADABLE_FROM = "From line cannot be read"
    BROKEN_HEADER = "broken header"
    TOO_LARGE = "too large to verify"
    # DMARC's record.
    NO_POLICY = "no DMARC record"
    POLICY_UNKNOWN = "DMARC record not to be had"
    # SPF.
    ADDRESS_UNKNOWN = "sending address unknown"
    SENDER_UNKNOWN = "return path unknown"
    SPF_NONE = "no SPF record"
    SPF_NEUTRAL = "SPF says nothing"
    SPF_SOFTFAIL = "SPF: probably not"
    SPF_FAIL = "SPF: not from there"
    SPF_BROKEN = "SPF record broken"
    SPF_SILENT = "SPF record not to be had"
    SPF_OTHER = "SPF passes for another organization"
    SPF_HELO = "SPF by the greeting, for another organization"
    SPF_STRICT = "SPF passes for a near name, and the record is strict"
    FORWARDED = "forwarded"
    REWRITTEN = "forwarded with another return path"
    # DKIM.
    UNSIGNED = "not signed"
    LINES_ADDED = "lines added to the body"
    BODY_CHANGED = "body changed"
    SUBJECT_TAGGED = "subject tagged"
    HEADER_CHANGED = "header changed"
    OTHER_KEY = "signed with another key"
    KEY_GONE = "key gone"
    KEY_REVOKED = "key revoked"
    KEY_SHORT = "key too short"
    KEY_UNFIT = "key cannot be used"
    KEY_SILENT = "key not to be had"
    SHA1 = "signed with SHA-1"
    SIGNATURE_BROKEN = "signature cannot be read"
    EXPIRED = "signature expired"
    TOO_MANY = "too many signatures"
    TEST_KEY = "key marked as a test"
    DKIM_OTHER = "signed by another organization only"
    DKIM_STRICT = "signed by a near name, and the record is strict"
    # The message as a whole.
    LIST = "mailing list"
    NOT_ALIGNED = "nothing that passes is the author's"


_SPF = {
    AuthResult.NONE: Cause.SPF_NONE,
    AuthResult.NEUTRAL: Cause.SPF_NEUTRAL,
    AuthResult.SOFTFAIL: Cause.SPF_SOFTFAIL,
    AuthResult.FAIL: Cause.SPF_FAIL,
    AuthResult.PERMERROR: Cause.SPF_BROKEN,
    AuthResult.TEMPERROR: Cause.SPF_SILENT,
}
_MISSED_SPF = {Missed.STRICT: Cause.SPF_STRICT, Missed.DOMAIN: Cause.SPF_OTHER}
_MISSED_DKIM = {Missed.STRICT: Cause.DKIM_STRICT, Missed.DOMAIN: Cause.DKIM_OTHER}

# How the reason of a verification begins, or what stands in it; the first that fits counts.
_SIGNATURE: Sequence[tuple[AuthResult, str, Cause]] = (
    (AuthResult.TEMPERROR, "", Cause.KEY_SILENT),
    (AuthResult.POLICY, "expired at", Cause.EXPIRED),
    (AuthResult.POLICY, "expired long ago", Cause.EXPIRED),
    (AuthResult.POLICY, "more signatures", Cause.TOO_MANY),
    (AuthResult.POLICY, "was not read", Cause.TOO_LARGE),
    (AuthResult.PERMERROR, "there is no key at", Cause.KEY_GONE),
    (AuthResult.PERMERROR, "the key was revoked", Cause.KEY_REVOKED),
    (AuthResult.PERMERROR, "the RSA key has only", Cause.KEY_SHORT),
    (AuthResult.PERMERROR, "signed with SHA-1", Cause.SHA1),
    (AuthResult.PERMERROR, "the signature cannot be used", Cause.SIGNATURE_BROKEN),
    (AuthResult.PERMERROR, "this is no mail message", Cause.BROKEN_HEADER),
    (AuthResult.PERMERROR, "", Cause.KEY_UNFIT),
    (AuthResult.NONE, "", Cause.UNSIGNED),
    (AuthResult.FAIL, "more were added at the end", Cause.LINES_ADDED),
    (AuthResult.FAIL, "the body ", Cause.BODY_CHANGED),
    (AuthResult.FAIL, "was put before the Subject", Cause.SUBJECT_TAGGED),
    (AuthResult.FAIL, "not made with the published key", Cause.OTHER_KEY),
    (AuthResult.FAIL, "", Cause.HEADER_CHANGED),
)


def cause_of_spf(result: AuthResult, missed: Missed, identity: str) -> Cause | None:
    """Return why SPF does not count, None when it does or when the DNS did not say whose the domain is."""
    if result is not AuthResult.PASS:
        return _SPF.get(result, Cause.SPF_FAIL)
    if identity == "helo" and missed is Missed.DOMAIN:
        return Cause.SPF_HELO
    return _MISSED_SPF.get(missed)


def cause_of_signature(row: Verification, missed: Missed | None) -> Cause | None:
    """Return why the signature of *row* does not count, None when it does."""
    if row.result is AuthResult.PASS:
        cause = _MISSED_DKIM.get(missed) if missed is not None else None
        return cause or (Cause.TEST_KEY if row.testing else None)
    return next((cause for result, words, cause in _SIGNATURE if row.result is result and words in row.reason), None)


def of_author(rule: str) -> Cause | None:
    """Return what is wrong with the From field, by the name of the rule that read it (see :func:`dmarc.rules`)."""
    return {
        "one author": None,
        "no field": Cause.NO_FROM,
        "two fields": Cause.SEVERAL_FROM,
        "empty": Cause.NO_AUTHOR,
        "group without members": Cause.NO_AUTHOR,
        "no domain name": Cause.NO_AUTHOR,
        "encoded address": Cause.NO_AUTHOR,
        "several domains": Cause.SEVERAL_AUTHORS,
        "too many domains": Cause.SEVERAL_AUTHORS,
        "no message": Cause.BROKEN_HEADER,
    }.get(rule, Cause.UNREADABLE_FROM)
