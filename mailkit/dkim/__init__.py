"""DKIM, DomainKeys Identified Mail (RFC 6376 with RFC 8301 and RFC 8463): make keys, sign, verify, look into it.

``generate`` makes a key pair and the record to publish, ``key`` judges a published one, ``selectors`` tries the
usual names, ``published_keys`` judges all that are found, ``sign`` signs a message, ``verify`` says what became of each
signature and why, ``anatomy`` shows what a signature covers, ``findings`` is the domain's part of a report.
"""

from mailkit.dkim.anatomy import Coverage, Part, anatomy
from mailkit.dkim.findings import findings
from mailkit.dkim.keypair import KeyPair, WebForm, generate
from mailkit.dkim.keys import Key, key
from mailkit.dkim.published import in_words, published_keys
from mailkit.dkim.selector_search import SelectorStatus, SelectorTrial, selectors
from mailkit.dkim.signer import DEFAULT_HEADERS, OVERSIGNED_HEADERS, sign
from mailkit.dkim.verification import Verification
from mailkit.dkim.verifier import MAX_SIGNATURES, verify

__all__ = [
    "DEFAULT_HEADERS",
    "MAX_SIGNATURES",
    "OVERSIGNED_HEADERS",
    "Coverage",
    "Key",
    "KeyPair",
    "Part",
    "SelectorStatus",
    "SelectorTrial",
    "Verification",
    "WebForm",
    "anatomy",
    "findings",
    "generate",
    "in_words",
    "key",
    "published_keys",
    "selectors",
    "sign",
    "verify",
]


def __dir__() -> list[str]:
    return sorted(__all__)
