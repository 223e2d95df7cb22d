"""``lint``: what a domain's DMARC record does for it, what is wrong with it, and what to publish instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mailkit import spf
from mailkit.dmarc.asking import Node, ask
from mailkit.dmarc.discovery import Discovery, discover
from mailkit.dmarc.linted import LintedPolicy, finding, rank, rebuilt
from mailkit.dmarc.public_suffix import is_public_suffix
from mailkit.dmarc.records import Policy, is_policy_record, parse_record
from mailkit.dmarc.report_addresses import report_addresses
from mailkit.dmarc.spoilt import meant, spoiler
from mailkit.dmarc.trial import tried
from mailkit.network import DnsRecord, Network, Status, parse_paste, paste
from mailkit.network.endpoints import mail_exchangers
from mailkit.network.names import to_ascii
from mailkit.network.together import put_together
from mailkit.network.wildcards import by_wildcard
from mailkit.results import Finding, Rows, Verdict, visible
from mailkit.spf.characters import readable

__all__ = ["findings", "lint"]

_TIMEOUT = 30.0  # seconds for everything that one domain needs
_FIRST = "v=DMARC1; p=none; rua=mailto:dmarc@{}"
_NO_MAIL = "v=DMARC1; p=reject"


def lint(domain: str, *, net: Network) -> Rows[Finding]:
    """Return the findings on DMARC for *domain*, good ones included.

    What is offered to paste has been tried: it clears its finding and makes no new one; it is one record, though it
    mend several findings.  "unknown" means that the DNS did not say.  The whole takes at most 30 seconds.  Raises
    ValueError for what is no domain name, TypeError for what is no text.
    """
    return Rows(Finding, findings(domain, net=net), caption=net.caption)


def findings(domain: str, *, net: Network) -> list[Finding]:
    """Return what lesson 06 has to say about *domain* in a report: the findings of :func:`lint`."""
    name = to_ascii(domain)
    remembering = net.remembering(_TIMEOUT)
    return put_together(_tried(name, remembering), lambda records: _tried(name, remembering.overlay(records)))


def _tried(domain: str, net: Network) -> list[Finding]:
    """Return the findings with what each of them alone offers to paste."""
    return tried(list(_judged(domain, net)), net, lambda trial: list(_judged(domain, trial)))


def _judged(domain: str, net: Network) -> Iterator[Finding]:
    """Yield the findings on what *net* shows of *domain*; what they offer is not tried yet."""
    discovery = discover(domain, net)
    assert discovery.walk is not None
    own = discovery.walk.nodes[0]
    if own.failed or (discovery.status == "temperror" and own.record is None):
        advice = "Ask again later; while it lasts, receivers cannot apply any policy."
        yield finding("record", domain, Verdict.UNKNOWN, discovery.reason, "5.3.6", advice)
        return
    aliased = _alias(own, net)
    for found in _about(domain, own, discovery, net):
        yield _without_fix(found, own, aliased) if aliased else found


def _about(domain: str, own: Node, discovery: Discovery, net: Network) -> Iterator[Finding]:
    """Yield the findings on what the DNS said of *domain*, with what to publish at its own name."""
    if own.record is None:
        yield _without_record(domain, discovery, net)
        return
    subject = LintedPolicy(domain, discovery, own.record, net)
    yield finding("record", domain, Verdict.PASS, own.record.text, "4.5")
    if own.almost:
        evidence = f"beside it stands what looks like a record, but is none: {_shown(own.almost[0])}"
        yield finding("almost a record", domain, Verdict.INFO, evidence, "4.10", "Receivers pass it over: it can go.")
    yield _syntax(subject)
    if not own.record.invalid_policy:
        yield _policy(subject)
        yield from _subdomains(subject)
    yield from _removed(subject)
    yield from _organization(subject)
    yield from report_addresses(subject)


def _without_record(domain: str, discovery: Discovery, net: Network) -> Finding:
    """Return the finding on a domain that has no record of its own, or several."""
    assert discovery.walk is not None
    own = discovery.walk.nodes[0]
    name = own.name
    if len(own.texts) > 1:
        evidence = f"{len(own.texts)} records at {name}: receivers discard them all"
        usable = [record for record in map(parse_record, own.texts) if record.usable]
        mildest = min(usable, key=lambda record: rank(record.p), default=None)
        fix = paste(DnsRecord(name, "TXT", rebuilt(mildest))) if mildest else ""
        advice = "Keep one. This is the mildest of them: nothing is refused that is not refused now."
        return finding("record", domain, Verdict.FAIL, evidence, "4.10", advice, fix)
    if own.almost:
        return _almost(own, discovery, net)
    if discovery.status == "found":
        evidence = f"covered by the record of {discovery.where}: {discovery.policy} ({discovery.reason})"
        return finding("record", domain, Verdict.PASS, evidence, "4.10.1")
    if alias := _alias(own, net):
        what = "which does not exist" if own.answer.status is Status.NXDOMAIN else "where no DMARC record stands"
        evidence = f"{name} is an alias of {alias}, {what}"
        return finding("record", domain, Verdict.FAIL, evidence, "4.5", "Mend the alias, or publish the record itself.")
    if misplaced := _misplaced(domain, net):
        where, text = misplaced
        fix = paste(DnsRecord(name, "TXT", text))
        return finding("record", domain, Verdict.FAIL, f"the record stands at {where}, not at {name}", "4.5", "", fix)
    return _none_at_all(domain, discovery, net)


def _alias(own: Node, net: Network) -> str:
    """Return where the alias leads that stands at the name of the record, "" where there is none.

    One that comes from a wildcard gives way to whatever is published at the name itself.
    """
    chain = own.answer.chain
    return chain[-1] if chain and not by_wildcard(own.name, own.answer, net) else ""


def _without_fix(found: Finding, own: Node, alias: str) -> Finding:
    """Return *found* without a record for the place of an alias, beside which nothing may stand (RFC 1034 3.6.2)."""
    if not any(record.name == own.name for record in parse_paste(found.fix)):
        return found
    value = next(record.value for record in parse_paste(found.fix))
    advice = f"{own.name} is an alias: it is {alias} that has to say “{value}”."
    return replace(found, fix="", advice=f"{found.advice} {advice}".strip())


def _misplaced(domain: str, net: Network) -> tuple[str, str] | None:
    """Return where the record stands by mistake: at the domain itself, or with the domain's name twice."""
    for where in (domain, f"_dmarc.{domain}.{domain}"):
        for octets in ask(where, "TXT", net).texts:
            text = readable(octets)
            if is_policy_record(text) and parse_record(text).usable:
                return where, text
    return None


