"""``check``: may this host send mail for this domain?  (RFC 7208)

What SPF judges is the envelope: the address of MAIL FROM, or the HELO name when that is empty.  It says nothing
about the From line that people see; see the lesson on DMARC.
"""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import dataclass
from functools import cached_property

import spf

from mailkit.network import Network, to_ascii
from mailkit.results import AuthResult, Record, hidden, visible
from mailkit.spf.characters import spoiler
from mailkit.spf.evaluation import MAX_STEPS, Evaluation
from mailkit.spf.reasons import decision, sentence
from mailkit.spf.received import received_spf
from mailkit.spf.records import published
from mailkit.spf.resolver import Resolver, is_name
from mailkit.spf.trace import Trace, evaluated_terms, shown
from mailkit.spf.tried_terms import TriedTerm

__all__ = ["Check", "check", "expand"]

_MAX_LOCAL = 256  # characters of a local part that macros see; RFC 5321 section 4.5.3.1.1 promises 64
_NO_DOMAIN = "there is no domain to ask: it is not a name of two or more labels (RFC 7208 section 4.3)"
_MALFORMED = re.compile(r"[\x00-\x20\x7f%\[\]<>()@,;:\\\"]")


@dataclass(frozen=True)
class Check(Record):
    """What one SPF check found.

    ``result`` is none, neutral, pass, fail, softfail, temperror or permerror (RFC 7208 section 2.6), ``reason``
    our sentence on why; ``explanation`` is the domain's own text (exp=), fetched only for fail.  ``identity`` is
    "mailfrom" or, for an empty sender, "helo"; ``domain`` is the one judged.  ``lookups`` counts the terms that
    caused DNS lookups (at most 10), ``void_lookups`` those lookups that found nothing (at most 2); the count
    that broke a limit is one higher.  ``mechanism`` is the term that matched, "default" when none did.
    """

    ip: str
    sender: str
    helo: str
    domain: str
    identity: str
    result: AuthResult
    reason: str
    explanation: str
    lookups: int
    void_lookups: int
    mechanism: str
    receiver: str = hidden()
    envelope_from: str = hidden()
    problem: str = hidden()
    detail: str = hidden()
    entries: tuple[TriedTerm, ...] = hidden(())
    caption: str = hidden()
    cut: bool = hidden(False)

    @cached_property
    def received_spf(self) -> str:
        """The Received-SPF header field to add above the message's others, name included (RFC 7208 section 9.1)."""
        values = {
            "client-ip": self.ip,
            "envelope-from": self.envelope_from,
            "helo": self.helo,
            "identity": self.identity,
            "mechanism": self.mechanism if not self.problem else "",
            "problem": self.problem,
            "receiver": self.receiver,
        }
        return received_spf(self.result, f"{self.receiver}: {self.reason}", values)

    @cached_property
    def trace(self) -> Trace:
        """The terms tried, in order, a thousand at most; noted while evaluating, made into rows when first asked."""
        caption = f"{self.caption}; the first {MAX_STEPS} terms that were tried" if self.cut else self.caption
        return Trace(evaluated_terms(self.entries, self.ip), caption=caption)


@dataclass(frozen=True)
class _Identity:
    """Who is asked about: ``local@domain``, ``well_formed`` when the DNS can be asked at all."""

    kind: str
    local: str
    domain: str
    helo: str
    well_formed: bool
    cut: str  # what of it was too long, as a clause; empty when all was taken


def check(ip: str, sender: str, helo: str, *, net: Network, timeout: float = 20.0) -> Check:
    """Return whether the host *ip*, greeting as *helo*, may send for *sender*, the address in MAIL FROM.

    An empty *sender* (or ``<>``), as bounces have, is judged as postmaster@*helo* (RFC 7208 section 2.4); a sender
    without ``@`` is taken as a domain.  *timeout* is for the whole check, in seconds; when it has passed the result
    is temperror (section 4.6.4).  Raises ValueError for an *ip* that is no address, TypeError for what is no text;
    whatever the DNS says is a result.
    """
    address = _address(ip)
    if not timeout > 0:
        raise ValueError("timeout is a number of seconds greater than 0")
    who = _identity(sender, helo)
    run = Evaluation(str(address), who.local, who.domain, who.helo, Resolver(net, time.monotonic() + timeout))
    verdict = _evaluated(run, who) if who.well_formed else _Verdict(AuthResult.NONE, _NO_DOMAIN)
    return Check(
        ip=run.c,
        sender=shown(sender),
        helo=shown(who.helo),
        domain=shown(who.domain),
        identity=who.kind,
        result=verdict.result,
        reason=shown(verdict.reason, 500) + who.cut,
        explanation=verdict.explanation,
        lookups=run.lookups,
        void_lookups=run.void_lookups,
        mechanism=shown(verdict.mechanism),
        receiver=net.local_hostname,
        envelope_from=run.s if who.kind == "mailfrom" else "",
        problem=verdict.problem,
        detail=shown(verdict.detail),
        entries=tuple(run.entries),
        caption=net.caption,
        cut=run.cut,
    )


