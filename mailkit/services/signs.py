"""Looking for one sign of a service at one domain: what stands at the name, and whether it still leads anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from dns.rdtypes.ANY.MX import MX

from mailkit import spf
from mailkit.dkim import key
from mailkit.network import Answer, Network, Status
from mailkit.network.exchangers import inside
from mailkit.network.wildcards import MADE_UP, by_wildcard
from mailkit.results import visible
from mailkit.services.catalogue import Sign, SignKind
from mailkit.spf.linted import name_of, terms_of
from mailkit.spf.records import Published

__all__ = ["Evidence", "Ground", "look", "questions"]

NAMED = "(named)"  # where a sign has no usual name: looked for at the selectors that the user gives
_SAME_KEY = "p="  # how a pattern begins that is a part of a key
_SILENT = (Status.SERVFAIL, Status.TIMEOUT)
_MOST_RECORDS = 10  # of SPF that a domain's own is made of: no more are ever looked up (RFC 7208 section 4.6.4)


@dataclass(frozen=True)
class Evidence:
    """A sign that was found: *name* is where, *seen* what stands there.

    ``alive`` says whether it leads to something: a key, a host, a record; None where the DNS did not say.
    """

    sign: Sign
    name: str
    seen: str
    alive: bool | None

    @property
    def text(self) -> str:
        """The evidence in one line."""
        leads = {True: "", False: " (which leads nowhere)", None: " (where that leads is not known)"}[self.alive]
        return f"{self.name} {visible(self.seen, 200)}{leads}"


@dataclass(frozen=True)
class Ground:
    """A domain, and what its wildcards answer for every name: no sign of anything."""

    domain: str
    net: Network
    selectors: tuple[str, ...]
    wild_key: Answer
    wild_name: Answer

    @classmethod
    def of(cls, domain: str, selectors: tuple[str, ...], net: Network) -> Ground:
        """Return the ground to look on; *net* remembers."""
        wild_key = net.lookup(f"{MADE_UP}._domainkey.{domain}", "TXT")
        return cls(domain, net, selectors, wild_key, net.lookup(f"{MADE_UP}.{domain}", "MX"))


def look(sign: Sign, ground: Ground) -> Iterator[Evidence | str]:
    """Yield what is found of *sign*, and the name of each question that got no answer."""
    yield from _LOOKERS[sign.kind](sign, ground)


def questions(sign: Sign, ground: Ground) -> list[tuple[str, str]]:
    """Return what :func:`look` will ask first."""
    if sign.kind is SignKind.KEY:
        return [(f"{selector}._domainkey.{owner}", "TXT") for selector, owner in _selectors(sign, ground)]
    rdtype = {
        SignKind.PATH: "MX",
        SignKind.LINK: "CNAME",
        SignKind.INCLUDE: "TXT",
        SignKind.MX: "MX",
        SignKind.TEXT: "TXT",
    }[sign.kind]
    return [(_at(where, ground), rdtype) for where in sign.where]


def _at(where: str, ground: Ground) -> str:
    return ground.domain if where == "@" else f"{where}.{ground.domain}"


def _selectors(sign: Sign, ground: Ground) -> list[tuple[str, str]]:
    """Return the selectors of *sign* with the domain that each belongs to."""
    usual = [where.partition("@") for where in sign.where if where != NAMED]
    pairs = [(selector, f"{sub}.{ground.domain}" if sub else ground.domain) for selector, _, sub in usual]
    by_target = bool(sign.pattern) and not sign.pattern.startswith(_SAME_KEY)
    named = [(selector, ground.domain) for selector in ground.selectors] if by_target else []
    return list(dict.fromkeys([*pairs, *named]))


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    """Return *text* as a pattern for whole names: it matches itself and what lies below, ``*`` within one label."""
    return re.compile(r"(?:.+\.)?" + re.escape(text).replace(r"\*", "[^.]*"), re.IGNORECASE)


def _fits(pattern: str, name: str) -> bool:
    return len(name) <= 255 and _pattern(pattern).fullmatch(name.rstrip(".")) is not None


def _keys(sign: Sign, ground: Ground) -> Iterator[Evidence | str]:
    for selector, owner in _selectors(sign, ground):
        name = f"{selector}._domainkey.{owner}"
        answer = ground.net.lookup(name, "TXT")
        alias = answer.chain[0] if answer.chain else ""
        if answer.status in _SILENT and not alias:
            yield name
        elif (set(answer.texts), answer.chain) == (set(ground.wild_key.texts), ground.wild_key.chain):
            continue
        elif alias and _fits(sign.pattern or ".", alias):
            yield Evidence(sign, name, f"CNAME {alias}", _has_key(owner, selector, answer, ground.net))
        elif not alias and _is_key(sign, answer) and _has_key(owner, selector, answer, ground.net):
            yield Evidence(sign, name, "TXT: its key", True)


def _is_key(sign: Sign, answer: Answer) -> bool:
    """Return whether *answer* may be a key of the service: the one that all its customers publish, or one of its own.

    An empty pattern is a selector that is the service's name; the key may be any.
    """
    if sign.pattern and not sign.pattern.startswith(_SAME_KEY):
        return False
    wanted = sign.pattern.removeprefix(_SAME_KEY).encode()
    return any(wanted in b"".join(text.split()) for text in answer.texts)


def _has_key(owner: str, selector: str, answer: Answer, net: Network) -> bool | None:
    if answer.status in _SILENT:
        return None
    found = key(owner, selector, net=net)
    return bool(found.records) and not found.revoked and bool(found.key_type)


def _paths(sign: Sign, ground: Ground) -> Iterator[Evidence | str]:
    for where in sign.where:
        name = _at(where, ground)
        answer = ground.net.lookup(name, "MX")
        if answer.status in _SILENT and not answer.chain:
            yield name
        elif answer.chain and answer.chain == ground.wild_name.chain:
            continue
        elif answer.chain and _fits(sign.pattern, answer.chain[0]):
            yield Evidence(sign, name, f"CNAME {answer.chain[0]}", _exists(answer))
        elif not answer.chain and answer.records != ground.wild_name.records:
            yield from _by_mx(sign, name, answer, ground.net)


def _exists(answer: Answer) -> bool | None:
    return None if answer.status in _SILENT else answer.status is not Status.NXDOMAIN


def _by_mx(sign: Sign, name: str, answer: Answer, net: Network) -> Iterator[Evidence]:
    hosts = sorted(str(rdata.exchange).rstrip(".") for rdata in answer.rdata if isinstance(rdata, MX))
    fitting = [host for host in hosts if host and _fits(sign.pattern, host)]
    if fitting:
        yield Evidence(sign, name, f"MX {fitting[0]}", _exists(net.lookup(fitting[0], "A")))


def _links(sign: Sign, ground: Ground) -> Iterator[Evidence | str]:
    for where in sign.where:
        name = _at(where, ground)
        answer = ground.net.lookup(name, "CNAME")
        targets = [record.rstrip(".") for record in answer.records]
        wild = ground.wild_name.chain[:1]
        if answer.status in _SILENT:
            yield name
        elif targets and tuple(targets) != wild and _fits(sign.pattern, targets[0]):
            yield Evidence(sign, name, f"CNAME {targets[0]}", _exists(ground.net.lookup(targets[0], "A")))


def _includes(sign: Sign, ground: Ground) -> Iterator[Evidence | str]:
    for where in sign.where:
        start = _at(where, ground)
        if where != "@" and by_wildcard(start, ground.net.lookup(start, "TXT"), ground.net):
            continue
        for name, found in _own_records(start, ground):
            if found.status in _SILENT:
                yield name
            for term, target in _led_to(found):
                if _fits(sign.pattern, target):
                    yield Evidence(sign, name, f"SPF {term}", _has_record(target, ground.net))


def _own_records(start: str, ground: Ground) -> Iterator[tuple[str, Published]]:
    """Yield the v=spf1 record of *start*, and those of the domain's own that it is made of."""
    names = [start]
    for name in names:
        try:
            found = spf.record(name, net=ground.net)
        except ValueError:  # a macro, or no name
            continue
        yield name, found
        more = [target for _, target in _led_to(found) if inside(target, ground.domain) and target not in names]
        names += more[: _MOST_RECORDS - len(names)]


