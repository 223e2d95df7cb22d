"""Lesson 01, OP25B: which ports leave from where, and what a connection that fails tells about the way.

OP25B (outbound port 25 blocking) is an agreement of Japan's providers (JEAG recommendation of February 2006):
connections from dynamic customer addresses to port 25 of other networks do not get through.  RFC 5068 (BCP 134)
says what must stay open instead: the submission port, 587.
"""

from mailkit.op25b.diagnosis import diagnose, diagnose_all, public_address
from mailkit.op25b.findings import NULL_MX, findings
from mailkit.op25b.mail_hosts import mail_exchangers, submission_hosts
from mailkit.op25b.reverse_dns import Reverse, reverse
from mailkit.op25b.scanning import PORTS, Reach, in_words, scan, scan_from_vantages

__all__ = [
    "NULL_MX",
    "PORTS",
    "Reach",
    "Reverse",
    "diagnose",
    "diagnose_all",
    "findings",
    "in_words",
    "mail_exchangers",
    "public_address",
    "reverse",
    "scan",
    "scan_from_vantages",
    "submission_hosts",
]


def __dir__() -> list[str]:
    return sorted(__all__)
