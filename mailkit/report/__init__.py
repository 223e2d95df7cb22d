"""The report on a domain: every lesson's checks, as findings with evidence, advice and the text to paste."""

from mailkit.report.auditing import CHECKS, audit, summary

__all__ = ["CHECKS", "audit", "summary"]


def __dir__() -> list[str]:
    return sorted(__all__)
