"""``align``: do SPF's and DKIM's results speak for the domain in the From line?  (RFC 9989 sections 4.4 and 4.10.2)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailkit.dmarc.discovery import TIMEOUT, Discovery, discover
from mailkit.dmarc.records import Policy
from mailkit.dmarc.tree_walk import walk
from mailkit.network import Network
from mailkit.network.names import to_ascii
from mailkit.results import AuthResult, Record, Rows, hidden, visible

__all__ = ["MAX_IDENTIFIERS", "Aligned", "Identifier", "Missed", "align", "judge"]

MAX_IDENTIFIERS = 10  # domains whose organizational domain is looked up for one message


class Missed(StrEnum):
    """By how little an identifier missed: the one thing that would have to be otherwise."""

    NOTHING = ""  # it counts
    RESULT = "result"  # the right domain, but it did not pass
    STRICT = "strict"  # would be aligned if the record did not ask for strict alignment
    DOMAIN = "domain"  # it passed, for another organization
    RESULT_AND_DOMAIN = "result and domain"
    UNKNOWN = "unknown"  # the DNS did not say


@dataclass(frozen=True)
class Identifier(Record):
    """One domain that SPF or DKIM speaks for, held against the author's.

    ``result`` is SPF's or DKIM's, ``mode`` the alignment that the record asks for ("relaxed" or "strict"), ``aligned``
    whether the domain fits in that mode, None when the DNS did not say.  It counts when it passed and is aligned.
    """

    mechanism: str
    domain: str
    result: str
    organizational_domain: str
    mode: str
    aligned: bool | None
    missed: Missed
    note: str

    @property
    def counts(self) -> bool:
        """True when this identifier alone makes DMARC pass."""
        return self.missed is Missed.NOTHING


@dataclass(frozen=True)
class Aligned(Record):
    """What DMARC makes of the results of SPF and DKIM.

    ``result`` is pass, fail, none (no DMARC record) or temperror; ``policy`` is the one that applies to this domain
    after sp, np and t, None where there is none; ``alignment`` has a row for each identifier.
    """

    domain: str
    result: str
    policy: Policy | None
    organizational_domain: str
    reason: str
    alignment: Rows[Identifier] = hidden(None)
    discovery: Discovery = hidden(None)


def align(from_domain: str, spf: tuple[str, str] | None, dkim: Iterable[tuple[str, str]], *, net: Network) -> Aligned:
    """Return what DMARC makes of *from_domain* with SPF's (result, domain) and DKIM's [(result, domain), …].

    SPF's domain is that of MAIL FROM, or the HELO name for an empty sender; *spf* may be None.  The results are the
    words of RFC 8601 section 2.7.  Raises ValueError for other words or for a *from_domain* that is no domain name,
    TypeError for what has another shape.
    """
    signatures = list(dkim) if not isinstance(dkim, (str, bytes)) else [dkim]
    for pair in [*([spf] if spf is not None else []), *signatures]:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise TypeError("spf is (result, domain) and dkim a list of such pairs: spf=('pass', 'example.jp')")
        if pair[0].lower() not in list(AuthResult):
            raise ValueError(f"{visible(pair[0], 40)!r} is no result; there are {', '.join(AuthResult)}")
    domain = to_ascii(from_domain)
    net = net.remembering(TIMEOUT)
    pairs = [("spf", *spf)] if spf is not None else []
    pairs += [("dkim", result, signer) for result, signer in signatures]
    return judge(domain, [(kind, result.lower(), signer) for kind, result, signer in pairs], net)


def judge(domain: str, pairs: Sequence[tuple[str, str, str]], net: Network) -> Aligned:
    """Return what :func:`align` does for *pairs* of (mechanism, result, domain); *net* remembers."""
    discovery = discover(domain, net)
    record = discovery.parsed
    modes = {"spf": record.aspf if record else "r", "dkim": record.adkim if record else "r"}
    author = discovery.organizational_domain
    rows: list[Identifier] = []
    seen: set[str] = set()
    for kind, result, signer in pairs:
        seen.add(signer.lower())
        within = len(seen) <= MAX_IDENTIFIERS
        rows.append(_identifier(kind, result, signer, domain, author, modes[kind], net if within else None))
    result, reason = _result(discovery, rows)
    return Aligned(
        domain=domain,
        result=result,
        policy=discovery.policy,
        organizational_domain=author,
        reason=reason,
        alignment=Rows(Identifier, rows, caption=net.caption),
        discovery=discovery,
    )


def _identifier(
    kind: str, result: str, signer: str, domain: str, author: str, mode: str, net: Network | None
) -> Identifier:
    """Return how *signer* stands to the author's *domain*; without *net* it is one domain too many."""
    try:
        name = to_ascii(signer)
    except ValueError:
        name = ""
    words = "strict" if mode == "s" else "relaxed"
    if not name:
        missed = Missed.DOMAIN if result == "pass" else Missed.RESULT_AND_DOMAIN
        return Identifier(kind, visible(signer, 255), result, "", words, False, missed, "there is no domain to compare")
    same = name == domain
    if same:
        organizational = author
    elif net is None:
        organizational = ""
    else:
        organizational = walk(name, net).organizational_domain
    relaxed = same or ((organizational == author) if organizational and author else None)
    aligned = same if mode == "s" else relaxed
    missed = _missed(result, same, relaxed, mode)
    note = _note(missed, result, name, domain, organizational, author, same)
    if missed is Missed.UNKNOWN and net is None:
        note = f"more than {MAX_IDENTIFIERS} domains: this one was not looked up"
    return Identifier(kind, name, result, organizational, words, aligned, missed, note)