def _almost(own: Node, discovery: Discovery, net: Network) -> Finding:
    """Return the finding on a text that was meant as a record, with the record that was probably meant."""
    evidence = f"looks like a DMARC record, but is none: {_shown(own.almost[0])}"
    if discovery.status == "found":
        evidence += f"; so the record of {discovery.where} applies: {discovery.policy}"
    advice = "A record begins with v=DMARC1 and a semicolon; semicolons stand between its tags."
    record = parse_record(meant(own.almost[0]))
    fix = ""
    if record.usable and not record.faults:
        subject = LintedPolicy(own.domain, discovery, record, net)
        fix = subject.line(**({"rua": subject.reports_to} if subject.reports_to else {}))
        if rank(record.p):
            advice += f" This one was never in force: read the reports under p=none first, before {record.p} is."
    return finding("record", own.domain, Verdict.FAIL, evidence, "4.7", advice, fix)


def _shown(text: str) -> str:
    """Return *text*, which is almost a record, and what spoils it."""
    return f"{visible(text, 300)} ({spoiler(text)})"


def _none_at_all(domain: str, discovery: Discovery, net: Network) -> Finding:
    name = f"_dmarc.{domain}"
    mail = mail_exchangers(domain, net=net)
    sends_none = spf.record(domain, net=net).text.lower().split() == ["v=spf1", "-all"]
    if mail.null_mx or sends_none:
        advice = "The domain sends no mail: say so here as well, or others will send in its name."
        fix = paste(DnsRecord(name, "TXT", _NO_MAIL))
        return finding("record", domain, Verdict.WARN, discovery.reason, "4.10.1", advice, fix)
    if mail.hosts and not mail.implicit:
        advice = "Begin with p=none and read the reports; this mailbox must exist."
        fix = paste(DnsRecord(name, "TXT", _FIRST.format(domain)))
        return finding("record", domain, Verdict.FAIL, discovery.reason, "5.1.4", advice, fix)
    advice = f"Publish one: {_NO_MAIL} if the domain sends no mail, else p=none with rua to a mailbox that exists."
    return finding("record", domain, Verdict.WARN, discovery.reason, "5.1.4", advice)


def _syntax(subject: LintedPolicy) -> Finding:
    record = subject.record
    if not record.faults:
        return finding("syntax", subject.domain, Verdict.PASS, "the record is well-formed", "4.8")
    changes = {"rua": subject.reports_to} if subject.reports_to else {}
    said = "; ".join(record.faults[:5])
    if not record.invalid_policy:
        advice = "Receivers leave out what they cannot read, and the defaults stand in."
        return finding("syntax", subject.domain, Verdict.WARN, said, "4.8", advice, subject.line())
    effect = "it counts as p=none" if record.usable else "there is no valid rua either, so there is no DMARC"
    advice = "This is what is in force now, written rightly; raise the policy again once the reports agree."
    return finding(
        "syntax", subject.domain, Verdict.FAIL, f"{said}: {effect}", "4.10.1", advice, subject.line(**changes)
    )