def _led_to(found: Published) -> list[tuple[str, str]]:
    """Return the terms that let another record's hosts send, each with that record's name."""
    terms = [term for text in found.records for term in terms_of(text) if term[:1] not in ("-", "~", "?")]
    split = [(term, re.split("[:=]", term, maxsplit=1)) for term in terms if name_of(term) in ("include", "redirect")]
    return [(term, parts[1].rstrip(".").lower()) for term, parts in split if len(parts) == 2]


def _has_record(target: str, net: Network) -> bool | None:
    try:
        found = spf.record(target, net=net)
    except ValueError:  # a macro, or no name
        return None
    return None if found.status in _SILENT else bool(found.records)


def _exchangers(sign: Sign, ground: Ground) -> Iterator[Evidence | str]:
    for where in sign.where:
        name = _at(where, ground)
        answer = ground.net.lookup(name, "MX")
        if answer.status in _SILENT:
            yield name
        elif where == "@" or answer.records != ground.wild_name.records:
            yield from _by_mx(sign, name, answer, ground.net)


def _texts(sign: Sign, ground: Ground) -> Iterator[Evidence | str]:
    for where in sign.where:
        name = _at(where, ground)
        answer = ground.net.lookup(name, "TXT")
        if answer.status in _SILENT:
            yield name
        for octets in () if by_wildcard(name, answer, ground.net) else answer.texts:
            text = octets.decode("ascii", "replace")
            if text.lower().startswith(sign.pattern):
                yield Evidence(sign, name, f"TXT {text[:80]}", True)


_LOOKERS = {
    SignKind.KEY: _keys,
    SignKind.PATH: _paths,
    SignKind.LINK: _links,
    SignKind.INCLUDE: _includes,
    SignKind.MX: _exchangers,
    SignKind.TEXT: _texts,
}
