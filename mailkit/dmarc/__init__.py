"""DMARC (RFC 9989): what ties SPF and DKIM to the domain in the From line.

``policy`` finds the record that applies to a domain, ``align`` holds results of SPF and DKIM against it, ``evaluate``
does all that a receiver does with a message, ``handle`` says what may follow, ``rules`` how a From field is read.
``lint`` judges a domain's record and offers a better one, ``findings`` is the domain's part of a report.
``read_reports`` makes a table of aggregate reports, ``sources`` says who sends by it; ``write_report``,
``report_mail`` and ``destinations`` are for whoever sends them.
"""

from mailkit.dmarc.alignment import Aligned, Identifier, Missed, align
from mailkit.dmarc.discovery import Discovery, policy
from mailkit.dmarc.disposition import Handling, handle
from mailkit.dmarc.evaluating import Evaluation, conclude, evaluate
from mailkit.dmarc.external import destinations
from mailkit.dmarc.from_line import Author, Rule, rules
from mailkit.dmarc.linting import findings, lint
from mailkit.dmarc.public_suffix import OldWay
from mailkit.dmarc.records import DmarcRecord, Policy, ReportUri
from mailkit.dmarc.report_reading import read_reports
from mailkit.dmarc.report_sources import Source, sources
from mailkit.dmarc.report_writing import Seen, report_mail, report_name, write_report
from mailkit.dmarc.tree_walk import Query

__all__ = [
    "Aligned",
    "Author",
    "Discovery",
    "DmarcRecord",
    "Evaluation",
    "Handling",
    "Identifier",
    "Missed",
    "OldWay",
    "Policy",
    "Query",
    "ReportUri",
    "Rule",
    "Seen",
    "Source",
    "align",
    "conclude",
    "destinations",
    "evaluate",
    "findings",
    "handle",
    "lint",
    "policy",
    "read_reports",
    "report_mail",
    "report_name",
    "rules",
    "sources",
    "write_report",
]


def __dir__() -> list[str]:
    return sorted(__all__)
