"""Why an SPF evaluation ended as it did, in sentences of our own with the section of RFC 7208."""

from __future__ import annotations

import spf

from mailkit.spf.characters import described, strangers
from mailkit.spf.trace import shown
from mailkit.spf.tried_terms import TriedTerm

__all__ = ["NotAscii", "decision", "sentence"]

# What pyspf's PermError begins with, and what to say instead.
_PROBLEMS = (
    ("Too many DNS lookups", "more than 10 terms cause DNS lookups (RFC 7208 section 4.6.4)"),
    ("Void lookup limit", "more than 2 lookups found nothing (RFC 7208 section 4.6.4)"),
    ("More than 10 MX", "the mx term leads to more than 10 mail servers (RFC 7208 section 4.6.4)"),
    ("Two or more type TXT", "there is more than one v=spf1 record (RFC 7208 section 4.5)"),
    ("Control character", "the record holds a control character; only spaces separate terms (RFC 7208 section 4.6.1)"),
    ("No valid SPF record for included", "the included domain has no SPF record (RFC 7208 section 5.2)"),
    ("redirect domain has no SPF", "the domain redirected to has no SPF record (RFC 7208 section 6.1)"),
    (
        "include has trivial recursion",
        "the record includes itself: lookups without end (RFC 7208 section 4.6.4)",
    ),
    ("include mechanism missing", "include needs a domain (RFC 7208 section 5.2)"),
    ("redirect= MUST", "redirect= appears twice (RFC 7208 section 6)"),
    ("exp= MUST", "exp= appears twice (RFC 7208 section 6)"),
    ("redirect has empty", "redirect= needs a domain (RFC 7208 section 6.1)"),
    ("exp has empty", "exp= needs a domain (RFC 7208 section 6.2)"),
    ("empty domain", "the domain is missing after the colon (RFC 7208 section 4.6.1)"),
    ("implicit exists", "exists needs a domain (RFC 7208 section 5.7)"),
    ("Invalid domain", "what should be a domain does not end in a valid name or macro (RFC 7208 section 7.1)"),
    ("Domain too long", "the domain is longer than is followed here: 1000 characters, 200 between two dots"),
    ("Do not separate", "terms are separated by spaces, not commas (RFC 7208 section 4.6.1)"),
    ("Unknown mechanism", "there is no such mechanism (RFC 7208 section 4.6.1)"),
    ("Unknown qualifier", "the qualifier is one of + - ~ ? (RFC 7208 section 4.6.2)"),
    ("Use the ip4", "an address belongs after ip4:, not after a: (RFC 7208 section 5.6)"),
    ("Missing IP4", "an address needs ip4: before it (RFC 7208 section 5.6)"),
    ("Invalid IP4 CIDR", "an IPv4 prefix length is a number from 0 to 32 (RFC 7208 section 5.6)"),
    ("Invalid IP6 CIDR", "an IPv6 prefix length is a number from 0 to 128 (RFC 7208 section 5.6)"),
    ("Invalid CIDR", "the prefix length is too large (RFC 7208 section 5.6)"),
    ("Dual CIDR", "only a and mx take two prefix lengths (RFC 7208 sections 5.3 and 5.4)"),
    ("CIDR not allowed", "this mechanism takes no prefix length (RFC 7208 section 4.6.1)"),
    ("Invalid IP", "that is no IP address (RFC 7208 section 5.6)"),
    ("Invalid all", "all takes no argument (RFC 7208 section 5.1)"),
    ("invalid-macro", "a % must begin a valid macro such as %{d} (RFC 7208 section 7.1)"),
    ("c,r,t macros", "the macros c, r and t are for explanations only (RFC 7208 section 7.2)"),
)


class NotAscii(spf.PermError):  # type: ignore[misc]
    """The record *text* is not ASCII."""

    def __init__(self, text: str) -> None:
        super().__init__("Non-ascii characters in the record")
        self.text = text


def sentence(error: Exception) -> str:
    """Return what *error*, a PermError or TempError of pyspf, means."""
    if isinstance(error, spf.TempError):
        return str(error.msg)
    if isinstance(error, NotAscii):
        odd = ", ".join(described(char) for char in strangers(error.text)[:3])
        return f"the record holds {odd}, and SPF is ASCII only (RFC 7208 section 3.1)"
    text = str(error)
    return next((ours for theirs, ours in _PROBLEMS if text.startswith(theirs)), "the record breaks the syntax of SPF")


def decision(entry: TriedTerm | None, domain: str, ip: str) -> tuple[str, str]:
    """Return the sentence and the mechanism that explain a result which is no error.

    *entry* is the last term tried of the record of *domain*.  The mechanism is "default" when none matched, as
    Received-SPF has it (RFC 7208 section 9.1).
    """
    domain, way = shown(domain), ""
    while entry and entry.kind == "redirect":
        way += f"{domain} redirects to {shown(entry.target)}; "
        domain, entry = shown(entry.target), entry.inner
    if entry is None or not entry.hit:
        return (
            f"{way}no term of {domain} matches {ip}, and there is no all to say more: neutral (RFC 7208 section 4.7)",
            "default",
        )
    term = shown(entry.term, 80)
    if entry.kind == "all":
        return f"{way}nothing before it in the record of {domain} matches {ip}, so {term} decides", term
    reason = f"{way}{term} of {domain} matches {ip}"
    inner = entry
    while inner.inner:
        inner = inner.inner
    if inner is not entry:
        reason += f", because {shown(inner.term, 80)} of {shown(inner.domain)} does"
    return reason, term
