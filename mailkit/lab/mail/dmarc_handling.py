"""What a receiver of the practice internet does with a message after DMARC (RFC 9989 sections 5.4 and 7.4).

Nobody here refuses a message for p=reject alone.  A host that ``may_reject`` (``world.toml``) refuses where the policy
asks for it *and* the message itself speaks against its author: it comes straight from a stranger, and there is nothing
of the author's domain in it.  Mail that was forwarded, or went through a mailing list, is only put into Junk.

A host with ``bulk_rules`` demands of bulk mail what the large receivers do since 2024: SPF and DKIM pass, the author's
domain has a DMARC record, and DMARC passes.  They count messages a day (Google from about 5,000 on); this one takes
for bulk what offers to unsubscribe and is no discussion list.
"""

from __future__ import annotations

from mailkit import dmarc
from mailkit.lab.mail.mailboxes import header_of
from mailkit.lab.world import Host
from mailkit.message import received
from mailkit.results import visible

__all__ = ["against", "handling", "refusal", "unmet"]

# What mailing lists (RFC 2919, RFC 2369), forwarders (RFC 8617) and people who send on (RFC 5322 3.6.6) leave behind.
_DETOURS = ("List-Id", "List-Post", "List-Unsubscribe", "ARC-Seal", "Resent-From")


def against(message: bytes, found: dmarc.Evaluation) -> str:
    """Return what else speaks against *message*, whose evaluation is *found*, in a sentence; "" when nothing does.

    A signature of the author's domain counts for the message even when it is broken: so looks honest mail that
    somebody changed on its way.
    """
    theirs = [row for row in found.alignment if row.mechanism == "dkim" and _same_organization(row, found)]
    head = header_of(message)
    if theirs or received.count(message) or any(name in head for name in _DETOURS):
        return ""
    return (
        f"it comes straight from [{found.spf.ip}], with no signature of {_short(found.domain)}, not even a broken one"
    )


def _short(domain: str) -> str:
    """Return *domain* for a reply, whose lines have at most 512 octets (RFC 5321 section 4.5.3.1.5)."""
    return visible(domain, 80)


def _same_organization(row: dmarc.Identifier, found: dmarc.Evaluation) -> bool:
    return row.domain == found.domain or (
        bool(row.organizational_domain) and row.organizational_domain == found.organizational_domain
    )


def unmet(message: bytes, found: dmarc.Evaluation) -> str:
    """Return which rule for bulk mail *message* does not meet, in a sentence; "" for other mail and where all are met.

    What the DNS did not say is held against nobody.
    """
    head = header_of(message)
    if "List-Unsubscribe" not in head or "List-Post" in head:
        return ""
    dkim = {str(row.result) for row in found.dkim}
    if "temperror" in (found.result, found.spf.result) or ("temperror" in dkim and "pass" not in dkim):
        return ""
    if found.spf.result != "pass":
        return f"SPF must pass, and gives {found.spf.result} for {_short(found.spf.domain)}"
    if "pass" not in dkim:
        return "a DKIM signature must pass, and none does"
    if found.result == "none":
        return f"the author's domain must have a DMARC record, and {_short(found.domain)} has none"
    return "" if found.result == "pass" else "DMARC must pass: SPF or DKIM for the domain in the From line"


def handling(message: bytes, found: dmarc.Evaluation, host: Host) -> dmarc.Handling:
    """Return what *host* does with *message*, whose evaluation is *found*."""
    evidence = against(message, found) if host.may_reject else ""
    testing = found.discovery is not None and found.discovery.testing
    handled = dmarc.handle(found.result, found.policy, testing=testing, other_evidence=evidence)
    if host.bulk_rules and handled.disposition is not dmarc.Policy.REJECT and (rule := unmet(message, found)):
        return dmarc.Handling(dmarc.Policy.REJECT, "local_policy", f"rules for bulk mail: {rule}")
    return handled


def refusal(found: dmarc.Evaluation, handled: dmarc.Handling) -> str:
    """Return the SMTP reply that *handled* leads to, "" when the message is taken (its code: RFC 7372 section 3.3)."""
    if handled.disposition is not dmarc.Policy.REJECT:
        return ""
    if handled.override:
        name = _short(found.domain) or "nobody"
        return f"550 5.7.26 Bulk mail in the name of {name} is not taken here ({handled.reason})"
    return f"550 5.7.26 DMARC of {_short(found.domain)} failed (p={found.policy}): {handled.reason}"
