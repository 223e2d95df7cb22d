"""Texts that were meant as DMARC records: what spoils them, and what was meant (RFC 9989 sections 4.7 and 4.8).

A control panel keeps the backslashes of a zone file, a word processor makes quotation marks round, a list of addresses
is written with spaces.  What was meant is a guess, and good for a proposal only: receivers go by what stands there.
"""

from __future__ import annotations

import re
import unicodedata

from mailkit.results import visible
from mailkit.spf.characters import described

__all__ = ["looks_like_one", "meant", "spoiler"]

_LONGEST = 4000  # characters that are looked at
_HEAD = 200  # of them, where a version is looked for
_ATTEMPT = re.compile(r"\bv\W{0,3}dmarc|dmarcv?\W?1\b", re.IGNORECASE)
_VERSION = re.compile(r"v[ \t]{0,8}=[ \t]{0,8}dmarc1", re.IGNORECASE)
_ANY_VERSION = re.compile(r"\b(?:v\s{0,3}=\s{0,3})?dmarcv?1\b[.:,\s]{0,3};?", re.IGNORECASE)
_NAMES = "p|sp|np|t|psd|adkim|aspf|rua|ruf|fo|pct|rf|ri"
_BETWEEN = re.compile(rf"[\s,]{{1,20}}(?=(?:{_NAMES})\s{{0,3}}=)", re.IGNORECASE)
_ADDRESSES = re.compile(r"(?<![a-z])(ru[af])\s{0,3}=([^=]*?)(?=;\s{0,8}[a-z]{1,10}\s{0,3}=|$)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:mailto:[/\s]{0,4})?<?([^\s,;<>:/@]{1,64}@[^\s,;<>:/@]{1,255})>?", re.IGNORECASE)


def looks_like_one(text: str) -> bool:
    """Return whether *text*, which is no DMARC record, seems meant as one: ``v=dmarc1``, something in front …"""
    return _ATTEMPT.search(_plain(text)[:_HEAD]) is not None


def spoiler(text: str) -> str:
    """Return what keeps *text* from being a DMARC record."""
    text = text[:_LONGEST]
    found = _VERSION.search(text)
    if found is None:
        return "it does not begin with v=DMARC1"
    if before := text[: found.start()]:
        what = described(before) if len(before) == 1 else f"“{visible(before, 60)}”"
        return f"{what} stands before v=DMARC1"
    if not found[0].endswith("DMARC1"):
        return "DMARC1 has to be in capitals"
    behind = text[found.end() :].lstrip(" \t")[:1]
    return f"behind v=DMARC1 stands {described(behind)}, not a semicolon" if behind else "it is cut off"


def meant(text: str) -> str:
    """Return the record that *text* was probably meant to be; it may still be none."""
    plain = _plain(text).replace("\\", "").replace('"', "").replace("'", "")
    version = _ANY_VERSION.search(plain[:_HEAD])
    if version is None:
        rest = plain
    elif "=" in (before := plain[: version.start()]):  # other tags stand before it
        rest = f"{before}{plain[version.end() :]}"
    else:
        rest = plain[version.end() :]
    rest = _BETWEEN.sub("; ", rest)
    rest = _ADDRESSES.sub(lambda tag: f"{tag[1]}={_uris(tag[2])}", rest)
    return "; ".join(["v=DMARC1", *filter(None, (tag.strip(" \t,.") for tag in rest.split(";")))])


def _plain(text: str) -> str:
    """Return *text* with the plain signs that its signs stand for, and without those that cannot be seen."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST])
    kept = "".join(char for char in folded if unicodedata.category(char) != "Cf")
    kept = re.sub("[“”„‟«»″‘’‚‛′`]", '"', kept)
    return re.sub("[‐‑‒–—―−]", "-", kept)


def _uris(text: str) -> str:
    """Return the addresses in *text* as the URIs of rua or ruf; *text* itself where that would lose something."""
    addresses = _ADDRESS.findall(text)
    left = re.sub(r"[\s,;]+", "", _ADDRESS.sub("", text))
    return ",".join(f"mailto:{address}" for address in addresses) if addresses and not left else text
