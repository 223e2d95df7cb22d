"""What the checks are known to ask the DNS about a domain: to be asked beforehand, many domains at a time.

It need not be all: what is missing is asked when a check comes to it, a little later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache

from dns.rdtypes.ANY.MX import MX

from mailkit import datasets
from mailkit.dmarc.tree_walk import targets
from mailkit.network import Answer

__all__ = ["first_questions", "following_questions"]


_ASKED = {
    "include": ("TXT",),
    "redirect": ("TXT",),
    "a": ("A", "AAAA"),
    "mx": ("MX",),
    "exists": ("A",),
}


@cache
def _usual_selectors() -> tuple[str, ...]:
    return tuple(datasets.load("dkim_selectors")["selector"])


def first_questions(
    domain: str, selectors: Sequence[str] | None, lessons: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the questions about *domain*, in A-labels, that the checks of *lessons* begin with."""
    yield from ((domain, rdtype) for rdtype in ("TXT", "MX"))
    if "04_spf" in lessons:
        yield domain, "SPF"
    if "05_dkim" in lessons:
        for selector in _usual_selectors() if selectors is None else selectors:
            yield f"{selector}._domainkey.{domain}", "TXT"
    if "06_dmarc" in lessons:
        for target in targets(domain):
            yield f"_dmarc.{target}", "TXT"


def following_questions(answer: Answer) -> Iterator[tuple[str, str]]:
    """Yield the questions that *answer* leads to: about the hosts in MX records, and about what an SPF record names."""
    if answer.rdtype == "MX":
        for exchange in (str(rdata.exchange).rstrip(".") for rdata in answer.rdata if isinstance(rdata, MX)):
            if exchange:
                yield from ((exchange, rdtype) for rdtype in ("A", "AAAA"))
    if answer.rdtype == "TXT":
        for text in answer.texts:
            if text[:7].lower() == b"v=spf1 ":
                for term in text.decode("ascii", "replace").lower().split()[1:]:
                    yield from _about_term(term.lstrip("+-~?"), answer.name)


def _about_term(term: str, domain: str) -> Iterator[tuple[str, str]]:
    """Yield the questions that *term* of the SPF record of *domain* leads to; a macro's are not known (RFC 7208)."""
    kind, _, target = term.partition("=" if term.startswith("redirect=") else ":")
    kind, target = kind.partition("/")[0], target.partition("/")[0] or domain
    if "%" in target or kind not in _ASKED:
        return
    yield from ((target, rdtype) for rdtype in _ASKED[kind])