def _missed(result: str, same: bool, relaxed: bool | None, mode: str) -> Missed:
    aligned = same if mode == "s" else relaxed
    if aligned:
        return Missed.NOTHING if result == "pass" else Missed.RESULT
    if aligned is None:
        return Missed.UNKNOWN
    if result != "pass":
        return Missed.RESULT_AND_DOMAIN
    return Missed.STRICT if relaxed else Missed.DOMAIN


def _note(missed: Missed, result: str, name: str, domain: str, organizational: str, author: str, same: bool) -> str:
    """Return a sentence on how *name* stands to the author's *domain*."""
    if missed is Missed.UNKNOWN:
        return "the DNS did not say which organization a domain belongs to"
    if missed is Missed.NOTHING:
        return "the same name" if same else f"both belong to {author}"
    if missed is Missed.RESULT:
        return f"the right domain, but the result is {result}"
    if missed is Missed.STRICT:
        return f"both belong to {author}, but the record asks for the same name (strict)"
    other = f"{name}, which belongs to {organizational}" if organizational not in ("", name) else name
    ours = f"the From line is of {author or domain}"
    if missed is Missed.DOMAIN:
        return f"it passed for {other}, but {ours}"
    return f"it did not pass ({result}), and is for {other}, while {ours}"


def _result(discovery: Discovery, rows: Sequence[Identifier]) -> tuple[str, str]:
    """Return pass, fail, none or temperror, and why (RFC 9989 sections 5.3.2 to 5.3.6)."""
    if discovery.parsed is None or discovery.status == "none":
        return ("temperror" if discovery.status == "temperror" else "none"), discovery.reason
    for row in rows:
        if row.counts:
            return "pass", f"{row.mechanism} passed for {row.domain}: {row.note}"
    for row in rows:
        if row.result == "pass" and row.missed is Missed.UNKNOWN:
            return "temperror", f"{row.mechanism} passed for {row.domain}, and {row.note}"
        if row.result == "temperror" and row.aligned is not False:
            return "temperror", f"{row.mechanism} could not be checked for {row.domain}, which would count"
    if discovery.status == "temperror":
        return "temperror", discovery.reason
    if not rows:
        return "fail", "neither SPF nor DKIM gave a domain to compare"
    return "fail", "; ".join(dict.fromkeys(f"{row.mechanism}: {row.note}" for row in rows))
