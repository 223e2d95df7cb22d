"""Lesson 02, SMTP-AUTH and submission: who may hand in mail, how they prove it, and what a server says to others.

Submission is RFC 6409 (port 587) and RFC 8314 (port 465), AUTH is RFC 4954, its mechanisms are those of SASL
(RFC 4422).
"""

from mailkit.smtp_auth import scram
from mailkit.smtp_auth.client import Login, login
from mailkit.smtp_auth.conversation import Reply, converse, meaning
from mailkit.smtp_auth.ehlo import Capabilities, Offer, capabilities
from mailkit.smtp_auth.findings import findings
from mailkit.smtp_auth.mechanisms import decode, encode, oauthbearer, xoauth2
from mailkit.smtp_auth.survey import Door, doors, in_words

__all__ = [
    "Capabilities",
    "Door",
    "Login",
    "Offer",
    "Reply",
    "capabilities",
    "converse",
    "decode",
    "doors",
    "encode",
    "findings",
    "in_words",
    "login",
    "meaning",
    "oauthbearer",
    "scram",
    "xoauth2",
]


def __dir__() -> list[str]:
    return sorted(__all__)
