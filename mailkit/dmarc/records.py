"""A DMARC policy record taken apart (RFC 9989 sections 4.6 to 4.8).

What cannot be used in a record is left out and its default stands in (section 4.8); each such place is kept as a
fault, in words, for whoever publishes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mailkit.results import Record, hidden, visible
from mailkit.spf.characters import described, strangers

__all__ = ["DmarcRecord", "Policy", "ReportUri", "is_policy_record", "parse_record"]

# Section 4.8: v comes first, its value is case-sensitive, and a semicolon or the end of the record follows.
_VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_TAG = re.compile(r"[A-Za-z]{1,40}")
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):((?:[A-Za-z0-9._~:/?#\[\]@$&'()*+=-]|%[0-9A-Fa-f]{2})+)")
_SIZE = re.compile(r"![0-9]+[kmgt]?$", re.IGNORECASE)
_MAX_OCTETS = 65_535
_MAX_TAGS, _MAX_URIS = 100, 50

_YES_NO = ("y", "n")
_MODES = ("r", "s")
_REMOVED = ("pct", "rf", "ri")  # of RFC 7489; historic since RFC 9989
_KNOWN = ("v", "p", "sp", "np", "psd", "t", "adkim", "aspf", "rua", "ruf", "fo", *_REMOVED)


class Policy(StrEnum):
    """What a domain owner asks receivers to do with mail that fails (RFC 9989 section 4.7)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def one_lower(self) -> Policy:
        """The policy that applies under the test flag t=y."""
        return Policy.QUARANTINE if self is Policy.REJECT else Policy.NONE


@dataclass(frozen=True)
class ReportUri(Record):
    """One address of rua or ruf: ``text`` without the obsolete size; a mailto has ``address`` and ``host``."""

    text: str
    scheme: str
    address: str
    host: str
    had_size: bool = False


@dataclass(frozen=True)
class DmarcRecord(Record):
    """What one record says.

    ``p`` is None where it is missing or no policy; ``sp`` and ``np`` are None where they are not given.  ``usable`` is
    False for a record whose policy is invalid and that has no valid rua: no DMARC then (section 4.10.1).  With a
    valid rua such a record stands for p=none, which is what ``effective`` and the three policies above then say.
    ``invalid`` names the policy tags that say no policy.  ``removed`` are tags of RFC 7489 that count no more,
    ``unknown`` are others, ``faults`` say what was left out.  ``typed`` is ``text`` with nothing escaped.
    """

    text: str
    p: Policy | None
    sp: Policy | None
    np: Policy | None
    psd: str
    testing: bool
    adkim: str
    aspf: str
    rua: tuple[ReportUri, ...]
    ruf: tuple[ReportUri, ...]
    fo: tuple[str, ...]
    removed: tuple[str, ...]
    unknown: tuple[str, ...]
    faults: tuple[str, ...]
    invalid: tuple[str, ...]
    typed: str = hidden()

    @property
    def invalid_policy(self) -> bool:
        """True when p, sp or np says no policy, or p is missing."""
        return bool(self.invalid)

    @property
    def usable(self) -> bool:
        """False when no DMARC processing follows from the record."""
        return not self.invalid_policy or bool(self.rua)

    def policy_for(self, *, subdomain: bool, exists: bool) -> Policy:
        """Return the policy for the domain itself, or for a *subdomain* that *exists* or not; t is not applied."""
        if self.invalid_policy or self.p is None:
            return Policy.NONE
        if not subdomain:
            return self.p
        if not exists and self.np is not None:
            return self.np
        return self.sp or self.p


def is_policy_record(text: str) -> bool:
    """Return whether the TXT record *text* is a DMARC record at all: v=DMARC1 comes first."""
    return _VERSION.match(text) is not None


