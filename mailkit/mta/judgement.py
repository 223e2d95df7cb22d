"""A finding of lesson 09, with what a stranger's file said made safe to show."""

from __future__ import annotations

from mailkit.results import Finding, Verdict, visible

__all__ = ["judged"]


def judged(
    check: str, subject: str, verdict: Verdict, evidence: str, advice: str = "", fix: str = "", reference: str = ""
) -> Finding:
    """Return the finding; *evidence* may hold anything that stood in a file."""
    return Finding(check, subject, verdict, visible(evidence, 600), advice, fix, reference, "09_mta")
