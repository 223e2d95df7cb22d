"""Signing a message (RFC 6376 section 5), with OpenSSL's arithmetic and dkimpy's canonical forms."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailkit.dkim.canonical import canonical_body
from mailkit.dkim.keypair import KeyPair
from mailkit.dkim.names import ascii_name, record_name
from mailkit.dkim.records import is_right
from mailkit.dkim.signature import signed_data
from mailkit.message.fields import Field, Message, parse, select

__all__ = ["DEFAULT_HEADERS", "OVERSIGNED_HEADERS", "sign"]

# RFC 6376 section 5.4.1, and the two fields that RFC 8058 section 4 wants signed for one-click unsubscribing.
DEFAULT_HEADERS = (
    *("From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "References"),
    *("List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post"),
    *("List-Owner", "List-Archive", "Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc"),
    "Resent-Message-ID",
)

# What a reader is shown, and where an answer goes.  Many programs show the topmost of two fields, a signature covers
# the lowest: so each of these is named once more than it occurs (sections 5.4.2 and 8.15).
OVERSIGNED_HEADERS = ("From", "To", "Cc", "Subject", "Reply-To", "Date")

_SIGNED = {name.lower().encode(): name for name in DEFAULT_HEADERS}
_CANONICALIZATIONS = tuple(f"{header}/{body}" for header in ("relaxed", "simple") for body in ("relaxed", "simple"))
_PIECES = re.compile(r"[^: ]+[: ]?")  # a line may end after each: a tag, or a name of h=
_TRIAL = b"what a key signs first, to see whether it verifies"
_LINE = 72  # octets before a line of the signature field is folded


def sign(
    message: bytes,
    *,
    domain: str,
    selector: str,
    key: str | bytes | KeyPair,
    headers: Sequence[str] | None = None,
    canonicalization: str = "relaxed/relaxed",
    body_length: int | None = None,
    now: datetime | None = None,
    expires_after: timedelta | None = None,
) -> bytes:
    """Return *message* with a DKIM-Signature of *domain* on top.

    *key* is a private key as PEM text, or a KeyPair; its type decides the algorithm.  *headers* are the names to
    sign: one named more often than it occurs is oversigned, so that no further one can be added (RFC 6376 section
    8.15).  By default every field of DEFAULT_HEADERS that the message has is signed, and those of OVERSIGNED_HEADERS
    are oversigned, whether it has them or not.  *canonicalization* is header/body.  *body_length* (l=) signs only that
    many octets of the body, which is dangerous (section 8.2).  *now*, by default this machine's clock, is the time
    written into the signature (t=), *expires_after* how long it holds (x=); verifiers may ignore that, and it is no
    defence against replay (section 3.5).

    Raises ValueError or TypeError with a sentence that says what to pass.
    """
    record_name(selector, domain)
    if canonicalization not in _CANONICALIZATIONS:
        raise ValueError(f"canonicalization is one of {', '.join(_CANONICALIZATIONS)}, not {canonicalization!r}")
    parsed = parse(message)
    if message.startswith(b"From "):
        raise ValueError("the message begins with the separator line of an mbox file: take that line off")
    private = _private_key(key)
    names = _names(parsed, headers)
    header_algorithm, body_algorithm = canonicalization.split("/")
    body = _body(parsed, body_algorithm, body_length)
    tags = {
        "v": "1",
        "a": "rsa-sha256" if isinstance(private, RSAPrivateKey) else "ed25519-sha256",
        "c": canonicalization,
        "d": ascii_name(domain, "domain"),
        "s": ascii_name(selector, "selector"),
        **_times(now, expires_after),
        **({} if body_length is None else {"l": str(body_length)}),
        "h": ":".join(names),
        "bh": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    unsigned = Field(b"DKIM-Signature", _fold(tags))
    chosen = [parsed.fields[position] for position in select(parsed.fields, [n.lower().encode() for n in names])]
    value = _signature(private, signed_data(chosen, unsigned, header_algorithm))
    field = unsigned.name + b":" + unsigned.value + _fold_value(base64.b64encode(value)) + b"\r\n"
    if b"\r\n" not in message:  # kept in a file with bare line feeds: the new field ends its lines alike
        field = field.replace(b"\r\n", b"\n")
    return field + bytes(message)


PrivateKey = RSAPrivateKey | Ed25519PrivateKey


def _private_key(key: str | bytes | KeyPair) -> PrivateKey:
    pem = key.private_key if isinstance(key, KeyPair) else key
    if not isinstance(pem, (str, bytes)):
        raise TypeError("key is a private key as PEM text, or what dkim.generate() returned")
    return _load(pem.encode() if isinstance(pem, str) else pem)


@lru_cache(maxsize=16)  # a loaded key signs twice as fast from its second signature on
def _load(pem: bytes) -> PrivateKey:
    try:
        # OpenSSL's own check of an RSA key takes 50 ms, a hundred times as long as signing.  A damaged key shows
        # all the same: what it signs does not verify, and that is tried below.
        private = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise ValueError("the private key is encrypted: decrypt it first") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("key is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)") from None
    if isinstance(private, RSAPrivateKey):
        if private.key_size < 1024:
            raise ValueError(f"an RSA key of {private.key_size} bits is never accepted (RFC 8301 section 3.2)")
    elif not isinstance(private, Ed25519PrivateKey):
        raise ValueError("DKIM signs with RSA or Ed25519 keys; this is another type")
    if not is_right(private.public_key(), _signature(private, _TRIAL), _TRIAL):
        raise ValueError("the private key is damaged: what it signs does not verify")
    return private


def _names(message: Message, headers: Sequence[str] | None) -> list[str]:
    if not any(field.key == b"from" for field in message.fields):
        raise ValueError("the message has no From field, and every signature must cover it (RFC 6376 section 5.4)")
    if headers is None:
        return [*(_SIGNED[field.key] for field in message.fields if field.key in _SIGNED), *OVERSIGNED_HEADERS]
    if isinstance(headers, (str, bytes)):
        raise TypeError("headers is a list of names: headers=['From', 'To', 'Subject']")
    names = list(headers)
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[\x21-\x39\x3c-\x7e]+", name):
            raise ValueError(f"{name!r} is not the name of a header field; pass names such as 'Subject'")
    lower = [name.lower() for name in names]
    if "from" not in lower:
        raise ValueError("headers must contain 'From': every signature covers it (RFC 6376 section 5.4)")
    earlier = sum(field.key == b"dkim-signature" for field in message.fields)
    if lower.count("dkim-signature") > earlier:
        raise ValueError(
            f"headers names DKIM-Signature more often than the {earlier} that the message has: the new signature"
            " would have to cover itself (RFC 6376 section 3.5, h=)"
        )
    return names


def _body(message: Message, algorithm: str, length: int | None) -> bytes:
    body = canonical_body(message.body, algorithm)
    if length is None:
        return body
    if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= len(body):
        raise ValueError(f"body_length is a number of octets from 0 to {len(body)}, the length of this body")
    return body[:length]


def _times(now: datetime | None, expires_after: timedelta | None) -> dict[str, str]:
    made = now or datetime.now(UTC)
    if made.tzinfo is None:
        raise ValueError("now must know its time zone, as net.now() does")
    times = {"t": str(int(made.timestamp()))}
    if expires_after is not None:
        if not expires_after >= timedelta(seconds=1):
            raise ValueError("expires_after is at least one second, such as timedelta(days=7)")
        times["x"] = str(int((made + expires_after).timestamp()))
    return times


def _fold(tags: dict[str, str]) -> bytes:
    """Return the value of the field up to and with an empty b=, folded where that changes nothing (section 3.5)."""
    text = "".join([f"{tag}={value}; " for tag, value in tags.items()])
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if line and len(line) + len(piece) > _LINE:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return b" " + "\r\n ".join([*lines, line.rstrip(), "b="]).encode()


def _fold_value(text: bytes) -> bytes:
    return b"\r\n ".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))


def _signature(private: PrivateKey, data: bytes) -> bytes:
    if isinstance(private, RSAPrivateKey):
        return private.sign(data, PKCS1v15(), SHA256())
    return private.sign(hashlib.sha256(data).digest())
