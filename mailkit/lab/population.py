"""Many small domains for a survey, made by chance from a seed: so one knows what there is to be found.

Each has a name of its own below ``example``, and its records in that zone.  Some are parked, some have too many
services in their SPF record, some sign under a selector that nobody can guess.  The habits are drawn one by one and
know nothing of each other; those of real domains do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from mailkit.lab.core import Lab
from mailkit.results import Record, Rows

__all__ = ["Resident", "populate"]

_T = TypeVar("_T")

_MOST = 999
_NEGATIVE_TTL = 300  # seconds for which caches may still say that there is no such name: see the zone example
# The terms that one domain after the other has added to its SPF record, each with the lookups that it costs.
_TERMS = (
    ("mx", 1),
    ("include:_spf.hosting.example", 1),
    ("include:_bill.sender.example", 1),
    ("include:_spf.sender.example", 3),
    ("include:_crm.sender.example", 3),
    ("a:relay.sender.example", 1),
    ("a:mail.list.example", 1),
    ("a:mail.forward.example", 1),
)
# How many of these terms, by share; 0 is a domain without an SPF record.
_SPF = {0: 0.14, 1: 0.16, 2: 0.22, 3: 0.12, 4: 0.14, 5: 0.06, 6: 0.06, 7: 0.05, 8: 0.05}
_SELECTORS = {"": 0.34, "s1": 0.46, "k7f3a9": 0.20}
_POLICIES = {"": 0.38, "none": 0.30, "quarantine": 0.18, "reject": 0.14}
_FATES = {True: 0.08, False: 0.92}  # parked or not
_LEFTOVERS = {True: 0.2, False: 0.8}


@dataclass(frozen=True)
class Resident(Record):
    """One domain as it was made: a ``parked`` one sends and receives nothing.

    ``lookups`` are those of its SPF record, None where it has none; ``selector`` is the one that it signs with, and
    ``policy`` that of its DMARC record, "" for none.  A ``leftover`` of DomainKeys (RFC 4870 section 3.6) at
    ``_domainkey`` hides that it has no key.
    """

    domain: str
    parked: bool
    lookups: int | None
    selector: str
    policy: str
    leftover: bool = False


def populate(lab: Lab, count: int = 200, *, seed: int = 2026) -> Rows[Resident]:
    """Let *count* domains exist in the DNS of *lab*, until it is reset, and return what they are made of.

    The same *seed* makes the same domains, whatever their *count*.  Raises ValueError for more than 999.
    """
    if not 1 <= count <= _MOST:
        raise ValueError(f"count is from 1 to {_MOST}, not {count!r}")
    chance = random.Random(seed)
    residents = [_resident(f"shop{number:03}.example", chance) for number in range(1, count + 1)]
    for resident in residents:
        for name, rdtype, value in _records(resident):
            lab.publish(name, rdtype, value, wait=False)
    lab.advance(_NEGATIVE_TTL)
    return Rows(Resident, residents, caption=f"{count} domains of the practice internet, as they were made")


def _resident(domain: str, chance: random.Random) -> Resident:
    parked, terms = _drawn(_FATES, chance), _drawn(_SPF, chance)
    selector, policy, leftover = _drawn(_SELECTORS, chance), _drawn(_POLICIES, chance), _drawn(_LEFTOVERS, chance)
    if parked:
        return Resident(domain, True, 0, "", "reject")
    lookups = sum(cost for _, cost in _TERMS[:terms]) if terms else None
    return Resident(domain, False, lookups, selector, policy, leftover and not selector)


def _drawn(shares: Mapping[_T, float], chance: random.Random) -> _T:
    """Return one of *shares* by chance; random() alone is the same in every version of Python."""
    at = chance.random() * sum(shares.values())
    sums = accumulate(shares.values())
    return next(drawn for drawn, upto in zip(shares, sums) if at < upto)


def _records(resident: Resident) -> Iterator[tuple[str, str, str]]:
    """Yield the records of *resident*: name, type and value of each."""
    domain = resident.domain
    yield domain, "MX", "0 ." if resident.parked else "10 mail.hosting.example."
    if resident.lookups is not None:
        yield domain, "TXT", " ".join(["v=spf1", *_terms(resident.lookups), "-all" if resident.parked else "~all"])
    if resident.selector:
        yield f"{resident.selector}._domainkey.{domain}", "CNAME", "s1._domainkey.hosting.example."
    if resident.leftover:
        yield f"_domainkey.{domain}", "TXT", "o=~"
    if resident.policy:
        reports = "" if resident.parked else f"; rua=mailto:dmarc@{domain}"
        yield f"_dmarc.{domain}", "TXT", f"v=DMARC1; p={resident.policy}{reports}"


def _terms(lookups: int) -> Iterator[str]:
    """Yield the terms that cost so many *lookups* together."""
    for term, cost in _TERMS:
        if lookups < cost:
            return
        lookups -= cost
        yield term
