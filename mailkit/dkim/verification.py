"""What verifying a signature says: one record for each, with the result words of RFC 8601 section 2.7.1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mailkit.results import AuthResult, Record, Verdict, hidden

__all__ = ["VERDICTS", "Verification", "moment"]


# The verdict on a message with a signature of such a result; it is not to blame for a silent DNS.  These are the
# results that a signature can have here: faults of syntax, for which RFC 8601 section 2.7.1 has "neutral" too, are
# "permerror".
VERDICTS = {
    AuthResult.NONE: Verdict.INFO,
    AuthResult.PASS: Verdict.PASS,
    AuthResult.FAIL: Verdict.FAIL,
    AuthResult.POLICY: Verdict.FAIL,
    AuthResult.TEMPERROR: Verdict.UNKNOWN,
    AuthResult.PERMERROR: Verdict.FAIL,
}


@dataclass(frozen=True)
class Verification(Record):
    """What became of one DKIM signature.

    ``result``: ``fail``: it was checked and does not fit.  ``permerror``: it or its key is unusable and stays so.
    ``temperror``: the DNS did not answer, a later try may succeed.  ``policy``: it is not accepted here whether it
    fits or not (expired, one signature too many).  ``none``: there is no signature.
    ``warnings`` say what is wrong with a signature that nevertheless fits.  ``body_length`` is l= in octets,
    ``key_bits`` the size of the key, ``testing`` its flag t=y, ``reference`` the section behind the result.
    """

    domain: str
    selector: str
    algorithm: str
    result: AuthResult
    reason: str
    verdict: Verdict = Verdict.INFO
    warnings: tuple[str, ...] = ()
    identity: str = ""
    canonicalization: str = ""
    signed_headers: tuple[str, ...] = ()
    body_length: int | None = None
    key_bits: int | None = None
    testing: bool = False
    signed_at: datetime | None = None
    expires_at: datetime | None = None
    reference: str = ""
    detail: str = hidden()


def moment(seconds: int | None) -> datetime | None:
    """Return the time (UTC) that is *seconds* after 1970 began, None when no calendar reaches that far."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
