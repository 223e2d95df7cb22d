"""A DKIM key record taken apart (RFC 6376 section 3.6.1, RFC 8463 section 4 for Ed25519)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from mailkit.dkim.signature import SignatureProblem, decode, parse_tags
from mailkit.results import visible

__all__ = ["KeyRecord", "KeyRecordProblem", "PublicKey", "is_right", "parse_record"]

PublicKey = RSAPublicKey | Ed25519PublicKey


class KeyRecordProblem(ValueError):
    """A record that is no usable key; the text is a sentence, ``private`` True when it gives a private key away."""

    def __init__(self, sentence: str, *, private: bool = False) -> None:
        super().__init__(sentence)
        self.private = private


@dataclass(frozen=True)
class KeyRecord:
    """What one key record says.  ``public`` is None for a revoked key; an empty ``hashes`` allows every one."""

    key_type: str
    public: PublicKey | None
    bits: int
    hashes: tuple[str, ...]
    services: tuple[str, ...]
    testing: bool
    strict: bool

    @property
    def for_mail(self) -> bool:
        """True when s= lets the key sign mail."""
        return "*" in self.services or "email" in self.services

    @property
    def allows_sha256(self) -> bool:
        """True when h= lets the key be used with SHA-256, the only hash left (RFC 8301)."""
        return not self.hashes or "sha256" in self.hashes


def parse_record(text: bytes) -> KeyRecord:
    """Return what the TXT record *text* says as a key.  Raises KeyRecordProblem with a sentence."""
    if b"PRIVATE KEY" in text:
        raise KeyRecordProblem("it is a private key, for all the world to read", private=True)
    try:
        tags = parse_tags(text)
    except SignatureProblem as problem:
        raise KeyRecordProblem(f"it cannot be read as a key: {problem}{_hint(text)}") from None
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        raise KeyRecordProblem(
            f"it is no DKIM key: v= must be DKIM1 and come first, not v={visible(tags['v'], 40)}{_hint(text)}"
        )
    if "p" not in tags:
        raise KeyRecordProblem(f"it holds no key: the tag p= is missing{_hint(text)}")
    key_type = tags.get("k", "rsa")
    if key_type not in ("rsa", "ed25519"):
        raise KeyRecordProblem(f"the key type k={visible(key_type, 40)} is unknown")
    public = _public_key(key_type, tags["p"]) if tags["p"] else None
    flags = _words(tags.get("t", ""))
    return KeyRecord(
        key_type=key_type,
        public=public,
        bits=public.key_size if isinstance(public, RSAPublicKey) else 256 if public else 0,
        hashes=_words(tags.get("h", "")),
        services=_words(tags.get("s", "*")),
        testing="y" in flags,
        strict="s" in flags,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(visible(word.strip(), 40) for word in text.split(":")[:20] if word.strip())


def _hint(text: bytes) -> str:
    """Return what usually went wrong on the way from the clipboard to the DNS."""
    shown = text.decode(errors="replace")
    if "BEGIN PUBLIC KEY" in shown:
        return " (a PEM file was pasted: only the base64 between its first and last line belongs into p=)"
    if any(mark in shown for mark in "“”„"):
        return " (typographic quotation marks were pasted)"
    if '"' in shown:
        return " (quotation marks were pasted into the value)"
    if "\\" in shown:
        return " (backslashes were pasted: a zone file needs them, a web form does not)"
    return ""


def _public_key(key_type: str, text: str) -> PublicKey:
    try:
        octets = decode(text, "p")
    except SignatureProblem as problem:
        raise KeyRecordProblem(f"{problem}{_hint(text.encode())}") from None
    if key_type == "ed25519":
        if len(octets) != 32:
            _refuse_private(octets)
            raise KeyRecordProblem(f"an Ed25519 key is 32 bare octets, but p= holds {len(octets)}")
        return Ed25519PublicKey.from_public_bytes(octets)
    try:
        public = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        _refuse_private(octets)
        raise KeyRecordProblem("p= does not hold an RSA public key; it may be cut off") from None
    if not isinstance(public, RSAPublicKey):
        raise KeyRecordProblem("the record says k=rsa, but p= holds another type of key")
    return public


def _refuse_private(octets: bytes) -> None:
    try:
        load_der_private_key(octets, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return
    raise KeyRecordProblem("p= holds a private key, for all the world to read", private=True)


def is_right(public: PublicKey, signature: bytes, data: bytes) -> bool:
    """Return whether *signature* over *data* was made with the private half of *public*.

    Ed25519 signs the SHA-256 of the data instead of the data (RFC 8463 section 3).
    """
    try:
        if isinstance(public, RSAPublicKey):
            public.verify(signature, data, PKCS1v15(), SHA256())
        else:
            public.verify(signature, hashlib.sha256(data).digest())
    except InvalidSignature:
        return False
    return True
