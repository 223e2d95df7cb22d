"""Lesson 07, transport policy: what makes a sender insist on TLS between mail servers.

MTA-STS (RFC 8461) says so over HTTPS, DANE (RFC 7672) in a signed DNS; TLS-RPT (RFC 8460) asks for reports on both.
"""

from mailkit.transport_policy.dane import Dane, Means, dane
from mailkit.transport_policy.mta_sts import MtaSts, mta_sts
from mailkit.transport_policy.tls_rpt import TlsRpt, tls_rpt
from mailkit.transport_policy.tlsa import Held, Tlsa, holds, value_for

__all__ = [
    "Dane",
    "Held",
    "Means",
    "MtaSts",
    "TlsRpt",
    "Tlsa",
    "dane",
    "holds",
    "mta_sts",
    "tls_rpt",
    "value_for",
]


def __dir__() -> list[str]:
    return sorted(__all__)
