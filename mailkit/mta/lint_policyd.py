"""What policyd-spf's settings mean (policyd-spf.conf(5)): TestOnly reads the other way round."""

from __future__ import annotations

from collections.abc import Mapping

from mailkit.mta.judgement import judged
from mailkit.mta.postfix_files import BLANKS, physical_lines
from mailkit.results import Finding, Verdict

__all__ = ["judge_policyd", "policyd_settings"]

_OWN = ("TestOnly", "HELO_reject", "Mail_From_reject")
_REFUSING = {"fail", "softfail", "spf_not_pass", "null"}


def policyd_settings(text: str) -> dict[str, str]:
    """Return the settings of policyd-spf.conf, {} for another file."""
    found = {}
    for line in physical_lines(text):
        name, equals, value = line.partition("#")[0].partition("=")
        if equals:
            found[name.strip(BLANKS)] = value.strip(BLANKS)
    return found if any(name in found for name in _OWN) else {}


def judge_policyd(settings: Mapping[str, str], subject: str) -> list[Finding]:
    """Return the findings on what policyd-spf does with a result."""
    test = settings.get("TestOnly", "1")
    shown = f"TestOnly = {test}"
    check, reference = "policyd-spf in earnest", "policyd-spf.conf(5)"
    if test == "0":
        evidence = f"{shown}: it only tests, and refuses nothing"
        return [judged(check, subject, Verdict.INFO, evidence, "1 is the setting that counts.", reference=reference)]
    if test != "1":
        return [judged(check, subject, Verdict.UNKNOWN, shown, "It is 0 or 1.", reference=reference)]
    check, reference = "refusing on SPF alone", "RFC 9989 section 7.1"
    refusing = [
        f"{name} = {settings.get(name, 'Fail')}"
        for name in ("HELO_reject", "Mail_From_reject")
        if settings.get(name, "Fail").lower() in _REFUSING
    ]
    if not refusing:
        evidence = f"{shown}: results are recorded, none refused"
        return [judged(check, subject, Verdict.PASS, evidence, reference=reference)]
    return [
        judged(
            check,
            subject,
            Verdict.WARN,
            f"{shown} is in earnest; {', '.join(refusing)}",
            "A forwarded message fails SPF before DKIM and DMARC can speak for it: think about it, or only record "
            "the result.",
            "HELO_reject = False\nMail_From_reject = False",
            reference,
        )
    ]
