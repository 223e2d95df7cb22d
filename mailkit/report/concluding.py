"""What follows from the facts about a message: one finding for each cause, and a word for the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailkit import spf
from mailkit.dmarc import Missed
from mailkit.network.addresses import is_routed
from mailkit.report.advice import ADVICE
from mailkit.report.causes import Cause, cause_of_signature, cause_of_spf, of_author
from mailkit.report.gathering import Facts
from mailkit.report.now_and_then import then_of
from mailkit.report.route import organization
from mailkit.results import AuthResult, Finding, Verdict

__all__ = ["Conclusion", "concluded"]

_EARLIER = 5  # hops below the border whose address is tried with SPF
_UNKNOWN = (Cause.ADDRESS_UNKNOWN, Cause.SENDER_UNKNOWN, Cause.SPF_SILENT, Cause.KEY_SILENT, Cause.POLICY_UNKNOWN,
            Cause.TOO_LARGE)  # fmt: skip
_BY_A_COPY = (Cause.BODY_CHANGED, Cause.HEADER_CHANGED, Cause.LINES_ADDED)  # what copying a message can do to it


@dataclass(frozen=True)
class Conclusion:
    """``result`` is pass, fail, none, permerror or unknown; ``causes`` and ``findings`` say why."""

    result: str
    why: str
    causes: tuple[Cause, ...]
    findings: tuple[Finding, ...]


def concluded(facts: Facts) -> Conclusion:
    """Return what follows from *facts*."""
    reasons = list(_reasons(facts))
    result, why = _whole(facts, {cause for cause, _, _ in reasons})
    if result == "fail" and Cause.REWRITTEN not in {cause for cause, _, _ in reasons}:
        reasons += _nothing_aligned(facts)
    causes = tuple(dict.fromkeys(cause for cause, _, _ in reasons))
    weight = {"pass": Verdict.PASS, "fail": Verdict.FAIL, "permerror": Verdict.FAIL, "none": Verdict.WARN}
    whole = weight.get(result, Verdict.UNKNOWN)
    if result == "fail" and then_of(facts.then, "dmarc") == "pass":
        whole, why = Verdict.INFO, f"{why}; but then the receiver found pass, and that is what counted"
    findings = [Finding("DMARC", _named(facts), whole, why, reference="RFC 9989 section 5.3", lesson="06_dmarc")]
    findings += [_finding(cause, subject, sentence, whole) for cause, subject, sentence in reasons]
    findings += _about_unsubscribing(facts)
    findings += _about_fields(facts)
    findings += _about_a_bounce(facts)
    return Conclusion(result, why, causes, tuple(findings))


def _named(facts: Facts) -> str:
    return facts.judged.domain if facts.judged else "the message"


def _finding(cause: Cause, subject: str, sentence: str, whole: Verdict) -> Finding:
    """Return the finding on *cause*: as grave as what became of the message as a *whole*."""
    advice = ADVICE[cause]
    verdict = {Verdict.FAIL: Verdict.FAIL, Verdict.PASS: Verdict.INFO, Verdict.INFO: Verdict.INFO}.get(
        whole, Verdict.WARN
    )
    if cause in _UNKNOWN:
        verdict = Verdict.UNKNOWN
    elif cause is Cause.TEST_KEY:
        verdict = Verdict.WARN  # some receivers count it, the RFC does not
    return Finding(str(cause), subject, verdict, sentence, advice.text, "", advice.reference, advice.lesson)


def _reasons(facts: Facts) -> Iterator[tuple[Cause, str, str]]:
    """Yield (cause, subject, sentence), what weighs most first."""
    if facts.unreadable:
        yield (Cause.BROKEN_HEADER if not facts.fields else Cause.TOO_LARGE), "the message", facts.unreadable
    if facts.fields and (cause := of_author(facts.author.rule)):
        yield cause, "From", facts.author.note or facts.author.rule
    if facts.judged is not None and facts.judged.discovery.status != "found":
        missing = Cause.NO_POLICY if facts.judged.discovery.status == "none" else Cause.POLICY_UNKNOWN
        yield missing, facts.judged.domain, facts.judged.discovery.reason
    yield from _about_spf(facts)
    yield from _about_signatures(facts)
    on_a_list = [field for field in facts.fields if field.key in (b"list-id", b"list-post")]
    passed = facts.judged is not None and facts.judged.result == "pass"
    if on_a_list and not passed and any(row.result is AuthResult.FAIL for row in facts.signatures):
        sentence = "it came over a mailing list (it has a List-Id), which changed what its author had signed"
        yield Cause.LIST, "the message", sentence


def _nothing_aligned(facts: Facts) -> Iterator[tuple[Cause, str, str]]:
    """Yield that nothing is the author's, when there is nothing that only just misses."""
    judged = facts.judged
    if judged is None or any(row.aligned or row.missed is Missed.STRICT for row in judged.alignment):
        return
    sentence = (
        "nothing in it speaks for the author: a service that sends for the domain and was not set up, or a forgery;"
        " from the message alone the two look the same"
    )
    yield Cause.NOT_ALIGNED, judged.domain, sentence


