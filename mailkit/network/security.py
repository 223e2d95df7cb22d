"""What DNSSEC says of an answer: the four states of RFC 4035 section 4.3."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["Security", "worst"]


class Security(StrEnum):
    """``secure`` is validated; ``insecure`` proven to be unsigned; ``bogus`` signed, and the signatures do not hold.

    ``unknown`` says that nobody can tell from here, which RFC 4035 calls indeterminate.
    """

    BOGUS = "bogus"
    INSECURE = "insecure"
    UNKNOWN = "unknown"
    SECURE = "secure"

    @property
    def trusted(self) -> bool | None:
        """Return True for secure, False for insecure and bogus, None where nobody can tell."""
        if self is Security.UNKNOWN:
            return None
        return self is Security.SECURE


def worst(heard: Iterable[Security]) -> Security:
    """Return what several answers together are worth: one part that is not signed is enough (unknown for none)."""
    found = set(heard)
    return next((security for security in Security if security in found), Security.UNKNOWN)
