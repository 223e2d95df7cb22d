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

from mailkit.dkim.edwards import has_small_order
from mailkit.dkim.signature import SignatureProblem, decode, parse_tags
from mailkit.results import visible

__all__ = ["KeyRecord", "KeyRecordProblem", "PublicKey", "is_right", "parse_record"]

PublicKey = RSAPublicKey | Ed25519PublicKey

_ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")  # what SubjectPublicKeyInfo puts before the 32 octets


class KeyRecordProblem(ValueError):
    """A record that is no usable key; the text is a sentence, ``private`` True when it gives a private key away.

    ``advice`` says what to do where that is known, ``reference`` is the section behind it.
    """

    def __init__(
        self, sentence: str, *, private: bool = False, advice: str = "", reference: str = "RFC 6376 §3.6.1"
    ) -> None:
        super().__init__(sentence)
        self.private = private
        self.advice = advice
        self.reference = reference


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
    public = _public_key(key_type, tags["p"], text) if tags["p"] else None
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
    if len(text) == 255:
        return " (it ends after 255 octets, the most that one string of a TXT record holds: the other strings are gone)"
    return ""


def _public_key(key_type: str, text: str, record: bytes) -> PublicKey:
    """Return the key in *text*, the value of p=.  Raises KeyRecordProblem, with a hint at what befell *record*."""
    try:
        octets = decode(text, "p")
    except SignatureProblem as problem:
        if (cut := _cut_off(text, record)) is not None:
            raise cut from None
        raise KeyRecordProblem(f"{problem}{_hint(record)}") from None
    if key_type == "ed25519":
        if len(octets) != 32:
            _refuse_private(octets)
            raise _no_ed25519_key(octets)
        if has_small_order(octets):
            sentence = "the Ed25519 key is one of the weak ones (a point of small order): anybody's signature fits it"
            raise KeyRecordProblem(sentence, reference="RFC 8032 §5.1")
        return Ed25519PublicKey.from_public_bytes(octets)
    try:
        public = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        _refuse_private(octets)
        raise _no_rsa_key(octets, record) from None
    if not isinstance(public, RSAPublicKey):
        raise KeyRecordProblem("the key type is wrong: the record says k=rsa, but p= holds another type of key")
    return public


def _no_ed25519_key(octets: bytes) -> KeyRecordProblem:
    sentence, advice = f"an Ed25519 key is 32 bare octets, but p= holds {len(octets)}", ""
    if octets.startswith(_ED25519_SPKI) and len(octets) == 44:
        sentence += ": the key, and before it 12 octets that say what it is"
        advice = "Publish the base64 of the last 32 octets alone."
    elif _is_rsa(octets):
        sentence = "the key type is wrong: the record says k=ed25519, but p= holds an RSA key"
        advice = "Write k=rsa."
    return KeyRecordProblem(sentence, advice=advice, reference="RFC 8463 §4")


def _is_rsa(octets: bytes) -> bool:
    try:
        return isinstance(load_der_public_key(octets), RSAPublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False


def _no_rsa_key(octets: bytes, record: bytes) -> KeyRecordProblem:
    if len(octets) == 32:
        sentence = "the key type is wrong: p= holds 32 octets, an Ed25519 key, but the record does not say k=ed25519"
        return KeyRecordProblem(sentence, advice="Write k=ed25519.", reference="RFC 8463 §4")
    whole = _announced(octets)
    if whole > len(octets):
        return KeyRecordProblem(
            f"the key is cut off: p= holds {len(octets)} of its {whole} octets{_hint(record)}",
            advice="Publish the whole record, in strings of at most 255 octets each. If the provider keeps only the"
            " first, ask how the others are entered, or move the zone.",
            reference="RFC 6376 §3.6.2.2",
        )
    return KeyRecordProblem(f"p= does not hold an RSA public key{_hint(record)}")


def _announced(octets: bytes) -> int:
    """Return how many octets the DER structure that begins *octets* says it has, 0 for what is none."""
    if len(octets) < 4 or octets[0] != 0x30:
        return 0
    if octets[1] < 0x80:
        return 2 + octets[1]
    size = octets[1] & 0x7F
    return 2 + size + int.from_bytes(octets[2 : 2 + size], "big") if size <= 2 else 0


def _cut_off(text: str, record: bytes) -> KeyRecordProblem | None:
    """Return what to say of a key that was cut off in the middle of a group of its base64, None for another fault."""
    letters = "".join(text.split())
    try:
        octets = decode(letters[: len(letters) // 4 * 4], "p")
    except SignatureProblem:
        return None
    return _no_rsa_key(octets, record) if _announced(octets) > len(octets) else None


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
