"""What a receiver found then, beside what is found now, and why the two may differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailkit import dkim, spf
from mailkit.dmarc import Identifier, Missed
from mailkit.message.authentication_results import Result
from mailkit.network.names import same_name
from mailkit.results import AuthResult, Record
from mailkit.results.display import Word

__all__ = ["Compared", "compared", "then_of"]


@dataclass(frozen=True)
class Compared(Record):
    """One identifier: what came of it now, what a receiver that can be believed wrote then, and how it stands to From.

    ``mechanism`` is spf, dkim, dmarc or arc.  ``aligned`` is None where nothing is compared or the DNS did not say;
    ``missed`` says by how little it does not count.  ``difference`` explains what changed since.
    """

    mechanism: str
    domain: str
    selector: str
    now: str
    then: str
    aligned: bool | None
    missed: str
    reason: str
    difference: str = ""

    def __post_init__(self) -> None:
        for name in ("now", "then"):
            object.__setattr__(self, name, Word(getattr(self, name)))  # shown with its mark and colour


def then_of(results: Sequence[Result], mechanism: str, domain: str = "", selector: str = "") -> str:
    """Return the first result of *mechanism* in *results* that is about *domain*, "" when there is none."""
    for result in results:
        if result.method != mechanism:
            continue
        if mechanism == "dkim":
            named = result.value("header.d") or result.value("header.i").rpartition("@")[2]
            other = result.value("header.s")
            if (named and not same_name(named, domain)) or (other and selector and other != selector):
                continue
            if not named and not domain:
                return result.result
            if not named:
                continue
        return result.result
    return ""


def compared(
    checked: spf.Check | None,
    signatures: Sequence[dkim.Verification],
    alignment: Sequence[Identifier],
    then: Sequence[Result],
) -> list[Compared]:
    """Return a row for SPF, when it was asked, and one for each signature."""
    rows: list[Compared] = []
    of_spf = [each for each in alignment if each.mechanism == "spf"]
    of_dkim = iter([each for each in alignment if each.mechanism == "dkim"])
    if checked is not None:
        rows.append(
            _row("spf", checked.domain, "", checked.result, checked.reason, of_spf[0] if of_spf else None, then)
        )
    for signature in signatures:
        found = next(of_dkim, None) if signature.domain else None
        rows.append(_row("dkim", signature.domain, signature.selector, signature.result, signature.reason, found, then))
    return rows


def _row(
    mechanism: str,
    domain: str,
    selector: str,
    now: AuthResult,
    reason: str,
    how: Identifier | None,
    then: Sequence[Result],
) -> Compared:
    before = then_of(then, mechanism, domain, selector)
    missed = "" if how is None or how.missed is Missed.NOTHING else str(how.missed)
    why = f"{reason}; {how.note}" if how is not None and how.note and now is AuthResult.PASS else reason
    row = Compared(mechanism, domain, selector, str(now), before, how.aligned if how else None, missed, why)
    return replace(row, difference=_difference(row)) if before and before != row.now else row


def _difference(row: Compared) -> str:
    """Return why a result of then may be another one now."""
    if row.now == "temperror":
        return f"then {row.then}; now the DNS does not answer, so today's result says nothing"
    if row.then == "temperror":
        return f"then the DNS did not answer the receiver; now it does: {row.now}"
    if row.mechanism == "spf":
        return f"then {row.then}, now {row.now}: the record was changed since, or the receiver saw another address"
    if row.then == "pass" and row.now == "permerror":
        return "the signature passed then; its key was taken away or replaced since, as happens when keys are changed"
    if row.then == "pass" and row.now == "policy":
        return "the signature passed then; it has expired since, which is no fault of the message"
    if row.then == "pass" and row.now == "fail":
        return (
            "the signature passed then; since then the message was changed, in the mailbox or by copying it, "
            "or another key was published under that selector"
        )
    if row.now == "pass":
        return f"then {row.then}; it passes now: what was wrong with the key or the DNS has been mended since"
    return f"then {row.then}, now {row.now}: the receiver judges by rules of its own, or the key was changed since"
