"""The report on a domain: every lesson's checks, as findings with evidence, advice and the text to paste."""

from mailkit.report.auditing import audit, collect
from mailkit.report.bulk import Readiness, readiness
from mailkit.report.checks import CHECKS
from mailkit.report.comparing import FindingChange, changes
from mailkit.report.explanation import Explanation, from_message
from mailkit.report.files import write_csv, write_json
from mailkit.report.page import to_html
from mailkit.report.portfolio import PortfolioDomain, Role, portfolio
from mailkit.report.refusals import Refusal, explain_refusal
from mailkit.report.store import Run, runs, stored
from mailkit.report.subject import Subject
from mailkit.report.survey import Surveyed, survey
from mailkit.report.ticket import ticket
from mailkit.report.wording import summary, to_do
from mailkit.results.scoring import Score, scores

__all__ = [
    "CHECKS",
    "Explanation",
    "FindingChange",
    "PortfolioDomain",
    "Readiness",
    "Refusal",
    "Role",
    "Run",
    "Score",
    "Subject",
    "Surveyed",
    "audit",
    "changes",
    "collect",
    "explain_refusal",
    "from_message",
    "portfolio",
    "readiness",
    "runs",
    "scores",
    "stored",
    "summary",
    "survey",
    "ticket",
    "to_do",
    "to_html",
    "write_csv",
    "write_json",
]


def __dir__() -> list[str]:
    return sorted(__all__)
