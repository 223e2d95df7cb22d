"""What an evaluation notes while it runs: cheap to make, and changing until the evaluation ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["COUNTED", "Frame", "TriedTerm"]

# The terms that cause DNS lookups and count towards the ten (RFC 7208 section 4.6.4).
COUNTED = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})


@dataclass(slots=True)
class TriedTerm:
    """One term being tried.  ``kind`` is the mechanism's name, ``target`` its expanded domain or network."""

    number: int
    depth: int
    parent: int | None
    domain: str
    term: str
    kind: str
    target: str
    prefix: int
    verb: str  # the result that a match gives: pass, fail, softfail, neutral
    lookups: int
    void_lookups: int
    hit: bool
    outcome: str = ""
    nested: str | None = None  # the result of the record that an include or redirect led to
    seen: Sequence[str] = ()  # the addresses or names compared with the client's
    problem: str = ""
    inner: TriedTerm | None = None  # the last term tried of the record that an include or redirect led to


@dataclass(slots=True)
class Frame:
    """One record being evaluated: the sender's own, or one that an include or a redirect led to."""

    domain: str
    depth: int
    parent: int | None
    recursion: int  # how many includes deep; a redirect does not count
    redirect: str = ""
    open: TriedTerm | None = None  # the term being tried
    last: TriedTerm | None = None  # the term tried last, which decided unless nothing matched
