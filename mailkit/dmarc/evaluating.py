"""``evaluate``: a message as it came in, judged as a receiver does (RFC 9989 section 5.3).

``conclude`` is its second half, for a receiver who has SPF's and DKIM's answers at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailkit import dkim, spf
from mailkit.dmarc.alignment import Aligned, Identifier, judge
from mailkit.dmarc.discovery import TIMEOUT, Discovery
from mailkit.dmarc.disposition import Handling, handle
from mailkit.dmarc.from_line import RULES, Author, author
from mailkit.dmarc.records import Policy
from mailkit.message.authentication_results import AuthenticationResults, Result
from mailkit.message.fields import MAX_OCTETS, MalformedMessage, Message, parse
from mailkit.network import Network
from mailkit.results import AuthResult, Record, Rows, hidden

__all__ = ["Evaluation", "conclude", "evaluate"]

_STRICTNESS = list(Policy)


@dataclass(frozen=True)
class Evaluation(Record):
    """What a receiver finds out about one message.

    ``result`` is pass, fail, none (no DMARC record), temperror (the DNS did not say) or permerror (no author, see
    :mod:`mailkit.dmarc.from_line`).  ``policy`` is what the domain's owner asks for, after sp, np and t;
    ``disposition`` what the receiver should do, and ``handling`` why.  ``alignment`` has a row for each domain that SPF
    or DKIM speaks for, with by how little it missed.  ``authentication_results`` is the whole field to add on top,
    ``said`` what DMARC has to say in it.
    """

    domain: str
    result: str
    policy: Policy | None
    disposition: Policy
    reason: str
    organizational_domain: str
    authentication_results: str
    alignment: Rows[Identifier] = hidden(None)
    author: Author = hidden(None)
    handling: Handling = hidden(None)
    spf: spf.Check = hidden(None)
    dkim: Rows[dkim.Verification] = hidden(None)
    discovery: Discovery | None = hidden(None)
    others: tuple[Aligned, ...] = hidden(())
    said: tuple[Result, ...] = hidden(())


def evaluate(message: bytes, ip: str, sender: str, helo: str, *, net: Network) -> Evaluation:
    """Return what DMARC makes of *message*, which the host *ip* sent, greeting as *helo*, with MAIL FROM *sender*.

    SPF's result is that of MAIL FROM; for an empty *sender* it is that of postmaster@*helo* (RFC 7208 section 2.4).
    Raises ValueError for an *ip* that is no address, TypeError for a message that is not bytes; whatever stands in the
    message or the DNS is a result.
    """
    if not isinstance(message, (bytes, bytearray)):
        raise TypeError("the message is given as bytes, as it went over the wire")
    net = net.remembering()
    checked = spf.check(ip, sender, helo, net=net)
    signatures = dkim.verify(bytes(message), net=net)
    return conclude(bytes(message), checked, signatures, net=net)


def conclude(message: bytes, checked: spf.Check, signatures: Rows[dkim.Verification], *, net: Network) -> Evaluation:
    """Return what :func:`evaluate` does, from what SPF said of the envelope and DKIM of *message*; they are not asked.

    *checked* is the answer of :func:`mailkit.spf.check`, *signatures* that of :func:`mailkit.dkim.verify`.
    """
    who = author(*_parsed(message))
    pairs = [("spf", str(checked.result), checked.domain)]
    pairs += [("dkim", str(row.result), row.domain) for row in signatures if row.domain]
    net = net.remembering(TIMEOUT)
    found = [judge(domain, pairs, net) for domain in who.domains]
    if not found:
        return _without_author(who, checked, signatures, net)
    worst = _worst(found)
    said = [_said(each) for each in found]
    testing = worst.discovery is not None and worst.discovery.testing
    handling = handle(worst.result, worst.policy, testing=testing)
    reason = worst.reason if len(found) == 1 else f"{worst.domain}: {worst.reason}"
    return Evaluation(
        domain=worst.domain,
        result=worst.result,
        policy=worst.policy,
        disposition=handling.disposition,
        reason=f"{reason} ({who.note})" if who.note else reason,
        organizational_domain=worst.organizational_domain,
        alignment=worst.alignment,
        authentication_results=_field(net, checked, signatures, said),
        author=who,
        handling=handling,
        spf=checked,
        dkim=signatures,
        discovery=worst.discovery,
        others=tuple(each for each in found if each is not worst),
        said=tuple(said),
    )


def _parsed(message: bytes) -> tuple[Message | None, str]:
    """Return *message* taken apart, or None and why it is not."""
    if len(message) > MAX_OCTETS:
        return None, f"the message has more than {MAX_OCTETS >> 20} MiB and was not read"
    try:
        return parse(message), ""
    except MalformedMessage as problem:
        return None, str(problem)


def _worst(found: list[Aligned]) -> Aligned:
    """Return the one of several authors that decides (RFC 9989 section 11.5)."""
    order = ["fail", "temperror", "none", "pass"]
    worst = min(order.index(each.result) for each in found)
    candidates = [each for each in found if each.result == order[worst]]
    return max(candidates, key=lambda each: _STRICTNESS.index(each.policy) if each.policy else -1)


def _without_author(who: Author, checked: spf.Check, signatures: Rows[dkim.Verification], net: Network) -> Evaluation:
    rule = RULES[who.rule]
    reason = f"{who.note}: {rule.then} ({rule.reference})"
    handling = handle("permerror", None)
    said = Result("dmarc", "permerror", reason=f"{rule.name}: {who.note}")
    return Evaluation(
        domain="",
        result="permerror",
        policy=None,
        disposition=handling.disposition,
        reason=reason,
        organizational_domain="",
        alignment=Rows(Identifier, [], caption=net.caption),
        authentication_results=_field(net, checked, signatures, [said]),
        author=who,
        handling=handling,
        spf=checked,
        dkim=signatures,
        said=(said,),
    )


def _said(found: Aligned) -> Result:
    """Return DMARC's part of Authentication-Results, with the properties of RFC 9989 section 9.1."""
    asked = (("policy.dmarc", str(found.policy)),) if found.policy is not None else ()
    reason = "" if found.result == "pass" else found.reason
    return Result("dmarc", found.result, reason=reason, properties=(("header.from", found.domain), *asked))


def _field(net: Network, checked: spf.Check, signatures: Rows[dkim.Verification], said: list[Result]) -> str:
    """Return the Authentication-Results field, name included (RFC 8601)."""
    of_spf = "smtp.mailfrom" if checked.identity == "mailfrom" else "smtp.helo"
    results = [Result("spf", checked.result, properties=((of_spf, checked.domain),))]
    for row in signatures:
        named = (("header.d", row.domain), ("header.s", row.selector), ("header.a", row.algorithm))
        properties = tuple((name, value) for name, value in named if value)
        reason = "" if row.result in (AuthResult.PASS, AuthResult.NONE) else row.reason
        results.append(Result("dkim", str(row.result), reason=reason, properties=properties))
    return AuthenticationResults(net.local_hostname, (*results, *said)).header
