"""Lesson 02, SMTP-AUTH and submission: who may hand in mail, how they prove it, and what a server says to others.

Submission is RFC 6409 (port 587) and RFC 8314 (port 465), AUTH is RFC 4954, its mechanisms are those of SASL
(RFC 4422).
"""

from mailkit.smtp_auth import scram
from mailkit.smtp_auth.client import Login, login
from mailkit.smtp_auth.conversation import AnsweredCommand, converse, meaning
from mailkit.smtp_auth.ehlo import Offer, SmtpCapabilities, capabilities
from mailkit.smtp_auth.findings import findings
from mailkit.smtp_auth.mechanisms import decode, encode, oauthbearer, xoauth2
from mailkit.smtp_auth.servers import SmtpServer, in_words, smtp_servers

__all__ = [
    "AnsweredCommand",
    "Login",
    "Offer",
    "SmtpCapabilities",
    "SmtpServer",
    "capabilities",
    "converse",
    "decode",
    "encode",
    "findings",
    "in_words",
    "login",
    "meaning",
    "oauthbearer",
    "scram",
    "smtp_servers",
    "xoauth2",
]


def __dir__() -> list[str]:
    return sorted(__all__)