def _about_spf(facts: Facts) -> Iterator[tuple[Cause, str, str]]:
    checked = facts.checked
    if checked is None:
        if not facts.way.address:
            yield Cause.ADDRESS_UNKNOWN, "SPF", facts.way.found
        elif facts.sender is None:
            yield Cause.SENDER_UNKNOWN, "SPF", facts.path_found
        return
    how = next((row for row in facts.judged.alignment if row.mechanism == "spf"), None) if facts.judged else None
    cause = cause_of_spf(checked.result, how.missed if how else Missed.NOTHING, checked.identity)
    if cause is None:
        return
    if cause in (Cause.SPF_FAIL, Cause.SPF_SOFTFAIL, Cause.SPF_NEUTRAL) and (first := _earlier(facts)):
        sentence = f"it left {first}, which SPF allows, and was sent on by {checked.ip}, which it does not: forwarded"
        yield Cause.FORWARDED, checked.domain, f"{sentence}, unless that Received field is a lie; anybody can write it"
        return
    if cause is Cause.SPF_OTHER and checked.sender.upper().startswith(("SRS0", "SRS1")):
        sentence = f"{checked.domain} forwarded it and put its own return path in (SRS), so that SPF speaks for it"
        yield Cause.REWRITTEN, checked.domain, sentence
        return
    yield cause, checked.domain, how.note if how and checked.result is AuthResult.PASS else checked.reason


def _earlier(facts: Facts) -> str:
    """Return the address of an earlier hop from which SPF would have passed, "" when there is none.

    A line counts here whose server belongs to the host that handed the message over, and not to the receiver.
    """
    below = list(reversed(facts.way.hops))[facts.way.own :][:_EARLIER]
    forwarder = organization(facts.way.helo)
    for hop in below:
        if organization(hop.by) != forwarder or forwarder in ("", facts.way.receiver):
            continue
        if not facts.sender or not hop.client or not is_routed(hop.client):
            continue
        if spf.check(hop.client, facts.sender, hop.helo, net=facts.net).result is AuthResult.PASS:
            return hop.client
    return ""


def _about_signatures(facts: Facts) -> Iterator[tuple[Cause, str, str]]:
    how = iter([row for row in facts.judged.alignment if row.mechanism == "dkim"] if facts.judged else [])
    for row in facts.signatures:
        found = next(how, None) if row.domain else None
        if (cause := cause_of_signature(row, found.missed if found else None)) is None:
            continue
        subject = f"{row.selector}._domainkey.{row.domain}" if row.selector else row.domain or "DKIM"
        sentence = row.reason
        if row.result is AuthResult.PASS:
            missed = found is not None and found.missed is not Missed.NOTHING
            sentence = found.note if found and missed else "; ".join(row.warnings)
        if cause in _BY_A_COPY and facts.given.copied:
            sentence += "; or copying the text changed it: take the file to be sure"
        then = next(
            (r.difference for r in facts.identifiers if (r.domain, r.selector) == (row.domain, row.selector)), ""
        )
        yield cause, subject, f"{sentence}; {then}" if then else sentence


def _whole(facts: Facts, causes: set[Cause]) -> tuple[str, str]:
    """Return the result and why; a fail that another look might not find is unknown."""
    judged = facts.judged
    if judged is None:
        if Cause.TOO_LARGE in causes or (facts.unreadable and not facts.fields):
            return "unknown", facts.unreadable
        return "permerror", f"there is no author that DMARC could ask for: {facts.author.note or facts.author.rule}"
    if judged.result == "temperror":
        return "unknown", judged.reason
    if judged.result != "fail":
        return judged.result, judged.reason
    if facts.unreadable:
        return "unknown", facts.unreadable
    if facts.checked is None:
        return "unknown", f"DKIM does not count ({judged.reason}), and SPF cannot be asked: {_why_not_asked(facts)}"
    changed = [row for row in facts.signatures if row.result is AuthResult.FAIL]
    if facts.given.copied and any(row.aligned for row in judged.alignment if row.mechanism == "dkim") and changed:
        return "unknown", f"{judged.reason}; but it was copied as text, which may itself have broken the signature"
    return "fail", judged.reason


def _why_not_asked(facts: Facts) -> str:
    return facts.path_found if facts.way.address else facts.way.found


def _about_unsubscribing(facts: Facts) -> list[Finding]:
    found, reference = facts.unsubscribe, "RFC 8058 sections 3.1 and 4"
    advice = "Give both fields and let the signature cover them (h=)." if found.problems else ""
    if not found.offered:
        if not found.problems:
            return []
        verdict, evidence = Verdict.WARN, "; ".join(found.problems)
    elif found.one_click is None:
        verdict, evidence = Verdict.UNKNOWN, "all is there, but the signature over it could not be checked"
    elif found.one_click:
        verdict, evidence = Verdict.PASS, f"{found.uri}, inside a signature that passes"
    else:
        verdict, evidence = Verdict.WARN, "; ".join(found.problems)
    return [Finding("one-click unsubscribe", "List-Unsubscribe", verdict, evidence, advice, "", reference, "06_dmarc")]


def _about_fields(facts: Facts) -> list[Finding]:
    """Return one finding on the fields of results that must not be believed, when there are any."""
    doubtful = [row for row in facts.written if row.trust != "believed" and not row.field.startswith("ARC")]
    if not doubtful:
        return []
    evidence = f"{len(doubtful)} of {len(facts.written)} fields of results cannot be relied on; {doubtful[0].why}"
    reference = "RFC 8601 sections 5 and 7.1"
    return [Finding("fields of results", doubtful[0].field, Verdict.INFO, evidence, "", "", reference, "06_dmarc")]


def _about_a_bounce(facts: Facts) -> list[Finding]:
    kinds = [field.value.lower() for field in facts.fields if field.key == b"content-type"]
    if not any(b"multipart/report" in kind and b"delivery-status" in kind for kind in kinds):
        return []
    evidence = "it is a bounce: what is explained here is the bounce itself, not the message that was refused"
    advice = "report.explain_refusal(text) says what the refusal in it means."
    return [Finding("bounce", "the message", Verdict.INFO, evidence, advice, "", "RFC 3464 section 2", "06_dmarc")]
