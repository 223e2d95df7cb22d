"""DMARC (RFC 9989): what ties SPF and DKIM to the domain in the From line.

``policy`` finds the record that applies to a domain, ``align`` holds results of SPF and DKIM against it.
"""

from mailkit.dmarc.alignment import Aligned, Identifier, Missed, align
from mailkit.dmarc.policy import Discovery, policy
from mailkit.dmarc.public_suffix import OldWay
from mailkit.dmarc.records import DmarcRecord, Policy, ReportUri
from mailkit.dmarc.tree_walk import Query

__all__ = [
    "Aligned",
    "Discovery",
    "DmarcRecord",
    "Identifier",
    "Missed",
    "OldWay",
    "Policy",
    "Query",
    "ReportUri",
    "align",
    "policy",
]
