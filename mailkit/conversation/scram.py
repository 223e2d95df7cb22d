"""SCRAM-SHA-256, both sides: a login in which no password travels and both ends prove that they know it.

RFC 5802 describes the exchange, RFC 7677 puts SHA-256 into it.  Everything here is a pure function of its
arguments: the nonces come from the caller, so an exchange can be repeated and looked at.  Channel binding (the
mechanisms ending in -PLUS) is left out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field

__all__ = [
    "LEAST_ITERATIONS",
    "ScramError",
    "Verifier",
    "client_final",
    "client_first",
    "fields",
    "header_and_bare",
]

# RFC 7677 section 4 asks for at least 4096; a server that asks for a billion wants to keep the client busy.
LEAST_ITERATIONS, MOST_ITERATIONS = 4096, 600_000

# In front of the client's first message: "n" for no channel binding ("y": none, since the server offers none), and
# between the commas an identity to act as, which is left out here.
_NO_BINDING = "n,,"
_FIRST = re.compile(r"([ny],,)(n=[^,]*,r=[^,]+.*)", re.DOTALL)


class ScramError(ValueError):
    """What the other side sent is no SCRAM message, or does not fit the exchange."""


def _hmac(key: bytes, text: bytes | str) -> bytes:
    return hmac.digest(key, text.encode() if isinstance(text, str) else text, "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ScramError("a field of the message is not base64") from None


def fields(message: str) -> dict[str, str]:
    """Return the fields of *message*, which looks like ``r=…,s=…,i=…``; raises ScramError for anything else."""
    found: dict[str, str] = {}
    for part in message.split(","):
        name, equals, value = part.partition("=")
        if len(name) != 1 or not equals or name in found:
            raise ScramError("this is no SCRAM message")
        found[name] = value
    if "m" in found:
        raise ScramError("the message demands an extension that nobody here knows")  # RFC 5802 section 5.1
    return found


def header_and_bare(client_first_message: str) -> tuple[str, str]:
    """Return the header of a client's first message and the rest of it; raises ScramError when it is none."""
    match = _FIRST.fullmatch(client_first_message)
    if match is None:
        raise ScramError("this is no first message of a SCRAM client without channel binding")
    return match[1], match[2]


@dataclass(frozen=True)
class Verifier:
    """All that a server has to keep of a password (RFC 5802 section 3): a thief of it cannot log in with it."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = LEAST_ITERATIONS) -> Verifier:
        """Return what to keep of *password*."""
        salted = _salted(password, salt, iterations)
        client_key = _hmac(salted, "Client Key")
        return cls(salt, iterations, hashlib.sha256(client_key).digest(), _hmac(salted, "Server Key"))

    def first(self, client_first_message: str, nonce: str) -> str:
        """Return the server's first message: both nonces, the salt and the number of iterations."""
        _, bare = header_and_bare(client_first_message)
        return f"r={fields(bare)['r']}{nonce},s={_encode(self.salt)},i={self.iterations}"

    def final(self, client_first_message: str, server_first: str, client_final_message: str) -> str | None:
        """Return the server's final message, its own proof; None when the client's proof is wrong."""
        without_proof, _, proof = client_final_message.rpartition(",p=")
        header, bare = header_and_bare(client_first_message)
        said = fields(without_proof)
        if said.get("c") != _encode(header.encode()) or said.get("r") != fields(server_first)["r"]:
            return None
        text = ",".join((bare, server_first, without_proof))
        signature, given = _hmac(self.stored_key, text), _decode(proof)
        if len(given) != len(signature):
            return None
        # The proof is the client key under this exchange's signature; only its hash is stored to compare with.
        if not hmac.compare_digest(hashlib.sha256(_xor(given, signature)).digest(), self.stored_key):
            return None
        return f"v={_encode(_hmac(self.server_key, text))}"


def _salted(password: str, salt: bytes, iterations: int) -> bytes:
    # SASLprep (RFC 4013) prepares passwords; for what people type, its normal form KC is what matters.
    prepared = unicodedata.normalize("NFKC", password).encode()
    return hashlib.pbkdf2_hmac("sha256", prepared, salt, iterations)


def client_first(user: str, nonce: str) -> str:
    """Return the client's first message: who wants to log in, and a number used once."""
    escaped = user.replace("=", "=3D").replace(",", "=2C")
    return f"{_NO_BINDING}n={escaped},r={nonce}"


def client_final(password: str, client_first_message: str, server_first: str) -> tuple[str, str]:
    """Return the client's final message, and the final message to expect from a server that knows *password*.

    Raises ScramError when the server's first message is none, does not repeat the client's nonce, or asks for too
    few or too many iterations.
    """
    header, bare = header_and_bare(client_first_message)
    said = fields(server_first)
    nonce, ours = said.get("r", ""), fields(bare)["r"]
    if not nonce.startswith(ours) or len(nonce) == len(ours):
        raise ScramError("the server did not answer to this exchange: the nonce is not ours with theirs behind it")
    count = said.get("i", "")
    iterations = int(count) if count.isascii() and count.isdigit() and len(count) < 8 else 0
    if not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
        raise ScramError(f"the number of iterations must be from {LEAST_ITERATIONS} to {MOST_ITERATIONS}")
    salted = _salted(password, _decode(said.get("s", "")), iterations)
    client_key = _hmac(salted, "Client Key")
    without_proof = f"c={_encode(header.encode())},r={nonce}"
    text = ",".join((bare, server_first, without_proof))
    proof = _xor(client_key, _hmac(hashlib.sha256(client_key).digest(), text))
    return f"{without_proof},p={_encode(proof)}", f"v={_encode(_hmac(_hmac(salted, 'Server Key'), text))}"