@dataclass(frozen=True)
class _Verdict:
    """How an evaluation ended, and why."""

    result: AuthResult
    reason: str
    explanation: str = ""
    mechanism: str = ""
    problem: str = ""
    detail: str = ""


def _evaluated(run: Evaluation, who: _Identity) -> _Verdict:
    result = AuthResult(run.check()[0])
    if result in (AuthResult.PERMERROR, AuthResult.TEMPERROR):
        error = run.error or run.perm_error or spf.TempError(run.prob)
        problem = sentence(error)
        return _Verdict(result, _place(run, who) + problem, problem=problem, detail=str(error))
    if result is AuthResult.NONE:
        return _Verdict(result, f"{who.domain} publishes no SPF record ({_instead(run, who.domain)})")
    reason, mechanism = decision(run.last, who.domain, run.c)
    explanation = visible(run.explanation(), 500) if result is AuthResult.FAIL else ""
    return _Verdict(result, reason, explanation, mechanism)


def _instead(run: Evaluation, domain: str) -> str:
    """Return what stands where the record should be."""
    found = published(domain, run.resolver.lookup(domain, "TXT"))
    if found.attempts:
        return f"a TXT record looks like one, but {spoiler(found.attempts[0])}"
    return found.reason or "it has other TXT records"


def _place(run: Evaluation, who: _Identity) -> str:
    """Return the term, and the record it stands in, at which an error was met."""
    entry = run.last
    while entry and entry.inner:
        entry = entry.inner
    return f"{shown(entry.term, 80)} of {entry.domain}: " if entry else f"{who.domain}: "


def expand(text: str, ip: str, sender: str, helo: str, *, net: Network, domain: str | None = None) -> str:
    """Return the macro string *text* as it expands for this message (RFC 7208 section 7), as a name to look up.

    *domain* is whose record holds it (default: the sender's).  Only ``%{p}`` asks the DNS.  Raises ValueError for
    what is no macro string or no address.
    """
    who = _identity(sender, helo)
    run = Evaluation(str(_address(ip)), who.local, who.domain, who.helo, Resolver(net, time.monotonic() + 20))
    run.d = domain or who.domain
    try:
        return shown(run.expand(text))
    except spf.PermError as error:
        raise ValueError(f"{shown(text, 80)!r}: {sentence(error)}") from None


def _address(ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if not isinstance(ip, str):
        raise TypeError(f"ip is an address as text, such as '192.0.2.1', not {type(ip).__name__}")
    try:
        address = ipaddress.ip_address(ip.strip())
    except ValueError:
        raise ValueError(
            f"ip is the client's IPv4 or IPv6 address, such as '192.0.2.1', not {shown(ip, 60)!r}"
        ) from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{shown(ip, 60)!r} is an address of one link only; a mail client comes from a global one")
    return address


def _identity(sender: str, helo: str) -> _Identity:
    for name, text in (("sender", sender), ("helo", helo)):
        if not isinstance(text, str):
            raise TypeError(f"{name} is text, not {type(text).__name__}; an empty sender is ''")
    greeting = _clean(helo)
    helo = greeting[:_MAX_LOCAL]
    mailbox = _clean(sender).removeprefix("<").removesuffix(">")
    local, _, host = mailbox.rpartition("@") if mailbox else ("", "", helo)
    domain, well_formed = _domain(host)
    kind = "mailfrom" if mailbox else "helo"
    long = [what for what, text in (("local part", local), ("HELO name", greeting)) if len(text) > _MAX_LOCAL]
    cut = f"; of the {' and the '.join(long)} the first {_MAX_LOCAL} characters were used" if long else ""
    return _Identity(kind, local[:_MAX_LOCAL] or "postmaster", domain, helo, well_formed, cut)


def _clean(text: str) -> str:
    """Return *text* without lone surrogates, which cannot be sent anywhere, and without space around it."""
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def _domain(text: str) -> tuple[str, bool]:
    """Return *text* with A-labels (RFC 8616 section 4) and whether SPF can look it up (RFC 7208 section 4.3)."""
    domain = text[:1000].removesuffix(".")
    if not domain.isascii():
        try:
            domain = to_ascii(domain)
        except ValueError:
            return domain, False
    return domain, is_name(domain) and "." in domain and not _MALFORMED.search(domain)
