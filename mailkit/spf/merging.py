"""Several records made into one: a domain may have only one (RFC 7208 sections 3.2 and 4.5).

Whoever one of them lets send must still be let in, so all mechanisms are kept, and modifiers too.  What becomes of
everyone else is the strictest that any of them says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import spf

from mailkit.spf.evaluation import MAX_VOID_LOOKUPS
from mailkit.spf.full_walk import walk_fully
from mailkit.spf.linted import joined, listed, live, name_of, terms_of
from mailkit.spf.resolver import Resolver
from mailkit.spf.trace import shown

__all__ = ["CannotMerge", "merged"]

_STRICT = ("pass", "neutral", "softfail", "fail")  # from the loosest to the strictest
_FIRST = {"ip4": 0, "ip6": 0, "include": 1, "exists": 2, "ptr": 2}
_ALL = {"pass": "+all", "neutral": "?all", "softfail": "~all", "fail": "-all"}


class CannotMerge(Exception):
    """The records contradict each other, or one of them cannot be read; the text says which."""


@dataclass(frozen=True)
class _Part:
    """One of the records: its mechanisms, its modifiers, its redirect if it uses one, and what it says of the rest."""

    mechanisms: tuple[str, ...]
    modifiers: tuple[str, ...]
    redirect: str
    end: str
    explicit: bool

    @property
    def strictness(self) -> int:
        return _STRICT.index(self.end)


def merged(domain: str, records: Sequence[str], resolver: Resolver) -> str:
    """Return one record with the terms of all *records*, the same in whatever order the DNS gave them.

    Raises CannotMerge.
    """
    parts = [_part(domain, text, resolver) for text in sorted(set(records), key=lambda text: (len(text), text))]
    strictest = max(parts, key=lambda part: part.strictness)
    redirects = list(dict.fromkeys(part.redirect for part in parts if part.redirect))
    # A redirect may keep the last word when what it leads to is as strict as all the others.
    kept = next((p.redirect for p in parts if p.redirect and p.strictness == strictest.strictness), "")
    terms = [term for part in parts for term in part.mechanisms]
    terms += [f"include:{target}" for target in redirects if target != kept]
    if kept:
        last = [f"redirect={kept}"]
    else:
        last = [_ALL[strictest.end]] if any(part.explicit or part.redirect for part in parts) else []
    modifiers = _modifiers([strictest, *parts])
    stopped: list[str] = []
    for mechanisms in _orders(_once(terms)):
        one = joined([*mechanisms, *modifiers, *last])
        stopped = walk_fully(domain, 6, resolver.publishing(domain, one)).stopped()
        if not stopped:
            return one
    raise CannotMerge(
        f"over IPv6 more than {MAX_VOID_LOOKUPS} lookups find nothing, so that no client comes to {listed(stopped, 3)}"
    )


def _orders(mechanisms: list[str]) -> list[list[str]]:
    """Return the orders to try: as written, and, where each match is a pass anyway, those that rarely fail first.

    Who is found by an address or in an include is then not stopped by lookups that find nothing.
    """
    if any(term[0] in "-~?" for term in mechanisms):
        return [mechanisms]
    return [mechanisms, sorted(mechanisms, key=lambda term: _FIRST.get(name_of(term), len(_FIRST)))]


def _part(domain: str, text: str, resolver: Resolver) -> _Part:
    """Read one record, and where its redirect leads."""
    trial = resolver.publishing(domain, text)
    walk = walk_fully(domain, 4, trial)
    if walk.problem and walk.lookups <= spf.MAX_LOOKUP:
        raise CannotMerge(f"“{shown(text, 80)}” cannot be read: {walk.problem}")
    terms = live(terms_of(text))
    modifiers = tuple(term for term in terms if spf.RE_MODIFIER.match(term) and name_of(term) != "redirect")
    redirect = next((term.partition("=")[2] for term in terms if name_of(term) == "redirect" and "=" in term), "")
    last = walk.last
    if redirect and (last is None or last.kind != "all"):
        raise CannotMerge(f"what redirect={shown(redirect, 80)} says of everyone else is not known")
    return _Part(
        mechanisms=tuple(term for term in terms if not spf.RE_MODIFIER.match(term)),
        modifiers=modifiers,
        redirect=redirect,
        end=last.verb if last and last.kind == "all" else "neutral",
        explicit=bool(last and last.kind == "all"),
    )


def _once(terms: Sequence[str]) -> list[str]:
    """Return *terms* with each mechanism once; raises CannotMerge where two records say different things of it."""
    said: dict[str, str] = {}
    for term in terms:
        mechanism = term.lstrip("+-~?").lower()
        qualifier = term[0] if term[0] in "-~?" else ""
        before = said.setdefault(mechanism, term)
        if (before[0] if before[0] in "-~?" else "") != qualifier:
            raise CannotMerge(f"one record says {shown(before, 80)}, another {shown(term, 80)}")
    return list(said.values())


def _modifiers(parts: Sequence[_Part]) -> list[str]:
    """Return the modifiers of *parts*, of exp= only the first: it may appear once (section 6)."""
    found: dict[str, str] = {}
    for part in parts:
        for term in part.modifiers:
            name = name_of(term)
            found.setdefault("exp" if name == "exp" else term, term)
    return list(found.values())
