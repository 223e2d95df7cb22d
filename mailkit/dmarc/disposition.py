"""What a receiver may make of the result (RFC 9989 sections 5.3.6, 5.4 and 7.4)."""

from __future__ import annotations

from dataclasses import dataclass

from mailkit.dmarc.records import Policy
from mailkit.results import Record

__all__ = ["Handling", "handle"]


@dataclass(frozen=True)
class Handling(Record):
    """What to do with the message.

    ``disposition`` is none, quarantine or reject.  ``override`` is the reason type to give in an aggregate report when
    that is not what the policy asks for (RFC 9990), "" when it is.
    """

    disposition: Policy
    override: str
    reason: str


def handle(result: str, policy: Policy | None, *, testing: bool = False, other_evidence: str = "") -> Handling:
    """Return what a receiver should do with a message of this *result* under this *policy* (t already applied).

    Nobody may reject for the policy alone: without *other_evidence*, a sentence on what else speaks against the
    message, reject is carried out as quarantine.  *testing* is the record's t=y.
    """
    if result == "temperror":
        reason = "the DNS did not say, so no policy can be applied; the receiver may put the mail off (section 5.3.6)"
        return Handling(Policy.NONE, "", reason)
    if result == "permerror":
        reason = (
            "the author cannot be told, as in many forgeries: such mail is to be treated as a threat (section 11.5)"
        )
        return Handling(Policy.QUARANTINE, "", reason)
    if result != "fail" or policy is None:
        reason = "passed: the use of the domain is authorised, which says nothing of the content (section 5.4)"
        return Handling(Policy.NONE, "", reason if result == "pass" else "DMARC does not apply, and asks for nothing")
    override = "policy_test_mode" if testing else ""
    if policy is Policy.NONE:
        reason = "the domain's owner asks for no different handling (p=none, section 5.4)"
        return Handling(Policy.NONE, override, "one level lower because of t=y" if testing else reason)
    if policy is Policy.QUARANTINE:
        reason = "the domain's owner takes such mail for suspicious"
        return Handling(Policy.QUARANTINE, override, f"{reason}, one level lower because of t=y" if testing else reason)
    if other_evidence:
        return Handling(Policy.REJECT, "", f"the domain's owner asks for it, and {other_evidence}")
    reason = "p=reject alone must not reject: with nothing else against the message it is quarantined (section 7.4)"
    return Handling(Policy.QUARANTINE, "local_policy", reason)
