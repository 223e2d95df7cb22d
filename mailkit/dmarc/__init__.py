"""DMARC (RFC 9989): what ties SPF and DKIM to the domain in the From line.

``policy`` finds the record that applies to a domain, ``align`` holds results of SPF and DKIM against it, ``evaluate``
does all that a receiver does with a message, ``handle`` says what may follow, ``rules`` how a From field is read.
"""

from mailkit.dmarc.alignment import Aligned, Identifier, Missed, align
from mailkit.dmarc.disposition import Handling, handle
from mailkit.dmarc.evaluating import Evaluation, evaluate
from mailkit.dmarc.from_line import Author, Rule, rules
from mailkit.dmarc.policy import Discovery, policy
from mailkit.dmarc.public_suffix import OldWay
from mailkit.dmarc.records import DmarcRecord, Policy, ReportUri
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
    "align",
    "evaluate",
    "handle",
    "policy",
    "rules",
]


def __dir__() -> list[str]:
    return sorted(__all__)
