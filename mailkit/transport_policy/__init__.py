"""Lesson 07, transport policy: what makes a sender insist on TLS between mail servers.

MTA-STS (RFC 8461) says so over HTTPS, DANE (RFC 7672) in a signed DNS; TLS-RPT (RFC 8460) asks for reports on both.
"""

from mailkit.transport_policy.dane import Dane, Means, dane
from mailkit.transport_policy.findings import findings
from mailkit.transport_policy.mta_sts import MtaSts, mta_sts
from mailkit.transport_policy.planning import TransportPlan, plan
from mailkit.transport_policy.policy_cache import CachedPolicy, KnownPolicy, PolicyCache
from mailkit.transport_policy.report_reading import read_reports
from mailkit.transport_policy.report_writing import Session, report_mail, write_report
from mailkit.transport_policy.sending import HONOURS, Basis, Decision, Level, decide, result_type, waives_tls
from mailkit.transport_policy.tls_rpt import TlsRpt, mail_addresses, tls_rpt
from mailkit.transport_policy.tlsa import Held, Tlsa, holds, value_for
from mailkit.transport_policy.trust_chain import Link, trust_chain

__all__ = [
    "HONOURS",
    "Basis",
    "CachedPolicy",
    "Dane",
    "Decision",
    "Held",
    "KnownPolicy",
    "Level",
    "Link",
    "Means",
    "MtaSts",
    "PolicyCache",
    "Session",
    "TlsRpt",
    "Tlsa",
    "TransportPlan",
    "dane",
    "decide",
    "findings",
    "holds",
    "mail_addresses",
    "mta_sts",
    "plan",
    "read_reports",
    "report_mail",
    "result_type",
    "tls_rpt",
    "trust_chain",
    "value_for",
    "waives_tls",
    "write_report",
]


def __dir__() -> list[str]:
    return sorted(__all__)
