"""Why TLS did not come about: alerts by name (RFC 8446 section 6), OpenSSL's errors and verdicts, in our words."""

from __future__ import annotations

import ssl

from mailkit.results import visible

__all__ = ["ABOUT_TIME", "ALERTS", "alert_sentence", "breakdown", "distrust"]

# Those that end a handshake or a conversation.
ALERTS = {
    0: "close notify",
    10: "unexpected message",
    20: "bad record mac",
    22: "record overflow",
    40: "handshake failure",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown ca",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    90: "user canceled",
    100: "no renegotiation",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    113: "bad certificate status response",
    115: "unknown psk identity",
    116: "certificate required",
    120: "no application protocol",
}
_NUMBERS = {name: number for number, name in ALERTS.items()}

_MEANINGS = {
    40: "it and we have no cipher suite or key exchange in common, or it wants a certificate of the client",
    70: "it speaks none of the versions of TLS that were offered",
    71: "it wants stronger cipher suites than were offered",
    80: "something is broken at its side",
    112: "it has no certificate for this name",
    116: "it wants a certificate of the client",
}

# What a clock decides: the practice internet's may differ from the one that OpenSSL goes by.
ABOUT_TIME = (
    "is not valid yet, or one of an authority above it is not",
    "has expired, or one of an authority above it has",
)

# OpenSSL's verdicts by number (X509_V_ERR_… in its manual page X509_STORE_CTX_get_error), in the same words everywhere.
_DISTRUST = {
    9: ABOUT_TIME[0],
    10: ABOUT_TIME[1],
    18: "is self-signed",
    19: "leads to an authority that is not trusted here",
    20: "leads to an authority that is not trusted here, or an intermediate certificate was not sent",
    21: "leads to an authority that is not trusted here, or an intermediate certificate was not sent",
    24: "was signed by one who is no authority",
    26: "is not meant for servers",
    62: "does not bear this name",
    64: "is for another address",
    66: "has too weak a key",
    67: "leads to an authority with too weak a key",
    68: "bears too weak a signature",
}

# Why OpenSSL itself breaks a handshake off, by the names of its reasons (ERR_get_error(3)).
_OWN_REASONS = {
    "UNSUPPORTED_PROTOCOL": "the server chose a version of TLS or SSL that is too old for this machine (RFC 8996)",
    "VERSION_TOO_LOW": "the server chose a version of TLS or SSL that is too old for this machine (RFC 8996)",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": (
        "the server has no secure renegotiation (RFC 5746), so clients of today break off"
    ),
    "DH_KEY_TOO_SMALL": "the server's Diffie-Hellman group is too small for this machine",
    "EE_KEY_TOO_SMALL": "the server's key is too small for this machine",
    "NO_CIPHERS_AVAILABLE": "this machine has no cipher suite to offer",
    "WRONG_SIGNATURE_TYPE": "the server signs in a way that this machine takes for too weak",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED": "the server signs in a way that this machine takes for too weak",
    "UNSUPPORTED_ELLIPTIC_CURVE": "the server's elliptic curve is not known to this machine",
    "EXCESSIVE_MESSAGE_SIZE": "the server's certificates are too large for this machine",
}


def distrust(error: ssl.SSLCertVerificationError) -> str:
    """Return why OpenSSL does not accept a certificate, as the rest of a sentence that begins "its certificate".

    OpenSSL does not tell Python which certificate of the chain it stumbled over, so what may be about an authority's
    says so; ``tls.scan`` reads the whole chain and tells them apart.
    """
    return _DISTRUST.get(error.verify_code, f"is not trusted: {visible(error.verify_message, 80)}")


def alert_sentence(number: int) -> str:
    """Return what a fatal alert of this *number* says, by its name."""
    name = ALERTS.get(number, "unknown to RFC 8446")
    meaning = f": {_MEANINGS[number]}" if number in _MEANINGS else ""
    return f"the server refuses the handshake (alert {number}, {name}){meaning}"


def breakdown(error: ssl.SSLError) -> str:
    """Return the sentence for an *error* that OpenSSL gives a name to, "" for one that says no more than "it failed".

    OpenSSL names an alert that it received SSLV3_ALERT_…, TLSV1_ALERT_…, TLSV1_… or TLSV13_ALERT_….
    """
    reason = error.reason or ""
    if reason in _OWN_REASONS:
        return _OWN_REASONS[reason]
    prefix, _, rest = reason.partition("_")
    name = rest.removeprefix("ALERT_").replace("_", " ").lower()
    if prefix in ("SSLV3", "TLSV1", "TLSV13") and name in _NUMBERS:
        return alert_sentence(_NUMBERS[name])
    return ""
