"""What the checks of ``lint`` share: whom they are about, and how they say it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import spf

from mailkit.results import Finding, Verdict
from mailkit.spf.records import Published
from mailkit.spf.resolver import Resolver
from mailkit.spf.trace import shown
from mailkit.spf.walk import Walk

__all__ = ["MESSAGE", "NO_MAIL", "LintedRecord", "finding", "joined", "listed", "live", "name_of", "terms_of"]

MESSAGE = (
    "Try it with a message: spf.check(ip, sender, helo, net=net), once for a host that may send and once for one "
    "that may not."
)


NO_MAIL = "this domain sends no mail"
"""What the finding on ``all`` says of the record ``v=spf1 -all``."""


@dataclass(frozen=True)
class LintedRecord:
    """A domain with one record: as published, and walked for IPv4 and for IPv6 clients."""

    domain: str
    found: Published
    v4: Walk
    v6: Walk
    resolver: Resolver

    @property
    def terms(self) -> list[str]:
        """The terms of the record, as written."""
        return terms_of(self.found.text)

    @property
    def live_terms(self) -> list[str]:
        """The terms without ``all`` and without those that ``all`` makes useless: what comes after it, and redirect."""
        return live(self.terms)

    @property
    def redirects(self) -> bool:
        """True when the record leaves the last word to another one, so that ``all`` is not its own to set."""
        return any(e.kind == "redirect" for e in self.v4.entries if e.depth == 0)


def name_of(term: str) -> str:
    """Return the name of a mechanism or modifier in lower case."""
    return re.split(r"[:=/]", term.lstrip("+-~?").lower(), maxsplit=1)[0]


def live(terms: list[str]) -> list[str]:
    """Return *terms* without ``all`` and without those that it makes useless: what comes after it, and redirect."""
    names = [name_of(term) for term in terms]
    if "all" not in names:
        return terms
    end = names.index("all")
    used = [t for i, t in enumerate(terms) if i < end or spf.RE_MODIFIER.match(t)]
    return [t for t in used if name_of(t) not in ("all", "redirect")]


def joined(terms: Sequence[str]) -> str:
    """Return the record of *terms*."""
    return " ".join(["v=spf1", *terms])


def terms_of(text: str) -> list[str]:
    """Return the terms of a record without its version."""
    return [term for term in text.split(" ")[1:] if term]


def finding(
    check: str, domain: str, verdict: Verdict, evidence: str, section: str, advice: str = "", fix: str = ""
) -> Finding:
    """Return a finding of the SPF lesson with a reference to *section* of RFC 7208, or of the RFC that it names.

    *fix* is the text of a record, not yet tried: :mod:`mailkit.spf.trial` turns it into a line to paste, or drops it.
    """
    reference = section if section.startswith("RFC ") else f"RFC 7208 section {section}"
    return Finding(f"SPF {check}", domain, verdict, shown(evidence, 600), advice, fix, reference, "04_spf")


def listed(items: Sequence[str], limit: int = 6) -> str:
    """Return the first *limit* of *items*, and how many more there are."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more