def _policy(subject: LintedPolicy) -> Finding:
    record, domain = subject.record, subject.domain
    asked = str(record.p)
    if record.testing and record.p is not Policy.NONE:
        lower = record.p.one_lower if record.p else Policy.NONE
        evidence = f"p={asked} with t=y: for now {lower} applies"
        return finding("policy", domain, Verdict.INFO, evidence, "4.7", "Take t=y out once the reports agree.")
    if record.p is Policy.NONE and not record.rua:
        evidence = "p=none without rua: nothing is asked for, and nothing is learnt"
        fix = subject.line(rua=subject.reports_to) if subject.reports_to else ""
        advice = "Have the reports sent to a mailbox that exists."
        return finding("policy", domain, Verdict.WARN, evidence, "5.1.5", advice, fix)
    if record.p is Policy.NONE:
        advice = "Read the reports until every sender of yours passes, then ask for quarantine."
        return finding("policy", domain, Verdict.INFO, "p=none: receivers report, and change nothing", "5.1.5", advice)
    if not record.rua and subject.takes_mail:
        evidence = f"p={asked} without rua: nobody tells you when your own mail fails"
        fix = subject.line(rua=subject.reports_to)
        return finding("policy", domain, Verdict.WARN, evidence, "5.1.3", "Have the reports sent to a mailbox.", fix)
    if record.p is Policy.REJECT and subject.takes_mail is False:
        return finding("policy", domain, Verdict.PASS, "p=reject, and nobody takes mail here", "4.7")
    if record.p is Policy.REJECT:
        evidence = "p=reject: sign everything with DKIM, since SPF alone does not survive forwarding"
        advice = "If your users write to mailing lists, p=quarantine does less harm."
        return finding("policy", domain, Verdict.PASS, evidence, "7.4", advice)
    return finding("policy", domain, Verdict.PASS, f"p={asked}", "4.7")


def _subdomains(subject: LintedPolicy) -> Iterator[Finding]:
    """Yield whether subdomains, and names that do not exist, are as well kept as the domain itself."""
    record, domain = subject.record, subject.domain
    if subject.discovery.organizational_domain not in (domain, ""):
        if record.sp or record.np:
            evidence = f"sp and np count only at {subject.discovery.organizational_domain}, the organizational domain"
            yield finding("subdomains", domain, Verdict.INFO, evidence, "4.7")
        return
    existing = record.policy_for(subdomain=True, exists=True)
    missing = record.policy_for(subdomain=True, exists=False)
    if rank(missing) < rank(existing):
        evidence = f"np={missing}: names that do not exist are kept less well than those that do ({existing})"
        advice = "Nobody sends mail from a name that does not exist."
        yield finding("subdomains", domain, Verdict.WARN, evidence, "4.7", advice, subject.line(np=None))
    elif rank(existing) < rank(record.p):
        evidence = f"sp={existing}: whoever takes a subdomain for the sender passes p={record.p} by"
        yield finding("subdomains", domain, Verdict.WARN, evidence, "4.7", "Raise sp once the reports agree.")
    else:
        evidence = f"subdomains: {existing}; names that do not exist: {missing}"
        yield finding("subdomains", domain, Verdict.PASS, evidence, "4.7")


def _removed(subject: LintedPolicy) -> Iterator[Finding]:
    """Yield what the record says that counts no more (RFC 9989 appendix C)."""
    record, domain = subject.record, subject.domain
    old = list(record.removed)
    if any(uri.had_size for uri in (*record.rua, *record.ruf)):
        old.append("the size limits after the addresses")
    if not old:
        return
    evidence = f"{', '.join(old)}: removed from DMARC, and ignored"
    share = next((tag for tag in record.removed if tag.startswith("pct=") and tag != "pct=100"), "")
    if share and record.p is not Policy.NONE and not record.testing:
        advice = "The whole policy applies to all mail now. While you are testing, say t=y instead."
        yield finding("removed tags", domain, Verdict.WARN, evidence, "A.6", advice, subject.line(t="y"))
    else:
        yield finding("removed tags", domain, Verdict.INFO, evidence, "C.5", "They can go.")


def _organization(subject: LintedPolicy) -> Iterator[Finding]:
    """Yield whether the domain is taken for the organization that it is, by the new way and by the old."""
    domain, discovery, record = subject.domain, subject.discovery, subject.record
    if record.psd == "y" and not is_public_suffix(domain):
        evidence = "psd=y says that others register names below this domain: its subdomains are strangers to each other"
        advice = "Take it out, unless you run a registry."
        yield finding("organizational domain", domain, Verdict.WARN, evidence, "4.7", advice, subject.line(psd=None))
    old = discovery.old.organizational_domain
    above = discovery.organizational_domain
    if old == domain and above and domain.endswith(f".{above}"):
        evidence = f"{above} has a record without psd=y, so this domain counts as a part of it"
        advice = "Say psd=n: then this domain is its own organization, whatever stands above it."
        yield finding("organizational domain", domain, Verdict.WARN, evidence, "11.8", advice, subject.line(psd="n"))
    elif discovery.differences and not record.removed and not record.testing:
        evidence = "; ".join(discovery.differences)
        yield finding("organizational domain", domain, Verdict.INFO, visible(evidence, 500), "4.10")