def parse_record(text: str) -> DmarcRecord:
    """Return what *text* says.  Raises ValueError for a text that does not begin with v=DMARC1."""
    if not is_policy_record(text):
        raise ValueError(f"{visible(text, 60)!r} is no DMARC record: it begins with v=DMARC1;")
    faults: list[str] = []
    tags = _tags(text[:_MAX_OCTETS], faults)
    p, sp, np = (_policy(tags, name, faults) for name in ("p", "sp", "np"))
    policies = {"p": p, "sp": sp, "np": np}
    invalid = tuple(name for name, said in policies.items() if said is None and (name in tags or name == "p"))
    if "p" not in tags:
        faults.append("p= is missing")
    rua, ruf = _uris(tags, "rua", faults), _uris(tags, "ruf", faults)
    return DmarcRecord(
        text=visible(text, _MAX_OCTETS),
        p=p,
        sp=sp,
        np=np,
        psd=_one_of(tags, "psd", ("y", "n", "u"), "u", faults),
        testing=_one_of(tags, "t", _YES_NO, "n", faults) == "y",
        adkim=_one_of(tags, "adkim", _MODES, "r", faults),
        aspf=_one_of(tags, "aspf", _MODES, "r", faults),
        rua=rua,
        ruf=ruf,
        fo=_failure_options(tags, faults) if ruf else ("0",),
        removed=tuple(f"{name}={visible(tags[name], 40)}" for name in _REMOVED if name in tags),
        unknown=tuple(name for name in tags if name not in _KNOWN),
        faults=tuple(faults),
        invalid=invalid,
        typed=text,
    )


def _tags(text: str, faults: list[str]) -> dict[str, str]:
    """Return the tags with their values; of a tag that is there twice the first counts."""
    tags: dict[str, str] = {}
    pieces = text.split(";")
    for piece in pieces[:_MAX_TAGS]:
        name, equals, value = piece.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not piece.strip(" \t"):
            if piece is not pieces[-1]:
                faults.append("there are two semicolons with nothing between them")
        elif strange := strangers(piece.strip(" \t")):
            faults.append(f"{visible(piece.strip(), 60)} is no tag=value: it holds {described(strange[0])}")
        elif not equals or not _TAG.fullmatch(name) or not value:
            faults.append(f"{visible(piece.strip(), 60)} is no tag=value")
        elif name.lower() in tags:
            faults.append(f"{name.lower()}= is there twice; here the first counts, elsewhere the last may")
        else:
            tags[name.lower()] = value
    if len(pieces) > _MAX_TAGS:
        faults.append(f"there are more than {_MAX_TAGS} tags, and the rest was not read")
    return tags


def _policy(tags: dict[str, str], name: str, faults: list[str]) -> Policy | None:
    if name not in tags:
        return None
    try:
        return Policy(tags[name].lower())
    except ValueError:
        faults.append(f"{name}={visible(tags[name], 40)} is not none, quarantine or reject")
        return None


def _one_of(tags: dict[str, str], name: str, values: tuple[str, ...], default: str, faults: list[str]) -> str:
    value = tags.get(name, default).lower()
    if value in values:
        return value
    faults.append(f"{name}={visible(tags[name], 40)} is not {' or '.join(values)}; {name}={default} stands in")
    return default


def _uris(tags: dict[str, str], name: str, faults: list[str]) -> tuple[ReportUri, ...]:
    found = []
    pieces = tags[name].split(",") if name in tags else []
    for piece in pieces[:_MAX_URIS]:
        uri = _uri(piece.strip(" \t"))
        if uri is None:
            faults.append(f"{name}: {visible(piece.strip(), 80) or 'an empty piece'} is no address like mailto:a@b")
        else:
            found.append(uri)
    if len(pieces) > _MAX_URIS:
        faults.append(f"{name} has more than {_MAX_URIS} addresses, and the rest was not read")
    return tuple(found)


def _uri(text: str) -> ReportUri | None:
    """Return the reporting URI *text* (section 4.8), None for what is none; a size after "!" is obsolete."""
    bare = _SIZE.sub("", text)
    match = _URI.fullmatch(bare)
    if match is None:
        return None
    scheme = match[1].lower()
    if scheme != "mailto":
        return ReportUri(bare, scheme, "", "", bare != text)
    address = match[2].partition("?")[0]
    local, at, host = address.rpartition("@")
    if not at or not local or not re.fullmatch(r"(?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9-]{1,63}", host):
        return None
    return ReportUri(bare, scheme, address, host.lower(), bare != text)


def _failure_options(tags: dict[str, str], faults: list[str]) -> tuple[str, ...]:
    """Return the options of fo; 0 and 1 exclude each other, and each is there once (section 4.8)."""
    options = [option.strip(" \t").lower() for option in tags.get("fo", "0").split(":")]
    good = set(options) <= {"0", "1", "d", "s"} and len(set(options)) == len(options)
    if not good or {"0", "1"} <= set(options):
        faults.append(f"fo={visible(tags['fo'], 40)} is no list of 0 or 1, d and s; fo=0 stands in")
        return ("0",)
    return tuple(options)
