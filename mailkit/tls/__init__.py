"""Lesson 03, TLS: how the way to a mail server is encrypted, and whom the encryption convinces.

Implicit TLS begins with the first octet (RFC 8314), STARTTLS (RFC 3207, RFC 2595) turns it on in the middle.  What is
good enough today is in BCP 195 (RFC 8996, RFC 9325, RFC 9852), which names a certificate may bear in RFC 9525.
"""

from mailkit.tls.certificates import Certificate, covers, read_certificate, weaknesses
from mailkit.tls.domain_scan import in_words, mail_servers, scan_domain
from mailkit.tls.findings import findings, judge
from mailkit.tls.injection import Injection, inject
from mailkit.tls.scanning import Scan, scan

__all__ = [
    "Certificate",
    "Injection",
    "Scan",
    "covers",
    "findings",
    "in_words",
    "inject",
    "judge",
    "mail_servers",
    "read_certificate",
    "scan",
    "scan_domain",
    "weaknesses",
]


def __dir__() -> list[str]:
    return sorted(__all__)
